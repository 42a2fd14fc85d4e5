/*
 * What        one SQL statement in DuckDB, in a process with nothing else: the engine that `millrace sql` loads
 * Gets        bench-scan MEMORY THREADS SQL [OTHER PAIRS]; with OTHER, both statements in turns, after each ran once
 * Gives       the first row's text columns, one a line (of a COPY nothing); with OTHER "seconds cpu other-seconds other-cpu", a line a pair, and
 *             exit 1 when the two answer differently
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "duck/duck.h"

static double clock_seconds(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(enum mr_code rc, const struct mr_error *err)
{
    if (rc == MR_OK)
        return;
    fprintf(stderr, "bench-scan: %s\n", err->message);
    exit(1);
}

/* The first row's cells, a line each. */
static void ask(struct mr_duck *d, const char *sql, struct mr_buf *ret)
{
    struct mr_error err = { 0 };
    struct mr_duck_result *r = NULL;
    bool row = false;
    mr_buf_clear(ret);
    must(mr_duck_run(d, sql, NULL, &r, &err), &err);
    must(mr_duck_next(r, &row, &err), &err);
    for (int i = 0; row && i < mr_duck_columns(r); i++) {
        size_t n = 0;
        const char *text = mr_duck_text(r, i, &n);
        mr_buf_append(ret, text ? text : "NULL", text ? n : 4);
        mr_buf_putc(ret, '\n');
    }
    mr_duck_result_free(r);
}

static void timed(struct mr_duck *d, const char *sql, struct mr_buf *ret, const char *after)
{
    double wall = clock_seconds(CLOCK_MONOTONIC), cpu = clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
    ask(d, sql, ret);
    printf("%.4f %.4f%s", clock_seconds(CLOCK_MONOTONIC) - wall,
           clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu, after);
}

int main(int argc, char **argv)
{
    struct mr_error err = { 0 };
    struct mr_duck *d = NULL;
    struct mr_buf one = { 0 }, other = { 0 };
    if (argc != 4 && argc != 6)
        return fprintf(stderr, "usage: bench-scan MEMORY THREADS SQL [OTHER PAIRS]\n"), 2;
    const char *const settings[] = { "memory_limit", argv[1], "threads", argv[2], NULL };
    must(mr_duck_open(NULL, settings, &d, &err), &err);
    if (strncmp(argv[3], "COPY ", 5) == 0) {
        must(mr_duck_exec(d, argv[3], &err), &err);
        return 0;
    }
    ask(d, argv[3], &one);
    if (argc == 4) {
        fwrite(one.data, 1, one.len, stdout);
        return 0;
    }
    ask(d, argv[4], &other);
    if (one.len != other.len || memcmp(one.data, other.data, one.len) != 0) {
        fprintf(stderr, "bench-scan: the answers differ:\n%.*s-\n%.*s", (int)one.len, one.data,
                (int)other.len, other.data);
        return 1;
    }
    for (long i = strtol(argv[5], NULL, 10); i > 0; i--) {
        timed(d, argv[3], &one, " ");
        timed(d, argv[4], &other, "\n");
    }
    mr_duck_close(d);
    mr_buf_release(&one);
    mr_buf_release(&other);
    return 0;
}
