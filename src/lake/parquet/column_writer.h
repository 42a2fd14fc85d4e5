/*
 * column_writer.h - one column of an open Parquet file: values in, compressed pages out.
 *
 *   append ─▶ [dictionary: probe ─▶ indices] or [plain bytes]  + levels ─▶ page full ─▶ zstd ─▶ chunk
 *   chunk closed ─▶ dictionary page + data pages to the sink, metadata to the footer
 *
 * Memory     page (twice while it is compressed), dictionary, and the chunk's compressed pages.
 * Thread     one at a time per column; columns of one file may be worked on by several threads.
 */
#ifndef MR_LAKE_PARQUET_COLUMN_WRITER_H
#define MR_LAKE_PARQUET_COLUMN_WRITER_H

#include "lake/parquet/bloom.h"
#include "lake/parquet/dictionary.h"
#include "lake/parquet/levels.h"
#include "lake/parquet/page_index.h"
#include "lake/parquet/parquet_writer.h"
#include "lake/parquet/thrift.h"

enum mr_pq_physical {
    PQ_BOOLEAN = 0,
    PQ_INT32 = 1,
    PQ_INT64 = 2,
    PQ_INT96 = 3,
    PQ_FLOAT = 4,
    PQ_DOUBLE = 5,
    PQ_BYTE_ARRAY = 6,
    PQ_FIXED = 7
};
enum { PQ_PLAIN = 0, PQ_RLE = 3, PQ_DELTA = 5, PQ_DELTA_LENGTH = 6, PQ_RLE_DICTIONARY = 8 };

struct mr_pq_codecs; /* compression contexts, shared by the columns of a file */

/* Minimum and maximum of a set of values. */
struct mr_pq_range {
    bool any, nan, too_long;
    uint64_t lo,
        hi; /* words: integers, floats as order-preserving int64; text: its first 8 bytes */
    __int128 lo128, hi128;
    struct mr_buf lo_str, hi_str;
};

struct mr_pq_column {
    const struct mr_pq_leaf *leaf;
    const struct mr_field *field; /* the leaf's */
    enum mr_pq_physical physical;
    int fixed_len; /* PQ_FIXED, PQ_INT96 */
    struct mr_pq_codecs *codecs;
    size_t page_bytes;
    size_t
        lead; /* PQ_DELTA_LENGTH: bytes left free before the values in `plain`, for levels and lengths */
    int plain_encoding; /* of pages without a dictionary: PQ_PLAIN, PQ_DELTA, PQ_DELTA_LENGTH */
    /* the open page */
    int64_t page_rows, page_entries; /* entries: as many as rows, unless there are lists */
    int64_t page_nulls;              /* entries without a value */
    int64_t page_values;
    int64_t cap;       /* entries that the next three have room for; they are made when needed */
    uint8_t *levels;   /* definition levels; not nested: valid when page_nulls > 0 */
    uint8_t *reps;     /* repetition levels */
    uint32_t *indices; /* into the dictionary, or the lengths of PQ_DELTA_LENGTH */
    struct mr_pq_entries entries; /* of the row at hand, when nested */
    struct mr_buf plain;
    struct mr_buf scratch;
    struct mr_pq_range page_range; /* without what is in the dictionary, until the page ends */
    /* the open chunk */
    struct mr_pq_dict dict;
    uint32_t
        *known; /* of an encoded array that is being appended: where its entries are in `dict` */
    size_t known_cap;
    bool page_is_dict, chunk_has_dict, chunk_has_plain;
    bool chunk_bare;     /* not compressed */
    struct mr_buf pages; /* compressed data pages with headers */
    int64_t n_entries, nulls;
    int n_dict_pages, n_plain_pages, n_delta_pages;
    uint64_t raw_bytes; /* uncompressed, with headers */
    struct mr_pq_range range, file_range;
    struct mr_pq_page_index index;
    struct mr_pq_bloom bloom;
    uint64_t chunk_at, bloom_at; /* in the file, once written */
    size_t dict_len, bloom_len;
    int64_t file_nulls;
    int64_t seen;    /* non-NULL values that went through the dictionary so far */
    enum mr_code rc; /* of the last task on the pool */
    struct mr_error err;
};

/* Bytes of a plain value of a fixed width. */
static inline size_t mr_pq_word_width(const struct mr_pq_column *c)
{
    return c->physical == PQ_INT32 || c->physical == PQ_FLOAT ? 4 : 8;
}

static inline bool mr_pq_is_bytes(const struct mr_pq_column *c)
{
    return c->physical == PQ_BYTE_ARRAY || c->physical == PQ_FIXED || c->physical == PQ_INT96;
}
/* page_writer.c */
/** mr_pq_dict_range - the range of what the open page holds as indices, into the page's. */
void mr_pq_dict_range(struct mr_pq_column *c);
/** mr_pq_put_page - append `raw`, compressed unless the chunk is bare, behind its header. */
MR_CHECK enum mr_code mr_pq_put_page(struct mr_pq_column *c, const struct mr_buf *raw, int encoding,
                                     int64_t values, bool dictionary, struct mr_buf *out,
                                     struct mr_error *err);
/** mr_pq_column_flush - end the open page. */
MR_CHECK enum mr_code mr_pq_column_flush(struct mr_pq_column *c, struct mr_error *err);

/* column_writer.c */
/** mr_pq_dict_entry - append value i of the dictionary, PLAIN. */
void mr_pq_dict_entry(struct mr_pq_column *c, uint32_t i, struct mr_buf *out);

void mr_pq_column_init(struct mr_pq_column *c, const struct mr_pq_leaf *leaf,
                       struct mr_pq_codecs *codecs, const struct mr_pq_options *o);
void mr_pq_column_release(struct mr_pq_column *c);
/** mr_pq_column_append - all rows of `a`, the array of the leaf's column. */
MR_CHECK enum mr_code mr_pq_column_append(struct mr_pq_column *c, const struct mr_array *a,
                                          struct mr_error *err);

/* chunk_writer.c */
/** mr_pq_column_write_chunk - the chunk's pages, to file offset *at, which moves behind them. */
MR_CHECK enum mr_code mr_pq_column_write_chunk(struct mr_pq_column *c, uint64_t *at,
                                               const struct mr_pq_sink *sink, struct mr_error *err);
/** mr_pq_column_write_bloom - the chunk's Bloom filter, if the column has one; after write_chunk. */
MR_CHECK enum mr_code mr_pq_column_write_bloom(struct mr_pq_column *c, uint64_t *at,
                                               const struct mr_pq_sink *sink, struct mr_error *err);
/** mr_pq_column_end_chunk - append the ColumnChunk to t, left open behind its field 3, and begin the next chunk. */
void mr_pq_column_end_chunk(struct mr_pq_column *c, struct mr_thrift *t,
                            struct mr_pq_indexes *indexes);
size_t mr_pq_column_held(const struct mr_pq_column *c);

struct mr_pq_codecs *mr_pq_codecs_new(enum mr_pq_codec codec, int level);
void mr_pq_codecs_free(struct mr_pq_codecs *k);
enum mr_pq_codec mr_pq_codecs_codec(const struct mr_pq_codecs *k);
/** mr_pq_compress - append the compressed form of p to out. Any thread. */
MR_CHECK enum mr_code mr_pq_compress(struct mr_pq_codecs *k, const void *p, size_t n,
                                     struct mr_buf *out, struct mr_error *err);

/* pq_schema.c */
/** mr_pq_schema_thrift - the SchemaElements as list `id`; leaves are the writers in the schema's order. */
void mr_pq_schema_thrift(const struct mr_schema *s, const struct mr_pq_column *leaves,
                         struct mr_thrift *t, int16_t id);

/* range.c */
void mr_pq_range_clear(struct mr_pq_range *r);
void mr_pq_range_release(struct mr_pq_range *r);
/** mr_pq_range_words - n values of a fixed-width type. */
void mr_pq_range_words(struct mr_pq_range *r, struct mr_type t, const uint64_t *words, size_t n);
void mr_pq_range_i128(struct mr_pq_range *r, __int128 v);
void mr_pq_range_bytes(struct mr_pq_range *r, const void *p, size_t n);
void mr_pq_range_merge(struct mr_pq_range *r, const struct mr_pq_range *other, struct mr_type t);
/** mr_pq_range_thrift - a Statistics struct as field `id`. */
void mr_pq_range_thrift(const struct mr_pq_range *r, const struct mr_pq_column *c, int64_t nulls,
                        struct mr_thrift *t, int16_t id);
struct mr_pq_exact {
    bool has_hi; /* false: cut text that cannot be raised */
    bool lo, hi; /* not cut */
};
/** mr_pq_range_bounds - append both ends as Parquet stores them, text cut to about 64 bytes; false when there are none. */
bool mr_pq_range_bounds(const struct mr_pq_range *r, const struct mr_pq_column *c,
                        struct mr_buf *lo, struct mr_buf *hi, struct mr_pq_exact *ret);
/** mr_pq_bound_compare - two bounds in the column's order: below 0, 0, above 0. */
int mr_pq_bound_compare(const struct mr_pq_column *c, const struct mr_buf *a,
                        const struct mr_buf *b);
/** mr_pq_range_result - what Delta stats need. */
void mr_pq_range_result(const struct mr_pq_range *r, const struct mr_field *f, int64_t nulls,
                        struct mr_pq_column_stats *ret);
/** mr_pq_big_endian - the low n bytes of v, most significant first. */
void mr_pq_big_endian(__int128 v, int n, uint8_t *out);

#endif
