/*
 * page_index.h - where the pages of a column chunk lie and what their values range over, for readers that skip pages.
 *
 *   page written ─▶ mr_pq_page_index_add ... chunk closed ─▶ mr_pq_indexes_keep ... footer:
 *   [row groups][ColumnIndex, one per chunk][OffsetIndex, one per chunk][footer: where they are]
 *
 * Rule       a chunk has both; no ColumnIndex when a page's bounds cannot be given (NaN, text beyond 64 KiB, a type without
 *            order in the statistics); neither when all that is kept would outgrow `limit`.
 * Memory     what is kept until the footer counts as held by the file.
 * Source     parquet-format PageIndex.md, parquet.thrift
 */
#ifndef MR_LAKE_PARQUET_PAGE_INDEX_H
#define MR_LAKE_PARQUET_PAGE_INDEX_H

#include <stdbool.h>

#include "lake/parquet/thrift.h"

struct mr_pq_column;
struct mr_pq_range;

/* The pages of the open chunk. */
struct mr_pq_page_index {
    size_t n;
    struct mr_buf pages;            /* struct page, one each */
    struct mr_buf mins, maxs;       /* one each, as elements of a thrift list */
    struct mr_buf last_lo, last_hi; /* bounds of the last page that has values */
    bool unbounded;                 /* a page's bounds cannot be given: no ColumnIndex */
    bool any, falls, rises;         /* between pages with values: some bound goes down, goes up */
};

/* Those of the closed chunks. */
struct mr_pq_indexes {
    size_t limit;
    struct mr_buf columns, offsets;
    size_t n;
    struct mr_pq_index_ends {
        size_t chunk, columns,
            offsets; /* where each ends: in the row groups' bytes and in the two above */
    } * ends;
};

/** mr_pq_page_index_add - the column's open page, which became so many bytes with its header. */
void mr_pq_page_index_add(struct mr_pq_page_index *x, const struct mr_pq_column *c, size_t bytes);
void mr_pq_page_index_clear(struct mr_pq_page_index *x);
void mr_pq_page_index_release(struct mr_pq_page_index *x);
size_t mr_pq_page_index_held(const struct mr_pq_page_index *x);

/** mr_pq_indexes_keep - a chunk whose first data page is at `at`; its ColumnChunk ends at `chunk_end`, still open. */
void mr_pq_indexes_keep(struct mr_pq_indexes *x, const struct mr_pq_page_index *p, uint64_t at,
                        size_t chunk_end);
/** mr_pq_indexes_join - `groups` with fields 4 to 7 in each ColumnChunk; `at`: where x->columns begins, offsets behind it. */
void mr_pq_indexes_join(const struct mr_pq_indexes *x, const struct mr_buf *groups, uint64_t at,
                        struct mr_buf *out);
void mr_pq_indexes_release(struct mr_pq_indexes *x);

#endif
