/*
 * What        DELTA_BINARY_PACKED of 32 and 64 bit integers
 * Guarantees  the last block is padded to whole miniblocks of width 0 or its own; readers need no more than n
 * Why         three tight loops per block (differences, widths, packing), no branch per value
 * Source      parquet-format Encodings.md
 */
#include "lake/parquet/delta_pack.h"

#include <string.h>

#define BLOCK 128
#define MINI 32
#define MINIS (BLOCK / MINI)

static int width_of(uint64_t all_bits)
{
    return all_bits ? 64 - __builtin_clzll(all_bits) : 0;
}

/* 32 values of `width` bits each, least significant first: 4 * width bytes. */
static uint8_t *pack_mini(uint8_t *p, const uint64_t *v, int width)
{
    uint64_t acc = 0;
    int bits = 0;
    for (int i = 0; i < MINI && width; i++) {
        acc |= v[i] << bits;
        bits += width;
        if (bits < 64)
            continue;
        memcpy(p, &acc, 8);
        p += 8;
        bits -= 64;
        acc = bits ? v[i] >> (width - bits) : 0;
    }
    if (bits) { /* 32 * width is a multiple of 32 */
        memcpy(p, &acc, 4);
        p += 4;
    }
    return p;
}

/* d[0..n) are differences less their minimum; the rest is 0. */
static void put_block(struct mr_buf *out, int64_t least, const uint64_t *d, size_t n)
{
    mr_buf_reserve(out, 10 + MINIS + BLOCK * 8);
    mr_buf_put_zigzag(out, least);
    uint8_t *widths = (uint8_t *)out->data + out->len, *p = widths + MINIS;
    for (int m = 0; m < MINIS; m++) {
        uint64_t bits = 0;
        for (int i = 0; i < MINI; i++)
            bits |= d[m * MINI + i];
        widths[m] = (uint8_t)width_of(bits);
        if ((size_t)m * MINI < n)
            p = pack_mini(p, d + m * MINI, widths[m]);
        else
            widths[m] = 0;
    }
    out->len = (size_t)((char *)p - out->data);
    out->data[out->len] = '\0';
}

#define DEFINE_DELTA(name, type, utype)                                                            \
    void name(struct mr_buf *out, const void *values, size_t n)                                    \
    {                                                                                              \
        type v[BLOCK + 1], diff[BLOCK];                                                            \
        uint64_t d[BLOCK];                                                                         \
        memcpy(v, values, sizeof *v);                                                              \
        mr_buf_put_varint(out, BLOCK);                                                             \
        mr_buf_put_varint(out, MINIS);                                                             \
        mr_buf_put_varint(out, n);                                                                 \
        mr_buf_put_zigzag(out, v[0]);                                                              \
        for (size_t at = 1; at < n; at += BLOCK) {                                                 \
            size_t k = n - at < BLOCK ? n - at : BLOCK;                                            \
            memcpy(v, (const char *)values + (at - 1) * sizeof *v, (k + 1) * sizeof *v);           \
            for (size_t i = 0; i < k; i++)                                                         \
                diff[i] = (type)((utype)v[i + 1] - (utype)v[i]);                                   \
            type least = diff[0];                                                                  \
            for (size_t i = 1; i < k; i++)                                                         \
                least = diff[i] < least ? diff[i] : least;                                         \
            for (size_t i = 0; i < k; i++)                                                         \
                d[i] = (utype)((utype)diff[i] - (utype)least);                                     \
            memset(d + k, 0, (BLOCK - k) * sizeof *d);                                             \
            put_block(out, least, d, k);                                                           \
        }                                                                                          \
    }

DEFINE_DELTA(mr_delta_i32, int32_t, uint32_t)
DEFINE_DELTA(mr_delta_i64, int64_t, uint64_t)
