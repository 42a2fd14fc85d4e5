/*
 * What        columns of few distinct values: through a dictionary of the batch, and back to plain
 * Gets        the values of one column in the order of its rows
 * Guarantees  a column reads the same whether it is encoded or not; an encoded one is hardly larger than a plain one would
 *             be, at most by the `few` entries that its producer allows
 * Why         what a value costs behind the reader (hash, checksum, probe of the chunk's dictionary) is paid per entry; the
 *             indices take the place of the offsets, so that a batch is as large as its budget says
 */
#include "base/mem.h"
#include "column/builder.h"
#include "column/bytes_hash.h"

#define ENTRIES_MAX 4096 /* more distinct values are not few */
#define ROWS_AN_ENTRY 8  /* beyond `few`: besides its bytes an entry takes some 40 of memory */
#define ENTRIES_FIRST 64

/* The dictionary's `values`, of no use to a plain array of text, are the table: entry + 1, 0 free, linear probing, at most half
 * full. Buffers grow by doubling from 64 bytes, so that their number is a power of two. */
static uint16_t *slots_of(const struct mr_array *d)
{
    return (uint16_t *)(void *)d->values;
}

static size_t mask_of(const struct mr_array *d)
{
    return d->values_cap / sizeof(uint16_t) - 1;
}

static bool grow_slots(struct mr_array *d, size_t n)
{
    return mr_buffer_grow(&d->values, &d->values_cap, n * sizeof(uint16_t), 0);
}

static bool grow_offsets(struct mr_array *d, size_t entries)
{
    uint8_t *offsets = (uint8_t *)d->offsets;
    bool ok = mr_buffer_grow(&offsets, &d->offsets_cap, (entries + 1) * sizeof(int32_t), 0);
    d->offsets = (int32_t *)(void *)offsets;
    return ok;
}

/* The first value of the column in this batch, and only NULLs before it. False: no memory, and it stays plain. */
static __attribute__((noinline)) bool begin(struct mr_array *a, int64_t r)
{
    if (!a->dictionary)
        a->dictionary = mr_zalloc(1, sizeof *a->dictionary);
    struct mr_array *d = a->dictionary;
    if (!grow_slots(d, (size_t)4 * ENTRIES_FIRST) || !grow_offsets(d, ENTRIES_FIRST) ||
        !mr_buffer_grow(&d->data, &d->data_cap, 1, 0))
        return false;
    memset(d->values, 0, d->values_cap);
    d->length = 0;
    d->offsets[0] = 0;
    mr_free(a->values); /* of another column that these buffers were */
    a->values = (uint8_t *)a->offsets;
    a->values_cap = a->offsets_cap;
    a->offsets = NULL;
    a->offsets_cap = 0;
    a->encoded = true;
    memset(a->values, 0, (size_t)r * sizeof(int32_t));
    return true;
}

/* Where a text of more than 16 bytes is, or would be. */
static __attribute__((noinline)) size_t find_long(const struct mr_array *d, const uint8_t *p,
                                                  size_t n)
{
    const uint16_t *slots = slots_of(d);
    size_t mask = mask_of(d), s = mr_hash_bytes(p, n) & mask;
    for (unsigned k; (k = slots[s]) != 0; s = (s + 1) & mask) {
        int32_t start = d->offsets[k - 1];
        if ((size_t)(d->offsets[k] - start) == n && memcmp(d->data + start, p, n) == 0)
            break;
    }
    return s;
}

/* Where the value is, or would be. A short one is loaded once, to be hashed and compared. */
static inline size_t find(const struct mr_array *d, const uint8_t *p, size_t n)
{
    const uint16_t *slots = slots_of(d);
    uint64_t a, b, x, y;
    if (n > 16)
        return find_long(d, p, n);
    mr_load_short(p, n, &a, &b);
    size_t mask = mask_of(d), s = mr_hash_short(a, b, n) & mask;
    for (unsigned k; (k = slots[s]) != 0; s = (s + 1) & mask) {
        int32_t start = d->offsets[k - 1];
        if ((size_t)(d->offsets[k] - start) != n)
            continue;
        mr_load_short(d->data + start, n, &x, &y);
        if (a == x && b == y)
            break;
    }
    return s;
}

/* False: no memory, nothing has changed. */
static __attribute__((noinline)) bool rehash(struct mr_array *d)
{
    if (!grow_slots(d, 2 * (mask_of(d) + 1)))
        return false;
    uint16_t *slots = slots_of(d);
    size_t mask = mask_of(d), s;
    memset(d->values, 0, d->values_cap);
    for (int64_t i = 0; i < d->length; i++) {
        size_t n;
        const uint8_t *p = mr_array_bytes(d, i, &n);
        for (s = mr_hash_bytes(p, n) & mask; slots[s]; s = (s + 1) & mask) {
        }
        slots[s] = (uint16_t)(i + 1);
    }
    return true;
}

/* False: there are too many, or no memory. */
static __attribute__((noinline)) bool insert(struct mr_array *d, size_t slot, int64_t r,
                                             const void *p, size_t n, int few)
{
    int64_t k = d->length;
    if (k >= ENTRIES_MAX || (k >= few && ROWS_AN_ENTRY * k > r))
        return false;
    if (!grow_offsets(d, (size_t)k + 1) || mr_put_bytes(d, k, p, n, NULL) != MR_OK)
        return false;
    slots_of(d)[slot] = (uint16_t)++d->length;
    if (2 * (size_t)d->length <= mask_of(d) || rehash(d))
        return true;
    d->length--; /* the column is decoded, and the table thrown away */
    return false;
}

enum mr_code mr_put_entry(struct mr_array *a, int64_t r, const void *p, size_t n, int few,
                          struct mr_error *err)
{
    if (!a->encoded && (a->null_count != r || !begin(a, r)))
        return mr_put_bytes(a, r, p, n, err);
    struct mr_array *d = a->dictionary;
    size_t s = find(d, p, n);
    int32_t k = slots_of(d)[s];
    if (__builtin_expect(k == 0, 0)) {
        if (!insert(d, s, r, p, n, few)) {
            enum mr_code rc = mr_array_decode(a, r, err);
            if (rc == MR_OK)
                mr_array_free_dictionary(a); /* the next batch will hardly want it */
            return rc == MR_OK ? mr_put_bytes(a, r, p, n, err) : rc;
        }
        k = (int32_t)d->length;
    }
    mr_put_i32(a, r, k - 1);
    return MR_OK;
}

/* ---- back to plain ---- */

void mr_array_forget_indices(struct mr_array *a)
{
    a->offsets = (int32_t *)(void *)a->values;
    a->offsets_cap = a->values_cap;
    a->offsets[0] = 0;
    a->values = NULL;
    a->values_cap = 0;
    a->encoded = false;
}

/* Where the data of each row ends, in the place of its index. */
static void copy_entries(struct mr_array *a, int64_t rows)
{
    int32_t *v = (int32_t *)(void *)a->values, k = v[0], at = 0;
    const struct mr_array *d = a->dictionary;
    v[0] = 0;
    for (int64_t r = 0; r < rows; r++) {
        bool null = mr_array_is_null(a, r);
        int32_t start = null ? 0 : d->offsets[k], n = null ? 0 : d->offsets[k + 1] - start;
        if (n)
            mr_copy_bytes(a->data + at, d->data + start, (size_t)n);
        at += n;
        k = v[r + 1];
        v[r + 1] = at;
    }
}

enum mr_code mr_array_decode(struct mr_array *a, int64_t rows, struct mr_error *err)
{
    const int32_t *k = mr_array_indices(a);
    size_t need = 0;
    if (!a->encoded)
        return MR_OK;
    for (int64_t r = 0; r < rows; r++)
        if (!mr_array_is_null(a, r))
            need += (size_t)(a->dictionary->offsets[k[r] + 1] - a->dictionary->offsets[k[r]]);
    if (need > INT32_MAX)
        return mr_fail(err, MR_ID_COL01, "a batch column would grow to %zu bytes (limit 2 GiB)",
                       need);
    if (!mr_buffer_grow(&a->values, &a->values_cap, ((size_t)rows + 1) * sizeof(int32_t), 0) ||
        !mr_buffer_grow(&a->data, &a->data_cap, need, 0))
        return mr_fail(err, MR_ID_COL01, "no memory for a column of %zu bytes", need);
    copy_entries(a, rows);
    mr_array_forget_indices(a);
    return MR_OK;
}
