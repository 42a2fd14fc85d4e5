/*
 * What        allocation with a fail-the-n-th switch
 * Gets        sizes
 * Guarantees  mr_alloc never returns NULL; a failure ends the process with one clear line and exit code 1
 * Why this    a run that dies is safe by design (commits are atomic), so checking every small allocation buys nothing
 */
#include "base/mem.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static atomic_long g_countdown = -1; /* -1: not armed or not yet read */
static atomic_bool g_read;

static bool must_fail(void)
{
    if (!atomic_load_explicit(&g_read, memory_order_acquire)) {
        const char *at = secure_getenv("MR_ALLOC_FAIL_AT"); /* IGNORE-BANNED: base/mem */
        atomic_store(&g_countdown, at ? strtol(at, NULL, 10) : -1);
        atomic_store_explicit(&g_read, true, memory_order_release);
    }
    if (atomic_load_explicit(&g_countdown, memory_order_relaxed) < 0)
        return false;
    return atomic_fetch_sub(&g_countdown, 1) == 1;
}

static _Noreturn void die(size_t size)
{
    char line[200];
    int n = snprintf(line, sizeof line,
                     "error MR-E-BASE01: out of memory: %zu bytes could not be allocated\n"
                     "  advice: nothing half-written is visible; run again with more memory, or a "
                     "smaller memory:\n",
                     size);
    if (n > 0 && write(STDERR_FILENO, line, (size_t)n) < 0)
        _exit(1);
    _exit(1);
}

void *mr_try_alloc(size_t size)
{
    return must_fail() ? NULL : malloc(size ? size : 1);
}

void *mr_try_realloc(void *p, size_t size)
{
    return must_fail() ? NULL : realloc(p, size ? size : 1);
}

void *mr_alloc(size_t size)
{
    void *p = mr_try_alloc(size);
    if (!p)
        die(size);
    return p;
}

void *mr_zalloc(size_t count, size_t size)
{
    void *p = must_fail() ? NULL : calloc(count ? count : 1, size ? size : 1);
    if (!p)
        die(size);
    return p;
}

void *mr_realloc(void *p, size_t size)
{
    void *q = mr_try_realloc(p, size);
    if (!q)
        die(size);
    return q;
}

char *mr_strndup(const char *s, size_t n)
{
    size_t len = strnlen(s, n);
    char *p = mr_alloc(len + 1);
    memcpy(p, s, len);
    p[len] = '\0';
    return p;
}

char *mr_strdup(const char *s)
{
    return mr_strndup(s, strlen(s));
}

char *mr_vasprintf(const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    char *p = mr_alloc((size_t)(n < 0 ? 0 : n) + 1);
    p[0] = '\0';
    if (n > 0)
        vsnprintf(p, (size_t)n + 1, fmt, ap);
    return p;
}

char *mr_asprintf(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *p = mr_vasprintf(fmt, ap);
    va_end(ap);
    return p;
}

void mr_free(void *p)
{
    free(p);
}

/* glibc raises the size from which it maps to that of the largest mapping freed: buffers of megabytes would then lie on
 * heaps, whose holes stay resident, a little more with every file. A size that is set stays. */
void mr_mem_setup(void)
{
    mallopt(M_MMAP_THRESHOLD, 128 << 10);
}

/* One "Name: n kB" line of /proc/self/status, in bytes; 0 when it cannot be read. */
static uint64_t status_bytes(const char *name)
{
    char line[256];
    unsigned long long kib = 0;
    size_t n = strlen(name);
    FILE *f = fopen("/proc/self/status", "re");
    while (f && !kib && fgets(line, sizeof line, f))
        if (strncmp(line, name, n) == 0)
            kib = strtoull(line + n, NULL, 10);
    if (f)
        fclose(f);
    return kib * 1024;
}

/* Not getrusage(): its ru_maxrss survives exec, so a large parent's memory would be counted as ours. */
uint64_t mr_peak_rss_bytes(void)
{
    return status_bytes("VmHWM:");
}

uint64_t mr_rss_bytes(void)
{
    return status_bytes("VmRSS:");
}
