/*
 * duck.h - DuckDB behind a small door: opened with dlopen on first use, so that what needs no SQL never loads it.
 *
 * Library    $MILLRACE_DUCKDB, else libduckdb.so beside the program or in lib/ and .deps/duckdb/lib/ near it, else
 *            the system's.
 * Rule       statements return text columns only (cast them); so values are exactly what DuckDB prints.
 * Thread     a connection: one at a time; mr_cancelled() ends a running statement.
 */
#ifndef MR_DUCK_DUCK_H
#define MR_DUCK_DUCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "millrace/error.h"

struct mr_duck;
struct mr_duck_result;

struct mr_duck_column {
    char *name;
    char *type;  /* "DECIMAL(12,2)", "BIGINT", ... without nested detail */
    bool number; /* right-aligned in tables */
    bool exact;  /* a JSON number holds it: booleans, integers up to 32 bits, doubles */
    bool nested; /* LIST, STRUCT, MAP, ARRAY, UNION */
    char
        *as_json; /* nested: the type to cast to before to_json, decimals as text; NULL: as it is */
};

/** mr_duck_open - an in-memory database with these settings ("memory_limit", "256MB", ..., NULL), no extensions, no
 *  autoload. library NULL: search as above. */
MR_CHECK enum mr_code mr_duck_open(const char *library, const char *const *settings,
                                   struct mr_duck **ret, struct mr_error *err);
void mr_duck_close(struct mr_duck *d);
/** mr_duck_library - where the process's database finds libduckdb.so; NULL: search as above. Before the first join. */
void mr_duck_library(const char *path);
/** mr_duck_share - how much memory the process's database may take; the next one that is opened keeps to it. */
void mr_duck_share(size_t memory_bytes);
/** mr_duck_join - a connection to the one database that this process has for its steps, opened by the first:
 *  one thread a statement, UTC, no files, no extensions, settings frozen. Thread: any; Locks: its own. */
MR_CHECK enum mr_code mr_duck_join(struct mr_duck **ret, struct mr_error *err);
/** mr_duck_function - what the function is: "scalar", "volatile", "aggregate", "macro:<its definitions>", or NULL when
 *  there is none. d is joined; valid while it is open. */
MR_CHECK enum mr_code mr_duck_function(struct mr_duck *d, const char *name, const char **ret,
                                       struct mr_error *err);
/** mr_duck_exec - run statements whose result nobody wants. */
MR_CHECK enum mr_code mr_duck_exec(struct mr_duck *d, const char *sql, struct mr_error *err);
/** mr_duck_describe - the columns that one statement gives, without running it. Freed with mr_duck_columns_free. */
MR_CHECK enum mr_code mr_duck_describe(struct mr_duck *d, const char *sql,
                                       struct mr_duck_column **ret, int *ret_n,
                                       struct mr_error *err);
void mr_duck_columns_free(struct mr_duck_column *c, int n);
/** mr_duck_run - run one statement, streamed; `param` is bound as text when not NULL. MR_E_SQL with DuckDB's message. */
MR_CHECK enum mr_code mr_duck_run(struct mr_duck *d, const char *sql, const char *param,
                                  struct mr_duck_result **ret, struct mr_error *err);
void mr_duck_result_free(struct mr_duck_result *r);
int mr_duck_columns(const struct mr_duck_result *r);
/** mr_duck_next - move to the next row; *ret false at the end. */
MR_CHECK enum mr_code mr_duck_next(struct mr_duck_result *r, bool *ret, struct mr_error *err);
/** mr_duck_text - the cell of the current row; NULL for NULL. Not '\0'-terminated; valid until the next row. */
const char *mr_duck_text(struct mr_duck_result *r, int c, size_t *ret_n);

#endif
