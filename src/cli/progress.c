/*
 * What        progress on stderr: bars on a terminal, log lines elsewhere
 * Guarantees  one write per frame; nothing when nobody looks
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/timeutil.h"
#include "base/utf8.h"
#include "cli/cli.h"

enum mode { MODE_NONE, MODE_BAR, MODE_LOG, MODE_JSON };

struct mr_progress {
    enum mode mode;
    int lines; /* drawn in the last frame */
    int64_t last_us;
};

struct mr_progress *mr_progress_new(const char *mode)
{
    struct mr_progress *p = mr_zalloc(1, sizeof *p);
    if (strcmp(mode, "bar") == 0 || (strcmp(mode, "auto") == 0 && mr_obeys_escapes(STDERR_FILENO)))
        p->mode = MODE_BAR;
    else if (strcmp(mode, "log") == 0 || strcmp(mode, "auto") == 0)
        p->mode = MODE_LOG;
    else if (strcmp(mode, "json") == 0)
        p->mode = MODE_JSON;
    if (p->mode == MODE_BAR || p->mode == MODE_NONE)
        mr_log_setup(MR_LOG_ERROR, MR_LOG_TEXT);
    if (p->mode == MODE_JSON)
        mr_log_setup(MR_LOG_INFO, MR_LOG_JSON);
    return p;
}

void mr_progress_free(struct mr_progress *p)
{
    mr_free(p);
}

static void draw_bar(double part, int cells, struct mr_buf *out)
{
    static const char *const eighths[] = { " ", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
    int full = (int)(part * cells), rest = (int)(part * cells * 8) % 8;
    for (int i = 0; i < cells; i++)
        mr_buf_puts(out, i < full ? "█" : i == full ? eighths[rest] : " ");
}

/* What the figures leave of the line; a line that wraps would not be drawn over. */
static void put_name(const char *name, int width, struct mr_buf *out)
{
    struct mr_buf tame = { 0 };
    int figures = width < 70 ? 32 : width < 90 ? 54 : width < 100 ? 65 : 77;
    int cells = width - 1 - figures;
    cells = cells < 8 ? 8 : cells > 40 ? 40 : cells;
    mr_tame(name, strlen(name), &tame);
    int n = (int)tame.len;
    if (n > cells)
        n = (int)mr_utf8_floor(tame.data, (size_t)cells);
    mr_buf_printf(out, "  %.*s%*s ", n, mr_buf_str(&tame), cells - n, "");
    mr_buf_release(&tame);
}

void mr_progress_line(const struct mr_stream_report *s, double seconds, int width,
                      struct mr_buf *out)
{
    char rows[32], rate[32], mb[32];
    double per = seconds > 0.05 ? (double)s->rows_read / seconds : 0;
    double part = s->partitions > 1 ? (double)s->partitions_done / s->partitions : -1;
    if (s->est_rows > 0 && (double)s->rows_read / (double)s->est_rows > part)
        part = (double)s->rows_read / (double)s->est_rows;
    part = part > 0.99 ? 0.99 : part;
    put_name(s->stream, width, out);
    if (width >= 70) {
        if (part >= 0) {
            draw_bar(part, 16, out);
            mr_buf_printf(out, " %3d%% ", (int)(part * 100));
        } else {
            mr_buf_printf(out, "%22s", "");
        }
    }
    mr_buf_printf(out, "%12s rows %9s/s", mr_human_count(s->rows_read, rows),
                  mr_human_count((int64_t)per, rate));
    if (width >= 90)
        mr_buf_printf(out, " %8s/s",
                      mr_human_bytes(seconds > 0.05 ? (double)s->bytes_read / seconds : 0, mb));
    if (width >= 100 && part > 0.02)
        mr_buf_printf(out, " %4.0f s left", seconds * (1 - part) / part);
}

static void write_out(struct mr_buf *b)
{
    if (write(STDERR_FILENO, b->data, b->len) < 0)
        b->len = 0; /* nobody is there to be told */
}

/* Up to ten lines of running streams and one of totals, in place of the last frame. */
static void draw(struct mr_progress *p, const struct mr_report *r, bool last)
{
    struct mr_buf b = { 0 };
    int width = mr_terminal_width(STDERR_FILENO), lines = 0, settled = 0;
    char rows[32];
    int64_t sum = 0;
    if (p->lines)
        mr_buf_printf(&b, "\033[%dA", p->lines);
    mr_buf_puts(&b, "\033[J");
    for (int i = 0; i < r->n_streams; i++) {
        const struct mr_stream_report *s = &r->streams[i];
        sum += s->rows_read;
        settled += s->status != MR_RUN_RUNNING;
        if (last || s->status != MR_RUN_RUNNING || !s->started || lines == 10)
            continue;
        mr_progress_line(s, (double)(mr_mono_us() - s->started_us) / 1e6, width, &b);
        mr_buf_putc(&b, '\n');
        lines++;
    }
    if (!last) {
        mr_buf_printf(&b, "  %d of %d tables, %s rows, %.1f s\n", settled, r->n_streams,
                      mr_human_count(sum, rows), r->seconds);
        lines++;
    }
    p->lines = lines;
    write_out(&b);
    mr_buf_release(&b);
}

static void log_frame(const struct mr_report *r)
{
    for (int i = 0; i < r->n_streams; i++) {
        const struct mr_stream_report *s = &r->streams[i];
        if (s->status == MR_RUN_RUNNING && s->started)
            mr_log(MR_LOG_INFO, s->stream, "reading", "rows=%lld partitions=%d/%d",
                   (long long)s->rows_read, s->partitions_done, s->partitions);
    }
}

void mr_progress_show(void *progress, const struct mr_report *r)
{
    struct mr_progress *p = progress;
    bool last = r->status != MR_RUN_RUNNING;
    int64_t now = mr_mono_us(), every = p->mode == MODE_BAR ? 100000 : 5000000;
    if (p->mode == MODE_NONE || (!last && now - p->last_us < every))
        return;
    if (!p->last_us && p->mode != MODE_BAR && !last) {
        p->last_us = now; /* the first log line comes after five seconds */
        return;
    }
    p->last_us = now;
    if (p->mode == MODE_BAR)
        draw(p, r, last);
    else if (!last)
        log_frame(r);
}
