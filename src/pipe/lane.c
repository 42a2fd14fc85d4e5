/*
 * What        a lane: one reader thread on one connection, one encoder thread behind it
 * Gets        partitions from the engine's work list
 * Guarantees  batches of a partition reach the loader in order; a failing partition fails its stream alone, after
 *             MAX_ATTEMPTS when the error says retry; every begun partition is ended or aborted
 * Why         a reading thread that encodes loses half of the wall time (bursts drain the socket), see ARCHITECTURE.md
 * Thread      reader: worker_*, reader_*; encoder: begin, write, finish, abort
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/fault.h"
#include "base/mem.h"
#include "base/profile.h"
#include "base/timeutil.h"
#include "column/builder.h"
#include "pipe/internal.h"

/* ---- work list: partitions in stream order, those of failed streams left out ---- */

static enum mr_code reopen(struct mr_lane *l, struct mr_consumer_worker **w, struct mr_error *err);

/* The consumer hears which stream comes next, and may give it another view. Locks: e->mutex held, and let go for the time
 * of the call; the other lanes wait for its end. */
static void begin_job(struct mr_lane *l, struct mr_consumer_worker **w, struct mr_job *j)
{
    struct mr_engine *e = l->e;
    struct mr_error err = { 0 };
    struct mr_plan plan = j->plan;
    e->beginning = true;
    pthread_mutex_unlock(&e->mutex);
    enum mr_code rc = *w ? MR_OK : reopen(l, w, &err);
    if (rc == MR_OK)
        rc = e->p->consumer->stream_begin(*w, j->stream, mr_partitions_wanted(e, j->stream), &plan,
                                          &err);
    if (rc != MR_OK)
        mr_job_fail(e, j, &err);
    pthread_mutex_lock(&e->mutex);
    if (plan.partitions != j->plan.partitions) {
        j->plan = plan;
        mr_job_plan(j);
    }
    j->begun = true;
    e->beginning = false;
    pthread_cond_broadcast(&e->begun);
}

/* The job that has work; NULL at the end. Locks: e->mutex held. */
static struct mr_job *next_job(struct mr_engine *e)
{
    for (; e->next_job < e->n_jobs; e->next_job++) {
        struct mr_job *j = &e->jobs[e->next_job];
        while (j->next_part < j->plan.n_partitions && j->manifests[j->next_part].json)
            j->next_part++; /* staged by an earlier process under the same view */
        if (!j->settled && !atomic_load(&j->failed) && j->next_part < j->plan.n_partitions)
            return j;
    }
    return NULL;
}

static bool next_work(struct mr_lane *l, struct mr_consumer_worker **w, struct mr_job **ret_job,
                      const struct mr_partition **ret_part)
{
    struct mr_engine *e = l->e;
    struct mr_job *j = NULL;
    pthread_mutex_lock(&e->mutex);
    while (!mr_cancelled() && (e->beginning || (j = next_job(e)) != NULL)) {
        if (e->beginning)
            pthread_cond_wait(&e->begun, &e->mutex); /* bounded by the consumer's own time-outs */
        else if (!j->begun && j->parts_done == 0 && e->p->consumer->stream_begin)
            begin_job(l, w, j);
        else
            break;
        j = NULL;
    }
    if (j) {
        *ret_job = j;
        *ret_part = &j->plan.partitions[j->next_part++];
        j->begun = true;
        j->in_flight++;
        if (!j->rep->started) {
            j->rep->started = true;
            j->rep->started_us = mr_mono_us();
        }
    }
    pthread_mutex_unlock(&e->mutex);
    return j != NULL;
}

void mr_job_fail(struct mr_engine *e, struct mr_job *j, const struct mr_error *err)
{
    pthread_mutex_lock(&e->mutex);
    if (!atomic_load(&j->failed)) {
        j->error = *err;
        atomic_store(&j->failed, true);
    }
    pthread_cond_signal(&e->changed);
    pthread_mutex_unlock(&e->mutex);
}

static void partition_over(struct mr_engine *e, struct mr_job *j)
{
    pthread_mutex_lock(&e->mutex);
    j->in_flight--;
    pthread_cond_signal(&e->changed);
    pthread_mutex_unlock(&e->mutex);
}

/* ---- reader ---- */

static struct mr_slot *take_slot(struct mr_lane *l)
{
    void *p = NULL;
    struct mr_span span;
    mr_span_begin(&span, MR_STEP_BLOCKED);
    bool got = mr_queue_pop(&l->free_slots, &p);
    mr_span_end(&span);
    return got ? p : NULL;
}

static void send(struct mr_lane *l, struct mr_slot *s, enum mr_slot_kind kind, struct mr_job *j,
                 const struct mr_partition *part, int attempt, bool last)
{
    s->kind = kind;
    s->job = j;
    s->part = part;
    s->attempt = attempt;
    s->last = last;
    mr_queue_push(&l->ready_slots, s, 1);
}

static void tell(struct mr_lane *l, enum mr_slot_kind kind, struct mr_job *j,
                 const struct mr_partition *part, int attempt, bool last)
{
    send(l, take_slot(l), kind, j, part, attempt, last);
}

/* The slot's batch for this stream's source schema; a batch that one huge value has swollen is made anew. */
static void ready_batch(struct mr_lane *l, struct mr_slot *s, const struct mr_schema *schema)
{
    if (s->batch_ready &&
        (s->batch_schema != schema || mr_batch_capacity(&s->batch) > 4 * l->e->batch_bytes)) {
        s->batch.schema = s->batch_schema;
        mr_batch_release(&s->batch);
        s->batch_ready = false;
    }
    if (!s->batch_ready) {
        mr_batch_init(&s->batch, schema);
        s->batch_schema = schema;
        s->batch_ready = true;
    }
    s->batch.schema = schema;
    mr_batch_clear(&s->batch);
}

static void count_read(struct mr_engine *e, struct mr_job *j, const struct mr_batch *b)
{
    pthread_mutex_lock(&e->mutex);
    j->rep->rows_read += b->n_rows;
    j->rep->bytes_read += (int64_t)b->source_bytes;
    pthread_mutex_unlock(&e->mutex);
}

static enum mr_code read_batches(struct mr_lane *l, struct mr_reader *r, struct mr_job *j,
                                 const struct mr_partition *part, int attempt, bool *ret_end,
                                 struct mr_error *err)
{
    const struct mr_consumer_type *t = l->e->p->consumer;
    *ret_end = false;
    while (!atomic_load(&j->failed) && !mr_cancelled()) {
        enum mr_next what = MR_NEXT_END;
        struct mr_slot *s = take_slot(l);
        ready_batch(l, s, &j->stream->schema);
        struct mr_span span;
        mr_span_begin(&span, MR_STEP_DECODE);
        enum mr_code rc = t->next(r, &s->batch, &what, err);
        mr_span_end(&span);
        if (rc != MR_OK || what != MR_NEXT_BATCH) {
            mr_queue_push(&l->free_slots, s, 1);
            *ret_end = rc == MR_OK && what == MR_NEXT_END;
            if (rc != MR_OK || *ret_end)
                return rc;
            continue;
        }
        mr_fault_hit(MR_FP_PIPE_BATCH);
        count_read(l->e, j, &s->batch);
        send(l, s, MR_SLOT_BATCH, j, part, attempt, false);
    }
    return MR_OK;
}

/* One attempt at one partition; the encoder hears BEGIN, batches, and END or ABORT. */
static enum mr_code read_partition(struct mr_lane *l, struct mr_consumer_worker *w,
                                   struct mr_job *j, const struct mr_partition *part, int attempt,
                                   bool *ret_end, struct mr_error *err)
{
    struct mr_reader *r = NULL;
    const struct mr_consumer_type *t = l->e->p->consumer;
    *ret_end = false;
    enum mr_code rc = t->reader_open(w, j->stream, part, l->e->o->limit, &r, err);
    if (rc != MR_OK)
        return rc;
    tell(l, MR_SLOT_BEGIN, j, part, attempt, false);
    rc = read_batches(l, r, j, part, attempt, ret_end, err);
    t->reader_close(r);
    return rc;
}

static void back_off(int attempt)
{
    int64_t until = mr_mono_us() + (int64_t)attempt * 500000;
    while (mr_mono_us() < until && !mr_cancelled())
        nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
}

static enum mr_code reopen(struct mr_lane *l, struct mr_consumer_worker **w, struct mr_error *err)
{
    const struct mr_consumer_type *t = l->e->p->consumer;
    if (*w)
        t->worker_close(*w);
    *w = NULL;
    return t->worker_open(l->e->consumer, l->index, w, err);
}

/* What another try met is often only what the first left behind: a snapshot that is gone. Say what came first. */
static void add_first(struct mr_error *err, const struct mr_error *first)
{
    if (first->code == MR_OK || first->id == err->id)
        return;
    size_t n = strlen(err->message);
    snprintf(err->message + n, sizeof err->message - n, "; the first try ended with %s %.500s",
             mr_error_lookup(first->id)->name, first->message);
}

static void run_partition(struct mr_lane *l, struct mr_consumer_worker **w, struct mr_job *j,
                          const struct mr_partition *part)
{
    struct mr_error err = { 0 }, first = { 0 };
    bool end = false;
    mr_profile_use(j->rep->profile);
    for (int attempt = 1;; attempt++) {
        enum mr_code rc = *w ? MR_OK : reopen(l, w, &err);
        if (rc == MR_OK)
            rc = read_partition(l, *w, j, part, attempt, &end, &err);
        bool again =
            rc != MR_OK && err.action == MR_ACT_RETRY && attempt < MAX_ATTEMPTS && !mr_cancelled();
        if (rc != MR_OK && !again && !mr_cancelled()) {
            add_first(&err, &first);
            mr_job_fail(l->e, j, &err);
        }
        if (!again)
            break;
        if (attempt == 1)
            first = err;
        tell(l, MR_SLOT_ABORT, j, part, attempt, false);
        pthread_mutex_lock(&l->e->mutex);
        j->rep->retries++;
        pthread_mutex_unlock(&l->e->mutex);
        back_off(attempt);
        l->e->p->consumer->worker_close(*w);
        *w = NULL;
    }
    tell(l, end ? MR_SLOT_END : MR_SLOT_ABORT, j, part, 0, true);
    mr_profile_use(NULL);
}

static void *reader_main(void *arg)
{
    struct mr_lane *l = arg;
    struct mr_engine *e = l->e;
    struct mr_consumer_worker *w = NULL;
    struct mr_error err = { 0 };
    struct mr_job *j;
    const struct mr_partition *part;
    if (reopen(l, &w, &err) != MR_OK) {
        pthread_mutex_lock(&e->mutex);
        e->lane_error = err;
        pthread_mutex_unlock(&e->mutex);
    } else {
        while (next_work(l, &w, &j, &part))
            run_partition(l, &w, j, part);
    }
    if (w)
        e->p->consumer->worker_close(w);
    tell(l, MR_SLOT_QUIT, NULL, NULL, 0, true);
    return NULL;
}

/* ---- encoder ---- */

static void drop_partition(struct mr_lane *l)
{
    const struct mr_loader_type *t = l->e->p->loader;
    if (l->writer)
        t->abort(l->writer);
    l->writer = NULL;
    if (l->chain_open) {
        mr_chain_close(&l->chain, l->e->p);
        mr_landing_close(&l->landing);
        mr_book_close(&l->book);
    }
    l->chain_open = false;
}

static enum mr_code enc_begin(struct mr_lane *l, const struct mr_slot *s, struct mr_error *err)
{
    const struct mr_partition_ref ref = { s->part->index, s->attempt, s->job->plan.view.id };
    enum mr_code rc =
        mr_chain_open(l->e->p, &s->job->stream->schema, &s->job->places, &l->chain, err);
    l->chain_open = rc == MR_OK;
    if (rc == MR_OK) {
        mr_landing_open(&l->landing, &s->job->landing, s->job->from);
        mr_book_open(&l->book, s->job->stream, &s->job->landing);
        l->book.partition = s->job->plan.n_partitions > 1 ? s->part->index : -1;
    }
    if (rc == MR_OK)
        rc = l->e->p->loader->begin(s->job->target, &ref, l->e->writer_bytes, &l->writer, err);
    return rc;
}

/* A partition that will fail is looked at to its end, but not written. */
static enum mr_code enc_batch(struct mr_lane *l, struct mr_slot *s, struct mr_error *err)
{
    struct mr_batch *out = NULL, *landed = NULL;
    struct mr_span span;
    mr_span_begin(&span, MR_STEP_TRANSFORM);
    mr_book_keys(&l->book, &s->batch);
    enum mr_code rc = mr_chain_apply(&l->chain, l->e->p, &s->batch, &out, err);
    if (rc == MR_OK) {
        mr_landing_cells(&l->landing, &out->bad);
        mr_book_count(&l->book, &s->job->landing, &out->bad);
    }
    if (rc == MR_OK && !l->book.failing)
        rc = mr_landing_apply(&l->landing, out, &landed, err);
    mr_span_end(&span);
    return landed ? l->e->p->loader->write(l->writer, landed, l->e->pool, err) : rc;
}

/* All of the partition was read: what did not fit is told, and may fail the stream. */
static enum mr_code enc_settle_bad(struct mr_lane *l, const struct mr_slot *s, struct mr_error *err)
{
    enum mr_code rc = l->book.failing ? mr_book_error(&l->book, err) : MR_OK;
    if (l->book.n == 0)
        return rc;
    pthread_mutex_lock(&l->e->mutex);
    mr_book_merge(&l->book, s->job->rep);
    pthread_mutex_unlock(&l->e->mutex);
    return rc;
}

/* A partition that is with the loader's finish. */
struct finishing {
    struct mr_engine *e;
    struct mr_job *job;
    int part;
};

/* Thread: the loader's, or the encoder. */
static void finished(void *ctx, const struct mr_manifest *m, const struct mr_error *err)
{
    struct finishing *f = ctx;
    struct mr_job *j = f->job;
    if (m)
        mr_fault_hit(MR_FP_PIPE_STAGED);
    else
        mr_job_fail(f->e, j, err);
    pthread_mutex_lock(&f->e->mutex);
    if (m) {
        j->manifests[f->part] = *m;
        j->parts_done++;
        j->rep->partitions_done++;
        j->rep->files += m->files;
        j->rep->bytes_written += m->bytes;
    }
    j->in_flight--;
    f->e->finishing--;
    pthread_cond_signal(&f->e->changed);
    pthread_mutex_unlock(&f->e->mutex);
    mr_free(f);
}

/* The loader goes on with it; this lane with the next partition. */
static void enc_end(struct mr_lane *l, const struct mr_slot *s)
{
    struct finishing *f = mr_alloc(sizeof *f);
    struct mr_loader_writer *w = l->writer;
    *f = (struct finishing){ l->e, s->job, s->part->index };
    pthread_mutex_lock(&l->e->mutex);
    l->e->finishing++;
    pthread_mutex_unlock(&l->e->mutex);
    l->writer = NULL;
    l->e->p->loader->finish(w, l->e->pool, finished, f);
}

/* Returns false on QUIT. */
static bool enc_slot(struct mr_lane *l, struct mr_slot *s)
{
    struct mr_error err = { 0 };
    enum mr_code rc = MR_OK;
    bool last = s->last;
    mr_profile_use(s->job ? s->job->rep->profile : NULL);
    switch (s->kind) {
    case MR_SLOT_QUIT:
        return false;
    case MR_SLOT_BEGIN:
        l->dead = false;
        rc = enc_begin(l, s, &err);
        break;
    case MR_SLOT_BATCH:
        if (!l->dead && !atomic_load(&s->job->failed))
            rc = enc_batch(l, s, &err);
        break;
    case MR_SLOT_END:
        if (!l->dead && !atomic_load(&s->job->failed))
            rc = enc_settle_bad(l, s, &err);
        if (!l->dead && rc == MR_OK && !atomic_load(&s->job->failed)) {
            enc_end(l, s);
            last = false; /* finished() says that it is over */
        }
        break;
    case MR_SLOT_ABORT:
        break;
    }
    if (rc != MR_OK) {
        l->dead = true;
        mr_job_fail(l->e, s->job, &err);
    }
    if (rc != MR_OK || s->kind == MR_SLOT_END || s->kind == MR_SLOT_ABORT)
        drop_partition(l);
    if (last)
        partition_over(l->e, s->job);
    return true;
}

static void *encoder_main(void *arg)
{
    struct mr_lane *l = arg;
    void *p = NULL;
    while (mr_queue_pop(&l->ready_slots, &p) && enc_slot(l, p))
        mr_queue_push(&l->free_slots, p, 1);
    pthread_mutex_lock(&l->e->mutex);
    l->e->live_lanes--;
    pthread_cond_signal(&l->e->changed);
    pthread_mutex_unlock(&l->e->mutex);
    return NULL;
}

/* ---- start and end ---- */

static void lane_init(struct mr_lane *l, struct mr_engine *e, int index)
{
    l->e = e;
    l->index = index;
    mr_queue_init(&l->free_slots, LANE_SLOTS + 1);
    mr_queue_init(&l->ready_slots, LANE_SLOTS + 1);
    for (int i = 0; i < LANE_SLOTS; i++)
        mr_queue_push(&l->free_slots, &l->slots[i], 1);
}

static void lane_release(struct mr_lane *l)
{
    for (int i = 0; i < LANE_SLOTS; i++) {
        struct mr_slot *s = &l->slots[i];
        if (!s->batch_ready)
            continue;
        s->batch.schema = s->batch_schema;
        mr_batch_release(&s->batch);
    }
    mr_queue_release(&l->free_slots);
    mr_queue_release(&l->ready_slots);
}

static bool lane_start(struct mr_lane *l)
{
    if (pthread_create(&l->encoder, NULL, encoder_main, l) != 0)
        return false;
    if (pthread_create(&l->reader, NULL, reader_main, l) == 0)
        return true;
    tell(l, MR_SLOT_QUIT, NULL, NULL, 0, true);
    pthread_join(l->encoder, NULL);
    return false;
}

enum mr_code mr_lanes_start(struct mr_engine *e, struct mr_lane **ret, int *ret_n,
                            struct mr_error *err)
{
    struct mr_lane *lanes = mr_zalloc((size_t)e->workers, sizeof *lanes);
    int n = 0;
    for (; n < e->workers; n++) {
        lane_init(&lanes[n], e, n);
        pthread_mutex_lock(&e->mutex);
        e->live_lanes++;
        pthread_mutex_unlock(&e->mutex);
        if (!lane_start(&lanes[n])) {
            pthread_mutex_lock(&e->mutex);
            e->live_lanes = n;
            pthread_mutex_unlock(&e->mutex);
            lane_release(&lanes[n]);
            break;
        }
    }
    if (n == 0) {
        mr_free(lanes);
        return mr_fail(err, MR_ID_PIPE05, "no reader thread could be started");
    }
    *ret = lanes;
    *ret_n = n; /* fewer than wanted do the same work, slower */
    return MR_OK;
}

void mr_lanes_join(struct mr_lane *lanes, int n)
{
    for (int i = 0; i < n; i++) {
        pthread_join(lanes[i].reader, NULL);
        pthread_join(lanes[i].encoder, NULL);
        lane_release(&lanes[i]);
    }
    mr_free(lanes);
}
