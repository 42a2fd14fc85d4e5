/*
 * mem.h - every allocation of the program goes through here.
 *
 * mr_alloc and friends never return NULL: when the machine has no memory left they print one error line and end the
 * process with exit code 1. That is safe at any moment, because only a finished commit is visible and a run can be
 * repeated. Buffers whose size comes from data (values, pages, files) use mr_try_*, which returns NULL instead.
 *
 * Test       MR_ALLOC_FAIL_AT=n makes the n-th allocation of the process fail.
 * Thread     any.
 */
#ifndef MR_BASE_MEM_H
#define MR_BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

void *mr_alloc(size_t size) __attribute__((malloc, returns_nonnull));
void *mr_zalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *mr_realloc(void *p, size_t size) __attribute__((returns_nonnull));
char *mr_strdup(const char *s) __attribute__((malloc, returns_nonnull));
char *mr_strndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));
/** mr_asprintf, mr_vasprintf - a formatted string; free with mr_free. */
char *mr_asprintf(const char *fmt, ...)
    __attribute__((malloc, returns_nonnull, format(printf, 1, 2)));
char *mr_vasprintf(const char *fmt, va_list ap)
    __attribute__((malloc, returns_nonnull, format(printf, 1, 0)));
void *mr_try_alloc(size_t size) __attribute__((malloc));
void *mr_try_realloc(void *p, size_t size);
void mr_free(void *p); /* NULL-safe */

/** mr_mem_setup - for main(), before anything large is allocated: large buffers go back to the system when freed. */
void mr_mem_setup(void);
/** mr_peak_rss_bytes - peak resident memory of this process so far. */
uint64_t mr_peak_rss_bytes(void);
/** mr_rss_bytes - resident memory of this process now. */
uint64_t mr_rss_bytes(void);

#endif
