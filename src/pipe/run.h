/*
 * run.h - plan and run one pipeline: streams from a consumer through transformers into a loader.
 *
 *   reader thread per connection ─▶ queue (bytes) ─▶ encode threads: transform, checksum, write ─▶ manifests
 *   main thread: plan, progress, commit per stream, report
 *
 * Rule       pipe knows only the contracts in include/millrace/.
 * Ownership  a report owns its strings and streams: mr_report_release.
 * Thread     mr_run and mr_plan: main thread. Progress is called on the main thread, a few times a second.
 */
#ifndef MR_PIPE_RUN_H
#define MR_PIPE_RUN_H

#include "millrace/consumer.h"
#include "millrace/loader.h"
#include "base/profile.h"
#include "spec/pipeline.h"
#include "state/state.h"

struct mr_report;

struct mr_run_options {
    bool fresh;       /* do not continue an unfinished run */
    bool strict;      /* cells that did not fit make the exit code 1; the caller's to obey */
    const char *only; /* streams or patterns, commas between; NULL: all */
    int64_t limit;    /* rows per stream; 0: all */
    bool compare;     /* plan: look at the tables too, for what has changed since */
    int64_t sample;   /* plan: try so many rows of each table; 0: none */
    bool profile;     /* measure where the time of each stream goes */
    const char
        *path_prefix; /* preview: tables land below this folder of the lake; NULL: in their place */
    bool no_state;    /* preview: record nothing, lock nothing */
    int threads;      /* encode threads; 0: cores */
    /* A few times a second, and once at the end. NULL: none. */
    void (*progress)(void *ctx, const struct mr_report *r);
    void *progress_ctx;
};

enum mr_run_status {
    MR_RUN_RUNNING,
    MR_RUN_DONE,
    MR_RUN_UNCHANGED,
    MR_RUN_FAILED,
    MR_RUN_SKIPPED,
    MR_RUN_INTERRUPTED,
    MR_RUN_PLANNED /* nothing was run */
};

/* Cells of one column that did not fit, and what was done to them. */
#define MR_BAD_SAMPLES 5
struct mr_bad_count {
    char *column; /* as it lands */
    char *source; /* in the source's spelling */
    enum mr_on_bad done;
    int64_t count;
    int n_samples;
    char *samples[MR_BAD_SAMPLES]; /* which rows: "id=42" */
    char *text;                    /* what stood in the first of them, cut */
};

/* A difference between the table as it was and what the source brings now. */
struct mr_schema_change {
    const char *
        what; /* "column_added", "column_dropped", "column_renamed", "columns_reordered", "type_changed",
                         "nullability_changed", "names_changed" */
    char *
        column; /* as it lands now; of a dropped one, as it was; "" for columns_reordered, names_changed */
    char *from, *to; /* types, names, "required", "optional"; NULL when it has none */
};

struct mr_stream_report {
    char *stream, *table, *key; /* "id, line"; NULL: none or unknown */
    const char *kind;           /* "table", "view", ... */
    enum mr_write_mode write;
    enum mr_run_status status; /* RUNNING before it is done */
    bool started, committing;
    const char *consistency; /* "snapshot" */
    int64_t est_rows;        /* -1 unknown */
    int64_t est_bytes;       /* at the source; -1 unknown */
    int64_t
        bad_before; /* cells that did not fit, committed by this run before it was interrupted */
    int64_t sampled_rows; /* plan: rows that `bad` is about */
    int n_pins;
    char **pins; /* columns whose type is pinned, by the source's names */
    int64_t rows_read, rows_written, bytes_read, bytes_written;
    int64_t rows_landed;   /* of this read in the table, written now or there already */
    bool committed_before; /* by this run, before it was interrupted: nothing was read now */
    int files, partitions, partitions_done, retries;
    int64_t started_us, ended_us; /* monotonic; 0: not yet */
    int64_t delta_version;        /* -1: none */
    int64_t position;             /* txn.version; 0: none */
    char checksum[40];            /* "" when none */
    char view_id[80];
    int n_renames;
    char **rename_from, **rename_to; /* columns that land under another name */
    int n_bad;
    struct mr_bad_count *bad; /* in column order */
    int n_changes;
    struct mr_schema_change *changes;
    struct mr_schema schema;    /* as it lands; n_fields 0 when unknown */
    struct mr_profile *profile; /* NULL unless the run is profiled; the report's own */
    struct mr_error error;      /* code MR_OK: none */
};

struct mr_report {
    char run_id[28];
    const char *pipeline; /* borrowed from the spec */
    enum mr_run_status status;
    bool continued;         /* an unfinished run went on */
    char discarded_run[28]; /* "" or the unfinished run that was not continued */
    const char *discard_reason;
    int64_t started_us; /* wall clock */
    double seconds, cpu_seconds;
    int64_t rows; /* written and committed */
    int64_t source_bytes;
    double source_cpu_seconds; /* < 0: unknown */
    const char *source_kind;
    uint64_t peak_memory_bytes;
    int n_streams;
    struct mr_stream_report *streams;
    int n_warnings;
    char **warnings;
    bool planned;           /* of mr_plan: nothing was run */
    bool exact_names;       /* names: exact */
    bool several_snapshots; /* tables of this run come from more than one snapshot */
    struct mr_error error;  /* of the run as a whole; code MR_OK: none */
};

/**
 * mr_run - run one pipeline to its end.
 *
 * Returns  MR_OK when the run ended by itself: see report->status (DONE, UNCHANGED, FAILED: a stream failed). Any other
 *          code: the run as a whole could not be done (err and report->error say why; CANCELLED: interrupted).
 */
MR_CHECK enum mr_code mr_run(const struct mr_pipeline *p, struct mr_state *state,
                             const struct mr_run_options *o, struct mr_report *report,
                             struct mr_error *err);
/** mr_plan - everything before the first row: streams, tables, schemas, renames, what cannot land. No writes. */
MR_CHECK enum mr_code mr_plan(const struct mr_pipeline *p, const struct mr_run_options *o,
                              struct mr_report *report, struct mr_error *err);
/** mr_check - everything that a run needs, tried: source, tables, memory, target, state. Reads no rows, leaves nothing. */
void mr_check(const struct mr_pipeline *p, struct mr_findings *out);
void mr_report_release(struct mr_report *r);
const char *mr_run_status_name(enum mr_run_status s);
/** mr_on_bad_name - "rescue", "null", "clamp", "round", "fail". */
const char *mr_on_bad_name(enum mr_on_bad b);
/** mr_report_bad_cells - how many cells of the whole run did not fit. */
int64_t mr_report_bad_cells(const struct mr_report *r);

#endif
