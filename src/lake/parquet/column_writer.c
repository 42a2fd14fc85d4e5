/*
 * What        encodes one column: dictionary or plain, levels, pages, compression
 * Gets        arrays in Arrow layout
 * Guarantees  pages end on row borders and hold at most page_bytes plus one value; a dictionary is given up early when
 *             more than half of its first values are distinct, and later when it outgrows its limit
 * Why         values go through blocks of 1,024 words, so that each step is a tight loop over one array
 * Source      parquet-format Encodings.md, parquet.thrift
 */
#include "lake/parquet/column_writer.h"

#include <assert.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>
#include <zlib.h>

#include "base/mem.h"
#include "lake/parquet/rle.h"

#define BLOCK 1024
#define LOOK_AFTER 4096 /* values before the early decision */
#define DICT_MAX 65536u /* entries */

static int fixed_length(int precision)
{
    static const uint8_t digits[] = { 2, 4, 6, 9, 11, 14, 16, 18, 21, 23, 26, 28, 31, 33, 36, 38 };
    for (int n = 0; n < 16; n++)
        if (precision <= digits[n])
            return n + 1;
    return 16;
}

static enum mr_pq_physical physical_of(struct mr_type t)
{
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
        break;
    }
    return PQ_BYTE_ARRAY;
}

static size_t word_width(const struct mr_pq_column *c)
{
    return c->physical == PQ_INT32 || c->physical == PQ_FLOAT ? 4 : 8;
}

static int64_t page_cap_rows(const struct mr_pq_column *c)
{
    size_t n = c->page_bytes / 4;
    return n > 20480 ? 20480 : n < 1024 ? 1024 : (int64_t)n;
}

void mr_pq_column_init(struct mr_pq_column *c, const struct mr_field *f,
                       struct mr_pq_codecs *codecs, size_t page_bytes, size_t dict_bytes)
{
    *c = (struct mr_pq_column){ .field = f,
                                .codecs = codecs,
                                .page_bytes = page_bytes,
                                .dict_bytes = dict_bytes,
                                .physical = physical_of(f->type) };
    if (c->physical == PQ_FIXED)
        c->fixed_len = fixed_length(f->type.precision);
    c->dict.off = dict_bytes < 1024 || c->physical == PQ_BOOLEAN;
    c->page_is_dict = !c->dict.off;
}

void mr_pq_column_release(struct mr_pq_column *c)
{
    mr_free(c->levels);
    mr_free(c->indices);
    mr_free(c->dict.slots);
    mr_free(c->dict.words);
    mr_free(c->dict.ends);
    mr_free(c->dict.hashes);
    mr_buf_release(&c->dict.data);
    mr_buf_release(&c->plain);
    mr_buf_release(&c->scratch);
    mr_buf_release(&c->pages);
    mr_pq_range_release(&c->range);
    mr_pq_range_release(&c->file_range);
}

size_t mr_pq_column_held(const struct mr_pq_column *c)
{
    return c->pages.len + (c->chunk_has_dict ? c->dict.bytes / 2 : 0);
}

/* ---- dictionary ---- */

static bool is_bytes(const struct mr_pq_column *c)
{
    return c->physical == PQ_BYTE_ARRAY || c->physical == PQ_FIXED;
}

static uint32_t hash_word(uint64_t w)
{
    w *= 0x9E3779B97F4A7C15u;
    return (uint32_t)(w >> 32) ^ (uint32_t)w;
}

static void dict_rehash(struct mr_pq_column *c)
{
    struct mr_pq_dict *d = &c->dict;
    d->n_slots = d->n_slots ? d->n_slots * 2 : 1024;
    mr_free(d->slots);
    d->slots = mr_zalloc(d->n_slots, sizeof *d->slots);
    for (uint32_t i = 0; i < d->n; i++) {
        uint32_t s = is_bytes(c) ? d->hashes[i] : hash_word(d->words[i]);
        for (s &= d->n_slots - 1; d->slots[s]; s = (s + 1) & (d->n_slots - 1)) {
        }
        d->slots[s] = i + 1;
    }
}

static void dict_room(struct mr_pq_column *c)
{
    struct mr_pq_dict *d = &c->dict;
    if (2 * d->n >= d->n_slots)
        dict_rehash(c);
    if (d->n < d->cap)
        return;
    d->cap = d->cap ? d->cap * 2 : 256;
    if (is_bytes(c)) {
        d->ends = mr_realloc(d->ends, d->cap * sizeof *d->ends);
        d->hashes = mr_realloc(d->hashes, d->cap * sizeof *d->hashes);
    } else {
        d->words = mr_realloc(d->words, d->cap * sizeof *d->words);
    }
}

static void dict_clear(struct mr_pq_dict *d)
{
    if (d->slots)
        memset(d->slots, 0, d->n_slots * sizeof *d->slots);
    d->n = 0;
    d->bytes = 0;
    d->data.len = 0;
}

/* Is there room for one more value of n bytes? */
static bool dict_full(const struct mr_pq_column *c, size_t n)
{
    return c->dict.n >= DICT_MAX || c->dict.bytes + n + 4 > c->dict_bytes;
}

static bool dict_word(struct mr_pq_column *c, uint64_t w, uint32_t *ret)
{
    struct mr_pq_dict *d = &c->dict;
    if (d->n && w == c->last_word) {
        *ret = c->last_index;
        return true;
    }
    dict_room(c);
    uint32_t s = hash_word(w) & (d->n_slots - 1);
    for (; d->slots[s]; s = (s + 1) & (d->n_slots - 1))
        if (d->words[d->slots[s] - 1] == w)
            break;
    if (!d->slots[s]) {
        if (dict_full(c, 8))
            return false;
        d->words[d->n++] = w;
        d->slots[s] = d->n;
        d->bytes += word_width(c);
        mr_pq_range_word(&c->range, c->field->type, w);
    }
    c->last_word = w;
    *ret = c->last_index = d->slots[s] - 1;
    return true;
}

static bool dict_equal(const struct mr_pq_dict *d, uint32_t i, uint32_t hash, const void *p,
                       size_t n)
{
    uint32_t start = i ? d->ends[i - 1] : 0;
    return d->hashes[i] == hash && d->ends[i] - start == n &&
           (n == 0 || memcmp(d->data.data + start, p, n) == 0);
}

static bool dict_value(struct mr_pq_column *c, const void *p, size_t n, uint32_t *ret)
{
    struct mr_pq_dict *d = &c->dict;
    uint32_t hash = (uint32_t)XXH3_64bits(p, n);
    dict_room(c);
    uint32_t s = hash & (d->n_slots - 1);
    for (; d->slots[s]; s = (s + 1) & (d->n_slots - 1))
        if (dict_equal(d, d->slots[s] - 1, hash, p, n))
            break;
    if (!d->slots[s]) {
        if (dict_full(c, n))
            return false;
        mr_buf_append(&d->data, p, n);
        d->ends[d->n] = (uint32_t)d->data.len;
        d->hashes[d->n++] = hash;
        d->slots[s] = d->n;
        d->bytes += n + (c->physical == PQ_BYTE_ARRAY ? 4 : 0);
        if (c->physical == PQ_BYTE_ARRAY)
            mr_pq_range_bytes(&c->range, p, n);
    }
    *ret = d->slots[s] - 1;
    return true;
}

static void plain_word(struct mr_pq_column *c, struct mr_buf *out, uint64_t w)
{
    mr_buf_append(out, &w, word_width(c));
}

static void plain_value(struct mr_pq_column *c, struct mr_buf *out, const void *p, size_t n)
{
    uint32_t len = (uint32_t)n;
    if (c->physical == PQ_BYTE_ARRAY)
        mr_buf_append(out, &len, 4);
    mr_buf_append(out, p, n);
}

static void dict_entry(struct mr_pq_column *c, uint32_t i, struct mr_buf *out)
{
    const struct mr_pq_dict *d = &c->dict;
    if (!is_bytes(c)) {
        plain_word(c, out, d->words[i]);
        return;
    }
    uint32_t start = i ? d->ends[i - 1] : 0;
    plain_value(c, out, d->data.data + start, d->ends[i] - start);
}

/* From here on plain; what the open page holds as indices becomes values. */
static void dict_give_up(struct mr_pq_column *c)
{
    for (int64_t i = 0; i < c->page_values; i++)
        dict_entry(c, c->indices[i], &c->plain);
    c->dict.off = true;
    c->page_is_dict = false;
}

static void dict_look(struct mr_pq_column *c, size_t n)
{
    c->seen += (int64_t)n;
    if (c->dict.decided || c->seen < LOOK_AFTER)
        return;
    c->dict.decided = true;
    if (2 * (int64_t)c->dict.n > c->seen)
        dict_give_up(c);
}

/* ---- pages ---- */

static void page_header(struct mr_pq_column *c, struct mr_buf *out, int encoding, int64_t values,
                        size_t raw, const struct mr_buf *body, bool dictionary)
{
    struct mr_thrift t = { .out = out };
    uint32_t crc = (uint32_t)crc32_z(0, (const unsigned char *)mr_buf_str(body), body->len);
    (void)c;
    mr_thrift_i32(&t, 1, dictionary ? 2 : 0);
    mr_thrift_i32(&t, 2, (int32_t)raw);
    mr_thrift_i32(&t, 3, (int32_t)body->len);
    mr_thrift_i32(&t, 4, (int32_t)crc);
    mr_thrift_struct_begin(&t, dictionary ? 7 : 5);
    mr_thrift_i32(&t, 1, (int32_t)values);
    mr_thrift_i32(&t, 2, encoding);
    if (!dictionary) {
        mr_thrift_i32(&t, 3, PQ_RLE);
        mr_thrift_i32(&t, 4, PQ_RLE);
    }
    mr_thrift_struct_end(&t);
    mr_thrift_struct_end(&t);
}

/* Compress `raw` and append header and body to out. */
static enum mr_code put_page(struct mr_pq_column *c, const struct mr_buf *raw, int encoding,
                             int64_t values, bool dictionary, struct mr_buf *out,
                             struct mr_error *err)
{
    struct mr_buf body = { 0 };
    if (raw->len > INT32_MAX)
        return mr_fail(err, MR_ID_PQ04, "%s: a page of %zu bytes", c->field->name, raw->len);
    enum mr_code rc = mr_pq_compress(c->codecs, mr_buf_str(raw), raw->len, &body, err);
    if (rc == MR_OK) {
        size_t before = out->len;
        page_header(c, out, encoding, values, raw->len, &body, dictionary);
        c->raw_bytes += out->len - before + raw->len;
        mr_buf_append(out, mr_buf_str(&body), body.len);
    }
    mr_buf_release(&body);
    return rc;
}

static void put_levels(struct mr_pq_column *c, struct mr_buf *out)
{
    size_t at = out->len;
    uint32_t len = 0;
    if (!c->field->nullable)
        return;
    mr_buf_append(out, &len, 4);
    if (c->page_nulls)
        mr_rle_levels(out, c->levels, (size_t)c->page_rows);
    else
        mr_rle_run(out, 1, (size_t)c->page_rows, 1);
    len = (uint32_t)(out->len - at - 4);
    memcpy(out->data + at, &len, 4);
}

enum mr_code mr_pq_column_flush(struct mr_pq_column *c, struct mr_error *err)
{
    if (c->page_rows == 0)
        return MR_OK;
    struct mr_buf *raw = &c->scratch;
    raw->len = 0;
    put_levels(c, raw);
    if (c->page_is_dict) {
        int width = mr_rle_width(c->dict.n ? c->dict.n - 1 : 0);
        mr_buf_putc(raw, (char)width);
        mr_rle_u32(raw, c->indices, (size_t)c->page_values, width);
        c->chunk_has_dict = true;
        c->n_dict_pages++;
    } else {
        mr_buf_append(raw, mr_buf_str(&c->plain), c->plain.len);
        c->chunk_has_plain = true;
        c->n_plain_pages++;
    }
    enum mr_code rc = put_page(c, raw, c->page_is_dict ? PQ_RLE_DICTIONARY : PQ_PLAIN, c->page_rows,
                               false, &c->pages, err);
    c->rows += c->page_rows;
    c->nulls += c->page_nulls;
    c->page_rows = c->page_nulls = c->page_values = 0;
    c->plain.len = 0;
    c->page_is_dict = !c->dict.off;
    return rc;
}

/* ---- values ---- */

static void note_levels(struct mr_pq_column *c, const struct mr_array *a, int64_t from, int64_t n)
{
    if (a->null_count == 0 && c->page_nulls == 0)
        return;
    if (!c->levels)
        c->levels = mr_alloc((size_t)page_cap_rows(c));
    if (c->page_nulls == 0)
        memset(c->levels, 1, (size_t)c->page_rows);
    for (int64_t i = 0; i < n; i++) {
        bool null = mr_array_is_null(a, from + i);
        c->levels[c->page_rows + i] = !null;
        c->page_nulls += null;
    }
}

#define LOAD(ctype, utype)                                                                         \
    for (int64_t r = from; r < from + n; r++) {                                                    \
        ctype v;                                                                                   \
        memcpy(&v, a->values + sizeof v * (size_t)r, sizeof v);                                    \
        words[k] = (uint64_t)(utype)v;                                                             \
        k += !mr_array_is_null(a, r);                                                              \
    }

/* Values that are not NULL as 64-bit words: integers sign-extended, floats as bits. */
static size_t load_words(const struct mr_pq_column *c, const struct mr_array *a, int64_t from,
                         int64_t n, uint64_t *words)
{
    size_t k = 0;
    switch (mr_type_width(c->field->type)) {
    case 1:
        LOAD(int8_t, int64_t)
        break;
    case 2:
        LOAD(int16_t, int64_t)
        break;
    case 4:
        LOAD(int32_t, int64_t)
        break;
    default:
        LOAD(int64_t, int64_t)
    }
    return k;
}

static void add_words(struct mr_pq_column *c, const uint64_t *words, size_t n)
{
    size_t i = 0;
    if (c->page_is_dict) {
        for (; i < n; i++)
            if (!dict_word(c, words[i], &c->indices[c->page_values]))
                break;
            else
                c->page_values++;
        if (i < n)
            dict_give_up(c);
        else
            dict_look(c, n);
    }
    if (i == n)
        return;
    size_t w = word_width(c);
    mr_buf_reserve(&c->plain, (n - i) * w);
    for (size_t k = i; k < n; k++) {
        memcpy(c->plain.data + c->plain.len, &words[k], w);
        c->plain.len += w;
        mr_pq_range_word(&c->range, c->field->type, words[k]);
    }
    c->page_values += (int64_t)(n - i);
}

static void add_value(struct mr_pq_column *c, const void *p, size_t n)
{
    if (c->page_is_dict) {
        if (dict_value(c, p, n, &c->indices[c->page_values])) {
            c->page_values++;
            dict_look(c, 1);
            return;
        }
        dict_give_up(c);
    }
    plain_value(c, &c->plain, p, n);
    if (c->physical == PQ_BYTE_ARRAY)
        mr_pq_range_bytes(&c->range, p, n);
    c->page_values++;
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

/* One row of text, binary or a wide decimal. */
static void add_row(struct mr_pq_column *c, const struct mr_array *a, int64_t r)
{
    if (c->physical == PQ_FIXED) {
        __int128 v;
        uint8_t be[16];
        memcpy(&v, a->values + 16 * r, 16);
        mr_pq_big_endian(v, c->fixed_len, be);
        mr_pq_range_i128(&c->range, v);
        add_value(c, be, (size_t)c->fixed_len);
        return;
    }
    add_value(c, a->data + a->offsets[r], (size_t)(a->offsets[r + 1] - a->offsets[r]));
}

/* At most n rows that fit the open page; returns how many were taken. */
static int64_t add_block(struct mr_pq_column *c, const struct mr_array *a, int64_t from, int64_t n)
{
    uint64_t words[BLOCK];
    if (!c->indices && c->page_is_dict)
        c->indices = mr_alloc(sizeof *c->indices * (size_t)page_cap_rows(c));
    if (c->physical == PQ_BOOLEAN) {
        note_levels(c, a, from, n);
        add_bool(c, a, from, n);
    } else if (is_bytes(c)) {
        int64_t taken = 0;
        while (taken < n && c->plain.len < c->page_bytes) {
            if (!mr_array_is_null(a, from + taken))
                add_row(c, a, from + taken);
            taken++;
        }
        n = taken;
        note_levels(c, a, from, n);
    } else {
        note_levels(c, a, from, n);
        add_words(c, words, load_words(c, a, from, n, words));
    }
    c->page_rows += n;
    return n;
}

enum mr_code mr_pq_column_append(struct mr_pq_column *c, const struct mr_array *a,
                                 struct mr_error *err)
{
    int64_t cap = page_cap_rows(c);
    for (int64_t r = 0; r < a->length;) {
        int64_t n = a->length - r < BLOCK ? a->length - r : BLOCK;
        n = n < cap - c->page_rows ? n : cap - c->page_rows;
        r += add_block(c, a, r, n);
        if (c->page_rows < cap && c->plain.len < c->page_bytes)
            continue;
        enum mr_code rc = mr_pq_column_flush(c, err);
        if (rc != MR_OK)
            return rc;
    }
    return MR_OK;
}

/* ---- chunk ---- */

static enum mr_code dictionary_page(struct mr_pq_column *c, struct mr_buf *out,
                                    struct mr_error *err)
{
    c->scratch.len = 0;
    for (uint32_t i = 0; i < c->dict.n; i++)
        dict_entry(c, i, &c->scratch);
    return put_page(c, &c->scratch, PQ_PLAIN, c->dict.n, true, out, err);
}

static void encoding_stats(struct mr_thrift *t, int page_type, int encoding, int count)
{
    mr_thrift_element_begin(t);
    mr_thrift_i32(t, 1, page_type);
    mr_thrift_i32(t, 2, encoding);
    mr_thrift_i32(t, 3, count);
    mr_thrift_struct_end(t);
}

static void chunk_metadata(const struct mr_pq_column *c, uint64_t at, size_t dict_len,
                           struct mr_thrift *t)
{
    int n_enc = 1 + (c->chunk_has_dict || c->chunk_has_plain) + (c->chunk_has_dict ? 1 : 0);
    bool plain = c->chunk_has_dict || c->chunk_has_plain; /* the dictionary page is PLAIN */
    mr_thrift_element_begin(t);
    mr_thrift_i64(t, 2, 0);
    mr_thrift_struct_begin(t, 3);
    mr_thrift_i32(t, 1, (int32_t)c->physical);
    mr_thrift_list(t, 2, MR_THRIFT_I32, (size_t)n_enc);
    mr_thrift_elem_i32(t, PQ_RLE);
    if (plain)
        mr_thrift_elem_i32(t, PQ_PLAIN);
    if (c->chunk_has_dict)
        mr_thrift_elem_i32(t, PQ_RLE_DICTIONARY);
    mr_thrift_list(t, 3, MR_THRIFT_BINARY, 1);
    mr_thrift_elem_string(t, c->field->name);
    mr_thrift_i32(t, 4, (int32_t)mr_pq_codecs_codec(c->codecs));
    mr_thrift_i64(t, 5, c->rows);
    mr_thrift_i64(t, 6, (int64_t)c->raw_bytes);
    mr_thrift_i64(t, 7, (int64_t)(dict_len + c->pages.len));
    mr_thrift_i64(t, 9, (int64_t)(at + dict_len));
    if (dict_len)
        mr_thrift_i64(t, 11, (int64_t)at);
    mr_pq_range_thrift(&c->range, c, c->nulls, t, 12);
    int n_stats = (c->n_dict_pages ? 2 : 0) + (c->n_plain_pages ? 1 : 0);
    mr_thrift_list(t, 13, MR_THRIFT_STRUCT, (size_t)n_stats);
    if (c->n_dict_pages) {
        encoding_stats(t, 2, PQ_PLAIN, 1);
        encoding_stats(t, 0, PQ_RLE_DICTIONARY, c->n_dict_pages);
    }
    if (c->n_plain_pages)
        encoding_stats(t, 0, PQ_PLAIN, c->n_plain_pages);
    mr_thrift_struct_end(t);
    mr_thrift_struct_end(t);
}

static void next_chunk(struct mr_pq_column *c)
{
    mr_pq_range_merge(&c->file_range, &c->range, c->field->type);
    c->file_nulls += c->nulls;
    mr_pq_range_clear(&c->range);
    dict_clear(&c->dict);
    c->pages.len = 0;
    c->rows = c->nulls = 0;
    c->n_dict_pages = c->n_plain_pages = 0;
    c->raw_bytes = 0;
    c->chunk_has_dict = c->chunk_has_plain = false;
}

enum mr_code mr_pq_column_close_chunk(struct mr_pq_column *c, uint64_t at,
                                      const struct mr_pq_sink *sink, struct mr_thrift *t,
                                      uint64_t *ret_bytes, uint64_t *ret_raw, struct mr_error *err)
{
    struct mr_buf dict = { 0 };
    enum mr_code rc = MR_OK;
    assert(c->page_rows == 0);
    if (c->chunk_has_dict)
        MR_TRY(dictionary_page(c, &dict, err));
    if (dict.len)
        MR_TRY(sink->write(sink->ctx, dict.data, dict.len, err));
    MR_TRY(sink->write(sink->ctx, mr_buf_str(&c->pages), c->pages.len, err));
    chunk_metadata(c, at, dict.len, t);
    *ret_bytes = dict.len + c->pages.len;
    *ret_raw = c->raw_bytes;
    next_chunk(c);
out:
    mr_buf_release(&dict);
    return rc;
}
