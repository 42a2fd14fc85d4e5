/*
 * What        one prepared statement over batches of one schema
 * Gets        SQL that its caller has judged: row-wise, over `batch` alone
 * Guarantees  rows come out in their order, each of one row that went in, or the batch fails
 * Why         a table function that hands out vectors: nothing is stored in a table, and columns that the statement does
 *             not read are not touched
 * Source      duckdb.h, table functions with projection pushdown
 */
#include "duck/duck_batch.h"

#include <inttypes.h>

#include "base/mem.h"
#include "column/builder.h"
#include "column/schema.h"
#include "duck/duck_copy.h"
#include "duck/duck_sql.h"

struct mr_duck_over {
    struct mr_duck *duck;
    const struct mr_schema *schema;
    const char *row_name;
    duckdb_prepared_statement stmt;
    /* of the batch that is being run */
    const struct mr_batch *in;
    int64_t from, to;
};

/* One execution's way through the batch. */
struct scan {
    struct mr_duck_over *over;
    int64_t at;
    int n;
    int columns[];
};

/* ---- the table function millrace_batch(address) ---- */

static void scan_bind(duckdb_bind_info info)
{
    duckdb_value v = g_duck.bind_get_parameter(info, 0);
    struct mr_duck_over *o =
        (struct mr_duck_over *)(uintptr_t)g_duck.get_int64(v); /* only our own view passes it */
    g_duck.destroy_value(&v);
    for (int i = 0; i < o->schema->n_fields; i++) {
        duckdb_logical_type t = mr_duck_type_in(&o->schema->fields[i]);
        g_duck.bind_add_result_column(info, o->schema->fields[i].name, t);
        g_duck.destroy_logical_type(&t);
    }
    duckdb_logical_type row = g_duck.create_logical_type(DUCKDB_TYPE_INTEGER);
    g_duck.bind_add_result_column(info, o->row_name, row);
    g_duck.destroy_logical_type(&row);
    g_duck.bind_set_bind_data(info, o, NULL);
}

static void scan_init(duckdb_init_info info)
{
    struct mr_duck_over *o = g_duck.init_get_bind_data(info);
    idx_t n = g_duck.init_get_column_count(info);
    struct scan *s = mr_zalloc(1, sizeof *s + n * sizeof *s->columns);
    *s = (struct scan){ .over = o, .at = o->from, .n = (int)n };
    for (idx_t i = 0; i < n; i++)
        s->columns[i] = (int)g_duck.init_get_column_index(info, i);
    g_duck.init_set_max_threads(info, 1);
    g_duck.init_set_init_data(info, s, mr_free);
}

static void scan_next(duckdb_function_info info, duckdb_data_chunk chunk)
{
    struct scan *s = g_duck.function_get_init_data(info);
    const struct mr_duck_over *o = s->over;
    int64_t n = o->to - s->at, most = (int64_t)g_duck.vector_size();
    n = n > most ? most : n;
    for (int i = 0; i < s->n; i++) {
        duckdb_vector v = g_duck.data_chunk_get_vector(chunk, (idx_t)i);
        int c = s->columns[i];
        if (c >= 0 && c < o->schema->n_fields)
            mr_duck_copy_in(v, &o->schema->fields[c], &o->in->columns[c], s->at, n);
        else if (c == o->schema->n_fields)
            for (int32_t *row = g_duck.vector_get_data(v), r = 0; r < n; r++)
                row[r] = (int32_t)s->at + r;
    }
    g_duck.data_chunk_set_size(chunk, (idx_t)n);
    s->at += n;
}

bool mr_duck_register_scan(duckdb_connection con)
{
    duckdb_table_function f = g_duck.create_table_function();
    duckdb_logical_type address = g_duck.create_logical_type(DUCKDB_TYPE_BIGINT);
    g_duck.table_function_set_name(f, "millrace_batch");
    g_duck.table_function_add_parameter(f, address);
    g_duck.table_function_set_bind(f, scan_bind);
    g_duck.table_function_set_init(f, scan_init);
    g_duck.table_function_set_function(f, scan_next);
    g_duck.table_function_supports_projection_pushdown(f, true);
    bool ok = g_duck.register_table_function(con, f) == DuckDBSuccess;
    g_duck.destroy_logical_type(&address);
    g_duck.destroy_table_function(&f);
    return ok;
}

/* ---- open, prepare ---- */

enum mr_code mr_duck_over_open(struct mr_duck *d, const struct mr_schema *in, const char *row_name,
                               struct mr_duck_over **ret, struct mr_error *err)
{
    struct mr_duck_over *o = mr_zalloc(1, sizeof *o);
    *o = (struct mr_duck_over){ .duck = d, .schema = in, .row_name = row_name };
    char *sql = mr_asprintf("CREATE TEMP VIEW batch AS SELECT * FROM millrace_batch(%" PRIdPTR ")",
                            (intptr_t)o);
    enum mr_code rc = mr_duck_exec(d, sql, err);
    mr_free(sql);
    if (rc != MR_OK)
        mr_duck_over_close(o);
    else
        *ret = o;
    return rc;
}

void mr_duck_over_close(struct mr_duck_over *o)
{
    if (!o)
        return;
    if (o->stmt)
        g_duck.destroy_prepare(&o->stmt);
    mr_free(o);
}

static enum mr_code prepare(struct mr_duck_over *o, const char *sql, struct mr_error *err)
{
    if (o->stmt)
        g_duck.destroy_prepare(&o->stmt);
    if (g_duck.prepare(o->duck->con, sql, &o->stmt) == DuckDBSuccess)
        return MR_OK;
    return mr_duck_fail(g_duck.prepare_error(o->stmt), err);
}

enum mr_code mr_duck_over_check(struct mr_duck_over *o, const char *sql, struct mr_error *err)
{
    return prepare(o, sql, err);
}

static enum mr_code field_of(struct mr_duck_over *o, idx_t i, struct mr_schema *ret, bool *ret_cast,
                             struct mr_error *err)
{
    const char *name = g_duck.prepared_statement_column_name(o->stmt, i), *what = NULL;
    duckdb_logical_type t = g_duck.prepared_statement_column_logical_type(o->stmt, i);
    struct mr_field *f =
        mr_schema_add(ret, name, (struct mr_type){ .id = MR_TYPE_STRING }, true, NULL);
    enum mr_code rc = MR_OK;
    if (!mr_duck_type_out(t, f, ret_cast, &what)) {
        rc = mr_fail(err, MR_ID_DUCK02, "'%s' would be of a type that no column holds: %s", f->name,
                     what);
        mr_error_advise(err, "CAST it to another type, as in CAST(... AS VARCHAR) AS \"%.200s\"",
                        f->name);
    }
    g_duck.free((void *)(uintptr_t)name);
    g_duck.destroy_logical_type(&t);
    return rc;
}

/* SELECT CAST(c0 AS ...), ... FROM (sql) AS t(c0, ...) */
static enum mr_code prepare_casts(struct mr_duck_over *o, const char *sql,
                                  const struct mr_schema *s, struct mr_error *err)
{
    struct mr_buf b = { 0 };
    mr_buf_puts(&b, "SELECT ");
    for (int i = 0; i < s->n_fields; i++) {
        mr_buf_printf(&b, "CAST(c%d AS ", i);
        mr_duck_put_type(&b, &s->fields[i]);
        mr_buf_puts(&b, "), ");
    }
    mr_buf_printf(&b, "c%d FROM (%s) AS t(", s->n_fields, sql);
    for (int i = 0; i <= s->n_fields; i++)
        mr_buf_printf(&b, "%sc%d", i ? ", " : "", i);
    mr_buf_putc(&b, ')');
    enum mr_code rc = prepare(o, b.data, err);
    mr_buf_release(&b);
    return rc;
}

enum mr_code mr_duck_over_prepare(struct mr_duck_over *o, const char *sql, struct mr_schema *ret,
                                  struct mr_error *err)
{
    struct mr_schema s = { 0 };
    bool cast = false;
    enum mr_code rc = prepare(o, sql, err);
    idx_t n = rc == MR_OK ? g_duck.prepared_statement_column_count(o->stmt) - 1 : 0;
    for (idx_t i = 0; rc == MR_OK && i < n; i++)
        rc = field_of(o, i, &s, &cast, err);
    if (rc == MR_OK && cast)
        rc = prepare_casts(o, sql, &s, err);
    if (rc != MR_OK)
        mr_schema_release(&s);
    else
        *ret = s;
    return rc;
}

/* ---- run ---- */

static enum mr_code take_rows(const struct mr_duck_over *o, duckdb_vector v, int64_t n,
                              int32_t *rows, int64_t had, struct mr_error *err)
{
    const int32_t *in = g_duck.vector_get_data(v);
    for (int64_t i = 0; i < n; i++) {
        int64_t before = had + i ? rows[had + i - 1] : o->from - 1;
        if (in[i] <= before || in[i] >= o->to)
            return mr_fail(err, MR_ID_BASE03, "the SQL engine gave rows in another order");
        rows[had + i] = in[i];
    }
    return MR_OK;
}

static enum mr_code take_chunk(const struct mr_duck_over *o, duckdb_data_chunk chunk,
                               struct mr_batch *out, int32_t *rows, int64_t *at,
                               struct mr_error *err)
{
    int64_t n = (int64_t)g_duck.data_chunk_get_size(chunk);
    int columns = out->schema->n_fields;
    enum mr_code rc =
        take_rows(o, g_duck.data_chunk_get_vector(chunk, (idx_t)columns), n, rows, *at, err);
    for (int i = 0; rc == MR_OK && i < columns; i++)
        rc = mr_duck_copy_out(g_duck.data_chunk_get_vector(chunk, (idx_t)i),
                              &out->schema->fields[i], 0, n, &out->columns[i], *at, err);
    *at += n;
    return rc;
}

static enum mr_code take_result(const struct mr_duck_over *o, duckdb_result r, struct mr_batch *out,
                                int32_t *rows, struct mr_error *err)
{
    duckdb_data_chunk chunk;
    int64_t at = 0;
    enum mr_code rc = MR_OK;
    while (rc == MR_OK && (chunk = g_duck.fetch_chunk(r)) != NULL) {
        rc = take_chunk(o, chunk, out, rows, &at, err);
        g_duck.destroy_data_chunk(&chunk);
    }
    const char *why = rc == MR_OK ? g_duck.result_error(&r) : NULL;
    if (why && *why)
        rc = mr_duck_fail(why, err);
    if (rc == MR_OK)
        mr_batch_finish(out, at);
    return rc;
}

enum mr_code mr_duck_over_run(struct mr_duck_over *o, const struct mr_batch *in, int64_t from,
                              int64_t to, struct mr_batch *out, int32_t *rows, struct mr_error *err)
{
    duckdb_pending_result p = NULL;
    duckdb_result r;
    enum mr_code rc = mr_batch_reserve(out, to - from, err);
    o->in = in;
    o->from = from;
    o->to = to;
    if (rc == MR_OK && g_duck.pending_prepared(o->stmt, &p) != DuckDBSuccess)
        rc = mr_duck_fail(g_duck.pending_error(p), err);
    if (rc == MR_OK)
        rc = mr_duck_finish(p, &r, err);
    if (p)
        g_duck.destroy_pending(&p);
    if (rc != MR_OK)
        return rc;
    rc = take_result(o, r, out, rows, err);
    g_duck.destroy_result(&r);
    return rc;
}
