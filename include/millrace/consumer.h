/*
 * consumer.h - what a source must do: the scan contract (tables and files, read whole or since a position).
 *
 *   main thread   open ─▶ discover ─▶ shape(stream) ... ─▶ hold(streams) ─▶ plan(stream) ... ─▶ finish ─▶ close
 *   worker i             worker_open(i) ─▶ [ stream_begin ─▶ reader_open(stream, partition) ─▶ next, next ... ─▶ reader_close ]* ─▶ worker_close
 *
 * Rule       `hold` fixes the view: all partitions of all held streams are read as of one instant, if the
 *            consistency it reports says "snapshot". A partition means nothing outside its view.
 * Ownership  a consumer owns what it returns until its close, unless a comment says otherwise.
 * Thread     open..close and finish: main thread. worker_*, open, next, close_reader: that worker's thread.
 * Bound      every wait on the outside world has a time-out; mr_cancelled() is looked at between batches.
 */
#ifndef MILLRACE_CONSUMER_H
#define MILLRACE_CONSUMER_H

#include "millrace/batch.h"
#include "millrace/doctor.h"
#include "millrace/option.h"
#include "millrace/transformer.h"

struct mr_consumer;        /* defined by each kind */
struct mr_consumer_worker; /* defined by each kind */
struct mr_reader;          /* defined by each kind */

/* One table of the source. Strings live as long as the stream list. */
struct mr_stream {
    char *id;            /* stable, in the source's spelling: "public.orders", "orders" */
    char *database;      /* for {database}; never NULL */
    char *schema_name;   /* for {schema}; "" when the source has none */
    char *table;         /* for {table} */
    bool default_schema; /* lands as {table}, others as {schema}__{table} */
    const char *kind;    /* "table", "view", "materialized view" */
    char identity
        [32]; /* of this very table, whatever its name: one made anew has another; "" when the source has none */
    char *comment;           /* the source's own; NULL when none */
    struct mr_schema schema; /* as it would land; n_fields = 0: skipped with a warning */
    int64_t est_rows;        /* -1 unknown */
    int64_t est_bytes;       /* -1 unknown */
    struct mr_error error; /* code != MR_OK: this stream cannot be read, and why; it fails alone */
    int n_key; /* columns of the primary key, in the source's spelling; 0: none or unknown */
    char *
        *key; /* their values name a row in reports; a bad value in one of them fails the stream */
    bool
        named_only; /* views and the like: read only when `tables:` names it, by a pattern (not `*` alone) or in full */
    int n_notes; /* what must be said of it though it can be read; see mr_stream_note */
    char **notes;
    void *source; /* the consumer's own */
};

struct mr_stream_list {
    int n;
    struct mr_stream **items; /* sorted by id */
};

/* What keeps a division of a stream stable. */
struct mr_view {
    char id[80]; /* "pg:00000003-0000001B-1", "sqlite:42"; the same id = the same instant */
    const char *
        consistency; /* "snapshot" | "range" | "partition" | "foreign": another server's rows, as it showed them */
};

/* A unit of work and retry inside one view. lo, hi are the consumer's own (blocks, rowids). */
struct mr_partition {
    int index;        /* 0.. in its stream */
    uint64_t lo, hi;  /* [lo, hi) */
    int64_t est_rows; /* -1 unknown */
};

struct mr_plan {
    struct mr_view view;
    int n_partitions;                /* at least 1, also for an empty table */
    struct mr_partition *partitions; /* malloc'ed by mr_alloc; the caller frees */
};

/* What a pipeline wants of one column. */
struct mr_column_wish {
    bool keep;                  /* false: it need not be read and leaves the stream's schema */
    const struct mr_field *pin; /* type and children to land as; NULL: the consumer's own choice */
    bool required;              /* lands as NOT NULL; a NULL fails the stream */
    enum mr_on_bad on_bad;     /* for what does not fit; MR_BAD_FAIL for key and required columns */
    enum mr_physical physical; /* taken over into the field, as is field_id */
    int field_id;
};

/* What a pipeline wants of one stream. Borrowed for the call. */
struct mr_stream_wish {
    const struct mr_column_wish *columns; /* schema.n_fields of them */
    const char *where; /* the source's own SQL, passed as it is; NULL: all rows */
};

/* A stream that is a query of the source's own SQL; discover lists it under its name beside the tables. */
struct mr_query_stream {
    const char *name;
    const char *query;
    const char *const *key; /* NULL-terminated column names, or NULL */
};

struct mr_consumer_config {
    const char *pipeline;
    const struct mr_options *options; /* of the kind's own table */
    int workers;                      /* connections wanted */
    size_t batch_bytes;               /* hand a batch over at this size */
    int batch_rows;                   /* or at this many rows */
    size_t max_value_bytes;           /* a larger value is an error of its stream */
    int n_queries;
    const struct mr_query_stream *queries; /* borrowed until close */
};

enum mr_next { MR_NEXT_BATCH, MR_NEXT_WAIT, MR_NEXT_END };

struct mr_consumer_type {
    const char *name;                /* "postgres" */
    const char *title;               /* "PostgreSQL 14 and later, tables and materialised views" */
    const char *const *schemes;      /* URL schemes, NULL-terminated: "postgresql", "postgres" */
    const struct mr_option *options; /* keys under `consumer:` that only this kind has */

    /* Row i of the table of types, made of the decoder's own; false: there are no more. `buf` has MR_TYPE_TEXT bytes for
     * ret->lands. For help and docs, without open. NULL slot: no table. */
    bool (*type_doc)(int i, char *buf, struct mr_type_doc *ret);
    /* Connect and check. Called once, first. */
    enum mr_code (*open)(const struct mr_consumer_config *cfg, struct mr_consumer **ret,
                         struct mr_error *err);
    /* Every readable table with the schema as it would land. Called once, after open. The caller frees the list
     * with mr_stream_list_free. */
    enum mr_code (*discover)(struct mr_consumer *c, struct mr_stream_list *ret,
                             struct mr_error *err);
    /* Read the stream as wished: columns that are not kept leave its schema, pinned ones change their type. Once per
     * stream that is read, before hold. What cannot be had sets the stream's `error`. */
    void (*shape)(struct mr_consumer *c, struct mr_stream *s, const struct mr_stream_wish *w);
    /* Rows for which one of these is not true need not be sent; sending them is fine. After shape; columns are those of
     * the shaped schema. Borrowed for the call. */
    void (*restrict_rows)(struct mr_consumer *c, struct mr_stream *s,
                          const struct mr_predicate_list *l);
    /* check: what of the source a run would trip over, beyond what open, discover and shape have said; reads no rows.
     * After shape of all, in place of hold; n may be 0. Main thread. NULL slot: nothing to say. */
    void (*diagnose)(struct mr_consumer *c, struct mr_stream **streams, int n,
                     struct mr_findings *out);
    /* Fix one view for these streams. A stream that cannot be held gets its `error` set. Once, after discover. */
    enum mr_code (*hold)(struct mr_consumer *c, struct mr_stream **streams, int n,
                         struct mr_error *err);
    /* Divide one held stream. `target` partitions are wanted; fewer are fine. */
    enum mr_code (*plan)(struct mr_consumer *c, struct mr_stream *s, int target,
                         struct mr_plan *ret, struct mr_error *err);
    /* True when a view of an earlier process is still the one that `plan` just returned. */
    bool (*view_holds)(struct mr_consumer *c, const struct mr_stream *s, const char *view_id);
    /* How many workers may run at once: min(cfg->workers, what the source can do). */
    int (*max_workers)(struct mr_consumer *c);
    enum mr_code (*worker_open)(struct mr_consumer *c, int index, struct mr_consumer_worker **ret,
                                struct mr_error *err);
    void (*worker_close)(struct mr_consumer_worker *w);
    /* Before the first partition of a stream is read; from that worker's thread, one stream at a time. A view that has
     * become too old, or that is fixed per stream, is replaced here: then *plan is a new one (with what `target` wants),
     * and the old partitions are freed. NULL slot: the plan stands. */
    enum mr_code (*stream_begin)(struct mr_consumer_worker *w, struct mr_stream *s, int target,
                                 struct mr_plan *plan, struct mr_error *err);
    /* No partition of this held stream will be read any more. Main thread, any number of times. NULL slot: nothing to do. */
    void (*stream_end)(struct mr_consumer *c, struct mr_stream *s);
    /* Begin one partition. `limit` > 0: at most so many rows. */
    enum mr_code (*reader_open)(struct mr_consumer_worker *w, const struct mr_stream *s,
                                const struct mr_partition *p, int64_t limit, struct mr_reader **ret,
                                struct mr_error *err);
    /* Fill `batch` (cleared by the caller, of the stream's schema). MR_NEXT_END comes with no rows. */
    enum mr_code (*next)(struct mr_reader *r, struct mr_batch *batch, enum mr_next *ret,
                         struct mr_error *err);
    void (*reader_close)(struct mr_reader *r); /* also in the middle of a partition */
    /* After the last partition: prove that the view held to the end. An error fails every uncommitted stream. */
    enum mr_code (*finish)(struct mr_consumer *c, struct mr_error *err);
    /* CPU seconds the source spent on us, when it can say; negative when not. */
    double (*source_cpu)(struct mr_consumer *c);
    /* Free a stream's `source`; NULL-safe. NULL slot: nothing to free. */
    void (*free_source)(void *source);
    void (*close)(struct mr_consumer *c); /* NULL-safe, also after a failed open */
};

/** mr_stream_note - say something of a stream that plan and run report as a warning: columns left out, a weaker promise. */
void mr_stream_note(struct mr_stream *s, const char *fmt, ...) MR_PRINTF(2, 3);
void mr_stream_list_free(struct mr_stream_list *l, void (*free_source)(void *));

#endif
