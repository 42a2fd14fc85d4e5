/*
 * What        checks the names of `bloom_filters` against all tables of the pipeline
 * Why         one list serves many tables, so a name is wrong only when no table has it
 */
#include "loader/delta/bloom_columns.h"

#include <string.h>

#include "base/mem.h"
#include "base/near.h"
#include "column/schema.h"

void mr_bloom_columns_init(struct mr_bloom_columns *b, const struct mr_option_value *asked)
{
    *b = (struct mr_bloom_columns){ .asked = asked };
    b->found = mr_zalloc((size_t)asked->n_items + 1, sizeof *b->found);
    b->names = mr_zalloc(1, sizeof *b->names);
}

void mr_bloom_columns_release(struct mr_bloom_columns *b)
{
    for (int i = 0; i < b->n_names; i++)
        mr_free(b->names[i]);
    mr_free(b->names);
    mr_free(b->found);
}

static int index_of(const struct mr_bloom_columns *b, const char *name)
{
    for (int i = 0; i < b->asked->n_items; i++)
        if (strcmp(b->asked->items[i], name) == 0)
            return i;
    return -1;
}

bool mr_bloom_columns_has(const struct mr_bloom_columns *b, const char *name)
{
    return index_of(b, name) >= 0;
}

static void keep_name(struct mr_bloom_columns *b, const char *name)
{
    b->names = mr_realloc(b->names, sizeof *b->names * (size_t)(b->n_names + 2));
    b->names[b->n_names++] = mr_strdup(name);
    b->names[b->n_names] = NULL;
}

static enum mr_code place(const struct mr_bloom_columns *b, struct mr_error *err)
{
    mr_error_at(err, "%s:%d:%d", b->asked->file ? b->asked->file : "", b->asked->line,
                b->asked->column);
    return err ? err->code : MR_E_CONFIG;
}

/* Of booleans a filter would hold nothing; of floats, 0 and -0 are equal and hash apart. */
static bool can_have_one(const struct mr_field *f)
{
    bool can = f->type.id != MR_TYPE_BOOL && f->type.id != MR_TYPE_FLOAT32 &&
               f->type.id != MR_TYPE_FLOAT64;
    for (int i = 0; i < f->n_children && can; i++)
        can = can_have_one(&f->children[i]);
    return can;
}

enum mr_code mr_bloom_columns_see(struct mr_bloom_columns *b, const struct mr_field *f,
                                  struct mr_error *err)
{
    int i = index_of(b, f->name);
    if (b->asked->n_items)
        keep_name(b, f->name);
    if (i < 0)
        return MR_OK;
    b->found[i] = true;
    if (can_have_one(f))
        return MR_OK;
    struct mr_buf type = { 0 };
    mr_field_type_text(f, &type);
    mr_fail(err, MR_ID_LOAD04, "bloom_filters: %s is %.200s, which can have no Bloom filter",
            f->name, mr_buf_str(&type));
    mr_buf_release(&type);
    place(b, err);
    return mr_error_advise(err, "take %s out of bloom_filters", f->name);
}

enum mr_code mr_bloom_columns_check(const struct mr_bloom_columns *b, struct mr_error *err)
{
    int i = 0;
    while (i < b->asked->n_items && b->found[i])
        i++;
    if (i == b->asked->n_items)
        return MR_OK;
    const char *near = mr_did_you_mean(b->asked->items[i], (const char *const *)b->names);
    mr_fail(err, MR_ID_LOAD03, "bloom_filters: no table has a column '%s'", b->asked->items[i]);
    place(b, err);
    if (near)
        return mr_error_advise(err, "did you mean '%s'?", near);
    return mr_error_advise(err, "millrace discover lists the columns");
}
