/*
 * What        reading one partition: lock, look for values that are too large, COPY BINARY, decode
 * Guarantees  what goes wrong in a partition does not end the transaction, for the snapshot of all workers hangs on it
 * Why         a worker never queues for a lock: see lock_heap
 * Source      PostgreSQL "Explicit Locking", "COPY"
 */
#include "consumer/postgres/pg_reader.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/queue.h"
#include "base/timeutil.h"
#include "column/builder.h"

struct mr_reader {
    struct mr_consumer_worker *w;
    const struct mr_stream *stream;
    const struct pg_heap *heap;
    const struct mr_partition *part;
    struct mr_pg_decoder *decoder;
    bool header, ended;
    int64_t row; /* ordinal of the next row */
};

/* The server's error of a failed statement inside our transaction; the savepoint takes it back. */
enum mr_code mr_pg_guarded(struct mr_pg *pg, const char *sql, struct mr_error *err)
{
    char *all = mr_asprintf("SAVEPOINT millrace; %s; RELEASE SAVEPOINT millrace", sql);
    enum mr_code rc = mr_pg_query(pg, all, NULL, err);
    mr_free(all);
    if (rc == MR_E_SOURCE &&
        mr_pg_query(pg, "ROLLBACK TO SAVEPOINT millrace; RELEASE SAVEPOINT millrace", NULL, NULL) !=
            MR_OK)
        return mr_fail(err, MR_ID_PG01, "connection lost after a failed statement");
    return rc;
}

/* The holder has the lock already. A waiting TRUNCATE stands before us in the queue, and waits for the holder, which waits
 * for us: so never queue behind it. */
static enum mr_code lock_heap(struct mr_consumer_worker *w, const struct pg_heap *h,
                              struct mr_error *err)
{
    int64_t until = mr_mono_us() + w->c->lock_timeout_us;
    char *sql = mr_asprintf("LOCK TABLE %s%s IN ACCESS SHARE MODE NOWAIT", h->only ? "ONLY " : "",
                            h->sql_name);
    enum mr_code rc;
    while ((rc = mr_pg_guarded(w->pg, sql, err)) == MR_E_SOURCE &&
           (!err || strcmp(err->origin, "55P03") == 0) && mr_mono_us() < until && !mr_cancelled())
        nanosleep(&(struct timespec){ 0, 100000000 }, NULL);
    mr_free(sql);
    if (rc == MR_E_SOURCE && err && strcmp(err->origin, "55P03") == 0) {
        rc = mr_fail(err, MR_ID_PG09,
                     "another session waits for an exclusive lock (TRUNCATE, ALTER, VACUUM FULL), "
                     "so that this worker cannot get its own");
        mr_error_advise(
            err, "run again when that is done, or with --workers 1, which needs no second lock");
    }
    return rc;
}

/* ---- read ---- */

/* FROM ONLY "public"."orders" WHERE ctid ... */
static void put_source(struct mr_buf *b, const struct mr_stream *s, const struct pg_heap *h,
                       const struct mr_partition *p)
{
    mr_buf_printf(b, " FROM %s%s WHERE true", h->only ? "ONLY " : "", h->sql_name);
    if (PART_FROM(p) || PART_TO(p))
        mr_buf_printf(b, " AND ctid >= '(%u,0)'::pg_catalog.tid", PART_FROM(p));
    if (PART_TO(p))
        mr_buf_printf(b, " AND ctid < '(%llu,0)'::pg_catalog.tid", (unsigned long long)PART_TO(p));
    if (((const struct pg_table *)s->source)->where)
        mr_buf_puts(b, ((const struct pg_table *)s->source)->where);
}

/* "octet_length(name)" of a column whose values can be large; NULL for others. */
static char *length_text(const struct mr_stream *s, int i)
{
    const struct pg_table *t = s->source;
    enum mr_type_id id = s->schema.fields[i].type.id;
    if ((id != MR_TYPE_STRING && id != MR_TYPE_BINARY) || t->wires[i] == MR_PG_UUID)
        return NULL;
    char *name = mr_pg_quote(s->schema.fields[i].name);
    bool plain =
        t->wires[i] == MR_PG_TEXT || t->wires[i] == MR_PG_BYTEA || t->wires[i] == MR_PG_BPCHAR;
    bool json = strcmp(s->schema.fields[i].source_type, "json") == 0;
    char *text = mr_asprintf("coalesce(pg_catalog.octet_length(%s%s), 0)", name,
                             plain && !json ? "" : "::text");
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

/* libpq holds a whole row in memory, and more than once: a value that is too large must not be sent at all. Only a heap
 * with many out-of-line values (pglz packs 1:100 at best) can have one, and only there is asked. */
static enum mr_code refuse_large_values(struct mr_consumer_worker *w, const struct mr_stream *s,
                                        const struct pg_heap *h, const struct mr_partition *p,
                                        struct mr_error *err)
{
    struct mr_pg_result *r = NULL;
    size_t max = w->c->max_value;
    if (h->toast_bytes < max / 100)
        return MR_OK;
    char *sql = large_text(s, h, p, max);
    enum mr_code rc = mr_pg_query(w->pg, sql, &r, err);
    mr_free(sql);
    if (rc != MR_OK || mr_pg_rows(r) == 0) {
        mr_pg_result_free(r);
        return rc;
    }
    int widest = 0;
    for (int i = 1; i < s->schema.n_fields; i++)
        if (strtoll(mr_pg_cell(r, 0, i + 1), NULL, 10) >
            strtoll(mr_pg_cell(r, 0, widest + 1), NULL, 10))
            widest = i;
    rc = mr_fail(
        err, MR_ID_COL01,
        "the row at ctid %s has %s bytes in %s; max_value is %zu, and a row may have twice that",
        mr_pg_cell(r, 0, 0), mr_pg_cell(r, 0, widest + 1), s->schema.fields[widest].name, max);
    mr_error_advise(err, "raise max_value: and memory:, or skip the table under tables:");
    mr_pg_result_free(r);
    return rc;
}

static char *copy_text(const struct mr_stream *s, const struct pg_heap *h,
                       const struct mr_partition *p, int64_t limit)
{
    struct mr_buf b = { 0 };
    mr_buf_puts(&b, "COPY (SELECT ");
    for (int i = 0; i < s->schema.n_fields; i++) {
        char *name = mr_pg_quote(s->schema.fields[i].name);
        mr_buf_printf(&b, "%s%s", i ? ", " : "", name);
        mr_free(name);
    }
    put_source(&b, s, h, p);
    if (limit > 0)
        mr_buf_printf(&b, " LIMIT %lld", (long long)limit);
    mr_buf_puts(&b, ") TO STDOUT (FORMAT binary)");
    return mr_buf_take(&b);
}

void mr_pg_reader_close(struct mr_reader *r)
{
    if (!r)
        return;
    if (!r->ended)
        mr_pg_copy_abort(r->w->pg);
    /* Failed or aborted: back to where it was. Released either way, for thousands of partitions would nest as deep; a lost
     * connection shows at once. */
    const char *back =
        mr_pg_in_transaction(r->w->pg) ? "" : "ROLLBACK TO SAVEPOINT millrace_read; ";
    char *sql = mr_asprintf("%sRELEASE SAVEPOINT millrace_read", back);
    (void)!mr_pg_query(r->w->pg, sql, NULL, NULL);
    mr_free(sql);
    mr_pg_decoder_free(r->decoder);
    mr_free(r);
}

enum mr_code mr_pg_reader_open(struct mr_consumer_worker *w, const struct mr_stream *s,
                               const struct mr_partition *p, int64_t limit, struct mr_reader **ret,
                               struct mr_error *err)
{
    const struct pg_table *t = s->source;
    const struct pg_heap *h = &t->heaps[PART_HEAP(p)];
    enum mr_code rc = w->borrowed || t->relkind == 'm' ? MR_OK : lock_heap(w, h, err);
    if (rc == MR_OK)
        rc = mr_pg_query(w->pg, "SAVEPOINT millrace_read", NULL, err);
    if (rc != MR_OK) {
        mr_error_prefix(err, "%s", s->id);
        return rc;
    }
    struct mr_reader *r = mr_zalloc(1, sizeof *r);
    *r = (struct mr_reader){ .w = w, .stream = s, .heap = h, .part = p, .ended = true };
    r->decoder = mr_pg_decoder_new(&s->schema, t->wires, w->c->validate_text, w->c->max_value);
    char *sql = copy_text(s, h, p, limit);
    rc = refuse_large_values(w, s, h, p, err);
    if (rc == MR_OK)
        rc = mr_pg_copy_begin(w->pg, sql, err);
    mr_free(sql);
    r->ended = rc != MR_OK;
    if (rc != MR_OK) {
        mr_error_prefix(err, "%s", s->id);
        mr_pg_reader_close(r); /* back to the savepoint */
    } else {
        *ret = r;
    }
    return rc;
}

/* What could not be locked has kept its file: it was neither refreshed nor rewritten since the snapshot. From the COPY's
 * beginning to the transaction's end it is locked by the COPY itself. */
static enum mr_code check_file(struct mr_reader *r, struct mr_error *err)
{
    const struct pg_table *t = r->stream->source;
    struct mr_pg_result *q = NULL;
    if (t->relkind != 'm')
        return MR_OK;
    char *sql = mr_asprintf("SELECT pg_catalog.pg_relation_filenode(%u)", r->heap->oid);
    enum mr_code rc = mr_pg_query(r->w->pg, sql, &q, err);
    mr_free(sql);
    if (rc != MR_OK)
        return rc;
    const char *now = mr_pg_cell(q, 0, 0);
    if (!now || strcmp(now, r->heap->filenode) != 0) {
        rc = mr_fail(err, MR_ID_PG09, "the materialised view was refreshed after the run began");
        err->action = MR_ACT_STOP_STREAM; /* its old rows are gone; another try finds the same */
        mr_error_advise(err, "run again");
    }
    mr_pg_result_free(q);
    return rc;
}

static enum mr_code at_row(const struct mr_reader *r, struct mr_error *err)
{
    if (PART_FROM(r->part) || PART_TO(r->part))
        return mr_error_prefix(err, "%s, row %lld from block %u of %s", r->stream->id,
                               (long long)r->row + 1, PART_FROM(r->part), r->heap->sql_name);
    return mr_error_prefix(err, "%s, row %lld", r->stream->id, (long long)r->row + 1);
}

/* One CopyData message; *ret_row: it brought a row. */
static enum mr_code take_message(struct mr_reader *r, struct mr_batch *b, int64_t n, size_t *bytes,
                                 bool *ret_row, struct mr_error *err)
{
    const char *data = NULL;
    size_t size = 0, skip = 0;
    bool trailer = false;
    *ret_row = false;
    enum mr_code rc = mr_pg_copy_next(r->w->pg, &data, &size, err);
    if (rc == MR_OK && size == 0)
        r->ended = true;
    if (rc != MR_OK || size == 0)
        return rc;
    *bytes += size;
    if (!r->header) {
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
    const struct mr_consumer *c = r->w->c;
    size_t bytes = 0;
    int64_t n = 0;
    enum mr_code rc = mr_batch_reserve(b, c->batch_rows, err);
    b->first_row = r->row;
    while (rc == MR_OK && !r->ended && n < c->batch_rows && bytes < c->batch_bytes) {
        bool row = false;
        rc = take_message(r, b, n, &bytes, &row, err);
        n += row;
        r->row += row;
    }
    if (rc != MR_OK) {
        r->ended |= !mr_pg_copying(r->w->pg);
        return at_row(r, err);
    }
    mr_batch_finish(b, n);
    b->source_bytes = bytes;
    *ret = n ? MR_NEXT_BATCH : MR_NEXT_END;
    if (r->ended && n == 0 && (rc = check_file(r, err)) != MR_OK)
        mr_error_prefix(err, "%s", r->stream->id);
    return rc;
}
