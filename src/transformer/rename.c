/*
 * What        rename: {old: new}
 * Guarantees  no two columns end up with one name; the source's spelling stays in the field's metadata
 */
#include <string.h>

#include "base/mem.h"
#include "column/builder.h"
#include "column/schema.h"
#include "transformer/transformers.h"

struct mr_transformer {
    struct mr_schema out;
};

static void rename_close(struct mr_transformer *t)
{
    if (!t)
        return;
    mr_schema_release(&t->out);
    mr_free(t);
}

static void give_name(struct mr_field *f, const char *name)
{
    if (!f->source_name)
        f->source_name = f->name;
    else
        mr_free(f->name);
    f->name = mr_strdup(name);
}

static enum mr_code check_names(const struct mr_transformer *t, const struct mr_option_value *v,
                                struct mr_error *err)
{
    for (int i = 0; i < t->out.n_fields; i++)
        for (int k = 0; k < i; k++)
            if (strcmp(t->out.fields[i].name, t->out.fields[k].name) == 0) {
                mr_fail(err, MR_ID_XFORM01, "rename: two columns would be called '%s'",
                        t->out.fields[i].name);
                mr_error_at(err, "%s:%d:%d", v->file ? v->file : "", v->line, v->column);
                return mr_error_advise(err, "rename the other one too, or drop it with select");
            }
    return MR_OK;
}

static enum mr_code empty_name(const struct mr_option_value *v, const char *old,
                               struct mr_error *err)
{
    mr_fail(err, MR_ID_XFORM01, "rename: the new name of '%s' is empty", old);
    mr_error_at(err, "%s:%d:%d", v->file ? v->file : "", v->line, v->column);
    return mr_error_advise(err, "write rename: {%.100s: another_name}", old);
}

static enum mr_code rename_open(const struct mr_option_value *v, const struct mr_schema *in,
                                struct mr_transformer **ret, const struct mr_schema **ret_out,
                                struct mr_error *err)
{
    struct mr_transformer *t = mr_zalloc(1, sizeof *t);
    enum mr_code rc = MR_OK;
    mr_schema_copy(&t->out, in);
    for (int i = 0; rc == MR_OK && i < v->n_items; i++) {
        int at = mr_schema_find(in, v->keys[i]);
        if (at < 0)
            rc = mr_unknown_column(v, "rename", v->keys[i], in, err);
        else if (!*v->items[i])
            rc = empty_name(v, v->keys[i], err);
        else
            give_name(&t->out.fields[at], v->items[i]);
    }
    if (rc == MR_OK)
        rc = check_names(t, v, err);
    if (rc != MR_OK) {
        rename_close(t);
        return rc;
    }
    *ret = t;
    *ret_out = &t->out;
    return MR_OK;
}

static enum mr_code rename_apply(struct mr_transformer *t, struct mr_batch *in,
                                 struct mr_batch *out, struct mr_error *err)
{
    (void)t;
    (void)err;
    mr_batch_move(out, in, NULL);
    return MR_OK;
}

const struct mr_transformer_type mr_transformer_rename = {
    .name = "rename",
    .title = "give columns other names",
    .option = { .key = "rename",
                .type = MR_OPT_MAP,
                .doc = "Old name: new name, as in {created_at: created}." },
    .open = rename_open,
    .apply = rename_apply,
    .close = rename_close,
};
