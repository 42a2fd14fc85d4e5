/*
 * delta.h - one Delta table on a store: read its log to a snapshot, add a version to it.
 *
 *   <table>/_delta_log/00000000000000000003.json   one action a line: commitInfo, protocol, metaData, txn, add, remove
 *
 * Ownership  a snapshot owns everything it points to. Commit borrows its input.
 * Thread     a snapshot is immutable: any thread. One commit call per table at a time in a process.
 * Source     delta-io/delta PROTOCOL.md; the profile we write is docs/delta.md
 */
#ifndef MR_LAKE_DELTA_H
#define MR_LAKE_DELTA_H

#include "base/json.h"
#include "lake/parquet/parquet_writer.h"
#include "millrace/batch.h"
#include "store/store.h"

struct mr_delta_add {
    char *path; /* decoded, relative to the table */
    int64_t size_bytes;
    int64_t modified_ms;
    int64_t rows; /* stats.numRecords; -1 when unknown */
    char *stats;  /* JSON text or NULL */
    char *tags;   /* JSON object text or NULL */
};

struct mr_delta_txn {
    char *app_id;
    int64_t version;
    int64_t at;   /* the table's version that set it */
    json_t *info; /* the commitInfo of that version; NULL when there was none */
};

struct mr_delta_commit_info {
    int64_t version;
    int64_t timestamp_ms; /* commitInfo.timestamp, else the log file's time */
    json_t *info;         /* the commitInfo object; NULL when there was none */
    bool data_change;     /* an add or remove with dataChange=true */
};

struct mr_delta_snapshot {
    int64_t version; /* -1: no such table */
    int64_t timestamp_ms;
    int64_t modified_us; /* the log file's own time */
    int64_t created_ms;  /* metaData.createdTime */
    int min_reader, min_writer;
    json_t *reader_features, *writer_features; /* arrays or NULL */
    char *table_id;
    char *name, *description; /* NULL when absent */
    struct mr_schema schema;  /* with millrace.* metadata taken into the fields */
    bool mapped;              /* column mapping by name: files have physical names */
    int max_column_id;        /* of the mapping; 0 when not mapped */
    char *schema_json;        /* schemaString as it stands in the log */
    json_t *configuration;    /* object of strings */
    int n_adds;
    struct mr_delta_add *adds; /* live files, in log order */
    int n_txns;
    struct mr_delta_txn *txns;
    struct mr_delta_commit_info
        last_data; /* newest commit at or before `version` that changed data; version -1: none */
};

/** mr_delta_read - the snapshot at `version` (-1: newest). ret->version = -1 when there is no table and -1 was asked.
 *  Errors  MR_E_NOT_FOUND (that version), MR_E_UNSUPPORTED (features, checkpoints: named), MR_E_CORRUPT, MR_E_IO. */
MR_CHECK enum mr_code mr_delta_read(struct mr_store *s, const char *table, int64_t version,
                                    struct mr_delta_snapshot **ret, struct mr_error *err);
/** mr_delta_version_at - newest version whose (monotonised) log time is <= time_us; MR_E_NOT_FOUND when before all. */
MR_CHECK enum mr_code mr_delta_version_at(struct mr_store *s, const char *table, int64_t time_us,
                                          int64_t *ret_version, struct mr_error *err);
void mr_delta_snapshot_free(struct mr_delta_snapshot *s); /* NULL-safe */
/** mr_delta_find_txn - the txn of app_id, or NULL when it has none. */
const struct mr_delta_txn *mr_delta_find_txn(const struct mr_delta_snapshot *s, const char *app_id);
/** mr_delta_txn_version - its number, or 0 when it has none. */
int64_t mr_delta_txn_version(const struct mr_delta_snapshot *s, const char *app_id);
/** mr_delta_named - paths that begin with `prefix` of all files that any version has ever added; there may be doubles. */
MR_CHECK enum mr_code mr_delta_named(struct mr_store *s, const char *table, const char *prefix,
                                     struct mr_store_list *ret, struct mr_error *err);
/** mr_delta_is_table - true when <table>/_delta_log/ has a log entry. */
MR_CHECK enum mr_code mr_delta_is_table(struct mr_store *s, const char *table, bool *ret,
                                        struct mr_error *err);
/** mr_delta_find_tables - paths of all Delta tables below the store's root, sorted; folders that begin with '_' or
 *  '.' are not entered. */
MR_CHECK enum mr_code mr_delta_find_tables(struct mr_store *s, struct mr_store_list *ret,
                                           struct mr_error *err);

struct mr_delta_history {
    int n;
    struct mr_delta_commit_info *items; /* newest first */
};
MR_CHECK enum mr_code mr_delta_read_history(struct mr_store *s, const char *table, int limit,
                                            struct mr_delta_history *ret, struct mr_error *err);
void mr_delta_history_release(struct mr_delta_history *h);

/* A file to add, closed and durable. */
struct mr_delta_new_file {
    const char *path; /* relative to the table, not encoded */
    int64_t size_bytes;
    int64_t modified_ms;
    int64_t rows;
    const char *stats; /* JSON text of mr_delta_stats, NULL: none */
    const char *tags;  /* JSON object text, NULL: none */
};

struct mr_delta_pair {
    const char *key, *value;
};

struct mr_delta_commit {
    const struct mr_schema *schema; /* of the new files, without `_rescued` */
    const struct mr_field *rescued; /* new files have this column besides; NULL: none does */
    bool overwrite;                 /* remove every live file, take over the schema; else append */
    bool frozen;                    /* the table keeps its columns, also in an overwrite */
    bool mapped; /* the files use the physical names that mr_delta_map_columns gave */
    const struct mr_delta_new_file *files;
    int n_files;
    const char *app_id;    /* NULL: no txn */
    int64_t txn_expected;  /* compare: the table's txn of app_id must be this ... */
    int64_t txn_version;   /* ... and becomes this */
    const char *operation; /* "WRITE" */
    const struct mr_delta_pair *parameters; /* operationParameters, after mode and partitionBy */
    int n_parameters;
    const struct mr_delta_pair *tags; /* commitInfo.tags: "millrace.checksum" ... */
    int n_tags;
    const char *table_comment; /* NULL: none; metaData.description when the table is made */
    const struct mr_delta_pair *configuration; /* metaData.configuration entries to have */
    int n_configuration;
    const char *
        unchanged_key; /* with unchanged_value: when the newest data commit's tag of this key equals it */
    const char *
        unchanged_value; /* and that commit is by app_id's writer (tag millrace.app), commit nothing */
};

enum mr_delta_result { MR_DELTA_DONE, MR_DELTA_UNCHANGED, MR_DELTA_FENCED };

/**
 * mr_delta_commit - add one version to a table's log; makes the table when it is not there.
 *
 * Shape    files[n_files], n_files >= 0.
 * Loop     read the log; txn differs from txn_expected -> FENCED, never rebased; put version+1 if absent; lost -> read
 *          what the winners did and try again (blind appends and overwrites rebase onto the schema that the winner left;
 *          where that cannot be done -> MR_E_SCHEMA), bounded, with back-off and jitter.
 *          An ambiguous outcome (error after the put) is settled by looking for the own txnId first.
 * Returns  MR_OK with *ret_result and *ret_version (the new version; for UNCHANGED and FENCED the table's);
 *          MR_E_CONFLICT, MR_E_SCHEMA (append to another schema), MR_E_UNSUPPORTED, MR_E_CORRUPT, MR_E_IO.
 * Owns     borrows everything.
 * Thread   any; one call per table at a time.
 * Source   Delta protocol, "Delta Log Entries"; Spark's ConflictChecker for the rebase rules.
 */
MR_CHECK enum mr_code mr_delta_commit(struct mr_store *s, const char *table,
                                      const struct mr_delta_commit *c,
                                      enum mr_delta_result *ret_result, int64_t *ret_version,
                                      struct mr_error *err);

/* What a table's schema is after a commit. */
struct mr_delta_target {
    struct mr_schema schema;
    char *json; /* schemaString; that of the log itself when nothing changes */
    bool mapped;
    int max_column_id;
};

/**
 * mr_delta_target - the schema that commit c leaves behind on snapshot s: an overwrite takes over c's, an append adds its
 * columns (and widens byte to short to integer), a frozen one takes nothing; `_rescued` stays once it is there.
 *
 * Returns  MR_E_SCHEMA (DELTA04) when the files cannot be added to this table. *ret is released by the caller.
 */
MR_CHECK enum mr_code mr_delta_target(const struct mr_delta_snapshot *s,
                                      const struct mr_delta_commit *c, const char *table,
                                      struct mr_delta_target *ret, struct mr_error *err);
void mr_delta_target_release(struct mr_delta_target *t); /* idempotent */

/**
 * mr_delta_map_columns - column mapping: each field at any depth gets an id and a physical name (into its metadata and
 * field_id), those that the table's column of that name has or, from `seed`, new ones. *ret_max: the highest id then.
 */
void mr_delta_map_columns(struct mr_schema *schema, const struct mr_delta_snapshot *have,
                          const char *seed, int *ret_max);
/** mr_delta_physical - a copy of `schema` under the names that stand in the files. */
void mr_delta_physical(const struct mr_schema *schema, struct mr_schema *ret);
/** mr_delta_physical_name - of one field, by its metadata; its own name when there is none. mr_free. */
char *mr_delta_physical_name(const struct mr_field *f);

/** mr_delta_stats - the stats JSON of one file from the writer's column statistics (first 32 leaves). */
void mr_delta_stats(const struct mr_schema *schema, const struct mr_pq_result *file,
                    struct mr_buf *out);
/** mr_delta_schema_json - schemaString of a schema, with millrace.* metadata. */
void mr_delta_schema_json(const struct mr_schema *schema, struct mr_buf *out);
/** mr_delta_schema_parse - the inverse; unknown types: MR_E_UNSUPPORTED by name. Other metadata is kept. */
MR_CHECK enum mr_code mr_delta_schema_parse(const char *json, const char *table,
                                            struct mr_schema *ret, struct mr_error *err);

#endif
