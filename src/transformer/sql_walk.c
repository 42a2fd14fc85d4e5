/*
 * What        expressions of a sql step: every node is of a known kind, every function scalar and steady
 * Gets        DuckDB's parse tree, classes "FUNCTION", "COLUMN_REF", ...
 * Guarantees  a name is a column, a lambda's parameter or another item; a function is one that DuckDB's own catalogue says
 *             gives the same answer for the same values, and does not reach outside
 * Why         kinds of nodes by allow-list: a later DuckDB's new kind is refused, not guessed
 */
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "transformer/sql_plan.h"

#define DEPTH_MAX 800
#define SIZE_MAX_NODES 20000

/* Names that are functions when no column has them. */
static const char *const value_words[] = { "current_catalog", "current_date", "current_role",
                                           "current_schema",  "current_time", "current_timestamp",
                                           "current_user",    "localtime",    "localtimestamp",
                                           "session_user",    "user",         NULL };
static const char *const row_wise_classes[] = { "BETWEEN",  "CASE",       "CAST",
                                                "COLLATE",  "COMPARISON", "CONJUNCTION",
                                                "CONSTANT", "OPERATOR",   NULL };

static bool in_list(const char *const *list, const char *name)
{
    for (; *list; list++)
        if (strcasecmp(*list, name) == 0)
            return true;
    return false;
}

enum mr_code sql_refuse_rows(struct mr_error *err, const char *what, const char *name)
{
    mr_fail(
        err, MR_ID_XFORM03,
        "sql: %s%s%s cannot stand in a step: it sees some rows at a time, never the whole table",
        what, *name ? " " : "", name);
    return mr_error_advise(err, "build it as a query over the table: millrace sql");
}

static enum mr_code refuse_unsteady(struct mr_error *err, const char *name)
{
    mr_fail(err, MR_ID_XFORM03, "sql: %s gives another answer each time, and a step must not",
            name);
    return mr_error_advise(err, "leave it out, or use it in a query over the table: millrace sql");
}

static enum mr_code refuse_outside(struct mr_error *err, const char *name)
{
    mr_fail(err, MR_ID_XFORM03, "sql: %s reaches outside the batch, and a step must not", name);
    return mr_error_advise(err, "use columns, literals, operators and other functions");
}

static enum mr_code refuse_kind(struct mr_error *err, const char *what, const char *advice)
{
    mr_fail(err, MR_ID_XFORM03, "sql: %s is not allowed in a step", what);
    return mr_error_advise(err, "%s", advice);
}

/* ---- names ---- */

int sql_find(const struct mr_schema *in, const char *name)
{
    for (int i = 0; i < in->n_fields; i++)
        if (strcasecmp(in->fields[i].name, name) == 0)
            return i;
    return -1;
}

static const char *part(const json_t *ref, size_t i)
{
    const char *s = json_string_value(json_array_get(json_object_get(ref, "column_names"), i));
    return s ? s : "";
}

/* The column that a reference begins with, and of how many of its parts that takes. */
static int leading_column(const struct sql_walk *w, const json_t *ref, size_t *ret_parts)
{
    size_t n = json_array_size(json_object_get(ref, "column_names"));
    int c = n > 1 && strcasecmp(part(ref, 0), w->table) == 0 ? sql_find(w->in, part(ref, 1)) : -1;
    *ret_parts = c >= 0 ? 2 : 1;
    return c >= 0 ? c : sql_find(w->in, part(ref, 0));
}

int sql_column_of(const struct sql_walk *w, const json_t *ref)
{
    size_t parts = 0;
    int c = leading_column(w, ref, &parts);
    return parts == json_array_size(json_object_get(ref, "column_names")) ? c : -1;
}

static bool is_parameter(const struct sql_walk *w, const char *name)
{
    for (int i = 0; i < w->n_lambda; i++)
        if (strcasecmp(w->lambda[i], name) == 0)
            return true;
    return false;
}

enum mr_code sql_unknown_column(const struct sql_walk *w, const char *name, struct mr_error *err)
{
    struct mr_buf have = { 0 };
    for (int i = 0; i < w->in->n_fields && have.len < 400; i++)
        mr_buf_printf(&have, "%s%s", i ? ", " : "", w->in->fields[i].name);
    mr_fail(err, MR_ID_XFORM03, "sql: there is no column '%s'", name);
    enum mr_code rc = mr_error_advise(err, "the columns here are: %s", mr_buf_str(&have));
    mr_buf_release(&have);
    return rc;
}

/* SELECT a + 1 AS b, b * 2 AS c: b becomes a + 1, which gives the same answer. */
static bool substitute(struct sql_walk *w, json_t *ref, const char *name)
{
    const char *key;
    json_t *item;
    json_object_foreach (w->items, key, item) {
        if (strcasecmp(key, name) != 0)
            continue;
        const char *alias = mr_json_get_str(ref, "alias", "");
        json_t *copy = json_deep_copy(item);
        json_object_set_new(copy, "alias", json_string(alias));
        json_object_clear(ref);
        json_object_update(ref, copy);
        json_decref(copy);
        return true;
    }
    return false;
}

static enum mr_code check_column(struct sql_walk *w, json_t *ref, struct mr_error *err)
{
    size_t parts = 0;
    const char *name = part(ref, 0);
    int c = w->macro ? -1 : leading_column(w, ref, &parts);
    if (c >= 0) {
        w->used[c] = true;
        return MR_OK;
    }
    if (is_parameter(w, name))
        return MR_OK;
    if (!w->macro && json_array_size(json_object_get(ref, "column_names")) == 1 &&
        substitute(w, ref, name))
        return sql_walk_expression(w, ref, err);
    if (in_list(value_words, name))
        return refuse_unsteady(err, name);
    return w->macro ? MR_OK : sql_unknown_column(w, name, err);
}

/* ---- functions ---- */

/* A macro is what it is defined as. */
static enum mr_code check_macro(struct sql_walk *w, const char *definition, struct mr_error *err)
{
    char *sql = mr_asprintf("SELECT %s", definition);
    bool was = w->macro;
    json_t *tree = NULL;
    enum mr_code rc = mr_duck_parse(w->duck, sql, &tree, err);
    w->macro = true;
    if (rc == MR_OK)
        rc = sql_walk_expression(
            w,
            json_object_get(
                json_object_get(json_array_get(json_object_get(tree, "statements"), 0), "node"),
                "select_list"),
            err);
    w->macro = was;
    json_decref(tree);
    mr_free(sql);
    return rc;
}

static enum mr_code check_function(struct sql_walk *w, const char *name, struct mr_error *err)
{
    const char *kind = NULL;
    enum mr_code rc = mr_duck_function(w->duck, name, &kind, err);
    if (rc != MR_OK)
        return rc;
    if (strcasecmp(name, "unnest") == 0 || strcasecmp(name, "unlist") == 0)
        return sql_refuse_rows(err, "unnest", "");
    if (mr_duck_reaches_out(name))
        return refuse_outside(err, name);
    if (!kind) {
        if (!w->unknown)
            w->unknown = mr_strdup(name);
        return MR_OK;
    }
    if (strcmp(kind, "aggregate") == 0)
        return sql_refuse_rows(err, "the aggregate", name);
    if (strcmp(kind, "volatile") == 0)
        return refuse_unsteady(err, name);
    return strncmp(kind, "macro:", 6) == 0 ? check_macro(w, kind + 6, err) : MR_OK;
}

/* ---- lambdas: x -> x + 1, (x, i) -> ...; and j -> 'a', which is JSON's arrow and looks the same ---- */

static enum mr_code add_parameter(struct sql_walk *w, const json_t *ref, struct mr_error *err)
{
    int c = w->macro ? -1 : sql_column_of(w, ref);
    const char *name = part(ref, 0);
    if (c >= 0)
        w->used[c] = true;
    else if (in_list(value_words, name))
        return refuse_unsteady(err, name);
    if (w->n_lambda == (int)(sizeof w->lambda / sizeof *w->lambda))
        return refuse_kind(err, "this many lambda parameters", "simplify it");
    w->lambda[w->n_lambda++] = name;
    return MR_OK;
}

static enum mr_code add_parameters(struct sql_walk *w, json_t *lhs, struct mr_error *err)
{
    json_t *child;
    size_t i;
    enum mr_code rc = MR_OK;
    if (strcmp(mr_json_get_str(lhs, "class", ""), "COLUMN_REF") == 0 &&
        json_array_size(json_object_get(lhs, "column_names")) == 1)
        return add_parameter(w, lhs, err);
    if (strcmp(mr_json_get_str(lhs, "function_name", ""), "row") != 0)
        return sql_walk_expression(w, lhs, err);
    json_array_foreach (json_object_get(lhs, "children"), i, child) {
        if (rc == MR_OK)
            rc = add_parameters(w, child, err);
    }
    return rc;
}

static enum mr_code check_lambda(struct sql_walk *w, json_t *v, struct mr_error *err)
{
    int scope = w->n_lambda;
    enum mr_code rc = add_parameters(w, json_object_get(v, "lhs"), err);
    if (rc == MR_OK)
        rc = sql_walk_expression(w, json_object_get(v, "expr"), err);
    w->n_lambda = scope;
    return rc;
}

/* ---- the walk ---- */

static enum mr_code refuse_class(const char *class, struct mr_error *err)
{
    if (strcmp(class, "WINDOW") == 0)
        return sql_refuse_rows(err, "a window function", "");
    if (strcmp(class, "SUBQUERY") == 0)
        return sql_refuse_rows(err, "a subquery", "");
    if (strcmp(class, "PARAMETER") == 0)
        return refuse_kind(err, "a parameter", "write the value");
    if (strcmp(class, "STAR") == 0)
        return refuse_kind(err, "* or COLUMNS() inside an expression", "name the columns");
    if (strcmp(class, "POSITIONAL_REFERENCE") == 0)
        return refuse_kind(err, "a column by its number", "name the column");
    return refuse_kind(err, class, "use columns, literals, operators and scalar functions");
}

static enum mr_code walk_children(struct sql_walk *w, json_t *v, struct mr_error *err)
{
    enum mr_code rc = MR_OK;
    const char *key;
    json_t *child;
    json_object_foreach (v, key, child) {
        if (rc == MR_OK && (json_is_object(child) || json_is_array(child)))
            rc = sql_walk_expression(w, child, err);
    }
    return rc;
}

static enum mr_code walk_node(struct sql_walk *w, json_t *v, struct mr_error *err)
{
    const char *class = mr_json_get_str(v, "class", "");
    enum mr_code rc = MR_OK;
    if (strcmp(class, "COLUMN_REF") == 0)
        return check_column(w, v, err);
    if (strcmp(class, "LAMBDA") == 0)
        return check_lambda(w, v, err);
    if (strcmp(class, "FUNCTION") == 0)
        rc = check_function(w, mr_json_get_str(v, "function_name", ""), err);
    else if (*class && !in_list(row_wise_classes, class))
        rc = refuse_class(class, err);
    return rc == MR_OK ? walk_children(w, v, err) : rc;
}

enum mr_code sql_walk_expression(struct sql_walk *w, json_t *v, struct mr_error *err)
{
    enum mr_code rc = MR_OK;
    json_t *item;
    size_t i;
    if (w->depth >= DEPTH_MAX || ++w->size > SIZE_MAX_NODES)
        return refuse_kind(err, "a statement this long or deeply nested",
                           "simplify it, or use two steps");
    w->depth++;
    if (json_is_object(v))
        rc = walk_node(w, v, err);
    json_array_foreach (v, i, item) {
        if (rc == MR_OK)
            rc = sql_walk_expression(w, item, err);
    }
    w->depth--;
    return rc;
}
