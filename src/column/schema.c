/*
 * What        schemas: copy, compare, find; the names of types
 * Source      type names: Delta protocol, "Primitive Types"
 */
#include "column/schema.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "millrace/transformer.h"

static const struct {
    enum mr_type_id id;
    const char *name;
} g_names[] = {
    { MR_TYPE_BOOL, "boolean" },        { MR_TYPE_INT8, "byte" },
    { MR_TYPE_INT16, "short" },         { MR_TYPE_INT32, "integer" },
    { MR_TYPE_INT64, "long" },          { MR_TYPE_FLOAT32, "float" },
    { MR_TYPE_FLOAT64, "double" },      { MR_TYPE_DATE, "date" },
    { MR_TYPE_TIMESTAMP, "timestamp" }, { MR_TYPE_TIMESTAMP_NTZ, "timestamp_ntz" },
    { MR_TYPE_STRING, "string" },       { MR_TYPE_BINARY, "binary" },
};
#define N_NAMES (sizeof g_names / sizeof *g_names)

static char *dup_or_null(const char *s)
{
    return s ? mr_strdup(s) : NULL;
}

void mr_field_release(struct mr_field *f)
{
    mr_free(f->name);
    mr_free(f->source_name);
    mr_free(f->source_type);
    mr_free(f->comment);
    *f = (struct mr_field){ 0 };
}

void mr_schema_release(struct mr_schema *s)
{
    for (int i = 0; i < s->n_fields; i++)
        mr_field_release(&s->fields[i]);
    mr_free(s->fields);
    *s = (struct mr_schema){ 0 };
}

void mr_field_copy(struct mr_field *dst, const struct mr_field *src)
{
    *dst = *src;
    dst->name = mr_strdup(src->name);
    dst->source_name = dup_or_null(src->source_name);
    dst->source_type = dup_or_null(src->source_type);
    dst->comment = dup_or_null(src->comment);
}

void mr_schema_copy(struct mr_schema *dst, const struct mr_schema *src)
{
    dst->n_fields = src->n_fields;
    dst->fields = mr_zalloc((size_t)src->n_fields, sizeof *dst->fields);
    for (int i = 0; i < src->n_fields; i++)
        mr_field_copy(&dst->fields[i], &src->fields[i]);
}

struct mr_field *mr_schema_add(struct mr_schema *s, const char *name, struct mr_type type,
                               bool nullable, const char *source_type)
{
    s->fields = mr_realloc(s->fields, sizeof *s->fields * (size_t)(s->n_fields + 1));
    struct mr_field *f = &s->fields[s->n_fields++];
    *f = (struct mr_field){ .name = mr_strdup(name),
                            .type = type,
                            .nullable = nullable,
                            .source_type = dup_or_null(source_type) };
    return f;
}

void mr_schema_keep(struct mr_schema *s, const bool *keep)
{
    int n = 0;
    for (int i = 0; i < s->n_fields; i++)
        if (keep[i])
            s->fields[n++] = s->fields[i];
        else
            mr_field_release(&s->fields[i]);
    s->n_fields = n;
}

int mr_schema_find(const struct mr_schema *s, const char *name)
{
    for (int i = 0; i < s->n_fields; i++)
        if (strcmp(s->fields[i].name, name) == 0)
            return i;
    for (int i = 0; i < s->n_fields; i++)
        if (s->fields[i].source_name && strcmp(s->fields[i].source_name, name) == 0)
            return i;
    return -1;
}

bool mr_type_equal(struct mr_type a, struct mr_type b)
{
    return a.id == b.id &&
           (a.id != MR_TYPE_DECIMAL || (a.precision == b.precision && a.scale == b.scale));
}

bool mr_schema_same_layout(const struct mr_schema *a, const struct mr_schema *b)
{
    if (a->n_fields != b->n_fields)
        return false;
    for (int i = 0; i < a->n_fields; i++) {
        const struct mr_field *x = &a->fields[i], *y = &b->fields[i];
        if (strcmp(x->name, y->name) != 0 || !mr_type_equal(x->type, y->type) ||
            x->nullable != y->nullable)
            return false;
    }
    return true;
}

const char *mr_type_name(struct mr_type t, char *buf)
{
    buf[0] = '\0';
    if (t.id == MR_TYPE_DECIMAL)
        snprintf(buf, MR_TYPE_TEXT, "decimal(%d,%d)", t.precision, t.scale);
    for (size_t i = 0; i < N_NAMES; i++)
        if (g_names[i].id == t.id)
            snprintf(buf, MR_TYPE_TEXT, "%s", g_names[i].name);
    return buf;
}

bool mr_type_parse(const char *s, struct mr_type *ret)
{
    int p, sc, used = 0;
    for (size_t i = 0; i < N_NAMES; i++)
        if (strcmp(g_names[i].name, s) == 0) {
            *ret = (struct mr_type){ .id = g_names[i].id };
            return true;
        }
    if (sscanf(s, "decimal(%d,%d)%n", &p, &sc, &used) == 2 && used && !s[used] && p >= 1 &&
        p <= 38 && sc >= 0 && sc <= p) {
        *ret = (struct mr_type){ MR_TYPE_DECIMAL, (uint8_t)p, (uint8_t)sc };
        return true;
    }
    return false;
}

void mr_predicate_list_free(struct mr_predicate_list *l)
{
    for (int i = 0; i < l->n; i++) {
        for (int k = 0; k < l->items[i].n_literals; k++)
            mr_free(l->items[i].literals[k]);
        mr_free(l->items[i].literals);
    }
    mr_free(l->items);
    *l = (struct mr_predicate_list){ 0 };
}
