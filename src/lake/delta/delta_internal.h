/*
 * delta_internal.h - what the files of this room share.
 */
#ifndef MR_LAKE_DELTA_INTERNAL_H
#define MR_LAKE_DELTA_INTERNAL_H

#include "lake/delta/delta.h"

#define MR_DELTA_LOG_MAX ((size_t)256 << 20) /* bytes of one log entry */

/* The log entries of a table, in order; index = version. */
struct mr_delta_log {
    int n;
    int64_t *modified_us;
};

char *mr_delta_log_name(const char *table, int64_t version);
/** mr_delta_list_log - versions must run from 0 without a gap. n = 0: no table. */
MR_CHECK enum mr_code mr_delta_list_log(struct mr_store *s, const char *table,
                                        struct mr_delta_log *ret, struct mr_error *err);
void mr_delta_log_release(struct mr_delta_log *l);

/* One action: the key ("add") and its object. Returning other than MR_OK ends the walk. */
typedef enum mr_code (*mr_delta_action_fn)(void *ctx, const char *kind, const json_t *body,
                                           struct mr_error *err);
/** mr_delta_walk - call fn for each action of one log entry. */
MR_CHECK enum mr_code mr_delta_walk(struct mr_store *s, const char *table, int64_t version,
                                    mr_delta_action_fn fn, void *ctx, struct mr_error *err);
/** mr_delta_walk_text - the same over bytes; `name` is for messages. */
MR_CHECK enum mr_code mr_delta_walk_text(const char *text, size_t n, const char *name,
                                         mr_delta_action_fn fn, void *ctx, struct mr_error *err);
/** mr_delta_can_write - refuse by name what a writer would have to obey and we do not. */
MR_CHECK enum mr_code mr_delta_can_write(const struct mr_delta_snapshot *s, const char *table,
                                         bool overwrite, struct mr_error *err);

#endif
