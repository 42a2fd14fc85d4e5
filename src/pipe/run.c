/*
 * What        one run from its id to its end: begin or continue, hold, plan, read, commit per stream, record
 * Gets        a checked pipeline, the state of its project
 * Guarantees  a stream becomes visible only when all its partitions of one view are staged; partitions of two views
 *             are never mixed; a stream's trouble stays its own; a run that is interrupted can be continued
 * Why         commits happen on the main thread, one after the other: they are short, and one thread is easy to trust
 * Source      docs/guarantees.md
 */
#include "pipe/run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/profile.h"
#include "base/timeutil.h"
#include "column/checksum.h"
#include "pipe/internal.h"

/* ---- which run is this ---- */

/* The configuration and the very folder of the state: a copy of a project is not the project. */
static void run_identity(const struct mr_pipeline *p, char *buf, size_t size)
{
    struct stat st = { 0 };
    if (stat(p->state_dir, &st) != 0)
        st.st_ino = 0; /* mr_state_open made it; without it nothing can be continued anyway */
    snprintf(buf, size, "%.24s@%llx", p->config_hash, (unsigned long long)st.st_ino);
}

static bool same_place(const char *a, const char *b)
{
    const char *x = strchr(a, '@'), *y = strchr(b, '@');
    return x && y && strcmp(x, y) == 0;
}

/* Decide between going on with an unfinished run and a new one; fills the report's run_id and discard fields. */
static enum mr_code choose_run(const struct mr_pipeline *p, struct mr_state *state, bool fresh,
                               struct mr_report *r, bool *ret_sweep, struct mr_error *err)
{
    struct mr_state_run old, now = { 0 };
    enum mr_code rc = mr_state_unfinished(state, p->id, &old, err);
    if (rc != MR_OK)
        return rc;
    run_identity(p, now.config_hash, sizeof now.config_hash);
    *ret_sweep = false;
    if (old.run_id[0]) {
        bool here = same_place(old.config_hash, now.config_hash);
        r->discard_reason =
            fresh   ? "--fresh was given"
            : !here ? "it was begun in another copy of this project"
            : strcmp(old.config_hash, now.config_hash) != 0 ? "the configuration has changed since"
            : mr_now_us() - old.started_us > p->resume_window_us ? "it is older than resume_window"
                                                                 : NULL;
        r->continued = !r->discard_reason;
        if (r->discard_reason) {
            snprintf(r->discarded_run, sizeof r->discarded_run, "%s", old.run_id);
            rc = mr_state_run_discard(state, old.run_id, err);
            *ret_sweep = here;
        }
    }
    if (rc != MR_OK)
        return rc;
    if (r->continued)
        snprintf(r->run_id, sizeof r->run_id, "%s", old.run_id);
    else
        mr_ulid(r->run_id);
    snprintf(now.run_id, sizeof now.run_id, "%s", r->run_id);
    snprintf(now.pipeline, sizeof now.pipeline, "%s", p->name);
    snprintf(now.pipeline_id, sizeof now.pipeline_id, "%s", p->id);
    snprintf(now.status, sizeof now.status, "running");
    now.started_us = r->continued ? old.started_us : mr_now_us();
    return mr_state_run_begin(state, &now, err);
}

/* ---- before reading ---- */

static void end_stream(struct mr_engine *e, struct mr_job *j)
{
    if (e->p->consumer->stream_end)
        e->p->consumer->stream_end(e->consumer, j->stream);
}

static void settle_failed(struct mr_engine *e, struct mr_job *j, const struct mr_error *err)
{
    end_stream(e, j);
    mr_job_fail(e, j, err);
    j->settled = true;
    j->rep->status = MR_RUN_FAILED;
    j->rep->error = j->error;
    j->rep->ended_us = mr_mono_us();
    mr_log_error(MR_LOG_ERROR, j->stream->id, &j->error);
}

static void settle_done(struct mr_job *j, enum mr_run_status status, int64_t version)
{
    j->settled = true;
    j->rep->status = status;
    j->rep->delta_version = version;
    j->rep->ended_us = mr_mono_us();
}

/* A stream that this run committed before it was interrupted stays as it is. */
static enum mr_code skip_if_done(struct mr_engine *e, struct mr_job *j, struct mr_error *err)
{
    int64_t version = -1;
    char view[80] = "";
    if (!e->report->continued)
        return MR_OK;
    enum mr_code rc =
        mr_state_stream_is_done(e->state, e->report->run_id, j->stream->id, &version, view, err);
    if (rc != MR_OK)
        return rc;
    bool in_table = j->recall.done_version >= 0;
    if (version < 0 && in_table) {
        version = j->recall.done_version;
        snprintf(view, sizeof view, "%s", j->recall.view_id);
    }
    if (version < 0)
        return MR_OK;
    settle_done(j, MR_RUN_DONE, version);
    j->rep->committed_before = true;
    snprintf(j->rep->view_id, sizeof j->rep->view_id, "%s", view);
    mr_log(MR_LOG_INFO, j->stream->id, "committed before the interruption", "version=%lld",
           (long long)version);
    j->rep->bad_before = in_table ? j->recall.bad_cells : 0;
    if (j->rep->bad_before)
        mr_report_warn(
            e->report,
            "%s was committed before the interruption, with %lld values that did not fit",
            j->stream->id, (long long)j->rep->bad_before);
    return e->p->loader->sweep(j->target, e->report->run_id, err); /* its manifests may be left */
}

static enum mr_code open_target(struct mr_engine *e, struct mr_job *j, bool sweep_old,
                                struct mr_error *err)
{
    const struct mr_loader_type *t = e->p->loader;
    enum mr_code rc = mr_target_open(e, j, err);
    if (rc == MR_OK && sweep_old)
        rc = t->sweep(j->target, e->report->discarded_run, err);
    if (rc == MR_OK && e->state)
        rc = skip_if_done(e, j, err);
    return rc == MR_OK && !j->settled ? mr_drift(e, j, err) : rc;
}

static void open_targets(struct mr_engine *e, bool sweep_old)
{
    for (int i = 0; i < e->n_jobs; i++) {
        struct mr_job *j = &e->jobs[i];
        struct mr_error err = { 0 };
        if (!j->settled && open_target(e, j, sweep_old, &err) != MR_OK)
            settle_failed(e, j, &err);
    }
}

static enum mr_code hold(struct mr_engine *e, struct mr_error *err)
{
    struct mr_stream **streams = mr_zalloc((size_t)e->n_jobs, sizeof *streams);
    int n = 0;
    for (int i = 0; i < e->n_jobs; i++)
        if (!e->jobs[i].settled)
            streams[n++] = e->jobs[i].stream;
    enum mr_code rc = n ? e->p->consumer->hold(e->consumer, streams, n, err) : MR_OK;
    mr_free(streams);
    for (int i = 0; rc == MR_OK && i < e->n_jobs; i++) {
        struct mr_job *j = &e->jobs[i];
        mr_job_notes(e, j);
        if (!j->settled && j->stream->error.code != MR_OK)
            settle_failed(e, j, &j->stream->error);
    }
    return rc;
}

/* Files of about 128 MB: heap bytes shrink to a third or less. */
int mr_partitions_wanted(const struct mr_engine *e, const struct mr_stream *s)
{
    if (e->o->limit || s->est_bytes < 64000000)
        return 1;
    int64_t n = s->est_bytes / 384000000, least = e->workers > 1 ? 2 * (int64_t)e->workers : 1;
    n = n < least ? least : n;
    return n > 4096 ? 4096 : (int)n;
}

/* Staged partitions of an earlier process: used when its view still holds, else removed. */
static enum mr_code adopt_staged(struct mr_engine *e, struct mr_job *j, struct mr_error *err)
{
    bool mix = mr_fault_off(MR_FP_PIPE_VIEW_RULE);
    int used = 0;
    for (int i = 0; i < j->recall.n_staged; i++) {
        struct mr_manifest *m = &j->recall.staged[i];
        if (!mix && (strcmp(m->view_id, j->plan.view.id) != 0 ||
                     !e->p->consumer->view_holds(e->consumer, j->stream, m->view_id)))
            continue;
        if (m->partition >= j->plan.n_partitions || j->manifests[m->partition].json)
            continue;
        j->manifests[m->partition] = *m;
        m->json = NULL;
        j->parts_done++;
        used++;
    }
    j->rep->partitions_done = used;
    if (j->recall.n_staged == 0 && !e->report->continued)
        return MR_OK;
    mr_log(MR_LOG_INFO, j->stream->id,
           used ? "goes on with staged partitions" : "is read from its beginning", "staged=%d",
           used);
    return used ? MR_OK : e->p->loader->sweep(j->target, e->report->run_id, err);
}

void mr_job_plan(struct mr_job *j)
{
    mr_free(j->manifests);
    j->manifests = mr_zalloc((size_t)j->plan.n_partitions, sizeof *j->manifests);
    j->rep->partitions = j->plan.n_partitions;
    j->rep->consistency = j->plan.view.consistency;
    snprintf(j->rep->view_id, sizeof j->rep->view_id, "%s", j->plan.view.id);
}

static enum mr_code plan_job(struct mr_engine *e, struct mr_job *j, struct mr_error *err)
{
    enum mr_code rc = e->p->consumer->plan(e->consumer, j->stream,
                                           mr_partitions_wanted(e, j->stream), &j->plan, err);
    if (rc != MR_OK)
        return rc;
    mr_job_plan(j);
    return adopt_staged(e, j, err);
}

/* ---- commit ---- */

static struct mr_unit unit_of(const struct mr_job *j)
{
    struct mr_unit u = { .manifests = j->manifests,
                         .n_manifests = j->plan.n_partitions,
                         .view_id = j->plan.view.id,
                         .consistency = j->plan.view.consistency,
                         .expected_sequence = j->recall.sequence,
                         .allow_unchanged = j->write == MR_WRITE_OVERWRITE };
    for (int i = 0; i < j->plan.n_partitions; i++) {
        u.rows += j->manifests[i].rows;
        mr_checksum_merge(u.checksum, j->manifests[i].checksum);
    }
    for (int i = 0; i < j->rep->n_bad; i++)
        u.bad_cells += j->rep->bad[i].count;
    return u;
}

/* `_rescued` came into the table with this commit. */
static void note_rescued(struct mr_job *j)
{
    const struct mr_schema *s = &j->recall.schema;
    bool rescued = false;
    for (int i = 0; i < s->n_fields; i++)
        if (strcmp(s->fields[i].name, MR_RESCUED) == 0)
            return;
    for (int i = 0; i < j->rep->n_bad; i++)
        rescued |= j->rep->bad[i].done == MR_BAD_RESCUE;
    if (rescued && j->recall.exists)
        mr_change_add(j->rep, "column_added", MR_RESCUED, NULL, "string");
}

static void after_commit(struct mr_engine *e, struct mr_job *j, const struct mr_unit *u,
                         enum mr_commit_result result, int64_t version)
{
    struct mr_stream_report *r = j->rep;
    mr_checksum_text(u->checksum, r->checksum);
    r->rows_landed = u->rows;
    if (result == MR_COMMIT_UNCHANGED) {
        settle_done(j, MR_RUN_UNCHANGED, version);
        r->position = u->expected_sequence;
        r->files = 0;
        r->bytes_written = 0;
    } else {
        settle_done(j, MR_RUN_DONE, version);
        note_rescued(j);
        r->position = u->expected_sequence + 1;
        r->rows_written = u->rows;
        e->report->rows += u->rows;
    }
    mr_log(MR_LOG_INFO, j->stream->id, mr_run_status_name(r->status), "rows=%lld version=%lld",
           (long long)u->rows, (long long)version);
}

/* A failed stream leaves nothing behind: what its partitions staged is removed. */
static void give_up_job(struct mr_engine *e, struct mr_job *j, const struct mr_error *why)
{
    struct mr_error first = *why, err = { 0 };
    if (e->p->loader->sweep(j->target, e->report->run_id, &err) != MR_OK)
        mr_report_warn(e->report, "%s failed, and its staged files could not be removed: %s",
                       j->stream->id, err.message);
    settle_failed(e, j, &first);
}

static void commit_job(struct mr_engine *e, struct mr_job *j)
{
    struct mr_error err = { 0 };
    enum mr_commit_result result = MR_COMMIT_DONE;
    int64_t version = -1;
    const struct mr_unit u = unit_of(j);
    end_stream(e, j);
    mr_fault_hit(MR_FP_PIPE_COMMIT);
    struct mr_span span;
    struct mr_profile *before = mr_profile_use(j->rep->profile);
    mr_span_begin(&span, MR_STEP_COMMIT);
    enum mr_code rc = e->p->loader->commit(j->target, &u, &result, &version, &err);
    mr_span_end(&span);
    mr_profile_use(before);
    if (rc == MR_OK && result == MR_COMMIT_FENCED) {
        rc = mr_fail(
            &err, MR_ID_LOAD02,
            "%s: fenced: another run of pipeline '%s' (id %s) committed version %lld meanwhile; "
            "this run wrote nothing",
            j->table, e->p->name, e->p->id, (long long)version);
        mr_error_advise(&err, "schedule the pipeline in one place only, or give this copy an id "
                              "of its own");
    }
    if (rc != MR_OK) {
        give_up_job(e, j, &err);
        return;
    }
    mr_fault_hit(MR_FP_PIPE_COMMITTED);
    after_commit(e, j, &u, result, version);
    if (e->state && (mr_state_stream_done(e->state, e->report->run_id, j->stream->id, version,
                                          j->plan.view.id, &err) != MR_OK ||
                     mr_sources_read(e, j, &err) != MR_OK))
        mr_report_warn(e->report, "%s is committed, but the run history could not record it: %s",
                       j->stream->id, err.message);
}

/* ---- the loop of the main thread ---- */

static void show_progress(struct mr_engine *e)
{
    if (!e->o->progress)
        return;
    struct mr_report view = *e->report;
    pthread_mutex_lock(&e->mutex);
    view.streams = mr_alloc(sizeof *view.streams * (size_t)(view.n_streams + 1));
    if (view.n_streams)
        memcpy(view.streams, e->report->streams, sizeof *view.streams * (size_t)view.n_streams);
    pthread_mutex_unlock(&e->mutex);
    view.seconds = (double)(mr_now_us() - view.started_us) / 1e6;
    e->o->progress(e->o->progress_ctx, &view);
    mr_free(view.streams);
}

/* Locks: e->mutex held. */
static struct mr_job *find_settled(struct mr_engine *e, bool *ret_open)
{
    *ret_open = false;
    for (int i = 0; i < e->n_jobs; i++) {
        struct mr_job *j = &e->jobs[i];
        if (j->settled)
            continue;
        *ret_open = true;
        bool over = atomic_load(&j->failed) || j->parts_done == j->plan.n_partitions;
        if (over && j->in_flight == 0)
            return j;
    }
    return NULL;
}

static void wait_a_little(struct mr_engine *e)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += 100000000;
    if (t.tv_nsec >= 1000000000)
        t.tv_sec++, t.tv_nsec -= 1000000000;
    pthread_cond_timedwait(&e->changed, &e->mutex, &t);
}

static void fail_the_rest(struct mr_engine *e)
{
    for (int i = 0; i < e->n_jobs; i++) {
        struct mr_job *j = &e->jobs[i];
        if (j->settled || atomic_load(&j->failed))
            continue;
        if (e->lane_error.code != MR_OK)
            mr_job_fail(e, j, &e->lane_error);
    }
}

static enum mr_code attend(struct mr_engine *e, struct mr_error *err)
{
    for (;;) {
        bool open = false;
        pthread_mutex_lock(&e->mutex);
        struct mr_job *j = find_settled(e, &open);
        bool idle = e->live_lanes == 0 && e->finishing == 0;
        if ((!j || mr_cancelled()) && open && !idle)
            wait_a_little(e);
        pthread_mutex_unlock(&e->mutex);
        show_progress(e);
        if (j && atomic_load(&j->failed))
            give_up_job(e, j, &j->error);
        else if (j && !mr_cancelled())
            commit_job(e, j);
        else if (!open)
            return MR_OK;
        else if (idle && mr_cancelled())
            return mr_fail(err, MR_ID_PIPE03, "interrupted; what is committed stays");
        else if (idle && !j && e->lane_error.code == MR_OK)
            return mr_fail(err, MR_ID_BASE03, "all workers ended before all partitions were read");
        else if (idle && !j)
            fail_the_rest(e);
    }
}

static enum mr_code read_and_commit(struct mr_engine *e, struct mr_error *err)
{
    struct mr_lane *lanes = NULL;
    int n_lanes = 0;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    e->pool = mr_pool_new(e->o->threads ? e->o->threads - 1 : cores > 1 ? (int)cores - 1 : 0);
    enum mr_code rc = mr_lanes_start(e, &lanes, &n_lanes, err);
    if (rc == MR_OK)
        rc = attend(e, err);
    mr_lanes_join(lanes, n_lanes);
    mr_pool_free(e->pool);
    e->pool = NULL;
    return rc;
}

/* ---- the whole ---- */

static bool work_left(const struct mr_engine *e)
{
    for (int i = 0; i < e->n_jobs; i++)
        if (!e->jobs[i].settled)
            return true;
    return false;
}

static void plan_jobs(struct mr_engine *e)
{
    for (int i = 0; i < e->n_jobs; i++) {
        struct mr_job *j = &e->jobs[i];
        struct mr_error err = { 0 };
        if (!j->settled && plan_job(e, j, &err) != MR_OK)
            settle_failed(e, j, &err);
    }
}

/* No connection that would have nothing to read. */
static int workers_needed(const struct mr_engine *e)
{
    int64_t parts = 0;
    for (int i = 0; i < e->n_jobs; i++)
        if (!e->jobs[i].settled)
            parts += e->jobs[i].plan.n_partitions - e->jobs[i].parts_done;
    return parts < e->workers ? (int)(parts < 1 ? 1 : parts) : e->workers;
}

static enum mr_code run_streams(struct mr_engine *e, bool sweep_old, struct mr_error *err)
{
    enum mr_code rc = MR_OK;
    MR_TRY(mr_prepare(e, err));
    if (e->state)
        mr_sources_compare(e, e->state);
    open_targets(e, sweep_old);
    if (!work_left(e))
        goto out;
    MR_TRY(mr_budget(e, err));
    mr_fault_hit(MR_FP_PIPE_PREPARED);
    MR_TRY(hold(e, err));
    int most = e->p->consumer->max_workers(e->consumer);
    e->workers = e->workers < most ? e->workers : most;
    plan_jobs(e);
    e->workers = workers_needed(e);
    mr_fault_hit(MR_FP_PIPE_PLANNED);
    MR_TRY(read_and_commit(e, err));
    if (e->lane_error.code != MR_OK)
        mr_report_warn(e->report, "not every worker could connect; the run went on with fewer: %s",
                       e->lane_error.message);
    MR_TRY(e->p->consumer->finish(e->consumer, err));
    e->report->source_cpu_seconds = e->p->consumer->source_cpu(e->consumer);
out:
    return rc;
}

static void summarize(struct mr_engine *e)
{
    struct mr_report *r = e->report;
    const char *view = NULL;
    int failed = 0, done = 0;
    for (int i = 0; i < r->n_streams; i++) {
        const struct mr_stream_report *s = &r->streams[i];
        failed += s->status == MR_RUN_FAILED;
        done += s->status == MR_RUN_DONE;
        r->source_bytes += s->bytes_read;
        if (!s->view_id[0])
            continue;
        r->several_snapshots |= view && strcmp(view, s->view_id) != 0;
        view = s->view_id;
    }
    r->status = failed ? MR_RUN_FAILED : done ? MR_RUN_DONE : MR_RUN_UNCHANGED;
    if (r->several_snapshots)
        mr_report_warn(r,
                       "the tables of this run come from more than one snapshot of the source, %s",
                       r->continued ? "because the run was interrupted in between"
                                    : "as consumer.snapshot and max_snapshot_age want it");
}

static void finish_report(struct mr_report *r, double cpu_before, enum mr_code rc,
                          const struct mr_error *err)
{
    r->seconds = (double)(mr_now_us() - r->started_us) / 1e6;
    r->cpu_seconds = mr_cpu_seconds() - cpu_before;
    r->peak_memory_bytes = mr_peak_rss_bytes();
    if (rc == MR_OK)
        return;
    r->error = *err;
    r->status = mr_cancelled() ? MR_RUN_INTERRUPTED : MR_RUN_FAILED;
    for (int i = 0; i < r->n_streams; i++)
        if (r->streams[i].status == MR_RUN_RUNNING)
            r->streams[i].status = r->status;
}

static void engine_init(struct mr_engine *e)
{
    pthread_condattr_t a;
    pthread_condattr_init(&a);
    pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
    pthread_mutex_init(&e->mutex, NULL);
    pthread_cond_init(&e->changed, &a);
    pthread_cond_init(&e->begun, NULL);
    pthread_condattr_destroy(&a);
}

enum mr_code mr_run(const struct mr_pipeline *p, struct mr_state *state,
                    const struct mr_run_options *o, struct mr_report *report, struct mr_error *err)
{
    struct mr_engine e = { .p = p, .o = o, .report = report, .state = o->no_state ? NULL : state };
    struct mr_state_lock *lock = NULL;
    double cpu = mr_cpu_seconds();
    bool sweep_old = false, begun = false;
    enum mr_code rc = MR_OK;
    *report = (struct mr_report){ .pipeline = p->name,
                                  .started_us = mr_now_us(),
                                  .source_cpu_seconds = -1,
                                  .status = MR_RUN_RUNNING };
    engine_init(&e);
    if (e.state) {
        MR_TRY(mr_state_lock(e.state, p->id, &lock, err));
        MR_TRY(choose_run(p, e.state, o->fresh, report, &sweep_old, err));
        begun = true;
    } else {
        mr_ulid(report->run_id);
    }
    mr_log_context(p->name, report->run_id);
    if (report->continued)
        mr_log(MR_LOG_INFO, NULL, "goes on with the unfinished run", "run=%s", report->run_id);
    if (report->discarded_run[0])
        mr_log(MR_LOG_WARN, NULL, "an unfinished run is not continued", "run=%s reason=%s",
               report->discarded_run, report->discard_reason);
    MR_TRY(run_streams(&e, sweep_old, err));
    summarize(&e);
out:
    finish_report(report, cpu, rc, err);
    show_progress(&e);
    mr_fault_hit(MR_FP_PIPE_FINISHED);
    if (begun && report->status != MR_RUN_INTERRUPTED) {
        struct mr_error end = { 0 };
        mr_sources_forget(&e);
        if (mr_state_run_end(e.state, report->run_id, mr_run_status_name(report->status),
                             report->rows, &end) != MR_OK)
            mr_report_warn(report, "the run history could not be written: %s", end.message);
    }
    mr_engine_release(&e);
    mr_state_unlock(lock);
    mr_log_context(NULL, NULL);
    return rc;
}
