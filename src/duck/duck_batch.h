/*
 * duck_batch.h - one statement over batches of one schema, prepared once and run for each.
 *
 *   mr_batch ─▶ view `batch` (its columns, and the row's number) ─▶ SELECT a * 2, "row" FROM batch ─▶ columns, rows
 *
 * Types      a batch's types are DuckDB's of the same name, both ways. What DuckDB has besides comes out as: unsigned
 *            integers as the next wider signed, UBIGINT decimal(20,0), HUGEINT and UHUGEINT decimal(38,0) (checked), ENUM,
 *            UUID, TIME, TIMETZ, INTERVAL, BIT as DuckDB's text, fixed arrays as lists, seconds and millis as micros.
 * Ownership  nothing of a batch is held after the call; what comes out is copied.
 * Thread     one at a time per object; several objects on one database at once.
 */
#ifndef MR_DUCK_DUCK_BATCH_H
#define MR_DUCK_DUCK_BATCH_H

#include "duck/duck.h"
#include "millrace/batch.h"

struct mr_duck_over;

/** mr_duck_over_open - on d (joined), the view `batch` with the columns of `in`. Borrows d and in. */
MR_CHECK enum mr_code mr_duck_over_open(struct mr_duck *d, const struct mr_schema *in,
                                        const char *row_name, struct mr_duck_over **ret,
                                        struct mr_error *err);
void mr_duck_over_close(struct mr_duck_over *o);
/** mr_duck_over_check - DuckDB's own opinion of a statement over `batch`. MR_E_SQL. */
MR_CHECK enum mr_code mr_duck_over_check(struct mr_duck_over *o, const char *sql,
                                         struct mr_error *err);
/** mr_duck_over_prepare - the statement to run; its last column is the row's number. Fills *ret with the others;
 *  XFORM03 names one whose type cannot come out. */
MR_CHECK enum mr_code mr_duck_over_prepare(struct mr_duck_over *o, const char *sql,
                                           struct mr_schema *ret, struct mr_error *err);
/** mr_duck_over_run - run it over the rows from..to of `in`. out: a cleared batch of prepare's schema; rows[k]: the row
 *  of `in` that row k of out was made of, rising. At most to - from rows. */
MR_CHECK enum mr_code mr_duck_over_run(struct mr_duck_over *o, const struct mr_batch *in,
                                       int64_t from, int64_t to, struct mr_batch *out,
                                       int32_t *rows, struct mr_error *err);

#endif
