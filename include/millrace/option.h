/*
 * option.h - one table per connector kind says which keys it takes; from it come YAML parsing, "did you mean",
 * `millrace help`, the JSON schema and docs/reference.
 *
 * Ownership  tables are constants; struct mr_options belongs to the pipeline spec and outlives the connector.
 * Thread     read-only after the spec is checked; any thread.
 */
#ifndef MILLRACE_OPTION_H
#define MILLRACE_OPTION_H

#include <stdint.h>

#include "millrace/error.h"

enum mr_option_type {
    MR_OPT_STRING,
    MR_OPT_INT,      /* a whole number */
    MR_OPT_BOOL,     /* true | false */
    MR_OPT_ENUM,     /* one of `choices`, separated by '|' */
    MR_OPT_SIZE,     /* bytes, unit mandatory: 10MB, 1GiB */
    MR_OPT_DURATION, /* microseconds, unit mandatory: 30s, 1h, 7d */
    MR_OPT_PATH,     /* a file, relative to the project */
    MR_OPT_LIST,     /* list of strings */
    MR_OPT_MAP,      /* string -> string, in order */
    MR_OPT_EXPR      /* SQL-like text, parsed by the kind */
};

struct mr_option {
    const char *key;
    enum mr_option_type type;
    const char *choices; /* MR_OPT_ENUM only */
    const char *planned; /* MR_OPT_ENUM: choices that are not built and refused by name */
    const char *def;     /* default as it would be written; NULL when none */
    int64_t min, max;    /* INT, SIZE, DURATION; both 0: no limit */
    bool required;
    bool secret;     /* never printed */
    const char *doc; /* one sentence */
};

/* The end of every options table. */
#define MR_OPTION_END                                                                              \
    {                                                                                              \
        .key = NULL                                                                                \
    }

/* A checked value: exactly one of the fields is meaningful, by the option's type. */
struct mr_option_value {
    const struct mr_option *option;
    bool set;         /* written by the user, not a default */
    const char *file; /* where it was written; NULL for defaults */
    int line, column;
    char *str;    /* STRING, ENUM, PATH (absolute), EXPR; NULL when unset without default */
    int64_t num;  /* INT, SIZE, DURATION, BOOL (0/1) */
    int n_items;  /* LIST, MAP */
    char **items; /* LIST values, MAP values */
    char **keys;  /* MAP keys */
};

struct mr_options {
    int n;
    struct mr_option_value *values; /* in table order */
};

/** mr_option_get - the value of `key`; asserts that the table has it. */
const struct mr_option_value *mr_option_get(const struct mr_options *o, const char *key);
/** mr_option_str, _int, _bool - shorthands over mr_option_get. */
const char *mr_option_str(const struct mr_options *o, const char *key);
int64_t mr_option_int(const struct mr_options *o, const char *key);
bool mr_option_bool(const struct mr_options *o, const char *key);

#endif
