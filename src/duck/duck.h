/*
 * duck.h - DuckDB behind a small door: opened with dlopen on first use, so that what needs no SQL never loads it.
 *
 * Library    $MILLRACE_DUCKDB, else libduckdb.so beside the program (../lib, build/), else the system's.
 * Thread     a connection: one at a time.
 */
#ifndef MR_DUCK_DUCK_H
#define MR_DUCK_DUCK_H

#include <stdbool.h>
#include <stdint.h>

#include "millrace/error.h"

struct mr_duck;
struct mr_duck_result;

/** mr_duck_open - an in-memory database with these settings ("memory_limit", "256MB", ..., NULL), no extensions, no
 *  autoload. library NULL: search as above. */
MR_CHECK enum mr_code mr_duck_open(const char *library, const char *const *settings, struct mr_duck **ret,
                                   struct mr_error *err);
void mr_duck_close(struct mr_duck *d);
/** mr_duck_run - run one statement, materialised or streamed; parameters are bound as text, NULL-terminated or NULL.
 *  MR_E_SQL with DuckDB's message. */
MR_CHECK enum mr_code mr_duck_run(struct mr_duck *d, const char *sql, const char *const *params,
                                  struct mr_duck_result **ret, struct mr_error *err);
void mr_duck_result_free(struct mr_duck_result *r);
int mr_duck_columns(const struct mr_duck_result *r);
const char *mr_duck_column_name(const struct mr_duck_result *r, int c);
const char *mr_duck_column_type(const struct mr_duck_result *r, int c); /* "DECIMAL(12,2)" */
/** mr_duck_next - move to the next row; *ret false at the end. */
MR_CHECK enum mr_code mr_duck_next(struct mr_duck_result *r, bool *ret, struct mr_error *err);
/** mr_duck_text - the cell of the current row as DuckDB prints it; NULL for NULL. Valid until the next row. */
const char *mr_duck_text(struct mr_duck_result *r, int c);
/** mr_duck_interrupt - end the running statement from another thread. */
void mr_duck_interrupt(struct mr_duck *d);

#endif
