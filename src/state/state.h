/*
 * state.h - what must be remembered between processes besides the tables: runs, and who holds a pipeline.
 *
 *   <state dir>/state.db      SQLite: runs, streams of runs, tables of sources (user_version, forward migrations)
 *   <state dir>/locks/<id>    flock; its text says who holds it and since when
 *
 * Rule       positions are not here: they are in the tables. Losing this folder loses only history and resumption.
 * Thread     main thread.
 */
#ifndef MR_STATE_STATE_H
#define MR_STATE_STATE_H

#include <stdint.h>

#include "millrace/error.h"

struct mr_state;
struct mr_state_lock;

struct mr_state_run {
    char run_id[28];
    char pipeline[128];
    char pipeline_id[128];
    char config_hash[40];
    int64_t started_us;
    int64_t ended_us; /* 0: did not end by itself */
    char status[16];  /* running | done | unchanged | failed */
    int64_t rows;
};

struct mr_state_run_list {
    int n;
    struct mr_state_run *items; /* newest first; mr_free */
};

/* A table of the source as a pipeline has last read it. */
struct mr_state_source {
    char *stream;
    char *identity; /* see struct mr_stream; "" unknown */
    char *table;    /* where it landed */
};

struct mr_state_source_list {
    int n;
    struct mr_state_source *items; /* by stream, in the order of strcmp */
};

/** mr_state_open - open or make <dir>/state.db; a newer layout than ours is refused. */
MR_CHECK enum mr_code mr_state_open(const char *dir, struct mr_state **ret, struct mr_error *err);
/** mr_state_find - the same where there is one; *ret is NULL where there is none, and none is made. */
MR_CHECK enum mr_code mr_state_find(const char *dir, struct mr_state **ret, struct mr_error *err);
void mr_state_close(struct mr_state *s); /* NULL-safe */
/** mr_state_lock - hold the pipeline in this project; MR_E_LOCKED says who has it and since when. */
MR_CHECK enum mr_code mr_state_lock(struct mr_state *s, const char *pipeline_id,
                                    struct mr_state_lock **ret, struct mr_error *err);
/**
 * mr_state_check - could a run open the state and lock the pipeline? Makes nothing.
 *
 * Returns  MR_OK; MR_E_LOCKED as mr_state_lock; what mr_state_open says of a state that is there; MR_E_IO (STATE01): the
 *          folder cannot be made or written.
 */
MR_CHECK enum mr_code mr_state_check(const char *dir, const char *pipeline_id,
                                     struct mr_error *err);
void mr_state_unlock(struct mr_state_lock *l);
/** mr_state_unfinished - the newest run of the pipeline that did not end by itself; run_id "" when none. */
MR_CHECK enum mr_code mr_state_unfinished(struct mr_state *s, const char *pipeline_id,
                                          struct mr_state_run *ret, struct mr_error *err);
/** mr_state_run_begin - record a run as running (or as going on again). */
MR_CHECK enum mr_code mr_state_run_begin(struct mr_state *s, const struct mr_state_run *r,
                                         struct mr_error *err);
/** mr_state_stream_done - this stream of this run is committed at this table version. */
MR_CHECK enum mr_code mr_state_stream_done(struct mr_state *s, const char *run_id,
                                           const char *stream, int64_t version, const char *view_id,
                                           struct mr_error *err);
/** mr_state_stream_is_done - was it? *ret_version is the table version then, -1 when not; view_id has 80 bytes. */
MR_CHECK enum mr_code mr_state_stream_is_done(struct mr_state *s, const char *run_id,
                                              const char *stream, int64_t *ret_version,
                                              char *ret_view_id, struct mr_error *err);
/** mr_state_sources - the tables that the pipeline has read; freed by mr_state_source_list_free. */
MR_CHECK enum mr_code mr_state_sources(struct mr_state *s, const char *pipeline_id,
                                       struct mr_state_source_list *ret, struct mr_error *err);
void mr_state_source_list_free(struct mr_state_source_list *l);
/** mr_state_source_read - the pipeline has read this table. */
MR_CHECK enum mr_code mr_state_source_read(struct mr_state *s, const char *pipeline_id,
                                           const struct mr_state_source *t, struct mr_error *err);
/** mr_state_source_forget - it is gone, and that was said. */
MR_CHECK enum mr_code mr_state_source_forget(struct mr_state *s, const char *pipeline_id,
                                             const char *stream, struct mr_error *err);
/** mr_state_run_end - it ended by itself: done, unchanged or failed. */
MR_CHECK enum mr_code mr_state_run_end(struct mr_state *s, const char *run_id, const char *status,
                                       int64_t rows, struct mr_error *err);
/** mr_state_run_discard - an unfinished run that will not be continued: status discarded. */
MR_CHECK enum mr_code mr_state_run_discard(struct mr_state *s, const char *run_id,
                                           struct mr_error *err);
/** mr_state_runs - the last `limit` runs of a pipeline (NULL: of all). */
MR_CHECK enum mr_code mr_state_runs(struct mr_state *s, const char *pipeline_id, int limit,
                                    struct mr_state_run_list *ret, struct mr_error *err);

#endif
