/*
 * What        the Delta loader: Parquet files staged per partition, made visible by one log entry per stream
 * Gets        batches from the encode threads, units from the main thread
 * Guarantees  atomic: rows and position are one commit; a commit is a compare-and-set on the position; data files are
 *             durable before a manifest names them, manifests before a commit uses them
 * Why         nothing but the log entry is visible, so every earlier step may die at any moment
 * Source      blueprint: promises 1 and 2; lake/delta/delta.h
 */
#include "loader/delta/loader_delta.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/mem.h"
#include "base/profile.h"
#include "base/serial.h"
#include "base/timeutil.h"
#include "column/checksum.h"
#include "column/schema.h"
#include "lake/delta/delta.h"
#include "loader/delta/bloom_columns.h"
#include "loader/delta/delta_doctor.h"
#include "loader/delta/landed.h"
#include "loader/delta/staging.h"

#define ROW_GROUP_MAX ((size_t)32 << 20)

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

static const struct mr_option g_options[] = {
    { .key = "bloom_filters",
      .type = MR_OPT_LIST,
      .doc =
          "Columns, by the names under which they land, whose row groups get a Bloom filter: [order_id]. For look-ups by =; in each table that has the column." },
    { .key = "compression",
      .type = MR_OPT_ENUM,
      .choices = "zstd|snappy|lz4|gzip|none",
      .def = "zstd",
      .doc = "Codec of the Parquet pages; zstd and gzip at level 1, lz4 as LZ4_RAW." },
    { .key = "encodings",
      .type = MR_OPT_ENUM,
      .choices = "delta|plain",
      .def = "delta",
      .doc =
          "Parquet encodings of columns without dictionary: delta (DELTA_BINARY_PACKED, DELTA_LENGTH_BYTE_ARRAY) is smaller and cheaper; plain is read by everything since 2013." },
    { .key = "file_size",
      .type = MR_OPT_SIZE,
      .def = "128MB",
      .min = 1000000,
      .max = 4000000000,
      .doc = "A new data file is begun at this size." },
    MR_OPTION_END,
};

static void loader_close(struct mr_loader *l)
{
    if (!l)
        return;
    mr_serial_free(l->syncer);
    mr_store_close(l->store);
    mr_free(l->pipeline);
    mr_free(l->pipeline_id);
    mr_free(l->run_id);
    mr_bloom_columns_release(&l->bloom);
    mr_free(l);
}

static enum mr_pq_codec codec_of(const char *name)
{
    static const struct {
        const char *name;
        enum mr_pq_codec codec;
    } map[] = { { "none", MR_PQ_NONE },
                { "snappy", MR_PQ_SNAPPY },
                { "gzip", MR_PQ_GZIP },
                { "lz4", MR_PQ_LZ4 } };
    for (size_t i = 0; i < sizeof map / sizeof *map; i++)
        if (strcmp(map[i].name, name) == 0)
            return map[i].codec;
    return MR_PQ_ZSTD;
}

static enum mr_code loader_open(const struct mr_loader_config *cfg, struct mr_loader **ret,
                                struct mr_error *err)
{
    struct mr_loader *l = mr_zalloc(1, sizeof *l);
    l->pipeline = mr_strdup(cfg->pipeline);
    l->pipeline_id = mr_strdup(cfg->pipeline_id);
    l->run_id = mr_strdup(cfg->run_id);
    l->codec = codec_of(mr_option_str(cfg->options, "compression"));
    l->plain_only = strcmp(mr_option_str(cfg->options, "encodings"), "plain") == 0;
    l->syncer = mr_serial_new();
    l->file_bytes = mr_option_int(cfg->options, "file_size");
    mr_bloom_columns_init(&l->bloom, mr_option_get(cfg->options, "bloom_filters"));
    enum mr_code rc = mr_store_open_local(cfg->lake, &l->store, err);
    if (rc != MR_OK)
        loader_close(l);
    else
        *ret = l;
    return rc;
}

static enum mr_code can_hold(struct mr_loader *l, const struct mr_field *f, struct mr_error *err)
{
    return mr_bloom_columns_see(&l->bloom, f, err); /* every type of a batch has a Delta type */
}

static enum mr_code checked(struct mr_loader *l, struct mr_error *err)
{
    return mr_bloom_columns_check(&l->bloom, err);
}

static void diagnose(struct mr_loader *l, int64_t source_bytes, struct mr_findings *out)
{
    mr_delta_diagnose(mr_store_root(l->store), source_bytes, out);
}

/* The parts are encoded, so that '/' separates. */
static char *make_app_id(const char *pipeline_id, const char *stream)
{
    struct mr_buf b = { 0 };
    mr_buf_puts(&b, "millrace/1/");
    mr_buf_put_percent(&b, pipeline_id, "-._~");
    mr_buf_putc(&b, '/');
    mr_buf_put_percent(&b, stream, "-._~");
    mr_buf_puts(&b, "/-");
    return mr_buf_take(&b);
}

static enum mr_code stream_open(struct mr_loader *l, const struct mr_loader_stream_config *cfg,
                                struct mr_loader_stream **ret, struct mr_error *err)
{
    (void)err;
    struct mr_loader_stream *s = mr_zalloc(1, sizeof *s);
    s->loader = l;
    s->stream_id = mr_strdup(cfg->stream_id);
    s->table = mr_strdup(cfg->table);
    s->comment = cfg->comment ? mr_strdup(cfg->comment) : NULL;
    s->app_id = make_app_id(l->pipeline_id, cfg->stream_id);
    s->write = cfg->write;
    s->frozen = cfg->frozen;
    s->exact = cfg->exact_names;
    mr_landed_init(&s->landed, cfg->schema);
    *ret = s;
    return MR_OK;
}

static void stream_close(struct mr_loader_stream *s)
{
    if (!s)
        return;
    mr_free(s->stream_id);
    mr_free(s->table);
    mr_free(s->comment);
    mr_free(s->app_id);
    mr_landed_release(&s->landed);
    mr_free(s);
}

/* Column mapping where the table has it, or is to have it and can: new, or written anew. */
static void settle_columns(struct mr_loader_stream *s, const struct mr_delta_snapshot *snap)
{
    char *seed = mr_asprintf("%s/%s", s->loader->run_id, s->table);
    bool anew = snap->version < 0 || (s->write == MR_WRITE_OVERWRITE && !s->frozen);
    if (snap->mapped || (s->exact && anew))
        mr_landed_map(&s->landed, snap, seed, &s->loader->bloom);
    mr_free(seed);
}

static struct mr_delta_commit schema_of_commit(const struct mr_loader_stream *s, bool rescued)
{
    return (struct mr_delta_commit){ .schema = &s->landed.table[0],
                                     .rescued = rescued ? mr_landed_rescued(&s->landed) : NULL,
                                     .overwrite = s->write == MR_WRITE_OVERWRITE,
                                     .frozen = s->frozen,
                                     .mapped = s->landed.mapped };
}

/* Before a row is read: could these columns go into the table? */
static void try_schema(struct mr_loader_stream *s, const struct mr_delta_snapshot *snap,
                       struct mr_recall *r)
{
    const struct mr_delta_commit c = schema_of_commit(s, false);
    struct mr_delta_target t = { 0 };
    if (s->exact && !s->landed.mapped) {
        mr_fail(&r->refusal, MR_ID_DELTA04, "%s: the table was made with names: safe", s->table);
        mr_error_advise(&r->refusal, "names: exact begins with write: overwrite and "
                                     "on_schema_change: evolve, or in another path");
    } else if (mr_delta_target(snap, &c, s->table, &t, &r->refusal) == MR_OK) {
        mr_delta_target_release(&t);
    }
}

static enum mr_code recall(struct mr_loader_stream *s, struct mr_recall *ret, struct mr_error *err)
{
    struct mr_delta_snapshot *snap = NULL;
    enum mr_code rc = mr_delta_read(s->loader->store, s->table, -1, &snap, err);
    if (rc != MR_OK)
        return rc;
    struct mr_recall r = { .exists = snap->version >= 0,
                           .version = snap->version,
                           .sequence = mr_delta_txn_version(snap, s->app_id) };
    const json_t *tags =
        snap->last_data.info ? json_object_get(snap->last_data.info, "tags") : NULL;
    if (tags && strcmp(mr_json_get_str(tags, "millrace.app", ""), s->app_id) == 0) {
        r.bad_cells = strtoll(mr_json_get_str(tags, "millrace.bad_values", "0"), NULL, 10);
        r.done_in_run = strcmp(mr_json_get_str(tags, "millrace.run", ""), s->loader->run_id) == 0;
        snprintf(r.view_id, sizeof r.view_id, "%s", mr_json_get_str(tags, "millrace.snapshot", ""));
    }
    mr_schema_copy(&r.schema, &snap->schema);
    r.exact_names = snap->mapped;
    settle_columns(s, snap);
    try_schema(s, snap, &r);
    mr_delta_snapshot_free(snap);
    if (*s->loader->run_id) /* none: only a plan is made */
        rc = mr_staging_list(s->loader->store, s->table, s->loader->run_id, &r.staged, &r.n_staged,
                             err);
    if (rc == MR_OK)
        *ret = r;
    else
        mr_schema_release(&r.schema);
    return rc;
}

/* A file has one column more as soon as a value did not fit. */
static void writer_memory(const struct mr_schema *schema, size_t *ret_min, size_t *ret_max)
{
    struct mr_field *fields = mr_alloc(sizeof *fields * ((size_t)schema->n_fields + 1));
    const struct mr_schema more = { schema->n_fields + 1, fields };
    if (schema->n_fields)
        memcpy(fields, schema->fields, sizeof *fields * (size_t)schema->n_fields);
    fields[schema->n_fields] = (struct mr_field){ .type = { .id = MR_TYPE_STRING } };
    mr_pq_memory(&more, ret_min, ret_max);
    mr_free(fields);
}

static enum mr_code begin(struct mr_loader_stream *s, const struct mr_partition_ref *p,
                          size_t memory_bytes, struct mr_loader_writer **ret, struct mr_error *err)
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

static enum mr_code write_batch(struct mr_loader_writer *w, const struct mr_batch *batch,
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

static void abort_writer(struct mr_loader_writer *w)
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

static void finish(struct mr_loader_writer *w, struct mr_pool *pool, mr_finished_fn done, void *ctx)
{
    struct mr_error err = { 0 };
    if (w->pq && close_file(w, pool, &err) != MR_OK) {
        abort_writer(w);
        done(ctx, NULL, &err);
        return;
    }
    w->done = done;
    w->done_ctx = ctx;
    mr_serial_do(w->stream->loader->syncer, stage_and_tell, w);
}

/* What must be equal for a full read to have brought nothing new: rows, schema, how they are written. */
static char *unit_fingerprint(const struct mr_loader_stream *s, const struct mr_unit *u)
{
    char sum[MR_CHECKSUM_TEXT];
    struct mr_buf schema = { 0 };
    mr_delta_schema_json(&s->landed.table[0], &schema);
    uint64_t h = XXH3_64bits(schema.data, schema.len);
    mr_buf_clear(&schema);
    mr_buf_printf(&schema, "%s;rows=%lld;schema=%016llx;codec=%d%s",
                  mr_checksum_text(u->checksum, sum), (long long)u->rows, (unsigned long long)h,
                  (int)s->loader->codec, s->loader->plain_only ? ";plain" : "");
    for (int i = 0; i < s->landed.table[0].n_fields; i++)
        if (mr_bloom_columns_has(&s->loader->bloom, s->landed.table[0].fields[i].name))
            mr_buf_printf(&schema, ";bloom=%d", i);
    return mr_buf_take(&schema);
}

static enum mr_code collect(const struct mr_unit *u, struct mr_staged_files *files,
                            struct mr_error *err)
{
    for (int i = 0; i < u->n_manifests; i++) {
        enum mr_code rc = mr_staging_files(&u->manifests[i], files, err);
        if (rc != MR_OK)
            return rc;
    }
    return MR_OK;
}

static enum mr_code put_commit(struct mr_loader_stream *s, const struct mr_unit *u,
                               const struct mr_staged_files *files, enum mr_delta_result *ret,
                               int64_t *ret_version, struct mr_error *err)
{
    struct mr_loader *l = s->loader;
    char sum[MR_CHECKSUM_TEXT], rows[24], bad[24];
    char *print = unit_fingerprint(s, u);
    snprintf(rows, sizeof rows, "%lld", (long long)u->rows);
    snprintf(bad, sizeof bad, "%lld", (long long)u->bad_cells);
    struct mr_delta_new_file *adds = mr_zalloc((size_t)files->n, sizeof *adds);
    for (int i = 0; i < files->n; i++) {
        const struct mr_staged_file *f = &files->items[i];
        adds[i] = (struct mr_delta_new_file){ .path = f->path,
                                              .size_bytes = f->size_bytes,
                                              .modified_ms = f->modified_ms,
                                              .rows = f->rows,
                                              .stats = f->stats };
    }
    const struct mr_delta_pair tags[] = {
        { "millrace.app", s->app_id },
        { "millrace.pipeline", l->pipeline },
        { "millrace.stream", s->stream_id },
        { "millrace.run", l->run_id },
        { "millrace.consistency", u->consistency },
        { "millrace.snapshot", u->view_id },
        { "millrace.rows", rows },
        { "millrace.bad_values", bad },
        { "millrace.checksum", mr_checksum_text(u->checksum, sum) },
        { "millrace.unit", print },
    };
    const struct mr_delta_pair conf[] = { { "millrace.source", s->stream_id },
                                          { "millrace.pipeline", l->pipeline_id } };
    struct mr_delta_commit c = schema_of_commit(s, files->rescued);
    c.files = adds;
    c.n_files = files->n;
    c.app_id = s->app_id;
    c.txn_expected = u->expected_sequence;
    c.txn_version = u->expected_sequence + 1;
    c.operation = "WRITE";
    c.tags = tags;
    c.n_tags = (int)(sizeof tags / sizeof *tags);
    c.table_comment = s->comment;
    c.configuration = conf;
    c.n_configuration = 2;
    c.unchanged_key = u->allow_unchanged ? "millrace.unit" : NULL;
    c.unchanged_value = print;
    enum mr_code rc = mr_delta_commit(l->store, s->table, &c, ret, ret_version, err);
    mr_free(adds);
    mr_free(print);
    return rc;
}

static enum mr_code sweep(struct mr_loader_stream *s, const char *run_id, struct mr_error *err)
{
    struct mr_delta_snapshot *snap = NULL;
    enum mr_code rc = mr_delta_read(s->loader->store, s->table, -1, &snap, err);
    if (rc == MR_OK)
        rc = mr_staging_sweep(s->loader->store, s->table, run_id, snap, err);
    mr_delta_snapshot_free(snap);
    return rc;
}

static enum mr_code commit(struct mr_loader_stream *s, const struct mr_unit *u,
                           enum mr_commit_result *ret, int64_t *ret_version, struct mr_error *err)
{
    struct mr_loader *l = s->loader;
    struct mr_staged_files files = { 0 };
    enum mr_delta_result result = MR_DELTA_DONE;
    int64_t version = -1;
    enum mr_code rc = collect(u, &files, err);
    if (rc == MR_OK)
        rc = put_commit(s, u, &files, &result, &version, err);
    if (rc == MR_OK && result == MR_DELTA_DONE) {
        struct mr_error
            ignored; /* the commit stands; manifests that stay are invisible and swept later */
        if (mr_staging_forget(l->store, s->table, l->run_id, &ignored) != MR_OK)
            mr_error_clear(&ignored);
    } else if (rc == MR_OK) {
        rc = sweep(s, l->run_id, err);
    }
    mr_staged_files_release(&files);
    if (rc != MR_OK)
        return rc;
    *ret = result == MR_DELTA_DONE        ? MR_COMMIT_DONE
           : result == MR_DELTA_UNCHANGED ? MR_COMMIT_UNCHANGED
                                          : MR_COMMIT_FENCED;
    *ret_version = version;
    return MR_OK;
}

const struct mr_loader_type mr_loader_delta = {
    .name = "delta",
    .title = "Delta Lake tables of Parquet files, on local disk",
    .class_ = MR_LOADER_ATOMIC,
    .options = g_options,
    .open = loader_open,
    .close = loader_close,
    .can_hold = can_hold,
    .checked = checked,
    .diagnose = diagnose,
    .stream_open = stream_open,
    .stream_close = stream_close,
    .recall = recall,
    .writer_memory = writer_memory,
    .begin = begin,
    .write = write_batch,
    .finish = finish,
    .abort = abort_writer,
    .commit = commit,
    .sweep = sweep,
};
