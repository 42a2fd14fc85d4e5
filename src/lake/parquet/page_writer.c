/*
 * What        ends a page: levels, indices or values, compression, header
 * Gets        a column whose open page is full
 * Guarantees  a page carries its CRC; a chunk is compressed as a whole or not at all
 * Source      parquet-format Encodings.md, parquet.thrift PageHeader
 */
#include "lake/parquet/column_writer.h"

#include <assert.h>
#include <string.h>
#include <zlib.h>

#include "lake/parquet/delta_pack.h"
#include "lake/parquet/rle.h"

/* Each value once, and no further once all were met. */
void mr_pq_dict_range(struct mr_pq_column *c)
{
    const struct mr_pq_dict *d = &c->dict;
    c->scratch.len = 0;
    mr_buf_reserve(&c->scratch, d->n);
    uint8_t *met = memset(c->scratch.data, 0, d->n);
    uint32_t left = c->fixed_len ? 0 : d->n; /* the range of those was taken row by row */
    for (int64_t i = 0; i < c->page_values && left; i++) {
        uint32_t k = c->indices[i], start = k && mr_pq_is_bytes(c) ? d->ends[k - 1] : 0;
        if (met[k])
            continue;
        met[k] = 1;
        left--;
        if (mr_pq_is_bytes(c))
            mr_pq_range_bytes(&c->page_range, d->data.data + start, d->ends[k] - start);
        else
            mr_pq_range_words(&c->page_range, c->field->type, &d->words[k], 1);
    }
}

#define HEADER_MAX 64 /* 10 fields of at most 6 bytes */

static void page_header(struct mr_buf *out, int encoding, int64_t values, size_t raw,
                        const char *body, size_t n, bool dictionary)
{
    struct mr_thrift t = { .out = out };
    uint32_t crc = (uint32_t)crc32_z(0, (const unsigned char *)body, n);
    mr_thrift_i32(&t, 1, dictionary ? 2 : 0);
    mr_thrift_i32(&t, 2, (int32_t)raw);
    mr_thrift_i32(&t, 3, (int32_t)n);
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

/* A chunk whose first page hardly shrinks is left as it is: a page cannot opt out alone, its chunk can. A short page (runs of one
 * index) and one behind which texts follow say nothing of the rest. */
static bool speaks_for_chunk(const struct mr_pq_column *c, const struct mr_buf *raw)
{
    return raw->len >= 4096 && !(c->page_is_dict && c->dict.off);
}

/* Compress `raw` behind room for a header, and move it down to the header's end: no buffer beside `out`. */
enum mr_code mr_pq_put_page(struct mr_pq_column *c, const struct mr_buf *raw, int encoding,
                            int64_t values, bool dictionary, struct mr_buf *out,
                            struct mr_error *err)
{
    size_t before = out->len;
    if (raw->len > INT32_MAX)
        return mr_fail(err, MR_ID_PQ04, "%s: a page of %zu bytes", c->field->name, raw->len);
    mr_buf_reserve(out, HEADER_MAX);
    out->len += HEADER_MAX;
    enum mr_code rc = MR_OK;
    if (!c->chunk_bare)
        rc = mr_pq_compress(c->codecs, mr_buf_str(raw), raw->len, out, err);
    size_t body = before + HEADER_MAX;
    if (rc == MR_OK && out == &c->pages && before == 0)
        c->chunk_bare =
            speaks_for_chunk(c, raw) && (double)(out->len - body) > 0.95 * (double)raw->len;
    if (rc == MR_OK && c->chunk_bare) {
        out->len = body;
        mr_buf_append(out, mr_buf_str(raw), raw->len);
    }
    size_t n = out->len - body;
    out->len = before;
    if (rc != MR_OK)
        return rc;
    page_header(out, encoding, values, raw->len, out->data + body, n, dictionary);
    assert(out->len <= body);
    c->raw_bytes += out->len - before + raw->len;
    memmove(out->data + out->len, out->data + body, n);
    out->len += n;
    return MR_OK;
}

/* n levels with their length in front; v == NULL: all of them are `max`. */
static void put_level_list(struct mr_buf *out, const uint8_t *v, size_t n, int max)
{
    size_t at = out->len;
    uint32_t len = 0;
    int width = mr_rle_width((uint32_t)max);
    mr_buf_append(out, &len, 4);
    if (v)
        mr_rle_levels(out, v, n, width);
    else
        mr_rle_run(out, (uint32_t)max, n, width);
    len = (uint32_t)(out->len - at - 4);
    memcpy(out->data + at, &len, 4);
}

static void put_levels(struct mr_pq_column *c, struct mr_buf *out)
{
    size_t n = (size_t)c->page_entries;
    if (c->leaf->max_rep)
        put_level_list(out, c->reps, n, c->leaf->max_rep);
    if (c->leaf->max_def)
        put_level_list(out, c->leaf->depth > 1 || c->page_nulls ? c->levels : NULL, n,
                       c->leaf->max_def);
}

/* The values of a page without dictionary; returns their encoding. */
static int put_values(struct mr_pq_column *c, struct mr_buf *raw)
{
    int encoding = c->page_values ? c->plain_encoding : PQ_PLAIN;
    if (encoding == PQ_DELTA && c->physical == PQ_INT32)
        mr_delta_i32(raw, c->plain.data, (size_t)c->page_values);
    else if (encoding == PQ_DELTA)
        mr_delta_i64(raw, c->plain.data, (size_t)c->page_values);
    else if (encoding == PQ_DELTA_LENGTH)
        mr_delta_i32(raw, c->indices, (size_t)c->page_values);
    if (encoding == PQ_PLAIN && c->plain.len > c->lead)
        mr_buf_append(raw, c->plain.data + c->lead, c->plain.len - c->lead);
    return encoding;
}

/* Text is most of its page: what stands in front of it goes into the room before it, and the page is where the text is. */
static struct mr_buf join_text(struct mr_pq_column *c, struct mr_buf *raw)
{
    if (raw->len > c->lead) {
        mr_buf_append(raw, c->plain.data + c->lead, c->plain.len - c->lead);
        return *raw;
    }
    size_t from = c->lead - raw->len;
    memcpy(c->plain.data + from, raw->data, raw->len);
    return (struct mr_buf){ .data = c->plain.data + from, .len = c->plain.len - from };
}

enum mr_code mr_pq_column_flush(struct mr_pq_column *c, struct mr_error *err)
{
    if (c->page_entries == 0)
        return MR_OK;
    struct mr_buf *raw = &c->scratch;
    int encoding = PQ_RLE_DICTIONARY;
    size_t before = c->pages.len;
    if (c->page_is_dict)
        mr_pq_dict_range(c);
    raw->len = 0;
    put_levels(c, raw);
    if (c->page_is_dict) {
        int width = mr_rle_width(c->dict.n ? c->dict.n - 1 : 0);
        mr_buf_putc(raw, (char)width);
        mr_rle_u32(raw, c->indices, (size_t)c->page_values, width);
        c->chunk_has_dict = true;
        c->n_dict_pages++;
    } else {
        encoding = put_values(c, raw);
        c->chunk_has_plain |= encoding == PQ_PLAIN;
        c->n_plain_pages += encoding == PQ_PLAIN;
        c->n_delta_pages += encoding != PQ_PLAIN;
    }
    const struct mr_buf page = encoding == PQ_DELTA_LENGTH ? join_text(c, raw) : *raw;
    enum mr_code rc = mr_pq_put_page(c, &page, encoding, c->page_entries, false, &c->pages, err);
    mr_pq_page_index_add(&c->index, c, c->pages.len - before);
    mr_pq_range_merge(&c->range, &c->page_range, c->field->type);
    mr_pq_range_clear(&c->page_range);
    c->n_entries += c->page_entries;
    c->nulls += c->page_nulls;
    c->page_rows = c->page_entries = c->page_nulls = c->page_values = 0;
    c->plain.len = 0;
    c->page_is_dict = !c->dict.off;
    return rc;
}
