/*
 * pipeline.h - a pipeline file, checked: everything has a value, every value its type, every default its place.
 *
 *   shop.yml ─▶ libyaml events ─▶ nodes with line:column ─▶ options tables ─▶ struct mr_pipeline
 *
 * Ownership  mr_pipeline_free frees all of it; connectors borrow.
 * Thread     built on the main thread, immutable afterwards.
 * Errors     MR_E_CONFIG with file:line:column and advice ("did you mean"); MR_E_UNSUPPORTED reads as a config error.
 * Source     docs/pipeline.md; YAML 1.2 subset: no anchors, aliases or tags, depth <= 32, size <= 1 MiB.
 */
#ifndef MR_SPEC_PIPELINE_H
#define MR_SPEC_PIPELINE_H

#include "base/buf.h"
#include "base/near.h"
#include "millrace/consumer.h"
#include "millrace/loader.h"
#include "millrace/transformer.h"

/* The kinds that exist, handed down by cli (which alone includes the list.h files). NULL-terminated. */
struct mr_registry {
    const struct mr_consumer_type *const *consumers;
    const struct mr_transformer_type *const *transformers;
    const struct mr_loader_type *const *loaders;
};

/* What a column of a table is pinned to. */
struct mr_column_rule {
    char *name;           /* the source's spelling */
    bool skip;            /* it is not read */
    bool pinned;          /* `type` says what it lands as */
    struct mr_field type; /* type and children only */
    bool required;
    int on_bad; /* enum mr_on_bad; -1: the table's */
    enum mr_physical physical;
    int field_id;     /* 0: none */
    int order;        /* position in the table from 1; 0: none */
    int line, column; /* of its name in the pipeline's file */
};

/* One entry under `tables:`. Settings are gathered over all patterns that match, the more specific winning each. */
struct mr_table_rule {
    char *
        pattern; /* "public.orders", "public.*", "orders"; the stream's name when there is a query */
    bool skip;
    char *where; /* NULL: all rows */
    char *query; /* NULL: it is a table */
    int n_key;   /* of a query */
    char **key;  /* NULL-terminated */
    int on_bad;  /* enum mr_on_bad; -1: not said */
    int write;   /* enum mr_write_mode; -1: not said */
    int n_columns;
    struct mr_column_rule *columns;
    int line, column;
};

enum mr_schema_policy { MR_SCHEMA_EVOLVE, MR_SCHEMA_FREEZE, MR_SCHEMA_FAIL };

/* What the rules say of one stream, put together. Borrows from the pipeline. */
struct mr_table_settings {
    const char *where;
    enum mr_on_bad on_bad;
    enum mr_write_mode write;
    int n_columns;                         /* as many as the stream has columns */
    const struct mr_column_rule **columns; /* NULL: nothing is said of it; the array is mr_free'd */
};

struct mr_transform_step {
    const struct mr_transformer_type *type;
    struct mr_option_value value;
};

struct mr_pipeline {
    char *file; /* as given; "<copy>" for the one-liner */
    char *name; /* pipeline: */
    char *id;   /* id:, else the name */
    bool has_id;
    const struct mr_consumer_type *consumer;
    struct mr_options consumer_options; /* the kind's own keys */
    char *read;                         /* "full" */
    int workers;                        /* consumer.workers */
    int n_rules;                        /* 0: all tables */
    struct mr_table_rule *rules;
    bool every_table; /* discover: all that the source has, whatever the rules select */
    int n_steps;
    struct mr_transform_step *steps;
    const struct mr_loader_type *loader;
    struct mr_options loader_options;
    char *path_template; /* loader.path: "{pipeline}/{table}" */
    enum mr_write_mode write;
    enum mr_on_bad on_bad;                  /* loader.on_bad_value */
    enum mr_schema_policy on_schema_change; /* loader.on_schema_change */
    bool exact_names;                       /* loader.names: exact */
    bool force_utc;                         /* loader.timestamps: utc */
    size_t memory_bytes;
    size_t max_value_bytes;
    int64_t resume_window_us;
    char *lake;         /* absolute folder */
    char *state_dir;    /* absolute: <project>/.millrace or <lake>/.millrace */
    char *project_file; /* millrace.yml that applied, or NULL */
    char *env;          /* environment chosen, or NULL */
    char *
        config_hash; /* 32 hex digits over everything that changes what a run does; no secrets in clear */
};

struct mr_pipeline_overrides {
    const char *lake;   /* --lake */
    const char *env;    /* --env */
    int workers;        /* --workers; 0: none */
    const char *memory; /* --memory "256MB"; NULL: none */
};

/** mr_pipeline_load - read and check a pipeline file (and the millrace.yml above it). */
MR_CHECK enum mr_code mr_pipeline_load(const char *file, const struct mr_registry *reg,
                                       const struct mr_pipeline_overrides *over,
                                       struct mr_pipeline **ret, struct mr_error *err);
/** mr_pipeline_parse - the same from text; `file` names it in messages and places relative paths. */
MR_CHECK enum mr_code mr_pipeline_parse(const char *text, size_t n, const char *file,
                                        const struct mr_registry *reg,
                                        const struct mr_pipeline_overrides *over,
                                        struct mr_pipeline **ret, struct mr_error *err);
void mr_pipeline_free(struct mr_pipeline *p); /* NULL-safe */

/**
 * mr_pipeline_compose - the YAML that `copy SRC DEST` runs, without the password.
 *
 * Shape    patterns[n_patterns] may be empty. src is a URL or a SQLite file.
 * Returns  MR_OK; *out is the file's text; *ret_secret (mr_free, NULL when none) is the password that the URL held: the
 *          text has `password: ${SOURCE_PASSWORD}` instead. Registers it as a secret.
 */
MR_CHECK enum mr_code mr_pipeline_compose(const char *src, const char *name, const char *id,
                                          const char *lake, const char *const *patterns,
                                          int n_patterns, const struct mr_registry *reg,
                                          struct mr_buf *out, char **ret_secret,
                                          struct mr_error *err);
/** mr_spec_setenv - a value that ${NAME} gives before the environment is asked (copy's password). */
void mr_spec_setenv(const char *name, const char *value);
/** mr_spec_getenv - environment, after mr_spec_setenv; NULL when unset. The one place that reads it. */
const char *mr_spec_getenv(const char *name);

/**
 * mr_pipeline_select - which streams a pipeline reads, and as which tables they land.
 *
 * Shape    only: patterns with commas between, of which each must be of a table that the pipeline reads; NULL: all
 * Returns  MR_E_CONFIG when a pattern matches nothing, or two streams would land in one table.
 *          ret_streams[i] and ret_tables[i] belong together; both arrays and the table strings are freed by the caller.
 */
MR_CHECK enum mr_code mr_pipeline_select(const struct mr_pipeline *p,
                                         const struct mr_stream_list *all, const char *only,
                                         struct mr_stream ***ret_streams, char ***ret_tables,
                                         int *ret_n, struct mr_error *err);
/**
 * mr_pipeline_settings - what the table rules say of stream s, whose schema is as discovered.
 *
 * Returns  MR_E_CONFIG when a rule names a column that the stream does not have ("did you mean"), or asks of one what its
 *          type cannot do.
 */
MR_CHECK enum mr_code mr_pipeline_settings(const struct mr_pipeline *p, const struct mr_stream *s,
                                           struct mr_table_settings *ret, struct mr_error *err);
/** mr_on_bad_fits - the policy means something for a column that lands so: nobody clamps a text. */
bool mr_on_bad_fits(enum mr_on_bad policy, const struct mr_field *lands);
/** mr_safe_columns - make column names safe in place (source_name keeps the original); returns how many were renamed. */
int mr_safe_columns(struct mr_schema *s);

/** mr_spec_help - `help consumer postgres`: one options table as text. */
void mr_spec_help_options(const struct mr_option *table, struct mr_buf *out);
/** mr_spec_json_schema - the JSON schema of a pipeline file for editors. */
void mr_spec_json_schema(const struct mr_registry *reg, struct mr_buf *out);

/** mr_project_find - the folder's or a parent's millrace.yml: lake and state folder, for commands without a pipeline. */
MR_CHECK enum mr_code mr_project_locate(const char *lake_override, const char *env, char **ret_lake,
                                        char **ret_state_dir, struct mr_error *err);

/** mr_parse_size - "256MB", "1GiB"; mr_parse_duration - "30s", "1h". false when not that. */
bool mr_parse_size(const char *s, int64_t *ret_bytes);
bool mr_parse_duration(const char *s, int64_t *ret_us);

#endif
