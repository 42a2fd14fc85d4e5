/*
 * What        owning and naming what a report says
 */
#include <stdarg.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "column/schema.h"
#include "pipe/internal.h"

const char *mr_run_status_name(enum mr_run_status s)
{
    switch (s) {
    case MR_RUN_RUNNING:
        return "running";
    case MR_RUN_DONE:
        return "done";
    case MR_RUN_UNCHANGED:
        return "unchanged";
    case MR_RUN_FAILED:
        return "failed";
    case MR_RUN_SKIPPED:
        return "skipped";
    case MR_RUN_INTERRUPTED:
        return "interrupted";
    case MR_RUN_PLANNED:
        return "planned";
    }
    return "";
}

const char *mr_on_bad_name(enum mr_on_bad b)
{
    static const char *const names[] = { "rescue", "null", "clamp", "round", "fail" };
    return names[b];
}

int64_t mr_report_bad_cells(const struct mr_report *r)
{
    int64_t n = 0;
    for (int i = 0; i < r->n_streams; i++) {
        n += r->streams[i].bad_before;
        for (int k = 0; k < r->streams[i].n_bad; k++)
            n += r->streams[i].bad[k].count;
    }
    return n;
}

void mr_report_warn(struct mr_report *r, const char *fmt, ...)
{
    va_list ap;
    r->warnings = mr_realloc(r->warnings, sizeof *r->warnings * (size_t)(r->n_warnings + 1));
    va_start(ap, fmt);
    r->warnings[r->n_warnings++] = mr_redacted(fmt, ap);
    va_end(ap);
}

void mr_report_release(struct mr_report *r)
{
    for (int i = 0; i < r->n_streams; i++) {
        struct mr_stream_report *s = &r->streams[i];
        mr_free(s->stream);
        mr_free(s->table);
        mr_free(s->key);
        for (int k = 0; k < s->n_pins; k++)
            mr_free(s->pins[k]);
        mr_free(s->pins);
        for (int k = 0; k < s->n_renames; k++) {
            mr_free(s->rename_from[k]);
            mr_free(s->rename_to[k]);
        }
        mr_free(s->rename_from);
        mr_free(s->rename_to);
        mr_bad_counts_free(s->bad, s->n_bad);
        mr_changes_clear(s);
        mr_schema_release(&s->schema);
        mr_free(s->profile);
    }
    mr_free(r->streams);
    for (int i = 0; i < r->n_warnings; i++)
        mr_free(r->warnings[i]);
    mr_free(r->warnings);
    *r = (struct mr_report){ 0 };
}
