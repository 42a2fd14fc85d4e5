/*
 * What        spans and whom they are added to
 * Why         two clock reads per span (40 ns): spans stand around batches, pages and system calls, never around rows
 */
#include "base/profile.h"

#include <stddef.h>
#include <time.h>

static _Thread_local struct mr_profile *g_profile;
static _Thread_local struct mr_span *g_span; /* the innermost that is open */

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

struct mr_profile *mr_profile_use(struct mr_profile *p)
{
    struct mr_profile *before = g_profile;
    g_profile = p;
    return before;
}

struct mr_profile *mr_profile_current(void)
{
    return g_profile;
}

void mr_span_begin(struct mr_span *s, enum mr_step step)
{
    s->to = g_profile;
    if (!s->to)
        return;
    s->step = step;
    s->inner_ns = 0;
    s->outer = g_span;
    g_span = s;
    s->start_ns = now_ns();
}

void mr_span_end(struct mr_span *s)
{
    if (!s->to)
        return;
    int64_t took = now_ns() - s->start_ns;
    atomic_fetch_add_explicit(&s->to->ns[s->step], took - s->inner_ns, memory_order_relaxed);
    g_span = s->outer;
    if (s->outer)
        s->outer->inner_ns += took;
}

const char *mr_step_name(enum mr_step step)
{
    static const char *const names[] = { "wait",      "blocked",  "receive", "decode",
                                         "transform", "checksum", "encode",  "compress",
                                         "write",     "sync",     "commit" };
    return step < MR_STEP_COUNT ? names[step] : "";
}
