/*
 * bytes_hash.h - hash and compare short texts in registers, for tables of distinct values.
 *
 * Rule       the hash is for tables in memory alone: nothing that is stored hangs on it
 * Thread     pure.
 */
#ifndef MR_COLUMN_BYTES_HASH_H
#define MR_COLUMN_BYTES_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifndef XXH_INLINE_ALL
#define XXH_INLINE_ALL
#endif
#include <xxhash.h>

/* Both halves of the product: values that differ in their high bits alone (doubles, the end of a text) would else share
 * their low bits, and a slot is chosen by those. */
static inline uint32_t mr_hash_fold(uint64_t a, uint64_t b)
{
    unsigned __int128 p = (unsigned __int128)a * b;
    uint64_t h = (uint64_t)p ^ (uint64_t)(p >> 64);
    return (uint32_t)h ^ (uint32_t)(h >> 32);
}

/* Up to 16 bytes as two words; every byte is in one of them at least. n <= 16. */
static inline void mr_load_short(const uint8_t *p, size_t n, uint64_t *a, uint64_t *b)
{
    uint32_t x, y;
    if (n >= 8) {
        memcpy(a, p, 8);
        memcpy(b, p + n - 8, 8);
    } else if (n >= 4) {
        memcpy(&x, p, 4);
        memcpy(&y, p + n - 4, 4);
        *a = x;
        *b = y;
    } else {
        *a = n ? (uint64_t)p[0] | (uint64_t)p[n / 2] << 8 | (uint64_t)p[n - 1] << 16 : 0;
        *b = 0;
    }
}

/** mr_hash_short - mr_hash_bytes of n bytes that are loaded as a and b. */
static inline uint32_t mr_hash_short(uint64_t a, uint64_t b, size_t n)
{
    return mr_hash_fold(a ^ 0x9E3779B97F4A7C15u ^ n, b ^ 0xC2B2AE3D27D4EB4Fu);
}

static inline uint32_t mr_hash_bytes(const uint8_t *p, size_t n)
{
    uint64_t a, b;
    if (n > 16)
        return (uint32_t)XXH3_64bits(p, n);
    mr_load_short(p, n, &a, &b);
    return mr_hash_short(a, b, n);
}

static inline bool mr_same_bytes(const uint8_t *p, const uint8_t *q, size_t n)
{
    uint64_t a, b, c, d;
    if (n > 16)
        return memcmp(p, q, n) == 0;
    mr_load_short(p, n, &a, &b);
    mr_load_short(q, n, &c, &d);
    return a == c && b == d;
}

#endif
