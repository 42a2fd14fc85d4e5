/*
 * What        the PostgreSQL consumer: one snapshot, locked tables, COPY BINARY by block ranges on several connections
 * Gets        a URL or host, user and so on, as libpq takes them
 * Guarantees  all tables of a run as of one instant; a TRUNCATE, ALTER or REFRESH cannot give an empty or odd table: tables
 *             are locked before the snapshot is taken, and what cannot be locked is checked by its file
 * Why         worker 0 reads on the connection that holds the snapshot: `workers` connections, no more
 * Source      PostgreSQL "SET TRANSACTION SNAPSHOT", "Explicit Locking", "COPY"
 */
#include "consumer/postgres/consumer_postgres.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/queue.h"
#include "base/timeutil.h"
#include "column/schema.h"
#include "consumer/postgres/pg_catalog.h"
#include "consumer/postgres/pg_reader.h"

#define LOCK_BATCH 64

static const char *const g_schemes[] = { "postgresql", "postgres", NULL };

static const struct mr_option g_options[] = {
    { .key = "url",
      .type = MR_OPT_STRING,
      .doc = "postgresql://user@host:5432/database?sslmode=verify-full; everything libpq takes." },
    { .key = "host",
      .type = MR_OPT_STRING,
      .doc = "Server name, address, or folder of its socket; PGHOST when neither is given." },
    { .key = "port",
      .type = MR_OPT_INT,
      .min = 1,
      .max = 65535,
      .doc = "Port of the server; PGPORT, else 5432." },
    { .key = "database",
      .type = MR_OPT_STRING,
      .doc = "Database; PGDATABASE, else the user's name." },
    { .key = "user",
      .type = MR_OPT_STRING,
      .doc = "Role to connect as; PGUSER, else the name of the system user." },
    { .key = "password",
      .type = MR_OPT_STRING,
      .secret = true,
      .doc = "Its password; better ${NAME}, ${file:PATH} or ~/.pgpass." },
    { .key = "sslmode",
      .type = MR_OPT_ENUM,
      .choices = "disable|allow|prefer|require|verify-ca|verify-full",
      .doc = "TLS, as libpq names it; prefer when neither this nor the URL says it." },
    { .key = "sslrootcert", .type = MR_OPT_PATH, .doc = "File with the certificates to trust." },
    { .key = "connect_timeout",
      .type = MR_OPT_DURATION,
      .def = "10s",
      .min = 2000000,
      .max = 600000000,
      .doc = "Longest wait for a connection." },
    { .key = "lock_timeout",
      .type = MR_OPT_DURATION,
      .def = "10s",
      .min = 100000,
      .max = 3600000000,
      .doc = "Longest wait for the lock of a table (ACCESS SHARE, as any SELECT takes it)." },
    { .key = "read_timeout",
      .type = MR_OPT_DURATION,
      .def = "10m",
      .min = 1000000,
      .max = 86400000000,
      .doc = "Longest silence of the server within a statement." },
    MR_OPTION_END,
};

/* ---- connections ---- */

static void fill_params(struct mr_consumer *c, const struct mr_options *o)
{
    struct mr_pg_params *p = &c->params;
    int64_t port = mr_option_get(o, "port")->set ? mr_option_int(o, "port") : 0;
    c->port = port ? mr_asprintf("%lld", (long long)port) : NULL;
    /* A URL is given as dbname; what follows wins over its parts, so what must not be overridden stands after it. */
    mr_pg_param(p, "fallback_application_name", "millrace");
    mr_pg_param(p, "dbname", mr_option_str(o, "url"));
    mr_pg_param(p, "host", mr_option_str(o, "host"));
    mr_pg_param(p, "port", c->port);
    mr_pg_param(p, "dbname", mr_option_str(o, "database"));
    mr_pg_param(p, "user", mr_option_str(o, "user"));
    mr_pg_param(p, "password", mr_option_str(o, "password"));
    mr_pg_param(p, "sslmode", mr_option_str(o, "sslmode"));
    mr_pg_param(p, "sslrootcert", mr_option_str(o, "sslrootcert"));
    mr_pg_param(p, "client_encoding", "UTF8");
    mr_pg_param(p, "keepalives_idle", "30");
    mr_pg_param(p, "keepalives_interval", "10");
    mr_pg_param(p, "keepalives_count", "6");
    p->connect_timeout_us = mr_option_int(o, "connect_timeout");
    p->read_timeout_us = mr_option_int(o, "read_timeout");
    c->lock_timeout_us = mr_option_int(o, "lock_timeout");
}

/* What a transaction of ours needs, and only for its time: behind a pooler the session is another program's next. Read-only,
 * no name resolved by a path, row-level security an error and not a filter, no time-out of the role that would cut a long
 * read. SET does not take the snapshot. */
static enum mr_code begin(struct mr_consumer *c, struct mr_pg *pg, const char *snapshot,
                          struct mr_error *err)
{
    struct mr_buf b = { 0 };
    mr_buf_puts(&b, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    if (snapshot)
        mr_buf_printf(&b, "; SET TRANSACTION SNAPSHOT '%s'", snapshot);
    mr_buf_puts(&b, "; SET LOCAL search_path = ''; SET LOCAL row_security = off"
                    "; SET LOCAL statement_timeout = 0"
                    "; SET LOCAL idle_in_transaction_session_timeout = 0");
    if (mr_pg_server_version(pg) >= 170000)
        mr_buf_puts(&b, "; SET LOCAL transaction_timeout = 0");
    mr_buf_printf(&b, "; SET LOCAL lock_timeout = %lld", (long long)(c->lock_timeout_us / 1000));
    enum mr_code rc = mr_pg_query(pg, mr_buf_str(&b), NULL, err);
    mr_buf_release(&b);
    return rc;
}

/* Who answers, when it is not PostgreSQL as we need it. */
static enum mr_code judge_server(int number, const char *version, struct mr_error *err)
{
    static const char *const others[] = { "CockroachDB", "Redshift" };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (!strstr(version, others[i]))
            continue;
        mr_fail(err, MR_ID_PG07, "the server is %s, not PostgreSQL: %.100s", others[i], version);
        return mr_error_advise(err, "it speaks PostgreSQL's protocol, but has no exported "
                                    "snapshots and no block ranges");
    }
    if (number >= 140000)
        return MR_OK;
    mr_fail(err, MR_ID_PG07, "the server is too old: %.60s", version);
    return mr_error_advise(err, "PostgreSQL 14 and later can read a table by ranges of blocks; "
                                "upgrade it, or read a replica that is newer");
}

/* Nothing is set before this: servers that are not PostgreSQL, or are old, lack some of the settings. */
static enum mr_code check_server(struct mr_consumer *c, struct mr_error *err)
{
    struct mr_pg_result *r = NULL;
    enum mr_code rc = mr_pg_query(
        c->holder, "SELECT pg_catalog.version(), pg_catalog.current_database()", &r, err);
    if (rc != MR_OK)
        return rc;
    const char *version = mr_pg_rows(r) == 1 ? mr_pg_cell(r, 0, 0) : NULL;
    const char *database = version ? mr_pg_cell(r, 0, 1) : NULL;
    if (database) {
        c->database = mr_strdup(database);
        c->validate_text = strcmp(mr_pg_parameter(c->holder, "server_encoding"), "SQL_ASCII") == 0;
        rc = judge_server(mr_pg_server_version(c->holder), version, err);
    } else {
        rc = mr_fail(err, MR_ID_PG07, "the server does not say its version and database");
        mr_error_advise(err, "it speaks PostgreSQL's protocol, but is not PostgreSQL 14 or later");
    }
    mr_pg_result_free(r);
    return rc;
}

static void pg_close(struct mr_consumer *c)
{
    if (!c)
        return;
    mr_pg_close(c->holder);
    mr_free(c->port);
    mr_free(c->database);
    mr_free(c);
}

static enum mr_code pg_open(const struct mr_consumer_config *cfg, struct mr_consumer **ret,
                            struct mr_error *err)
{
    struct mr_consumer *c = mr_zalloc(1, sizeof *c);
    c->workers = cfg->workers;
    c->batch_bytes = cfg->batch_bytes;
    c->batch_rows = cfg->batch_rows;
    c->max_value = cfg->max_value_bytes;
    fill_params(c, cfg->options);
    enum mr_code rc = mr_pg_connect(&c->params, &c->holder, err);
    if (rc == MR_OK)
        rc = check_server(c, err);
    if (rc != MR_OK)
        pg_close(c);
    else
        *ret = c;
    return rc;
}

static enum mr_code pg_discover(struct mr_consumer *c, struct mr_stream_list *ret,
                                struct mr_error *err)
{
    enum mr_code rc = MR_OK;
    MR_TRY(begin(c, c->holder, NULL, err));
    MR_TRY(mr_pg_load_tables(c->holder, c->database, ret, err));
    rc = mr_pg_query(c->holder, "COMMIT", NULL, err);
out:
    return rc;
}

static void pg_shape(struct mr_consumer *c, struct mr_stream *s, const struct mr_stream_wish *w)
{
    (void)c;
    mr_pg_shape(s, w);
}

static void pg_restrict_rows(struct mr_consumer *c, struct mr_stream *s,
                             const struct mr_predicate_list *l)
{
    (void)c;
    mr_pg_restrict_rows(s, l);
}

/* ---- hold: lock, then fix the snapshot, then look again ---- */

static enum mr_code lock_tables(struct mr_consumer *c, struct mr_stream **streams, int n,
                                struct mr_error *err)
{
    struct mr_buf b = { 0 };
    int used = 0;
    for (int i = 0; i < n; i++) {
        const struct pg_table *t = streams[i]->source;
        if (t->relkind == 'm')
            continue; /* cannot be locked; checked by its file instead */
        mr_buf_printf(&b, "%s%s%s", used++ ? ", " : "LOCK TABLE ", t->relkind == 'r' ? "ONLY " : "",
                      t->sql_name);
    }
    mr_buf_puts(&b, " IN ACCESS SHARE MODE");
    enum mr_code rc = used ? mr_pg_guarded(c->holder, mr_buf_str(&b), err) : MR_OK;
    mr_buf_release(&b);
    return rc;
}

static void cannot_lock(struct mr_stream *s, const struct mr_error *why)
{
    mr_fail(&s->error, MR_ID_PG09, "%s cannot be locked against TRUNCATE and ALTER: %s", s->id,
            why->message);
    mr_error_advise(
        &s->error,
        "another session holds it exclusively, or it was dropped; run again, or raise consumer.lock_timeout");
}

/* Many at once; one by one only when a batch fails. */
static enum mr_code lock_all(struct mr_consumer *c, struct mr_stream **streams, int n,
                             struct mr_error *err)
{
    for (int i = 0; i < n; i += LOCK_BATCH) {
        int count = n - i < LOCK_BATCH ? n - i : LOCK_BATCH;
        enum mr_code rc = lock_tables(c, streams + i, count, err);
        for (int k = i; rc == MR_E_SOURCE && k < i + count; k++) {
            enum mr_code one = lock_tables(c, streams + k, 1, err);
            if (one == MR_E_SOURCE)
                cannot_lock(streams[k], err);
            else if (one != MR_OK)
                return one;
        }
        if (rc != MR_OK && rc != MR_E_SOURCE)
            return rc;
    }
    return MR_OK;
}

static enum mr_code export_snapshot(struct mr_consumer *c, struct mr_error *err)
{
    struct mr_pg_result *r = NULL;
    enum mr_code rc = mr_pg_query(c->holder, "SELECT pg_catalog.pg_export_snapshot()", &r, err);
    if (rc != MR_OK)
        return rc;
    snprintf(c->snapshot, sizeof c->snapshot, "%s", mr_pg_cell(r, 0, 0));
    mr_pg_result_free(r);
    return MR_OK;
}

static int by_oid(const void *a, const void *b)
{
    unsigned x = ((const struct pg_table *)(*(struct mr_stream *const *)a)->source)->oid;
    unsigned y = ((const struct pg_table *)(*(struct mr_stream *const *)b)->source)->oid;
    return x < y ? -1 : x > y;
}

/* A table that was altered, renamed or dropped between discover and the lock. */
static enum mr_code compare_catalog(struct mr_consumer *c, struct mr_stream **streams, int n,
                                    struct mr_error *err)
{
    struct mr_stream_list now = { 0 };
    enum mr_code rc = mr_pg_load_tables(c->holder, c->database, &now, err);
    if (rc != MR_OK)
        return rc;
    if (now.n)
        qsort(now.items, (size_t)now.n, sizeof *now.items, by_oid);
    for (int i = 0; i < n; i++) {
        struct mr_stream **found =
            now.n ? bsearch(&streams[i], now.items, (size_t)now.n, sizeof *now.items, by_oid)
                  : NULL;
        const struct pg_table *then = streams[i]->source, *is = found ? (*found)->source : NULL;
        if (streams[i]->error.code != MR_OK)
            continue;
        if (is && strcmp((*found)->id, streams[i]->id) == 0 &&
            strcmp(is->signature, then->signature) == 0)
            continue;
        mr_fail(&streams[i]->error, MR_ID_PG09, "%s was %s while the run began", streams[i]->id,
                is ? "altered" : "dropped");
        mr_error_advise(&streams[i]->error, "run again; nothing of it was read");
    }
    mr_stream_list_free(&now, mr_pg_table_free);
    return MR_OK;
}

static enum mr_code pg_hold(struct mr_consumer *c, struct mr_stream **streams, int n,
                            struct mr_error *err)
{
    enum mr_code rc = MR_OK;
    MR_TRY(begin(c, c->holder, NULL, err));
    MR_TRY(lock_all(c, streams, n,
                    err)); /* LOCK does not take the snapshot; the next statement does */
    MR_TRY(export_snapshot(c, err));
    MR_TRY(compare_catalog(c, streams, n, err));
    rc = mr_pg_load_heaps(c->holder, streams, n, err);
out:
    return rc;
}

/* ---- plan: a partition is a range of blocks of one heap ---- */

static void add_parts(struct mr_plan *plan, uint64_t heap, uint64_t blocks, uint64_t step)
{
    uint64_t n = blocks > step ? (blocks + step - 1) / step : 1;
    for (uint64_t i = 0; i < n; i++) {
        size_t k = (size_t)plan->n_partitions;
        plan->partitions = mr_realloc(plan->partitions, sizeof *plan->partitions * (k + 1));
        plan->partitions[k] = (struct mr_partition){ .index = plan->n_partitions++,
                                                     .lo = PART_LO(heap, i * step),
                                                     .hi = i + 1 < n ? (i + 1) * step : 0,
                                                     .est_rows = -1 };
    }
}

static enum mr_code pg_plan(struct mr_consumer *c, struct mr_stream *s, int target,
                            struct mr_plan *ret, struct mr_error *err)
{
    const struct pg_table *t = s->source;
    uint64_t total = 0;
    (void)err;
    for (int i = 0; i < t->n_heaps; i++)
        total += t->heaps[i].blocks;
    uint64_t step = total / (uint64_t)(target < 1 ? 1 : target) + 1;
    *ret = (struct mr_plan){ .view.consistency = "snapshot" };
    snprintf(ret->view.id, sizeof ret->view.id, "pg:%.70s", c->snapshot);
    for (int i = 0; i < t->n_heaps; i++)
        add_parts(ret, (uint64_t)i, t->heaps[i].blocks, step);
    return MR_OK;
}

static bool pg_view_holds(struct mr_consumer *c, const struct mr_stream *s, const char *view_id)
{
    (void)c;
    (void)s;
    (void)view_id;
    return false; /* an exported snapshot ends with its connection */
}

static int pg_max_workers(struct mr_consumer *c)
{
    return c->workers;
}

/* ---- workers ---- */

static void pg_worker_close(struct mr_consumer_worker *w)
{
    if (!w)
        return;
    if (!w->borrowed)
        mr_pg_close(w->pg);
    mr_free(w);
}

static enum mr_code pg_worker_open(struct mr_consumer *c, int index,
                                   struct mr_consumer_worker **ret, struct mr_error *err)
{
    struct mr_consumer_worker *w = mr_zalloc(1, sizeof *w);
    enum mr_code rc = MR_OK;
    w->c = c;
    w->borrowed = index == 0;
    if (!w->borrowed) {
        bool share = !mr_fault_off(MR_FP_PG_SNAPSHOT_RULE);
        rc = mr_pg_connect(&c->params, &w->pg, err);
        if (rc == MR_OK)
            rc = begin(c, w->pg, share ? c->snapshot : NULL, err);
    } else if (mr_pg_in_transaction(c->holder)) {
        w->pg = c->holder;
    } else {
        rc = mr_fail(err, MR_ID_PG10, "the connection that held the snapshot is gone");
    }
    if (rc != MR_OK)
        pg_worker_close(w);
    else
        *ret = w;
    return rc;
}

static enum mr_code pg_finish(struct mr_consumer *c, struct mr_error *err)
{
    if (!mr_pg_in_transaction(c->holder))
        return mr_fail(err, MR_ID_PG10,
                       "the transaction that held the snapshot did not live to the end of the run");
    return mr_pg_query(c->holder, "COMMIT", NULL, err);
}

static double pg_source_cpu(struct mr_consumer *c)
{
    (void)c;
    return -1; /* the protocol does not say */
}

const struct mr_consumer_type mr_consumer_postgres = {
    .name = "postgres",
    .title = "PostgreSQL 14 and later: tables, partitioned tables and materialised views",
    .schemes = g_schemes,
    .options = g_options,
    .open = pg_open,
    .discover = pg_discover,
    .shape = pg_shape,
    .restrict_rows = pg_restrict_rows,
    .hold = pg_hold,
    .plan = pg_plan,
    .view_holds = pg_view_holds,
    .max_workers = pg_max_workers,
    .worker_open = pg_worker_open,
    .worker_close = pg_worker_close,
    .reader_open = mr_pg_reader_open,
    .next = mr_pg_next,
    .reader_close = mr_pg_reader_close,
    .finish = pg_finish,
    .source_cpu = pg_source_cpu,
    .free_source = mr_pg_table_free,
    .close = pg_close,
};
