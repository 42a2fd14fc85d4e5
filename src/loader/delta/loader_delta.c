/*
 * What        the Delta loader: Parquet files staged per partition (delta_writer.c), made visible by one log entry per stream
 * Gets        units from the main thread
 * Guarantees  atomic: rows and position are one commit; a commit is a compare-and-set on the position; data files are
 *             durable before a manifest names them, manifests before a commit uses them
 * Why         nothing but the log entry is visible, so every earlier step may die at any moment
 * Source      docs/guarantees.md; lake/delta/delta.h
 */
#include "loader/delta/loader_delta.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/mem.h"
#include "column/checksum.h"
#include "column/schema.h"
#include "loader/delta/delta_doctor.h"
#include "loader/delta/loader_private.h"
#include "loader/delta/staging.h"

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

/* What this stream's newest commit says, though others may have added versions since. */
static void recall_commit(const struct mr_loader_stream *s, const struct mr_delta_txn *t,
                          struct mr_recall *r)
{
    const json_t *tags = t && t->info ? json_object_get(t->info, "tags") : NULL;
    if (!tags || strcmp(mr_json_get_str(tags, "millrace.app", ""), s->app_id) != 0)
        return;
    r->bad_cells = strtoll(mr_json_get_str(tags, "millrace.bad_values", "0"), NULL, 10);
    if (strcmp(mr_json_get_str(tags, "millrace.run", ""), s->loader->run_id) == 0)
        r->done_version = t->at;
    snprintf(r->view_id, sizeof r->view_id, "%s", mr_json_get_str(tags, "millrace.snapshot", ""));
}

static enum mr_code recall(struct mr_loader_stream *s, struct mr_recall *ret, struct mr_error *err)
{
    struct mr_delta_snapshot *snap = NULL;
    enum mr_code rc = mr_delta_read(s->loader->store, s->table, -1, &snap, err);
    if (rc != MR_OK)
        return rc;
    struct mr_recall r = { .exists = snap->version >= 0,
                           .version = snap->version,
                           .sequence = mr_delta_txn_version(snap, s->app_id),
                           .done_version = -1 };
    recall_commit(s, mr_delta_find_txn(snap, s->app_id), &r);
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
    return mr_staging_sweep(s->loader->store, s->table, run_id, err);
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
    .writer_memory = mr_delta_writer_memory,
    .begin = mr_delta_writer_begin,
    .write = mr_delta_writer_write,
    .finish = mr_delta_writer_finish,
    .abort = mr_delta_writer_abort,
    .commit = commit,
    .sweep = sweep,
};
