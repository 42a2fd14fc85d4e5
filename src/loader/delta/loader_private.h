/*
 * loader_private.h - what the files of the Delta loader share.
 *
 *   mr_loader ── streams (one table each) ── writers (one partition each) ──▶ the loader's syncer
 *
 * Thread     loader and streams are written by the main thread before reading begins; a writer belongs to its encoder, and from
 *            finish on to the syncer.
 */
#ifndef MR_LOADER_DELTA_PRIVATE_H
#define MR_LOADER_DELTA_PRIVATE_H

#include "base/serial.h"
#include "lake/delta/delta.h"
#include "loader/delta/bloom_columns.h"
#include "loader/delta/landed.h"
#include "millrace/loader.h"

struct mr_loader {
    struct mr_store *store;
    char *pipeline, *pipeline_id, *run_id;
    enum mr_pq_codec codec;
    bool plain_only;
    int64_t file_bytes;
    struct mr_bloom_columns bloom;
    struct mr_serial *syncer; /* all writers' files, one at a time */
};

struct mr_loader_stream {
    struct mr_loader *loader;
    char *stream_id, *table, *comment, *app_id;
    struct mr_landed landed; /* the columns; settled by recall */
    enum mr_write_mode write;
    bool frozen, exact;
};

/* delta_writer.c: the loader's functions of these names */
void mr_delta_writer_memory(const struct mr_schema *schema, size_t *ret_min, size_t *ret_max);
MR_CHECK enum mr_code mr_delta_writer_begin(struct mr_loader_stream *s,
                                            const struct mr_partition_ref *p, size_t memory_bytes,
                                            struct mr_loader_writer **ret, struct mr_error *err);
MR_CHECK enum mr_code mr_delta_writer_write(struct mr_loader_writer *w,
                                            const struct mr_batch *batch, struct mr_pool *pool,
                                            struct mr_error *err);
void mr_delta_writer_finish(struct mr_loader_writer *w, struct mr_pool *pool, mr_finished_fn done,
                            void *ctx);
void mr_delta_writer_abort(struct mr_loader_writer *w);

#endif
