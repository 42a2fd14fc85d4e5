/*
 * sqlite_values.h - declared types of SQLite and how their cells become values: exactly, or by the column's policy.
 *
 *   cell (integer | real | text | blob) ── put, by landing type ─▶ exact: value in the array
 *                                              └─ not exact ─▶ mr_sqlite_put_bad: NULL, clamped or rounded, and told
 *
 *   BOOL* boolean | TIMESTAMPTZ, TIMESTAMP WITH TIME ZONE timestamp | DATETIME*, TIMESTAMP* timestamp_ntz | DATE date |
 *   DEC*(p,s), NUMERIC*(p,s) decimal | *INT* long | *CHAR*, *CLOB*, *TEXT* string | *BLOB* binary |
 *   *REAL*, *FLOA*, *DOUB* double | anything else string
 *
 * Thread     no state; a statement belongs to one thread at a time.
 * Source     sqlite.org/datatype3.html, "Date and Time Datatype" and "Determination Of Column Affinity"
 */
#ifndef MR_CONSUMER_SQLITE_VALUES_H
#define MR_CONSUMER_SQLITE_VALUES_H

#include <sqlite3.h>

#include "base/buf.h"
#include "millrace/batch.h"

/** mr_sqlite_type - the landing type of a declared type (NULL or "" when there is none). */
struct mr_type mr_sqlite_type(const char *declared);
/** mr_sqlite_type_doc - the i-th row of the table of declared types; false: none. buf has MR_TYPE_TEXT bytes. */
bool mr_sqlite_type_doc(int i, char *buf, struct mr_type_doc *ret);
/** mr_sqlite_millis - whole numbers in a column of this declared type count milliseconds ("DATETIME_MS"). */
bool mr_sqlite_millis(const char *declared);

/* One cell of the current row. */
struct mr_sqlite_cell {
    sqlite3_stmt *q;
    int i;    /* column */
    int type; /* SQLITE_INTEGER, ... */
    size_t n; /* bytes of text or a blob; 0 for others */
};

struct mr_sqlite_column;

enum mr_sqlite_fit {
    MR_CELL_BAD, /* it is not exactly a value of the type; nothing was put */
    MR_CELL_PUT,
    MR_CELL_NO_MEMORY
};

/* Put the cell as row r of a, if that is exact. */
typedef enum mr_sqlite_fit (*mr_sqlite_put_fn)(const struct mr_sqlite_cell *c,
                                               const struct mr_sqlite_column *col,
                                               struct mr_array *a, int64_t r);

/* How one column of a stream is read. */
struct mr_sqlite_column {
    const struct mr_field *field; /* borrowed from the stream's schema */
    mr_sqlite_put_fn put;
    struct mr_type type;
    bool millis;
};

/** mr_sqlite_put - the function for a landing type; NULL when SQLite's cells cannot become it. */
mr_sqlite_put_fn mr_sqlite_put(struct mr_type t);
/** mr_sqlite_put_bad - a cell that `put` refused: does what the field's policy says, and adds it to the bad cells of b. */
void mr_sqlite_put_bad(const struct mr_sqlite_cell *c, const struct mr_sqlite_column *col,
                       struct mr_batch *b, int64_t r);
/**
 * mr_sqlite_text - the exact text of a cell: text as it is, a blob as lower-case hex, a real so that it reads back as
 * the same number, text that is not UTF-8 as "invalid-utf8:" and lower-case hex.
 */
void mr_sqlite_text(const struct mr_sqlite_cell *c, struct mr_buf *out);

/* ---- numbers ---- */

#define MR_SQLITE_REAL_TEXT 40
/** mr_sqlite_real_text - as SQLite prints a real ("1.0", "1.0e-05", "Inf"), with 15, 16 or 17 digits: the fewest of these
 * that read back as d. Returns its length. */
size_t mr_sqlite_real_text(double d, char buf[MR_SQLITE_REAL_TEXT]);

/* A number in text, in units of its scale. */
struct mr_sqlite_number {
    bool negative;
    bool lost; /* digits beyond the scale were not 0; they are rounded, half away from zero */
    bool over; /* it has more than 38 digits; v means nothing */
    unsigned __int128 v; /* its magnitude */
};

/** mr_sqlite_scan - "[+-]ddd[.ddd][e[+-]dd]" or "Inf", all of it; false when it is not that. */
bool mr_sqlite_scan(const char *s, size_t n, int scale, struct mr_sqlite_number *ret);
/** mr_sqlite_to_double - text as the nearest double; ret_exact: printed with as many digits, it is that text's number. */
bool mr_sqlite_to_double(const char *s, size_t n, double *ret, bool *ret_exact);

/* ---- times ---- */

#define MR_SQLITE_US_MIN (-62135596800000000) /* 0001-01-01T00:00:00 */
#define MR_SQLITE_US_MAX 253402300799999999   /* 9999-12-31T23:59:59.999999 */

enum mr_sqlite_time_fit {
    MR_TIME_EXACT,
    MR_TIME_ROUNDED, /* us is the nearest */
    MR_TIME_BEFORE,  /* of the year 0001 */
    MR_TIME_AFTER,   /* the year 9999 */
    MR_TIME_NONE     /* it is no time, or may be two */
};

/**
 * mr_sqlite_time - a cell as microseconds since 1970.
 *
 * Shape    text YYYY-MM-DD[( |T)HH:MM[:SS[.ffffff]]], with a zone only when `zoned`; a real is a Julian day, exact when it
 *          is the double of a whole millisecond, as SQLite makes them; a whole number counts seconds since 1970, or
 *          milliseconds when `millis`. Whole numbers that may be Julian days as well (1721426 to 5373484: NUMERIC
 *          affinity makes integers of noons) are MR_TIME_NONE.
 * Returns  *ret_us is set for EXACT and ROUNDED.
 */
enum mr_sqlite_time_fit mr_sqlite_time(const struct mr_sqlite_cell *c, bool zoned, bool millis,
                                       int64_t *ret_us);

#endif
