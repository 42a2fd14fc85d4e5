/*
 * What        calls in order on a thread of their own
 * Why         an fsync waits for a disk, and who waits for it must not be the one who encodes
 */
#include "base/serial.h"

#include <pthread.h>
#include <stdbool.h>

#include "base/mem.h"
#include "base/profile.h"
#include "base/queue.h"

#define SERIAL_DEPTH 64

struct call {
    void (*fn)(void *ctx);
    void *ctx;
    struct mr_profile *profile;
};

struct mr_serial {
    pthread_mutex_t mutex; /* guards started and refused; held during a call that is made at once */
    bool started, refused;
    pthread_t thread;
    struct mr_queue calls;
};

static void make(struct call *c)
{
    struct mr_profile *before = mr_profile_use(c->profile);
    c->fn(c->ctx);
    mr_profile_use(before);
    mr_free(c);
}

static void *serial_main(void *arg)
{
    struct mr_serial *s = arg;
    void *c;
    while (mr_queue_pop(&s->calls, &c))
        make(c);
    return NULL;
}

struct mr_serial *mr_serial_new(void)
{
    struct mr_serial *s = mr_zalloc(1, sizeof *s);
    pthread_mutex_init(&s->mutex, NULL);
    mr_queue_init(&s->calls, SERIAL_DEPTH);
    return s;
}

void mr_serial_free(struct mr_serial *s)
{
    if (!s)
        return;
    mr_queue_close(&s->calls);
    if (s->started)
        pthread_join(s->thread, NULL);
    mr_queue_release(&s->calls);
    pthread_mutex_destroy(&s->mutex);
    mr_free(s);
}

void mr_serial_do(struct mr_serial *s, void (*fn)(void *ctx), void *ctx)
{
    struct call *c = mr_alloc(sizeof *c);
    *c = (struct call){ fn, ctx, mr_profile_current() };
    pthread_mutex_lock(&s->mutex);
    if (!s->started && !s->refused) {
        s->started = pthread_create(&s->thread, NULL, serial_main, s) == 0;
        s->refused = !s->started;
    }
    if (s->refused)
        make(c);
    pthread_mutex_unlock(&s->mutex);
    if (!s->refused)
        mr_queue_push(&s->calls, c, 1);
}

struct mark {
    pthread_mutex_t mutex;
    pthread_cond_t reached;
    bool done;
};

static void reach(void *ctx)
{
    struct mark *m = ctx;
    pthread_mutex_lock(&m->mutex);
    m->done = true;
    pthread_cond_signal(&m->reached);
    pthread_mutex_unlock(&m->mutex);
}

void mr_serial_drain(struct mr_serial *s)
{
    struct mark m = { .done = false };
    pthread_mutex_init(&m.mutex, NULL);
    pthread_cond_init(&m.reached, NULL);
    mr_serial_do(s, reach, &m);
    pthread_mutex_lock(&m.mutex);
    while (!m.done)
        pthread_cond_wait(&m.reached, &m.mutex);
    pthread_mutex_unlock(&m.mutex);
    pthread_cond_destroy(&m.reached);
    pthread_mutex_destroy(&m.mutex);
}
