/*
 * What        the SQLite consumer: one connection, one read transaction
 * Gets        a file, opened read-only
 * Guarantees  all tables of a run as of one instant, from hold to finish; a table that was altered between discover and
 *             hold fails alone; a writer in WAL mode never waits for us, and we wait for others no longer than lock_timeout
 * Why         one connection: a second one could see a later state. The encoders behind it run in parallel
 * Source      sqlite.org/c3ref, sqlite.org/isolation.html, sqlite.org/wal.html
 */
#include "consumer/sqlite/consumer_sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/mem.h"
#include "consumer/sqlite/sqlite_catalog.h"
#include "consumer/sqlite/sqlite_doctor.h"
#include "consumer/sqlite/sqlite_reader.h"
#include "consumer/sqlite/sqlite_values.h"

struct mr_consumer {
    struct mr_sqlite_file file;
    char *path, *database;
    char view_id[80];
    int64_t schema_version; /* at discover */
    struct mr_sqlite_bounds bounds;
};

/* The one worker; it borrows the consumer's connection. */
struct mr_consumer_worker {
    struct mr_consumer *c;
};

static const char *const g_schemes[] = { "sqlite", NULL };

static const struct mr_option g_options[] = {
    { .key = "url",
      .type = MR_OPT_STRING,
      .required = true,
      .doc = "sqlite:PATH, or just the path of the file." },
    { .key = "lock_timeout",
      .type = MR_OPT_DURATION,
      .def = "10s",
      .min = 100000,
      .max = 3600000000,
      .doc = "Longest wait for a lock that another program holds." },
    MR_OPTION_END,
};

static enum mr_code fail(struct mr_consumer *c, const char *what, struct mr_error *err)
{
    return mr_sqlite_fail(&c->file, MR_ID_LITE01, what, err);
}

/* ---- open ---- */

static char *stem_of(const char *path)
{
    const char *base = strrchr(path, '/');
    base = base ? base + 1 : path;
    const char *dot = strrchr(base, '.');
    return dot && dot > base ? mr_strndup(base, (size_t)(dot - base)) : mr_strdup(base);
}

static enum mr_code exec(struct mr_consumer *c, const char *sql, struct mr_error *err)
{
    return sqlite3_exec(c->file.db, sql, NULL, NULL, NULL) == SQLITE_OK ? MR_OK
                                                                        : fail(c, "read it", err);
}

static void lite_close(struct mr_consumer *c)
{
    if (!c)
        return;
    sqlite3_close(c->file.db);
    mr_sqlite_queries_free(&c->file);
    mr_free(c->path);
    mr_free(c->database);
    mr_free(c);
}

/* Another process may hold the file for a moment even now: the busy time-out comes first. */
static enum mr_code connect(struct mr_consumer *c, int64_t lock_timeout_us, struct mr_error *err)
{
    struct stat st;
    if (stat(c->path, &st) != 0 || !S_ISREG(st.st_mode)) {
        mr_fail(err, MR_ID_LITE01, "%s is not there, or not a file", c->path);
        return mr_error_advise(err, "check the path in consumer.url");
    }
    if (sqlite3_open_v2(c->path, &c->file.db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK)
        return fail(c, "open it", err);
    sqlite3_busy_timeout(c->file.db, (int)(lock_timeout_us / 1000));
    sqlite3_limit(c->file.db, SQLITE_LIMIT_LENGTH, 2000000000);
    return exec(c,
                "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA mmap_size = 0; "
                "SELECT count(*) FROM sqlite_master",
                err);
}

static enum mr_code lite_open(const struct mr_consumer_config *cfg, struct mr_consumer **ret,
                              struct mr_error *err)
{
    const char *url = mr_option_str(cfg->options, "url");
    struct mr_consumer *c = mr_zalloc(1, sizeof *c);
    c->path = mr_strdup(strncmp(url, "sqlite:", 7) == 0 ? url + 7 : url);
    c->database = stem_of(c->path);
    c->file = (struct mr_sqlite_file){ .path = c->path, .database = c->database };
    mr_sqlite_queries_copy(&c->file, cfg);
    c->bounds = (struct mr_sqlite_bounds){ .batch_bytes = cfg->batch_bytes,
                                           .max_value = cfg->max_value_bytes,
                                           .batch_rows = cfg->batch_rows };
    enum mr_code rc = connect(c, mr_option_int(cfg->options, "lock_timeout"), err);
    if (rc != MR_OK)
        lite_close(c);
    else
        *ret = c;
    return rc;
}

static int64_t pragma(struct mr_consumer *c, const char *sql)
{
    sqlite3_stmt *q = NULL;
    int64_t v = -1;
    if (sqlite3_prepare_v2(c->file.db, sql, -1, &q, NULL) == SQLITE_OK &&
        sqlite3_step(q) == SQLITE_ROW)
        v = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    return v;
}

static enum mr_code lite_discover(struct mr_consumer *c, struct mr_stream_list *ret,
                                  struct mr_error *err)
{
    c->schema_version = pragma(c, "PRAGMA schema_version");
    return mr_sqlite_discover(&c->file, ret, err);
}

static void lite_shape(struct mr_consumer *c, struct mr_stream *s, const struct mr_stream_wish *w)
{
    mr_sqlite_shape(&c->file, s, w);
}

/* SQLite compares by the storage class of each cell, not by the declared type: all rows are read, the filter decides. */
static void lite_restrict_rows(struct mr_consumer *c, struct mr_stream *s,
                               const struct mr_predicate_list *l)
{
    (void)c;
    (void)s;
    (void)l;
}

static void lite_diagnose(struct mr_consumer *c, struct mr_stream **streams, int n,
                          struct mr_findings *out)
{
    mr_sqlite_diagnose(&c->file, streams, n, out);
}

/* ---- view ---- */

static enum mr_code lite_hold(struct mr_consumer *c, struct mr_stream **streams, int n,
                              struct mr_error *err)
{
    struct stat st = { 0 };
    enum mr_code rc = exec(c, "BEGIN; SELECT count(*) FROM sqlite_master", err);
    if (rc != MR_OK)
        return rc;
    if (stat(c->path, &st) != 0)
        st.st_ino = 0;
    unsigned long long unique = (unsigned long long)(uintptr_t)c ^ (unsigned long long)time(NULL);
    snprintf(c->view_id, sizeof c->view_id, "sqlite:%llx-%u-%llx", (unsigned long long)st.st_ino,
             (unsigned)pragma(c, "PRAGMA data_version"), unique);
    if (pragma(c, "PRAGMA schema_version") != c->schema_version)
        rc = mr_sqlite_compare(&c->file, streams, n, err);
    return rc;
}

static enum mr_code lite_plan(struct mr_consumer *c, struct mr_stream *s, int target,
                              struct mr_plan *ret, struct mr_error *err)
{
    (void)target;
    (void)err;
    *ret = (struct mr_plan){ .n_partitions = 1 };
    snprintf(ret->view.id, sizeof ret->view.id, "%s", c->view_id);
    ret->view.consistency = "snapshot";
    ret->partitions = mr_zalloc(1, sizeof *ret->partitions);
    ret->partitions[0] = (struct mr_partition){ .est_rows = s->est_rows };
    return MR_OK;
}

static bool lite_view_holds(struct mr_consumer *c, const struct mr_stream *s, const char *view_id)
{
    (void)c;
    (void)s;
    (void)view_id;
    return false; /* the read transaction ended with its process */
}

static int lite_max_workers(struct mr_consumer *c)
{
    (void)c;
    return 1;
}

static enum mr_code lite_worker_open(struct mr_consumer *c, int index,
                                     struct mr_consumer_worker **ret, struct mr_error *err)
{
    (void)index;
    (void)err;
    *ret = mr_alloc(sizeof **ret);
    (*ret)->c = c;
    return MR_OK;
}

static void lite_worker_close(struct mr_consumer_worker *w)
{
    mr_free(w);
}

/* ---- read ---- */

static enum mr_code lite_reader_open(struct mr_consumer_worker *w, const struct mr_stream *s,
                                     const struct mr_partition *p, int64_t limit,
                                     struct mr_reader **ret, struct mr_error *err)
{
    (void)p;
    return mr_sqlite_reader_open(&w->c->file, &w->c->bounds, s, limit, ret, err);
}

static enum mr_code lite_finish(struct mr_consumer *c, struct mr_error *err)
{
    return sqlite3_get_autocommit(c->file.db)
               ? mr_fail(err, MR_ID_LITE01, "%s: the read transaction ended too early", c->path)
               : exec(c, "COMMIT", err);
}

static double lite_source_cpu(struct mr_consumer *c)
{
    (void)c;
    return -1; /* the source runs in this process */
}

const struct mr_consumer_type mr_consumer_sqlite = {
    .name = "sqlite",
    .title = "SQLite 3 files: tables, views, queries",
    .schemes = g_schemes,
    .options = g_options,
    .type_doc = mr_sqlite_type_doc,
    .open = lite_open,
    .discover = lite_discover,
    .shape = lite_shape,
    .restrict_rows = lite_restrict_rows,
    .diagnose = lite_diagnose,
    .hold = lite_hold,
    .plan = lite_plan,
    .view_holds = lite_view_holds,
    .max_workers = lite_max_workers,
    .worker_open = lite_worker_open,
    .worker_close = lite_worker_close,
    .reader_open = lite_reader_open,
    .next = mr_sqlite_next,
    .reader_close = mr_sqlite_reader_close,
    .finish = lite_finish,
    .source_cpu = lite_source_cpu,
    .free_source = mr_sqlite_source_free,
    .close = lite_close,
};
