/*
 * transformer.h - schema in, schema out (known before a row moves); batch in, batch out; row-wise, deterministic.
 *
 * Thread     open: main thread. apply: one encode thread at a time per instance; one instance per partition.
 */
#ifndef MILLRACE_TRANSFORMER_H
#define MILLRACE_TRANSFORMER_H

#include "millrace/batch.h"
#include "millrace/option.h"

struct mr_transformer; /* defined by each kind */

struct mr_transformer_type {
    const char *name; /* "select": also the YAML key */
    const char *title;
    struct mr_option option; /* what stands after the key: a LIST, a MAP or an EXPR */

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
