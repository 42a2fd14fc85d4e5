/*
 * pool.h - helpers for "do n independent pieces": the caller works too, so with no helpers it simply runs inline.
 *
 * Thread     mr_pool_run from any thread, several at once; `fn` must not call mr_pool_run.
 * Bound      fn is called exactly n times; mr_pool_run returns when all are done.
 */
#ifndef MR_BASE_POOL_H
#define MR_BASE_POOL_H

struct mr_pool;

/** mr_pool_new - `helpers` threads besides the callers; 0 is fine. */
struct mr_pool *mr_pool_new(int helpers);
void mr_pool_free(struct mr_pool *p); /* NULL-safe; no run may be going on */
/** mr_pool_run - fn(ctx, 0..n-1), each once, in any order and thread. p may be NULL. */
void mr_pool_run(struct mr_pool *p, int n, void (*fn)(void *ctx, int i), void *ctx);

#endif
