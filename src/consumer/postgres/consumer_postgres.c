/*
 * What        the PostgreSQL consumer: its options, its life, and the table of its functions
 * Gets        a URL or host, user and so on, as libpq takes them
 * Guarantees  what is promised of reading is in pg_hold.c (snapshots) and pg_reader.c (rows)
 * Source      PostgreSQL "SET TRANSACTION SNAPSHOT", "Explicit Locking", "COPY"
 */
#include "consumer/postgres/consumer_postgres.h"

#include <string.h>

#include "base/mem.h"
#include "consumer/postgres/pg_doctor.h"
#include "consumer/postgres/pg_session.h"
#include "wire/pg/pg_type.h"

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
      .doc =
          "TLS, as libpq names it; unsaid, a server on another machine must prove its name (verify-full)." },
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
    { .key = "snapshot",
      .type = MR_OPT_ENUM,
      .choices = "run|table",
      .def = "run",
      .doc =
          "run: all tables as of one instant. table: each as of its own, which holds up vacuum for less long." },
    { .key = "max_snapshot_age",
      .type = MR_OPT_DURATION,
      .def = "1h",
      .max = 31LL * 86400000000,
      .doc =
          "Tables whose turn comes later are read in a newer snapshot, and the report says so; 0s: never." },
    { .key = "reader",
      .type = MR_OPT_ENUM,
      .choices = "copy|cursor",
      .def = "copy",
      .doc = "copy: one COPY per partition, the fastest. cursor: many short statements." },
    { .key = "max_query_seconds",
      .type = MR_OPT_INT,
      .min = 1,
      .max = 86400,
      .doc =
          "reader: cursor only. No statement on user tables runs longer; the server enforces it." },
    { .key = "rows_per_second",
      .type = MR_OPT_INT,
      .min = 1,
      .max = 1000000000,
      .doc = "Rows that all workers together read at most." },
    { .key = "char",
      .type = MR_OPT_ENUM,
      .choices = "trimmed|padded",
      .def = "trimmed",
      .doc = "Whether char(n) lands with the blanks that fill it up." },
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
    mr_pg_verify_names(p);
}

/* 0 when it was not said. */
static int64_t said(const struct mr_options *o, const char *key)
{
    return mr_option_get(o, key)->set ? mr_option_int(o, key) : 0;
}

static enum mr_code fill_limits(struct mr_consumer *c, const struct mr_options *o,
                                struct mr_error *err)
{
    c->lock_timeout_us = mr_option_int(o, "lock_timeout");
    c->max_snapshot_age_us = mr_option_int(o, "max_snapshot_age");
    c->per_table = strcmp(mr_option_str(o, "snapshot"), "table") == 0;
    c->cursor = strcmp(mr_option_str(o, "reader"), "cursor") == 0;
    c->pace.rows_per_second = said(o, "rows_per_second");
    c->max_query_us = said(o, "max_query_seconds") * 1000000;
    if (!c->max_query_us || c->cursor)
        return MR_OK;
    const struct mr_option_value *v = mr_option_get(o, "max_query_seconds");
    mr_fail(err, MR_ID_SPEC06,
            "max_query_seconds needs reader: cursor: a COPY is one statement, as long as it takes");
    if (v->file)
        mr_error_at(err, "%s:%d:%d", v->file, v->line, v->column);
    return mr_error_advise(err,
                           "add reader: cursor under consumer, or leave max_query_seconds out");
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
static enum mr_code check_server(struct mr_consumer *c, struct mr_pg *pg, struct mr_error *err)
{
    struct mr_pg_result *r = NULL;
    enum mr_code rc =
        mr_pg_query(pg, "SELECT pg_catalog.version(), pg_catalog.current_database()", &r, err);
    if (rc != MR_OK)
        return rc;
    const char *version = mr_pg_rows(r) == 1 ? mr_pg_cell(r, 0, 0) : NULL;
    const char *database = version ? mr_pg_cell(r, 0, 1) : NULL;
    if (database) {
        c->database = mr_strdup(database);
        c->validate_text = strcmp(mr_pg_parameter(pg, "server_encoding"), "SQL_ASCII") == 0;
        rc = judge_server(mr_pg_server_version(pg), version, err);
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
    for (struct pg_group *g = c->groups, *next; g; g = next) {
        next = g->next;
        mr_pg_close(g->pg);
        mr_pg_group_free(g);
    }
    for (int i = 0; i < c->n_idle; i++)
        mr_pg_close(c->idle[i]);
    pthread_mutex_destroy(&c->mutex);
    pthread_mutex_destroy(&c->pace.mutex);
    mr_free(c->held);
    mr_free(c->port);
    mr_free(c->database);
    mr_free(c);
}

static enum mr_code pg_open(const struct mr_consumer_config *cfg, struct mr_consumer **ret,
                            struct mr_error *err)
{
    struct mr_consumer *c = mr_zalloc(1, sizeof *c);
    struct mr_pg *pg = NULL;
    enum mr_code rc = MR_OK;
    pthread_mutex_init(&c->mutex, NULL);
    pthread_mutex_init(&c->pace.mutex, NULL);
    c->workers = cfg->workers;
    c->batch_bytes = cfg->batch_bytes;
    c->batch_rows = cfg->batch_rows;
    c->max_value = cfg->max_value_bytes;
    c->n_queries = cfg->n_queries;
    c->queries = cfg->queries;
    MR_TRY(fill_limits(c, cfg->options, err));
    c->padded = strcmp(mr_option_str(cfg->options, "char"), "padded") == 0;
    fill_params(c, cfg->options);
    MR_TRY(mr_pg_take(c, &pg, err));
    MR_TRY(check_server(c, pg, err));
out:
    (void)!mr_pg_give(c, pg);
    if (rc != MR_OK)
        pg_close(c);
    else
        *ret = c;
    return rc;
}

static enum mr_code pg_discover(struct mr_consumer *c, struct mr_stream_list *ret,
                                struct mr_error *err)
{
    struct mr_pg *pg = NULL;
    enum mr_code rc = MR_OK;
    MR_TRY(mr_pg_take(c, &pg, err));
    MR_TRY(mr_pg_begin(c, pg, NULL, err));
    rc = mr_pg_discover(c, pg, ret, err);
out:
    (void)!mr_pg_give(c, pg); /* a lost one shows at the next step */
    return rc;
}

static void pg_shape(struct mr_consumer *c, struct mr_stream *s, const struct mr_stream_wish *w)
{
    struct pg_table *t = s->source;
    struct mr_pg *pg = NULL;
    mr_pg_shape(s, w, c->padded);
    t->asked = w->where ? mr_strdup(w->where) : NULL;
    if ((t->asked || t->relkind == 'v') && s->error.code == MR_OK &&
        mr_pg_take(c, &pg, &s->error) == MR_OK)
        mr_pg_check_where(pg, s);
    (void)!mr_pg_give(c, pg);
}

static void pg_restrict_rows(struct mr_consumer *c, struct mr_stream *s,
                             const struct mr_predicate_list *l)
{
    (void)c;
    mr_pg_restrict_rows(s, l);
}

static void pg_diagnose(struct mr_consumer *c, struct mr_stream **streams, int n,
                        struct mr_findings *out)
{
    struct pg_patient p = { NULL, &c->params, c->workers };
    struct mr_error err = { 0 };
    if (mr_pg_take(c, &p.pg, &err) == MR_OK)
        mr_pg_diagnose(&p, streams, n, out);
    else
        mr_found_error(out, "connection", &err);
    (void)!mr_pg_give(c, p.pg);
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

static enum mr_code pg_finish(struct mr_consumer *c, struct mr_error *err)
{
    pthread_mutex_lock(&c->mutex);
    bool lost = c->lost;
    pthread_mutex_unlock(&c->mutex);
    return lost ? mr_fail(err, MR_ID_PG10,
                          "the transaction that held a snapshot did not live to its last row")
                : MR_OK;
}

static double pg_source_cpu(struct mr_consumer *c)
{
    (void)c;
    return -1; /* the protocol does not say */
}

const struct mr_consumer_type mr_consumer_postgres = {
    .name = "postgres",
    .title =
        "PostgreSQL 14 and later: tables, partitioned tables, views, materialised views, foreign tables and queries",
    .schemes = g_schemes,
    .options = g_options,
    .type_doc = mr_pg_type_doc,
    .open = pg_open,
    .discover = pg_discover,
    .shape = pg_shape,
    .restrict_rows = pg_restrict_rows,
    .diagnose = pg_diagnose,
    .hold = mr_pg_hold,
    .plan = mr_pg_plan,
    .view_holds = pg_view_holds,
    .max_workers = pg_max_workers,
    .worker_open = mr_pg_worker_open,
    .worker_close = mr_pg_worker_close,
    .stream_begin = mr_pg_stream_begin,
    .stream_end = mr_pg_stream_end,
    .reader_open = mr_pg_reader_open,
    .next = mr_pg_next,
    .reader_close = mr_pg_reader_close,
    .finish = pg_finish,
    .source_cpu = pg_source_cpu,
    .free_source = mr_pg_table_free,
    .close = pg_close,
};
