/*
 * What        split-block Bloom filters
 * Guarantees  no false "not here"; at most 1 % false "maybe" unless the limit is too small
 * Why         neighbouring blocks of a filter OR-ed are the filter of half the size, so the number of distinct values need
 *             not be known before: it shows in how many bits are set
 * Source      parquet-format BloomFilter.md
 */
#include "lake/parquet/bloom.h"

#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/mem.h"
#include "lake/parquet/thrift.h"

#define BLOCK_WORDS 8
#define BLOCK_BYTES ((size_t)32)
static const uint32_t g_salt[BLOCK_WORDS] = { 0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d,
                                              0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31 };

void mr_pq_bloom_begin(struct mr_pq_bloom *b, size_t n)
{
    size_t want = BLOCK_BYTES;
    while (want < b->limit && want / 5 * 4 < n) /* 10 bits a value and more */
        want *= 2;
    if (want > b->cap) {
        mr_free(b->blocks);
        b->blocks = mr_alloc(want);
        b->cap = want;
    }
    b->bytes = want;
    memset(b->blocks, 0, want);
}

void mr_pq_bloom_add(struct mr_pq_bloom *b, const void *p, size_t n)
{
    uint64_t h = XXH64(p, n, 0);
    if (b->bytes == 0)
        mr_pq_bloom_begin(b, SIZE_MAX);
    uint32_t *block = b->blocks + ((h >> 32) * (b->bytes / BLOCK_BYTES) >> 32) * BLOCK_WORDS;
    for (int i = 0; i < BLOCK_WORDS; i++)
        block[i] |= (uint32_t)1 << ((uint32_t)h * g_salt[i] >> 27);
}

/* The share of absent values that would hear "maybe" if each `step` neighbouring blocks were one: in a block each of its 8
 * words is asked for one bit. Exact, where a formula over the number of values knows nothing of uneven blocks. */
static double false_maybe(const struct mr_pq_bloom *b, size_t step)
{
    double sum = 0;
    size_t n = b->bytes / BLOCK_BYTES;
    for (size_t i = 0; i < n; i += step) {
        double p = 1;
        for (size_t w = 0; w < BLOCK_WORDS; w++) {
            uint32_t bits = b->blocks[i * BLOCK_WORDS + w];
            if (step == 2)
                bits |= b->blocks[(i + 1) * BLOCK_WORDS + w];
            p *= __builtin_popcount(bits) / 32.0;
        }
        sum += p;
    }
    return sum * (double)step / (double)n;
}

static void fold(struct mr_pq_bloom *b)
{
    b->bytes /= 2;
    for (size_t i = 0; i < b->bytes / 4; i++) {
        size_t from = i / BLOCK_WORDS * 2 * BLOCK_WORDS + i % BLOCK_WORDS;
        b->blocks[i] = b->blocks[from] | b->blocks[from + BLOCK_WORDS];
    }
}

static void only_choice(struct mr_thrift *t, int16_t id)
{
    mr_thrift_struct_begin(t, id);
    mr_thrift_struct_begin(t, 1);
    mr_thrift_struct_end(t);
    mr_thrift_struct_end(t);
}

void mr_pq_bloom_end(struct mr_pq_bloom *b, struct mr_buf *out)
{
    while (b->bytes > BLOCK_BYTES && false_maybe(b, 2) <= 0.01)
        fold(b);
    if (b->bytes && false_maybe(b, 1) <= 0.1) {
        struct mr_thrift t = { .out = out };
        mr_thrift_i32(&t, 1, (int32_t)b->bytes);
        only_choice(&t, 2); /* BLOCK */
        only_choice(&t, 3); /* XXHASH */
        only_choice(&t, 4); /* UNCOMPRESSED */
        mr_thrift_struct_end(&t);
        mr_buf_append(out, b->blocks, b->bytes);
    }
    b->bytes = 0;
}

void mr_pq_bloom_release(struct mr_pq_bloom *b)
{
    mr_free(b->blocks);
}
