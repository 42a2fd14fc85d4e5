/*
 * What        divides `memory:` between what a run holds at once
 * Guarantees  fixed + workers * (batches + one open file) <= memory, checked before a row moves
 * Why         fewer workers before smaller pages: a small page costs every reader for ever, a worker only this run
 *
 *   fixed 32 MiB: program, libraries, logs, manifests | per worker: LANE_SLOTS + steps batches, one writer
 */
#include "pipe/internal.h"

#define FIXED ((size_t)32 << 20)
#define BATCH_MAX ((size_t)2 << 20)
#define BATCH_MIN ((size_t)64 << 10)

/* The widest stream decides: any worker may meet it. */
static void widest(const struct mr_engine *e, size_t *ret_min, size_t *ret_max)
{
    *ret_min = *ret_max = 1 << 20;
    for (int i = 0; i < e->n_jobs; i++) {
        size_t lo = 0, hi = 0;
        if (e->jobs[i].chain.landing.n_fields == 0)
            continue;
        e->p->loader->writer_memory(&e->jobs[i].chain.landing, &lo, &hi);
        *ret_min = lo > *ret_min ? lo : *ret_min;
        *ret_max = hi > *ret_max ? hi : *ret_max;
    }
}

void mr_budget_batches(struct mr_engine *e)
{
    size_t batch = e->p->memory_bytes / 64;
    e->batch_bytes = batch > BATCH_MAX ? BATCH_MAX : batch < BATCH_MIN ? BATCH_MIN : batch;
    e->batch_rows = 16384;
}

enum mr_code mr_budget(struct mr_engine *e, struct mr_error *err)
{
    size_t memory = e->p->memory_bytes, lo, hi;
    size_t fixed = FIXED < memory / 4 ? FIXED : memory / 4;
    size_t batches = LANE_SLOTS + (size_t)e->p->n_steps;
    widest(e, &lo, &hi);
    for (e->workers = e->p->workers; e->workers > 0; e->workers--) {
        size_t share = (memory - fixed) / (size_t)e->workers;
        size_t held = batches * e->batch_bytes;
        if (share > held && share - held >= lo) {
            e->writer_bytes = share - held < hi ? share - held : hi;
            return MR_OK;
        }
    }
    mr_fail(err, MR_ID_PIPE01,
            "memory of %zu MB is too small: one worker needs at least %zu MB for its widest table",
            memory / 1000000, (fixed + batches * e->batch_bytes + lo) / 1000000 + 1);
    return mr_error_advise(err, "set memory: %zuMB or more",
                           (fixed + batches * e->batch_bytes + lo) / 1000000 + 1);
}
