/*
 * What        Parquet's page index: ColumnIndex and OffsetIndex
 * Gets        a page at a time, a chunk at a time
 * Guarantees  no value of a page lies outside its bounds; boundary_order holds for the bounds as they are written (cut text
 *             may be in another order than the whole)
 * Why         bounds become bytes at once, so that a page costs its bytes here and no allocation of its own
 * Source      parquet-format PageIndex.md
 */
#include "lake/parquet/page_index.h"

#include "base/mem.h"
#include "lake/parquet/column_writer.h"

struct page {
    uint32_t bytes, rows, nulls;
    bool has_values;
};

enum { UNORDERED = 0, ASCENDING = 1, DESCENDING = 2 };

static void note_order(struct mr_pq_page_index *x, const struct mr_pq_column *c,
                       const struct mr_buf *lo, const struct mr_buf *hi)
{
    int a = x->any ? mr_pq_bound_compare(c, lo, &x->last_lo) : 0;
    int b = x->any ? mr_pq_bound_compare(c, hi, &x->last_hi) : 0;
    x->falls |= a < 0 || b < 0;
    x->rises |= a > 0 || b > 0;
    x->any = true;
}

static void put_bounds(struct mr_pq_page_index *x, const struct mr_buf *lo, const struct mr_buf *hi)
{
    mr_thrift_elem_binary(&(struct mr_thrift){ .out = &x->mins }, mr_buf_str(lo), lo->len);
    mr_thrift_elem_binary(&(struct mr_thrift){ .out = &x->maxs }, mr_buf_str(hi), hi->len);
}

static void swap(struct mr_buf *a, struct mr_buf *b)
{
    struct mr_buf t = *a;
    *a = *b;
    *b = t;
}

void mr_pq_page_index_add(struct mr_pq_page_index *x, const struct mr_pq_column *c, size_t bytes)
{
    struct mr_buf lo = { 0 }, hi = { 0 };
    const struct page p = { (uint32_t)bytes, (uint32_t)c->page_rows, (uint32_t)c->page_nulls,
                            c->page_values > 0 };
    struct mr_pq_exact exact;
    mr_buf_append(&x->pages, &p, sizeof p);
    x->n++;
    if (p.has_values && !x->unbounded)
        x->unbounded = !mr_pq_range_bounds(&c->page_range, c, &lo, &hi, &exact) || !exact.has_hi;
    if (!x->unbounded)
        put_bounds(x, &lo, &hi);
    if (!x->unbounded && p.has_values) {
        note_order(x, c, &lo, &hi);
        swap(&x->last_lo, &lo);
        swap(&x->last_hi, &hi);
    }
    mr_buf_release(&lo);
    mr_buf_release(&hi);
}

void mr_pq_page_index_clear(struct mr_pq_page_index *x)
{
    x->n = x->pages.len = x->mins.len = x->maxs.len = 0;
    x->unbounded = x->any = x->falls = x->rises = false;
}

void mr_pq_page_index_release(struct mr_pq_page_index *x)
{
    mr_buf_release(&x->pages);
    mr_buf_release(&x->mins);
    mr_buf_release(&x->maxs);
    mr_buf_release(&x->last_lo);
    mr_buf_release(&x->last_hi);
}

size_t mr_pq_page_index_held(const struct mr_pq_page_index *x)
{
    return x->pages.len + x->mins.len + x->maxs.len;
}

static const struct page *page_at(const struct mr_pq_page_index *x, size_t i)
{
    return (const struct page *)(const void *)x->pages.data + i;
}

static void column_index(const struct mr_pq_page_index *x, struct mr_buf *out)
{
    struct mr_thrift t = { .out = out };
    mr_thrift_list(&t, 1, MR_THRIFT_BOOL, x->n);
    for (size_t i = 0; i < x->n; i++)
        mr_thrift_elem_bool(&t, !page_at(x, i)->has_values);
    mr_thrift_list(&t, 2, MR_THRIFT_BINARY, x->n);
    mr_buf_append(out, mr_buf_str(&x->mins), x->mins.len);
    mr_thrift_list(&t, 3, MR_THRIFT_BINARY, x->n);
    mr_buf_append(out, mr_buf_str(&x->maxs), x->maxs.len);
    mr_thrift_i32(&t, 4, !x->falls ? ASCENDING : !x->rises ? DESCENDING : UNORDERED);
    mr_thrift_list(&t, 5, MR_THRIFT_I64, x->n);
    for (size_t i = 0; i < x->n; i++)
        mr_thrift_elem_i64(&t, page_at(x, i)->nulls);
    mr_thrift_struct_end(&t);
}

static void offset_index(const struct mr_pq_page_index *x, uint64_t at, struct mr_buf *out)
{
    struct mr_thrift t = { .out = out };
    int64_t row = 0;
    mr_thrift_list(&t, 1, MR_THRIFT_STRUCT, x->n);
    for (size_t i = 0; i < x->n; i++) {
        const struct page *p = page_at(x, i);
        mr_thrift_element_begin(&t);
        mr_thrift_i64(&t, 1, (int64_t)at);
        mr_thrift_i32(&t, 2, (int32_t)p->bytes);
        mr_thrift_i64(&t, 3, row);
        mr_thrift_struct_end(&t);
        at += p->bytes;
        row += p->rows;
    }
    mr_thrift_struct_end(&t);
}

void mr_pq_indexes_keep(struct mr_pq_indexes *x, const struct mr_pq_page_index *p, uint64_t at,
                        size_t chunk_end)
{
    size_t columns = x->columns.len, offsets = x->offsets.len;
    if (!p->unbounded)
        column_index(p, &x->columns);
    offset_index(p, at, &x->offsets);
    if (x->columns.len + x->offsets.len > x->limit) {
        x->columns.len = columns;
        x->offsets.len = offsets;
    }
    if ((x->n & (x->n + 1)) == 0) /* 0, 1, 3, 7, ...: double */
        x->ends = mr_realloc(x->ends, sizeof *x->ends * (2 * x->n + 2));
    x->ends[x->n++] = (struct mr_pq_index_ends){ chunk_end, x->columns.len, x->offsets.len };
}

void mr_pq_indexes_join(const struct mr_pq_indexes *x, const struct mr_buf *groups, uint64_t at,
                        struct mr_buf *out)
{
    struct mr_pq_index_ends from = { 0 };
    for (size_t i = 0; i < x->n; i++) {
        const struct mr_pq_index_ends *to = &x->ends[i];
        struct mr_thrift t = { .out = out, .last = { 3 } }; /* a ColumnChunk after its metadata */
        mr_buf_append(out, groups->data + from.chunk, to->chunk - from.chunk);
        if (to->offsets > from.offsets) {
            mr_thrift_i64(&t, 4, (int64_t)(at + x->columns.len + from.offsets));
            mr_thrift_i32(&t, 5, (int32_t)(to->offsets - from.offsets));
        }
        if (to->columns > from.columns) {
            mr_thrift_i64(&t, 6, (int64_t)(at + from.columns));
            mr_thrift_i32(&t, 7, (int32_t)(to->columns - from.columns));
        }
        mr_thrift_struct_end(&t);
        from = *to;
    }
    mr_buf_append(out, mr_buf_str(groups) + from.chunk, groups->len - from.chunk);
}

void mr_pq_indexes_release(struct mr_pq_indexes *x)
{
    mr_buf_release(&x->columns);
    mr_buf_release(&x->offsets);
    mr_free(x->ends);
}
