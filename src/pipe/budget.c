/*
 * What        divides `memory:` between what a run holds at once
 * Guarantees  fixed + workers * (batches + one open file) <= memory, checked before a row moves
 * Why         fewer workers before smaller pages: a small page costs every reader for ever, a worker only this run
 *
 *   fixed a quarter of it, 12 to 32 MiB, or what program and libraries take already and a little more; what
 *   kinds of steps share (DuckDB) | per worker: LANE_SLOTS + steps batches, whose buffers double; one writer
 */
#include "base/mem.h"
#include "pipe/internal.h"

#define FIXED_MIN ((size_t)12 << 20)
#define FIXED_MAX ((size_t)32 << 20)
#define FIXED_MORE ((size_t)8 << 20) /* stacks, compression contexts, logs, manifests */
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

static size_t batch_bytes(size_t memory)
{
    size_t batch = memory / 64;
    return batch > BATCH_MAX ? BATCH_MAX : batch < BATCH_MIN ? BATCH_MIN : batch;
}

void mr_budget_batches(struct mr_engine *e)
{
    e->batch_bytes = batch_bytes(e->p->memory_bytes);
    e->batch_rows = 16384;
}

static size_t fixed_bytes(const struct mr_engine *e, size_t memory)
{
    size_t quarter = memory / 4, now = (size_t)mr_rss_bytes() + FIXED_MORE;
    size_t fixed = quarter < FIXED_MIN ? FIXED_MIN : quarter > FIXED_MAX ? FIXED_MAX : quarter;
    return (fixed > now ? fixed : now) + e->steps_bytes;
}

static size_t held_bytes(const struct mr_engine *e, size_t memory)
{
    return 2 * (LANE_SLOTS + (size_t)e->p->n_steps) * batch_bytes(memory);
}

/* The least, in MB, with which one worker can write: the shares grow with the whole, so not what is short now. */
static size_t enough(const struct mr_engine *e, size_t writer)
{
    size_t mb = e->p->memory_bytes / 1000000, need = mb + 1;
    for (int i = 0; need > mb && i < 100; i++) {
        mb = need;
        need = (fixed_bytes(e, mb * 1000000) + held_bytes(e, mb * 1000000) + writer) / 1000000 + 1;
    }
    return mb;
}

enum mr_code mr_budget(struct mr_engine *e, struct mr_error *err)
{
    size_t memory = e->p->memory_bytes, lo, hi;
    size_t fixed = fixed_bytes(e, memory), held = held_bytes(e, memory);
    widest(e, &lo, &hi);
    for (e->workers = e->p->workers; e->workers > 0; e->workers--) {
        size_t share = memory > fixed ? (memory - fixed) / (size_t)e->workers : 0;
        if (share > held && share - held >= lo) {
            e->writer_bytes = share - held < hi ? share - held : hi;
            return MR_OK;
        }
    }
    mr_fail(err, MR_ID_PIPE01,
            "memory of %zu MB is too small: one worker needs at least %zu MB for its widest table",
            memory / 1000000, enough(e, lo));
    return mr_error_advise(err, "set memory: %zuMB or more", enough(e, lo));
}
