/*
 * What        RLE / bit-packing hybrid
 * Guarantees  at most 9/8 of the bit-packed size
 * Source      parquet-format Encodings.md
 */
#include "lake/parquet/rle.h"

int mr_rle_width(uint32_t max)
{
    return max ? 32 - __builtin_clz(max) : 0;
}

void mr_rle_run(struct mr_buf *out, uint32_t value, size_t n, int width)
{
    mr_buf_put_varint(out, (uint64_t)n << 1);
    mr_buf_append(out, &value, (size_t)(width + 7) / 8);
}

/* n values, padded with zeros to a multiple of 8; through a 64-bit accumulator. */
#define DEFINE_PACK(name, type)                                                                    \
    static void name(struct mr_buf *out, const type *v, size_t n, int width)                       \
    {                                                                                              \
        size_t groups = (n + 7) / 8;                                                               \
        mr_buf_put_varint(out, (uint64_t)groups << 1 | 1);                                         \
        mr_buf_reserve(out, groups *(size_t)width + 8);                                            \
        uint8_t *p = (uint8_t *)out->data + out->len, *end = p + groups * (size_t)width;           \
        uint64_t acc = 0;                                                                          \
        int bits = 0;                                                                              \
        for (size_t i = 0; i < n; i++) {                                                           \
            acc |= (uint64_t)v[i] << bits;                                                         \
            bits += width;                                                                         \
            if (bits >= 32) {                                                                      \
                uint32_t word = (uint32_t)acc;                                                     \
                memcpy(p, &word, 4);                                                               \
                p += 4;                                                                            \
                acc >>= 32;                                                                        \
                bits -= 32;                                                                        \
            }                                                                                      \
        }                                                                                          \
        for (; p < end; p++, acc >>= 8)                                                            \
            *p = (uint8_t)acc;                                                                     \
        out->len = (size_t)((char *)end - out->data);                                              \
        out->data[out->len] = '\0';                                                                \
    }

/* Walk over v: literals are collected until a run of 8 begins on a group border. */
#define DEFINE_HYBRID(name, type, pack)                                                            \
    static void name(struct mr_buf *out, const type *v, size_t n, int width)                       \
    {                                                                                              \
        size_t literal = 0, i = 0;                                                                 \
        while (i < n) {                                                                            \
            size_t run = 1;                                                                        \
            while (i + run < n && v[i + run] == v[i])                                              \
                run++;                                                                             \
            size_t pad = (8 - (i - literal) % 8) % 8; /* what the open group still needs */        \
            if (run >= pad + 8) {                                                                  \
                i += pad;                                                                          \
                run -= pad;                                                                        \
                if (i > literal)                                                                   \
                    pack(out, v + literal, i - literal, width);                                    \
                mr_rle_run(out, v[i], run, width);                                                 \
                i += run;                                                                          \
                literal = i;                                                                       \
            } else {                                                                               \
                i += run;                                                                          \
            }                                                                                      \
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
    hybrid_u32(out, v, n, width);
}

void mr_rle_levels(struct mr_buf *out, const uint8_t *v, size_t n, int width)
{
    hybrid_u8(out, v, n, width);
}
