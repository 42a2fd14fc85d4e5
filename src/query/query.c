/*
 * What        SQL over the lake: parse, guard, run, print
 * Gets        text from a user
 * Guarantees  only SELECT, only the lake's tables; two walls: the parse tree's allow-list, and DuckDB's own locks
 *             (no external access but the lake's folder, no extensions, settings frozen)
 * Source      query/guard.c; DuckDB "Securing DuckDB"
 */
#include "query/query.h"

#include <inttypes.h>
#include <string.h>
#include <wchar.h>

#include "base/mem.h"
#include "query/guard.h"

struct mr_query {
    struct mr_duck *duck;
    struct mr_store *store;
};

enum mr_code mr_query_open(const char *engine, const char *lake, size_t memory_bytes, int threads,
                           struct mr_query **ret, struct mr_error *err)
{
    struct mr_query *q = mr_zalloc(1, sizeof *q);
    char *memory = mr_asprintf("%zuMiB", memory_bytes >> 20);
    char *n = mr_asprintf("%d", threads);
    const char *settings[] = { "memory_limit",         memory, "threads", n, "temp_directory", "",
                               "max_expression_depth", "400",  NULL };
    struct mr_buf lock = { 0 };
    enum mr_code rc = MR_OK;
    MR_TRY(mr_store_open_local(lake, &q->store, err));
    MR_TRY(mr_duck_open(engine, settings, &q->duck, err));
    mr_buf_puts(&lock, "SET TimeZone = 'UTC'; SET allowed_directories = ['");
    for (const char *p = lake; *p; p++)
        mr_buf_printf(&lock, *p == '\'' ? "''" : "%c", *p);
    mr_buf_puts(&lock, "']; SET enable_external_access = false; SET lock_configuration = true");
    rc = mr_duck_exec(q->duck, lock.data, err);
out:
    mr_buf_release(&lock);
    mr_free(memory);
    mr_free(n);
    if (rc != MR_OK)
        mr_query_close(q);
    else
        *ret = q;
    return rc;
}

void mr_query_close(struct mr_query *q)
{
    if (!q)
        return;
    mr_duck_close(q->duck);
    mr_store_close(q->store);
    mr_free(q);
}

/* ---- output ---- */

struct output {
    FILE *f;
    enum mr_query_format format;
    int width;
    int64_t max_rows, rows;
    struct mr_duck_column *columns;
    int n;
    char ***cells; /* TABLE: the rows kept */
    int64_t kept;
};

/* Columns that a text takes on a terminal; control characters count as one. */
static int display_width(const char *s, size_t n)
{
    mbstate_t st = { 0 };
    int width = 0;
    for (size_t i = 0; i < n;) {
        wchar_t c;
        size_t k = mbrtowc(&c, s + i, n - i, &st);
        if (k == 0 || k > n - i) {
            k = 1;
            c = L'?';
            st = (mbstate_t){ 0 };
        }
        int w = wcwidth(c);
        width += w < 0 ? 1 : w;
        i += k;
    }
    return width;
}

/* s cut to `max` display columns with an ellipsis, control characters as spaces. */
static char *fit(const char *s, int max)
{
    struct mr_buf b = { 0 };
    size_t n = strlen(s);
    bool cut = max > 0 && display_width(s, n) > max;
    int room = cut ? max - 1 : INT32_MAX;
    mbstate_t st = { 0 };
    for (size_t i = 0; i < n;) {
        wchar_t c;
        size_t k = mbrtowc(&c, s + i, n - i, &st);
        if (k == 0 || k > n - i) {
            k = 1;
            c = L'?';
            st = (mbstate_t){ 0 };
        }
        int w = wcwidth(c) < 0 ? 1 : wcwidth(c);
        if (w > room)
            break;
        room -= w;
        if (wcwidth(c) < 0)
            mr_buf_putc(&b, ' ');
        else
            mr_buf_append(&b, s + i, k);
        i += k;
    }
    if (cut)
        mr_buf_puts(&b, "…");
    return mr_buf_take(&b);
}

static void csv_cell(FILE *f, const char *s, size_t n)
{
    bool quote = n == 0;
    for (size_t i = 0; i < n; i++)
        quote |= s[i] == ',' || s[i] == '"' || s[i] == '\n' || s[i] == '\r';
    if (!quote) {
        fwrite(s, 1, n, f);
        return;
    }
    fputc('"', f);
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '"')
            fputc('"', f);
        fputc(s[i], f);
    }
    fputc('"', f);
}

static bool is_json_number(const char *s, size_t n)
{
    return n > 0 &&
           (s[0] == '-' ? n > 1 && s[1] >= '0' && s[1] <= '9' : s[0] >= '0' && s[0] <= '9');
}

/* A number stays one where a double holds it exactly: then long up to 2^53 too. */
static bool as_number(const struct mr_duck_column *c, const char *s, size_t n)
{
    if (strcmp(c->type, "BIGINT") == 0)
        return n <= 15;
    return c->exact && c->number && is_json_number(s, n);
}

/* A word of DuckDB's JSON that a reader of doubles would not take as it is. */
static bool must_quote(const char *s, size_t n)
{
    bool whole = true;
    for (size_t i = s[0] == '-'; i < n; i++)
        whole &= s[i] >= '0' && s[i] <= '9';
    return (whole && n > 15) || memchr(s, 'N', n) || memchr(s, 'I', n);
}

static void put_word(struct mr_buf *out, const char *s, size_t n)
{
    bool quote = must_quote(s, n);
    const char *text = s[0] == 'N' ? "nan" : s[0] == 'I' ? "inf" : "-inf";
    mr_buf_puts(out, quote ? "\"" : "");
    if (memchr(s, 'N', n) || memchr(s, 'I', n))
        mr_buf_puts(out, text);
    else
        mr_buf_append(out, s, n);
    mr_buf_puts(out, quote ? "\"" : "");
}

/* DuckDB's to_json, with numbers as in columns of their own: those that a double cannot hold, NaN and infinity are text. */
static char *nested_json(const char *s, size_t n)
{
    struct mr_buf out = { 0 };
    for (size_t i = 0; i < n;) {
        size_t end = i + 1;
        if (s[i] == '"') {
            while (end < n && s[end] != '"')
                end += s[end] == '\\' ? 2 : 1;
            end = end < n ? end + 1 : n;
            mr_buf_append(&out, s + i, end - i);
        } else if (strchr("[]{},:", s[i])) {
            mr_buf_putc(&out, s[i]);
        } else {
            while (end < n && !strchr("[]{},:\"", s[end]))
                end++;
            put_word(&out, s + i, end - i);
        }
        i = end;
    }
    return mr_buf_take(&out);
}

static void json_row(struct output *o, struct mr_duck_result *r)
{
    struct mr_buf b = { 0 };
    struct mr_json j = mr_json_on(&b);
    mr_json_open(&j, NULL, '{');
    for (int i = 0; i < o->n; i++) {
        size_t n = 0;
        const char *s = mr_duck_text(r, i, &n), *key = o->columns[i].name;
        bool nested = o->columns[i].nested;
        char *text = !s ? NULL : nested ? nested_json(s, n) : mr_strndup(s, n);
        if (!s || nested || strcmp(o->columns[i].type, "BOOLEAN") == 0 ||
            as_number(&o->columns[i], s, n))
            mr_json_raw(&j, key, s ? text : "null");
        else
            mr_json_strn(&j, key, s, n);
        mr_free(text);
    }
    mr_json_close(&j, '}');
    fprintf(o->f, "%s%s", o->rows ? ",\n " : "\n ", b.data);
    mr_buf_release(&b);
}

static void csv_row(struct output *o, struct mr_duck_result *r)
{
    for (int i = 0; i < o->n; i++) {
        size_t n = 0;
        const char *s = mr_duck_text(r, i, &n);
        if (i)
            fputc(',', o->f);
        if (s)
            csv_cell(o->f, s, n);
    }
    fputc('\n', o->f);
}

static void keep_row(struct output *o, struct mr_duck_result *r)
{
    if (o->max_rows && o->kept == o->max_rows)
        return;
    if ((o->kept & (o->kept + 1)) == 0)
        o->cells = mr_realloc(o->cells, sizeof *o->cells * (size_t)(2 * o->kept + 2));
    char **row = mr_zalloc((size_t)o->n, sizeof *row);
    for (int i = 0; i < o->n; i++) {
        size_t n = 0;
        const char *s = mr_duck_text(r, i, &n);
        char *whole = s ? mr_strndup(s, n) : NULL;
        row[i] = whole ? fit(whole, o->width ? 60 : 0) : NULL;
        mr_free(whole);
    }
    o->cells[o->kept++] = row;
}

static void put_cell(FILE *f, const char *s, int width, bool right)
{
    int gap = width - display_width(s, strlen(s));
    gap = gap < 0 ? 0 : gap;
    if (right)
        fprintf(f, " %*s%s ", gap, "", s);
    else
        fprintf(f, " %s%*s ", s, gap, "");
}

static void rule(const struct output *o, const int *widths, const char *left, const char *middle,
                 const char *right)
{
    fputs(left, o->f);
    for (int i = 0; i < o->n; i++) {
        for (int k = 0; k < widths[i] + 2; k++)
            fputs("─", o->f);
        fputs(i + 1 < o->n ? middle : right, o->f);
    }
    fputc('\n', o->f);
}

static void table_end(struct output *o)
{
    int *widths = mr_zalloc((size_t)o->n, sizeof *widths);
    for (int i = 0; i < o->n; i++) {
        widths[i] = display_width(o->columns[i].name, strlen(o->columns[i].name));
        for (int64_t r = 0; r < o->kept; r++) {
            const char *s = o->cells[r][i] ? o->cells[r][i] : "NULL";
            int w = display_width(s, strlen(s));
            widths[i] = w > widths[i] ? w : widths[i];
        }
    }
    rule(o, widths, "┌", "┬", "┐");
    for (int64_t r = -1; r < o->kept; r++) {
        fputs("│", o->f);
        for (int i = 0; i < o->n; i++) {
            const char *s = r < 0 ? o->columns[i].name : o->cells[r][i] ? o->cells[r][i] : "NULL";
            put_cell(o->f, s, widths[i], r >= 0 && o->columns[i].number);
            fputs("│", o->f);
        }
        fputc('\n', o->f);
        if (r < 0)
            rule(o, widths, "├", "┼", "┤");
    }
    rule(o, widths, "└", "┴", "┘");
    if (o->rows > o->kept)
        fprintf(o->f, "(%" PRId64 " rows, the first %" PRId64 " are shown; --rows 0 shows all)\n",
                o->rows, o->kept);
    else
        fprintf(o->f, "(%" PRId64 " row%s)\n", o->rows, o->rows == 1 ? "" : "s");
    mr_free(widths);
}

static void begin(struct output *o)
{
    if (o->format == MR_QUERY_JSON)
        fputc('[', o->f);
    for (int i = 0; o->format == MR_QUERY_CSV && i < o->n; i++) {
        if (i)
            fputc(',', o->f);
        csv_cell(o->f, o->columns[i].name, strlen(o->columns[i].name));
    }
    if (o->format == MR_QUERY_CSV)
        fputc('\n', o->f);
}

static void end(struct output *o)
{
    if (o->format == MR_QUERY_JSON)
        fputs(o->rows ? "\n]\n" : "]\n", o->f);
    if (o->format == MR_QUERY_TABLE)
        table_end(o);
}

static enum mr_code print_rows(struct output *o, struct mr_duck_result *r, struct mr_error *err)
{
    bool row = false;
    begin(o);
    for (;;) {
        enum mr_code rc = mr_duck_next(r, &row, err);
        if (rc != MR_OK)
            return rc;
        if (!row)
            break;
        if (o->format == MR_QUERY_JSON)
            json_row(o, r);
        else if (o->format == MR_QUERY_CSV)
            csv_row(o, r);
        else
            keep_row(o, r);
        o->rows++;
    }
    end(o);
    return MR_OK;
}

static void output_release(struct output *o)
{
    for (int64_t r = 0; r < o->kept; r++) {
        for (int i = 0; i < o->n; i++)
            mr_free(o->cells[r][i]);
        mr_free(o->cells[r]);
    }
    mr_free(o->cells);
    mr_duck_columns_free(o->columns, o->n);
}

/* ---- statements ---- */

/* Every column as text: what DuckDB prints, and JSON of nested ones where JSON is wanted. */
static char *as_text(const struct output *o, const char *sql)
{
    struct mr_buf b = { 0 };
    for (int i = 0; i < o->n; i++) {
        const struct mr_duck_column *c = &o->columns[i];
        bool json = c->nested && o->format == MR_QUERY_JSON;
        mr_buf_printf(&b, "%sCAST(%s%s", i ? ", " : "SELECT ", json ? "to_json(" : "",
                      json && c->as_json ? "CAST(" : "");
        mr_buf_printf(&b, "c%d", i);
        if (json && c->as_json)
            mr_buf_printf(&b, " AS %s)", c->as_json);
        mr_buf_puts(&b, json ? ") AS VARCHAR)" : " AS VARCHAR)");
    }
    mr_buf_printf(&b, " FROM (%s) AS t(", sql);
    for (int i = 0; i < o->n; i++)
        mr_buf_printf(&b, "%sc%d", i ? ", " : "", i);
    mr_buf_putc(&b, ')');
    return mr_buf_take(&b);
}

static enum mr_code run_rewritten(struct mr_query *q, const char *sql, struct output *o,
                                  struct mr_error *err)
{
    struct mr_duck_result *r = NULL;
    char *wrapped = NULL;
    enum mr_code rc = mr_duck_describe(q->duck, sql, &o->columns, &o->n, err);
    if (rc == MR_OK)
        wrapped = as_text(o, sql);
    if (rc == MR_OK)
        rc = mr_duck_run(q->duck, wrapped, NULL, &r, err);
    if (rc == MR_OK)
        rc = print_rows(o, r, err);
    mr_duck_result_free(r);
    mr_free(wrapped);
    return rc;
}

static enum mr_code run_statement(struct mr_query *q, json_t *statement, const struct output *as,
                                  struct mr_error *err)
{
    struct mr_guard g = { .duck = q->duck, .store = q->store };
    struct output o = *as;
    char *sql = NULL;
    enum mr_code rc = mr_guard_statement(&g, statement, err);
    if (rc == MR_OK)
        rc = mr_duck_unparse(q->duck, statement, &sql, err);
    if (rc == MR_OK)
        rc = run_rewritten(q, sql, &o, err);
    output_release(&o);
    mr_free(sql);
    return rc;
}

static enum mr_code parse_failed(const char *sql, const json_t *tree, struct mr_error *err)
{
    const char *message =
        mr_json_get_str(tree, "error_message", "the statement could not be parsed");
    if (strcmp(mr_json_get_str(tree, "error_type", ""), "not implemented") == 0) {
        mr_fail(err, MR_ID_SQL02, "only SELECT statements can be run: %.300s", sql);
        return mr_error_advise(err, "the lake is changed by pipelines; millrace tables, describe "
                                    "and history show what is there");
    }
    return mr_fail(err, MR_ID_SQL01, "%s", message);
}

enum mr_code mr_query_run(struct mr_query *q, const char *sql, enum mr_query_format format,
                          int width, int64_t max_rows, FILE *out, struct mr_error *err)
{
    const struct output as = { .f = out, .format = format, .width = width, .max_rows = max_rows };
    json_t *tree = NULL, *statement;
    size_t i;
    enum mr_code rc = MR_OK;
    MR_TRY(mr_duck_parse(q->duck, sql, &tree, err));
    if (json_is_true(json_object_get(tree, "error"))) {
        rc = parse_failed(sql, tree, err);
        goto out;
    }
    json_array_foreach (json_object_get(tree, "statements"), i, statement) {
        if (rc == MR_OK)
            rc = run_statement(q, statement, &as, err);
    }
    if (rc == MR_OK && i == 0)
        rc = mr_fail(err, MR_ID_SQL01, "there is no statement");
out:
    json_decref(tree);
    return rc;
}
