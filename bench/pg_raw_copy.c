/*
 * What        the floor of reading a table: COPY BINARY over N connections, rows thrown away
 * Gets        conninfo, table, connections; ranges of blocks under one exported snapshot, as millrace reads
 * Gives       "wall client_cpu bytes rows" on one line
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <libpq-fe.h>

struct part {
    const char *conninfo, *table, *snapshot;
    long lo, hi;
    long long bytes, rows;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(PGconn *c, PGresult *r, ExecStatusType want)
{
    if (PQresultStatus(r) != want) {
        fprintf(stderr, "%s", PQerrorMessage(c));
        exit(1);
    }
    PQclear(r);
}

static PGconn *open_one(const char *conninfo)
{
    PGconn *c = PQconnectdb(conninfo);
    if (PQstatus(c) != CONNECTION_OK) {
        fprintf(stderr, "%s", PQerrorMessage(c));
        exit(1);
    }
    must(c, PQexec(c, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"), PGRES_COMMAND_OK);
    return c;
}

static void *read_part(void *arg)
{
    struct part *p = arg;
    char sql[600], *row;
    int n;
    PGconn *c = open_one(p->conninfo);
    snprintf(sql, sizeof sql, "SET TRANSACTION SNAPSHOT '%s'", p->snapshot);
    must(c, PQexec(c, sql), PGRES_COMMAND_OK);
    snprintf(
        sql, sizeof sql,
        "COPY (SELECT * FROM ONLY %s WHERE ctid >= '(%ld,0)' AND ctid < '(%ld,0)') TO STDOUT (FORMAT binary)",
        p->table, p->lo, p->hi);
    must(c, PQexec(c, sql), PGRES_COPY_OUT);
    while ((n = PQgetCopyData(c, &row, 0)) > 0) {
        p->bytes += n;
        p->rows++;
        PQfreemem(row);
    }
    must(c, PQgetResult(c), PGRES_COMMAND_OK);
    PQfinish(c);
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return fprintf(stderr, "usage: pg-raw-copy CONNINFO TABLE CONNECTIONS\n"), 2;
    int n = atoi(argv[3]);
    char sql[300];
    struct part parts[64] = { 0 };
    pthread_t threads[64];
    long long bytes = 0, rows = 0;
    if (n < 1 || n > 64)
        return fprintf(stderr, "1 to 64 connections\n"), 2;
    double start = now();
    PGconn *holder = open_one(argv[1]);
    snprintf(sql, sizeof sql, "SELECT pg_export_snapshot(), pg_relation_size('%s') / 8192",
             argv[2]);
    PGresult *r = PQexec(holder, sql);
    if (PQresultStatus(r) != PGRES_TUPLES_OK)
        return fprintf(stderr, "%s", PQerrorMessage(holder)), 1;
    long blocks = atol(PQgetvalue(r, 0, 1));
    for (int i = 0; i < n; i++) {
        parts[i] = (struct part){ .conninfo = argv[1],
                                  .table = argv[2],
                                  .snapshot = PQgetvalue(r, 0, 0),
                                  .lo = blocks * i / n,
                                  .hi = i + 1 < n ? blocks * (i + 1) / n : 4294967295L };
        if (pthread_create(&threads[i], NULL, read_part, &parts[i]) != 0)
            return fprintf(stderr, "no thread\n"), 1;
    }
    for (int i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
        bytes += parts[i].bytes;
        rows += parts[i].rows;
    }
    PQclear(r);
    PQfinish(holder);
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    printf("%.3f %.3f %lld %lld\n", now() - start,
           (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
               (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6,
           bytes, rows - n);
    return 0;
}
