/*
 * What        DuckDB's C API, loaded on first use
 * Gets        SQL text
 * Guarantees  no extension is loaded or fetched; a statement ends when mr_cancelled() says so
 * Why         linking libduckdb costs 11 ms and 13 MB at every start of a program that mostly moves data
 * Source      duckdb.h 1.5
 */
#include "duck/duck.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/queue.h"
#include "column/schema.h"
#include "duck/duck_copy.h"
#include "duck/duck_sql.h"

struct mr_duck_api g_duck;

struct mr_duck_result {
    duckdb_prepared_statement stmt;
    duckdb_result result;
    bool has_result;
    duckdb_data_chunk chunk;
    int n_columns;
    idx_t row, n_rows;
    duckdb_string_t **data; /* of the chunk, per column */
    uint64_t **validity;
};

/* ---- the library ---- */

/* Its 30,000 names are looked for in itself first: in all libraries of this program first takes
 * milliseconds. Sanitizers refuse that. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OPEN_FLAGS (RTLD_LAZY | RTLD_LOCAL)
#else
#define OPEN_FLAGS (RTLD_LAZY | RTLD_LOCAL | RTLD_DEEPBIND)
#endif

static void *try_open(const char *dir, const char *tail)
{
    char *path = mr_asprintf("%s/%s", dir, tail);
    void *h = access(path, R_OK) == 0 ? dlopen(path, OPEN_FLAGS) : NULL;
    mr_free(path);
    return h;
}

static void *find_library(const char *library)
{
    static const char *const tails[] = { "libduckdb.so",
                                         "lib/libduckdb.so",
                                         "../lib/libduckdb.so",
                                         "../lib/millrace/libduckdb.so",
                                         "../.deps/duckdb/lib/libduckdb.so",
                                         NULL };
    char exe[PATH_MAX];
    if (library)
        return dlopen(library, OPEN_FLAGS);
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    exe[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(exe, '/');
    if (slash)
        *slash = '\0';
    for (const char *const *t = tails; slash && *t; t++) {
        void *h = try_open(exe, *t);
        if (h)
            return h;
    }
    return dlopen("libduckdb.so", OPEN_FLAGS);
}

static enum mr_code load(const char *library, struct mr_error *err)
{
    if (g_duck.handle)
        return MR_OK;
    void *h = find_library(library);
    if (!h) {
        const char *why = dlerror();
        mr_fail(err, MR_ID_DUCK01, "libduckdb.so could not be loaded: %s", why ? why : "not found");
        return mr_error_advise(err, "tools/setup installs it; or set MILLRACE_DUCKDB to its path");
    }
#define LOAD(name)                                                                                 \
    *(void **)&g_duck.name = dlsym(h, "duckdb_" #name);                                            \
    if (!g_duck.name)                                                                              \
        return mr_fail(err, MR_ID_DUCK01, "libduckdb.so has no duckdb_" #name ": wrong version");
    MR_DUCK_FUNCTIONS(LOAD)
#undef LOAD
    g_duck.handle = h;
    return MR_OK;
}

/* ---- database ---- */

enum mr_code mr_duck_start(const char *library, const char *const *settings, duckdb_database *ret,
                           struct mr_error *err)
{
    static const char *const always[] = { "autoinstall_known_extensions",
                                          "false",
                                          "autoload_known_extensions",
                                          "false",
                                          "allow_community_extensions",
                                          "false",
                                          NULL };
    duckdb_config config = NULL;
    char *why = NULL;
    enum mr_code rc = load(library, err);
    if (rc != MR_OK)
        return rc;
    bool ok = g_duck.create_config(&config) == DuckDBSuccess;
    for (const char *const *s = always; ok && *s; s += 2)
        ok = g_duck.set_config(config, s[0], s[1]) == DuckDBSuccess;
    for (const char *const *s = settings; ok && *s; s += 2)
        ok = g_duck.set_config(config, s[0], s[1]) == DuckDBSuccess;
    ok = ok && g_duck.open_ext(NULL, ret, config, &why) == DuckDBSuccess;
    if (!ok)
        rc = mr_fail(err, MR_ID_DUCK01, "the SQL engine did not start: %s",
                     why ? why : "a setting was refused");
    if (why)
        g_duck.free(why);
    g_duck.destroy_config(&config);
    return rc;
}

enum mr_code mr_duck_open(const char *library, const char *const *settings, struct mr_duck **ret,
                          struct mr_error *err)
{
    struct mr_duck *d = mr_zalloc(1, sizeof *d);
    enum mr_code rc = mr_duck_start(library, settings, &d->db, err);
    if (rc == MR_OK && g_duck.connect(d->db, &d->con) != DuckDBSuccess)
        rc = mr_fail(err, MR_ID_DUCK01, "the SQL engine gave no connection");
    if (rc != MR_OK)
        mr_duck_close(d);
    else
        *ret = d;
    return rc;
}

void mr_duck_close(struct mr_duck *d)
{
    if (!d)
        return;
    if (d->con)
        g_duck.disconnect(&d->con);
    if (d->db)
        g_duck.close(&d->db);
    if (d->shared)
        mr_duck_leave();
    mr_free(d);
}

enum mr_code mr_duck_fail(const char *message, struct mr_error *err)
{
    const char *text = message ? message : "unknown error";
    mr_fail(err, MR_ID_SQL01, "%s", text);
    if (err)
        snprintf(err->origin, sizeof err->origin, "%.*s", (int)strcspn(text, " :"), text);
    return MR_E_SQL;
}

enum mr_code mr_duck_exec(struct mr_duck *d, const char *sql, struct mr_error *err)
{
    duckdb_result r;
    enum mr_code rc = MR_OK;
    if (g_duck.query(d->con, sql, &r) != DuckDBSuccess)
        rc = mr_duck_fail(g_duck.result_error(&r), err);
    g_duck.destroy_result(&r);
    return rc;
}

/* ---- describe ---- */

static const char *type_name(duckdb_type t)
{
    switch ((int)t) {
    case DUCKDB_TYPE_BOOLEAN:
        return "BOOLEAN";
    case DUCKDB_TYPE_TINYINT:
        return "TINYINT";
    case DUCKDB_TYPE_SMALLINT:
        return "SMALLINT";
    case DUCKDB_TYPE_INTEGER:
        return "INTEGER";
    case DUCKDB_TYPE_BIGINT:
        return "BIGINT";
    case DUCKDB_TYPE_UTINYINT:
        return "UTINYINT";
    case DUCKDB_TYPE_USMALLINT:
        return "USMALLINT";
    case DUCKDB_TYPE_UINTEGER:
        return "UINTEGER";
    case DUCKDB_TYPE_UBIGINT:
        return "UBIGINT";
    case DUCKDB_TYPE_HUGEINT:
        return "HUGEINT";
    case DUCKDB_TYPE_FLOAT:
        return "FLOAT";
    case DUCKDB_TYPE_DOUBLE:
        return "DOUBLE";
    case DUCKDB_TYPE_DECIMAL:
        return "DECIMAL";
    case DUCKDB_TYPE_DATE:
        return "DATE";
    case DUCKDB_TYPE_TIMESTAMP:
        return "TIMESTAMP";
    case DUCKDB_TYPE_TIMESTAMP_TZ:
        return "TIMESTAMP WITH TIME ZONE";
    case DUCKDB_TYPE_VARCHAR:
        return "VARCHAR";
    case DUCKDB_TYPE_BLOB:
        return "BLOB";
    default:
        return "OTHER";
    }
}

/* to_json makes doubles of decimals. */
static void decimals_as_text(struct mr_field *f)
{
    if (f->type.id == MR_TYPE_DECIMAL)
        f->type.id = MR_TYPE_STRING;
    for (int i = 0; i < f->n_children; i++)
        decimals_as_text(&f->children[i]);
}

static char *type_for_json(duckdb_logical_type t)
{
    struct mr_field f = { 0 };
    struct mr_buf b = { 0 };
    bool cast = false;
    const char *what;
    if (mr_duck_type_out(t, &f, &cast, &what)) {
        decimals_as_text(&f);
        mr_duck_put_type(&b, &f);
    }
    mr_field_release(&f);
    return b.len ? mr_buf_take(&b) : NULL;
}

static void describe_column(duckdb_prepared_statement s, idx_t i, struct mr_duck_column *c)
{
    const char *name = g_duck.prepared_statement_column_name(s, i);
    duckdb_logical_type t = g_duck.prepared_statement_column_logical_type(s, i);
    int id = (int)g_duck.get_type_id(t);
    c->name = mr_strdup(name ? name : "");
    c->type = id == DUCKDB_TYPE_DECIMAL
                  ? mr_asprintf("DECIMAL(%d,%d)", g_duck.decimal_width(t), g_duck.decimal_scale(t))
                  : mr_strdup(type_name((duckdb_type)id));
    c->number = (id >= DUCKDB_TYPE_TINYINT && id <= DUCKDB_TYPE_DOUBLE) ||
                id == DUCKDB_TYPE_DECIMAL || id == DUCKDB_TYPE_HUGEINT;
    c->exact = (id >= DUCKDB_TYPE_BOOLEAN && id <= DUCKDB_TYPE_INTEGER) ||
               (id >= DUCKDB_TYPE_UTINYINT && id <= DUCKDB_TYPE_UINTEGER) ||
               id == DUCKDB_TYPE_FLOAT || id == DUCKDB_TYPE_DOUBLE;
    c->nested = id == DUCKDB_TYPE_LIST || id == DUCKDB_TYPE_STRUCT || id == DUCKDB_TYPE_MAP ||
                id == DUCKDB_TYPE_ARRAY || id == DUCKDB_TYPE_UNION;
    c->as_json = c->nested ? type_for_json(t) : NULL;
    if (name)
        g_duck.free((void *)(uintptr_t)name);
    g_duck.destroy_logical_type(&t);
}

enum mr_code mr_duck_describe(struct mr_duck *d, const char *sql, struct mr_duck_column **ret,
                              int *ret_n, struct mr_error *err)
{
    duckdb_prepared_statement s = NULL;
    enum mr_code rc = MR_OK;
    if (g_duck.prepare(d->con, sql, &s) != DuckDBSuccess) {
        rc = mr_duck_fail(g_duck.prepare_error(s), err);
    } else {
        idx_t n = g_duck.prepared_statement_column_count(s);
        *ret = mr_zalloc(n, sizeof **ret);
        for (idx_t i = 0; i < n; i++)
            describe_column(s, i, &(*ret)[i]);
        *ret_n = (int)n;
    }
    g_duck.destroy_prepare(&s);
    return rc;
}

void mr_duck_columns_free(struct mr_duck_column *c, int n)
{
    for (int i = 0; i < n; i++) {
        mr_free(c[i].name);
        mr_free(c[i].type);
        mr_free(c[i].as_json);
    }
    mr_free(c);
}

/* ---- run ---- */

void mr_duck_result_free(struct mr_duck_result *r)
{
    if (!r)
        return;
    if (r->chunk)
        g_duck.destroy_data_chunk(&r->chunk);
    if (r->has_result)
        g_duck.destroy_result(&r->result);
    if (r->stmt)
        g_duck.destroy_prepare(&r->stmt);
    mr_free(r->data);
    mr_free(r->validity);
    mr_free(r);
}

enum mr_code mr_duck_finish(duckdb_pending_result p, duckdb_result *ret, struct mr_error *err)
{
    for (;;) {
        duckdb_pending_state state = g_duck.pending_execute_task(p);
        if (state == DUCKDB_PENDING_ERROR)
            return mr_duck_fail(g_duck.pending_error(p), err);
        if (mr_cancelled())
            return mr_fail(err, MR_ID_BASE04, "the statement was interrupted");
        if (g_duck.pending_execution_is_finished(state))
            break;
        if (state == DUCKDB_PENDING_NO_TASKS_AVAILABLE)
            usleep(200);
    }
    if (g_duck.execute_pending(p, ret) == DuckDBSuccess)
        return MR_OK;
    enum mr_code rc = mr_duck_fail(g_duck.result_error(ret), err);
    g_duck.destroy_result(ret);
    return rc;
}

enum mr_code mr_duck_run(struct mr_duck *d, const char *sql, const char *param,
                         struct mr_duck_result **ret, struct mr_error *err)
{
    struct mr_duck_result *r = mr_zalloc(1, sizeof *r);
    duckdb_pending_result p = NULL;
    enum mr_code rc = MR_OK;
    if (g_duck.prepare(d->con, sql, &r->stmt) != DuckDBSuccess)
        rc = mr_duck_fail(g_duck.prepare_error(r->stmt), err);
    else if (param && g_duck.bind_varchar(r->stmt, 1, param) != DuckDBSuccess)
        rc = mr_duck_fail("a parameter could not be bound", err);
    else if (g_duck.pending_prepared_streaming(r->stmt, &p) != DuckDBSuccess)
        rc = mr_duck_fail(g_duck.pending_error(p), err);
    else
        rc = mr_duck_finish(p, &r->result, err);
    r->has_result = rc == MR_OK && p;
    if (p)
        g_duck.destroy_pending(&p);
    if (rc == MR_OK) {
        r->n_columns = (int)g_duck.column_count(&r->result);
        r->data = mr_zalloc((size_t)r->n_columns, sizeof *r->data);
        r->validity = mr_zalloc((size_t)r->n_columns, sizeof *r->validity);
        for (int i = 0; i < r->n_columns; i++)
            if (g_duck.column_type(&r->result, (idx_t)i) != DUCKDB_TYPE_VARCHAR)
                rc = mr_fail(err, MR_ID_BASE03, "a column of a statement is not text: %.200s", sql);
    }
    if (rc != MR_OK)
        mr_duck_result_free(r);
    else
        *ret = r;
    return rc;
}

int mr_duck_columns(const struct mr_duck_result *r)
{
    return r->n_columns;
}

enum mr_code mr_duck_next(struct mr_duck_result *r, bool *ret, struct mr_error *err)
{
    *ret = true;
    if (r->chunk && ++r->row < r->n_rows)
        return MR_OK;
    do {
        if (r->chunk)
            g_duck.destroy_data_chunk(&r->chunk);
        if (mr_cancelled())
            return mr_fail(err, MR_ID_BASE04, "the statement was interrupted");
        r->chunk = g_duck.fetch_chunk(r->result);
        if (!r->chunk) {
            const char *why = g_duck.result_error(&r->result);
            *ret = false;
            return why && *why ? mr_duck_fail(why, err) : MR_OK;
        }
        r->n_rows = g_duck.data_chunk_get_size(r->chunk);
    } while (r->n_rows == 0);
    r->row = 0;
    for (int i = 0; i < r->n_columns; i++) {
        duckdb_vector v = g_duck.data_chunk_get_vector(r->chunk, (idx_t)i);
        r->data[i] = g_duck.vector_get_data(v);
        r->validity[i] = g_duck.vector_get_validity(v);
    }
    return MR_OK;
}

const char *mr_duck_text(struct mr_duck_result *r, int c, size_t *ret_n)
{
    const uint64_t *valid = r->validity[c];
    if (valid && !((valid[r->row / 64] >> (r->row % 64)) & 1))
        return NULL;
    const duckdb_string_t *s = &r->data[c][r->row];
    *ret_n = s->value.inlined.length;
    return *ret_n <= 12 ? s->value.inlined.inlined : s->value.pointer.ptr;
}
