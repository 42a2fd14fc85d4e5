/*
 * What        a run's tables, one line each: what landed where, how fast
 * Guarantees  columns are as wide as what stands in them; on a terminal that is too narrow the rate is left out first, then
 *             the place in the lake, and only names can make a line wrap
 */
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"

enum cell {
    CELL_NAME,
    CELL_TABLE,
    CELL_STATUS,
    CELL_ROWS,
    CELL_RATE,
    CELL_BYTES,
    CELL_VERSION,
    CELL_TIME
};
#define N_CELLS 8
#define NAME_MAX 40 /* a longer name pushes its own line to the right, not all of them */

struct line {
    const char *text[N_CELLS];
    char made[N_CELLS][64];
};

/* What is in the table by this run: not what was read, of which a filter may have dropped some. */
static int64_t rows_of(const struct mr_stream_report *s)
{
    return s->status == MR_RUN_DONE || s->status == MR_RUN_UNCHANGED ? s->rows_landed
                                                                     : s->rows_read;
}

static void fill(const struct mr_stream_report *s, struct line *l)
{
    char count[32];
    double sec = mr_stream_seconds(s);
    *l = (struct line){ 0 };
    for (int i = 0; i < N_CELLS; i++)
        l->text[i] = l->made[i];
    l->text[CELL_NAME] = s->stream;
    l->text[CELL_TABLE] = s->table;
    l->text[CELL_STATUS] = mr_run_status_name(s->status);
    if (s->delta_version >= 0)
        snprintf(l->made[CELL_VERSION], 64, "v%" PRId64, s->delta_version);
    if (s->committed_before) {
        snprintf(l->made[CELL_ROWS], 64, "already there");
        return;
    }
    snprintf(l->made[CELL_ROWS], 64, "%s rows", mr_human_count(rows_of(s), count));
    if (sec > 0.001)
        snprintf(l->made[CELL_RATE], 64, "%s/s",
                 mr_human_count((int64_t)((double)s->rows_read / sec), count));
    mr_human_bytes((double)s->bytes_written, l->made[CELL_BYTES]);
    snprintf(l->made[CELL_TIME], 64, "%.1f s", sec);
}

static int total(const int *width)
{
    int n = 0;
    for (int i = 0; i < N_CELLS; i++)
        n += width[i] ? width[i] + 2 : 0;
    return n;
}

static void put(const struct line *l, const int *width, FILE *out)
{
    for (int i = 0; i < N_CELLS; i++) {
        bool left = i <= CELL_STATUS || i == CELL_VERSION;
        if (width[i])
            fprintf(out, "  %*s", left ? -width[i] : width[i], l->text[i]);
    }
    fputc('\n', out);
}

void mr_report_lines(const struct mr_report *r, int columns, FILE *out)
{
    int width[N_CELLS] = { 0 };
    struct line l;
    for (int i = 0; i < r->n_streams; i++) {
        fill(&r->streams[i], &l);
        for (int k = 0; k < N_CELLS; k++) {
            int n = (int)strlen(l.text[k]);
            n = k <= CELL_TABLE && n > NAME_MAX ? NAME_MAX : n;
            width[k] = n > width[k] ? n : width[k];
        }
    }
    if (columns && total(width) > columns)
        width[CELL_RATE] = 0;
    if (columns && total(width) > columns)
        width[CELL_TABLE] = 0;
    for (int i = 0; i < r->n_streams; i++) {
        fill(&r->streams[i], &l);
        put(&l, width, out);
    }
}
