/*
 * What        snapshots: lock, then export, then look again; one for the run, a newer one when it is too old, or one per table
 * Guarantees  all streams of a group as of one instant; a TRUNCATE, ALTER or REFRESH cannot give an empty or odd table: what
 *             can be locked is locked before the snapshot is taken, the rest is checked when it is read
 * Why         LOCK TABLE does not take the snapshot, the next statement does: so nothing fits between the two
 * Source      PostgreSQL "Explicit Locking", "Snapshot Synchronization Functions"
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/timeutil.h"
#include "consumer/postgres/pg_session.h"

#define LOCK_BATCH 64

/* ---- discover ---- */

static int by_id(const void *a, const void *b)
{
    return strcmp((*(struct mr_stream *const *)a)->id, (*(struct mr_stream *const *)b)->id);
}

static bool named(struct mr_stream **streams, int n, const char *id)
{
    for (int i = 0; i < n; i++)
        if (strcmp(streams[i]->id, id) == 0)
            return true;
    return false;
}

/* oids, only: of these alone; NULL: all. */
static enum mr_code discover(struct mr_consumer *c, struct mr_pg *pg, const char *oids,
                             struct mr_stream **only, int n_only, struct mr_stream_list *ret,
                             struct mr_error *err)
{
    struct mr_stream_list l = { 0 };
    enum mr_code rc = mr_pg_load_tables(pg, c->database, oids, &l, err);
    for (int i = 0; rc == MR_OK && i < c->n_queries; i++) {
        struct mr_stream *s = NULL;
        if (only && !named(only, n_only, c->queries[i].name))
            continue;
        rc = mr_pg_load_query(pg, c->database, &c->queries[i], &s, err);
        if (rc != MR_OK)
            break;
        l.items = mr_realloc(l.items, sizeof *l.items * (size_t)(l.n + 1));
        l.items[l.n++] = s;
    }
    if (rc != MR_OK) {
        mr_stream_list_free(&l, mr_pg_table_free);
        return rc;
    }
    if (l.n)
        qsort(l.items, (size_t)l.n, sizeof *l.items, by_id);
    *ret = l;
    return MR_OK;
}

enum mr_code mr_pg_discover(struct mr_consumer *c, struct mr_pg *pg, struct mr_stream_list *ret,
                            struct mr_error *err)
{
    struct mr_stream_list l = { 0 };
    enum mr_code rc = discover(c, pg, NULL, NULL, 0, &l, err);
    if (rc == MR_OK)
        rc = mr_pg_load_keys(pg, &l, err);
    if (rc == MR_OK)
        *ret = l;
    else
        mr_stream_list_free(&l, mr_pg_table_free);
    return rc;
}

/* ---- lock ---- */

static enum mr_code lock_tables(struct mr_pg *pg, struct mr_stream **streams, int n,
                                struct mr_error *err)
{
    struct mr_buf b = { 0 };
    for (int i = 0; i < n; i++) {
        const struct pg_table *t = streams[i]->source;
        if (!t->lockable || streams[i]->error.code != MR_OK)
            continue; /* checked by its file instead */
        mr_buf_printf(&b, "%s%s%s", b.len ? ", " : "LOCK TABLE ", t->relkind == 'r' ? "ONLY " : "",
                      t->locks ? t->locks : t->sql_name);
    }
    enum mr_code rc = MR_OK;
    if (b.len) {
        mr_buf_puts(&b, " IN ACCESS SHARE MODE");
        rc = mr_pg_guarded(pg, mr_buf_str(&b), err);
    }
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

/* LOCK TABLE takes no foreign table, and passes over those below a view. Naming one in a statement locks it as well, and a
 * condition that is false asks its server nothing. What cannot even be planned is the reader's to tell. */
static enum mr_code lock_foreign(struct mr_pg *pg, struct mr_stream **streams, int n,
                                 struct mr_error *err)
{
    for (int i = 0; i < n; i++) {
        const struct pg_table *t = streams[i]->source;
        if (!t->foreign || !strchr("fv", t->relkind) || streams[i]->error.code != MR_OK)
            continue;
        char *sql = mr_asprintf("SELECT FROM %s WHERE false", t->sql_name);
        enum mr_code rc = mr_pg_guarded(pg, sql, err);
        mr_free(sql);
        if (rc != MR_OK && rc != MR_E_SOURCE)
            return rc;
        if (rc != MR_OK && strcmp(err->origin, "55P03") == 0)
            cannot_lock(streams[i], err);
    }
    return MR_OK;
}

/* Many at once; one by one only when a batch fails. */
static enum mr_code lock_all(struct mr_pg *pg, struct mr_stream **streams, int n,
                             struct mr_error *err)
{
    for (int i = 0; i < n; i += LOCK_BATCH) {
        int count = n - i < LOCK_BATCH ? n - i : LOCK_BATCH;
        enum mr_code rc = lock_tables(pg, streams + i, count, err);
        for (int k = i; rc == MR_E_SOURCE && k < i + count; k++) {
            enum mr_code one = lock_tables(pg, streams + k, 1, err);
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

/* ---- export, and look again ---- */

static enum mr_code export_snapshot(struct pg_group *g, struct mr_error *err)
{
    struct mr_pg_result *r = NULL;
    enum mr_code rc = mr_pg_query(
        g->pg, "SELECT pg_catalog.pg_export_snapshot(), pg_catalog.pg_current_snapshot()", &r, err);
    if (rc != MR_OK)
        return rc;
    g->began_us = mr_mono_us();
    snprintf(g->snapshot, sizeof g->snapshot, "%s", mr_pg_cell(r, 0, 0));
    g->sees = mr_strdup(mr_pg_cell(r, 0, 1));
    mr_pg_result_free(r);
    return MR_OK;
}

static char *oid_list(struct mr_stream **streams, int n)
{
    struct mr_buf b = { 0 };
    for (int i = 0; i < n; i++)
        mr_buf_printf(&b, "%s%u", i ? "," : "", ((const struct pg_table *)streams[i]->source)->oid);
    return mr_buf_take(&b);
}

/* Something that was altered, renamed or dropped between discover and the lock. */
static enum mr_code compare_catalog(struct mr_consumer *c, struct mr_pg *pg,
                                    struct mr_stream **streams, int n, struct mr_error *err)
{
    struct mr_stream_list now = { 0 };
    char *oids = oid_list(streams, n);
    enum mr_code rc = discover(c, pg, oids, streams, n, &now, err);
    mr_free(oids);
    if (rc != MR_OK)
        return rc;
    for (int i = 0; i < n; i++) {
        struct mr_stream **found =
            now.n ? bsearch(&streams[i], now.items, (size_t)now.n, sizeof *now.items, by_id) : NULL;
        const struct pg_table *then = streams[i]->source, *is = found ? (*found)->source : NULL;
        if (streams[i]->error.code != MR_OK)
            continue;
        if (is && is->oid == then->oid && (*found)->error.code == MR_OK &&
            strcmp(is->signature, then->signature) == 0)
            continue;
        mr_fail(&streams[i]->error, MR_ID_PG09, "%s was %s while the run began", streams[i]->id,
                is ? "altered" : "dropped");
        mr_error_advise(&streams[i]->error, "run again; nothing of it was read");
    }
    mr_stream_list_free(&now, mr_pg_table_free);
    return MR_OK;
}

/* ---- groups ---- */

static void enter(struct mr_consumer *c, struct pg_group *g, struct mr_stream **streams, int n)
{
    pthread_mutex_lock(&c->mutex);
    for (int i = 0; i < n; i++) {
        struct pg_table *t = streams[i]->source;
        if (streams[i]->error.code != MR_OK)
            continue;
        if (t->group)
            t->group->users--; /* never the last: the caller pins it */
        t->group = g;
        g->users++;
    }
    g->next = c->groups;
    c->groups = g;
    pthread_mutex_unlock(&c->mutex);
}

/* A new snapshot for these streams, on this connection, which becomes the group's. */
/* Locks: those of t->group of these streams are pinned by the caller. */
static enum mr_code make_group(struct mr_consumer *c, struct mr_pg *pg, struct mr_stream **streams,
                               int n, struct mr_error *err)
{
    struct pg_group *g = mr_zalloc(1, sizeof *g);
    enum mr_code rc = MR_OK;
    g->pg = pg;
    MR_TRY(mr_pg_begin(c, pg, NULL, err));
    MR_TRY(lock_all(pg, streams, n, err));
    MR_TRY(export_snapshot(g, err));
    MR_TRY(compare_catalog(c, pg, streams, n, err));
    MR_TRY(mr_pg_load_heaps(pg, streams, n, true, err));
    if (!mr_fault_off(MR_FP_PG_GUARD_RULE))
        MR_TRY(lock_foreign(pg, streams, n, err));
    enter(c, g, streams, n);
    return MR_OK;
out:
    mr_pg_close(pg);
    mr_pg_group_free(g);
    return rc;
}

/* Sizes for the plans; what is read is fixed table by table. */
static enum mr_code look_only(struct mr_consumer *c, struct mr_pg *pg, struct mr_stream **streams,
                              int n, struct mr_error *err)
{
    enum mr_code rc = mr_pg_begin(c, pg, NULL, err);
    if (rc == MR_OK)
        rc = mr_pg_load_heaps(pg, streams, n, false, err);
    return mr_pg_give(c, pg) || rc != MR_OK ? rc : mr_fail(err, MR_ID_PG01, "connection lost");
}

enum mr_code mr_pg_hold(struct mr_consumer *c, struct mr_stream **streams, int n,
                        struct mr_error *err)
{
    struct mr_pg *pg = NULL;
    enum mr_code rc = mr_pg_take(c, &pg, err);
    if (rc != MR_OK)
        return rc;
    c->held = mr_zalloc((size_t)n + 1, sizeof *c->held);
    c->n_held = n;
    memcpy(c->held, streams, sizeof *streams * (size_t)n);
    return c->per_table ? look_only(c, pg, streams, n, err) : make_group(c, pg, streams, n, err);
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

enum mr_code mr_pg_plan(struct mr_consumer *c, struct mr_stream *s, int target, struct mr_plan *ret,
                        struct mr_error *err)
{
    const struct pg_table *t = s->source;
    uint64_t total = 0;
    (void)c;
    (void)err;
    for (int i = 0; i < t->n_heaps; i++)
        total += t->heaps[i].blocks;
    uint64_t step = total / (uint64_t)(target < 1 ? 1 : target) + 1;
    *ret = (struct mr_plan){ .view.consistency = t->foreign ? "foreign" : "snapshot" };
    snprintf(ret->view.id, sizeof ret->view.id, "pg:%.70s", t->group ? t->group->snapshot : "-");
    for (int i = 0; i < t->n_heaps; i++)
        add_parts(ret, (uint64_t)i, t->heaps[i].blocks, step);
    return MR_OK;
}

/* ---- a stream's turn ---- */

static bool too_old(const struct mr_consumer *c, const struct pg_group *g)
{
    return !g || (c->max_snapshot_age_us && mr_mono_us() - g->began_us > c->max_snapshot_age_us);
}

/* Those whose turn has not come; with snapshot: table this one alone. */
static int waiting(struct mr_consumer *c, struct mr_stream *s, struct mr_stream **ret)
{
    int n = 0;
    for (int i = 0; i < c->n_held; i++) {
        const struct pg_table *t = c->held[i]->source;
        if (c->held[i] == s ||
            (!c->per_table && !t->begun && c->held[i]->error.code == MR_OK && t->group))
            ret[n++] = c->held[i];
    }
    return n;
}

/* The worker's own connection becomes the new group's, unless an older group still needs it. */
static enum mr_code renew(struct mr_consumer_worker *w, struct mr_stream *s, struct mr_error *err)
{
    struct mr_consumer *c = w->c;
    struct pg_group *old = ((struct pg_table *)s->source)->group;
    struct mr_stream **streams = mr_zalloc((size_t)c->n_held + 1, sizeof *streams);
    int n = waiting(c, s, streams);
    if (old)
        mr_pg_pin(c, old);
    mr_pg_leave(w);
    struct mr_pg *pg = w->pg;
    w->pg = NULL;
    enum mr_code rc = pg ? MR_OK : mr_pg_take(c, &pg, err);
    if (rc == MR_OK)
        rc = make_group(c, pg, streams, n, err);
    if (old)
        mr_pg_drop(c, old);
    mr_free(streams);
    return rc;
}

enum mr_code mr_pg_stream_begin(struct mr_consumer_worker *w, struct mr_stream *s, int target,
                                struct mr_plan *plan, struct mr_error *err)
{
    struct pg_table *t = s->source;
    struct mr_plan now = { 0 };
    enum mr_code rc = MR_OK;
    t->begun = true;
    if (s->error.code == MR_OK && too_old(w->c, t->group))
        rc = renew(w, s, err);
    if (rc == MR_OK && s->error.code != MR_OK) {
        *err = s->error; /* found when another stream's turn gave both a new snapshot */
        rc = err->code;
    }
    if (rc != MR_OK || strcmp(plan->view.id + 3, t->group->snapshot) == 0)
        return rc;
    rc = mr_pg_plan(w->c, s, target, &now, err);
    if (rc == MR_OK) {
        mr_free(plan->partitions);
        *plan = now;
    }
    return rc;
}

void mr_pg_stream_end(struct mr_consumer *c, struct mr_stream *s)
{
    struct pg_table *t = s->source;
    pthread_mutex_lock(&c->mutex);
    struct pg_group *g = t->group;
    t->group = NULL;
    pthread_mutex_unlock(&c->mutex);
    if (g)
        mr_pg_drop(c, g);
}
