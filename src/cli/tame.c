/*
 * What        what is printed for people, without what a terminal would obey: names and values are the source's to choose
 * Guarantees  on a terminal no control character but line ends, tabs and our two colours gets through; where the output is no
 *             terminal, nothing is changed
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "cli/cli.h"

static struct mr_buf g_line;

static size_t colour(const char *p, size_t n)
{
    static const char *const ours[] = { MR_YELLOW, MR_PLAIN };
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (n >= strlen(ours[i]) && memcmp(p, ours[i], strlen(ours[i])) == 0)
            return strlen(ours[i]);
    return 0;
}

void mr_tame(const char *s, size_t n, struct mr_buf *out)
{
    for (size_t i = 0; i < n;) {
        size_t keep = colour(s + i, n - i);
        bool plain = keep || s[i] == '\n' || s[i] == '\t';
        size_t drop = plain ? 0 : mr_utf8_control(s + i, n - i);
        if (drop)
            mr_buf_putc(out, '?');
        else
            mr_buf_append(out, s + i, keep ? keep : 1);
        i += keep ? keep : drop ? drop : 1;
    }
}

/* stdio hands over whole lines, so that no character is cut but in lines longer than its buffer. */
static ssize_t put(void *ctx, const char *s, size_t n)
{
    (void)ctx;
    g_line.len = 0;
    mr_tame(s, n, &g_line);
    for (size_t at = 0; at < g_line.len;) {
        ssize_t k = write(STDOUT_FILENO, g_line.data + at, g_line.len - at);
        if (k < 0)
            return 0;
        at += (size_t)k;
    }
    return (ssize_t)n;
}

void mr_tame_stdout(void)
{
    static char buffer[65536];
    FILE *f = isatty(STDOUT_FILENO)
                  ? fopencookie(NULL, "w", (cookie_io_functions_t){ .write = put })
                  : NULL;
    if (!f)
        return;
    setvbuf(f, buffer, _IOLBF, sizeof buffer);
    stdout = f;
}
