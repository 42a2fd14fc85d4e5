/*
 * pg_session.h - what the files of this kind share: connections, snapshots, and who reads in which.
 *
 *   group     one exported snapshot and the connection whose transaction keeps it; the streams that are read in it
 *   worker    a connection in the group of the stream it reads; the first worker of a group reads on the group's own
 *   idle      connections between two groups
 *
 *   snapshot: run     one group; those whose turn comes after max_snapshot_age are given a new one
 *   snapshot: table   a group per stream, made when its turn comes
 *
 * Ownership  a group lives until its last stream has ended and its last worker has left.
 * Locks      consumer.mutex guards: idle, groups and their counters, lost, every table's group. Never held over a wait.
 */
#ifndef MR_CONSUMER_PG_SESSION_H
#define MR_CONSUMER_PG_SESSION_H

#include <pthread.h>

#include "consumer/postgres/pg_catalog.h"
#include "millrace/consumer.h"

struct pg_group {
    struct mr_pg *pg;  /* its transaction keeps the snapshot */
    char snapshot[80]; /* as pg_export_snapshot said */
    char *sees;        /* as pg_current_snapshot said: which transactions it sees */
    int64_t began_us;  /* monotonic */
    int users;         /* streams to be read in it, workers in it */
    bool ridden;       /* a worker reads on pg */
    struct pg_group *next;
};

/* rows_per_second over all workers. Locks: its own. */
struct pg_pace {
    pthread_mutex_t mutex;
    int64_t rows_per_second; /* 0: no limit */
    int64_t next_us;         /* when the rows given so far are paid for */
};

struct mr_consumer {
    struct mr_pg_params params;
    char *port; /* text that params points to */
    char *database;
    int64_t lock_timeout_us, max_snapshot_age_us, max_query_us; /* 0: no limit */
    bool cursor;                                                /* reader: cursor */
    bool per_table;                                             /* snapshot: table */
    bool validate_text; /* the server does not check encodings (SQL_ASCII) */
    bool padded;        /* char(n) keeps its blanks */
    int workers, batch_rows;
    size_t batch_bytes, max_value;
    int n_queries;
    const struct mr_query_stream *queries;
    struct pg_pace pace;
    struct mr_stream **held; /* all streams of the run */
    int n_held;
    pthread_mutex_t mutex;
    struct pg_group *groups; /* the newest first */
    struct mr_pg *idle[8];
    int n_idle;
    bool lost; /* a snapshot did not live to its last row */
};

struct mr_consumer_worker {
    struct mr_consumer *c;
    struct pg_group *group; /* NULL: in none yet */
    struct mr_pg *pg;
    bool riding;        /* pg is the group's */
    bool savepoint;     /* "millrace_read" stands in this transaction */
    int64_t fetch_rows; /* what the last cursor found to be a good size; 0: nothing known */
};

/** mr_pg_group_free - NULL-safe; its connection is the caller's. */
void mr_pg_group_free(struct pg_group *g);
/** mr_pg_take - an idle connection, else a new one. Thread: any. */
MR_CHECK enum mr_code mr_pg_take(struct mr_consumer *c, struct mr_pg **ret, struct mr_error *err);
/** mr_pg_give - end what it was in and keep it for the next; NULL-safe. Returns false when it turned out to be lost. */
bool mr_pg_give(struct mr_consumer *c, struct mr_pg *pg);
/** mr_pg_begin - a transaction as all of ours are; with a group: in its snapshot. What was open is rolled back. */
MR_CHECK enum mr_code mr_pg_begin(struct mr_consumer *c, struct mr_pg *pg, const struct pg_group *g,
                                  struct mr_error *err);
/** mr_pg_guarded - a statement whose failure does not end the transaction: it runs behind a savepoint. */
MR_CHECK enum mr_code mr_pg_guarded(struct mr_pg *pg, const char *sql, struct mr_error *err);

MR_CHECK enum mr_code mr_pg_worker_open(struct mr_consumer *c, int index,
                                        struct mr_consumer_worker **ret, struct mr_error *err);
void mr_pg_worker_close(struct mr_consumer_worker *w);
/** mr_pg_join - w reads in this group from now on. Thread: w's. */
MR_CHECK enum mr_code mr_pg_join(struct mr_consumer_worker *w, struct pg_group *g,
                                 struct mr_error *err);
/** mr_pg_leave - w reads in no group. */
void mr_pg_leave(struct mr_consumer_worker *w);
/** mr_pg_pin - one user more; mr_pg_drop - one less, and with the last g ends. Thread: any. */
void mr_pg_pin(struct mr_consumer *c, struct pg_group *g);
void mr_pg_drop(struct mr_consumer *c, struct pg_group *g);

/** mr_pg_discover - tables, then the queries; sorted by id. pg is in a transaction. */
MR_CHECK enum mr_code mr_pg_discover(struct mr_consumer *c, struct mr_pg *pg,
                                     struct mr_stream_list *ret, struct mr_error *err);
MR_CHECK enum mr_code mr_pg_hold(struct mr_consumer *c, struct mr_stream **streams, int n,
                                 struct mr_error *err);
MR_CHECK enum mr_code mr_pg_plan(struct mr_consumer *c, struct mr_stream *s, int target,
                                 struct mr_plan *ret, struct mr_error *err);
MR_CHECK enum mr_code mr_pg_stream_begin(struct mr_consumer_worker *w, struct mr_stream *s,
                                         int target, struct mr_plan *plan, struct mr_error *err);
void mr_pg_stream_end(struct mr_consumer *c, struct mr_stream *s);

/** mr_pg_pace - wait until so many rows may be read; a cancel ends the wait. */
void mr_pg_pace(struct pg_pace *p, int64_t rows);
/** mr_pg_pace_rows - how many at once, so that no wait is long. */
int mr_pg_pace_rows(const struct pg_pace *p, int most);

/* A partition is a range of blocks of one heap: lo = heap << 32 | first block, hi = block after the last, 0: to the end. */
#define PART_LO(heap, block) ((uint64_t)(heap) << 32 | (block))
#define PART_HEAP(p) ((p)->lo >> 32)
#define PART_FROM(p) ((uint32_t)(p)->lo)
#define PART_TO(p) ((p)->hi) /* 0: to the end */

MR_CHECK enum mr_code mr_pg_reader_open(struct mr_consumer_worker *w, const struct mr_stream *s,
                                        const struct mr_partition *p, int64_t limit,
                                        struct mr_reader **ret, struct mr_error *err);
MR_CHECK enum mr_code mr_pg_next(struct mr_reader *r, struct mr_batch *b, enum mr_next *ret,
                                 struct mr_error *err);
void mr_pg_reader_close(struct mr_reader *r);

#endif
