/*
 * What        check: connection, server, role, time-outs, room for connections, snapshot
 * Gets        a connection that works
 * Guarantees  reads catalogs and settings only; every wait has the connection's time-outs; a question that the server does not
 *             answer is a finding, and the others are asked all the same
 * Why         a second connection: whether a snapshot can be shared, and whether a pooler gives one session to several, shows
 *             with two only
 * Source      PostgreSQL "Server Configuration", "Snapshot Synchronization Functions", "Hot Standby"; pgbouncer: the cancel key
 *             of a client is the pooler's own, so its process number is none of the server's
 */
#include "consumer/postgres/pg_doctor.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/timeutil.h"

#define CLOCK_MAY_DIFFER_US 2000000
#define NEWEST_TESTED 180000

static const char g_facts_sql[] =
    "SELECT pg_catalog.quote_ident(r.rolname), r.rolsuper, r.rolconnlimit, d.datconnlimit,"
    " pg_catalog.current_setting('server_version'),"
    " pg_catalog.current_setting('max_connections'),"
    " pg_catalog.current_setting('superuser_reserved_connections')::pg_catalog.int4"
    "  + coalesce(pg_catalog.current_setting('reserved_connections', true), '0')::pg_catalog.int4,"
    " (SELECT pg_catalog.sum(s.numbackends) FROM pg_catalog.pg_stat_database s WHERE s.datid <> 0),"
    " (SELECT s.numbackends FROM pg_catalog.pg_stat_database s WHERE s.datid = d.oid),"
    " (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity a WHERE a.usesysid = r.oid),"
    " pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('max_standby_streaming_delay'),"
    " pg_catalog.current_setting('hot_standby_feedback'),"
    " (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::pg_catalog.int8,"
    " pg_catalog.pg_backend_pid(), pg_catalog.quote_ident(d.datname) "
    "FROM pg_catalog.pg_roles r, pg_catalog.pg_database d "
    "WHERE r.rolname = current_user AND d.datname = pg_catalog.current_database()";

enum {
    F_ROLE,
    F_SUPER,
    F_ROLE_LIMIT,
    F_DATABASE_LIMIT,
    F_VERSION,
    F_MAX,
    F_RESERVED,
    F_USED,
    F_USED_DATABASE,
    F_USED_ROLE,
    F_STANDBY,
    F_DELAY,
    F_FEEDBACK,
    F_CLOCK,
    F_PID,
    F_DATABASE
};

static const char *cell(const struct mr_pg_result *r, int column)
{
    const char *s = mr_pg_cell(r, 0, column);
    return s ? s : "";
}

static long number(const struct mr_pg_result *r, int column)
{
    return strtol(cell(r, column), NULL, 10);
}

static bool yes(const struct mr_pg_result *r, int column)
{
    return cell(r, column)[0] == 't';
}

/* ---- connection ---- */

static void tell_tls(const struct mr_pg_facts *f, struct mr_findings *out)
{
    if (f->local && !f->tls) {
        mr_found(out, MR_FOUND_OK, "tls",
                 "no TLS, and none is needed: the server is on this machine");
    } else if (!f->tls) {
        mr_found(out, MR_FOUND_WARN, "tls", "no TLS: who is on the way reads every row");
        mr_fix(out,
               "consumer: {sslmode: verify-full}, and ssl = on in the server's postgresql.conf");
    } else if (strcmp(f->sslmode, "verify-full") == 0) {
        mr_found(out, MR_FOUND_OK, "tls", "%s, the server's certificate and name are verified",
                 f->tls);
    } else if (strcmp(f->sslmode, "verify-ca") == 0) {
        mr_found(out, MR_FOUND_OK, "tls",
                 "%s, the server's certificate is verified, its name is not", f->tls);
    } else {
        mr_found(out, f->local ? MR_FOUND_OK : MR_FOUND_WARN, "tls",
                 "%s, but who the server is was not verified (sslmode: %s)", f->tls, f->sslmode);
        if (!f->local)
            mr_fix(out,
                   "consumer: {sslmode: verify-full, sslrootcert: FILE}   # the CA's certificate");
    }
}

static void tell_connection(const struct mr_pg_facts *f, const struct mr_pg *pg,
                            const struct mr_pg_result *r, struct mr_findings *out)
{
    const char *version = cell(r, F_VERSION);
    mr_found(out, MR_FOUND_OK, "connection", "%s port %s answers: PostgreSQL %.*s, database %s",
             f->host, f->port, (int)strcspn(version, " "), version, f->database);
    if (mr_pg_server_version(pg) >= NEWEST_TESTED + 10000) {
        mr_found(out, MR_FOUND_WARN, "version",
                 "PostgreSQL %.*s is newer than what this millrace was tested with (%d)",
                 (int)strcspn(version, " "), version, NEWEST_TESTED / 10000);
        mr_fix(out,
               "look for a newer millrace; compare a first run's rows with the source's count(*)");
    }
    tell_tls(f, out);
}

static void tell_role(const struct mr_pg_result *r, struct mr_findings *out)
{
    if (yes(r, F_SUPER)) {
        mr_found(out, MR_FOUND_WARN, "role", "role %s is a superuser: reading needs far less",
                 cell(r, F_ROLE));
        mr_fix(out,
               "CREATE ROLE millrace LOGIN PASSWORD '...'; GRANT pg_read_all_data TO millrace;");
    } else {
        mr_found(out, MR_FOUND_OK, "role",
                 "role %s; read: full needs no superuser, no replication right, no wal_level",
                 cell(r, F_ROLE));
    }
}

static void tell_encoding(const struct mr_pg *pg, struct mr_findings *out)
{
    const char *encoding = mr_pg_parameter(pg, "server_encoding");
    if (strcmp(encoding, "SQL_ASCII") == 0) {
        mr_found(out, MR_FOUND_WARN, "encoding",
                 "server_encoding SQL_ASCII: the server has not checked its text");
        mr_fix(out, "what is no UTF-8 follows on_bad_value (rescue: it lands in _rescued); "
                    "the report counts it");
    } else {
        mr_found(out, MR_FOUND_OK, "encoding", "server_encoding %s, sent as UTF-8", encoding);
    }
}

static void tell_clock(const struct mr_pg_result *r, int64_t here_us, struct mr_findings *out)
{
    int64_t off = strtoll(cell(r, F_CLOCK), NULL, 10) - here_us;
    if (off > -CLOCK_MAY_DIFFER_US && off < CLOCK_MAY_DIFFER_US) {
        mr_found(out, MR_FOUND_OK, "clock", "the server's clock and this one agree");
        return;
    }
    mr_found(out, MR_FOUND_WARN, "clock", "the server's clock is %lld s %s this one",
             (long long)llabs(off) / 1000000, off > 0 ? "ahead of" : "behind");
    mr_fix(out, "timedatectl set-ntp true   # on the machine that is wrong");
}

static void tell_standby(const struct mr_pg_result *r, struct mr_findings *out)
{
    if (!yes(r, F_STANDBY))
        return;
    bool feedback = strcmp(cell(r, F_FEEDBACK), "on") == 0;
    bool patient = strcmp(cell(r, F_DELAY), "-1") == 0;
    if (feedback || patient) {
        mr_found(out, MR_FOUND_OK, "standby", "a hot standby, with %s: long reads are not cut off",
                 feedback ? "hot_standby_feedback = on" : "max_standby_streaming_delay = -1");
        return;
    }
    mr_found(out, MR_FOUND_WARN, "standby",
             "a hot standby that cancels reads in the way of replay after %s", cell(r, F_DELAY));
    mr_fix(out,
           "on the standby: ALTER SYSTEM SET hot_standby_feedback = on; SELECT pg_reload_conf();");
    mr_fix(out, "or there: ALTER SYSTEM SET max_standby_streaming_delay = -1; or read the primary");
}

/* ---- time-outs ---- */

static const char *whose(const char *source)
{
    static const char *const map[][2] = { { "user", "of the role" },
                                          { "database", "of the database" },
                                          { "database user", "of the role in this database" },
                                          { "client", "of the connection" } };
    for (size_t i = 0; i < sizeof map / sizeof *map; i++)
        if (strcmp(source, map[i][0]) == 0)
            return map[i][1];
    return "of the server";
}

/* Of a session that is in no transaction; ours end within seconds, but may have to wait for the disk. */
static void tell_idle(const char *value, long ms, const char *of, const char *role,
                      struct mr_findings *out)
{
    if (ms >= 60000)
        return;
    mr_found(out, MR_FOUND_WARN, "timeouts",
             "idle_session_timeout = %s %s may end connections between two transactions", value,
             of);
    mr_fix(out, "ALTER ROLE %s SET idle_session_timeout = 0;", role);
}

static void tell_timeouts(struct mr_pg *pg, const char *role, struct mr_findings *out)
{
    struct mr_pg_result *r = NULL;
    struct mr_error err = { 0 };
    if (mr_pg_query(pg,
                    "SELECT s.name, pg_catalog.current_setting(s.name), s.setting, s.source"
                    " FROM pg_catalog.pg_settings s WHERE s.setting <> '0' AND s.name IN ("
                    "'statement_timeout', 'idle_in_transaction_session_timeout', 'lock_timeout',"
                    " 'transaction_timeout', 'idle_session_timeout') ORDER BY s.name",
                    &r, &err) != MR_OK) {
        mr_found_error(out, "timeouts", &err);
        return;
    }
    for (int i = 0; i < mr_pg_rows(r); i++) {
        const char *name = mr_pg_cell(r, i, 0), *value = mr_pg_cell(r, i, 1);
        const char *of = whose(mr_pg_cell(r, i, 3));
        if (strcmp(name, "idle_session_timeout") == 0)
            tell_idle(value, strtol(mr_pg_cell(r, i, 2), NULL, 10), of, role, out);
        else if (strcmp(name, "lock_timeout") == 0)
            mr_found(out, MR_FOUND_OK, "timeouts",
                     "lock_timeout = %s %s; millrace sets its own (consumer.lock_timeout)", value,
                     of);
        else
            mr_found(out, MR_FOUND_OK, "timeouts",
                     "%s = %s %s; millrace's own transactions are free of it", name, value, of);
    }
    if (mr_pg_rows(r) == 0)
        mr_found(out, MR_FOUND_OK, "timeouts", "no time-out of server, database or role");
    mr_pg_result_free(r);
}

/* ---- room for connections ---- */

static void tell_room(const struct pg_patient *p, long room, const char *what, const char *fix,
                      struct mr_findings *out)
{
    if (room >= p->workers)
        return;
    mr_found(out, MR_FOUND_WARN, "connections", "workers: %d, but %s leaves room for %ld",
             p->workers, what, room);
    mr_fix(out, "consumer: {workers: %ld}", room < 1 ? 1 : room);
    mr_fix(out, "or: %s", fix);
}

/* Our own connection counts as used, and the run has one like it. */
static void tell_connections(const struct pg_patient *p, const struct mr_pg_result *r,
                             struct mr_findings *out)
{
    int before = out->n;
    long most = number(r, F_MAX) - (yes(r, F_SUPER) ? 0 : number(r, F_RESERVED));
    char *what = mr_asprintf("max_connections = %s (%s kept for others, %s in use)", cell(r, F_MAX),
                             cell(r, F_RESERVED), cell(r, F_USED));
    tell_room(p, most - number(r, F_USED) + 1, what,
              "ALTER SYSTEM SET max_connections = ...;   # and restart the server", out);
    mr_free(what);
    char *fix = mr_asprintf("ALTER ROLE %s CONNECTION LIMIT -1;", cell(r, F_ROLE));
    if (number(r, F_ROLE_LIMIT) >= 0 && !yes(r, F_SUPER))
        tell_room(p, number(r, F_ROLE_LIMIT) - number(r, F_USED_ROLE) + 1,
                  "the role's CONNECTION LIMIT", fix, out);
    mr_free(fix);
    fix = mr_asprintf("ALTER DATABASE %s CONNECTION LIMIT -1;", cell(r, F_DATABASE));
    if (number(r, F_DATABASE_LIMIT) >= 0 && !yes(r, F_SUPER))
        tell_room(p, number(r, F_DATABASE_LIMIT) - number(r, F_USED_DATABASE) + 1,
                  "the database's CONNECTION LIMIT", fix, out);
    mr_free(fix);
    if (out->n == before)
        mr_found(out, MR_FOUND_OK, "connections", "there is room for %d workers", p->workers);
}

/* ---- two connections: pooler and snapshot ---- */

/* Which of the server's processes answers now; 0 when none does. */
static long process_of(struct mr_pg *pg, const char *sql, struct mr_error *err)
{
    struct mr_pg_result *r = NULL;
    if (mr_pg_query(pg, sql, &r, err) != MR_OK)
        return 0;
    long pid = mr_pg_rows(r) == 1 ? strtol(mr_pg_cell(r, 0, 0), NULL, 10) : 0;
    mr_pg_result_free(r);
    return pid;
}

/* While the other connection is in a transaction, a pooler that shares by transaction gives us another session. */
static void tell_pooler(struct mr_pg *pg, struct mr_pg *other, long pid, struct mr_findings *out)
{
    static const char ask[] = "SELECT pg_catalog.pg_backend_pid()";
    struct mr_error err = { 0 };
    bool begun = process_of(other, "BEGIN; SELECT pg_catalog.pg_backend_pid()", &err) > 0;
    if (!begun) {
        mr_found(out, MR_FOUND_BAD, "pooler", "the pooler lets nobody begin a transaction: %.300s",
                 err.message);
        mr_fix(
            out,
            "pool_mode = transaction (or session) in pgbouncer.ini, or give consumer.url the server itself");
        return;
    }
    bool moved = process_of(pg, ask, &err) != pid;
    (void)!mr_pg_query(other, "ROLLBACK", NULL, NULL);
    mr_found(out, MR_FOUND_OK, "pooler",
             "a pooler stands in front and shares sessions by %s; millrace works with that",
             moved ? "transaction" : "client");
    mr_fix(out,
           "its own query_timeout and idle_transaction_timeout must be 0, or longer than a run");
}

static enum mr_code share_snapshot(struct mr_pg *pg, struct mr_pg *other, struct mr_error *err)
{
    struct mr_pg_result *r = NULL;
    enum mr_code rc = mr_pg_query(pg,
                                  "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; "
                                  "SELECT pg_catalog.pg_export_snapshot()",
                                  &r, err);
    if (rc != MR_OK)
        return rc;
    char *sql = mr_asprintf("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; "
                            "SET TRANSACTION SNAPSHOT '%s'; SELECT 1",
                            mr_pg_cell(r, 0, 0));
    mr_pg_result_free(r);
    rc = mr_pg_query(other, sql, NULL, err);
    mr_free(sql);
    return rc;
}

static void tell_snapshot(struct mr_pg *pg, struct mr_pg *other, struct mr_findings *out)
{
    struct mr_error err = { 0 };
    if (share_snapshot(pg, other, &err) == MR_OK) {
        mr_found(out, MR_FOUND_OK, "snapshot",
                 "an exported snapshot was shared by two connections");
    } else {
        mr_found(out, MR_FOUND_BAD, "snapshot",
                 "a snapshot cannot be shared by two connections: %.300s", err.message);
        mr_fix(
            out,
            "give consumer.url the server itself: no pooler or load balancer that spreads over several servers");
        mr_fix(out, "or: consumer: {workers: 1}");
    }
    (void)!mr_pg_query(other, "ROLLBACK", NULL, NULL);
    (void)!mr_pg_query(pg, "ROLLBACK", NULL, NULL);
}

static void with_a_second(const struct pg_patient *p, long pid, struct mr_findings *out)
{
    struct mr_pg *other = NULL;
    struct mr_pg_facts f;
    struct mr_error err = { 0 };
    if (mr_pg_connect(p->params, &other, &err) != MR_OK) {
        bool said = false;
        for (int i = 0; i < out->n; i++)
            said |= out->items[i].verdict == MR_FOUND_WARN &&
                    strcmp(out->items[i].check, "connections") == 0;
        if (said)
            return; /* and how to get more */
        mr_found(out, MR_FOUND_WARN, "snapshot", "a second connection was refused: %.300s",
                 err.message);
        mr_fix(out, "%s", err.advice);
        return;
    }
    mr_pg_facts(p->pg, &f);
    if (f.key_pid != pid)
        tell_pooler(p->pg, other, pid, out);
    tell_snapshot(p->pg, other, out);
    mr_pg_close(other);
}

void mr_pg_diagnose(const struct pg_patient *p, struct mr_stream **streams, int n,
                    struct mr_findings *out)
{
    struct mr_pg_result *r = NULL;
    struct mr_pg_facts f;
    struct mr_error err = { 0 };
    int64_t before = mr_now_us();
    enum mr_code rc = mr_pg_query(p->pg, g_facts_sql, &r, &err);
    int64_t between = before + (mr_now_us() - before) / 2;
    if (rc != MR_OK || mr_pg_rows(r) != 1) {
        if (rc == MR_OK)
            mr_found(out, MR_FOUND_BAD, "role", "the server does not know the role it let in");
        else
            mr_found_error(out, "connection", &err);
        mr_pg_result_free(r);
        return;
    }
    mr_pg_facts(p->pg, &f);
    tell_connection(&f, p->pg, r, out);
    tell_role(r, out);
    tell_standby(r, out);
    tell_encoding(p->pg, out);
    tell_clock(r, between, out);
    tell_timeouts(p->pg, cell(r, F_ROLE), out);
    tell_connections(p, r, out);
    with_a_second(p, number(r, F_PID), out);
    mr_pg_result_free(r);
    if (n)
        mr_pg_diagnose_tables(p, streams, n, out);
}
