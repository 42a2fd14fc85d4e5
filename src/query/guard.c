/*
 * What        the allow-list for SQL over the lake, and the replacement of tables by their files
 * Gets        DuckDB's own parse tree as JSON
 * Guarantees  a name resolves to a common table expression in scope or to a table of the lake, never to a file, a
 *             setting or a catalogue; each table is resolved once per statement and place
 * Why         the tree, not the text: comments, quotes and case cannot hide anything in it
 * Source      DuckDB json_serialize_sql; reliability notes on what DuckDB's own locks let through
 */
#include "query/guard.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/near.h"
#include "base/timeutil.h"
#include "query/spec_words.h"
#include "query/table_sql.h"

static enum mr_code refuse(struct mr_error *err, const char *what, const char *name,
                           const char *advice)
{
    mr_fail(err, MR_ID_SQL02, "%s%s%s is not allowed here", what, *name ? " " : "", name);
    return mr_error_advise(err, "%s", advice);
}

static bool in_list(const char *const *list, const char *name)
{
    for (; *list; list++)
        if (strcasecmp(*list, name) == 0)
            return true;
    return false;
}

/* ---- tables ---- */

/* As it is written in SQL: at most three names with dots between, else the path in quotes. */
static void put_sql_name(struct mr_buf *out, const char *path)
{
    int slashes = 0;
    for (const char *p = path; *p; p++)
        slashes += *p == '/';
    if (slashes > 2)
        mr_buf_putc(out, '"');
    for (const char *p = path; *p; p++)
        mr_buf_putc(out, *p == '/' && slashes <= 2 ? '.' : *p);
    if (slashes > 2)
        mr_buf_putc(out, '"');
}

/* A slip of the finger, or the name without the folder that it lies in. */
static const char *near_table(const struct mr_store_list *list, const char *table)
{
    const char **words = mr_zalloc((size_t)list->n + 1, sizeof *words);
    for (int i = 0; i < list->n; i++)
        words[i] = list->items[i].name;
    const char *near = mr_did_you_mean(table, words);
    for (int i = 0; i < list->n && !near; i++) {
        const char *last = strrchr(words[i], '/');
        if (last && strcasecmp(last + 1, table) == 0)
            near = words[i];
    }
    mr_free(words);
    return near;
}

static enum mr_code no_table(struct mr_guard *g, const char *table, struct mr_error *err)
{
    struct mr_store_list list = { 0 };
    enum mr_code rc = mr_delta_find_tables(g->store, &list, err);
    if (rc != MR_OK)
        return rc;
    const char *near = near_table(&list, table);
    struct mr_buf asked = { 0 }, names = { 0 };
    put_sql_name(&asked, table);
    for (int i = 0; i < list.n && i < 8 && !near; i++) {
        mr_buf_puts(&names, i ? ", " : "");
        put_sql_name(&names, list.items[i].name);
    }
    if (near)
        put_sql_name(&names, near);
    mr_fail(err, MR_ID_SQL03, "there is no table %s in the lake", asked.data);
    if (near)
        mr_error_advise(err, "did you mean %s?", names.data);
    else if (list.n)
        mr_error_advise(err, "tables are %s%s", names.data, list.n > 8 ? ", ..." : "");
    else
        mr_error_advise(err, "the lake has no tables yet: is --lake or the folder the right one?");
    mr_buf_release(&asked);
    mr_buf_release(&names);
    mr_store_list_release(&list);
    return MR_E_SQL;
}

static enum mr_code version_of(struct mr_guard *g, const char *table, const json_t *at,
                               int64_t *ret, struct mr_error *err)
{
    const char *unit = mr_json_get_str(at, "unit", "");
    const json_t *expr = json_object_get(at, "expr"), *value;
    if (strcmp(mr_json_get_str(expr, "class", ""), "CAST") == 0)
        expr = json_object_get(expr, "child");
    value = json_object_get(json_object_get(expr, "value"), "value");
    if (strcasecmp(unit, "VERSION") == 0 && json_is_integer(value)) {
        *ret = json_integer_value(value);
        return *ret >= 0 ? MR_OK
                         : mr_fail(err, MR_ID_DELTA03, "%s has no version %" PRId64, table, *ret);
    }
    int64_t us;
    if (strcasecmp(unit, "TIMESTAMP") == 0 && json_is_string(value)) {
        if (mr_time_parse(json_string_value(value), json_string_length(value), &us))
            return mr_delta_version_at(g->store, table, us, ret, err);
    }
    mr_fail(err, MR_ID_SQL02, "AT must be given a plain version or time");
    return mr_error_advise(
        err, "write AT (VERSION => 3) or AT (TIMESTAMP => '2026-01-31 10:00:00'), UTC");
}

/* The subquery that stands for the table, as DuckDB's tree. */
static enum mr_code subquery_tree(struct mr_guard *g, const char *sql, json_t **ret,
                                  struct mr_error *err)
{
    json_t *tree = NULL;
    enum mr_code rc = mr_duck_parse(g->duck, sql, &tree, err);
    if (rc == MR_OK) {
        json_t *node =
            json_object_get(json_array_get(json_object_get(tree, "statements"), 0), "node");
        *ret = json_incref(json_object_get(node, "from_table"));
        if (!*ret)
            rc = mr_fail(err, MR_ID_BASE03, "the engine did not parse the list of files");
    }
    json_decref(tree);
    return rc;
}

static char *path_of_reference(const json_t *ref)
{
    const char *catalog = mr_json_get_str(ref, "catalog_name", "");
    const char *schema = mr_json_get_str(ref, "schema_name", "");
    const char *table = mr_json_get_str(ref, "table_name", "");
    return mr_asprintf("%s%s%s%s%s", catalog, *catalog ? "/" : "", schema, *schema ? "/" : "",
                       table);
}

static void take_over(json_t *ref, json_t *sub)
{
    const char *alias = mr_json_get_str(ref, "alias", "");
    char *name = mr_strdup(*alias ? alias : mr_json_get_str(ref, "table_name", ""));
    json_object_set_new(sub, "alias", json_string(name));
    json_object_set(sub, "column_name_alias", json_object_get(ref, "column_name_alias"));
    json_object_set(sub, "sample", json_object_get(ref, "sample"));
    json_object_clear(ref);
    json_object_update(ref, sub);
    mr_free(name);
}

static bool plain_path(const char *path)
{
    return *path && *path != '/' && !strstr(path, "//") && !strstr(path, "..") && *path != '.' &&
           *path != '_';
}

static enum mr_code resolve_table(struct mr_guard *g, json_t *ref, struct mr_error *err)
{
    struct mr_delta_snapshot *s = NULL;
    struct mr_buf sql = { 0 };
    json_t *sub = NULL;
    const json_t *at = json_object_get(ref, "at_clause");
    char *table = path_of_reference(ref);
    int64_t version = -1;
    enum mr_code rc = MR_OK;
    if (!plain_path(table)) {
        rc = no_table(g, table, err);
        goto out;
    }
    if (json_is_object(at))
        MR_TRY(version_of(g, table, at, &version, err));
    MR_TRY(mr_delta_read(g->store, table, version, &s, err));
    if (s->version < 0) {
        rc = no_table(g, table, err);
        goto out;
    }
    MR_TRY(mr_table_sql(g->store, table, s, &sql, err));
    MR_TRY(subquery_tree(g, sql.data, &sub, err));
    take_over(ref, sub);
out:
    json_decref(sub);
    mr_buf_release(&sql);
    mr_delta_snapshot_free(s);
    mr_free(table);
    return rc;
}

static bool cte_in_scope(const struct mr_guard *g, const json_t *ref)
{
    const char *name = mr_json_get_str(ref, "table_name", "");
    if (*mr_json_get_str(ref, "schema_name", "") || *mr_json_get_str(ref, "catalog_name", "") ||
        json_is_object(json_object_get(ref, "at_clause")))
        return false;
    for (int i = 0; i < g->n_ctes; i++)
        if (strcasecmp(g->ctes[i], name) == 0)
            return true;
    return false;
}

/* ---- the walk ---- */

static enum mr_code walk(struct mr_guard *g, json_t *v, struct mr_error *err);

static enum mr_code push_cte(struct mr_guard *g, const char *name, struct mr_error *err)
{
    if (g->n_ctes == 64)
        return refuse(err, "more than 64 common table expressions", "", "split the statement");
    g->ctes[g->n_ctes++] = name;
    return MR_OK;
}

/* Each expression sees those before it; the statement sees all. A recursive one sees itself. */
static enum mr_code walk_ctes(struct mr_guard *g, json_t *map, struct mr_error *err)
{
    json_t *entry;
    size_t i;
    json_array_foreach (json_object_get(map, "map"), i, entry) {
        enum mr_code rc = walk(g, json_object_get(entry, "value"), err);
        if (rc == MR_OK)
            rc = push_cte(g, mr_json_get_str(entry, "key", ""), err);
        if (rc != MR_OK)
            return rc;
    }
    return MR_OK;
}

static enum mr_code check_object(struct mr_guard *g, json_t *o, const char *type,
                                 struct mr_error *err)
{
    const char *name = mr_json_get_str(json_object_get(o, "function"), "function_name", "");
    if (strcmp(type, "TABLE_FUNCTION") == 0 && !in_list(mr_table_functions, name))
        return refuse(err, "table function", name,
                      "only tables of the lake, range, generate_series and unnest can be read");
    if (in_list(mr_refused_refs, type))
        return refuse(err, type, "", "use millrace tables, describe and history");
    const char *function = mr_json_get_str(o, "function_name", "");
    if (*function && mr_duck_reaches_out(function))
        return refuse(err, "function", function, "it reaches outside the lake's tables");
    (void)g;
    return MR_OK;
}

static enum mr_code walk_object(struct mr_guard *g, json_t *o, struct mr_error *err)
{
    const char *type = mr_json_get_str(o, "type", ""), *key;
    int scope = g->n_ctes;
    json_t *v;
    enum mr_code rc = check_object(g, o, type, err);
    if (rc == MR_OK && strcmp(type, "BASE_TABLE") == 0)
        return cte_in_scope(g, o) ? MR_OK : resolve_table(g, o, err);
    if (rc == MR_OK && strcmp(type, "RECURSIVE_CTE_NODE") == 0)
        rc = push_cte(g, mr_json_get_str(o, "cte_name", ""), err);
    if (rc == MR_OK && json_is_object(json_object_get(o, "cte_map")))
        rc = walk_ctes(g, json_object_get(o, "cte_map"), err);
    json_object_foreach (o, key, v) {
        if (rc == MR_OK && strcmp(key, "cte_map") != 0)
            rc = walk(g, v, err);
    }
    g->n_ctes = scope;
    return rc;
}

static enum mr_code walk(struct mr_guard *g, json_t *v, struct mr_error *err)
{
    enum mr_code rc = MR_OK;
    json_t *item;
    size_t i;
    if (++g->depth > 500)
        return refuse(err, "a statement nested this deeply", "", "simplify it");
    if (json_is_object(v)) {
        rc = walk_object(g, v, err);
    } else if (json_is_array(v)) {
        json_array_foreach (v, i, item) {
            if (rc == MR_OK)
                rc = walk(g, item, err);
        }
    }
    g->depth--;
    return rc;
}

enum mr_code mr_guard_statement(struct mr_guard *g, json_t *statement, struct mr_error *err)
{
    g->n_ctes = g->depth = 0;
    return walk(g, statement, err);
}
