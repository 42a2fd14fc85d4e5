/*
 * What        the report of a run, as text for people and as JSON for programs
 * Source      docs/reference/report.schema.json
 */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/timeutil.h"
#include "cli/cli.h"

double mr_stream_seconds(const struct mr_stream_report *s)
{
    if (!s->started_us)
        return 0;
    return (double)((s->ended_us ? s->ended_us : mr_mono_us()) - s->started_us) / 1e6;
}

/* ---- JSON ---- */

static void json_error(struct mr_json *j, const struct mr_error *e)
{
    struct mr_error r = *e;
    mr_redact_error(&r);
    mr_json_open(j, "error", '{');
    mr_json_str(j, "code", mr_error_lookup(r.id)->name);
    mr_json_str(j, "message", r.message);
    mr_json_str(j, "where", r.where);
    mr_json_str(j, "advice", r.advice);
    mr_json_close(j, '}');
}

static double step_seconds(const struct mr_profile *p, enum mr_step step)
{
    return (double)atomic_load_explicit(&p->ns[step], memory_order_relaxed) / 1e9;
}

static void json_profile(struct mr_json *j, const struct mr_profile *p)
{
    mr_json_open(j, "profile", '{');
    for (int i = 0; i < MR_STEP_COUNT; i++)
        mr_json_num(j, mr_step_name((enum mr_step)i), step_seconds(p, (enum mr_step)i), 4);
    mr_json_close(j, '}');
}

void mr_report_changes_json(const struct mr_stream_report *s, struct mr_json *j)
{
    mr_json_open(j, "schema_changes", '[');
    for (int i = 0; i < s->n_changes; i++) {
        const struct mr_schema_change *c = &s->changes[i];
        mr_json_open(j, NULL, '{');
        mr_json_str(j, "change", c->what);
        if (*c->column)
            mr_json_str(j, "column", c->column);
        if (c->from)
            mr_json_str(j, "from", c->from);
        if (c->to)
            mr_json_str(j, "to", c->to);
        mr_json_close(j, '}');
    }
    mr_json_close(j, ']');
}

static void json_bad_values(struct mr_json *j, const struct mr_stream_report *s)
{
    mr_json_open(j, "bad_values", '[');
    for (int i = 0; i < s->n_bad; i++) {
        const struct mr_bad_count *b = &s->bad[i];
        mr_json_open(j, NULL, '{');
        mr_json_str(j, "column", b->column);
        mr_json_str(j, "policy", mr_on_bad_name(b->done));
        mr_json_int(j, "count", b->count);
        mr_json_open(j, "samples", '[');
        for (int k = 0; k < b->n_samples; k++)
            mr_json_str(j, NULL, b->samples[k]);
        mr_json_close(j, ']');
        mr_json_close(j, '}');
    }
    mr_json_close(j, ']');
}

static void json_stream(struct mr_json *j, const struct mr_report *r,
                        const struct mr_stream_report *s)
{
    char position[24];
    snprintf(position, sizeof position, "%" PRId64, s->position);
    mr_json_open(j, NULL, '{');
    mr_json_str(j, "stream", s->stream);
    mr_json_str(j, "table", s->table);
    mr_json_str(j, "status", mr_run_status_name(s->status));
    mr_json_str(j, "consistency", s->consistency);
    mr_json_str(j, "snapshot", s->view_id);
    mr_json_int(j, "rows_read", s->rows_read);
    mr_json_int(j, "rows_written", s->rows_written);
    mr_json_int(j, "bytes_read", s->bytes_read);
    mr_json_int(j, "bytes_written", s->bytes_written);
    mr_json_int(j, "files", s->files);
    mr_json_int(j, "partitions", s->partitions);
    mr_json_int(j, "retries", s->retries);
    mr_json_num(j, "seconds", mr_stream_seconds(s), 3);
    if (s->delta_version >= 0)
        mr_json_int(j, "delta_version", s->delta_version);
    mr_json_str(j, "position", s->position ? position : "");
    mr_json_str(j, "checksum", s->checksum);
    mr_report_changes_json(s, j);
    mr_json_open(j, "renames", '[');
    for (int i = 0; i < s->n_renames; i++) {
        mr_json_open(j, NULL, '{');
        mr_json_str(j, "from", s->rename_from[i]);
        mr_json_str(j, "to", s->rename_to[i]);
        mr_json_close(j, '}');
    }
    mr_json_close(j, ']');
    json_bad_values(j, s);
    if (r->planned)
        mr_plan_stream_json(r, s, j);
    if (s->profile)
        json_profile(j, s->profile);
    if (s->error.code != MR_OK)
        json_error(j, &s->error);
    mr_json_close(j, '}');
}

void mr_report_json(const struct mr_report *r, struct mr_buf *out)
{
    char started[MR_TIME_TEXT];
    struct mr_json j = mr_json_on(out);
    mr_json_open(&j, NULL, '{');
    mr_json_int(&j, "version", 1);
    mr_json_str(&j, "run", r->run_id);
    mr_json_str(&j, "pipeline", r->pipeline);
    mr_json_str(&j, "status", mr_run_status_name(r->status));
    mr_json_str(&j, "started", mr_time_iso(r->started_us, started));
    mr_json_num(&j, "seconds", r->seconds, 3);
    mr_json_num(&j, "cpu_seconds", r->cpu_seconds, 3);
    mr_json_int(&j, "rows", r->rows);
    mr_json_num(&j, "rows_per_cpu_second",
                r->cpu_seconds > 0 ? (double)r->rows / r->cpu_seconds : 0, 0);
    mr_json_int(&j, "peak_memory_bytes", (int64_t)r->peak_memory_bytes);
    mr_json_open(&j, "source", '{');
    mr_json_str(&j, "kind", r->source_kind ? r->source_kind : "");
    if (r->source_cpu_seconds >= 0)
        mr_json_num(&j, "cpu_seconds", r->source_cpu_seconds, 3);
    mr_json_int(&j, "bytes", r->source_bytes);
    mr_json_close(&j, '}');
    mr_json_open(&j, "streams", '[');
    for (int i = 0; i < r->n_streams; i++)
        json_stream(&j, r, &r->streams[i]);
    mr_json_close(&j, ']');
    mr_json_open(&j, "warnings", '[');
    for (int i = 0; i < r->n_warnings; i++)
        mr_json_str(&j, NULL, r->warnings[i]);
    mr_json_close(&j, ']');
    if (r->error.code != MR_OK)
        json_error(&j, &r->error);
    mr_json_close(&j, '}');
}

/* ---- text ---- */

/* What holds this stream up, and what would help. */
static const char *verdict(const struct mr_profile *p)
{
    double wait = step_seconds(p, MR_STEP_WAIT), blocked = step_seconds(p, MR_STEP_BLOCKED);
    double reading = step_seconds(p, MR_STEP_RECEIVE) + step_seconds(p, MR_STEP_DECODE);
    double disk = step_seconds(p, MR_STEP_WRITE) + step_seconds(p, MR_STEP_SYNC);
    double encoding = step_seconds(p, MR_STEP_TRANSFORM) + step_seconds(p, MR_STEP_CHECKSUM) +
                      step_seconds(p, MR_STEP_ENCODE) + step_seconds(p, MR_STEP_COMPRESS);
    if (wait > blocked && wait > reading)
        return "the source is the limit: more --workers, fewer columns or rows, or a faster server";
    if (blocked > reading)
        return disk > encoding
                   ? "the disk is the limit: a faster one, or a lake elsewhere"
                   : "encoding is the limit: more cores, fewer columns, or loader compression: none";
    return "reading and decoding on this machine is the limit: more --workers, where the source takes several";
}

static void text_profile(const struct mr_stream_report *s, FILE *out)
{
    static const char full[] = "################################";
    double sum = 0;
    if (!s->profile)
        return;
    for (int i = 0; i < MR_STEP_COUNT; i++)
        sum += step_seconds(s->profile, (enum mr_step)i);
    fprintf(out, "  where the time of %s went (seconds of all its threads, %lld rows):\n",
            s->stream, (long long)s->rows_read);
    for (int i = 0; i < MR_STEP_COUNT && sum > 0; i++) {
        double t = step_seconds(s->profile, (enum mr_step)i);
        fprintf(out, "    %-10s %8.3f s %5.1f %%  %.*s\n", mr_step_name((enum mr_step)i), t,
                100 * t / sum, (int)(32 * t / sum + 0.5), full);
    }
    fprintf(out, "    %s\n", verdict(s->profile));
}

void mr_report_changes_text(const struct mr_stream_report *s, const char *indent, FILE *out)
{
    for (int i = 0; i < s->n_changes; i++) {
        const struct mr_schema_change *c = &s->changes[i];
        char *what = mr_strdup(c->what);
        for (char *p = what; (p = strchr(p, '_')) != NULL;)
            *p = ' ';
        fprintf(out, "%s%s%s%s", indent, what, *c->column ? ": " : "", c->column);
        if (c->from && c->to)
            fprintf(out, ", %s -> %s", c->from, c->to);
        else if (c->from || c->to)
            fprintf(out, ", %s", c->from ? c->from : c->to);
        fputc('\n', out);
        mr_free(what);
    }
}

static const char *what_was_done(enum mr_on_bad b, bool one)
{
    static const char *const texts[][2] = {
        { "are NULL, their text is in _rescued", "is NULL, its text is in _rescued" },
        { "are NULL", "is NULL" },
        { "became the nearest value", "became the nearest value" },
        { "were rounded", "was rounded" },
        { "failed the table", "failed the table" },
    };
    return texts[b][one];
}

/* What to write so that all values land as they are: text holds anything. */
void mr_report_pins(const struct mr_stream_report *s, struct mr_buf *out)
{
    struct mr_buf b = { 0 };
    for (int i = 0; i < s->n_bad; i++) {
        if (i > 0 && strcmp(s->bad[i].source, s->bad[i - 1].source) == 0)
            continue;
        mr_buf_puts(&b, b.len ? ", " : "");
        mr_json_quote(&b, s->bad[i].source, strlen(s->bad[i].source));
        mr_buf_puts(&b, ": string");
    }
    if (b.len) {
        mr_json_quote(out, s->stream, strlen(s->stream));
        mr_buf_printf(out, ": {columns: {%s}}", b.data);
    }
    mr_buf_release(&b);
}

/* Digits and a point: what did not fit may be digits behind it. */
static bool is_fraction(const char *text)
{
    const char *point = text ? strchr(text, '.') : NULL;
    return point && text[strspn(text, "-0123456789.")] == '\0' && isdigit((unsigned char)point[1]);
}

static void put_round(const struct mr_stream_report *s, FILE *out)
{
    const char *lead = "   # or ";
    for (int i = 0; i < s->n_bad; i++) {
        const struct mr_bad_count *b = &s->bad[i];
        struct mr_buf name = { 0 };
        if (b->done != MR_BAD_RESCUE || !is_fraction(b->text))
            continue;
        mr_json_quote(&name, b->source, strlen(b->source));
        fprintf(out, "%s%s: {on_bad_value: round}", lead, name.data);
        lead = ", ";
        mr_buf_release(&name);
    }
}

bool mr_report_pins_text(const struct mr_stream_report *s, bool lead, FILE *out)
{
    struct mr_buf pins = { 0 };
    mr_report_pins(s, &pins);
    if (pins.len) {
        fprintf(out, "%s      %s",
                lead ? "    to land them as text, under consumer: tables: (with \"*\": {} when the "
                       "file has no tables: yet)\n"
                     : "",
                pins.data);
        put_round(s, out);
        fputc('\n', out);
    }
    lead = pins.len > 0;
    mr_buf_release(&pins);
    return lead;
}

static void text_bad_column(const struct mr_stream_report *s, const struct mr_bad_count *b,
                            bool color, FILE *out)
{
    char count[32];
    fprintf(out, "%s  %s.%s: %s %s not fit and %s:", color ? MR_YELLOW : "", s->stream, b->column,
            mr_human_count(b->count, count), b->count == 1 ? "value did" : "values did",
            what_was_done(b->done, b->count == 1));
    for (int k = 0; k < b->n_samples; k++)
        fprintf(out, "%s %s", k ? ";" : "", b->samples[k]);
    fprintf(out, "%s%s\n", b->count > b->n_samples ? "; ..." : "", color ? MR_PLAIN : "");
}

/* A line per column, then what to write so that all of them land as they are. */
static void text_bad_values(const struct mr_report *r, FILE *out)
{
    const bool color = mr_use_color(out);
    bool said = false;
    for (int i = 0; i < r->n_streams; i++)
        for (int k = 0; k < r->streams[i].n_bad; k++)
            text_bad_column(&r->streams[i], &r->streams[i].bad[k], color, out);
    for (int i = 0; i < r->n_streams; i++)
        said |= mr_report_pins_text(&r->streams[i], !said, out);
}

static void text_error(const struct mr_stream_report *s, FILE *out)
{
    struct mr_error e = s->error;
    if (e.code == MR_OK)
        return;
    mr_redact_error(&e);
    fprintf(out, "  %s failed: %s: %s\n", s->stream, mr_error_lookup(e.id)->name, e.message);
    if (e.advice[0])
        fprintf(out, "    advice: %s\n", e.advice);
}

void mr_report_text(const struct mr_report *r, FILE *out)
{
    char rows[32], mem[32];
    mr_report_lines(
        r, out == stdout && isatty(STDOUT_FILENO) ? mr_terminal_width(STDOUT_FILENO) : 0, out);
    fprintf(out, "%s: %s, %s rows in %.1f s (%.1f CPU s, peak %s)\n", r->pipeline,
            mr_run_status_name(r->status), mr_human_count(r->rows, rows), r->seconds,
            r->cpu_seconds, mr_human_bytes((double)r->peak_memory_bytes, mem));
    for (int i = 0; i < r->n_streams; i++)
        for (int k = 0; k < r->streams[i].n_renames; k++)
            fprintf(out, "  renamed: %s.\"%s\" lands as %s\n", r->streams[i].stream,
                    r->streams[i].rename_from[k], r->streams[i].rename_to[k]);
    for (int i = 0; i < r->n_streams; i++)
        if (r->streams[i].n_changes) {
            fprintf(out, "  schema of %s:\n", r->streams[i].stream);
            mr_report_changes_text(&r->streams[i], "    ", out);
        }
    text_bad_values(r, out);
    for (int i = 0; i < r->n_warnings; i++)
        fprintf(out, "  warning: %s\n", r->warnings[i]);
    for (int i = 0; i < r->n_streams; i++)
        text_profile(&r->streams[i], out);
    for (int i = 0; i < r->n_streams; i++)
        text_error(&r->streams[i], out);
}
