/*
 * sqlite_values.h - declared types of SQLite and how their cells become values, exactly or not at all.
 *
 *   BOOL* boolean | DATETIME, TIMESTAMP timestamp_ntz | DATE date | DECIMAL(p,s), NUMERIC(p,s) decimal |
 *   *INT* long | *CHAR*, *CLOB*, *TEXT* string | BLOB binary | REAL, FLOA*, DOUB* double | anything else string
 *
 * Source     blueprint, "SQLite by declared type"; sqlite.org/datatype3.html
 */
#ifndef MR_CONSUMER_SQLITE_VALUES_H
#define MR_CONSUMER_SQLITE_VALUES_H

#include <sqlite3.h>

#include "millrace/batch.h"

/** mr_sqlite_type - the landing type of a declared type (NULL or "" when there is none). */
struct mr_type mr_sqlite_type(const char *declared);

/* Put column `i` of the current row as row r of a. Returns NULL, or why the cell does not fit. */
typedef const char *(*mr_sqlite_put_fn)(sqlite3_stmt *q, int i, struct mr_type t,
                                        struct mr_array *a, int64_t r);
/** mr_sqlite_put - the function for a type; NULL cells are handled by the caller. */
mr_sqlite_put_fn mr_sqlite_put(struct mr_type t);

#endif
