/*
 * What        ends a column chunk: dictionary page, data pages, Bloom filter, metadata
 * Gets        a column whose last page is flushed
 * Guarantees  what was written is described by what is appended to the footer
 * Source      parquet.thrift, ColumnChunk and ColumnMetaData
 */
#include "lake/parquet/column_writer.h"

#include <assert.h>

static enum mr_code dictionary_page(struct mr_pq_column *c, struct mr_buf *out,
                                    struct mr_error *err)
{
    c->scratch.len = 0;
    for (uint32_t i = 0; i < c->dict.n; i++)
        mr_pq_dict_entry(c, i, &c->scratch);
    return mr_pq_put_page(c, &c->scratch, PQ_PLAIN, c->dict.n, true, out, err);
}

static void encoding_stats(struct mr_thrift *t, int page_type, int encoding, int count)
{
    mr_thrift_element_begin(t);
    mr_thrift_i32(t, 1, page_type);
    mr_thrift_i32(t, 2, encoding);
    mr_thrift_i32(t, 3, count);
    mr_thrift_struct_end(t);
}

static void chunk_metadata(const struct mr_pq_column *c, struct mr_thrift *t)
{
    int n_enc = 1 + (c->chunk_has_dict || c->chunk_has_plain) + (c->chunk_has_dict ? 1 : 0) +
                (c->n_delta_pages ? 1 : 0);
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
    if (c->n_delta_pages)
        mr_thrift_elem_i32(t, c->plain_encoding);
    mr_pq_leaf_path(c->leaf, t, 3);
    mr_thrift_i32(t, 4, c->chunk_bare ? MR_PQ_NONE : (int32_t)mr_pq_codecs_codec(c->codecs));
    mr_thrift_i64(t, 5, c->n_entries);
    mr_thrift_i64(t, 6, (int64_t)c->raw_bytes);
    mr_thrift_i64(t, 7, (int64_t)(c->dict_len + c->pages.len));
    mr_thrift_i64(t, 9, (int64_t)(c->chunk_at + c->dict_len));
    if (c->dict_len)
        mr_thrift_i64(t, 11, (int64_t)c->chunk_at);
    mr_pq_range_thrift(&c->range, c, c->nulls, t, 12);
    int n_stats =
        (c->n_dict_pages ? 2 : 0) + (c->n_plain_pages ? 1 : 0) + (c->n_delta_pages ? 1 : 0);
    mr_thrift_list(t, 13, MR_THRIFT_STRUCT, (size_t)n_stats);
    if (c->n_dict_pages) {
        encoding_stats(t, 2, PQ_PLAIN, 1);
        encoding_stats(t, 0, PQ_RLE_DICTIONARY, c->n_dict_pages);
    }
    if (c->n_plain_pages)
        encoding_stats(t, 0, PQ_PLAIN, c->n_plain_pages);
    if (c->n_delta_pages)
        encoding_stats(t, 0, c->plain_encoding, c->n_delta_pages);
    if (c->bloom_len) {
        mr_thrift_i64(t, 14, (int64_t)c->bloom_at);
        mr_thrift_i32(t, 15, (int32_t)c->bloom_len);
    }
    mr_thrift_struct_end(t);
    mr_thrift_struct_leave(t); /* the page index is not placed yet */
}

static void next_chunk(struct mr_pq_column *c)
{
    mr_pq_range_merge(&c->file_range, &c->range, c->field->type);
    c->file_nulls += c->nulls;
    mr_pq_range_clear(&c->range);
    mr_pq_dict_clear(&c->dict);
    mr_pq_page_index_clear(&c->index);
    c->pages.len = 0;
    c->n_entries = c->nulls = 0;
    c->n_dict_pages = c->n_plain_pages = c->n_delta_pages = 0;
    c->raw_bytes = 0;
    c->chunk_has_dict = c->chunk_has_plain = c->chunk_bare = false;
}

enum mr_code mr_pq_column_write_chunk(struct mr_pq_column *c, uint64_t *at,
                                      const struct mr_pq_sink *sink, struct mr_error *err)
{
    struct mr_buf dict = { 0 };
    enum mr_code rc = MR_OK;
    assert(c->page_entries == 0);
    if (c->chunk_has_dict)
        MR_TRY(dictionary_page(c, &dict, err));
    if (dict.len)
        MR_TRY(sink->write(sink->ctx, dict.data, dict.len, err));
    MR_TRY(sink->write(sink->ctx, mr_buf_str(&c->pages), c->pages.len, err));
    c->chunk_at = *at;
    c->dict_len = dict.len;
    *at += dict.len + c->pages.len;
out:
    mr_buf_release(&dict);
    return rc;
}

/* What was written without dictionary is in the filter already. */
static void bloom_dictionary(struct mr_pq_column *c)
{
    const struct mr_pq_dict *d = &c->dict;
    if (c->bloom.bytes == 0)
        mr_pq_bloom_begin(&c->bloom, d->n);
    for (uint32_t i = 0; i < d->n; i++) {
        uint32_t start = i && mr_pq_is_bytes(c) ? d->ends[i - 1] : 0;
        if (mr_pq_is_bytes(c))
            mr_pq_bloom_add(&c->bloom, d->data.data + start, d->ends[i] - start);
        else
            mr_pq_bloom_add(&c->bloom, &d->words[i], mr_pq_word_width(c));
    }
}

enum mr_code mr_pq_column_write_bloom(struct mr_pq_column *c, uint64_t *at,
                                      const struct mr_pq_sink *sink, struct mr_error *err)
{
    c->bloom_len = 0;
    if (!c->bloom.limit)
        return MR_OK;
    struct mr_buf *out = &c->scratch;
    out->len = 0;
    bloom_dictionary(c);
    mr_pq_bloom_end(&c->bloom, out);
    c->bloom_at = *at;
    c->bloom_len = out->len;
    *at += out->len;
    return out->len ? sink->write(sink->ctx, out->data, out->len, err) : MR_OK;
}

void mr_pq_column_end_chunk(struct mr_pq_column *c, struct mr_thrift *t,
                            struct mr_pq_indexes *indexes)
{
    chunk_metadata(c, t);
    mr_pq_indexes_keep(indexes, &c->index, c->chunk_at + c->dict_len, t->out->len);
    next_chunk(c);
}
