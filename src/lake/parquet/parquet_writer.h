/*
 * parquet_writer.h - write one Parquet file from batches, column by column, in bounded memory.
 *
 *   batches ─▶ per column: dictionary or plain ─▶ page (v1) ─▶ zstd ─▶ row group ─▶ sink      footer at the end
 *
 * Ownership  the writer borrows schema and sink until finish or abort.
 * Memory     open pages + dictionaries + the encoded row group <= the memory given at open.
 * Thread     one thread at a time per writer; inside, columns are encoded on the pool.
 * Source     apache/parquet-format parquet.thrift and Encodings.md
 */
#ifndef MR_LAKE_PARQUET_WRITER_H
#define MR_LAKE_PARQUET_WRITER_H

#include "base/pool.h"
#include "millrace/batch.h"

enum mr_pq_codec {
    MR_PQ_NONE = 0,
    MR_PQ_SNAPPY = 1,
    MR_PQ_GZIP = 2,
    MR_PQ_ZSTD = 6,
    MR_PQ_LZ4 = 7
};

/* Where the bytes go, in order. */
struct mr_pq_sink {
    void *ctx;
    enum mr_code (*write)(void *ctx, const void *p, size_t n, struct mr_error *err);
};

struct mr_pq_options {
    enum mr_pq_codec codec;
    int level;               /* zstd: 1..; gzip is level 1 */
    size_t memory_bytes;     /* of this file; from it come the next three, unless set */
    size_t page_bytes;       /* clamp(memory/9C, 8 KiB, 1 MiB) */
    size_t dictionary_bytes; /* a page's, half of a small one's */
    size_t row_group_bytes;  /* memory/2, encoded */
    const char *const
        *bloom_filters; /* names of columns that get one; together memory/16 at most */
    int n_bloom_filters;
    int64_t row_group_rows; /* at most; 0: 524,288 */
    bool
        plain_only; /* PLAIN where there is no dictionary; else DELTA_BINARY_PACKED, DELTA_LENGTH_BYTE_ARRAY */
    const char *created_by; /* "millrace version 0.1.0" */
};

/* Per column of the schema, over the whole file: what Delta stats need. */
struct mr_pq_column_stats {
    int64_t null_count; /* -1: not known, for a nested column */
    bool has_min_max;   /* false: all NULL, or no order (boolean, binary), or a NaN was seen */
    uint8_t *min,
        *max; /* fixed width: native little-endian value (decimals 8 or 16 bytes); string: bytes */
    size_t min_len, max_len; /* strings are whole up to 64 KiB, else has_min_max is false */
};

struct mr_pq_result {
    int64_t rows;
    uint64_t bytes;
    int row_groups;
    int n_columns;
    struct mr_pq_column_stats *columns;
};

struct mr_pq_writer;

/** mr_pq_memory - bytes a writer of this schema needs at least, and can use at most. */
void mr_pq_memory(const struct mr_schema *schema, size_t *ret_min, size_t *ret_max);
/** mr_pq_open - begin a file. MR_E_MEMORY when options.memory_bytes is below the minimum. */
MR_CHECK enum mr_code mr_pq_open(const struct mr_schema *schema,
                                 const struct mr_pq_options *options, struct mr_pq_sink sink,
                                 struct mr_pq_writer **ret, struct mr_error *err);
/** mr_pq_write - append the rows of a batch with the schema given at open. A NULL in a required column: MR_E_VALUE. */
MR_CHECK enum mr_code mr_pq_write(struct mr_pq_writer *w, const struct mr_batch *batch,
                                  struct mr_pool *pool, struct mr_error *err);
/** mr_pq_bytes - bytes written to the sink plus encoded bytes held: the file's size if it were closed now, about. */
uint64_t mr_pq_bytes(const struct mr_pq_writer *w);
/** mr_pq_finish - footer; ends the writer, also on error. ret is released with mr_pq_result_release. */
MR_CHECK enum mr_code mr_pq_finish(struct mr_pq_writer *w, struct mr_pool *pool,
                                   struct mr_pq_result *ret, struct mr_error *err);
void mr_pq_abort(struct mr_pq_writer *w); /* NULL-safe */
void mr_pq_result_release(struct mr_pq_result *r);

#endif
