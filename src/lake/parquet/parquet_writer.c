/*
 * What        one Parquet file: columns, row groups, footer
 * Gets        batches
 * Guarantees  row groups close at row_group_bytes encoded or row_group_rows; every page carries a CRC; no more memory
 *             than options say, but for one value per column
 * Why         a task per column and batch on the pool: columns share nothing but the compression contexts
 * Source      parquet-format README and parquet.thrift
 */
#include "lake/parquet/parquet_writer.h"

#include <string.h>

#include "base/mem.h"
#include "base/profile.h"
#include "lake/parquet/column_writer.h"
#include "lake/parquet/thrift.h"

#define PAGE_MIN ((size_t)8 << 10)
#define PAGE_MAX ((size_t)1 << 20)
/* What a column takes, in pages, when pages are small: the open page as values, as indices and encoded, a dictionary with its
 * table, what is compressed already, each in a buffer that doubles. Of large pages few are ever full: rows end them. */
#define PAGES_A_COLUMN 9
#define LARGE ((size_t)64 << 10)
#define RAW_MAX                                                                                    \
    ((uint64_t)64 << 20) /* a row group before compression: readers share a file by them */
#define ROWS_MAX 524288  /* readers share a file by row groups */
#define BLOOM_MAX ((size_t)2 << 20) /* a million values at 1 % */

struct mr_pq_writer {
    const struct mr_schema *schema;
    struct mr_pq_sink sink;
    struct mr_pq_options o;
    struct mr_pq_codecs *codecs;
    int n_leaves;
    struct mr_pq_leaf *leaves;
    struct mr_pq_column *columns; /* one per leaf */
    const struct mr_batch *batch; /* while the pool works on it */
    uint64_t at;                  /* bytes given to the sink */
    int64_t rows, group_rows;
    struct mr_buf groups; /* RowGroup structs, encoded; their ColumnChunks are open */
    struct mr_pq_indexes indexes;
    int n_groups;
};

static size_t clamp(size_t v, size_t lo, size_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

void mr_pq_memory(const struct mr_schema *schema, size_t *ret_min, size_t *ret_max)
{
    size_t c = (size_t)mr_pq_leaf_count(schema);
    size_t best = 4 * c * PAGE_MAX;
    *ret_min = PAGES_A_COLUMN * c * PAGE_MIN + (1 << 20);
    *ret_max = best < ((size_t)64 << 20) ? (size_t)64 << 20 : best;
}

static void settle_options(struct mr_pq_options *o, size_t columns)
{
    if (!o->page_bytes)
        o->page_bytes = clamp(o->memory_bytes / (PAGES_A_COLUMN * columns), PAGE_MIN, PAGE_MAX);
    if (!o->dictionary_bytes)
        o->dictionary_bytes = o->page_bytes / (o->page_bytes < LARGE ? 2 : 1);
    if (!o->row_group_bytes)
        o->row_group_bytes = o->memory_bytes / 2;
    if (!o->row_group_rows)
        o->row_group_rows = ROWS_MAX;
}

static bool wants_bloom(const struct mr_pq_options *o, const char *name)
{
    for (int i = 0; i < o->n_bloom_filters; i++)
        if (strcmp(o->bloom_filters[i], name) == 0)
            return true;
    return false;
}

/* All filters of a file take a sixteenth of its memory at most. */
static void limit_blooms(struct mr_pq_writer *w)
{
    size_t n = 0, limit = 1024;
    for (int i = 0; i < w->n_leaves; i++)
        n += wants_bloom(&w->o, w->leaves[i].fields[0]->name);
    while (n && limit < BLOOM_MAX && 2 * limit * n <= w->o.memory_bytes / 16)
        limit *= 2;
    for (int i = 0; i < w->n_leaves; i++)
        if (wants_bloom(&w->o, w->leaves[i].fields[0]->name))
            w->columns[i].bloom.limit = limit;
}

static enum mr_code emit(struct mr_pq_writer *w, const void *p, size_t n, struct mr_error *err)
{
    enum mr_code rc = w->sink.write(w->sink.ctx, p, n, err);
    if (rc == MR_OK)
        w->at += n;
    return rc;
}

enum mr_code mr_pq_open(const struct mr_schema *schema, const struct mr_pq_options *options,
                        struct mr_pq_sink sink, struct mr_pq_writer **ret, struct mr_error *err)
{
    size_t least, most;
    int n = mr_pq_leaf_count(schema);
    mr_pq_memory(schema, &least, &most);
    if (n == 0)
        return mr_fail(err, MR_ID_PQ06, "a column is nested deeper than %d levels", MR_PQ_DEPTH);
    if (options->memory_bytes < least)
        return mr_fail(err, MR_ID_PQ01, "%d columns need %zu bytes of buffers, %zu were given", n,
                       least, options->memory_bytes);
    struct mr_pq_writer *w = mr_zalloc(1, sizeof *w);
    w->schema = schema;
    w->sink = sink;
    w->o = *options;
    settle_options(&w->o, (size_t)n);
    w->codecs = mr_pq_codecs_new(w->o.codec, w->o.level ? w->o.level : 1);
    w->n_leaves = n;
    w->leaves = mr_pq_leaves(schema);
    w->columns = mr_zalloc((size_t)n, sizeof *w->columns);
    for (int i = 0; i < n; i++)
        mr_pq_column_init(&w->columns[i], &w->leaves[i], w->codecs, &w->o);
    limit_blooms(w);
    w->indexes.limit = w->o.row_group_bytes / 4;
    enum mr_code rc = emit(w, "PAR1", 4, err);
    if (rc != MR_OK)
        mr_pq_abort(w);
    else
        *ret = w;
    return rc;
}

void mr_pq_abort(struct mr_pq_writer *w)
{
    if (!w)
        return;
    for (int i = 0; i < w->n_leaves; i++)
        mr_pq_column_release(&w->columns[i]);
    mr_free(w->columns);
    mr_free(w->leaves);
    mr_pq_codecs_free(w->codecs);
    mr_buf_release(&w->groups);
    mr_pq_indexes_release(&w->indexes);
    mr_free(w);
}

static size_t held(const struct mr_pq_writer *w)
{
    size_t sum = w->indexes.columns.len + w->indexes.offsets.len;
    for (int i = 0; i < w->n_leaves; i++)
        sum += mr_pq_column_held(&w->columns[i]);
    return sum;
}

static uint64_t raw_bytes(const struct mr_pq_writer *w)
{
    uint64_t sum = 0;
    for (int i = 0; i < w->n_leaves; i++)
        sum += w->columns[i].raw_bytes;
    return sum;
}

uint64_t mr_pq_bytes(const struct mr_pq_writer *w)
{
    return w->at + held(w);
}

static void append_task(void *ctx, int i)
{
    struct mr_pq_writer *w = ctx;
    struct mr_pq_column *c = &w->columns[i];
    struct mr_span span;
    mr_span_begin(&span, MR_STEP_ENCODE);
    c->rc = mr_pq_column_append(c, &w->batch->columns[c->leaf->column], &c->err);
    mr_span_end(&span);
}

static void flush_task(void *ctx, int i)
{
    struct mr_pq_column *c = &((struct mr_pq_writer *)ctx)->columns[i];
    struct mr_span span;
    mr_span_begin(&span, MR_STEP_ENCODE);
    c->rc = mr_pq_column_flush(c, &c->err);
    mr_span_end(&span);
}

/* Run a task per column; the first error in column order is the one to tell. */
static enum mr_code each_column(struct mr_pq_writer *w, struct mr_pool *pool,
                                void (*task)(void *, int), struct mr_error *err)
{
    mr_pool_run(pool, w->n_leaves, task, w);
    for (int i = 0; i < w->n_leaves; i++)
        if (w->columns[i].rc != MR_OK) {
            if (err)
                *err = w->columns[i].err;
            return w->columns[i].rc;
        }
    return MR_OK;
}

/* Pages of all columns, then their Bloom filters; *ret_pages_end is where the pages end. */
static enum mr_code write_group(struct mr_pq_writer *w, uint64_t *ret_pages_end,
                                struct mr_error *err)
{
    enum mr_code rc = MR_OK;
    int n = w->n_leaves;
    for (int i = 0; rc == MR_OK && i < n; i++)
        rc = mr_pq_column_write_chunk(&w->columns[i], &w->at, &w->sink, err);
    *ret_pages_end = w->at;
    for (int i = 0; rc == MR_OK && i < n; i++)
        rc = mr_pq_column_write_bloom(&w->columns[i], &w->at, &w->sink, err);
    return rc;
}

static enum mr_code close_group(struct mr_pq_writer *w, struct mr_pool *pool, struct mr_error *err)
{
    if (w->group_rows == 0)
        return MR_OK;
    uint64_t start = w->at, pages_end = 0, raw_sum = 0;
    struct mr_thrift t = { .out = &w->groups };
    enum mr_code rc = each_column(w, pool, flush_task, err);
    if (rc == MR_OK)
        rc = write_group(w, &pages_end, err);
    if (rc != MR_OK)
        return rc;
    mr_thrift_list(&t, 1, MR_THRIFT_STRUCT, (size_t)w->n_leaves);
    raw_sum = raw_bytes(w); /* before they begin anew */
    for (int i = 0; i < w->n_leaves; i++)
        mr_pq_column_end_chunk(&w->columns[i], &t, &w->indexes);
    mr_thrift_i64(&t, 2, (int64_t)raw_sum);
    mr_thrift_i64(&t, 3, w->group_rows);
    mr_thrift_i64(&t, 5, (int64_t)start);
    mr_thrift_i64(&t, 6, (int64_t)(pages_end - start));
    if (w->n_groups < INT16_MAX)
        mr_thrift_i16(&t, 7, (int16_t)w->n_groups);
    mr_thrift_struct_end(&t);
    w->n_groups++;
    w->group_rows = 0;
    return MR_OK;
}

static enum mr_code check_required(const struct mr_pq_writer *w, const struct mr_batch *b,
                                   struct mr_error *err)
{
    for (int i = 0; i < w->schema->n_fields; i++) {
        if (w->schema->fields[i].nullable || b->columns[i].null_count == 0)
            continue;
        int64_t r = 0;
        while (!mr_array_is_null(&b->columns[i], r))
            r++;
        mr_fail(err, MR_ID_PQ02, "%s is required, and row %lld of its file is NULL",
                w->schema->fields[i].name, (long long)(w->rows + r + 1));
        return mr_error_advise(err,
                               "correct the source, leave such rows out (where: %s IS NOT "
                               "NULL), or take `required: true` from the column",
                               w->schema->fields[i].name);
    }
    return MR_OK;
}

enum mr_code mr_pq_write(struct mr_pq_writer *w, const struct mr_batch *batch, struct mr_pool *pool,
                         struct mr_error *err)
{
    enum mr_code rc = check_required(w, batch, err);
    if (rc != MR_OK)
        return rc;
    w->batch = batch;
    rc = each_column(w, pool, append_task, err);
    w->batch = NULL;
    if (rc != MR_OK)
        return rc;
    w->rows += batch->n_rows;
    w->group_rows += batch->n_rows;
    if (w->group_rows >= w->o.row_group_rows || held(w) >= w->o.row_group_bytes ||
        raw_bytes(w) >= RAW_MAX)
        return close_group(w, pool, err);
    return MR_OK;
}

/* ---- footer ---- */

static void footer(const struct mr_pq_writer *w, uint64_t index_at, struct mr_buf *out)
{
    struct mr_thrift t = { .out = out };
    mr_thrift_i32(&t, 1, 1);
    mr_pq_schema_thrift(w->schema, w->columns, &t, 2);
    mr_thrift_i64(&t, 3, w->rows);
    mr_thrift_list(&t, 4, MR_THRIFT_STRUCT, (size_t)w->n_groups);
    mr_pq_indexes_join(&w->indexes, &w->groups, index_at, out);
    mr_thrift_list(&t, 5, MR_THRIFT_STRUCT, 1);
    mr_thrift_element_begin(&t); /* without it Spark before 4.0 refuses dates of the old calendar */
    mr_thrift_string(&t, 1, "org.apache.spark.version");
    mr_thrift_string(&t, 2, "3.5.0");
    mr_thrift_struct_end(&t);
    mr_thrift_string(&t, 6, w->o.created_by ? w->o.created_by : "millrace");
    mr_thrift_list(&t, 7, MR_THRIFT_STRUCT, (size_t)w->n_leaves);
    for (int i = 0; i < w->n_leaves; i++) {
        mr_thrift_element_begin(&t); /* ColumnOrder: TYPE_ORDER */
        mr_thrift_struct_begin(&t, 1);
        mr_thrift_struct_end(&t);
        mr_thrift_struct_end(&t);
    }
    mr_thrift_struct_end(&t);
}

static void fill_result(const struct mr_pq_writer *w, struct mr_pq_result *ret)
{
    *ret = (struct mr_pq_result){
        .rows = w->rows, .bytes = w->at, .row_groups = w->n_groups, .n_columns = w->schema->n_fields
    };
    ret->columns = mr_zalloc((size_t)ret->n_columns, sizeof *ret->columns);
    for (int i = 0; i < ret->n_columns; i++)
        ret->columns[i].null_count = -1;
    for (int i = 0; i < w->n_leaves; i++) {
        const struct mr_pq_column *c = &w->columns[i];
        if (c->leaf->depth == 1)
            mr_pq_range_result(&c->file_range, c->field, c->file_nulls,
                               &ret->columns[c->leaf->column]);
    }
}

enum mr_code mr_pq_finish(struct mr_pq_writer *w, struct mr_pool *pool, struct mr_pq_result *ret,
                          struct mr_error *err)
{
    struct mr_buf tail = { 0 };
    enum mr_code rc = close_group(w, pool, err);
    uint64_t index_at = w->at;
    if (rc == MR_OK)
        rc = emit(w, mr_buf_str(&w->indexes.columns), w->indexes.columns.len, err);
    if (rc == MR_OK)
        rc = emit(w, mr_buf_str(&w->indexes.offsets), w->indexes.offsets.len, err);
    if (rc == MR_OK) {
        footer(w, index_at, &tail);
        uint32_t len = (uint32_t)tail.len;
        mr_buf_append(&tail, &len, 4);
        mr_buf_append(&tail, "PAR1", 4);
        rc = emit(w, tail.data, tail.len, err);
    }
    if (rc == MR_OK)
        fill_result(w, ret);
    mr_buf_release(&tail);
    mr_pq_abort(w);
    return rc;
}

void mr_pq_result_release(struct mr_pq_result *r)
{
    for (int i = 0; i < r->n_columns; i++) {
        mr_free(r->columns[i].min);
        mr_free(r->columns[i].max);
    }
    mr_free(r->columns);
    *r = (struct mr_pq_result){ 0 };
}
