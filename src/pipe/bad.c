/*
 * What        counting cells that did not fit, with a few rows of each column as samples
 * Gets        a partition's batches before and after its chain
 * Guarantees  counted is what lands: not what a filter or select left out; counts of a partition that is read again are not
 *             added twice; a million bad cells cost a million increments
 * Why         a row's key is made before the chain, which may drop its columns, and only while its column needs samples
 */
#include <string.h>

#include "base/mem.h"
#include "column/builder.h"
#include "column/schema.h"
#include "pipe/internal.h"

#define POLICIES (MR_BAD_FAIL + 1)
#define TEXT_MAX 60

/* All columns of the key, or none: a part of it does not name a row. */
static void find_keys(struct mr_bad_book *b)
{
    const struct mr_stream *s = b->stream;
    b->keys = mr_alloc(sizeof *b->keys * ((size_t)s->n_key + 1));
    for (int i = 0; i < s->n_key; i++) {
        int at = mr_schema_named(&s->schema, s->key[i]);
        if (at < 0) {
            b->n_keys = 0;
            return;
        }
        b->keys[b->n_keys++] = at;
    }
}

void mr_book_open(struct mr_bad_book *b, const struct mr_stream *s, const struct mr_schema *landing)
{
    *b = (struct mr_bad_book){ .stream = s, .n_landing = landing->n_fields, .partition = -1 };
    b->source_of = mr_alloc(sizeof *b->source_of * ((size_t)landing->n_fields + 1));
    b->sampled = mr_zalloc((size_t)s->schema.n_fields + 1, POLICIES);
    b->entry_of = mr_zalloc(((size_t)landing->n_fields + 1) * POLICIES, sizeof *b->entry_of);
    for (int i = 0; i < landing->n_fields; i++)
        b->source_of[i] = mr_schema_named(&s->schema, mr_field_source(&landing->fields[i]));
    find_keys(b);
}

static void count_release(struct mr_bad_count *c)
{
    for (int i = 0; i < c->n_samples; i++)
        mr_free(c->samples[i]);
    mr_free(c->column);
    mr_free(c->source);
    mr_free(c->text);
}

void mr_bad_counts_free(struct mr_bad_count *c, int n)
{
    for (int i = 0; i < n; i++)
        count_release(&c[i]);
    mr_free(c);
}

void mr_book_close(struct mr_bad_book *b)
{
    mr_bad_counts_free(b->counts, b->n);
    mr_free(b->keys);
    mr_free(b->source_of);
    mr_free(b->sampled);
    mr_free(b->entry_of);
    *b = (struct mr_bad_book){ 0 };
}

/* ---- which row ---- */

/* A key's own cell may be one that did not fit: then its text stands for it. Cells of a row lie together. */
static const struct mr_bad_cell *cell_at(const struct mr_bad_list *l, int near, int column)
{
    int64_t row = l->cells[near].row;
    while (near > 0 && l->cells[near - 1].row == row)
        near--;
    for (; near < l->n && l->cells[near].row == row; near++)
        if (l->cells[near].column == column)
            return &l->cells[near];
    return NULL;
}

static void put_key(const struct mr_bad_book *b, const struct mr_batch *in, int cell,
                    struct mr_buf *out)
{
    int64_t row = in->bad.cells[cell].row;
    mr_buf_clear(out);
    for (int i = 0; i < b->n_keys; i++) {
        const struct mr_field *f = &b->stream->schema.fields[b->keys[i]];
        const struct mr_bad_cell *bad = cell_at(&in->bad, cell, b->keys[i]);
        mr_buf_printf(out, "%s%s=", i ? ", " : "", f->name);
        if (bad)
            mr_text_cut(in->bad.text + bad->text_at, bad->text_len, TEXT_MAX, out);
        else
            mr_cell_text(f, &in->columns[b->keys[i]], row, out);
    }
    if (b->n_keys == 0)
        mr_buf_printf(out, "row %lld", (long long)(in->first_row + row + 1));
    if (b->n_keys == 0 && b->partition >= 0)
        mr_buf_printf(out, " of partition %d", b->partition);
}

void mr_book_keys(struct mr_bad_book *b, struct mr_batch *in)
{
    struct mr_buf key = { 0 };
    int64_t row = -1;
    for (int i = 0; i < in->bad.n; i++) {
        const struct mr_bad_cell *c = &in->bad.cells[i];
        if (b->sampled[c->column * POLICIES + (int)c->done] >= MR_BAD_SAMPLES)
            continue;
        if (c->row != row)
            put_key(b, in, i, &key);
        row = c->row;
        mr_bad_set_key(&in->bad, i, key.data, key.len);
    }
    mr_buf_release(&key);
}

/* ---- how many ---- */

static struct mr_bad_count *entry(struct mr_bad_book *b, const struct mr_schema *landing,
                                  const struct mr_bad_cell *c)
{
    int *at = &b->entry_of[c->column * POLICIES + (int)c->done];
    if (!*at) {
        b->counts = mr_realloc(b->counts, sizeof *b->counts * (size_t)(b->n + 1));
        const struct mr_field *f = &landing->fields[c->column];
        b->counts[b->n] = (struct mr_bad_count){ .column = mr_strdup(f->name),
                                                 .source = mr_strdup(mr_field_source(f)),
                                                 .done = c->done };
        *at = ++b->n;
    }
    return &b->counts[*at - 1];
}

static char *sample_text(const struct mr_bad_list *l, const struct mr_bad_cell *c)
{
    struct mr_buf b = { 0 };
    mr_text_cut(l->text + c->text_at, c->text_len, TEXT_MAX, &b);
    return mr_buf_take(&b);
}

void mr_book_count(struct mr_bad_book *b, const struct mr_schema *landing,
                   const struct mr_bad_list *bad)
{
    for (int i = 0; i < bad->n; i++) {
        const struct mr_bad_cell *c = &bad->cells[i];
        struct mr_bad_count *e = entry(b, landing, c);
        int source = b->source_of[c->column];
        e->count++;
        b->failing |= c->done == MR_BAD_FAIL;
        if (e->n_samples == MR_BAD_SAMPLES || c->key_len == 0)
            continue;
        if (!e->text)
            e->text = sample_text(bad, c);
        e->samples[e->n_samples++] = mr_strndup(bad->text + c->key_at, c->key_len);
        if (source >= 0)
            b->sampled[source * POLICIES + (int)c->done] = (uint8_t)e->n_samples;
    }
}

enum mr_code mr_book_error(const struct mr_bad_book *b, struct mr_error *err)
{
    struct mr_buf what = { 0 };
    const char *first = NULL;
    for (int i = 0; i < b->n; i++) {
        const struct mr_bad_count *c = &b->counts[i];
        if (c->done != MR_BAD_FAIL)
            continue;
        mr_buf_printf(&what, "%s%s: %lld%s%s", first ? "; " : "", c->column, (long long)c->count,
                      c->n_samples ? ", as in " : "", c->n_samples ? c->samples[0] : "");
        if (c->text)
            mr_buf_printf(&what, " '%s'", c->text);
        first = first ? first : c->source;
    }
    mr_fail(err, MR_ID_PIPE06, "%s: values that do not fit their columns: %s", b->stream->id,
            mr_buf_str(&what));
    mr_buf_release(&what);
    return mr_error_advise(
        err,
        "correct the source, or pin the column: tables: {\"%s\": {columns: {\"%s\": "
        "string}}}, or say on_bad_value: rescue there",
        b->stream->id, first ? first : "");
}

/* ---- into the report ---- */

static void add_count(struct mr_stream_report *r, struct mr_bad_count *c)
{
    struct mr_bad_count *to = NULL;
    for (int i = 0; i < r->n_bad && !to; i++)
        if (r->bad[i].done == c->done && strcmp(r->bad[i].column, c->column) == 0)
            to = &r->bad[i];
    if (!to) {
        r->bad = mr_realloc(r->bad, sizeof *r->bad * (size_t)(r->n_bad + 1));
        r->bad[r->n_bad++] = *c;
        *c = (struct mr_bad_count){ 0 };
        return;
    }
    to->count += c->count;
    for (int i = 0; i < c->n_samples && to->n_samples < MR_BAD_SAMPLES; i++) {
        to->samples[to->n_samples++] = c->samples[i];
        c->samples[i] = NULL;
    }
}

static int column_rank(const struct mr_schema *s, const struct mr_bad_count *c)
{
    return POLICIES * mr_schema_named(s, c->column) + (int)c->done;
}

void mr_book_merge(struct mr_bad_book *b, struct mr_stream_report *r)
{
    for (int i = 0; i < b->n; i++)
        add_count(r, &b->counts[i]);
    for (int i = 1; i < r->n_bad && b->n; i++) { /* few, and in order but for the new ones */
        struct mr_bad_count c = r->bad[i];
        int k = i;
        for (; k > 0 && column_rank(&r->schema, &r->bad[k - 1]) > column_rank(&r->schema, &c); k--)
            r->bad[k] = r->bad[k - 1];
        r->bad[k] = c;
    }
}
