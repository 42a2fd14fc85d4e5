/*
 * What        takes the values of one column: into the dictionary or as they are, page by page
 * Gets        arrays in Arrow layout
 * Guarantees  pages end on row borders and hold at most page_bytes plus one value; a dictionary is given up early when
 *             more than half of its first values are distinct, and later when it outgrows its limit
 * Why         values go through blocks of 1,024 words, so that each step is a tight loop over one array; an entry of an encoded
 *             array is looked for when its first row comes, so that the file is that of a plain one, byte for byte
 * Source      parquet-format Encodings.md, parquet.thrift
 */
#include "lake/parquet/column_writer.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

#define BLOCK 1024
#define LOOK_AFTER 4096 /* values before the early decision */
#define UNKNOWN UINT32_MAX

static int fixed_length(int precision)
{
    static const uint8_t digits[] = { 2, 4, 6, 9, 11, 14, 16, 18, 21, 23, 26, 28, 31, 33, 36, 38 };
    for (int n = 0; n < 16; n++)
        if (precision <= digits[n])
            return n + 1;
    return 16;
}

static enum mr_pq_physical physical_of(const struct mr_field *f)
{
    struct mr_type t = f->type;
    if (f->physical == MR_PHYSICAL_INT96)
        return PQ_INT96;
    if (f->physical == MR_PHYSICAL_FIXED)
        return PQ_FIXED;
    switch (t.id) {
    case MR_TYPE_BOOL:
        return PQ_BOOLEAN;
    case MR_TYPE_INT8:
    case MR_TYPE_INT16:
    case MR_TYPE_INT32:
    case MR_TYPE_DATE:
        return PQ_INT32;
    case MR_TYPE_INT64:
    case MR_TYPE_TIMESTAMP:
    case MR_TYPE_TIMESTAMP_NTZ:
        return PQ_INT64;
    case MR_TYPE_FLOAT32:
        return PQ_FLOAT;
    case MR_TYPE_FLOAT64:
        return PQ_DOUBLE;
    case MR_TYPE_DECIMAL:
        return t.precision <= 9 ? PQ_INT32 : t.precision <= 18 ? PQ_INT64 : PQ_FIXED;
    case MR_TYPE_STRING:
    case MR_TYPE_BINARY:
    case MR_TYPE_LIST: /* their leaves have columns */
    case MR_TYPE_STRUCT:
    case MR_TYPE_MAP:
        break;
    }
    return PQ_BYTE_ARRAY;
}

static int64_t page_cap_rows(const struct mr_pq_column *c)
{
    size_t n = c->page_bytes / 4;
    return n > 65536 ? 65536 : n < 1024 ? 1024 : (int64_t)n;
}

static int plain_encoding_of(enum mr_pq_physical p, bool delta)
{
    if (delta && (p == PQ_INT32 || p == PQ_INT64))
        return PQ_DELTA;
    return delta && p == PQ_BYTE_ARRAY ? PQ_DELTA_LENGTH : PQ_PLAIN;
}

void mr_pq_column_init(struct mr_pq_column *c, const struct mr_pq_leaf *leaf,
                       struct mr_pq_codecs *codecs, const struct mr_pq_options *o)
{
    const struct mr_field *f = leaf->fields[leaf->depth - 1];
    *c = (struct mr_pq_column){ .leaf = leaf,
                                .field = f,
                                .codecs = codecs,
                                .page_bytes = o->page_bytes,
                                .physical = physical_of(f) };
    if (c->physical == PQ_FIXED || c->physical == PQ_INT96)
        c->fixed_len = c->physical == PQ_INT96 ? 12 : fixed_length(f->type.precision);
    c->plain_encoding = plain_encoding_of(c->physical, !o->plain_only);
    c->lead = c->plain_encoding == PQ_DELTA_LENGTH ? c->page_bytes / 8 : 0;
    c->dict.is_bytes = mr_pq_is_bytes(c);
    c->dict.limit_bytes = o->dictionary_bytes;
    c->dict.entry_bytes = c->physical == PQ_BYTE_ARRAY ? 4
                          : mr_pq_is_bytes(c)          ? 0
                                                       : mr_pq_word_width(c);
    c->dict.off = o->dictionary_bytes < 1024 || c->physical == PQ_BOOLEAN;
    c->page_is_dict = !c->dict.off;
}

void mr_pq_column_release(struct mr_pq_column *c)
{
    mr_free(c->levels);
    mr_free(c->reps);
    mr_free(c->indices);
    mr_free(c->known);
    mr_pq_entries_release(&c->entries);
    mr_pq_dict_release(&c->dict);
    mr_buf_release(&c->plain);
    mr_buf_release(&c->scratch);
    mr_buf_release(&c->pages);
    mr_pq_page_index_release(&c->index);
    mr_pq_bloom_release(&c->bloom);
    mr_pq_range_release(&c->page_range);
    mr_pq_range_release(&c->range);
    mr_pq_range_release(&c->file_range);
}

size_t mr_pq_column_held(const struct mr_pq_column *c)
{
    return c->pages.len + (c->chunk_has_dict ? c->dict.bytes / 2 : 0) +
           mr_pq_page_index_held(&c->index) + c->bloom.bytes;
}

/* ---- dictionary ---- */

static void plain_word(struct mr_pq_column *c, struct mr_buf *out, uint64_t w)
{
    mr_buf_append(out, &w, mr_pq_word_width(c));
}

static void plain_value(struct mr_pq_column *c, struct mr_buf *out, const void *p, size_t n)
{
    uint32_t len = (uint32_t)n;
    if (c->physical == PQ_BYTE_ARRAY)
        mr_buf_append(out, &len, 4);
    mr_buf_append(out, p, n);
}

/* The open page takes one value that is not in a dictionary. */
static void page_bytes_value(struct mr_pq_column *c, int64_t i, const void *p, size_t n)
{
    if (c->plain_encoding == PQ_DELTA_LENGTH) {
        c->indices[i] = (uint32_t)n;
        mr_buf_append(&c->plain, p, n);
    } else {
        plain_value(c, &c->plain, p, n);
    }
}

void mr_pq_dict_entry(struct mr_pq_column *c, uint32_t i, struct mr_buf *out)
{
    const struct mr_pq_dict *d = &c->dict;
    if (!mr_pq_is_bytes(c)) {
        plain_word(c, out, d->words[i]);
        return;
    }
    uint32_t start = i ? d->ends[i - 1] : 0;
    plain_value(c, out, d->data.data + start, d->ends[i] - start);
}

/* Would the texts that the open page holds as indices be more than a page holds? A few long ones can stand in many rows. */
static bool too_long_written_out(const struct mr_pq_column *c)
{
    const struct mr_pq_dict *d = &c->dict;
    size_t sum = 0;
    for (int64_t i = 0; i < c->page_values && sum <= c->page_bytes; i++) {
        uint32_t k = c->indices[i];
        sum += d->ends[k] - (k ? d->ends[k - 1] : 0);
    }
    return sum > c->page_bytes;
}

/* From here on without dictionary. What the open page holds as indices becomes values; false: that is too much, and the page
 * has to end as it is, before the row at hand. */
static bool dict_give_up(struct mr_pq_column *c)
{
    const struct mr_pq_dict *d = &c->dict;
    c->dict.off = true;
    if (c->physical == PQ_BYTE_ARRAY && c->page_entries > 0 && too_long_written_out(c))
        return false;
    mr_pq_dict_range(c);
    for (int64_t i = 0; i < c->page_values; i++) {
        uint32_t k = c->indices[i], start = mr_pq_is_bytes(c) && k ? d->ends[k - 1] : 0;
        if (mr_pq_is_bytes(c))
            page_bytes_value(c, i, d->data.data + start, d->ends[k] - start);
        else
            plain_word(c, &c->plain, d->words[k]);
    }
    c->page_is_dict = false;
    return true;
}

static void dict_look(struct mr_pq_column *c, size_t n)
{
    c->seen += (int64_t)n;
    if (c->dict.decided || c->seen < LOOK_AFTER)
        return;
    c->dict.decided = true;
    if (2 * (int64_t)c->dict.n > c->seen)
        (void)dict_give_up(c);
}

/* ---- values ---- */

/* Room for n entries in what the open page needs. */
static void make_room(struct mr_pq_column *c, int64_t n)
{
    bool nested = c->leaf->depth > 1, grow = n > c->cap;
    while (c->cap < n)
        c->cap = c->cap ? 2 * c->cap : page_cap_rows(c);
    if (nested && grow) {
        c->levels = mr_realloc(c->levels, (size_t)c->cap);
        c->reps = mr_realloc(c->reps, (size_t)c->cap);
    }
    if ((grow || !c->indices) && (c->page_is_dict || c->plain_encoding == PQ_DELTA_LENGTH))
        c->indices = mr_realloc(c->indices, sizeof *c->indices * (size_t)c->cap);
    if (c->plain.len < c->lead) {
        mr_buf_reserve(&c->plain, c->lead);
        c->plain.len = c->lead;
    }
}

static void note_levels(struct mr_pq_column *c, const struct mr_array *a, int64_t from, int64_t n)
{
    if (a->null_count == 0 && c->page_nulls == 0)
        return;
    if (!c->levels)
        c->levels = mr_alloc((size_t)c->cap);
    if (c->page_nulls == 0)
        memset(c->levels, 1, (size_t)c->page_rows);
    for (int64_t i = 0; i < n; i++) {
        bool null = mr_array_is_null(a, from + i);
        c->levels[c->page_rows + i] = !null;
        c->page_nulls += null;
    }
}

#define LOAD(type)                                                                                 \
    if (a->null_count == 0) {                                                                      \
        const type *v = (const type *)(const void *)a->values + from;                              \
        for (int64_t r = 0; r < n; r++)                                                            \
            words[r] = (uint64_t)(int64_t)v[r];                                                    \
        k = (size_t)n;                                                                             \
        break;                                                                                     \
    }                                                                                              \
    for (int64_t r = from; r < from + n; r++) {                                                    \
        words[k] = (uint64_t)(int64_t)((const type *)(const void *)a->values)[r];                  \
        k += !mr_array_is_null(a, r);                                                              \
    }

/* Values that are not NULL as 64-bit words: integers sign-extended, floats as bits. */
static size_t load_words(const struct mr_pq_column *c, const struct mr_array *a, int64_t from,
                         int64_t n, uint64_t *words)
{
    size_t k = 0;
    switch (mr_type_width(c->field->type)) {
    case 1:
        LOAD(int8_t)
        break;
    case 2:
        LOAD(int16_t)
        break;
    case 4:
        LOAD(int32_t)
        break;
    default:
        LOAD(int64_t)
    }
    for (size_t i = 0; c->field->physical == MR_PHYSICAL_MILLIS && i < k; i++)
        words[i] = (uint64_t)((int64_t)words[i] / 1000); /* checked: see check_millis */
    return k;
}

static void add_words(struct mr_pq_column *c, const uint64_t *words, size_t n)
{
    size_t i = 0, w = mr_pq_word_width(c);
    if (c->page_is_dict) {
        i = mr_pq_dict_words(&c->dict, words, n, c->indices + c->page_values);
        c->page_values += (int64_t)i;
        if (i < n)
            (void)dict_give_up(c); /* words are short enough */
        else
            dict_look(c, n);
    }
    if (i == n)
        return;
    mr_buf_reserve(&c->plain, (n - i) * w);
    char *p = c->plain.data + c->plain.len;
    for (size_t k = i; k < n && w == 4; k++, p += 4)
        memcpy(p, &words[k], 4);
    if (w == 8)
        memcpy(p, words + i, 8 * (n - i));
    c->plain.len += (n - i) * w;
    mr_pq_range_words(&c->page_range, c->field->type, words + i, n - i);
    for (size_t k = i; c->bloom.limit && k < n; k++)
        mr_pq_bloom_add(&c->bloom, &words[k], w);
    c->page_values += (int64_t)(n - i);
}

/* False: the open page ends before this row, see dict_give_up. So do the next three. */
static bool add_value(struct mr_pq_column *c, const void *p, size_t n)
{
    if (c->page_is_dict) {
        if (mr_pq_dict_bytes(&c->dict, p, n, &c->indices[c->page_values])) {
            c->page_values++;
            return true;
        }
        if (!dict_give_up(c))
            return false;
    }
    page_bytes_value(c, c->page_values, p, n);
    if (c->physical == PQ_BYTE_ARRAY)
        mr_pq_range_bytes(&c->page_range, p, n);
    if (c->bloom.limit)
        mr_pq_bloom_add(&c->bloom, p, n);
    c->page_values++;
    return true;
}

static void add_bool(struct mr_pq_column *c, const struct mr_array *a, int64_t from, int64_t n)
{
    for (int64_t r = from; r < from + n; r++) {
        if (mr_array_is_null(a, r))
            continue;
        if (c->page_values % 8 == 0)
            mr_buf_putc(&c->plain, 0);
        unsigned bit = (a->values[r >> 3] >> (r & 7)) & 1u;
        c->plain.data[c->plain.len - 1] |= (char)(bit << (c->page_values & 7));
        c->page_values++;
    }
}

static __attribute__((noinline)) bool add_fixed(struct mr_pq_column *c, const struct mr_array *a,
                                                int64_t r)
{
    __int128 v;
    uint8_t be[16];
    if (mr_type_width(c->field->type) == 16)
        memcpy(&v, a->values + 16 * r, 16);
    else
        v = ((const int64_t *)(const void *)a->values)[r];
    uint64_t word = (uint64_t)v;
    if (mr_type_width(c->field->type) == 16)
        mr_pq_range_i128(&c->page_range, v);
    else
        mr_pq_range_words(&c->page_range, c->field->type, &word, 1);
    mr_pq_big_endian(v, c->fixed_len, be);
    return add_value(c, be, (size_t)c->fixed_len);
}

#define DAY_US 86400000000LL
#define JULIAN_1970 2440588

/* Nanoseconds of the day, then the Julian day. */
static __attribute__((noinline)) bool add_int96(struct mr_pq_column *c, const struct mr_array *a,
                                                int64_t r)
{
    int64_t us = ((const int64_t *)(const void *)a->values)[r];
    int64_t days = us / DAY_US - (us % DAY_US < 0), nanos = (us - days * DAY_US) * 1000;
    int32_t julian = (int32_t)(days + JULIAN_1970);
    uint64_t word = (uint64_t)us;
    uint8_t bytes[12];
    memcpy(bytes, &nanos, 8);
    memcpy(bytes + 8, &julian, 4);
    mr_pq_range_words(&c->page_range, c->field->type, &word, 1);
    return add_value(c, bytes, sizeof bytes);
}

/* One row of text, binary, a wide decimal or an INT96. */
static inline bool add_row(struct mr_pq_column *c, const struct mr_array *a, int64_t r)
{
    if (__builtin_expect(c->physical == PQ_BYTE_ARRAY, 1)) {
        size_t n;
        const uint8_t *p = mr_array_bytes(a, r, &n);
        return add_value(c, p, n);
    }
    return c->physical == PQ_FIXED ? add_fixed(c, a, r) : add_int96(c, a, r);
}

/* The dictionary is given up, and what the open page holds stays in it. */
static bool page_must_end(const struct mr_pq_column *c)
{
    return c->page_is_dict && c->dict.off;
}

static bool page_is_full(const struct mr_pq_column *c)
{
    return c->page_entries >= page_cap_rows(c) || c->plain.len >= c->page_bytes + c->lead ||
           page_must_end(c);
}

/* Texts that are in the dictionary or go into it; returns how many rows were taken: fewer than n when it is full. */
static int64_t add_known_texts(struct mr_pq_column *c, const struct mr_array *a, int64_t from,
                               int64_t n)
{
    int64_t r = from;
    for (; r < from + n; r++) {
        if (mr_array_is_null(a, r))
            continue;
        if (!mr_pq_dict_bytes(&c->dict, a->data + a->offsets[r],
                              (size_t)(a->offsets[r + 1] - a->offsets[r]),
                              &c->indices[c->page_values]))
            break;
        c->page_values++;
    }
    return r - from;
}

/* Before the rows of an encoded array. */
static void know_nothing(struct mr_pq_column *c, const struct mr_array *a)
{
    size_t n = (size_t)a->dictionary->length;
    if (n > c->known_cap) {
        mr_free(c->known);
        c->known = mr_alloc(n * sizeof *c->known);
        c->known_cap = n;
    }
    if (n)
        memset(c->known, 0xFF, n * sizeof *c->known);
}

/* add_known_texts for an encoded array: one probe per entry that occurs. */
static int64_t add_known_entries(struct mr_pq_column *c, const struct mr_array *a, int64_t from,
                                 int64_t n)
{
    const int32_t *v = mr_array_indices(a);
    int64_t r = from;
    for (; r < from + n; r++) {
        if (mr_array_is_null(a, r))
            continue;
        uint32_t k = c->known[v[r]];
        if (__builtin_expect(k == UNKNOWN, 0)) {
            size_t len;
            const uint8_t *p = mr_array_bytes(a, r, &len);
            if (!mr_pq_dict_bytes(&c->dict, p, len, &k))
                break;
            c->known[v[r]] = k;
        }
        c->indices[c->page_values++] = k;
    }
    return r - from;
}

/* Texts that go into no dictionary, into a page that has lengths and bytes apart: as it has nothing between two texts, and nor
 * has a plain array (a NULL is empty there), their bytes are copied at once. Returns how many rows the page took. */
static int64_t add_plain_texts(struct mr_pq_column *c, const struct mr_array *a, int64_t from,
                               int64_t n)
{
    const int32_t *at = a->offsets + from;
    size_t bytes = 0, before = c->plain.len, full = c->page_bytes + c->lead;
    int64_t r = 0;
    for (; r < n && before + bytes < full; r++) {
        size_t len = (size_t)(at[r + 1] - at[r]);
        const uint8_t *p = a->data + at[r];
        bytes += len;
        if (mr_array_is_null(a, from + r)) {
            assert(len == 0);
            continue;
        }
        c->indices[c->page_values++] = (uint32_t)len;
        mr_pq_range_bytes(&c->page_range, p, len);
        if (c->bloom.limit)
            mr_pq_bloom_add(&c->bloom, p, len);
    }
    mr_buf_append(&c->plain, a->data + at[0], bytes);
    return r;
}

/* At most n rows that fit the open page; returns how many were taken. */
static int64_t add_bytes(struct mr_pq_column *c, const struct mr_array *a, int64_t from, int64_t n)
{
    int64_t taken = 0;
    if (c->page_is_dict && c->physical == PQ_BYTE_ARRAY) {
        taken = a->encoded ? add_known_entries(c, a, from, n) : add_known_texts(c, a, from, n);
        if (taken < n && !dict_give_up(c))
            return taken;
    }
    if (c->plain_encoding == PQ_DELTA_LENGTH && !a->encoded)
        return taken + add_plain_texts(c, a, from + taken, n - taken);
    while (taken < n && c->plain.len < c->page_bytes + c->lead) {
        if (!mr_array_is_null(a, from + taken))
            (void)add_row(c, a, from + taken); /* texts go into no dictionary any more */
        taken++;
    }
    return taken;
}

/* The same for columns of every kind. */
static int64_t add_block(struct mr_pq_column *c, const struct mr_array *a, int64_t from, int64_t n)
{
    uint64_t words[BLOCK];
    make_room(c, page_cap_rows(c));
    if (c->physical == PQ_BOOLEAN) {
        note_levels(c, a, from, n);
        add_bool(c, a, from, n);
    } else if (mr_pq_is_bytes(c)) {
        int64_t before = c->page_values;
        n = add_bytes(c, a, from, n);
        note_levels(c, a, from, n);
        if (c->page_is_dict)
            dict_look(c, (size_t)(c->page_values - before));
    } else {
        note_levels(c, a, from, n);
        add_words(c, words, load_words(c, a, from, n, words));
    }
    c->page_rows += n;
    c->page_entries += n;
    return n;
}

/* The values of one row of a nested column; false: as add_row. */
static bool add_slots(struct mr_pq_column *c, const struct mr_array *leaf)
{
    uint64_t words[BLOCK];
    size_t n = 0;
    int64_t before = c->page_values;
    for (int64_t i = 0; i < c->entries.n; i++) {
        int64_t slot = c->entries.slot[i];
        if (slot < 0)
            continue;
        if (c->physical == PQ_BOOLEAN)
            add_bool(c, leaf, slot, 1);
        else if (!mr_pq_is_bytes(c))
            n += load_words(c, leaf, slot, 1, words + n);
        else if (!add_row(c, leaf, slot))
            return false;
        if (n == BLOCK) {
            add_words(c, words, n);
            n = 0;
        }
    }
    if (n)
        add_words(c, words, n);
    if (mr_pq_is_bytes(c) && c->page_is_dict)
        dict_look(c, (size_t)(c->page_values - before));
    return true;
}

/* The row whose entries are at hand, or nothing of it; false: as add_row. */
static bool add_entries(struct mr_pq_column *c, const struct mr_array *leaf)
{
    const struct mr_pq_entries *e = &c->entries;
    int64_t before = c->page_values;
    make_room(c, c->page_entries + e->n);
    if (!add_slots(c, leaf)) {
        c->page_values = before;
        return false;
    }
    memcpy(c->levels + c->page_entries, e->def, (size_t)e->n);
    memcpy(c->reps + c->page_entries, e->rep, (size_t)e->n);
    c->page_nulls += e->n - (c->page_values - before);
    c->page_entries += e->n;
    c->page_rows++;
    return true;
}

/* A row never lies in two pages. */
static enum mr_code append_nested(struct mr_pq_column *c, const struct mr_array *a,
                                  struct mr_error *err)
{
    const struct mr_array *leaf = mr_pq_leaf_array(c->leaf, a);
    enum mr_code rc = MR_OK;
    for (int64_t r = 0; r < a->length && rc == MR_OK;) {
        mr_pq_shred(c->leaf, a, r, &c->entries);
        r += add_entries(c, leaf);
        if (page_is_full(c))
            rc = mr_pq_column_flush(c, err);
    }
    return rc;
}

static enum mr_code check_millis(const struct mr_pq_column *c, const struct mr_array *a,
                                 struct mr_error *err)
{
    for (int64_t r = 0; r < a->length; r++)
        if (!mr_array_is_null(a, r) && ((const int64_t *)(const void *)a->values)[r] % 1000) {
            mr_fail(err, MR_ID_PQ05,
                    "%s: a timestamp has microseconds, and parquet: millis is pinned",
                    c->field->name);
            return mr_error_advise(err, "leave the pin out (microseconds are the default), or pin "
                                        "parquet: int96");
        }
    return MR_OK;
}

enum mr_code mr_pq_column_append(struct mr_pq_column *c, const struct mr_array *a,
                                 struct mr_error *err)
{
    const int64_t cap = page_cap_rows(c);
    if (c->field->physical == MR_PHYSICAL_MILLIS) {
        enum mr_code rc = check_millis(c, mr_pq_leaf_array(c->leaf, a), err);
        if (rc != MR_OK)
            return rc;
    }
    if (c->leaf->depth > 1)
        return append_nested(c, a, err);
    if (a->encoded && c->page_is_dict)
        know_nothing(c, a);
    for (int64_t r = 0; r < a->length;) {
        int64_t n = a->length - r < BLOCK ? a->length - r : BLOCK;
        n = n < cap - c->page_rows ? n : cap - c->page_rows;
        r += add_block(c, a, r, n);
        if (!page_is_full(c))
            continue;
        enum mr_code rc = mr_pq_column_flush(c, err);
        if (rc != MR_OK)
            return rc;
    }
    return MR_OK;
}
