/*
 * What        check: everything that a run needs, tried before one is started
 * Gets        a checked pipeline
 * Guarantees  reads no rows, makes no table, folder or lock; what fails is a finding, and all that does not hang on it is
 *             looked at all the same
 * Why         the same preparation and the same budget as a run: what is said of them is true of it
 */
#include "base/mem.h"
#include "pipe/internal.h"

static void tell_tables(const struct mr_engine *e, struct mr_findings *out)
{
    int bad = 0;
    for (int i = 0; i < e->n_jobs; i++) {
        if (e->report->streams[i].status != MR_RUN_FAILED)
            continue;
        bad++;
        mr_found_error(out, "tables", &e->report->streams[i].error);
    }
    for (int i = 0; i < e->report->n_warnings; i++)
        mr_found(out, MR_FOUND_WARN, "tables", "%s", e->report->warnings[i]);
    if (bad == 0)
        mr_found(out, MR_FOUND_OK, "tables", "%d table%s can be read and land", e->n_jobs,
                 e->n_jobs == 1 ? "" : "s");
    else if (bad < e->n_jobs)
        mr_found(out, MR_FOUND_OK, "tables", "the other %d of %d tables can be read and land",
                 e->n_jobs - bad, e->n_jobs);
}

static int64_t source_bytes(const struct mr_engine *e)
{
    int64_t sum = -1;
    for (int i = 0; i < e->n_jobs; i++) {
        int64_t b = e->jobs[i].stream->est_bytes;
        if (b >= 0)
            sum = (sum < 0 ? 0 : sum) + b;
    }
    return sum;
}

/* How much would let all workers run; 0 when 16 times as much would not. */
static size_t memory_for_all(struct mr_engine *e)
{
    const struct mr_pipeline *p = e->p;
    struct mr_pipeline more = *p;
    size_t ret = 0;
    e->p = &more;
    for (int i = 1; i <= 60 && !ret; i++) {
        more.memory_bytes = p->memory_bytes + p->memory_bytes / 4 * (size_t)i;
        mr_budget_batches(e);
        if (mr_budget(e, NULL) == MR_OK && e->workers == p->workers)
            ret = more.memory_bytes;
    }
    e->p = p;
    return ret;
}

static void tell_memory(struct mr_engine *e, struct mr_findings *out)
{
    struct mr_error err = { 0 };
    size_t mb = e->p->memory_bytes / 1000000, more;
    if (mr_budget(e, &err) != MR_OK) {
        mr_found_error(out, "memory", &err);
    } else if (e->workers < e->p->workers) {
        mr_found(out, MR_FOUND_WARN, "memory", "memory: %zuMB is enough for %d of %d workers", mb,
                 e->workers, e->p->workers);
        if ((more = memory_for_all(e)) > 0)
            mr_fix(out, "memory: %zuMB", more / 1000000 + 1);
        mr_fix(out, "or: consumer: {workers: 1}");
    } else {
        mr_found(out, MR_FOUND_OK, "memory",
                 "memory: %zuMB is enough for %d worker%s and the widest table", mb, e->workers,
                 e->workers == 1 ? "" : "s");
    }
}

static void diagnose_source(struct mr_engine *e, struct mr_findings *out)
{
    struct mr_stream **streams = mr_zalloc((size_t)e->n_jobs + 1, sizeof *streams);
    for (int i = 0; i < e->n_jobs; i++)
        streams[i] = e->jobs[i].stream;
    if (e->consumer && e->p->consumer->diagnose)
        e->p->consumer->diagnose(e->consumer, streams, e->n_jobs, out);
    mr_free(streams);
}

static void tell_state(const struct mr_pipeline *p, struct mr_findings *out)
{
    struct mr_error err = { 0 };
    if (mr_state_check(p->state_dir, p->id, &err) != MR_OK)
        mr_found_error(out, "state", &err);
    else
        mr_found(out, MR_FOUND_OK, "state", "no other run of this pipeline; its history goes to %s",
                 p->state_dir);
}

void mr_check(const struct mr_pipeline *p, struct mr_findings *out)
{
    const struct mr_run_options o = { 0 };
    struct mr_report report = { .pipeline = p->name, .source_cpu_seconds = -1 };
    struct mr_engine e = { .p = p, .o = &o, .report = &report };
    struct mr_error err = { 0 };
    pthread_mutex_init(&e.mutex, NULL);
    pthread_cond_init(&e.changed, NULL);
    pthread_cond_init(&e.begun, NULL);
    enum mr_code rc = mr_prepare(&e, &err);
    diagnose_source(&e, out);
    if (rc != MR_OK)
        mr_found_error(out, e.consumer ? "tables" : "connection", &err);
    else
        tell_tables(&e, out);
    if (e.n_jobs)
        tell_memory(&e, out);
    if (e.loader && p->loader->diagnose)
        p->loader->diagnose(e.loader, source_bytes(&e), out);
    tell_state(p, out);
    mr_engine_release(&e);
    mr_report_release(&report);
}
