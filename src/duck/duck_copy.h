/*
 * duck_copy.h - columns into DuckDB's vectors and back.
 *
 * Ownership  vectors point into the batch's text (in); the batch gets copies (out).
 */
#ifndef MR_DUCK_DUCK_COPY_H
#define MR_DUCK_DUCK_COPY_H

#include "duck/duck_api.h"
#include "millrace/batch.h"

/** mr_duck_copy_in - rows from..from+n of a become rows 0..n of v. The batch must outlive the vector. */
void mr_duck_copy_in(duckdb_vector v, const struct mr_field *f, const struct mr_array *a,
                     int64_t from, int64_t n);
/** mr_duck_copy_out - rows from..from+n of v become rows at.. of a, which has room for them. */
MR_CHECK enum mr_code mr_duck_copy_out(duckdb_vector v, const struct mr_field *f, int64_t from,
                                       int64_t n, struct mr_array *a, int64_t at,
                                       struct mr_error *err);
/** mr_duck_type_in - DuckDB's type for a field's; destroy_logical_type. */
duckdb_logical_type mr_duck_type_in(const struct mr_field *f);
/** mr_duck_type_out - a field's type for DuckDB's. *ret_cast when values must be cast to it first. False: it has none,
 *  and *ret_what is its name. */
bool mr_duck_type_out(duckdb_logical_type t, struct mr_field *f, bool *ret_cast,
                      const char **ret_what);

#endif
