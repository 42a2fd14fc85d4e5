/*
 * What        the end of a chain: the columns that land, and `_rescued` beside them
 * Gets        a chain's batch with the list of its cells that did not fit
 * Guarantees  what was rescued is one JSON object per row, keys in the order of the columns; the column comes with the first
 *             row that needs it and stays for the rest of the partition
 * Why         the columns are borrowed, not copied: a run in which everything fits pays one comparison per batch
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "column/builder.h"
#include "column/schema.h"
#include "pipe/internal.h"

void mr_landing_open(struct mr_landing *l, const struct mr_schema *landing, const int *from)
{
    struct mr_type text = { .id = MR_TYPE_STRING };
    *l = (struct mr_landing){ .begun = false };
    mr_schema_copy(&l->plain, landing);
    mr_schema_copy(&l->full, landing);
    mr_schema_add(&l->full, MR_RESCUED, text, true, NULL);
    mr_schema_add(&l->extra_schema, MR_RESCUED, text, true, NULL);
    mr_batch_init(&l->extra, &l->extra_schema);
    l->view.columns = mr_zalloc((size_t)l->full.n_fields, sizeof *l->view.columns);
    if (!from)
        return;
    l->from = mr_alloc(sizeof *from * ((size_t)landing->n_fields + 1));
    for (int i = 0; i < landing->n_fields; i++) {
        l->from[i] = from[i];
        l->n_to = from[i] >= l->n_to ? from[i] + 1 : l->n_to;
    }
    l->to = mr_alloc(sizeof *l->to * ((size_t)l->n_to + 1));
    for (int i = 0; i < l->n_to; i++)
        l->to[i] = -1;
    for (int i = 0; i < landing->n_fields; i++)
        l->to[from[i]] = i;
}

void mr_landing_cells(const struct mr_landing *l, struct mr_bad_list *bad)
{
    int n = 0;
    for (int i = 0; i < bad->n && l->from; i++) {
        struct mr_bad_cell c = bad->cells[i];
        c.column = c.column < l->n_to ? l->to[c.column] : -1;
        if (c.column >= 0)
            bad->cells[n++] = c;
    }
    bad->n = l->from ? n : bad->n;
}

void mr_landing_close(struct mr_landing *l)
{
    mr_batch_release(&l->extra);
    mr_schema_release(&l->plain);
    mr_schema_release(&l->full);
    mr_schema_release(&l->extra_schema);
    mr_buf_release(&l->json);
    mr_free(l->view.columns);
    mr_free(l->from);
    mr_free(l->to);
    mr_free(l->cells);
    *l = (struct mr_landing){ .begun = false };
}

/* What is not text stands there as lower-case hex. */
static void put_text(struct mr_buf *out, const char *s, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    if (mr_utf8_valid(s, n)) {
        mr_json_quote(out, s, n);
        return;
    }
    mr_buf_putc(out, '"');
    for (size_t i = 0; i < n; i++) {
        mr_buf_putc(out, hex[(unsigned char)s[i] >> 4]);
        mr_buf_putc(out, hex[s[i] & 15]);
    }
    mr_buf_putc(out, '"');
}

static int by_number(const void *a, const void *b)
{
    const int *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* The rescued cells of one row, from cell i on, as column numbers in order; returns the cell after the row. */
static int cells_of_row(struct mr_landing *l, const struct mr_bad_list *bad, int i, int *ret_n)
{
    int64_t row = bad->cells[i].row;
    bool sorted = true;
    *ret_n = 0;
    for (; i < bad->n && bad->cells[i].row == row; i++) {
        if (bad->cells[i].done != MR_BAD_RESCUE)
            continue;
        if (2 * *ret_n + 2 > l->cap_cells) {
            l->cap_cells = 2 * l->cap_cells + 16;
            l->cells = mr_realloc(l->cells, sizeof *l->cells * (size_t)l->cap_cells);
        }
        sorted &= *ret_n == 0 || l->cells[2 * *ret_n - 2] < bad->cells[i].column;
        l->cells[2 * *ret_n] = bad->cells[i].column;
        l->cells[2 * *ret_n + 1] = i;
        ++*ret_n;
    }
    if (!sorted)
        qsort(l->cells, (size_t)*ret_n, 2 * sizeof *l->cells, by_number);
    return i;
}

static void put_object(struct mr_landing *l, const struct mr_bad_list *bad, int n)
{
    mr_buf_clear(&l->json);
    for (int k = 0; k < n; k++) {
        const struct mr_bad_cell *c = &bad->cells[l->cells[2 * k + 1]];
        const char *name = l->plain.fields[c->column].name;
        mr_buf_putc(&l->json, k ? ',' : '{');
        mr_json_quote(&l->json, name, strlen(name));
        mr_buf_putc(&l->json, ':');
        put_text(&l->json, bad->text + c->text_at, c->text_len);
    }
    mr_buf_putc(&l->json, '}');
}

static enum mr_code fill_extra(struct mr_landing *l, const struct mr_batch *in,
                               struct mr_error *err)
{
    const struct mr_field *f = &l->extra_schema.fields[0];
    struct mr_array *a = &l->extra.columns[0];
    mr_batch_clear(&l->extra);
    enum mr_code rc = mr_batch_reserve(&l->extra, in->n_rows, err);
    int64_t r = 0;
    for (int i = 0; i < in->bad.n && rc == MR_OK;) {
        int64_t row = in->bad.cells[i].row;
        int n = 0;
        i = cells_of_row(l, &in->bad, i, &n);
        if (n == 0)
            continue;
        for (; r < row; r++)
            mr_put_null(f, a, r);
        put_object(l, &in->bad, n);
        rc = mr_put_bytes(a, r++, l->json.data, l->json.len, err);
    }
    for (; rc == MR_OK && r < in->n_rows; r++)
        mr_put_null(f, a, r);
    mr_batch_finish(&l->extra, in->n_rows);
    return rc;
}

static bool any_rescued(const struct mr_bad_list *bad)
{
    for (int i = 0; i < bad->n; i++)
        if (bad->cells[i].done == MR_BAD_RESCUE)
            return true;
    return false;
}

enum mr_code mr_landing_apply(struct mr_landing *l, struct mr_batch *in, struct mr_batch **ret,
                              struct mr_error *err)
{
    struct mr_batch *v = &l->view;
    struct mr_array *columns = v->columns;
    int n = l->plain.n_fields;
    l->begun = l->begun || any_rescued(&in->bad);
    for (int i = 0; i < n; i++)
        columns[i] = in->columns[l->from ? l->from[i] : i];
    *v = *in;
    v->columns = columns;
    v->schema = &l->plain;
    v->bad = (struct mr_bad_list){ 0 };
    if (l->begun) {
        enum mr_code rc = fill_extra(l, in, err);
        if (rc != MR_OK)
            return rc;
        columns[n] = l->extra.columns[0];
        v->schema = &l->full;
    }
    *ret = v;
    return MR_OK;
}
