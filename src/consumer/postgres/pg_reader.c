/*
 * What        reading one partition: lock, look for values that are too large, COPY BINARY, decode
 * Guarantees  what goes wrong in a partition does not end the transaction, for the snapshot of all workers hangs on it; one
 *             message to the server and its answer per partition, where nothing must be asked first
 * Why         a worker never queues for a lock: see start
 * Source      PostgreSQL "Explicit Locking", "COPY", "DECLARE", "FETCH"
 */
#include "consumer/postgres/pg_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/queue.h"
#include "base/timeutil.h"
#include "column/builder.h"
#include "consumer/postgres/pg_types.h"

#define SHORT_SCAN 8192 /* blocks that a statement looks at when statements must be short */
#define FIRST_FETCH 64

struct mr_reader {
    struct mr_consumer_worker *w;
    const struct mr_stream *stream;
    const struct pg_heap *heap;
    const struct mr_partition *part;
    struct mr_pg_decoder *decoder;
    bool header, ended; /* of a COPY: begun, over */
    int64_t row;        /* ordinal of the next row */
    /* of a cursor */
    int64_t wanted, got; /* rows of this FETCH */
    int64_t fetch_began_us;
    bool last; /* a FETCH brought fewer rows than it asked for */
};

/* ---- read ---- */

/* FROM ONLY "public"."orders_2025" AS "orders" WHERE ctid ...: the user's condition may name the table. */
static void put_source(struct mr_buf *b, const struct mr_stream *s, const struct pg_heap *h,
                       const struct mr_partition *p)
{
    const struct pg_table *t = s->source;
    char *alias = mr_pg_quote(s->table);
    mr_buf_printf(b, " FROM %s%s AS %s WHERE true", h->only ? "ONLY " : "", h->sql_name, alias);
    mr_free(alias);
    if (PART_FROM(p) || PART_TO(p))
        mr_buf_printf(b, " AND ctid >= '(%u,0)'::pg_catalog.tid", PART_FROM(p));
    if (PART_TO(p))
        mr_buf_printf(b, " AND ctid < '(%llu,0)'::pg_catalog.tid", (unsigned long long)PART_TO(p));
    if (t->where)
        mr_buf_puts(b, t->where);
    if (t->asked)
        mr_buf_printf(b, " AND (%s\n)", t->asked);
}

/* "octet_length(name)" of a column whose values can be large; NULL for others. */
static char *length_text(const struct mr_stream *s, int i)
{
    const struct mr_pg_type *t = &((const struct pg_table *)s->source)->types[i];
    enum mr_type_id id = s->schema.fields[i].type.id;
    if ((id != MR_TYPE_STRING && id != MR_TYPE_BINARY && id < MR_TYPE_LIST) ||
        t->wire == MR_PG_UUID)
        return NULL;
    char *name = mr_pg_quote(s->schema.fields[i].name);
    const char *type = s->schema.fields[i].source_type;
    bool plain = strcmp(type, "text") == 0 || strncmp(type, "character", 9) == 0 ||
                 strcmp(type, "bytea") == 0;
    char *text = mr_asprintf("coalesce(pg_catalog.octet_length(%s%s), 0)", name,
                             plain ? "" : "::pg_catalog.text");
    mr_free(name);
    return text;
}

static char *large_text(const struct mr_stream *s, const struct pg_heap *h,
                        const struct mr_partition *p, size_t max)
{
    struct mr_buf b = { 0 }, any = { 0 }, sum = { 0 };
    mr_buf_puts(&b, "SELECT ctid");
    for (int i = 0; i < s->schema.n_fields; i++) {
        char *length = length_text(s, i);
        mr_buf_printf(&b, ", %s", length ? length : "0");
        if (length) {
            mr_buf_printf(&any, "%s > %zu OR ", length, max);
            mr_buf_printf(&sum, "%s%s::pg_catalog.int8", sum.len ? " + " : "", length);
        }
        mr_free(length);
    }
    put_source(&b, s, h, p);
    mr_buf_printf(&b, " AND (%s%s > %zu) LIMIT 1", mr_buf_str(&any),
                  sum.len ? mr_buf_str(&sum) : "0", 2 * max);
    mr_buf_release(&any);
    mr_buf_release(&sum);
    return mr_buf_take(&b);
}

static enum mr_code too_large(const struct mr_stream *s, const struct mr_pg_result *r, size_t max,
                              struct mr_error *err)
{
    int widest = 0;
    for (int i = 1; i < s->schema.n_fields; i++)
        if (strtoll(mr_pg_cell(r, 0, i + 1), NULL, 10) >
            strtoll(mr_pg_cell(r, 0, widest + 1), NULL, 10))
            widest = i;
    mr_fail(
        err, MR_ID_COL01,
        "the row at ctid %s has %s bytes in %s; max_value is %zu, and a row may have twice that",
        mr_pg_cell(r, 0, 0), mr_pg_cell(r, 0, widest + 1), s->schema.fields[widest].name, max);
    return mr_error_advise(err, "raise max_value: and memory:, or skip the table under tables:");
}

/* libpq holds a whole row in memory, and more than once: a value that is too large must not be sent at all. Only a heap
 * with many out-of-line values (pglz packs 1:100 at best) can have one, and only there is asked. */
static enum mr_code refuse_large_values(struct mr_consumer_worker *w, const struct mr_stream *s,
                                        const struct pg_heap *h, const struct mr_partition *p,
                                        struct mr_error *err)
{
    const size_t max = w->c->max_value;
    enum mr_code rc = MR_OK;
    uint64_t end = PART_TO(p) ? PART_TO(p) : h->blocks,
             step = w->c->max_query_us ? SHORT_SCAN : end;
    for (uint64_t from = PART_FROM(p); rc == MR_OK && (from < end || from == PART_FROM(p));
         from += step) {
        struct mr_pg_result *r = NULL;
        bool to_end = from + step >= end;
        struct mr_partition piece = { .lo = PART_LO(0, from),
                                      .hi = to_end ? PART_TO(p) : from + step };
        char *sql = large_text(s, h, &piece, max);
        rc = mr_pg_query(w->pg, sql, &r, err);
        mr_free(sql);
        if (rc == MR_OK && mr_pg_rows(r) > 0)
            rc = too_large(s, r, max, err);
        mr_pg_result_free(r);
        if (to_end)
            break;
    }
    return rc;
}

static char *select_text(const struct mr_stream *s, const struct pg_heap *h,
                         const struct mr_partition *p, int64_t limit)
{
    struct mr_buf b = { 0 };
    mr_buf_puts(&b, "SELECT ");
    for (int i = 0; i < s->schema.n_fields; i++) {
        char *name = mr_pg_quote(s->schema.fields[i].name);
        char *expr = mr_pg_select_expr(&((const struct pg_table *)s->source)->types[i], name);
        mr_buf_printf(&b, "%s%s", i ? ", " : "", expr);
        mr_free(expr);
        mr_free(name);
    }
    put_source(&b, s, h, p);
    if (limit > 0)
        mr_buf_printf(&b, " LIMIT %lld", (long long)limit);
    return mr_buf_take(&b);
}

/* Failed or aborted: back to where it was; a lost connection shows at once. Else the next partition goes back, in the message
 * that begins it. */
void mr_pg_reader_close(struct mr_reader *r)
{
    if (!r)
        return;
    if (mr_pg_copying(r->w->pg))
        mr_pg_copy_abort(r->w->pg);
    if (!mr_pg_in_transaction(r->w->pg))
        (void)!mr_pg_query(r->w->pg, "ROLLBACK TO SAVEPOINT millrace_read", NULL, NULL);
    mr_pg_decoder_free(r->decoder);
    mr_free(r);
}

/* ---- what no lock protects ---- */

static enum mr_code changed(struct mr_error *err, const char *what)
{
    enum mr_code rc = mr_fail(err, MR_ID_PG09, "%s after the run began", what);
    if (err)
        err->action = MR_ACT_STOP_STREAM; /* its old rows are gone; another try finds the same */
    mr_error_advise(err, "run again");
    return rc;
}

/* The columns as the server now sees them; the statement locks what it names, to the end of the savepoint. */
static enum mr_code check_columns(struct mr_reader *r, struct mr_error *err)
{
    const struct pg_table *t = r->stream->source;
    struct mr_pg_result *d = NULL;
    struct mr_buf now = { 0 };
    char *sql =
        mr_asprintf("SELECT %s FROM %s%s", t->readable, r->heap->only ? "ONLY " : "", t->sql_name);
    enum mr_code rc = mr_pg_describe(r->w->pg, sql, &d, err);
    mr_free(sql);
    if (rc != MR_OK)
        return rc;
    const char *then = t->identity;
    for (int i = 0; i < mr_pg_columns(d); i++) {
        const char *type = strchr(then, ' ');
        bool domain = type && strncmp(type, " 0 ", 3) == 0;
        mr_buf_printf(&now, "%d %u %s\n", mr_pg_column_attnum(d, i),
                      domain ? 0 : mr_pg_column_type(d, i), mr_pg_column_name(d, i));
        then = strchr(then, '\n');
        then = then ? then + 1 : "";
    }
    if (strcmp(mr_buf_str(&now), t->identity) != 0)
        rc = changed(err, "it was altered");
    mr_buf_release(&now);
    mr_pg_result_free(d);
    return rc;
}

/* What could not be locked has kept its file: it was neither refreshed, truncated nor rewritten since the snapshot. From the
 * read's beginning to the savepoint's end it is locked by the read itself. */
static enum mr_code check_files(struct mr_reader *r, struct mr_error *err)
{
    const struct pg_table *t = r->stream->source;
    struct mr_pg_result *q = NULL;
    if (!t->guarded || mr_fault_off(MR_FP_PG_GUARD_RULE))
        return MR_OK;
    char *sql = mr_asprintf(
        "SELECT pg_catalog.string_agg(coalesce(pg_catalog.pg_relation_filenode(u.oid)::text, 'none'), ','"
        " ORDER BY u.n) FROM pg_catalog.unnest('{%s}'::pg_catalog.oid[]) WITH ORDINALITY u(oid, n)",
        t->guarded);
    enum mr_code rc = mr_pg_query(r->w->pg, sql, &q, err);
    mr_free(sql);
    if (rc != MR_OK)
        return rc;
    const char *now = mr_pg_cell(q, 0, 0);
    if (!now || strcmp(now, t->files) != 0) {
        rc = changed(err, t->relkind == 'm' ? "the materialised view was refreshed"
                          : t->relkind == 'r' || t->relkind == 'p'
                              ? "it was truncated or rewritten"
                              : "something that it reads was refreshed, truncated or rewritten");
    }
    mr_pg_result_free(q);
    return rc;
}

static bool is_guarded(const struct pg_table *t)
{
    return !t->lockable && t->relkind != 'q' && !mr_fault_off(MR_FP_PG_GUARD_RULE);
}

/* ---- open ---- */

/* The server ended a statement at max_query_seconds. */
static void took_too_long(const struct mr_reader *r, struct mr_error *err)
{
    if (!r->w->c->max_query_us || !err || strcmp(err->origin, "57014") != 0)
        return;
    mr_fail(err, MR_ID_PG13,
            "a statement (%lld rows wanted) took longer than max_query_seconds, %lld s",
            (long long)r->wanted, (long long)(r->w->c->max_query_us / 1000000));
    mr_error_advise(
        err, "raise consumer.max_query_seconds, give the condition an index, or read when the "
             "server has less to do");
}

/* The user's own SQL and what views call are read with the user's own search_path; ours names everything in full. */
static bool needs_path(const struct mr_stream *s)
{
    const struct pg_table *t = s->source;
    return t->asked || strchr("vqf", t->relkind);
}

/* Everything before the read, which goes with it in one message. Locks of the partition before are let go: the group's own
 * connection has them. */
static char *preamble(const struct mr_consumer_worker *w, const struct mr_stream *s,
                      const struct pg_heap *h)
{
    struct mr_buf b = { 0 };
    const struct pg_table *t = s->source;
    mr_buf_puts(&b,
                w->savepoint ? "ROLLBACK TO SAVEPOINT millrace_read" : "SAVEPOINT millrace_read");
    if (!w->riding && t->lockable && t->locks)
        mr_buf_printf(&b, "; LOCK TABLE %s IN ACCESS SHARE MODE NOWAIT", t->locks);
    else if (!w->riding && t->lockable && !h->foreign)
        mr_buf_printf(&b, "; LOCK TABLE %s%s IN ACCESS SHARE MODE NOWAIT", h->only ? "ONLY " : "",
                      h->sql_name);
    if (needs_path(s))
        mr_buf_puts(&b, "; SET LOCAL search_path TO DEFAULT");
    if (w->c->max_query_us)
        mr_buf_printf(&b, "; SET LOCAL statement_timeout = %lld",
                      (long long)(w->c->max_query_us / 1000));
    return mr_buf_take(&b);
}

static bool locked_out(const struct mr_error *err)
{
    return err && strcmp(err->origin, "55P03") == 0;
}

/* `sql` behind the preamble; NULL: the preamble alone. The holder has the lock already. A waiting TRUNCATE stands before us
 * in the queue, and waits for the holder, which waits for us: so never queue behind it. */
static enum mr_code start(struct mr_reader *r, const char *sql, struct mr_error *err)
{
    struct mr_consumer_worker *w = r->w;
    int64_t until = mr_mono_us() + w->c->lock_timeout_us;
    struct mr_error mine = { 0 };
    enum mr_code rc;
    for (;;) {
        char *before = preamble(w, r->stream, r->heap),
             *all = mr_asprintf("%s; %s", before, sql ? sql : "");
        rc = sql ? mr_pg_copy_begin(w->pg, all, &mine) : mr_pg_query(w->pg, before, NULL, &mine);
        mr_free(before);
        mr_free(all);
        w->savepoint = true;
        if (rc != MR_E_SOURCE || !locked_out(&mine) || mr_mono_us() > until || mr_cancelled())
            break;
        nanosleep(&(struct timespec){ 0, 100000000 }, NULL);
    }
    if (rc == MR_E_SOURCE && locked_out(&mine)) {
        rc = mr_fail(&mine, MR_ID_PG09,
                     "another session waits for an exclusive lock (TRUNCATE, ALTER, VACUUM FULL), "
                     "so that this worker cannot get its own");
        mr_error_advise(
            &mine, "run again when that is done, or with --workers 1, which needs no second lock");
    }
    if (rc != MR_OK && err)
        *err = mine;
    return rc;
}

/* What is asked before the first row: is it still what was planned, and can every value be held? */
static enum mr_code ask_first(struct mr_reader *r, bool *ret_asked, struct mr_error *err)
{
    const struct pg_table *t = r->stream->source;
    bool large = r->heap->toast_bytes >= r->w->c->max_value / 100 && t->whole &&
                 strchr("rpm", t->relkind) && !r->heap->foreign;
    enum mr_code rc = MR_OK;
    *ret_asked = is_guarded(t) || large || r->w->c->cursor;
    if (*ret_asked)
        rc = start(r, NULL, err);
    if (rc == MR_OK && is_guarded(t))
        rc = check_columns(r, err);
    if (rc == MR_OK && large)
        rc = refuse_large_values(r->w, r->stream, r->heap, r->part, err);
    return rc;
}

static enum mr_code begin_rows(struct mr_reader *r, int64_t limit, struct mr_error *err)
{
    bool asked = false;
    enum mr_code rc = ask_first(r, &asked, err);
    if (rc != MR_OK)
        return rc;
    char *rows = select_text(r->stream, r->heap, r->part, limit);
    char *sql = mr_asprintf(r->w->c->cursor ? "DECLARE millrace_rows BINARY NO SCROLL CURSOR FOR %s"
                                            : "COPY (%s) TO STDOUT (FORMAT binary)",
                            rows);
    rc = r->w->c->cursor ? mr_pg_query(r->w->pg, sql, NULL, err)
         : asked         ? mr_pg_copy_begin(r->w->pg, sql, err)
                         : start(r, sql, err);
    mr_free(rows);
    mr_free(sql);
    return rc;
}

enum mr_code mr_pg_reader_open(struct mr_consumer_worker *w, const struct mr_stream *s,
                               const struct mr_partition *p, int64_t limit, struct mr_reader **ret,
                               struct mr_error *err)
{
    const struct pg_table *t = s->source;
    enum mr_code rc = mr_pg_join(w, t->group, err);
    if (rc != MR_OK)
        return rc;
    struct mr_reader *r = mr_zalloc(1, sizeof *r);
    *r = (struct mr_reader){ .w = w, .stream = s, .heap = &t->heaps[PART_HEAP(p)], .part = p };
    r->decoder = mr_pg_decoder_new(&s->schema, t->types, w->c->validate_text, w->c->max_value);
    rc = begin_rows(r, limit, err);
    if (rc != MR_OK) {
        took_too_long(r, err);
        mr_error_prefix(err, "%s", s->id);
        mr_pg_reader_close(r); /* back to the savepoint */
    } else {
        *ret = r;
    }
    return rc;
}

/* ---- rows ---- */

static enum mr_code at_row(const struct mr_reader *r, struct mr_error *err)
{
    if (PART_FROM(r->part) || PART_TO(r->part))
        return mr_error_prefix(err, "%s, row %lld from block %u of %s", r->stream->id,
                               (long long)r->row + 1, PART_FROM(r->part), r->heap->sql_name);
    return mr_error_prefix(err, "%s, row %lld", r->stream->id, (long long)r->row + 1);
}

/* ---- a cursor ---- */

/* Twice as many as last time at most, and so many that it takes a quarter of the time that it may. */
static void size_next(struct mr_reader *r, int64_t took_us)
{
    int64_t may_us = (r->w->c->max_query_us ? r->w->c->max_query_us : 8000000) / 4;
    int64_t n = took_us > 0 ? r->wanted * may_us / took_us : 2 * r->wanted;
    n = n > 2 * r->wanted ? 2 * r->wanted : n;
    r->w->fetch_rows = n < 1 ? 1 : n;
}

static enum mr_code next_fetch(struct mr_reader *r, int64_t room, struct mr_error *err)
{
    char sql[80];
    int64_t n = r->w->fetch_rows ? r->w->fetch_rows : FIRST_FETCH;
    r->wanted = n < room ? n : room;
    r->got = 0;
    r->fetch_began_us = mr_mono_us();
    snprintf(sql, sizeof sql, "FETCH FORWARD %lld FROM millrace_rows", (long long)r->wanted);
    return mr_pg_fetch_begin(r->w->pg, sql, err);
}

/* A row, or the end of a FETCH, which is the end of all when it brought less than was wanted. */
static enum mr_code take_fetched(struct mr_reader *r, int64_t room, const char **ret_data,
                                 size_t *ret_n, struct mr_error *err)
{
    enum mr_code rc = MR_OK;
    while (rc == MR_OK && !r->last) {
        if (!mr_pg_copying(r->w->pg) && (rc = next_fetch(r, room, err)) != MR_OK)
            break;
        rc = mr_pg_fetch_next(r->w->pg, ret_data, ret_n, err);
        if (rc == MR_OK && *ret_n) {
            r->got++;
            return MR_OK;
        }
        r->last = r->got < r->wanted;
        if (rc == MR_OK && !r->last)
            size_next(r, mr_mono_us() - r->fetch_began_us);
    }
    *ret_n = 0;
    return rc;
}

/* One CopyData message, or one row of a FETCH; *ret_row: it brought a row. */
static enum mr_code take_message(struct mr_reader *r, struct mr_batch *b, int64_t n, int64_t room,
                                 size_t *bytes, bool *ret_row, struct mr_error *err)
{
    const char *data = NULL;
    size_t size = 0, skip = 0;
    bool trailer = false;
    *ret_row = false;
    enum mr_code rc = r->w->c->cursor ? take_fetched(r, room, &data, &size, err)
                                      : mr_pg_copy_next(r->w->pg, &data, &size, err);
    if (rc == MR_OK && size == 0)
        r->ended = true;
    if (rc != MR_OK || size == 0)
        return rc;
    *bytes += size;
    if (!r->header && !r->w->c->cursor) {
        if ((rc = mr_pg_decode_header(data, size, &skip, err)) != MR_OK)
            return rc;
        r->header = true;
    }
    if (skip == size)
        return MR_OK;
    rc = mr_pg_decode_row(r->decoder, data + skip, size - skip, b, n, &trailer, err);
    *ret_row = rc == MR_OK && !trailer;
    return rc;
}

enum mr_code mr_pg_next(struct mr_reader *r, struct mr_batch *b, enum mr_next *ret,
                        struct mr_error *err)
{
    struct mr_consumer *c = r->w->c;
    size_t bytes = 0;
    int64_t n = 0, most = mr_batch_rows_within(b->schema, c->batch_bytes,
                                               mr_pg_pace_rows(&c->pace, c->batch_rows));
    enum mr_code rc = mr_batch_reserve(b, most, err);
    b->first_row = r->row;
    while (rc == MR_OK && !r->ended && n < most && bytes < c->batch_bytes) {
        bool row = false;
        rc = take_message(r, b, n, most - n, &bytes, &row, err);
        n += row;
        r->row += row;
    }
    if (rc != MR_OK) {
        took_too_long(r, err);
        return at_row(r, err);
    }
    mr_batch_finish(b, n);
    mr_pg_decoder_learn(r->decoder, b);
    b->source_bytes = bytes;
    *ret = n ? MR_NEXT_BATCH : MR_NEXT_END;
    if (r->ended && n == 0 && (rc = check_files(r, err)) != MR_OK)
        mr_error_prefix(err, "%s", r->stream->id);
    mr_pg_pace(&c->pace, n);
    return rc;
}
