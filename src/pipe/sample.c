/*
 * What        plan: a few rows of each table through consumer and chain, to see what would not fit
 * Gets        prepared jobs; sets their plans and, in the report, sizes, partitions, rows looked at and cells that did not fit
 * Guarantees  writes nothing; a table takes TABLE_US and all of them ALL_US at most, whatever the source does; what could not be
 *             looked at is a warning and not an error, for the run may find it otherwise
 * Why         the same code as a run up to the loader: what it counts is what a run would count in these rows
 */
#include "base/mem.h"
#include "base/queue.h"
#include "base/timeutil.h"
#include "column/builder.h"
#include "pipe/internal.h"

#define TABLE_US 3000000
#define ALL_US 20000000
#define CLEANUP_US 2000000

/* The one worker, on this thread. */
struct sampler {
    struct mr_engine *e;
    struct mr_consumer_worker *w;
    int64_t until_us;
    int left_out;
    struct mr_error why; /* of the first that was left out */
};

/* A table is read, or cleaned up after, for no longer than this. */
static void patience(const struct sampler *s, int64_t us)
{
    int64_t at = mr_mono_us() + us;
    mr_give_up_at(s && at > s->until_us ? s->until_us : at);
}

static enum mr_code hold(struct mr_engine *e, struct mr_error *err)
{
    struct mr_stream **streams = mr_zalloc((size_t)e->n_jobs + 1, sizeof *streams);
    int n = 0;
    for (int i = 0; i < e->n_jobs; i++)
        if (!e->jobs[i].settled && e->jobs[i].rep->status != MR_RUN_FAILED)
            streams[n++] = e->jobs[i].stream;
    enum mr_code rc = n ? e->p->consumer->hold(e->consumer, streams, n, err) : MR_OK;
    mr_free(streams);
    return rc;
}

static enum mr_code plan_job(struct sampler *s, struct mr_job *j, struct mr_error *err)
{
    const struct mr_consumer_type *t = s->e->p->consumer;
    const int target = mr_partitions_wanted(s->e, j->stream);
    enum mr_code rc = j->stream->error.code;
    if (rc != MR_OK)
        *err = j->stream->error;
    else
        rc = t->plan(s->e->consumer, j->stream, target, &j->plan, err);
    if (rc == MR_OK && !s->w)
        rc = t->worker_open(s->e->consumer, 0, &s->w, err);
    if (rc == MR_OK && t->stream_begin)
        rc = t->stream_begin(s->w, j->stream, target, &j->plan, err);
    if (rc == MR_OK)
        mr_job_plan(j);
    return rc;
}

static enum mr_code look(struct sampler *s, struct mr_job *j, struct mr_reader *r,
                         struct mr_bad_book *book, struct mr_landing *landing, struct mr_error *err)
{
    const struct mr_pipeline *p = s->e->p;
    struct mr_batch in, *out = NULL;
    enum mr_code rc = MR_OK;
    mr_batch_init(&in, &j->stream->schema);
    for (enum mr_next what = MR_NEXT_WAIT; rc == MR_OK && what != MR_NEXT_END;) {
        mr_batch_clear(&in);
        rc = mr_cancelled() ? mr_fail(err, MR_ID_BASE04, "the time is over")
                            : p->consumer->next(r, &in, &what, err);
        if (rc != MR_OK || what != MR_NEXT_BATCH)
            continue;
        j->rep->sampled_rows += in.n_rows;
        mr_book_keys(book, &in);
        rc = mr_chain_apply(&j->chain, p, &in, &out, err);
        if (rc != MR_OK)
            continue;
        mr_landing_cells(landing, &out->bad);
        mr_book_count(book, &j->landing, &out->bad);
    }
    mr_batch_release(&in);
    return rc;
}

/* Rows of the first partition. What was counted stays, also when the time was over. */
static enum mr_code read_some(struct sampler *s, struct mr_job *j, struct mr_error *err)
{
    const struct mr_consumer_type *t = s->e->p->consumer;
    struct mr_reader *r = NULL;
    struct mr_landing landing;
    struct mr_bad_book book;
    enum mr_code rc =
        t->reader_open(s->w, j->stream, &j->plan.partitions[0], s->e->o->sample, &r, err);
    if (rc != MR_OK)
        return rc;
    mr_landing_open(&landing, &j->landing, j->from);
    mr_book_open(&book, j->stream, &j->landing);
    book.partition = j->plan.n_partitions > 1 ? 0 : -1;
    rc = look(s, j, r, &book, &landing, err);
    patience(NULL, CLEANUP_US);
    t->reader_close(r);
    if (book.failing) {
        mr_book_error(&book, &j->rep->error);
        j->rep->status = MR_RUN_FAILED;
    }
    mr_book_merge(&book, j->rep);
    mr_book_close(&book);
    mr_landing_close(&landing);
    return rc;
}

/* A run would meet the same: not a lock, a lost connection or the end of our patience. */
static bool fails_again(const struct mr_error *err)
{
    return err->action == MR_ACT_STOP_STREAM && err->code != MR_E_CANCELLED &&
           err->code != MR_E_TIMEOUT && err->code != MR_E_NET;
}

static void sample_job(struct sampler *s, struct mr_job *j)
{
    const struct mr_consumer_type *t = s->e->p->consumer;
    struct mr_error err = { 0 };
    j->tried = true;
    patience(s, TABLE_US);
    enum mr_code rc =
        mr_cancelled() ? mr_fail(&err, MR_ID_BASE04, "the time is over") : plan_job(s, j, &err);
    if (rc == MR_OK)
        rc = read_some(s, j, &err);
    patience(NULL, CLEANUP_US);
    if (t->stream_end)
        t->stream_end(s->e->consumer, j->stream);
    j->rep->est_rows = j->stream->est_rows;
    j->rep->est_bytes = j->stream->est_bytes;
    if (rc == MR_OK)
        return;
    if (s->w)
        t->worker_close(s->w); /* who knows what its connection still waits for */
    s->w = NULL;
    if (rc == MR_E_CANCELLED && j->rep->sampled_rows > 0)
        return; /* fewer than wanted, which the report says */
    if (fails_again(&err)) {
        j->rep->status = MR_RUN_FAILED;
        j->rep->error = err;
        return;
    }
    if (s->left_out++ == 0)
        s->why = err;
}

/* What has a size first: a view that takes too long may take the view of all others with it. */
static void sample_jobs(struct sampler *s, bool sized)
{
    for (int i = 0; i < s->e->n_jobs; i++) {
        struct mr_job *j = &s->e->jobs[i];
        if (!j->settled && j->rep->status != MR_RUN_FAILED &&
            (j->stream->est_bytes >= 0) == sized && !j->tried)
            sample_job(s, j);
    }
}

static void tell_left_out(const struct sampler *s)
{
    const bool slow = s->why.code == MR_E_CANCELLED;
    if (s->left_out == 1)
        mr_report_warn(s->e->report, "one table was not tried with rows: %s",
                       slow ? "it took too long" : s->why.message);
    else if (s->left_out)
        mr_report_warn(s->e->report, "%d tables were not tried with rows, the first because: %s",
                       s->left_out, slow ? "it took too long" : s->why.message);
}

void mr_sample(struct mr_engine *e)
{
    struct sampler s = { .e = e, .until_us = mr_mono_us() + ALL_US };
    struct mr_error err = { 0 };
    patience(&s, ALL_US);
    if (hold(e, &err) != MR_OK) {
        mr_report_warn(e->report, "no table was tried with rows: %s", err.message);
    } else {
        sample_jobs(&s, true);
        sample_jobs(&s, false);
        tell_left_out(&s);
    }
    patience(NULL, CLEANUP_US);
    if (s.w)
        e->p->consumer->worker_close(s.w);
    mr_give_up_at(0);
}
