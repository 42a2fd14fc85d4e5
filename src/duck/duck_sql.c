/*
 * What        statements as trees, names and types as DuckDB spells them
 * Gets        SQL text
 * Why         both rooms that take SQL from people judge it by the same tree and the same list of functions
 * Source      DuckDB json_serialize_sql, json_deserialize_sql
 */
#include "duck/duck_sql.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

/* ---- functions that reach outside ---- */

static const char *const prefixes[] = {
    "read_",  "duckdb_", "pragma_",  "pg_",          "parquet_", "sniff_",
    "write_", "enable_", "disable_", "json_execute", "sqlite_",  "postgres_",
    "mysql_", "which_",  "query",    "load_",        "scan_",    NULL
};
static const char *const functions[] = { "getenv",
                                         "getvariable",
                                         "current_setting",
                                         "set_config",
                                         "glob",
                                         "nextval",
                                         "currval",
                                         "current_query",
                                         "txid_current",
                                         "has_any_column_privilege",
                                         "in_search_path",
                                         "checkpoint",
                                         "force_checkpoint",
                                         "summary",
                                         "seq_scan",
                                         "arrow_scan",
                                         "pandas_scan",
                                         "python_map_function",
                                         "json_serialize_sql",
                                         "json_deserialize_sql",
                                         "json_serialize_plan",
                                         "write_log",
                                         "parse_path",
                                         "getpid",
                                         NULL };

bool mr_duck_reaches_out(const char *function)
{
    for (const char *const *p = prefixes; *p; p++)
        if (strncasecmp(*p, function, strlen(*p)) == 0)
            return true;
    for (const char *const *p = functions; *p; p++)
        if (strcasecmp(*p, function) == 0)
            return true;
    return false;
}

/* ---- names, literals, types ---- */

void mr_duck_put_name(struct mr_buf *b, const char *name)
{
    mr_buf_putc(b, '"');
    for (; *name; name++) {
        if (*name == '"')
            mr_buf_putc(b, '"');
        mr_buf_putc(b, *name);
    }
    mr_buf_putc(b, '"');
}

void mr_duck_put_text(struct mr_buf *b, const char *s)
{
    mr_buf_putc(b, '\'');
    for (; *s; s++) {
        if (*s == '\'')
            mr_buf_putc(b, '\'');
        mr_buf_putc(b, *s);
    }
    mr_buf_putc(b, '\'');
}

void mr_duck_put_type(struct mr_buf *b, const struct mr_field *f)
{
    static const char *const names[] = {
        [MR_TYPE_BOOL] = "BOOLEAN",   [MR_TYPE_INT8] = "TINYINT",
        [MR_TYPE_INT16] = "SMALLINT", [MR_TYPE_INT32] = "INTEGER",
        [MR_TYPE_INT64] = "BIGINT",   [MR_TYPE_FLOAT32] = "FLOAT",
        [MR_TYPE_FLOAT64] = "DOUBLE", [MR_TYPE_DATE] = "DATE",
        [MR_TYPE_STRING] = "VARCHAR", [MR_TYPE_TIMESTAMP] = "TIMESTAMPTZ",
        [MR_TYPE_BINARY] = "BLOB",    [MR_TYPE_TIMESTAMP_NTZ] = "TIMESTAMP",
        [MR_TYPE_STRUCT] = "STRUCT(", [MR_TYPE_MAP] = "MAP(",
        [MR_TYPE_LIST] = "",          [MR_TYPE_DECIMAL] = "DECIMAL"
    };
    mr_buf_puts(b, names[f->type.id]);
    if (f->type.id == MR_TYPE_DECIMAL)
        mr_buf_printf(b, "(%d,%d)", f->type.precision, f->type.scale);
    for (int i = 0; i < f->n_children; i++) {
        mr_buf_puts(b, i ? ", " : "");
        if (f->type.id == MR_TYPE_STRUCT)
            mr_duck_put_name(b, f->children[i].name);
        mr_buf_puts(b, f->type.id == MR_TYPE_STRUCT ? " " : "");
        mr_duck_put_type(b, &f->children[i]);
    }
    if (f->n_children)
        mr_buf_puts(b, f->type.id == MR_TYPE_LIST ? "[]" : ")");
}

/* ---- trees ---- */

enum mr_code mr_duck_one_text(struct mr_duck *d, const char *sql, const char *param, char **ret,
                              struct mr_error *err)
{
    struct mr_duck_result *r = NULL;
    bool row = false;
    size_t n = 0;
    enum mr_code rc = mr_duck_run(d, sql, param, &r, err);
    if (rc == MR_OK)
        rc = mr_duck_next(r, &row, err);
    const char *text = rc == MR_OK && row ? mr_duck_text(r, 0, &n) : NULL;
    if (rc == MR_OK && !text)
        rc = mr_fail(err, MR_ID_BASE03, "the engine gave no text for %s", sql);
    if (rc == MR_OK)
        *ret = mr_strndup(text, n);
    mr_duck_result_free(r);
    return rc;
}

/* Places in the text that the parser does not know are 2^64 - 1, which JSON readers refuse. */
static void drop_places(char *text)
{
    static const char place[] = "\"query_location\":18446744073709551615";
    for (char *p = text; (p = strstr(p, place)) != NULL; p += sizeof place - 1)
        memset(p + 17, ' ', 19);
}

enum mr_code mr_duck_parse(struct mr_duck *d, const char *sql, json_t **ret, struct mr_error *err)
{
    char *text = NULL;
    enum mr_code rc =
        mr_duck_one_text(d, "SELECT json_serialize_sql(?::VARCHAR)::VARCHAR", sql, &text, err);
    if (rc != MR_OK)
        return rc;
    drop_places(text);
    rc = mr_json_parse(text, strlen(text), MR_ID_SQL02, "a number of this size", ret, err);
    mr_free(text);
    return rc;
}

enum mr_code mr_duck_unparse(struct mr_duck *d, json_t *statement, char **ret, struct mr_error *err)
{
    json_t *all = json_pack("{s:b,s:[O]}", "error", 0, "statements", statement);
    char *dumped = json_dumps(all, JSON_COMPACT);
    enum mr_code rc =
        dumped
            ? mr_duck_one_text(d, "SELECT json_deserialize_sql(?::JSON)::VARCHAR", dumped, ret, err)
            : mr_fail(err, MR_ID_BASE03, "a statement's tree could not be written");
    free(dumped);
    json_decref(all);
    return rc;
}
