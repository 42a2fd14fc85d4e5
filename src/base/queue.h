/*
 * queue.h - pointers from threads to threads, bounded in bytes; and the flag by which everybody hears of a cancel.
 *
 * Bound      push waits while bytes > limit, unless the queue is empty (so one item larger than the limit passes).
 * Ownership  the queue holds pointers; what is left at release belongs to the caller (pop until false first).
 * Thread     any number on both ends. Locks: the queue's own mutex.
 */
#ifndef MR_BASE_QUEUE_H
#define MR_BASE_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mr_queue_item {
    void *ptr;
    size_t bytes;
};

struct mr_queue {
    pthread_mutex_t mutex;
    pthread_cond_t can_push, can_pop;
    struct mr_queue_item *ring;
    size_t cap, head, count;
    size_t bytes, limit_bytes;
    bool closed;
};

void mr_queue_init(struct mr_queue *q, size_t limit_bytes);
void mr_queue_release(struct mr_queue *q);
/** mr_queue_push - false when the queue was closed (the item still belongs to the caller). Waits. */
bool mr_queue_push(struct mr_queue *q, void *ptr, size_t bytes);
/** mr_queue_pop - false when closed and empty. Waits. */
bool mr_queue_pop(struct mr_queue *q, void **ret);
/** mr_queue_try_pop - false when there is nothing now. */
bool mr_queue_try_pop(struct mr_queue *q, void **ret);
/** mr_queue_close - no more pushes; pops drain what is there. Wakes everybody. */
void mr_queue_close(struct mr_queue *q);

/* The process-wide cancel: set by signals and by a run that must end; looked at between batches. */
void mr_cancel(void);
bool mr_cancelled(void);
/** mr_give_up_at - for this thread alone, mr_cancelled() is true from this monotonic time on, so that every wait that hears of
 *  a cancel ends; 0: never. */
void mr_give_up_at(int64_t mono_us);

#endif
