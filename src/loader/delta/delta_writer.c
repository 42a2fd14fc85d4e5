/*
 * What        stages a partition: batches into Parquet files, the files to the disk, then the manifest that names them
 * Gets        batches from the encode threads
 * Guarantees  data files are durable before a manifest names them; what fails leaves no file behind
 * Why         an fsync waits for the disk: the syncer waits, the encoder goes on
 */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/profile.h"
#include "base/timeutil.h"
#include "column/checksum.h"
#include "loader/delta/loader_private.h"
#include "loader/delta/staging.h"

#define ROW_GROUP_MAX ((size_t)32 << 20)

struct mr_loader_writer {
    struct mr_loader_stream *stream;
    struct mr_partition_ref ref;
    char view_id[80];
    size_t memory;
    struct mr_pq_writer *pq; /* NULL between files */
    bool rescued;            /* batches have that column by now, and the open file too */
    struct mr_store_put *put;
    char *path; /* of the open file, relative to the table */
    struct mr_staged_files files;
    struct mr_checksum sum;
    int64_t bytes;
    /* the syncer's, until it has done this writer's files */
    atomic_bool unsynced; /* a file could not be made durable, and sync_error says why */
    struct mr_error sync_error;
    mr_finished_fn done;
    void *done_ctx;
};

/* A closed file on its way to the disk. */
struct syncing {
    struct mr_loader_writer *w;
    struct mr_store_put *put;
};

/* A file has one column more as soon as a value did not fit. */
void mr_delta_writer_memory(const struct mr_schema *schema, size_t *ret_min, size_t *ret_max)
{
    struct mr_field *fields = mr_alloc(sizeof *fields * ((size_t)schema->n_fields + 1));
    const struct mr_schema more = { schema->n_fields + 1, fields };
    if (schema->n_fields)
        memcpy(fields, schema->fields, sizeof *fields * (size_t)schema->n_fields);
    fields[schema->n_fields] = (struct mr_field){ .type = { .id = MR_TYPE_STRING } };
    mr_pq_memory(&more, ret_min, ret_max);
    mr_free(fields);
}

enum mr_code mr_delta_writer_begin(struct mr_loader_stream *s, const struct mr_partition_ref *p,
                                   size_t memory_bytes, struct mr_loader_writer **ret,
                                   struct mr_error *err)
{
    (void)err; /* the first file is opened by the first row, so an empty partition leaves none */
    struct mr_loader_writer *w = mr_zalloc(1, sizeof *w);
    w->stream = s;
    w->ref = *p;
    snprintf(w->view_id, sizeof w->view_id, "%s", p->view_id);
    w->ref.view_id = w->view_id;
    w->memory = memory_bytes;
    *ret = w;
    return MR_OK;
}

static enum mr_code sink_write(void *ctx, const void *p, size_t n, struct mr_error *err)
{
    return mr_store_put_write(ctx, p, n, err);
}

static enum mr_code open_file(struct mr_loader_writer *w, struct mr_error *err)
{
    struct mr_loader_stream *s = w->stream;
    struct mr_loader *l = s->loader;
    const char *const *asked = (const char *const *)l->bloom.asked->items;
    w->path = mr_staging_file_name(l->run_id, &w->ref, w->files.n);
    char *name = mr_asprintf("%s/%s", w->stream->table, w->path);
    enum mr_code rc = mr_store_put_open(l->store, name, &w->put, err);
    mr_free(name);
    if (rc != MR_OK)
        return rc;
    struct mr_pq_options o = { .codec = l->codec,
                               .plain_only = l->plain_only,
                               .level = 1,
                               .bloom_filters = s->landed.mapped ? s->landed.bloom : asked,
                               .n_bloom_filters =
                                   s->landed.mapped ? s->landed.n_bloom : l->bloom.asked->n_items,
                               .memory_bytes = w->memory,
                               .created_by = "millrace version " MR_VERSION };
    if (w->memory / 2 > ROW_GROUP_MAX)
        o.row_group_bytes = ROW_GROUP_MAX;
    return mr_pq_open(&w->stream->landed.files[w->rescued], &o,
                      (struct mr_pq_sink){ w->put, sink_write }, &w->pq, err);
}

/* Thread: syncer. After a failure the writer's other files are not synced any more: it is lost. */
static void sync_file(void *ctx)
{
    struct syncing *s = ctx;
    struct mr_loader_writer *w = s->w;
    uint64_t size;
    if (atomic_load(&w->unsynced))
        mr_store_put_abort(s->put);
    else if (mr_store_put_finish(s->put, &size, &w->sync_error) != MR_OK)
        atomic_store(&w->unsynced, true);
    mr_free(s);
}

static void hand_over(struct mr_loader_writer *w)
{
    struct syncing *s = mr_alloc(sizeof *s);
    *s = (struct syncing){ w, w->put };
    w->put = NULL;
    mr_store_put_push(s->put);
    mr_serial_do(w->stream->loader->syncer, sync_file, s);
}

static enum mr_code check_synced(struct mr_loader_writer *w, struct mr_error *err)
{
    if (!atomic_load(&w->unsynced))
        return MR_OK;
    *err = w->sync_error;
    return err->code;
}

/* End the open file: footer, remembered, on its way to the disk. */
static enum mr_code close_file(struct mr_loader_writer *w, struct mr_pool *pool,
                               struct mr_error *err)
{
    struct mr_pq_result result = { 0 };
    struct mr_buf stats = { 0 };
    enum mr_code rc = mr_pq_finish(w->pq, pool, &result, err);
    w->pq = NULL;
    if (rc == MR_OK) {
        hand_over(w);
        mr_delta_stats(&w->stream->landed.files[w->rescued], &result, &stats);
        w->files.rescued |= w->rescued;
        struct mr_staged_file *f = mr_staged_files_add(&w->files);
        *f = (struct mr_staged_file){ .path = w->path,
                                      .size_bytes = (int64_t)result.bytes,
                                      .modified_ms = mr_now_us() / 1000,
                                      .rows = result.rows,
                                      .stats = mr_buf_take(&stats) };
        w->path = NULL;
        w->bytes += (int64_t)result.bytes;
    }
    mr_pq_result_release(&result);
    return rc;
}

static void add_to_sum(struct mr_loader_writer *w, const struct mr_batch *batch)
{
    struct mr_span span;
    mr_span_begin(&span, MR_STEP_CHECKSUM);
    mr_checksum_add(&w->sum, batch);
    mr_span_end(&span);
}

enum mr_code mr_delta_writer_write(struct mr_loader_writer *w, const struct mr_batch *batch,
                                   struct mr_pool *pool, struct mr_error *err)
{
    if (batch->n_rows == 0)
        return MR_OK;
    bool begins = !w->rescued && batch->schema->n_fields > w->stream->landed.table[0].n_fields;
    enum mr_code rc = check_synced(w, err);
    if (rc == MR_OK && begins && w->pq)
        rc = close_file(w, pool, err);
    w->rescued |= begins;
    if (rc == MR_OK && !w->pq)
        rc = open_file(w, err);
    if (rc == MR_OK)
        add_to_sum(w, batch);
    if (rc == MR_OK)
        rc = mr_pq_write(w->pq, batch, pool, err);
    if (rc == MR_OK && mr_pq_bytes(w->pq) >= (uint64_t)w->stream->loader->file_bytes)
        rc = close_file(w, pool, err);
    return rc;
}

static void writer_free(struct mr_loader_writer *w)
{
    mr_pq_abort(w->pq);
    mr_store_put_abort(w->put);
    mr_staged_files_release(&w->files);
    mr_free(w->path);
    mr_free(w);
}

static void delete_files(struct mr_loader_stream *s, const struct mr_staged_files *files)
{
    for (int i = 0; i < files->n; i++) {
        char *name = mr_asprintf("%s/%s", s->table, files->items[i].path);
        struct mr_error
            ignored; /* a file that stays is invisible; the error that led here is told */
        if (mr_store_delete(s->loader->store, name, &ignored) != MR_OK)
            mr_error_clear(&ignored);
        mr_free(name);
    }
}

/* Nothing of the writer is with the syncer any more. */
static void discard(struct mr_loader_writer *w)
{
    delete_files(w->stream, &w->files);
    writer_free(w);
}

void mr_delta_writer_abort(struct mr_loader_writer *w)
{
    if (!w)
        return;
    if (w->files.n)
        mr_serial_drain(w->stream->loader->syncer);
    discard(w);
}

/* Thread: syncer, behind the files. Their names become durable, then the manifest that names them is written. */
static enum mr_code stage(struct mr_loader_writer *w, struct mr_manifest *m, struct mr_error *err)
{
    struct mr_loader *l = w->stream->loader;
    enum mr_code rc = check_synced(w, err);
    if (rc == MR_OK && w->files.n)
        rc = mr_store_sync_folder(l->store, w->stream->table, err);
    if (rc == MR_OK)
        rc = mr_staging_write(l->store, w->stream->table, l->run_id, &w->files, m, err);
    return rc;
}

static void stage_and_tell(void *ctx)
{
    struct mr_loader_writer *w = ctx;
    struct mr_error err = { 0 };
    mr_finished_fn done = w->done;
    void *done_ctx = w->done_ctx;
    struct mr_manifest m = { .partition = w->ref.partition,
                             .attempt = w->ref.attempt,
                             .rows = w->sum.n_rows,
                             .bytes = w->bytes,
                             .files = w->files.n,
                             .checksum = { w->sum.sum[0], w->sum.sum[1] } };
    memcpy(m.view_id, w->view_id, sizeof m.view_id);
    bool ok = stage(w, &m, &err) == MR_OK;
    if (ok)
        writer_free(w);
    else
        discard(w);
    done(done_ctx, ok ? &m : NULL, &err);
}

void mr_delta_writer_finish(struct mr_loader_writer *w, struct mr_pool *pool, mr_finished_fn done,
                            void *ctx)
{
    struct mr_error err = { 0 };
    if (w->pq && close_file(w, pool, &err) != MR_OK) {
        mr_delta_writer_abort(w);
        done(ctx, NULL, &err);
        return;
    }
    w->done = done;
    w->done_ctx = ctx;
    mr_serial_do(w->stream->loader->syncer, stage_and_tell, w);
}
