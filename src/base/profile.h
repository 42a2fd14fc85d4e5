/*
 * profile.h - where a run's time went: spans of named steps, per thread, added up per stream.
 *
 *   mr_profile_use(&stream)          this thread works for a stream from here on (NULL: for nobody, and spans cost a branch)
 *   mr_span_begin(&s, MR_STEP_ENCODE) ... mr_span_begin(&t, MR_STEP_COMPRESS) ... mr_span_end(&t) ... mr_span_end(&s)
 *
 * Rule       a span's time is its own: what inner spans took is theirs alone.
 * Thread     a struct mr_profile is added to by any thread; spans live on their thread's stack.
 */
#ifndef MR_BASE_PROFILE_H
#define MR_BASE_PROFILE_H

#include <stdatomic.h>
#include <stdint.h>

enum mr_step {
    MR_STEP_WAIT,    /* for the source to send */
    MR_STEP_BLOCKED, /* a reader waits for its encoder */
    MR_STEP_RECEIVE, /* bytes out of the socket */
    MR_STEP_DECODE,  /* bytes into columns; for SQLite with the reading itself */
    MR_STEP_TRANSFORM,
    MR_STEP_CHECKSUM,
    MR_STEP_ENCODE,
    MR_STEP_COMPRESS,
    MR_STEP_WRITE,
    MR_STEP_SYNC,
    MR_STEP_COMMIT,
    MR_STEP_COUNT
};

struct mr_profile {
    _Atomic int64_t ns[MR_STEP_COUNT];
};

struct mr_span {
    enum mr_step step;
    int64_t start_ns, inner_ns;
    struct mr_span *outer;
    struct mr_profile *to; /* NULL: nothing is measured */
};

/** mr_profile_use - whom this thread works for from now on; returns whom it worked for before. */
struct mr_profile *mr_profile_use(struct mr_profile *p);
struct mr_profile *mr_profile_current(void);
void mr_span_begin(struct mr_span *s, enum mr_step step);
void mr_span_end(struct mr_span *s);
/** mr_step_name - "wait", "decode", ... */
const char *mr_step_name(enum mr_step step);

#endif
