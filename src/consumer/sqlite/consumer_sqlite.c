/*
 * What        the SQLite consumer: discover, one snapshot, step and decode
 * Gets        a file, opened read-only
 * Guarantees  one read transaction from hold to close: all tables as of one instant; a cell that does not fit fails its
 *             stream with table, column, row and value
 * Why         one connection: a second one could see a later state. The encoders behind it run in parallel
 * Source      sqlite.org/c3ref, sqlite.org/isolation.html
 */
#include "consumer/sqlite/consumer_sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/queue.h"
#include "column/builder.h"
#include "column/schema.h"
#include "consumer/sqlite/sqlite_values.h"

struct mr_consumer {
    sqlite3 *db;
    char *path, *database;
    char view_id[80];
    size_t batch_bytes, max_value;
    int batch_rows;
};

/* The one worker; it borrows the consumer's connection. */
struct mr_consumer_worker {
    struct mr_consumer *c;
};

struct mr_reader {
    struct mr_consumer *c;
    const struct mr_stream *stream;
    sqlite3_stmt *q;
    mr_sqlite_put_fn *put;
    int64_t row; /* ordinal of the next row */
    bool done;   /* a further step would begin anew */
};

static const char *const g_schemes[] = { "sqlite", NULL };

static const struct mr_option g_options[] = {
    { .key = "url",
      .type = MR_OPT_STRING,
      .required = true,
      .doc = "sqlite:PATH, or just the path of the file." },
    MR_OPTION_END,
};

static enum mr_code fail(struct mr_consumer *c, const char *what, struct mr_error *err)
{
    int code = sqlite3_errcode(c->db);
    mr_fail(err, MR_ID_LITE01, "%s: cannot %s: %s", c->path, what, sqlite3_errmsg(c->db));
    if (code == SQLITE_NOTADB)
        return mr_error_advise(err, "the file is not a SQLite database, or it is encrypted");
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        return mr_error_advise(err, "another program holds it; wait for it, or use WAL mode there");
    if (code == SQLITE_CANTOPEN)
        return mr_error_advise(err, "check the path and the rights of the file and its folder");
    return err ? err->code : MR_E_SOURCE;
}

/* ---- open ---- */

static char *stem_of(const char *path)
{
    const char *base = strrchr(path, '/');
    base = base ? base + 1 : path;
    const char *dot = strrchr(base, '.');
    return dot && dot > base ? mr_strndup(base, (size_t)(dot - base)) : mr_strdup(base);
}

static enum mr_code exec(struct mr_consumer *c, const char *sql, struct mr_error *err)
{
    return sqlite3_exec(c->db, sql, NULL, NULL, NULL) == SQLITE_OK ? MR_OK
                                                                   : fail(c, "read it", err);
}

static void lite_close(struct mr_consumer *c)
{
    if (!c)
        return;
    sqlite3_close(c->db);
    mr_free(c->path);
    mr_free(c->database);
    mr_free(c);
}

static enum mr_code lite_open(const struct mr_consumer_config *cfg, struct mr_consumer **ret,
                              struct mr_error *err)
{
    const char *url = mr_option_str(cfg->options, "url");
    struct stat st;
    struct mr_consumer *c = mr_zalloc(1, sizeof *c);
    c->path = mr_strdup(strncmp(url, "sqlite:", 7) == 0 ? url + 7 : url);
    c->database = stem_of(c->path);
    c->batch_bytes = cfg->batch_bytes;
    c->batch_rows = cfg->batch_rows;
    c->max_value = cfg->max_value_bytes;
    enum mr_code rc = MR_OK;
    if (stat(c->path, &st) != 0 || !S_ISREG(st.st_mode)) {
        mr_fail(err, MR_ID_LITE01, "%s is not there, or not a file", c->path);
        rc = mr_error_advise(err, "check the path in consumer.url");
    } else if (sqlite3_open_v2(c->path, &c->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) !=
               SQLITE_OK) {
        rc = fail(c, "open it", err);
    }
    if (rc == MR_OK) {
        sqlite3_busy_timeout(c->db, 10000);
        sqlite3_limit(c->db, SQLITE_LIMIT_LENGTH, 2000000000);
        rc = exec(c,
                  "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA mmap_size = 0; "
                  "SELECT count(*) FROM sqlite_master",
                  err);
    }
    if (rc != MR_OK)
        lite_close(c);
    else
        *ret = c;
    return rc;
}

/* ---- discover ---- */

static char *quoted(const char *name)
{
    struct mr_buf b = { 0 };
    mr_buf_putc(&b, '"');
    for (; *name; name++) {
        if (*name == '"')
            mr_buf_putc(&b, '"');
        mr_buf_putc(&b, *name);
    }
    mr_buf_putc(&b, '"');
    return mr_buf_take(&b);
}

static enum mr_code read_columns(struct mr_consumer *c, struct mr_stream *s, struct mr_error *err)
{
    sqlite3_stmt *q = NULL;
    if (sqlite3_prepare_v2(c->db,
                           "SELECT name, type FROM pragma_table_xinfo(?1) WHERE hidden <> 1 ORDER "
                           "BY cid",
                           -1, &q, NULL) != SQLITE_OK)
        return fail(c, "list columns", err);
    sqlite3_bind_text(q, 1, s->table, -1, SQLITE_STATIC);
    int step;
    while ((step = sqlite3_step(q)) == SQLITE_ROW) {
        const char *type = (const char *)sqlite3_column_text(q, 1);
        mr_schema_add(&s->schema, (const char *)sqlite3_column_text(q, 0), mr_sqlite_type(type),
                      true, type && *type ? type : NULL);
    }
    enum mr_code rc = step == SQLITE_DONE ? MR_OK : fail(c, "list columns", err);
    sqlite3_finalize(q);
    return rc;
}

/* max(rowid) is one step down the tree; tables without rowid have no cheap estimate. */
static int64_t estimate_rows(struct mr_consumer *c, const char *table)
{
    sqlite3_stmt *q = NULL;
    int64_t n = -1;
    char *name = quoted(table);
    char *sql = mr_asprintf("SELECT max(rowid) FROM %s", name);
    if (sqlite3_prepare_v2(c->db, sql, -1, &q, NULL) == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW)
        n = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    mr_free(sql);
    mr_free(name);
    return n;
}

static struct mr_stream *make_stream(struct mr_consumer *c, const char *table)
{
    struct mr_stream *s = mr_zalloc(1, sizeof *s);
    s->id = mr_strdup(table);
    s->table = mr_strdup(table);
    s->database = mr_strdup(c->database);
    s->schema_name = mr_strdup("");
    s->default_schema = true;
    s->kind = "table";
    s->est_rows = estimate_rows(c, table);
    s->est_bytes = -1;
    return s;
}

static enum mr_code lite_discover(struct mr_consumer *c, struct mr_stream_list *ret,
                                  struct mr_error *err)
{
    sqlite3_stmt *q = NULL;
    struct mr_stream_list out = { 0 };
    enum mr_code rc = MR_OK;
    int step = SQLITE_DONE;
    if (sqlite3_prepare_v2(c->db,
                           "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = "
                           "'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
                           -1, &q, NULL) != SQLITE_OK)
        return fail(c, "list tables", err);
    while (rc == MR_OK && (step = sqlite3_step(q)) == SQLITE_ROW) {
        struct mr_stream *s = make_stream(c, (const char *)sqlite3_column_text(q, 0));
        out.items = mr_realloc(out.items, sizeof *out.items * (size_t)(out.n + 1));
        out.items[out.n++] = s;
        rc = read_columns(c, s, err);
    }
    if (rc == MR_OK && step != SQLITE_DONE)
        rc = fail(c, "list tables", err);
    sqlite3_finalize(q);
    if (rc != MR_OK)
        mr_stream_list_free(&out, NULL);
    else
        *ret = out;
    return rc;
}

static void lite_shape(struct mr_consumer *c, struct mr_stream *s, const struct mr_stream_wish *w)
{
    (void)c;
    mr_schema_shape(&s->schema, w->columns);
}

/* SQLite compares by the storage class of each cell, not by the declared type: all rows are read, the filter decides. */
static void lite_restrict_rows(struct mr_consumer *c, struct mr_stream *s,
                               const struct mr_predicate_list *l)
{
    (void)c;
    (void)s;
    (void)l;
}

/* ---- view ---- */

static enum mr_code lite_hold(struct mr_consumer *c, struct mr_stream **streams, int n,
                              struct mr_error *err)
{
    struct stat st = { 0 };
    sqlite3_stmt *q = NULL;
    (void)streams;
    (void)n;
    enum mr_code rc = exec(c, "BEGIN; SELECT count(*) FROM sqlite_master", err);
    if (rc != MR_OK)
        return rc;
    if (stat(c->path, &st) != 0)
        st.st_ino = 0;
    unsigned version = 0;
    if (sqlite3_prepare_v2(c->db, "PRAGMA data_version", -1, &q, NULL) == SQLITE_OK &&
        sqlite3_step(q) == SQLITE_ROW)
        version = (unsigned)sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    unsigned long long unique = (unsigned long long)(uintptr_t)c ^ (unsigned long long)time(NULL);
    snprintf(c->view_id, sizeof c->view_id, "sqlite:%llx-%u-%llx", (unsigned long long)st.st_ino,
             version, unique);
    return MR_OK;
}

static enum mr_code lite_plan(struct mr_consumer *c, struct mr_stream *s, int target,
                              struct mr_plan *ret, struct mr_error *err)
{
    (void)target;
    (void)err;
    *ret = (struct mr_plan){ .n_partitions = 1 };
    snprintf(ret->view.id, sizeof ret->view.id, "%s", c->view_id);
    ret->view.consistency = "snapshot";
    ret->partitions = mr_zalloc(1, sizeof *ret->partitions);
    ret->partitions[0] = (struct mr_partition){ .est_rows = s->est_rows };
    return MR_OK;
}

static bool lite_view_holds(struct mr_consumer *c, const struct mr_stream *s, const char *view_id)
{
    (void)c;
    (void)s;
    (void)view_id;
    return false; /* the read transaction ended with its process */
}

static int lite_max_workers(struct mr_consumer *c)
{
    (void)c;
    return 1;
}

static enum mr_code lite_worker_open(struct mr_consumer *c, int index,
                                     struct mr_consumer_worker **ret, struct mr_error *err)
{
    (void)index;
    (void)err;
    *ret = mr_alloc(sizeof **ret);
    (*ret)->c = c;
    return MR_OK;
}

static void lite_worker_close(struct mr_consumer_worker *w)
{
    mr_free(w);
}

/* ---- read ---- */

static void reader_close(struct mr_reader *r)
{
    if (!r)
        return;
    sqlite3_finalize(r->q);
    mr_free(r->put);
    mr_free(r);
}

static char *select_text(const struct mr_stream *s, int64_t limit)
{
    struct mr_buf b = { 0 };
    mr_buf_puts(&b, "SELECT ");
    for (int i = 0; i < s->schema.n_fields; i++) {
        char *name = quoted(s->schema.fields[i].name);
        mr_buf_printf(&b, "%s%s", i ? ", " : "", name);
        mr_free(name);
    }
    char *table = quoted(s->table);
    mr_buf_printf(&b, " FROM main.%s", table);
    if (limit > 0)
        mr_buf_printf(&b, " LIMIT %lld", (long long)limit);
    mr_free(table);
    return mr_buf_take(&b);
}

static enum mr_code lite_reader_open(struct mr_consumer_worker *w, const struct mr_stream *s,
                                     const struct mr_partition *p, int64_t limit,
                                     struct mr_reader **ret, struct mr_error *err)
{
    (void)p;
    struct mr_reader *r = mr_zalloc(1, sizeof *r);
    r->c = w->c;
    r->stream = s;
    r->put = mr_zalloc((size_t)s->schema.n_fields, sizeof *r->put);
    for (int i = 0; i < s->schema.n_fields; i++)
        r->put[i] = mr_sqlite_put(s->schema.fields[i].type);
    char *sql = select_text(s, limit);
    enum mr_code rc = sqlite3_prepare_v2(w->c->db, sql, -1, &r->q, NULL) == SQLITE_OK
                          ? MR_OK
                          : fail(w->c, "read a table", err);
    mr_free(sql);
    if (rc != MR_OK)
        reader_close(r);
    else
        *ret = r;
    return rc;
}

static void value_text(sqlite3_stmt *q, int i, struct mr_buf *out)
{
    static const char *const classes[] = { "", "integer", "real", "text", "blob", "null" };
    int type = sqlite3_column_type(q, i);
    mr_buf_printf(out, "%s ", classes[type]);
    if (type == SQLITE_BLOB) {
        const unsigned char *p = sqlite3_column_blob(q, i);
        int n = sqlite3_column_bytes(q, i);
        mr_buf_puts(out, "x'");
        for (int k = 0; k < n && k < 40; k++)
            mr_buf_printf(out, "%02x", p[k]);
        mr_buf_puts(out, n > 40 ? "...'" : "'");
        return;
    }
    const char *s = (const char *)sqlite3_column_text(q, i);
    mr_buf_printf(out, "'%.80s'", s ? s : "");
}

/* Where in the source the row is, so that somebody can find it. */
static int64_t rowid_of(struct mr_reader *r)
{
    sqlite3_stmt *q = NULL;
    char *table = quoted(r->stream->table);
    char *sql =
        mr_asprintf("SELECT rowid FROM main.%s LIMIT 1 OFFSET %lld", table, (long long)r->row);
    int64_t id = -1;
    if (sqlite3_prepare_v2(r->c->db, sql, -1, &q, NULL) == SQLITE_OK &&
        sqlite3_step(q) == SQLITE_ROW)
        id = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    mr_free(sql);
    mr_free(table);
    return id;
}

static enum mr_code bad_cell(struct mr_reader *r, int i, const char *why, struct mr_error *err)
{
    const struct mr_field *f = &r->stream->schema.fields[i];
    struct mr_buf value = { 0 };
    char type[MR_TYPE_TEXT], row[48];
    int64_t id = rowid_of(r);
    if (id >= 0)
        snprintf(row, sizeof row, "rowid %lld", (long long)id);
    else
        snprintf(row, sizeof row, "row %lld", (long long)r->row + 1);
    value_text(r->q, i, &value);
    mr_fail(err, MR_ID_LITE02, "%s.%s, %s: %s cannot land as %s (declared %s): %s",
            r->stream->table, f->name, row, mr_buf_str(&value), mr_type_name(f->type, type),
            f->source_type ? f->source_type : "without a type", why);
    mr_buf_release(&value);
    return mr_error_advise(err, "correct the value in the source, or leave the column out with a "
                                "select transformer");
}

static enum mr_code too_large(const struct mr_reader *r, const struct mr_sqlite_cell *c,
                              struct mr_error *err)
{
    mr_fail(err, MR_ID_COL01,
            "%s.%s, row %lld: a value of %zu bytes is larger than max_value (%zu)",
            r->stream->table, r->stream->schema.fields[c->i].name, (long long)r->row + 1, c->n,
            r->c->max_value);
    return mr_error_advise(err, "raise max_value: and memory:, or leave the column out");
}

static enum mr_code put_row(struct mr_reader *r, struct mr_batch *b, int64_t at, size_t *bytes,
                            struct mr_error *err)
{
    for (int i = 0; i < r->stream->schema.n_fields; i++) {
        struct mr_sqlite_cell c = { .q = r->q, .i = i, .type = sqlite3_column_type(r->q, i) };
        struct mr_type t = r->stream->schema.fields[i].type;
        if (c.type == SQLITE_NULL) {
            mr_put_null(&r->stream->schema.fields[i], &b->columns[i], at);
            continue;
        }
        if (c.type == SQLITE_TEXT || c.type == SQLITE_BLOB)
            c.n = (size_t)sqlite3_column_bytes(r->q, i);
        if (c.n > r->c->max_value)
            return too_large(r, &c, err);
        *bytes += c.n ? c.n : 8;
        const char *why = r->put[i](&c, t, &b->columns[i], at);
        if (why)
            return bad_cell(r, i, why, err);
    }
    return MR_OK;
}

static enum mr_code lite_next(struct mr_reader *r, struct mr_batch *b, enum mr_next *ret,
                              struct mr_error *err)
{
    size_t bytes = 0;
    int64_t n = 0;
    int step = r->done ? SQLITE_DONE : SQLITE_ROW;
    enum mr_code rc = mr_batch_reserve(b, r->c->batch_rows, err);
    b->first_row = r->row;
    while (rc == MR_OK && !r->done && n < r->c->batch_rows && bytes < r->c->batch_bytes &&
           !mr_cancelled() && (step = sqlite3_step(r->q)) == SQLITE_ROW) {
        rc = put_row(r, b, n, &bytes, err);
        if (rc == MR_OK) {
            n++;
            r->row++;
        }
    }
    if (rc == MR_OK && step != SQLITE_ROW && step != SQLITE_DONE)
        rc = fail(r->c, "read a table", err);
    r->done = step == SQLITE_DONE;
    mr_batch_finish(b, n);
    b->source_bytes = bytes;
    *ret = n ? MR_NEXT_BATCH : step == SQLITE_DONE ? MR_NEXT_END : MR_NEXT_WAIT;
    return rc;
}

static enum mr_code lite_finish(struct mr_consumer *c, struct mr_error *err)
{
    return sqlite3_get_autocommit(c->db)
               ? mr_fail(err, MR_ID_LITE01, "%s: the read transaction ended too early", c->path)
               : exec(c, "COMMIT", err);
}

static double lite_source_cpu(struct mr_consumer *c)
{
    (void)c;
    return -1; /* the source runs in this process */
}

const struct mr_consumer_type mr_consumer_sqlite = {
    .name = "sqlite",
    .title = "SQLite 3 files",
    .schemes = g_schemes,
    .options = g_options,
    .open = lite_open,
    .discover = lite_discover,
    .shape = lite_shape,
    .restrict_rows = lite_restrict_rows,
    .hold = lite_hold,
    .plan = lite_plan,
    .view_holds = lite_view_holds,
    .max_workers = lite_max_workers,
    .worker_open = lite_worker_open,
    .worker_close = lite_worker_close,
    .reader_open = lite_reader_open,
    .next = lite_next,
    .reader_close = reader_close,
    .finish = lite_finish,
    .source_cpu = lite_source_cpu,
    .close = lite_close,
};
