/*
 * io.h - every disk operation that durability rests on, each with its fault points.
 *
 * Errors     MR_E_IO (BASE02) with path and errno; mr_io_link: MR_E_EXISTS through ret_exists.
 * Thread     any.
 */
#ifndef MR_BASE_IO_H
#define MR_BASE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "millrace/error.h"

/** mr_io_create - a new file for writing, mode 0666 & ~umask; fails when it exists. */
MR_CHECK enum mr_code mr_io_create(const char *path, int *ret_fd, struct mr_error *err);
/** mr_io_write - all n bytes. */
MR_CHECK enum mr_code mr_io_write(int fd, const char *path, const void *p, size_t n,
                                  struct mr_error *err);
MR_CHECK enum mr_code mr_io_fsync(int fd, const char *path, struct mr_error *err);
/** mr_io_writeback - ask the kernel to start writing [off, off+n) to disk; never waits, never fails. */
void mr_io_writeback(int fd, uint64_t off, uint64_t n);
MR_CHECK enum mr_code mr_io_close(int fd, const char *path, struct mr_error *err);
/**
 * mr_io_publish - give the synced file `tmp` its final name and remove `tmp`, or say that the name is taken.
 * link(2), else renameat2(RENAME_NOREPLACE), else refused: never overwrites. Does not sync the folder.
 */
MR_CHECK enum mr_code mr_io_publish(const char *tmp, const char *path, bool *ret_exists,
                                    struct mr_error *err);
MR_CHECK enum mr_code mr_io_sync_dir(const char *dir, struct mr_error *err);
/** mr_io_unlink - remove a file; one that is not there is fine. */
MR_CHECK enum mr_code mr_io_unlink(const char *path, struct mr_error *err);
/** mr_io_mkdirs - make the folder and its parents; durable: those that were made are synced into their parents. */
MR_CHECK enum mr_code mr_io_mkdirs(const char *path, bool durable, struct mr_error *err);
/** mr_io_read_file - the whole file, appended to out; MR_E_NOT_FOUND when it is not there; at most max bytes. */
MR_CHECK enum mr_code mr_io_read_file(const char *path, size_t max, struct mr_buf *out,
                                      struct mr_error *err);

#endif
