/*
 * What        connections: taken, begun, moved from one snapshot to the next, given back
 * Guarantees  a snapshot's transaction ends as soon as nobody needs it, so that it does not hold up the server's vacuum;
 *             workers + 1 connections at most while one snapshot follows another, `workers` else
 * Why         the first worker of a group reads on the connection that keeps its snapshot
 * Source      PostgreSQL "SET TRANSACTION", "Snapshot Synchronization Functions"
 */
#include "consumer/postgres/pg_session.h"

#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/queue.h"
#include "base/timeutil.h"
#include "consumer/postgres/pg_types.h"

/* ---- connections ---- */

enum mr_code mr_pg_take(struct mr_consumer *c, struct mr_pg **ret, struct mr_error *err)
{
    struct mr_pg *pg = NULL;
    pthread_mutex_lock(&c->mutex);
    if (c->n_idle)
        pg = c->idle[--c->n_idle];
    pthread_mutex_unlock(&c->mutex);
    if (!pg)
        return mr_pg_connect(&c->params, ret, err);
    *ret = pg;
    return MR_OK;
}

bool mr_pg_give(struct mr_consumer *c, struct mr_pg *pg)
{
    if (!pg)
        return true;
    bool good = mr_pg_idle(pg) || mr_pg_query(pg, "ROLLBACK", NULL, NULL) == MR_OK;
    pthread_mutex_lock(&c->mutex);
    bool keep = good && (size_t)c->n_idle < sizeof c->idle / sizeof *c->idle;
    if (keep)
        c->idle[c->n_idle++] = pg;
    pthread_mutex_unlock(&c->mutex);
    if (!keep)
        mr_pg_close(pg);
    return good;
}

/* A server that was restarted gives the names of its snapshots again: of that name there may be somebody else's. */
static enum mr_code same_snapshot(const struct pg_group *g, const struct mr_pg_result *r,
                                  struct mr_error *err)
{
    if (strcmp(mr_pg_cell(r, 0, 0), g->sees) == 0)
        return MR_OK;
    return mr_fail(err, MR_ID_PG10, "the snapshot %s is gone, and another has its name",
                   g->snapshot);
}

enum mr_code mr_pg_begin(struct mr_consumer *c, struct mr_pg *pg, const struct pg_group *g,
                         struct mr_error *err)
{
    struct mr_buf b = { 0 };
    struct mr_pg_result *r = NULL;
    if (!mr_pg_idle(pg)) /* a failed one too */
        mr_buf_puts(&b, "ROLLBACK; ");
    mr_buf_puts(&b, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    if (g)
        mr_buf_printf(&b, "; SET TRANSACTION SNAPSHOT '%s'", g->snapshot);
    mr_buf_puts(&b, "; SET LOCAL search_path = ''; SET LOCAL statement_timeout = 0"
                    "; SET LOCAL idle_in_transaction_session_timeout = 0; " MR_PG_TEXT_SETTINGS(
                        "SET LOCAL "));
    mr_buf_puts(&b, c->validate_text ? "; " MR_PG_ASCII_SETTINGS("SET LOCAL ") : "");
    if (!mr_fault_off(MR_FP_PG_POLICY_RULE))
        mr_buf_puts(&b, "; SET LOCAL row_security = off");
    if (mr_pg_server_version(pg) >= 170000)
        mr_buf_puts(&b, "; SET LOCAL transaction_timeout = 0");
    mr_buf_printf(&b, "; SET LOCAL lock_timeout = %lld", (long long)(c->lock_timeout_us / 1000));
    mr_buf_puts(&b, g ? "; SELECT pg_catalog.pg_current_snapshot()" : "");
    enum mr_code rc = mr_pg_query(pg, mr_buf_str(&b), &r, err);
    if (rc == MR_OK && g)
        rc = same_snapshot(g, r, err);
    mr_pg_result_free(r);
    mr_buf_release(&b);
    return rc;
}

enum mr_code mr_pg_guarded(struct mr_pg *pg, const char *sql, struct mr_error *err)
{
    char *all = mr_asprintf("SAVEPOINT millrace; %s; RELEASE SAVEPOINT millrace", sql);
    enum mr_code rc = mr_pg_query(pg, all, NULL, err);
    mr_free(all);
    if (rc == MR_E_SOURCE &&
        mr_pg_query(pg, "ROLLBACK TO SAVEPOINT millrace; RELEASE SAVEPOINT millrace", NULL, NULL) !=
            MR_OK)
        return mr_fail(err, MR_ID_PG01, "connection lost after a failed statement");
    return rc;
}

/* ---- groups ---- */

void mr_pg_group_free(struct pg_group *g)
{
    if (!g)
        return;
    mr_free(g->sees);
    mr_free(g);
}

/* Locks: c->mutex held. */
static void unlink_group(struct mr_consumer *c, struct pg_group *g)
{
    struct pg_group **at = &c->groups;
    while (*at && *at != g)
        at = &(*at)->next;
    if (*at)
        *at = g->next;
}

void mr_pg_pin(struct mr_consumer *c, struct pg_group *g)
{
    pthread_mutex_lock(&c->mutex);
    g->users++;
    pthread_mutex_unlock(&c->mutex);
}

void mr_pg_drop(struct mr_consumer *c, struct pg_group *g)
{
    pthread_mutex_lock(&c->mutex);
    bool over = --g->users == 0;
    if (over)
        unlink_group(c, g);
    pthread_mutex_unlock(&c->mutex);
    if (!over)
        return;
    bool held = mr_pg_in_transaction(g->pg);
    held &= mr_pg_give(c, g->pg);
    pthread_mutex_lock(&c->mutex);
    c->lost |= !held;
    pthread_mutex_unlock(&c->mutex);
    mr_pg_group_free(g);
}

/* ---- workers ---- */

void mr_pg_leave(struct mr_consumer_worker *w)
{
    struct pg_group *g = w->group;
    if (!g)
        return;
    w->group = NULL;
    w->savepoint = false;
    if (w->riding)
        w->pg = NULL;
    pthread_mutex_lock(&w->c->mutex);
    g->ridden &= !w->riding;
    pthread_mutex_unlock(&w->c->mutex);
    w->riding = false;
    mr_pg_drop(w->c, g);
}

/* On the group's own connection, when nobody else is. */
static bool ride(struct mr_consumer_worker *w, struct pg_group *g)
{
    pthread_mutex_lock(&w->c->mutex);
    bool free_seat = !g->ridden && mr_pg_in_transaction(g->pg);
    g->ridden |= free_seat;
    pthread_mutex_unlock(&w->c->mutex);
    if (!free_seat)
        return false;
    (void)!mr_pg_give(w->c, w->pg);
    w->pg = g->pg;
    w->riding = true;
    return true;
}

enum mr_code mr_pg_join(struct mr_consumer_worker *w, struct pg_group *g, struct mr_error *err)
{
    if (w->group == g)
        return MR_OK;
    mr_pg_leave(w);
    mr_pg_pin(w->c, g);
    w->group = g;
    if (ride(w, g))
        return MR_OK;
    enum mr_code rc = w->pg ? MR_OK : mr_pg_take(w->c, &w->pg, err);
    bool share = !mr_fault_off(MR_FP_PG_SNAPSHOT_RULE);
    if (rc == MR_OK)
        rc = mr_pg_begin(w->c, w->pg, share ? g : NULL, err);
    if (rc != MR_OK)
        mr_pg_leave(w);
    return rc;
}

void mr_pg_worker_close(struct mr_consumer_worker *w)
{
    if (!w)
        return;
    mr_pg_leave(w);
    mr_pg_close(w->pg);
    mr_free(w);
}

/* It joins the run's snapshot, so that a connection that cannot be had shows before there is work for it. With a snapshot
 * per table it does not: that of one table may be gone, and the others are not to fail with it. */
enum mr_code mr_pg_worker_open(struct mr_consumer *c, int index, struct mr_consumer_worker **ret,
                               struct mr_error *err)
{
    struct mr_consumer_worker *w = mr_zalloc(1, sizeof *w);
    w->c = c;
    pthread_mutex_lock(&c->mutex);
    struct pg_group *g = c->per_table ? NULL : c->groups;
    if (g)
        g->users++; /* so that it does not end meanwhile */
    bool dead = g && index == 0 && !g->ridden && !mr_pg_in_transaction(g->pg);
    pthread_mutex_unlock(&c->mutex);
    enum mr_code rc =
        dead ? mr_fail(err, MR_ID_PG10, "the connection that held the snapshot is gone")
        : g  ? mr_pg_join(w, g, err)
             : mr_pg_take(c, &w->pg, err);
    if (g)
        mr_pg_drop(c, g);
    if (rc != MR_OK)
        mr_pg_worker_close(w);
    else
        *ret = w;
    return rc;
}

/* ---- pace ---- */

int mr_pg_pace_rows(const struct pg_pace *p, int most)
{
    int64_t quarter = p->rows_per_second / 4 + 1;
    return p->rows_per_second && quarter < most ? (int)quarter : most;
}

void mr_pg_pace(struct pg_pace *p, int64_t rows)
{
    if (!p->rows_per_second)
        return;
    pthread_mutex_lock(&p->mutex);
    int64_t now = mr_mono_us();
    int64_t from = p->next_us > now ? p->next_us : now; /* what was not used is not saved up */
    p->next_us = from + rows * 1000000 / p->rows_per_second;
    int64_t until = p->next_us;
    pthread_mutex_unlock(&p->mutex);
    while ((now = mr_mono_us()) < until && !mr_cancelled()) {
        int64_t us = until - now < 100000 ? until - now : 100000;
        nanosleep(&(struct timespec){ us / 1000000, us % 1000000 * 1000 }, NULL);
    }
}
