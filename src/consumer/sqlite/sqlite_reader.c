/*
 * What        one SELECT, row by row, into batches
 * Guarantees  every cell is put exactly, or told as bad by its column's policy; a batch ends at its bytes or rows; a cancel is
 *             heard within a statement that looks for long for its next row
 * Source      sqlite.org/c3ref/step.html, c3ref/progress_handler.html
 */
#include "consumer/sqlite/sqlite_reader.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/queue.h"
#include "column/builder.h"
#include "consumer/sqlite/sqlite_values.h"

#define OPS_BETWEEN_LOOKS 100000 /* of SQLite's machine; some milliseconds */

struct mr_reader {
    const struct mr_sqlite_file *f;
    const struct mr_sqlite_bounds *bounds;
    const struct mr_stream *stream;
    sqlite3_stmt *q;
    struct mr_sqlite_column *columns; /* one per field */
    int n_columns;
    size_t max_value;
    int rowid_at; /* the result column that is the rowid; -1: none */
    int64_t row;  /* ordinal of the next row */
    bool done;    /* a further step would begin anew */
};

/* ---- open and close ---- */

static int look_for_cancel(void *arg)
{
    (void)arg;
    return mr_cancelled();
}

void mr_sqlite_reader_close(struct mr_reader *r)
{
    if (!r)
        return;
    sqlite3_progress_handler(r->f->db, 0, NULL, NULL);
    sqlite3_finalize(r->q);
    mr_free(r->columns);
    mr_free(r);
}

enum mr_code mr_sqlite_reader_open(const struct mr_sqlite_file *f,
                                   const struct mr_sqlite_bounds *bounds, const struct mr_stream *s,
                                   int64_t limit, struct mr_reader **ret, struct mr_error *err)
{
    int n = s->schema.n_fields;
    struct mr_reader *r = mr_zalloc(1, sizeof *r);
    *r = (struct mr_reader){
        .f = f, .bounds = bounds, .stream = s, .n_columns = n, .max_value = bounds->max_value
    };
    r->rowid_at = mr_sqlite_names_rowid(s) ? n : -1;
    r->columns = mr_zalloc((size_t)n, sizeof *r->columns);
    for (int i = 0; i < n; i++) {
        const struct mr_field *field = &s->schema.fields[i];
        r->columns[i] = (struct mr_sqlite_column){ .field = field,
                                                   .put = mr_sqlite_put(field->type),
                                                   .type = field->type,
                                                   .millis = mr_sqlite_millis(field->source_type) };
    }
    if (((const struct mr_sqlite_source *)s->source)->own_sql)
        sqlite3_progress_handler(f->db, OPS_BETWEEN_LOOKS, look_for_cancel, NULL);
    enum mr_code rc = mr_sqlite_prepare(f, s, limit, &r->q, err);
    if (rc != MR_OK)
        mr_sqlite_reader_close(r);
    else
        *ret = r;
    return rc;
}

/* ---- rows ---- */

static enum mr_code too_large(const struct mr_reader *r, const struct mr_sqlite_cell *c,
                              struct mr_error *err)
{
    mr_fail(err, MR_ID_COL01,
            "%s.%s, row %lld: a value of %zu bytes is larger than max_value (%zu)", r->stream->id,
            r->stream->schema.fields[c->i].name, (long long)r->row + 1, c->n, r->max_value);
    return mr_error_advise(err, "raise max_value: and memory:, or leave the column out");
}

static enum mr_code no_memory(const struct mr_reader *r, const struct mr_sqlite_cell *c,
                              struct mr_error *err)
{
    return mr_fail(err, MR_ID_COL01, "%s.%s, row %lld: there is no memory for %zu bytes",
                   r->stream->id, r->stream->schema.fields[c->i].name, (long long)r->row + 1, c->n);
}

/* The row of a table without a key is named by its rowid. */
static void bad_cell(struct mr_reader *r, const struct mr_sqlite_cell *c, struct mr_batch *b,
                     int64_t at)
{
    char key[40];
    mr_sqlite_put_bad(c, &r->columns[c->i], b, at);
    if (r->rowid_at < 0)
        return;
    int n = snprintf(key, sizeof key, "%s=%lld",
                     ((const struct mr_sqlite_source *)r->stream->source)->rowid,
                     (long long)sqlite3_column_int64(r->q, r->rowid_at));
    mr_bad_set_key(&b->bad, b->bad.n - 1, key, (size_t)n);
}

/* The cold half of a cell: it was not put. */
static enum mr_code not_put(struct mr_reader *r, const struct mr_sqlite_cell *c,
                            enum mr_sqlite_fit fit, struct mr_batch *b, int64_t at,
                            struct mr_error *err)
{
    if (fit == MR_CELL_NO_MEMORY)
        return no_memory(r, c, err);
    bad_cell(r, c, b, at);
    return MR_OK;
}

static inline enum mr_code put_row(struct mr_reader *r, struct mr_batch *b, int64_t at,
                                   size_t *bytes, struct mr_error *err)
{
    const struct mr_sqlite_column *col = r->columns;
    struct mr_array *a = b->columns;
    struct mr_sqlite_cell c = { .q = r->q };
    size_t sum = 0;
    for (int n = r->n_columns; c.i < n; c.i++, col++, a++) {
        c.type = sqlite3_column_type(c.q, c.i);
        if (c.type == SQLITE_NULL) {
            mr_put_null(col->field, a, at);
            continue;
        }
        c.n = 0;
        if (c.type >= SQLITE_TEXT) { /* text or a blob */
            c.n = (size_t)sqlite3_column_bytes(c.q, c.i);
            if (__builtin_expect(c.n > r->max_value, 0))
                return too_large(r, &c, err);
        }
        sum += c.n ? c.n : 8;
        enum mr_sqlite_fit fit = col->put(&c, col, a, at);
        if (__builtin_expect(fit != MR_CELL_PUT, 0)) {
            enum mr_code rc = not_put(r, &c, fit, b, at, err);
            if (rc != MR_OK)
                return rc;
        }
    }
    *bytes += sum;
    return MR_OK;
}

static enum mr_code step_failed(const struct mr_reader *r, int step, struct mr_error *err)
{
    char what[300];
    if (step == SQLITE_INTERRUPT && mr_cancelled())
        return MR_OK;
    snprintf(what, sizeof what, "read %.200s, row %lld", r->stream->id, (long long)r->row + 1);
    return mr_sqlite_fail(r->f, MR_ID_LITE05, what, err);
}

enum mr_code mr_sqlite_next(struct mr_reader *r, struct mr_batch *b, enum mr_next *ret,
                            struct mr_error *err)
{
    const struct mr_sqlite_bounds *most = r->bounds;
    size_t bytes = 0;
    int64_t n = 0, rows = mr_batch_rows_within(b->schema, most->batch_bytes, most->batch_rows);
    int step = r->done ? SQLITE_DONE : SQLITE_ROW;
    enum mr_code rc = mr_batch_reserve(b, rows, err);
    b->first_row = r->row;
    while (rc == MR_OK && !r->done && n < rows && bytes + b->bad.text_len < most->batch_bytes &&
           !mr_cancelled() && (step = sqlite3_step(r->q)) == SQLITE_ROW) {
        rc = put_row(r, b, n, &bytes, err);
        if (rc == MR_OK) {
            n++;
            r->row++;
        }
    }
    if (rc == MR_OK && step != SQLITE_ROW && step != SQLITE_DONE)
        rc = step_failed(r, step, err);
    r->done = step == SQLITE_DONE;
    mr_batch_finish(b, n);
    b->source_bytes = bytes;
    *ret = n ? MR_NEXT_BATCH : step == SQLITE_DONE ? MR_NEXT_END : MR_NEXT_WAIT;
    return rc;
}
