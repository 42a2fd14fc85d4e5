/*
 * What        parallel for: a list of open jobs, indices handed out under one mutex
 * Guarantees  every index once; the caller helps, so no job waits for a busy helper
 * Why         a piece is a column of a batch (tens of us and more), so one mutex per piece costs nothing
 */
#include "base/pool.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"
#include "base/profile.h"

struct job {
    void (*fn)(void *ctx, int i);
    void *ctx;
    int n, next, done;
    struct mr_profile *profile; /* whom the caller works for, and so its helpers */
    struct job *link;
};

struct mr_pool {
    pthread_mutex_t mutex;
    pthread_cond_t work, finished;
    struct job *jobs; /* those with indices left */
    bool stop;
    int n_threads;
    pthread_t threads[];
};

/* Locks: p->mutex held. Take one index of j; unlink j when it was the last. */
static int take(struct mr_pool *p, struct job *j)
{
    int i = j->next++;
    if (j->next == j->n) {
        struct job **at = &p->jobs;
        while (*at != j)
            at = &(*at)->link;
        *at = j->link;
    }
    return i;
}

/* Locks: p->mutex held on entry and exit, not while fn runs. */
static void work_one(struct mr_pool *p, struct job *j)
{
    int i = take(p, j);
    pthread_mutex_unlock(&p->mutex);
    struct mr_profile *before = mr_profile_use(j->profile);
    j->fn(j->ctx, i);
    mr_profile_use(before);
    pthread_mutex_lock(&p->mutex);
    if (++j->done == j->n)
        pthread_cond_broadcast(&p->finished);
}

static void *helper(void *arg)
{
    struct mr_pool *p = arg;
    pthread_mutex_lock(&p->mutex);
    while (!p->stop) {
        if (p->jobs)
            work_one(p, p->jobs);
        else
            pthread_cond_wait(&p->work, &p->mutex);
    }
    pthread_mutex_unlock(&p->mutex);
    return NULL;
}

struct mr_pool *mr_pool_new(int helpers)
{
    struct mr_pool *p = mr_zalloc(1, sizeof *p + sizeof(pthread_t) * (size_t)helpers);
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->finished, NULL);
    while (p->n_threads < helpers &&
           pthread_create(&p->threads[p->n_threads], NULL, helper, p) == 0)
        p->n_threads++; /* fewer threads than wanted are fine: the callers work too */
    return p;
}

void mr_pool_free(struct mr_pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->mutex);
    p->stop = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->mutex);
    for (int i = 0; i < p->n_threads; i++)
        pthread_join(p->threads[i], NULL);
    pthread_mutex_destroy(&p->mutex);
    pthread_cond_destroy(&p->work);
    pthread_cond_destroy(&p->finished);
    mr_free(p);
}

void mr_pool_run(struct mr_pool *p, int n, void (*fn)(void *ctx, int i), void *ctx)
{
    if (!p || !p->n_threads || n < 2) {
        for (int i = 0; i < n; i++)
            fn(ctx, i);
        return;
    }
    struct job j = { .fn = fn, .ctx = ctx, .n = n, .profile = mr_profile_current() };
    pthread_mutex_lock(&p->mutex);
    j.link = p->jobs;
    p->jobs = &j; /* cppcheck-suppress autoVariables; taken off again before this returns */
    pthread_cond_broadcast(&p->work);
    while (j.next < j.n)
        work_one(p, &j);
    while (j.done < j.n)
        pthread_cond_wait(&p->finished, &p->mutex);
    pthread_mutex_unlock(&p->mutex);
}
