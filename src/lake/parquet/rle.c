/*
 * What        RLE / bit-packing hybrid
 * Guarantees  at most twice the bit-packed size, as with runs of 8 values of one bit
 * Source      parquet-format Encodings.md
 */
#include "lake/parquet/rle.h"

#include <assert.h>
#include <string.h>

int mr_rle_width(uint32_t max)
{
    return max ? 32 - __builtin_clz(max) : 0;
}

void mr_rle_run(struct mr_buf *out, uint32_t value, size_t n, int width)
{
    mr_buf_put_varint(out, (uint64_t)n << 1);
    mr_buf_append(out, &value, (size_t)(width + 7) / 8);
}

/* Eight values as the two halves of eight times `width` bits, least significant first. width <= 16. */
#define PACK_HALF(v, width)                                                                        \
    ((uint64_t)(v)[0] | (uint64_t)(v)[1] << (width) | (uint64_t)(v)[2] << 2 * (width) |            \
     (uint64_t)(v)[3] << 3 * (width))

/* n values, padded with zeros to a multiple of 8; a group of 8 at a time, always stored as 16 bytes: hence the room behind. */
#define DEFINE_PACK(name, type)                                                                    \
    static void name(struct mr_buf *out, const type *v, size_t n, int width)                       \
    {                                                                                              \
        size_t groups = (n + 7) / 8;                                                               \
        mr_buf_put_varint(out, (uint64_t)groups << 1 | 1);                                         \
        mr_buf_reserve(out, groups *(size_t)width + 16);                                           \
        uint8_t *p = (uint8_t *)out->data + out->len;                                              \
        for (size_t i = 0; i < n; i += 8, p += width) {                                            \
            type rest[8] = { 0 };                                                                  \
            const type *g = v + i;                                                                 \
            if (n - i < 8)                                                                         \
                g = memcpy(rest, g, (n - i) * sizeof *g);                                          \
            unsigned __int128 bits = PACK_HALF(g, width);                                          \
            bits |= (unsigned __int128)PACK_HALF(g + 4, width) << 4 * width;                       \
            memcpy(p, &bits, 16);                                                                  \
        }                                                                                          \
        out->len = (size_t)((char *)p - out->data);                                                \
        out->data[out->len] = '\0';                                                                \
    }

/* Whether eight values are the same one: they are, when each is its neighbour. */
#define SAME_8(v) (memcmp((v), (v) + 1, 7 * sizeof *(v)) == 0)

/* Groups of eight: literals are collected until one is a single value, which is a run from there on. */
#define DEFINE_HYBRID(name, type, pack)                                                            \
    static void name(struct mr_buf *out, const type *v, size_t n, int width)                       \
    {                                                                                              \
        size_t literal = 0, i = 0;                                                                 \
        while (i + 8 <= n) {                                                                       \
            if (!SAME_8(v + i)) {                                                                  \
                i += 8;                                                                            \
                continue;                                                                          \
            }                                                                                      \
            size_t run = 8;                                                                        \
            while (i + run < n && v[i + run] == v[i])                                              \
                run++;                                                                             \
            if (i > literal)                                                                       \
                pack(out, v + literal, i - literal, width);                                        \
            mr_rle_run(out, v[i], run, width);                                                     \
            i += run;                                                                              \
            literal = i;                                                                           \
        }                                                                                          \
        if (n > literal)                                                                           \
            pack(out, v + literal, n - literal, width);                                            \
    }

DEFINE_PACK(pack_u32, uint32_t)
DEFINE_PACK(pack_u8, uint8_t)
DEFINE_HYBRID(hybrid_u32, uint32_t, pack_u32)
DEFINE_HYBRID(hybrid_u8, uint8_t, pack_u8)

void mr_rle_u32(struct mr_buf *out, const uint32_t *v, size_t n, int width)
{
    if (width == 0) {
        mr_rle_run(out, 0, n, 0);
        return;
    }
    assert(width <= 16); /* a dictionary has 65,536 entries at most */
    hybrid_u32(out, v, n, width);
}

void mr_rle_levels(struct mr_buf *out, const uint8_t *v, size_t n, int width)
{
    hybrid_u8(out, v, n, width);
}
