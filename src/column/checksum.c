/*
 * What        checksum mr1 over batches, column by column
 * Guarantees  independent of row order and batch borders; a value moved to another column or row changes the sum
 * Why         a 64x64->128 multiply per cell is the cheapest mixer that keeps all its input (the halves are carried
 *             on by an add and a rotated xor, so no operand can erase the state)
 * Source      docs/checksum.md; XXH3 for the bytes of strings
 */
#include "column/checksum.h"

#include <stdio.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/buf.h"
#include "base/mem.h"

#define K_LO 0x9E3779B97F4A7C15u
#define K_HI 0xC2B2AE3D27D4EB4Fu
#define K_TAG 0xD6E8FEB86659FD93u

static inline void mix(uint64_t *s, uint64_t word, uint64_t tag)
{
    uint64_t a = s[0] ^ word, b = s[1] + tag * K_TAG + K_HI;
    unsigned __int128 p = (unsigned __int128)a * (b | 1);
    s[0] = (uint64_t)p + b;
    s[1] = (uint64_t)(p >> 64) ^ ((a << 23) | (a >> 41));
}

/* A value's tag: 0 for NULL, 2 * length + 1 otherwise. */
static inline uint64_t tag_of(uint64_t length)
{
    return 2 * length + 1;
}

/* Rows are mixed in blocks that stay in the first cache, all columns of a block before the next block. */
#define BLOCK 1024

#define MIX_FIXED(ctype)                                                                           \
    do {                                                                                           \
        const ctype *v = (const ctype *)(const void *)a->values + from;                            \
        if (a->null_count == 0) {                                                                  \
            for (int64_t r = 0; r < n; r++)                                                        \
                mix(s + 2 * r, (uint64_t)v[r], tag_of(sizeof *v));                                 \
            break;                                                                                 \
        }                                                                                          \
        for (int64_t r = 0; r < n; r++) {                                                          \
            bool null = mr_array_is_null(a, from + r);                                             \
            mix(s + 2 * r, null ? 0 : (uint64_t)v[r], null ? 0 : tag_of(sizeof *v));               \
        }                                                                                          \
    } while (0)

static void mix_i128(uint64_t *s, const struct mr_array *a, int64_t from, int64_t n)
{
    for (int64_t r = 0; r < n; r++) {
        uint64_t w[2];
        memcpy(w, a->values + 16 * (from + r), 16);
        bool null = mr_array_is_null(a, from + r);
        mix(s + 2 * r, null ? 0 : w[0], null ? 0 : tag_of(16));
        if (!null)
            mix(s + 2 * r, w[1], tag_of(16));
    }
}

static void mix_bool(uint64_t *s, const struct mr_array *a, int64_t from, int64_t n)
{
    for (int64_t r = 0; r < n; r++) {
        bool null = mr_array_is_null(a, from + r);
        uint64_t v = (a->values[(from + r) >> 3] >> ((from + r) & 7)) & 1u;
        mix(s + 2 * r, null ? 0 : v, null ? 0 : tag_of(1));
    }
}

static void mix_bytes(uint64_t *s, const struct mr_array *a, int64_t from, int64_t n)
{
    for (int64_t r = 0; r < n; r++) {
        int32_t start = a->offsets[from + r];
        size_t len = (size_t)(a->offsets[from + r + 1] - start);
        bool null = mr_array_is_null(a, from + r);
        uint64_t h = null ? 0 : XXH3_64bits(a->data ? a->data + start : NULL, len);
        mix(s + 2 * r, h, null ? 0 : tag_of(len));
    }
}

/* ---- encoded columns: each entry is hashed once per batch ---- */

/* What an entry is to its cells: the hash of its bytes, and its tag. */
struct known {
    uint64_t hash, tag;
};

static struct known *hash_entries(const struct mr_array *a)
{
    const struct mr_array *d = a->dictionary;
    struct known *k = mr_alloc(sizeof *k * ((size_t)d->length + 1));
    for (int64_t i = 0; i < d->length; i++) {
        size_t n;
        const uint8_t *p = mr_array_bytes(d, i, &n);
        k[i] = (struct known){ XXH3_64bits(p, n), tag_of(n) };
    }
    return k;
}

/* NULL: nothing is encoded. */
static struct known **hash_dictionaries(const struct mr_batch *b)
{
    struct known **all = NULL;
    for (int i = 0; i < b->schema->n_fields; i++) {
        if (!b->columns[i].encoded)
            continue;
        if (!all)
            all = mr_zalloc((size_t)b->schema->n_fields, sizeof(struct known *));
        all[i] = hash_entries(&b->columns[i]);
    }
    return all;
}

static void forget_dictionaries(struct known **all, int n)
{
    for (int i = 0; all && i < n; i++)
        mr_free(all[i]);
    mr_free(all);
}

/* NULLs of `_rescued` do not count, see below. */
static void mix_encoded(uint64_t *s, const struct mr_array *a, const struct known *known,
                        bool rescued, int64_t from, int64_t n)
{
    const int32_t *v = mr_array_indices(a) + from;
    for (int64_t r = 0; r < n; r++) {
        bool null = mr_array_is_null(a, from + r);
        if (null && rescued)
            continue;
        mix(s + 2 * r, null ? 0 : known[v[r]].hash, null ? 0 : known[v[r]].tag);
    }
}

/* ---- nested cells: their canonical bytes, mixed as those of a binary value ---- */

static void put_cell(const struct mr_field *f, const struct mr_array *a, int64_t r,
                     struct mr_buf *out);

static void put_elements(const struct mr_field *f, const struct mr_array *a, int64_t r,
                         struct mr_buf *out)
{
    uint32_t n = (uint32_t)(a->offsets[r + 1] - a->offsets[r]);
    mr_buf_append(out, &n, 4);
    for (int64_t k = a->offsets[r]; k < a->offsets[r + 1]; k++)
        for (int i = 0; i < f->n_children; i++)
            put_cell(&f->children[i], &a->children[i], k, out);
}

static void put_cell(const struct mr_field *f, const struct mr_array *a, int64_t r,
                     struct mr_buf *out)
{
    size_t w = (size_t)mr_type_width(f->type);
    bool null = mr_array_is_null(a, r);
    mr_buf_putc(out, null ? 0 : 1);
    if (null)
        return;
    if (w) {
        mr_buf_append(out, a->values + w * (size_t)r, w);
    } else if (f->type.id == MR_TYPE_BOOL) {
        mr_buf_putc(out, (char)((a->values[r >> 3] >> (r & 7)) & 1));
    } else if (f->type.id == MR_TYPE_STRUCT) {
        for (int i = 0; i < f->n_children; i++)
            put_cell(&f->children[i], &a->children[i], r, out);
    } else if (f->n_children) {
        put_elements(f, a, r, out);
    } else {
        size_t len;
        const uint8_t *p = mr_array_bytes(a, r, &len);
        uint32_t n = (uint32_t)len;
        mr_buf_append(out, &n, 4);
        mr_buf_append(out, p, n);
    }
}

static void mix_nested(const struct mr_field *f, uint64_t *s, const struct mr_array *a,
                       int64_t from, int64_t n)
{
    struct mr_buf cell = { 0 };
    for (int64_t r = 0; r < n; r++) {
        bool null = mr_array_is_null(a, from + r);
        cell.len = 0;
        if (!null)
            put_cell(f, a, from + r, &cell);
        mix(s + 2 * r, null ? 0 : XXH3_64bits(mr_buf_str(&cell), cell.len),
            null ? 0 : tag_of(cell.len));
    }
    mr_buf_release(&cell);
}

/* What was rescued counts where there is something: a table without the column has the same sum. */
static void mix_rescued(uint64_t *s, const struct mr_array *a, int64_t from, int64_t n)
{
    for (int64_t r = 0; r < n; r++)
        if (!mr_array_is_null(a, from + r))
            mix_bytes(s + 2 * r, a, from + r, 1);
}

static bool is_rescued(const struct mr_field *f)
{
    return f->type.id == MR_TYPE_STRING && strcmp(f->name, MR_RESCUED) == 0;
}

static void mix_column(const struct mr_field *f, const struct mr_array *a,
                       const struct known *known, uint64_t *s, int64_t from, int64_t n)
{
    struct mr_type t = f->type;
    int width = mr_type_width(t);
    if (known)
        mix_encoded(s, a, known, is_rescued(f), from, n);
    else if (t.id == MR_TYPE_BOOL)
        mix_bool(s, a, from, n);
    else if (f->n_children)
        mix_nested(f, s, a, from, n);
    else if (is_rescued(f))
        mix_rescued(s, a, from, n);
    else if (width == 0)
        mix_bytes(s, a, from, n);
    else if (width == 1)
        MIX_FIXED(uint8_t);
    else if (width == 2)
        MIX_FIXED(uint16_t);
    else if (width == 4)
        MIX_FIXED(uint32_t);
    else if (width == 8)
        MIX_FIXED(uint64_t);
    else
        mix_i128(s, a, from, n);
}

void mr_checksum_add(struct mr_checksum *c, const struct mr_batch *b)
{
    uint64_t rows[2 * BLOCK];
    struct known **known = hash_dictionaries(b);
    for (int64_t from = 0; from < b->n_rows; from += BLOCK) {
        int64_t n = b->n_rows - from < BLOCK ? b->n_rows - from : BLOCK;
        for (int64_t r = 0; r < n; r++)
            rows[2 * r] = K_LO, rows[2 * r + 1] = K_HI;
        for (int i = 0; i < b->schema->n_fields; i++)
            mix_column(&b->schema->fields[i], &b->columns[i], known ? known[i] : NULL, rows, from,
                       n);
        for (int64_t r = 0; r < n; r++) {
            mix(rows + 2 * r, 0, 0); /* so that the last column is spread over all bits */
            mr_checksum_merge(c->sum, rows + 2 * r);
        }
    }
    c->n_rows += b->n_rows;
    forget_dictionaries(known, b->schema->n_fields);
}

void mr_checksum_merge(uint64_t sum[2], const uint64_t other[2])
{
    sum[0] += other[0];
    sum[1] += other[1] + (sum[0] < other[0]);
}

char *mr_checksum_text(const uint64_t sum[2], char *buf)
{
    snprintf(buf, MR_CHECKSUM_TEXT, "mr1:%016llx%016llx", (unsigned long long)sum[1],
             (unsigned long long)sum[0]);
    return buf;
}

bool mr_checksum_parse(const char *s, uint64_t ret[2])
{
    unsigned long long hi, lo;
    int used = 0;
    if (sscanf(s, "mr1:%16llx%16llx%n", &hi, &lo, &used) != 2 || used != 36 || s[36])
        return false;
    ret[0] = lo;
    ret[1] = hi;
    return true;
}
