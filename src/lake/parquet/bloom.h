/*
 * bloom.h - a split-block Bloom filter of one column chunk: "this value is surely not here".
 *
 *   XXH64(PLAIN bytes) = [block: upper 32 bits][one bit in each of the block's 8 words: lower 32 bits]
 *
 * Memory     at most `limit`, a power of two; a filter of unknown size begins there and is folded at its end.
 * Thread     one at a time.
 * Source     parquet-format BloomFilter.md
 */
#ifndef MR_LAKE_PARQUET_BLOOM_H
#define MR_LAKE_PARQUET_BLOOM_H

#include <stdbool.h>

#include "base/buf.h"

struct mr_pq_bloom {
    size_t limit;     /* bytes at most; 0: the column has no filter */
    size_t bytes;     /* of the open chunk's filter; 0: nothing was added yet */
    size_t cap;       /* allocated */
    uint32_t *blocks; /* bytes / 4 words */
};

/** mr_pq_bloom_begin - empty, with room for n distinct values at 1 % (SIZE_MAX: as many as the limit allows). */
void mr_pq_bloom_begin(struct mr_pq_bloom *b, size_t n);
/** mr_pq_bloom_add - a value's PLAIN bytes, text without its length. */
void mr_pq_bloom_add(struct mr_pq_bloom *b, const void *p, size_t n);
/** mr_pq_bloom_end - fold to the least size of at most 1 %, append header and bits to out, be empty. Nothing is
 *  appended when the filter is so full that it would say "maybe" to a tenth of what is not there. */
void mr_pq_bloom_end(struct mr_pq_bloom *b, struct mr_buf *out);
void mr_pq_bloom_release(struct mr_pq_bloom *b);

#endif
