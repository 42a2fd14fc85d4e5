/*
 * transformer.h - schema in, schema out (known before a row moves); batch in, batch out; row-wise, deterministic.
 *
 * Thread     open: main thread. apply: one encode thread at a time per instance; one instance per partition.
 */
#ifndef MILLRACE_TRANSFORMER_H
#define MILLRACE_TRANSFORMER_H

#include <stddef.h>

#include "millrace/batch.h"
#include "millrace/option.h"

struct mr_transformer; /* defined by each kind */

enum mr_predicate_op { MR_IS_NULL, MR_NOT_NULL, MR_EQ, MR_NE, MR_LT, MR_LE, MR_GT, MR_GE, MR_IN };

/* Something that is true of every row that comes out: column op literal. A source may leave out rows for which it is not.
 * Literals are spelled for the column's type: 12.5, true, 2026-11-22, 2026-11-22T10:00:00.000000 (UTC), or the text itself. */
struct mr_predicate {
    int column; /* of the schema it was asked for */
    enum mr_predicate_op op;
    int n_literals;
    char **literals;
};

struct mr_predicate_list {
    int n;
    struct mr_predicate *items;
};

void mr_predicate_list_free(struct mr_predicate_list *l); /* contents; in column/schema.c */

struct mr_transformer_type {
    const char *name; /* "select": also the YAML key */
    const char *title;
    struct mr_option option; /* what stands after the key: a LIST, a MAP or an EXPR */

    /* A column that comes out may be another than the one of that name that went in: predicates of later steps say nothing
     * about the source. */
    bool computes;

    /* Mark the columns of `in` that this step needs, so that the source need not send others. True: what is not marked does
     * not come out of it. NULL slot: it needs all. */
    bool (*needs)(const struct mr_option_value *value, const struct mr_schema *in, bool *keep);
    /* Append what is true of every row that comes out. NULL slot: nothing is known. */
    void (*predicates)(const struct mr_option_value *value, const struct mr_schema *in,
                       struct mr_predicate_list *out);
    /* Say how much of a run's memory all instances of this kind hold together, beside their batches; called by the main
     * thread before the first open of a run. NULL slot: nothing. */
    size_t (*share)(size_t run_memory);
    /* Check against `in` and say what comes out. ret_out is owned by the transformer. */
    enum mr_code (*open)(const struct mr_option_value *value, const struct mr_schema *in,
                         struct mr_transformer **ret, const struct mr_schema **ret_out,
                         struct mr_error *err);
    /* Turn `in` (schema as given to open; may be emptied or its columns moved) into `out` (cleared, of ret_out). */
    enum mr_code (*apply)(struct mr_transformer *t, struct mr_batch *in, struct mr_batch *out,
                          struct mr_error *err);
    void (*close)(struct mr_transformer *t);
};

#endif
