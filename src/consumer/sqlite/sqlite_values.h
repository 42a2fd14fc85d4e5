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

/* One cell of the current row. */
struct mr_sqlite_cell {
    sqlite3_stmt *q;
    int i;    /* column */
    int type; /* SQLITE_INTEGER, ... */
    size_t n; /* bytes of text or a blob; 0 for others */
};

/* Put the cell as row r of a. Returns NULL, or why it does not fit. */
typedef const char *(*mr_sqlite_put_fn)(const struct mr_sqlite_cell *c, struct mr_type t,
                                        struct mr_array *a, int64_t r);
/** mr_sqlite_put - the function for a type; NULL cells are handled by the caller. */
mr_sqlite_put_fn mr_sqlite_put(struct mr_type t);

#endif
