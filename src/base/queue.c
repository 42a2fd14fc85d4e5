/*
 * What        a bounded queue with two conditions
 * Guarantees  no lost wake-up; a close wakes everybody
 */
#include "base/queue.h"

#include <stdatomic.h>

#include "base/mem.h"
#include "base/timeutil.h"

static atomic_bool g_cancelled;
static _Thread_local int64_t t_give_up_us;

void mr_cancel(void)
{
    atomic_store(&g_cancelled, true);
}

bool mr_cancelled(void)
{
    return atomic_load_explicit(&g_cancelled, memory_order_relaxed) ||
           (t_give_up_us && mr_mono_us() > t_give_up_us);
}

void mr_give_up_at(int64_t mono_us)
{
    t_give_up_us = mono_us;
}

void mr_queue_init(struct mr_queue *q, size_t limit_bytes)
{
    *q = (struct mr_queue){ .limit_bytes = limit_bytes, .cap = 16 };
    q->ring = mr_zalloc(q->cap, sizeof *q->ring);
    pthread_mutex_init(&q->mutex, NULL);
    pthread_cond_init(&q->can_push, NULL);
    pthread_cond_init(&q->can_pop, NULL);
}

void mr_queue_release(struct mr_queue *q)
{
    pthread_mutex_destroy(&q->mutex);
    pthread_cond_destroy(&q->can_push);
    pthread_cond_destroy(&q->can_pop);
    mr_free(q->ring);
    q->ring = NULL;
}

static void grow(struct mr_queue *q)
{
    struct mr_queue_item *ring = mr_zalloc(q->cap * 2, sizeof *ring);
    for (size_t i = 0; i < q->count; i++)
        ring[i] = q->ring[(q->head + i) % q->cap];
    mr_free(q->ring);
    q->ring = ring;
    q->cap *= 2;
    q->head = 0;
}

bool mr_queue_push(struct mr_queue *q, void *ptr, size_t bytes)
{
    pthread_mutex_lock(&q->mutex);
    while (!q->closed && q->count && q->bytes + bytes > q->limit_bytes)
        pthread_cond_wait(&q->can_push, &q->mutex);
    bool ok = !q->closed;
    if (ok) {
        if (q->count == q->cap)
            grow(q);
        q->ring[(q->head + q->count++) % q->cap] = (struct mr_queue_item){ ptr, bytes };
        q->bytes += bytes;
        pthread_cond_signal(&q->can_pop);
    }
    pthread_mutex_unlock(&q->mutex);
    return ok;
}

static bool take(struct mr_queue *q, void **ret)
{
    if (!q->count)
        return false;
    struct mr_queue_item it = q->ring[q->head];
    q->head = (q->head + 1) % q->cap;
    q->count--;
    q->bytes -= it.bytes;
    *ret = it.ptr;
    pthread_cond_broadcast(&q->can_push);
    return true;
}

bool mr_queue_pop(struct mr_queue *q, void **ret)
{
    pthread_mutex_lock(&q->mutex);
    while (!q->count && !q->closed)
        pthread_cond_wait(&q->can_pop, &q->mutex);
    bool ok = take(q, ret);
    pthread_mutex_unlock(&q->mutex);
    return ok;
}

bool mr_queue_try_pop(struct mr_queue *q, void **ret)
{
    pthread_mutex_lock(&q->mutex);
    bool ok = take(q, ret);
    pthread_mutex_unlock(&q->mutex);
    return ok;
}

void mr_queue_close(struct mr_queue *q)
{
    pthread_mutex_lock(&q->mutex);
    q->closed = true;
    pthread_cond_broadcast(&q->can_push);
    pthread_cond_broadcast(&q->can_pop);
    pthread_mutex_unlock(&q->mutex);
}
