/*
 * What        the floor of reading SQLite: step over all rows of a table and look at every column
 * Gives       "wall cpu rows" on one line
 */
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#include <sqlite3.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Touch the cell as a consumer has to: its type, and its number or its bytes. */
static long long touch(sqlite3_stmt *q, int i)
{
    switch (sqlite3_column_type(q, i)) {
    case SQLITE_INTEGER:
        return sqlite3_column_int64(q, i);
    case SQLITE_FLOAT:
        return (long long)sqlite3_column_double(q, i);
    case SQLITE_TEXT:
        return sqlite3_column_text(q, i)[0] + sqlite3_column_bytes(q, i);
    case SQLITE_BLOB:
        return sqlite3_column_bytes(q, i);
    default:
        return 0;
    }
}

int main(int argc, char **argv)
{
    sqlite3 *db;
    sqlite3_stmt *q;
    char sql[300];
    long long rows = 0, sum = 0;
    struct rusage u;
    double start = now();
    if (argc != 3)
        return fprintf(stderr, "usage: bench-sqlite-step FILE TABLE\n"), 2;
    snprintf(sql, sizeof sql, "SELECT * FROM \"%s\"", argv[2]);
    if (sqlite3_open_v2(argv[1], &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) !=
            SQLITE_OK ||
        sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK)
        return fprintf(stderr, "%s\n", sqlite3_errmsg(db)), 1;
    int n = sqlite3_column_count(q);
    for (; sqlite3_step(q) == SQLITE_ROW; rows++)
        for (int i = 0; i < n; i++)
            sum += touch(q, i);
    sqlite3_finalize(q);
    sqlite3_close(db);
    getrusage(RUSAGE_SELF, &u);
    printf("%.3f %.3f %lld %lld\n", now() - start,
           (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
               (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6,
           rows, sum & 1);
    return 0;
}
