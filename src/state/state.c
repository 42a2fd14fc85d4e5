/*
 * What        run history in SQLite, one lock file per pipeline
 * Gets        the state folder
 * Guarantees  a change is durable when the call returns; a layout newer than ours is refused
 * Why         flock dies with its process, so no lock is ever stale
 * Source      sqlite.org/pragma.html#pragma_user_version, flock(2)
 */
#include "state/state.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/timeutil.h"

struct mr_state {
    sqlite3 *db;
    char *dir;
};

struct mr_state_lock {
    int fd;
};

/* migrations[i] brings user_version i to i + 1; they are only ever appended. */
static const char *const g_migrations[] = {
    "CREATE TABLE runs (run_id TEXT PRIMARY KEY, pipeline TEXT NOT NULL, pipeline_id TEXT NOT NULL,"
    " config_hash TEXT NOT NULL, started_us INTEGER NOT NULL, ended_us INTEGER NOT NULL,"
    " status TEXT NOT NULL, rows INTEGER NOT NULL);"
    "CREATE INDEX runs_by_pipeline ON runs (pipeline_id, started_us);"
    "CREATE TABLE streams (run_id TEXT NOT NULL, stream TEXT NOT NULL, version INTEGER NOT NULL,"
    " view_id TEXT NOT NULL, PRIMARY KEY (run_id, stream));",
    "CREATE TABLE sources (pipeline_id TEXT NOT NULL, stream TEXT NOT NULL, identity TEXT NOT NULL,"
    " landed TEXT NOT NULL, PRIMARY KEY (pipeline_id, stream)) WITHOUT ROWID;",
};
#define N_MIGRATIONS ((int)(sizeof g_migrations / sizeof *g_migrations))

static enum mr_code fail(struct mr_state *s, const char *what, struct mr_error *err)
{
    const int code = sqlite3_errcode(s->db) & 0xFF;
    mr_fail(err, MR_ID_STATE01, "%s/state.db: cannot %s: %s", s->dir, what, sqlite3_errmsg(s->db));
    if (code == SQLITE_READONLY || code == SQLITE_CANTOPEN || code == SQLITE_PERM)
        mr_error_advise(err, "give this user the right to write in %.400s and to its files",
                        s->dir);
    return MR_E_IO;
}

static enum mr_code exec(struct mr_state *s, const char *sql, struct mr_error *err)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK
               ? MR_OK
               : fail(s, "change the run history", err);
}

static enum mr_code migrate(struct mr_state *s, struct mr_error *err)
{
    sqlite3_stmt *q = NULL;
    int version = 0;
    enum mr_code rc = exec(s, "BEGIN IMMEDIATE", err);
    if (rc != MR_OK)
        return rc;
    if (sqlite3_prepare_v2(s->db, "PRAGMA user_version", -1, &q, NULL) != SQLITE_OK ||
        sqlite3_step(q) != SQLITE_ROW)
        rc = fail(s, "read its version", err);
    else
        version = sqlite3_column_int(q, 0);
    sqlite3_finalize(q);
    if (rc == MR_OK && version > N_MIGRATIONS) {
        mr_fail(err, MR_ID_STATE02, "%s/state.db has layout %d, this program knows %d", s->dir,
                version, N_MIGRATIONS);
        rc = mr_error_advise(err, "use the newer millrace that made it");
    }
    for (int v = version; rc == MR_OK && v < N_MIGRATIONS; v++) {
        char *bump = mr_asprintf("PRAGMA user_version = %d", v + 1);
        rc = exec(s, g_migrations[v], err);
        if (rc == MR_OK)
            rc = exec(s, bump, err);
        mr_free(bump);
    }
    if (rc == MR_OK)
        return exec(s, "COMMIT", err);
    sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}

enum mr_code mr_state_open(const char *dir, struct mr_state **ret, struct mr_error *err)
{
    struct mr_state *s = mr_zalloc(1, sizeof *s);
    s->dir = mr_strdup(dir);
    char *path = mr_asprintf("%s/state.db", dir);
    enum mr_code rc = mr_io_mkdirs(dir, true, err);
    if (rc == MR_OK && sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                                       NULL) != SQLITE_OK)
        rc = fail(s, "open it", err);
    if (rc == MR_OK) {
        sqlite3_busy_timeout(s->db, 10000);
        /* A crash of the machine may lose the last lines of history, never a table: positions are in the tables. */
        rc = exec(s, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL", err);
    }
    if (rc == MR_OK)
        rc = migrate(s, err);
    mr_free(path);
    if (rc != MR_OK)
        mr_state_close(s);
    else
        *ret = s;
    return rc;
}

enum mr_code mr_state_find(const char *dir, struct mr_state **ret, struct mr_error *err)
{
    char *db = mr_asprintf("%s/state.db", dir);
    bool there = access(db, F_OK) == 0;
    mr_free(db);
    *ret = NULL;
    return there ? mr_state_open(dir, ret, err) : MR_OK;
}

void mr_state_close(struct mr_state *s)
{
    if (!s)
        return;
    sqlite3_close(s->db);
    mr_free(s->dir);
    mr_free(s);
}

/* ---- lock ---- */

static enum mr_code held(const char *path, const char *pipeline_id, struct mr_error *err)
{
    struct mr_buf who = { 0 };
    if (mr_io_read_file(path, 4096, &who, NULL) != MR_OK)
        mr_buf_puts(&who, "somebody");
    for (char *nl = who.data; nl && (nl = strchr(nl, '\n')) != NULL;)
        *nl = ' ';
    mr_fail(err, MR_ID_STATE03, "pipeline %s is running already: %s", pipeline_id,
            mr_buf_str(&who));
    mr_buf_release(&who);
    return mr_error_advise(err, "wait for it to end, or stop that process");
}

static void write_holder(int fd)
{
    char text[256], host[100] = "", since[MR_TIME_TEXT];
    gethostname(host, sizeof host - 1);
    int n = snprintf(text, sizeof text, "process %ld on %s since %s\n", (long)getpid(), host,
                     mr_time_log(mr_now_us(), since));
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n)
        return; /* only the message of a loser is poorer */
}

enum mr_code mr_state_lock(struct mr_state *s, const char *pipeline_id, struct mr_state_lock **ret,
                           struct mr_error *err)
{
    char *dir = mr_asprintf("%s/locks", s->dir);
    char *path = mr_asprintf("%s/%s", dir, pipeline_id);
    int fd = -1;
    enum mr_code rc = mr_io_mkdirs(dir, true, err);
    if (rc == MR_OK && (fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666)) < 0)
        rc = mr_fail_errno(err, MR_ID_BASE02, errno, "cannot open the lock %s", path);
    if (rc == MR_OK && flock(fd, LOCK_EX | LOCK_NB) != 0)
        rc = errno == EWOULDBLOCK ? held(path, pipeline_id, err)
                                  : mr_fail_errno(err, MR_ID_BASE02, errno, "cannot lock %s", path);
    if (rc == MR_OK) {
        write_holder(fd);
        *ret = mr_alloc(sizeof **ret);
        (*ret)->fd = fd;
    } else if (fd >= 0) {
        close(fd);
    }
    mr_free(path);
    mr_free(dir);
    return rc;
}

static enum mr_code check_folder(const char *dir, struct mr_error *err)
{
    char *at = mr_strdup(dir), *slash;
    while (access(at, F_OK) != 0 && (slash = strrchr(at, '/')) != NULL && slash > at)
        *slash = '\0';
    bool can = access(at, W_OK | X_OK) == 0;
    if (!can) {
        mr_fail_errno(err, MR_ID_STATE01, errno, "run history in %s cannot be written: %s", dir,
                      at);
        mr_error_advise(err, "give this user the right to write in %.400s", at);
    }
    mr_free(at);
    return can ? MR_OK : MR_E_IO;
}

/* A shared lock for a moment: two that check do not see each other. */
static enum mr_code check_lock(const char *dir, const char *pipeline_id, struct mr_error *err)
{
    char *path = mr_asprintf("%s/locks/%s", dir, pipeline_id);
    enum mr_code rc = MR_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        rc = held(path, pipeline_id, err);
    if (fd >= 0)
        close(fd);
    mr_free(path);
    return rc;
}

enum mr_code mr_state_check(const char *dir, const char *pipeline_id, struct mr_error *err)
{
    struct mr_state *s = NULL;
    enum mr_code rc = check_folder(dir, err);
    if (rc == MR_OK)
        rc = mr_state_find(dir, &s, err);
    mr_state_close(s);
    return rc == MR_OK ? check_lock(dir, pipeline_id, err) : rc;
}

void mr_state_unlock(struct mr_state_lock *l)
{
    if (!l)
        return;
    close(l->fd); /* which releases the lock */
    mr_free(l);
}

/* ---- runs ---- */

/* Run one statement with text and integer parameters ("tti": two texts, one integer) and no result. */
static enum mr_code change(struct mr_state *s, struct mr_error *err, const char *sql,
                           const char *kinds, ...)
{
    sqlite3_stmt *q = NULL;
    va_list ap;
    if (sqlite3_prepare_v2(s->db, sql, -1, &q, NULL) != SQLITE_OK)
        return fail(s, "change the run history", err);
    va_start(ap, kinds);
    for (int i = 0; kinds[i]; i++) {
        if (kinds[i] == 't')
            sqlite3_bind_text(q, i + 1, va_arg(ap, const char *), -1, SQLITE_STATIC);
        else
            sqlite3_bind_int64(q, i + 1, va_arg(ap, int64_t));
    }
    va_end(ap);
    enum mr_code rc =
        sqlite3_step(q) == SQLITE_DONE ? MR_OK : fail(s, "change the run history", err);
    sqlite3_finalize(q);
    return rc;
}

static void copy_text(char *to, size_t size, sqlite3_stmt *q, int column)
{
    const char *t = (const char *)sqlite3_column_text(q, column);
    snprintf(to, size, "%s", t ? t : "");
}

static void read_run(sqlite3_stmt *q, struct mr_state_run *r)
{
    *r = (struct mr_state_run){ 0 };
    copy_text(r->run_id, sizeof r->run_id, q, 0);
    copy_text(r->pipeline, sizeof r->pipeline, q, 1);
    copy_text(r->pipeline_id, sizeof r->pipeline_id, q, 2);
    copy_text(r->config_hash, sizeof r->config_hash, q, 3);
    r->started_us = sqlite3_column_int64(q, 4);
    r->ended_us = sqlite3_column_int64(q, 5);
    copy_text(r->status, sizeof r->status, q, 6);
    r->rows = sqlite3_column_int64(q, 7);
}

#define RUN_COLUMNS "run_id, pipeline, pipeline_id, config_hash, started_us, ended_us, status, rows"

enum mr_code mr_state_unfinished(struct mr_state *s, const char *pipeline_id,
                                 struct mr_state_run *ret, struct mr_error *err)
{
    sqlite3_stmt *q = NULL;
    *ret = (struct mr_state_run){ 0 };
    if (sqlite3_prepare_v2(s->db,
                           "SELECT " RUN_COLUMNS " FROM runs WHERE pipeline_id = ?1 AND status = "
                           "'running' ORDER BY started_us DESC LIMIT 1",
                           -1, &q, NULL) != SQLITE_OK)
        return fail(s, "read the run history", err);
    sqlite3_bind_text(q, 1, pipeline_id, -1, SQLITE_STATIC);
    int step = sqlite3_step(q);
    if (step == SQLITE_ROW)
        read_run(q, ret);
    enum mr_code rc =
        step == SQLITE_ROW || step == SQLITE_DONE ? MR_OK : fail(s, "read the run history", err);
    sqlite3_finalize(q);
    return rc;
}

enum mr_code mr_state_run_begin(struct mr_state *s, const struct mr_state_run *r,
                                struct mr_error *err)
{
    return change(s, err,
                  "INSERT INTO runs VALUES (?1, ?2, ?3, ?4, ?5, 0, 'running', 0)"
                  " ON CONFLICT (run_id) DO UPDATE SET status = 'running', ended_us = 0",
                  "tttti", r->run_id, r->pipeline, r->pipeline_id, r->config_hash, r->started_us);
}

enum mr_code mr_state_stream_done(struct mr_state *s, const char *run_id, const char *stream,
                                  int64_t version, const char *view_id, struct mr_error *err)
{
    return change(s, err, "INSERT OR REPLACE INTO streams VALUES (?1, ?2, ?3, ?4)", "ttit", run_id,
                  stream, version, view_id);
}

enum mr_code mr_state_stream_is_done(struct mr_state *s, const char *run_id, const char *stream,
                                     int64_t *ret_version, char *ret_view_id, struct mr_error *err)
{
    sqlite3_stmt *q = NULL;
    *ret_version = -1;
    if (sqlite3_prepare_v2(s->db,
                           "SELECT version, view_id FROM streams WHERE run_id = ?1 AND stream = ?2",
                           -1, &q, NULL) != SQLITE_OK)
        return fail(s, "read the run history", err);
    sqlite3_bind_text(q, 1, run_id, -1, SQLITE_STATIC);
    sqlite3_bind_text(q, 2, stream, -1, SQLITE_STATIC);
    if (sqlite3_step(q) == SQLITE_ROW) {
        *ret_version = sqlite3_column_int64(q, 0);
        copy_text(ret_view_id, 80, q, 1);
    }
    sqlite3_finalize(q);
    return MR_OK;
}

enum mr_code mr_state_run_end(struct mr_state *s, const char *run_id, const char *status,
                              int64_t rows, struct mr_error *err)
{
    return change(s, err, "UPDATE runs SET status = ?2, rows = ?3, ended_us = ?4 WHERE run_id = ?1",
                  "ttii", run_id, status, rows, mr_now_us());
}

enum mr_code mr_state_run_discard(struct mr_state *s, const char *run_id, struct mr_error *err)
{
    return change(s, err, "UPDATE runs SET status = 'discarded', ended_us = ?2 WHERE run_id = ?1",
                  "ti", run_id, mr_now_us());
}

enum mr_code mr_state_runs(struct mr_state *s, const char *pipeline_id, int limit,
                           struct mr_state_run_list *ret, struct mr_error *err)
{
    sqlite3_stmt *q = NULL;
    struct mr_state_run_list out = { 0 };
    if (sqlite3_prepare_v2(s->db,
                           "SELECT " RUN_COLUMNS " FROM runs WHERE ?1 IS NULL OR pipeline_id = ?1 "
                           "ORDER BY started_us DESC LIMIT ?2",
                           -1, &q, NULL) != SQLITE_OK)
        return fail(s, "read the run history", err);
    sqlite3_bind_text(q, 1, pipeline_id, -1, SQLITE_STATIC);
    sqlite3_bind_int(q, 2, limit > 0 ? limit : -1);
    while (sqlite3_step(q) == SQLITE_ROW) {
        out.items = mr_realloc(out.items, sizeof *out.items * (size_t)(out.n + 1));
        read_run(q, &out.items[out.n++]);
    }
    sqlite3_finalize(q);
    *ret = out;
    return MR_OK;
}

/* ---- tables of sources ---- */

static char *text_of(sqlite3_stmt *q, int column)
{
    const char *t = (const char *)sqlite3_column_text(q, column);
    return mr_strdup(t ? t : "");
}

enum mr_code mr_state_sources(struct mr_state *s, const char *pipeline_id,
                              struct mr_state_source_list *ret, struct mr_error *err)
{
    sqlite3_stmt *q = NULL;
    struct mr_state_source_list out = { 0 };
    if (sqlite3_prepare_v2(s->db,
                           "SELECT stream, identity, landed FROM sources WHERE pipeline_id = ?1 "
                           "ORDER BY stream",
                           -1, &q, NULL) != SQLITE_OK)
        return fail(s, "read the run history", err);
    sqlite3_bind_text(q, 1, pipeline_id, -1, SQLITE_STATIC);
    while (sqlite3_step(q) == SQLITE_ROW) {
        out.items = mr_realloc(out.items, sizeof *out.items * (size_t)(out.n + 1));
        out.items[out.n++] =
            (struct mr_state_source){ text_of(q, 0), text_of(q, 1), text_of(q, 2) };
    }
    sqlite3_finalize(q);
    *ret = out;
    return MR_OK;
}

void mr_state_source_list_free(struct mr_state_source_list *l)
{
    for (int i = 0; i < l->n; i++) {
        mr_free(l->items[i].stream);
        mr_free(l->items[i].identity);
        mr_free(l->items[i].table);
    }
    mr_free(l->items);
    *l = (struct mr_state_source_list){ 0 };
}

enum mr_code mr_state_source_read(struct mr_state *s, const char *pipeline_id,
                                  const struct mr_state_source *t, struct mr_error *err)
{
    return change(s, err, "INSERT OR REPLACE INTO sources VALUES (?1, ?2, ?3, ?4)", "tttt",
                  pipeline_id, t->stream, t->identity, t->table);
}

enum mr_code mr_state_source_forget(struct mr_state *s, const char *pipeline_id, const char *stream,
                                    struct mr_error *err)
{
    return change(s, err, "DELETE FROM sources WHERE pipeline_id = ?1 AND stream = ?2", "tt",
                  pipeline_id, stream);
}
