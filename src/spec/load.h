/*
 * load.h - what the parts of spec that read one pipeline file share: where they are, and how they refuse a key.
 *
 *   doc ─ consumer ─ tables ─ orders ─ columns ─ total      each map is read with one struct mr_key_set
 */
#ifndef MR_SPEC_LOAD_H
#define MR_SPEC_LOAD_H

#include "spec/keys.h"
#include "spec/options.h"

struct mr_loading {
    const char *file;
    const struct mr_registry *reg;
    char *base_dir; /* relative paths are relative to this */
    struct mr_pipeline *p;
    struct mr_options top, consumer, loader; /* the keys that every kind has */
    struct mr_error *err;
};

/* The keys that one map may have. */
struct mr_key_set {
    const char *where;             /* "loader", as messages name it */
    const char *topic;             /* of millrace help; NULL: millrace schema lists them */
    struct mr_options *options[2]; /* where values go; the second may be NULL */
    const char *const *structure;  /* keys that are read elsewhere */
    const char *const *planned;
};

/** mr_load_at - the error's place is y's, or the file's beginning. Returns the error's code. */
enum mr_code mr_load_at(struct mr_loading *l, const struct mr_yaml *y);
/** mr_load_wrong - MR_E_CONFIG (SPEC04) at y, with its advice. */
MR_PRINTF(4, 5)
enum mr_code mr_load_wrong(struct mr_loading *l, const struct mr_yaml *y, const char *advice,
                           const char *fmt, ...);
MR_CHECK enum mr_code mr_load_expect(struct mr_loading *l, const struct mr_yaml *y,
                                     enum mr_yaml_kind kind, const char *what);
/** mr_load_keys - each key of `map` into its option; what is not known is refused, with the nearest word. */
MR_CHECK enum mr_code mr_load_keys(struct mr_loading *l, const struct mr_yaml *map,
                                   const struct mr_key_set *set);
/** mr_load_tables - `consumer.tables` into the pipeline's rules; y may be NULL. */
MR_CHECK enum mr_code mr_load_tables(struct mr_loading *l, const struct mr_yaml *y);
/** mr_load_defaults - what `defaults:` of the file and of millrace.yml say where the file itself says nothing; both trees
 *  are changed. */
MR_CHECK enum mr_code mr_load_defaults(struct mr_loading *l, struct mr_yaml *doc,
                                       struct mr_yaml *project);

#endif
