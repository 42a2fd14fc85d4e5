/*
 * What        a plan, stream by stream: how it lands, and what of a few rows would not fit
 * Source      docs/reference/report.schema.json
 */
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "cli/cli.h"
#include "column/schema.h"

/* The smallest protocol that a new table of this schema gets. */
static const char *protocol_of(const struct mr_report *r, const struct mr_stream_report *s)
{
    bool ntz = false;
    for (int i = 0; i < s->schema.n_fields; i++)
        ntz |= mr_field_has_type(&s->schema.fields[i], MR_TYPE_TIMESTAMP_NTZ);
    if (r->exact_names)
        return ntz ? "(3,7) timestampNtz, columnMapping" : "(2,5) columnMapping";
    return ntz ? "(3,7) timestampNtz" : "(1,2)";
}

static bool is_pinned(const struct mr_stream_report *s, const struct mr_field *f)
{
    for (int i = 0; i < s->n_pins; i++)
        if (strcmp(s->pins[i], mr_field_source(f)) == 0)
            return true;
    return false;
}

static void text_head(const struct mr_report *r, const struct mr_stream_report *s,
                      const struct mr_pipeline *p, bool target, FILE *out)
{
    char count[32], size[32];
    fprintf(out, "%s (%s", s->stream, s->kind);
    if (s->est_rows >= 0)
        fprintf(out, ", about %s rows", mr_human_count(s->est_rows, count));
    if (target && s->est_bytes >= 0)
        fprintf(out, ", %s", mr_human_bytes((double)s->est_bytes, size));
    if (s->partitions > 1)
        fprintf(out, ", %d partitions", s->partitions);
    fputc(')', out);
    if (target)
        fprintf(out, " -> %s%s, protocol %s", s->table,
                s->write == p->write          ? ""
                : s->write == MR_WRITE_APPEND ? ", appended"
                                              : ", replaced",
                protocol_of(r, s));
    if (target && s->delta_version >= 0)
        fprintf(out, ", now at version %lld", (long long)s->delta_version);
    fputc('\n', out);
}

static const char *type_at_source(const struct mr_field *f)
{
    return f->source_type ? f->source_type : "(no type)";
}

/* Columns of text as wide as what stands in them; one that is very long pushes its own line only. */
static void widths(const struct mr_schema *schema, int *name, int *type)
{
    *name = *type = 0;
    for (int i = 0; i < schema->n_fields; i++) {
        int n = (int)strlen(mr_field_source(&schema->fields[i]));
        int t = (int)strlen(type_at_source(&schema->fields[i]));
        *name = n > *name && n <= 40 ? n : *name;
        *type = t > *type && t <= 40 ? t : *type;
    }
}

static void text_field(const struct mr_stream_report *s, const struct mr_field *f, int name,
                       int source, FILE *out)
{
    static const char *const physical[] = { NULL, "int96", "millis", "fixed" };
    struct mr_buf type = { 0 };
    mr_field_type_text(f, &type);
    fprintf(out, "    %-*s  %-*s -> %s", name, mr_field_source(f), source, type_at_source(f),
            mr_buf_str(&type));
    if (f->source_name)
        fprintf(out, " as %s", f->name);
    if (is_pinned(s, f))
        fputs(", pinned", out);
    if (!f->nullable)
        fputs(", required", out);
    if (physical[f->physical])
        fprintf(out, ", parquet: %s", physical[f->physical]);
    if (f->on_bad != MR_BAD_RESCUE)
        fprintf(out, ", on_bad_value: %s", mr_on_bad_name(f->on_bad));
    fputc('\n', out);
    mr_buf_release(&type);
}

static const char *what_would_be(enum mr_on_bad b)
{
    static const char *const texts[] = { "would be NULL, with their text in _rescued",
                                         "would be NULL", "would become the nearest value",
                                         "would be rounded", "would fail the table" };
    return texts[b];
}

static void text_sample(const struct mr_stream_report *s, FILE *out)
{
    char rows[32], count[32];
    if (s->sampled_rows == 0)
        return;
    mr_human_count(s->sampled_rows, rows);
    if (s->n_bad == 0)
        fprintf(out, "    ✓ tried with %s rows: every value fits\n", rows);
    for (int i = 0; i < s->n_bad; i++) {
        const struct mr_bad_count *b = &s->bad[i];
        fprintf(out, "    %s %s: %s of %s rows tried do not fit and %s: '%s'",
                b->done == MR_BAD_FAIL ? "✗" : "!", b->column, mr_human_count(b->count, count),
                rows, what_would_be(b->done), b->text ? b->text : "");
        if (b->n_samples)
            fprintf(out, " (%s)", b->samples[0]);
        fputc('\n', out);
    }
    mr_report_pins_text(s, true, out);
}

void mr_plan_stream_text(const struct mr_report *r, const struct mr_stream_report *s,
                         const struct mr_pipeline *p, bool target, FILE *out)
{
    int name, source;
    text_head(r, s, p, target, out);
    mr_report_changes_text(s, "    changed: ", out);
    if (s->key)
        fprintf(out, "    key: %s\n", s->key);
    widths(&s->schema, &name, &source);
    for (int i = 0; i < s->schema.n_fields; i++)
        text_field(s, &s->schema.fields[i], name, source, out);
    text_sample(s, out);
    if (s->error.code != MR_OK)
        fprintf(out, "    %s: %s%s%s\n    advice: %s\n",
                s->error.id == MR_ID_PIPE06 ? "would fail" : "cannot be read", s->error.where,
                s->error.where[0] ? ": " : "", s->error.message, s->error.advice);
}

static void json_field(const struct mr_stream_report *s, const struct mr_field *f,
                       struct mr_json *j)
{
    struct mr_buf type = { 0 };
    mr_field_type_text(f, &type);
    mr_json_open(j, NULL, '{');
    mr_json_str(j, "name", f->name);
    mr_json_str(j, "source", mr_field_source(f));
    if (f->source_type)
        mr_json_str(j, "source_type", f->source_type);
    mr_json_str(j, "type", mr_buf_str(&type));
    mr_json_bool(j, "required", !f->nullable);
    mr_json_bool(j, "pinned", is_pinned(s, f));
    mr_json_str(j, "on_bad_value", mr_on_bad_name(f->on_bad));
    mr_json_close(j, '}');
    mr_buf_release(&type);
}

/* What stood there, and the line that lands it as it is; how many there are is in bad_values. */
static void json_examples(const struct mr_stream_report *s, struct mr_json *j)
{
    struct mr_buf pins = { 0 };
    mr_json_open(j, "examples", '[');
    for (int i = 0; i < s->n_bad; i++) {
        mr_json_open(j, NULL, '{');
        mr_json_str(j, "column", s->bad[i].column);
        mr_json_str(j, "text", s->bad[i].text ? s->bad[i].text : "");
        mr_json_str(j, "row", s->bad[i].n_samples ? s->bad[i].samples[0] : "");
        mr_json_close(j, '}');
    }
    mr_json_close(j, ']');
    mr_report_pins(s, &pins);
    if (pins.len)
        mr_json_str(j, "tables", pins.data);
    mr_buf_release(&pins);
}

void mr_plan_stream_json(const struct mr_report *r, const struct mr_stream_report *s,
                         struct mr_json *j)
{
    mr_json_open(j, "plan", '{');
    mr_json_str(j, "kind", s->kind);
    if (s->est_rows >= 0)
        mr_json_int(j, "est_rows", s->est_rows);
    if (s->est_bytes >= 0)
        mr_json_int(j, "est_bytes", s->est_bytes);
    mr_json_str(j, "write", s->write == MR_WRITE_APPEND ? "append" : "overwrite");
    mr_json_str(j, "protocol", protocol_of(r, s));
    mr_json_int(j, "rows_tried", s->sampled_rows);
    json_examples(s, j);
    mr_json_open(j, "columns", '[');
    for (int i = 0; i < s->schema.n_fields; i++)
        json_field(s, &s->schema.fields[i], j);
    mr_json_close(j, ']');
    mr_json_close(j, '}');
}
