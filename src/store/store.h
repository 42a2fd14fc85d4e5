/*
 * store.h - where a lake's bytes live: named objects below a root; local disk now, object stores by the same table.
 *
 *   root /data/lake      object "shop/orders/_delta_log/00000000000000000000.json"
 *
 * Names      relative, '/' between parts, no leading '/', no "." or ".." part, no empty part. A symbolic link that
 *            leaves the root is refused.
 * Guarantees put-if-absent is atomic and durable when it returns: readers see the whole object or none, and of
 *            several writers exactly one wins. A streamed object (put_open) is durable after
 *            put_finish and mr_store_sync_folder.
 * Ownership  what is returned in a mr_buf or list belongs to the caller.
 * Thread     a store: any thread. A struct mr_store_put: one at a time.
 */
#ifndef MR_STORE_STORE_H
#define MR_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "millrace/error.h"

struct mr_store;
struct mr_store_put;

struct mr_store_object {
    char *name; /* relative to the store's root */
    uint64_t size;
    int64_t modified_us;
};

struct mr_store_list {
    int n;
    struct mr_store_object *items; /* sorted by name */
};

/** mr_store_open_local - a folder on disk as a store; made by the first put when it is not there. */
MR_CHECK enum mr_code mr_store_open_local(const char *root, struct mr_store **ret,
                                          struct mr_error *err);
void mr_store_close(struct mr_store *s); /* NULL-safe */
/** mr_store_root - the absolute folder, for engines that read files themselves. */
const char *mr_store_root(const struct mr_store *s);

/** mr_store_get - append the whole object to out; MR_E_NOT_FOUND; at most max bytes. */
MR_CHECK enum mr_code mr_store_get(struct mr_store *s, const char *name, size_t max,
                                   struct mr_buf *out, struct mr_error *err);
/** mr_store_stat - size and time; MR_E_NOT_FOUND. ret->name stays NULL. */
MR_CHECK enum mr_code mr_store_stat(struct mr_store *s, const char *name,
                                    struct mr_store_object *ret, struct mr_error *err);
/**
 * mr_store_put_absent - create the object with these bytes, durably, unless the name is taken.
 *
 * Returns  MR_OK; MR_E_EXISTS when another object has the name (nothing is changed, err is filled).
 * Units    modified_us: the object's mtime is made >= this when the store can do it; 0: now.
 */
MR_CHECK enum mr_code mr_store_put_absent(struct mr_store *s, const char *name, const void *p,
                                          size_t n, int64_t modified_us, struct mr_error *err);
/** mr_store_put_whole - as put_absent, but after a power cut the object may be missing; never torn. */
MR_CHECK enum mr_code mr_store_put_whole(struct mr_store *s, const char *name, const void *p,
                                         size_t n, struct mr_error *err);
/** mr_store_put_open - stream a new object; its name must be unique. Invisible rules are the caller's (nobody
 *  reads a data file before a log entry names it). */
MR_CHECK enum mr_code mr_store_put_open(struct mr_store *s, const char *name,
                                        struct mr_store_put **ret, struct mr_error *err);
MR_CHECK enum mr_code mr_store_put_write(struct mr_store_put *p, const void *bytes, size_t n,
                                         struct mr_error *err);
/** mr_store_put_push - nothing more is written: let the disk begin with what it does not have. Does not wait. */
void mr_store_put_push(struct mr_store_put *p);
/** mr_store_put_finish - make the bytes durable and end it, also on error; for the name mr_store_sync_folder. */
MR_CHECK enum mr_code mr_store_put_finish(struct mr_store_put *p, uint64_t *ret_size,
                                          struct mr_error *err);
/** mr_store_sync_folder - make the names of the objects in a folder durable: one call for many of them. */
MR_CHECK enum mr_code mr_store_sync_folder(struct mr_store *s, const char *folder,
                                           struct mr_error *err);
void mr_store_put_abort(struct mr_store_put *p); /* remove what was written; NULL-safe */
/** mr_store_list - objects whose names begin with `prefix` ("shop/orders/_delta_log/"), below one folder, not
 *  recursive unless `deep`; names below folders that do not exist: an empty list. */
MR_CHECK enum mr_code mr_store_list(struct mr_store *s, const char *prefix, bool deep,
                                    struct mr_store_list *ret, struct mr_error *err);
void mr_store_list_release(struct mr_store_list *l);
/** mr_store_list_folders - names of the folders directly below `prefix` ("" or "shop/"), sorted, as list items. */
MR_CHECK enum mr_code mr_store_list_folders(struct mr_store *s, const char *prefix,
                                            struct mr_store_list *ret, struct mr_error *err);
/** mr_store_delete - remove an object; one that is not there is fine. */
MR_CHECK enum mr_code mr_store_delete(struct mr_store *s, const char *name, struct mr_error *err);
/** mr_store_delete_folder - remove a folder that has become empty; others are left. Best effort. */
void mr_store_delete_folder(struct mr_store *s, const char *name);

#endif
