/*
 * What        select: [a, b] keeps these columns, in this order
 * Gets        names in the source's spelling
 */
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "column/builder.h"
#include "column/schema.h"
#include "transformer/transformers.h"

struct mr_transformer {
    struct mr_schema out;
    int *from; /* column of the input for each of the output */
};

enum mr_code mr_unknown_column(const struct mr_option_value *v, const char *step, const char *name,
                               const struct mr_schema *in, struct mr_error *err)
{
    struct mr_buf have = { 0 };
    for (int i = 0; i < in->n_fields && have.len < 400; i++)
        mr_buf_printf(&have, "%s%s", i ? ", " : "", in->fields[i].name);
    mr_fail(err, MR_ID_XFORM01, "%s: there is no column '%s'", step, name);
    mr_error_at(err, "%s:%d:%d", v->file ? v->file : "", v->line, v->column);
    enum mr_code rc = mr_error_advise(err, "the columns here are: %s", mr_buf_str(&have));
    mr_buf_release(&have);
    return rc;
}

static void select_close(struct mr_transformer *t)
{
    if (!t)
        return;
    mr_schema_release(&t->out);
    mr_free(t->from);
    mr_free(t);
}

static enum mr_code pick(struct mr_transformer *t, const struct mr_option_value *v, int i,
                         const struct mr_schema *in, struct mr_error *err)
{
    t->from[i] = mr_schema_find(in, v->items[i]);
    if (t->from[i] < 0)
        return mr_unknown_column(v, "select", v->items[i], in, err);
    for (int k = 0; k < i; k++)
        if (t->from[k] == t->from[i]) {
            mr_fail(err, MR_ID_XFORM01, "select: column '%s' is there twice", v->items[i]);
            mr_error_at(err, "%s:%d:%d", v->file ? v->file : "", v->line, v->column);
            return mr_error_advise(err, "name it once");
        }
    t->out.fields = mr_realloc(t->out.fields, sizeof *t->out.fields * (size_t)(i + 1));
    mr_field_copy(&t->out.fields[t->out.n_fields++], &in->fields[t->from[i]]);
    return MR_OK;
}

static enum mr_code select_open(const struct mr_option_value *v, const struct mr_schema *in,
                                struct mr_transformer **ret, const struct mr_schema **ret_out,
                                struct mr_error *err)
{
    struct mr_transformer *t = mr_zalloc(1, sizeof *t);
    t->from = mr_zalloc((size_t)v->n_items, sizeof *t->from);
    enum mr_code rc = MR_OK;
    if (v->n_items == 0) {
        rc = mr_fail(err, MR_ID_XFORM01, "select: needs at least one column");
        mr_error_at(err, "%s:%d:%d", v->file ? v->file : "", v->line, v->column);
        mr_error_advise(err, "write select: [id, total]");
    }
    for (int i = 0; rc == MR_OK && i < v->n_items; i++)
        rc = pick(t, v, i, in, err);
    if (rc != MR_OK) {
        select_close(t);
        return rc;
    }
    *ret = t;
    *ret_out = &t->out;
    return MR_OK;
}

static bool select_needs(const struct mr_option_value *v, const struct mr_schema *in, bool *keep)
{
    for (int i = 0; i < v->n_items; i++) {
        int at = mr_schema_find(in, v->items[i]);
        if (at < 0)
            return false; /* open will say so, with all columns at hand */
        keep[at] = true;
    }
    return v->n_items > 0;
}

static enum mr_code select_apply(struct mr_transformer *t, struct mr_batch *in,
                                 struct mr_batch *out, struct mr_error *err)
{
    (void)err;
    mr_batch_move(out, in, t->from);
    return MR_OK;
}

const struct mr_transformer_type mr_transformer_select = {
    .name = "select",
    .title = "keep these columns, in this order",
    .option = { .key = "select",
                .type = MR_OPT_LIST,
                .doc = "Column names as the source spells them: [id, total]." },
    .needs = select_needs,
    .open = select_open,
    .apply = select_apply,
    .close = select_close,
};
