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
    mr_buf_put_quoted(b, name, '"');
}

void mr_duck_put_text(struct mr_buf *b, const char *s)
{
    mr_buf_put_quoted(b, s, '\'');
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

/* Whole numbers of more digits than 64 bits hold (places that the parser does not know, parts of HUGEINT literals) are
 * text in our tree: "\1#18446744073709551615"; JSON readers refuse them. */
#define HIDDEN "\\u0001#"
#define DIGITS_MAX 18

static size_t skip_string(const char *s, size_t i)
{
    for (i++; s[i] && s[i] != '"'; i++)
        i += s[i] == '\\' && s[i + 1];
    return s[i] ? i + 1 : i;
}

static char *hide_numbers(const char *s)
{
    struct mr_buf out = { 0 };
    for (size_t i = 0; s[i];) {
        size_t digits = strspn(s + i + (s[i] == '-'), "0123456789"), n = digits + (s[i] == '-');
        bool whole = digits > DIGITS_MAX && !strchr(".eE", s[i + n]);
        if (digits == 0)
            n = s[i] == '"' ? skip_string(s, i) - i : 1;
        else
            n += strspn(s + i + n, ".eE+-0123456789");
        mr_buf_puts(&out, whole ? "\"" HIDDEN : "");
        mr_buf_append(&out, s + i, n);
        mr_buf_puts(&out, whole ? "\"" : "");
        i += n;
    }
    return mr_buf_take(&out);
}

static char *show_numbers(const char *s)
{
    static const char mark[] = "\"" HIDDEN;
    struct mr_buf out = { 0 };
    for (size_t i = 0; s[i];) {
        size_t n = s[i] == '"' ? skip_string(s, i) - i : 1, head = sizeof mark - 1;
        bool hidden = n > head + 1 && strncmp(s + i, mark, head) == 0 &&
                      strspn(s + i + head, "-0123456789") == n - head - 1;
        mr_buf_append(&out, s + i + (hidden ? head : 0), hidden ? n - head - 1 : n);
        i += n;
    }
    return mr_buf_take(&out);
}

enum mr_code mr_duck_parse(struct mr_duck *d, const char *sql, json_t **ret, struct mr_error *err)
{
    char *text = NULL;
    enum mr_code rc =
        mr_duck_one_text(d, "SELECT json_serialize_sql(?::VARCHAR)::VARCHAR", sql, &text, err);
    if (rc != MR_OK)
        return rc;
    char *plain = hide_numbers(text);
    rc = mr_json_parse(plain, strlen(plain), MR_ID_SQL02, "the statement's tree", ret, err);
    mr_free(plain);
    mr_free(text);
    return rc;
}

enum mr_code mr_duck_unparse(struct mr_duck *d, json_t *statement, char **ret, struct mr_error *err)
{
    json_t *all = json_pack("{s:b,s:[O]}", "error", 0, "statements", statement);
    char *dumped = json_dumps(all, JSON_COMPACT), *text = NULL;
    enum mr_code rc = MR_OK;
    json_decref(all);
    if (!dumped)
        return mr_fail(err, MR_ID_BASE03, "a statement's tree could not be written");
    text = show_numbers(dumped);
    free(dumped);
    rc = mr_duck_one_text(d, "SELECT json_deserialize_sql(?::JSON)::VARCHAR", text, ret, err);
    mr_free(text);
    return rc;
}
