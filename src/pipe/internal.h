/*
 * internal.h - the state of one run, shared by the main thread, the readers and the encoders.
 *
 *   work list ─▶ lane i:  reader ──(ready queue)──▶ encoder ─▶ loader writer ─▶ manifest
 *                            ▲────(free queue)──────────┘         │
 *   main thread: waits on `changed`, commits settled streams ◀────┘
 *
 * Locks      run.mutex guards: work, every job's counters and error, the report's streams, live_lanes, next_job, beginning.
 * Bound      a lane owns LANE_SLOTS slots of one batch each; a reader without a free slot waits.
 */
#ifndef MR_PIPE_INTERNAL_H
#define MR_PIPE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/pool.h"
#include "base/queue.h"
#include "pipe/run.h"

#define LANE_SLOTS 4
#define MAX_ATTEMPTS 3

/* Where columns are to stand, by the source's names. Borrowed from the pipeline but for `items`. */
struct mr_place {
    const char *column;
    int order; /* from 1 */
};

struct mr_place_list {
    int n;
    struct mr_place *items;
};

/* The transformers of one stream, opened. */
struct mr_chain {
    int n;
    struct mr_transformer **steps;
    struct mr_batch *outs;    /* one per step */
    struct mr_schema landing; /* what the loader gets: the last schema, safe names, in order */
    int renamed;
    int *from;               /* landing column i is the last schema's column from[i]; NULL: i */
    struct mr_batch ordered; /* with from: what leaves the chain */
};

enum mr_code mr_chain_open(const struct mr_pipeline *p, const struct mr_schema *in,
                           const struct mr_place_list *places, struct mr_chain *ret,
                           struct mr_error *err);
/** mr_chain_apply - *ret_batch is `in` or an inner batch, with the landing schema; valid until the next apply. */
enum mr_code mr_chain_apply(struct mr_chain *c, const struct mr_pipeline *p, struct mr_batch *in,
                            struct mr_batch **ret_batch, struct mr_error *err);
/** mr_chain_close - `in_schema_of` batch pointers handed to apply must be reset by the caller before. */
void mr_chain_close(struct mr_chain *c, const struct mr_pipeline *p);

/* ---- landing.c: the end of a chain ---- */

/* What lands of a chain's columns, and one more for what did not fit. */
struct mr_landing {
    struct mr_schema plain, full; /* full: with `_rescued` */
    int *from;     /* column of the chain for each of plain; NULL: they are the same */
    int n_to, *to; /* the inverse: -1 where a column of the chain does not land */
    struct mr_schema extra_schema;
    struct mr_batch extra; /* `_rescued` alone */
    struct mr_batch view;  /* borrows the columns of the chain's batch and of `extra` */
    bool begun;            /* a row was rescued: from now on all batches have the column */
    struct mr_buf json;
    int *cells; /* of one row, for sorting */
    int cap_cells;
};

/** mr_landing_open - `landing` as the loader was given it; from: see above, copied. */
void mr_landing_open(struct mr_landing *l, const struct mr_schema *landing, const int *from);
/** mr_landing_cells - the chain's list of cells that did not fit, with the columns as they land. */
void mr_landing_cells(const struct mr_landing *l, struct mr_bad_list *bad);
/** mr_landing_apply - *ret is `in` as it lands; valid until the next apply. After mr_landing_cells. */
enum mr_code mr_landing_apply(struct mr_landing *l, struct mr_batch *in, struct mr_batch **ret,
                              struct mr_error *err);
void mr_landing_close(struct mr_landing *l); /* idempotent */

/* ---- bad.c: counting what did not fit ---- */

/* Of one partition. Keys of rows are made before the chain, for cells whose column has no five samples yet. */
struct mr_bad_book {
    const struct mr_stream *stream;
    int partition;     /* -1: the stream has only one */
    int n_keys, *keys; /* columns of the source's schema; 0: rows are numbered */
    int n_landing;
    int *source_of;   /* for each landing column: that of the source, or -1 */
    uint8_t *sampled; /* [source column * 5 + done] */
    int *entry_of;    /* [landing column * 5 + done]: index + 1 into counts */
    int n;
    struct mr_bad_count *counts;
    bool failing; /* a cell's policy is to fail */
};

void mr_book_open(struct mr_bad_book *b, const struct mr_stream *s,
                  const struct mr_schema *landing);
/** mr_book_keys - say of bad cells which rows they are; before the chain. */
void mr_book_keys(struct mr_bad_book *b, struct mr_batch *in);
/** mr_book_count - cells that land, after mr_landing_cells. */
void mr_book_count(struct mr_bad_book *b, const struct mr_schema *landing,
                   const struct mr_bad_list *bad);
/** mr_book_error - one error that names all columns whose policy is to fail. */
enum mr_code mr_book_error(const struct mr_bad_book *b, struct mr_error *err);
/** mr_book_merge - add its counts to a report. Locks: the caller holds what guards it. */
void mr_book_merge(struct mr_bad_book *b, struct mr_stream_report *r);
void mr_book_close(struct mr_bad_book *b); /* idempotent */
void mr_bad_counts_free(struct mr_bad_count *c, int n);
/** mr_text_cut - a text on one line, cut at `most` bytes. */
void mr_text_cut(const char *s, size_t n, size_t most, struct mr_buf *out);
/** mr_cell_text - a value for people, cut at 100 bytes. */
void mr_cell_text(const struct mr_field *f, const struct mr_array *a, int64_t r,
                  struct mr_buf *out);

/* ---- drift.c: what has changed since the table was written ---- */

struct mr_job;
struct mr_engine;
/** mr_drift - compare the table as recalled with what lands; note it in the report; obey on_schema_change. May leave columns
 *  out of j->landing (freeze), and then opens j->target anew. */
enum mr_code mr_drift(struct mr_engine *e, struct mr_job *j, struct mr_error *err);
/** mr_target_open - the loader's stream for j->landing, recalled. */
enum mr_code mr_target_open(struct mr_engine *e, struct mr_job *j, struct mr_error *err);
void mr_change_add(struct mr_stream_report *r, const char *what, const char *column,
                   const char *from, const char *to);
void mr_changes_clear(struct mr_stream_report *r);

/* One stream of the run. */
struct mr_job {
    struct mr_stream *stream;
    struct mr_stream_report *rep;
    char *table;
    enum mr_write_mode write;
    struct mr_place_list places;
    struct mr_chain chain;    /* for the schema; lanes open their own */
    struct mr_schema landing; /* what the loader gets: all of the chain's, or less when frozen */
    int *from;                /* its columns in the chain's; NULL: all */
    bool frozen;
    bool tried; /* by mr_sample */
    struct mr_loader_stream *target;
    struct mr_recall recall;
    struct mr_plan plan;
    struct mr_manifest *manifests; /* plan.n_partitions; json == NULL: not there yet */
    int parts_done, in_flight, next_part;
    int notes_said; /* of stream->notes */
    bool begun;     /* the consumer knows that it is read now */
    atomic_bool failed;
    bool settled; /* committed, failed or skipped: nothing more to do */
    struct mr_error error;
};

struct mr_engine {
    const struct mr_pipeline *p;
    const struct mr_run_options *o;
    struct mr_state *state;
    struct mr_state_source_list known; /* tables of the source that earlier runs have read */
    struct mr_report *report;
    struct mr_query_stream *queries; /* the consumer borrows them */
    struct mr_consumer *consumer;
    struct mr_loader *loader;
    struct mr_stream_list list;
    int n_jobs;
    struct mr_job *jobs;
    struct mr_pool *pool;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    pthread_cond_t begun; /* `beginning` is over */
    bool beginning;       /* a lane asks the consumer about its next stream; the others wait */
    int next_job, live_lanes;
    int finishing; /* partitions whose loader has not said `done` yet */
    struct mr_error lane_error;
    /* from the budget */
    int workers;
    size_t batch_bytes, writer_bytes, steps_bytes;
    int batch_rows;
};

/* A message from a reader to its encoder. */
enum mr_slot_kind { MR_SLOT_BEGIN, MR_SLOT_BATCH, MR_SLOT_END, MR_SLOT_ABORT, MR_SLOT_QUIT };

struct mr_slot {
    enum mr_slot_kind kind;
    struct mr_job *job;
    const struct mr_partition *part;
    int attempt;
    bool last;        /* ABORT: no other attempt follows */
    bool batch_ready; /* batch was initialised for batch_schema */
    const struct mr_schema *batch_schema;
    struct mr_batch batch;
};

struct mr_lane {
    struct mr_engine *e;
    int index;
    pthread_t reader, encoder;
    struct mr_slot slots[LANE_SLOTS];
    struct mr_queue free_slots, ready_slots;
    /* encoder only */
    struct mr_chain chain;
    struct mr_landing landing;
    struct mr_bad_book book;
    bool chain_open; /* these three are open */
    struct mr_loader_writer *writer;
    bool dead; /* the partition failed: skip to its end */
};

/** mr_lanes_run - start the lanes; main waits elsewhere. Returns when every thread was started or none was. */
enum mr_code mr_lanes_start(struct mr_engine *e, struct mr_lane **ret, int *ret_n,
                            struct mr_error *err);
void mr_lanes_join(struct mr_lane *lanes, int n);

/** mr_budget_batches - batch sizes, which the consumer must know before the tables are known. */
void mr_budget_batches(struct mr_engine *e);
/** mr_budget - workers, batch and writer sizes from `memory:`. PIPE01 when even one worker does not fit. */
enum mr_code mr_budget(struct mr_engine *e, struct mr_error *err);

/** mr_job_fail - remember the first error of a stream. Locks: takes e->mutex. */
void mr_job_fail(struct mr_engine *e, struct mr_job *j, const struct mr_error *err);

/** mr_prepare - consumer open, discover, select, chains, report streams. For plan and run. */
enum mr_code mr_prepare(struct mr_engine *e, struct mr_error *err);
/** mr_sample - plan: a few rows of each table through its chain; bounded in time; see sample.c. Holds the view. */
void mr_sample(struct mr_engine *e);

/* ---- sources.c: tables that are gone, renamed or made anew ---- */

/** mr_sources_compare - warn of them; fills e->known. After mr_prepare; before a stream is committed. */
void mr_sources_compare(struct mr_engine *e, struct mr_state *state);
/** mr_sources_forget - what is gone was said. At the end of a run that was not interrupted. */
void mr_sources_forget(struct mr_engine *e);
/** mr_sources_read - remember the table of a committed stream, if that is news. */
enum mr_code mr_sources_read(struct mr_engine *e, const struct mr_job *j, struct mr_error *err);

void mr_engine_release(struct mr_engine *e);
/** mr_partitions_wanted - so many that a file is of a good size and every worker has work. */
int mr_partitions_wanted(const struct mr_engine *e, const struct mr_stream *s);
/** mr_job_plan - take over j->plan: room for its manifests, its view into the report. Locks: none or e->mutex. */
void mr_job_plan(struct mr_job *j);
/** mr_job_notes - what the consumer newly says of its stream becomes warnings. Main thread. */
void mr_job_notes(struct mr_engine *e, struct mr_job *j);
void mr_report_warn(struct mr_report *r, const char *fmt, ...) MR_PRINTF(2, 3);

#endif
