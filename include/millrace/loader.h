/*
 * loader.h - what a target must do: remember where it stands, stage partitions, make a unit visible at once.
 *
 *   main thread     open ─▶ stream_open ─▶ recall ─▶ ... ─▶ commit(unit, manifests) ─▶ stream_close ─▶ close
 *   encode thread         begin(partition, attempt) ─▶ write, write ... ─▶ finish
 *   loader's thread                                                         done(manifest)
 *
 * Rule       nothing is visible before commit; commit is a compare-and-set on the position that recall gave.
 * Ownership  a manifest belongs to the caller (mr_manifest_free); a writer ends with finish or abort.
 * Thread     begin, write, finish, abort: one thread at a time per writer. All else: main thread.
 */
#ifndef MILLRACE_LOADER_H
#define MILLRACE_LOADER_H

#include "millrace/batch.h"
#include "millrace/doctor.h"
#include "millrace/option.h"

struct mr_loader;        /* defined by each kind */
struct mr_loader_stream; /* defined by each kind */
struct mr_loader_writer; /* defined by each kind */
struct mr_pool;          /* base/pool.h: the encode pool, for a task per column */

enum mr_loader_class {
    MR_LOADER_ATOMIC,
    MR_LOADER_REPLACE,
    MR_LOADER_APPEND_ONCE,
    MR_LOADER_AT_LEAST_ONCE
};
enum mr_write_mode { MR_WRITE_OVERWRITE, MR_WRITE_APPEND };

struct mr_loader_config {
    const char *pipeline;
    const char *pipeline_id;
    const char *run_id;
    const char *lake; /* absolute folder */
    const struct mr_options *options;
};

struct mr_loader_stream_config {
    const char *stream_id;
    const char *table;              /* path below the lake: "shop/orders" */
    const struct mr_schema *schema; /* after the transformers */
    bool exact_names;    /* the source's names as they are, by whatever the target has for it */
    const char *comment; /* the source table's; NULL when none */
    enum mr_write_mode write;
    bool frozen; /* the table keeps the columns that it has, also in an overwrite */
};

/* What one partition left behind: its staged files as the loader's own JSON, and the sums the runner adds up. */
struct mr_manifest {
    char *json; /* loader-private; what stands in the manifest file */
    char view_id[80];
    int partition;
    int attempt;
    int64_t rows;
    int64_t bytes; /* written */
    int files;
    uint64_t checksum[2]; /* mr1 of these rows, low word first */
};

struct mr_partition_ref {
    int partition;
    int attempt;
    const char *view_id;
};

/* The end of a partition: its manifest, which belongs to the callee now, or NULL and why. */
typedef void (*mr_finished_fn)(void *ctx, const struct mr_manifest *m, const struct mr_error *err);

struct mr_recall {
    bool exists;      /* the table is there */
    int64_t sequence; /* of this pipeline and stream: txn.version; 0 when never written */
    int64_t version;  /* of the table; -1 when it does not exist */
    int64_t
        done_version; /* this run has committed this stream already as that version (a crash came before it was recorded); -1: no */
    int64_t bad_cells; /* what the unit of that commit said */
    char view_id[80];  /* of the newest commit of this pipeline and stream; "" when unknown */
    int n_staged;      /* manifests of unfinished work of `run_id`, any view */
    struct mr_manifest *staged; /* freed by the caller: mr_manifest_list_free */
    struct mr_schema schema; /* of the table, freed by the caller; n_fields 0 when there is none */
    bool exact_names;        /* the table keeps names as they are */
    struct mr_error refusal; /* code != MR_OK: the stream's columns cannot go into this table */
};

struct mr_unit {
    const struct mr_manifest *manifests;
    int n_manifests;
    int64_t rows;
    uint64_t checksum[2];
    const char *view_id;
    const char *consistency;
    int64_t expected_sequence; /* what recall said */
    int64_t bad_cells;    /* cells that did not fit, kept with the commit for a run that goes on */
    bool allow_unchanged; /* full read: do not commit what is already there */
};

enum mr_commit_result { MR_COMMIT_DONE, MR_COMMIT_UNCHANGED, MR_COMMIT_FENCED };

struct mr_loader_type {
    const char *name;
    const char *title;
    enum mr_loader_class class_;
    const struct mr_option *options;

    enum mr_code (*open)(const struct mr_loader_config *cfg, struct mr_loader **ret,
                         struct mr_error *err);
    void (*close)(struct mr_loader *l);
    /* Can this type land? Called at plan, per field; err says why not and what to do. */
    enum mr_code (*can_hold)(struct mr_loader *l, const struct mr_field *f, struct mr_error *err);
    /* Every field of every stream of the pipeline went through can_hold: does an option name what none of them is?
     * After the last can_hold; not called when tables were left out by --only or could not be described. Main thread. */
    enum mr_code (*checked)(struct mr_loader *l, struct mr_error *err);
    /* check: can it be written, atomically, and is there room? source_bytes: what the tables take at the source, -1 unknown.
     * Leaves nothing behind. Main thread. NULL slot: nothing to say. */
    void (*diagnose)(struct mr_loader *l, int64_t source_bytes, struct mr_findings *out);
    enum mr_code (*stream_open)(struct mr_loader *l, const struct mr_loader_stream_config *cfg,
                                struct mr_loader_stream **ret, struct mr_error *err);
    void (*stream_close)(struct mr_loader_stream *s);
    /* Where do we stand? A first call for a table that does not exist creates nothing. */
    enum mr_code (*recall)(struct mr_loader_stream *s, struct mr_recall *ret, struct mr_error *err);
    /* Bytes of memory a writer of this schema needs at least, and would like at most. */
    void (*writer_memory)(const struct mr_schema *schema, size_t *ret_min,
                          size_t *ret_max); /* any thread */
    enum mr_code (*begin)(struct mr_loader_stream *s, const struct mr_partition_ref *p,
                          size_t memory_bytes, struct mr_loader_writer **ret, struct mr_error *err);
    /* The batch has the stream's schema, or that and one more string column, MR_RESCUED, at its end; from the first such
     * batch of a partition on all have it. */
    enum mr_code (*write)(struct mr_loader_writer *w, const struct mr_batch *batch,
                          struct mr_pool *pool, struct mr_error *err);
    /* Close the files, make them durable and then leave a put-if-absent manifest on the store. Ends the writer. `done` is
     * called once, by this thread or, while this one goes on, by one of the loader's; then nothing of the writer is left. */
    void (*finish)(struct mr_loader_writer *w, struct mr_pool *pool, mr_finished_fn done,
                   void *ctx);
    void (*abort)(
        struct mr_loader_writer *w); /* delete what was begun; ends the writer; NULL-safe */
    /* Make the unit visible. FENCED and UNCHANGED are results, not errors; *ret_version: the table's version then. */
    enum mr_code (*commit)(struct mr_loader_stream *s, const struct mr_unit *u,
                           enum mr_commit_result *ret, int64_t *ret_version, struct mr_error *err);
    /* Remove everything that run `run_id` staged for this stream and that no version of the table names. The caller
     * knows that no living process works on that run. */
    enum mr_code (*sweep)(struct mr_loader_stream *s, const char *run_id, struct mr_error *err);
};

void mr_manifest_release(struct mr_manifest *m);
void mr_manifest_list_free(struct mr_manifest *m, int n);

#endif
