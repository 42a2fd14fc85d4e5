/*
 * staging.h - what a partition leaves behind before it is committed: manifests below <table>/_millrace/staged/<run>/.
 *
 *   <table>/part-<run>-00003-a1-000-<random>.parquet          data, invisible until a log entry names it
 *   <table>/_millrace/staged/<run>/00003.1.json               {"view":..,"rows":..,"files":[{"path":..,"stats":..}]}
 *
 * Ownership  manifests belong to the caller.
 * Thread     any; a manifest's name is unique per run, partition and attempt.
 */
#ifndef MR_LOADER_DELTA_STAGING_H
#define MR_LOADER_DELTA_STAGING_H

#include "lake/delta/delta.h"
#include "millrace/loader.h"

struct mr_staged_file {
    char *path; /* relative to the table */
    int64_t size_bytes, modified_ms, rows;
    char *stats;
};

struct mr_staged_files {
    int n;
    struct mr_staged_file *items;
    bool rescued; /* one of them has the column `_rescued` */
};

void mr_staged_files_release(struct mr_staged_files *f);
struct mr_staged_file *mr_staged_files_add(struct mr_staged_files *f);

/** mr_staging_file_name - the name of a data file; mr_free. */
char *mr_staging_file_name(const char *run_id, const struct mr_partition_ref *p, int sequence);
/** mr_staging_write - fill m->json from files and the other fields of m, and put the manifest, whole; the files are durable. */
MR_CHECK enum mr_code mr_staging_write(struct mr_store *s, const char *table, const char *run_id,
                                       const struct mr_staged_files *files, struct mr_manifest *m,
                                       struct mr_error *err);
/** mr_staging_list - all manifests of a run; *ret is freed with mr_manifest_list_free. */
MR_CHECK enum mr_code mr_staging_list(struct mr_store *s, const char *table, const char *run_id,
                                      struct mr_manifest **ret, int *ret_n, struct mr_error *err);
/** mr_staging_files - append the files that a manifest names to out. */
MR_CHECK enum mr_code mr_staging_files(const struct mr_manifest *m, struct mr_staged_files *out,
                                       struct mr_error *err);
/** mr_staging_forget - remove the run's manifests, not the files. */
MR_CHECK enum mr_code mr_staging_forget(struct mr_store *s, const char *table, const char *run_id,
                                        struct mr_error *err);
/** mr_staging_sweep - remove the run's manifests and its data files, except those that a version of the table names. */
MR_CHECK enum mr_code mr_staging_sweep(struct mr_store *s, const char *table, const char *run_id,
                                       struct mr_error *err);

#endif
