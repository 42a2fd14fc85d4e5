/*
 * What        check: statistics and locks of the tables that a run would read
 * Gets        the streams of the run; those that have an error already are left to it. Rights and policies are discover's
 * Source      PostgreSQL "Lock Management", pg_class.reltuples
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "consumer/postgres/pg_doctor.h"

static const char g_tables_sql[] =
    "SELECT n.nspname || '.' || c.relname, pg_catalog.format('%I.%I', n.nspname, c.relname),"
    " c.reltuples < 0 AND c.relkind IN ('r', 'p', 'm'),"
    " CASE c.relkind WHEN 'p' THEN (SELECT pg_catalog.count(*) FROM pg_catalog.pg_partition_tree(c.oid)) ELSE 1 END"
    " * (1 + (SELECT pg_catalog.count(*) FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid)) "
    "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' "
    "ORDER BY (n.nspname || '.' || c.relname) COLLATE \"C\"";

enum { T_ID, T_SQL, T_UNKNOWN, T_LOCKS };

static bool yes(const struct mr_pg_result *r, int row, int column)
{
    const char *s = mr_pg_cell(r, row, column);
    return s && s[0] == 't';
}

/* Rows are sorted by id, bytewise. */
static int row_of(const struct mr_pg_result *r, const char *id)
{
    int lo = 0, hi = mr_pg_rows(r);
    while (lo < hi) {
        int mid = lo + (hi - lo) / 2, order = strcmp(mr_pg_cell(r, mid, T_ID), id);
        if (order == 0)
            return mid;
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return -1; /* a query, or gone meanwhile */
}

/* LOCK TABLE takes one lock a relation, reading one an index too, and all are held to the end of the snapshot. */
static void tell_locks(struct mr_pg *pg, long need, struct mr_findings *out)
{
    struct mr_pg_result *r = NULL;
    struct mr_error err = { 0 };
    if (mr_pg_query(pg,
                    "SELECT pg_catalog.current_setting('max_locks_per_transaction'),"
                    " pg_catalog.current_setting('max_connections')::pg_catalog.int8"
                    " + pg_catalog.current_setting('max_prepared_transactions')::pg_catalog.int8",
                    &r, &err) != MR_OK) {
        mr_found_error(out, "locks", &err);
        return;
    }
    long each = strtol(mr_pg_cell(r, 0, 0), NULL, 10),
         sessions = strtol(mr_pg_cell(r, 0, 1), NULL, 10);
    long all = each * sessions;
    mr_pg_result_free(r);
    if (need * 2 <= all) {
        mr_found(out, MR_FOUND_OK, "locks", "tables and indexes take up to %ld of %ld locks", need,
                 all);
        return;
    }
    mr_found(out, need > all ? MR_FOUND_BAD : MR_FOUND_WARN, "locks",
             "tables and indexes take up to %ld locks; the server has %ld for everybody", need,
             all);
    mr_fix(out, "ALTER SYSTEM SET max_locks_per_transaction = %ld;   -- and restart the server",
           (need * 2 + sessions - 1) / sessions);
    mr_fix(out, "or fewer tables a pipeline: consumer: {tables: [...]}");
}

struct census {
    int unknown;
    long locks;
    struct mr_buf names, analyze;
};

static void count_unknown(struct census *c, const struct mr_pg_result *r, int row, const char *id)
{
    if (c->unknown++ >= 3)
        return;
    mr_buf_printf(&c->names, "%s%s", c->names.len ? ", " : "", id);
    mr_buf_printf(&c->analyze, "%sANALYZE %s;", c->analyze.len ? " " : "",
                  mr_pg_cell(r, row, T_SQL));
}

static void tell_unknown(const struct census *c, struct mr_findings *out)
{
    if (c->unknown == 0) {
        mr_found(out, MR_FOUND_OK, "statistics", "every table was analysed: sizes are known");
        return;
    }
    mr_found(out, MR_FOUND_WARN, "statistics",
             "%d table%s never analysed (%s%s): progress and sizes are guesses", c->unknown,
             c->unknown == 1 ? " was" : "s were", mr_buf_str(&c->names),
             c->unknown > 3 ? ", ..." : "");
    mr_fix(out, "%s", c->unknown > 3 ? "ANALYZE;" : mr_buf_str(&c->analyze));
}

static void look_at(const struct mr_pg_result *r, const struct mr_stream *s, struct census *c)
{
    int row = s->error.code == MR_OK ? row_of(r, s->id) : -1;
    if (row < 0)
        return;
    c->locks += strtol(mr_pg_cell(r, row, T_LOCKS), NULL, 10);
    if (yes(r, row, T_UNKNOWN))
        count_unknown(c, r, row, s->id);
}

void mr_pg_diagnose_tables(const struct pg_patient *p, struct mr_stream **streams, int n,
                           struct mr_findings *out)
{
    struct mr_pg_result *r = NULL;
    struct mr_error err = { 0 };
    struct census c = { 0 };
    if (mr_pg_query(p->pg, g_tables_sql, &r, &err) != MR_OK) {
        mr_found_error(out, "tables", &err);
        return;
    }
    for (int i = 0; i < n; i++)
        look_at(r, streams[i], &c);
    mr_pg_result_free(r);
    tell_unknown(&c, out);
    tell_locks(p->pg, c.locks, out);
    mr_buf_release(&c.names);
    mr_buf_release(&c.analyze);
}
