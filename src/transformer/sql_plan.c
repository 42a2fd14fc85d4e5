/*
 * What        the statement of a sql step: its shape, its items, and the statement that is left for DuckDB
 * Gets        SELECT ... FROM batch [WHERE ...]
 * Guarantees  a row comes out for each row that WHERE keeps, and of that row alone; every column that comes out has a name
 * Why         a column that passes through is moved, not copied through DuckDB: exact, and free
 */
#include "transformer/sql_plan.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"

struct planning {
    struct sql_walk walk;
    const char *row_name;
    struct sql_plan plan;
    json_t *computed; /* what is left of the select list */
};

void sql_plan_release(struct sql_plan *p)
{
    for (int i = 0; i < p->n; i++) {
        mr_free(p->items[i].name);
        mr_free(p->items[i].used);
    }
    mr_free(p->items);
    mr_free(p->used);
    mr_free(p->sql);
    mr_free(p->unknown);
    *p = (struct sql_plan){ 0 };
}

/* ---- shape ---- */

static enum mr_code refuse_shape(struct mr_error *err, const char *what)
{
    mr_fail(err, MR_ID_XFORM03, "sql: %s", what);
    return mr_error_advise(err, "write SELECT ... FROM batch, or SELECT ... FROM batch WHERE ...");
}

static bool filled(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_object(v) || json_array_size(v) > 0;
}

static enum mr_code check_modifiers(const json_t *node, struct mr_error *err)
{
    static const char *const words[][2] = { { "DISTINCT_MODIFIER", "DISTINCT" },
                                            { "LIMIT_MODIFIER", "LIMIT" },
                                            { "LIMIT_PERCENT_MODIFIER", "LIMIT" },
                                            { "ORDER_MODIFIER", "ORDER BY" } };
    const char *type =
        mr_json_get_str(json_array_get(json_object_get(node, "modifiers"), 0), "type", "");
    for (size_t i = 0; i < 4; i++)
        if (strcmp(type, words[i][0]) == 0)
            return sql_refuse_rows(err, words[i][1], "");
    return *type ? sql_refuse_rows(err, type, "") : MR_OK;
}

static enum mr_code check_clauses(const json_t *node, struct mr_error *err)
{
    static const char *const clauses[][2] = { { "group_expressions", "GROUP BY" },
                                              { "group_sets", "GROUP BY" },
                                              { "having", "HAVING" },
                                              { "qualify", "QUALIFY" },
                                              { "sample", "a sample" } };
    if (filled(json_object_get(node, "cte_map"), "map"))
        return sql_refuse_rows(err, "WITH", "");
    for (size_t i = 0; i < sizeof clauses / sizeof *clauses; i++)
        if (filled(node, clauses[i][0]))
            return sql_refuse_rows(err, clauses[i][1], "");
    if (strcmp(mr_json_get_str(node, "aggregate_handling", ""), "STANDARD_HANDLING") != 0)
        return sql_refuse_rows(err, "GROUP BY", "");
    return check_modifiers(node, err);
}

static enum mr_code check_from(struct planning *p, const json_t *from, struct mr_error *err)
{
    static const char *const types[][2] = { { "JOIN", "a join" },
                                            { "SUBQUERY", "a subquery" },
                                            { "TABLE_FUNCTION", "a table function" },
                                            { "EXPRESSION_LIST", "VALUES" },
                                            { "PIVOT", "PIVOT" } };
    const char *type = mr_json_get_str(from, "type", ""), *alias;
    const char *table = mr_json_get_str(from, "table_name", "");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(type, types[i][0]) == 0)
            return sql_refuse_rows(err, types[i][1], "");
    if (strcmp(type, "BASE_TABLE") != 0)
        return refuse_shape(err, "FROM batch is missing: the rows of a step are called batch");
    if (strcasecmp(table, "batch") != 0 || *mr_json_get_str(from, "schema_name", "") ||
        *mr_json_get_str(from, "catalog_name", "")) {
        mr_fail(err, MR_ID_XFORM03, "sql: the table '%s' cannot be read in a step, only batch",
                table);
        return mr_error_advise(err, "build it as a query over the table: millrace sql");
    }
    if (filled(from, "sample"))
        return sql_refuse_rows(err, "a sample", "");
    if (filled(from, "column_name_alias") || filled(from, "at_clause"))
        return refuse_shape(err, "batch takes no list of columns and no AT");
    alias = mr_json_get_str(from, "alias", "");
    p->walk.table = *alias ? alias : "batch";
    return MR_OK;
}

/* ---- select list: every * becomes the columns it stands for ---- */

static bool names_it(const json_t *list, const char *name)
{
    const json_t *v;
    size_t i;
    json_array_foreach (list, i, v) {
        const char *s = json_is_string(v) ? json_string_value(v) : mr_json_get_str(v, "column", "");
        if (strcasecmp(s, name) == 0)
            return true;
    }
    return false;
}

static json_t *reference(const char *name, const char *alias)
{
    return json_pack("{s:s,s:s,s:s,s:i,s:[s]}", "class", "COLUMN_REF", "type", "COLUMN_REF",
                     "alias", alias, "query_location", 0, "column_names", name);
}

/* The expression that stands for column `name` in a star: replaced, renamed, or itself. */
static json_t *star_column(const json_t *star, const char *name)
{
    const json_t *v;
    size_t i;
    json_array_foreach (json_object_get(star, "replace_list"), i, v) {
        if (strcasecmp(mr_json_get_str(v, "key", ""), name) != 0)
            continue;
        json_t *copy = json_deep_copy(json_object_get(v, "value"));
        json_object_set_new(copy, "alias", json_string(name));
        return copy;
    }
    json_array_foreach (json_object_get(star, "rename_list"), i, v) {
        if (strcasecmp(mr_json_get_str(json_object_get(v, "key"), "column", ""), name) == 0)
            return reference(name, mr_json_get_str(v, "value", ""));
    }
    return reference(name, "");
}

/* EXCLUDE (a), REPLACE (1 AS b), RENAME (c AS d): a, b and c are there. DuckDB itself lets an odd RENAME pass. */
static enum mr_code check_star(const struct planning *p, const json_t *star, struct mr_error *err)
{
    static const char *const lists[] = { "exclude_list", "qualified_exclude_list", "replace_list",
                                         "rename_list" };
    for (int k = 0; k < 4; k++) {
        const json_t *v;
        size_t i;
        json_array_foreach (json_object_get(star, lists[k]), i, v) {
            const json_t *key = json_object_get(v, "key"), *at = k < 2 ? v : key;
            const char *name =
                json_is_string(at) ? json_string_value(at) : mr_json_get_str(at, "column", "");
            if (sql_find(p->walk.in, name) < 0)
                return sql_unknown_column(&p->walk, name, err);
        }
    }
    return MR_OK;
}

static enum mr_code expand_star(const struct planning *p, const json_t *star, json_t *out,
                                struct mr_error *err)
{
    const char *relation = mr_json_get_str(star, "relation_name", "");
    if (mr_json_get_bool(star, "columns", false) || filled(star, "expr")) {
        mr_fail(err, MR_ID_XFORM03, "sql: COLUMNS() is not allowed in a step");
        return mr_error_advise(err, "name the columns");
    }
    if (*relation && strcasecmp(relation, p->walk.table) != 0) {
        mr_fail(err, MR_ID_XFORM03, "sql: %s.* cannot be spread into columns", relation);
        return mr_error_advise(err, "name its fields: %.100s.a AS a", relation);
    }
    enum mr_code rc = check_star(p, star, err);
    for (int i = 0; rc == MR_OK && i < p->walk.in->n_fields; i++) {
        const char *name = p->walk.in->fields[i].name;
        if (names_it(json_object_get(star, "exclude_list"), name) ||
            names_it(json_object_get(star, "qualified_exclude_list"), name))
            p->plan.used[i] =
                true; /* asked for all the same, or a slip in a name to leave out would not be seen */
        else
            json_array_append_new(out, star_column(star, name));
    }
    return rc;
}

static enum mr_code expand(const struct planning *p, const json_t *list, json_t *out,
                           struct mr_error *err)
{
    enum mr_code rc = MR_OK;
    json_t *v;
    size_t i;
    json_array_foreach (list, i, v) {
        if (rc == MR_OK && strcmp(mr_json_get_str(v, "class", ""), "STAR") == 0)
            rc = expand_star(p, v, out, err);
        else
            json_array_append(out, v);
    }
    return rc;
}

/* ---- items ---- */

static const char *name_of(const struct planning *p, const json_t *v)
{
    const char *alias = mr_json_get_str(v, "alias", "");
    const json_t *parts = json_object_get(v, "column_names");
    if (*alias || strcmp(mr_json_get_str(v, "class", ""), "COLUMN_REF") != 0)
        return alias;
    int c = sql_column_of(&p->walk, v);
    const char *last = json_string_value(json_array_get(parts, json_array_size(parts) - 1));
    return c >= 0 ? p->walk.in->fields[c].name : last ? last : "";
}

static enum mr_code check_name(const struct planning *p, const json_t *v, const char *name,
                               struct mr_error *err)
{
    int nth = p->plan.n + 1;
    if (!*name) {
        mr_fail(err, MR_ID_XFORM03, "sql: column %d has no name", nth);
        return mr_error_advise(err, "write ... AS name");
    }
    if (json_is_true(json_object_get(json_object_get(v, "value"), "is_null"))) {
        mr_fail(err, MR_ID_XFORM03, "sql: '%s' is NULL of no type", name);
        return mr_error_advise(err, "write CAST(NULL AS VARCHAR) AS \"%.200s\"", name);
    }
    for (int i = 0; i < p->plan.n; i++)
        if (strcmp(p->plan.items[i].name, name) == 0) {
            mr_fail(err, MR_ID_XFORM03, "sql: two columns would be called '%s'", name);
            return mr_error_advise(
                err, "give one of them another name with AS, or write * EXCLUDE (\"%.200s\")",
                name);
        }
    return MR_OK;
}

static bool passed_already(const struct sql_plan *p, int column)
{
    for (int i = 0; i < p->n; i++)
        if (p->items[i].column == column)
            return true;
    return false;
}

static enum mr_code add_item(struct planning *p, json_t *v, struct mr_error *err)
{
    struct sql_plan *plan = &p->plan;
    bool plain = strcmp(mr_json_get_str(v, "class", ""), "COLUMN_REF") == 0;
    int column = plain ? sql_column_of(&p->walk, v) : -1;
    struct sql_item *item = &plan->items[plan->n];
    *item = (struct sql_item){ .name = mr_strdup(name_of(p, v)),
                               .column = passed_already(plan, column) ? -1 : column,
                               .used = mr_zalloc((size_t)plan->n_columns, sizeof *item->used) };
    p->walk.used = item->used;
    enum mr_code rc = sql_walk_expression(&p->walk, v, err);
    if (rc == MR_OK)
        rc = check_name(p, v, item->name, err);
    plan->n++;
    json_object_set_new(v, "alias", json_string(item->name));
    if (!json_object_get(p->walk.items, item->name))
        json_object_set(p->walk.items, item->name, v);
    if (item->column < 0)
        json_array_append(p->computed, v);
    for (int i = 0; i < plan->n_columns; i++)
        plan->used[i] |= item->used[i];
    return rc;
}

static enum mr_code add_items(struct planning *p, const json_t *list, struct mr_error *err)
{
    json_t *all = json_array(), *v;
    size_t i;
    enum mr_code rc = expand(p, list, all, err);
    p->plan.items = mr_zalloc(json_array_size(all), sizeof *p->plan.items);
    json_array_foreach (all, i, v) {
        if (rc == MR_OK)
            rc = add_item(p, v, err);
    }
    if (rc == MR_OK && p->plan.n == 0)
        rc = refuse_shape(err, "no column is left");
    json_decref(all);
    return rc;
}

static enum mr_code plan_node(struct planning *p, json_t *statement, struct mr_error *err)
{
    json_t *node = json_object_get(statement, "node"),
           *where = json_object_get(node, "where_clause");
    enum mr_code rc = MR_OK;
    const char *type = mr_json_get_str(node, "type", "");
    if (strcmp(type, "SELECT_NODE") != 0)
        return sql_refuse_rows(
            err, strcmp(type, "SET_OPERATION_NODE") == 0 ? "UNION, EXCEPT or INTERSECT" : type, "");
    MR_TRY(check_clauses(node, err));
    MR_TRY(check_from(p, json_object_get(node, "from_table"), err));
    MR_TRY(add_items(p, json_object_get(node, "select_list"), err));
    p->plan.filters = json_is_object(where);
    p->walk.used = p->plan.used;
    if (p->plan.filters)
        MR_TRY(sql_walk_expression(&p->walk, where, err));
    if (json_array_size(p->computed) == 0 && !p->plan.filters)
        return MR_OK;
    json_array_append_new(p->computed, reference(p->row_name, ""));
    json_object_set(node, "select_list", p->computed);
    rc = mr_duck_unparse(p->walk.duck, statement, &p->plan.sql, err);
out:
    return rc;
}

/* ---- the whole ---- */

/* DuckDB's structs have a field at least, and tell them apart without looking at case. */
static bool struct_fits(const struct mr_field *f)
{
    bool fits = f->type.id != MR_TYPE_STRUCT || f->n_children > 0;
    for (int i = 0; fits && i < f->n_children; i++) {
        for (int k = 0; fits && k < i; k++)
            fits = strcasecmp(f->children[i].name, f->children[k].name) != 0;
        fits = fits && *f->children[i].name && struct_fits(&f->children[i]);
    }
    return fits;
}

static enum mr_code check_input(const struct mr_schema *in, struct mr_error *err)
{
    for (int i = 0; i < in->n_fields; i++) {
        const char *name = in->fields[i].name;
        int first = sql_find(in, name);
        if (first != i) {
            mr_fail(err, MR_ID_XFORM03,
                    "sql: the columns '%s' and '%s' differ only by case, which SQL does not see",
                    in->fields[first].name, name);
            return mr_error_advise(err, "put a rename step before it");
        }
        if (!struct_fits(&in->fields[i])) {
            mr_fail(
                err, MR_ID_XFORM03,
                "sql: column '%s' is a struct that DuckDB has not: without fields, or with names that "
                "differ only by case",
                name);
            return mr_error_advise(err,
                                   "pin it to string, or leave it out with a select step before");
        }
    }
    return MR_OK;
}

static enum mr_code parsed(const json_t *tree, struct mr_error *err)
{
    if (!json_is_true(json_object_get(tree, "error"))) {
        size_t n = json_array_size(json_object_get(tree, "statements"));
        return n == 1 ? MR_OK
                      : refuse_shape(err, n ? "more than one statement" : "there is no statement");
    }
    if (strcmp(mr_json_get_str(tree, "error_type", ""), "not implemented") == 0)
        return refuse_shape(err, "only SELECT can be a step");
    mr_fail(err, MR_ID_XFORM03, "sql: %s",
            mr_json_get_str(tree, "error_message", "it could not be parsed"));
    return mr_error_advise(err, "write SELECT ... FROM batch, or SELECT ... FROM batch WHERE ...");
}

enum mr_code sql_plan_make(struct mr_duck *d, const char *text, const struct mr_schema *in,
                           const char *row_name, struct sql_plan *ret, struct mr_error *err)
{
    struct planning p = { .walk = { .duck = d, .in = in }, .row_name = row_name };
    json_t *tree = NULL;
    enum mr_code rc = MR_OK;
    p.plan.n_columns = in->n_fields;
    p.plan.used = mr_zalloc((size_t)in->n_fields, sizeof *p.plan.used);
    p.walk.items = json_object();
    p.computed = json_array();
    MR_TRY(check_input(in, err));
    MR_TRY(mr_duck_parse(d, text, &tree, err));
    MR_TRY(parsed(tree, err));
    rc = plan_node(&p, json_array_get(json_object_get(tree, "statements"), 0), err);
out:
    p.plan.unknown = p.walk.unknown;
    json_decref(p.computed);
    json_decref(p.walk.items);
    json_decref(tree);
    if (rc != MR_OK)
        sql_plan_release(&p.plan);
    else
        *ret = p.plan;
    return rc;
}
