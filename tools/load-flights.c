/*
 * What        puts the rows of a Parquet file into a table of a SQLite file, for the demo
 * Gets        load-flights FLIGHTS.parquet SHOP.db
 * Why         the demo needs three million rows in a database, and no other tool is sure to be there
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "duck/duck.h"

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "load-flights: %s: %s\n", what, why);
    return 1;
}

static int insert_rows(struct mr_duck_result *r, sqlite3 *db, struct mr_error *err)
{
    sqlite3_stmt *q = NULL;
    bool row = true;
    if (sqlite3_exec(db,
                     "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN;"
                     "CREATE TABLE flights (date DATETIME, delay INTEGER, distance INTEGER,"
                     " origin TEXT, destination TEXT)",
                     NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(db, "INSERT INTO flights VALUES (?, ?, ?, ?, ?)", -1, &q, NULL) !=
            SQLITE_OK)
        return fail("sqlite", sqlite3_errmsg(db));
    while (row) {
        if (mr_duck_next(r, &row, err) != MR_OK)
            return fail("parquet", err->message);
        for (int i = 0; row && i < 5; i++) {
            size_t n = 0;
            const char *s = mr_duck_text(r, i, &n);
            if (s)
                sqlite3_bind_text(q, i + 1, s, (int)n, SQLITE_STATIC);
            else
                sqlite3_bind_null(q, i + 1);
        }
        if (row && (sqlite3_step(q) != SQLITE_DONE || sqlite3_reset(q) != SQLITE_OK))
            return fail("sqlite", sqlite3_errmsg(db));
    }
    sqlite3_finalize(q);
    return sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK
               ? 0
               : fail("sqlite", sqlite3_errmsg(db));
}

int main(int argc, char **argv)
{
    static const char *const settings[] = { "threads", "1", NULL };
    struct mr_error err = { 0 };
    struct mr_duck *d = NULL;
    struct mr_duck_result *r = NULL;
    sqlite3 *db = NULL;
    if (argc != 3)
        return fail("usage", "load-flights FLIGHTS.parquet SHOP.db");
    if (mr_duck_open(NULL, settings, &d, &err) != MR_OK ||
        mr_duck_run(d, "SELECT CAST(COLUMNS(*) AS VARCHAR) FROM read_parquet(?)", argv[1], &r,
                    &err) != MR_OK)
        return fail("parquet", err.message);
    if (sqlite3_open(argv[2], &db) != SQLITE_OK)
        return fail(argv[2], sqlite3_errmsg(db));
    int code = insert_rows(r, db, &err);
    sqlite3_close(db);
    mr_duck_result_free(r);
    mr_duck_close(d);
    return code;
}
