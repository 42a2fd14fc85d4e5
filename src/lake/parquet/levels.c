/*
 * What        Dremel's levels for nested columns
 * Gets        a leaf of the schema, a row
 * Guarantees  every row has at least one entry in every leaf; values come in the order of the leaf's array
 * Source      parquet-format README, "Nested Encoding"
 */
#include "lake/parquet/levels.h"

#include <string.h>

#include "base/mem.h"

static int count(const struct mr_field *f, int depth)
{
    int sum = 0;
    if (depth > MR_PQ_DEPTH)
        return -1;
    if (f->n_children == 0)
        return 1;
    for (int i = 0; i < f->n_children; i++) {
        int n = count(&f->children[i], depth + 1);
        if (n < 0)
            return -1;
        sum += n;
    }
    return sum;
}

int mr_pq_leaf_count(const struct mr_schema *s)
{
    int sum = 0;
    for (int i = 0; i < s->n_fields; i++) {
        int n = count(&s->fields[i], 1);
        if (n < 0)
            return 0;
        sum += n;
    }
    return sum;
}

static bool repeated(const struct mr_field *f)
{
    return f->type.id == MR_TYPE_LIST || f->type.id == MR_TYPE_MAP;
}

/* `way` has the fields above f; add the leaves from f on. */
static int collect(struct mr_pq_leaf *way, const struct mr_field *f, struct mr_pq_leaf *out)
{
    int n = 0;
    way->fields[way->depth++] = f;
    way->max_def += f->nullable;
    if (f->n_children == 0) {
        *out = *way;
        n = 1;
    }
    way->max_def += repeated(f);
    way->max_rep += repeated(f);
    for (int i = 0; i < f->n_children; i++) {
        way->child[way->depth - 1] = i;
        n += collect(way, &f->children[i], out + n);
    }
    way->max_def -= repeated(f) + f->nullable;
    way->max_rep -= repeated(f);
    way->depth--;
    return n;
}

struct mr_pq_leaf *mr_pq_leaves(const struct mr_schema *s)
{
    struct mr_pq_leaf *all = mr_zalloc((size_t)mr_pq_leaf_count(s), sizeof *all);
    for (int i = 0, n = 0; i < s->n_fields; i++) {
        struct mr_pq_leaf way = { .column = i };
        n += collect(&way, &s->fields[i], all + n);
    }
    return all;
}

void mr_pq_leaf_path(const struct mr_pq_leaf *l, struct mr_thrift *t, int16_t id)
{
    size_t n = (size_t)l->depth;
    for (int k = 0; k < l->depth; k++)
        n += repeated(l->fields[k]);
    mr_thrift_list(t, id, MR_THRIFT_BINARY, n);
    mr_thrift_elem_string(t, l->fields[0]->name);
    for (int k = 1; k < l->depth; k++) {
        const struct mr_field *above = l->fields[k - 1];
        if (repeated(above))
            mr_thrift_elem_string(t, above->type.id == MR_TYPE_LIST ? "list" : "key_value");
        mr_thrift_elem_string(t, above->type.id == MR_TYPE_LIST ? "element" : l->fields[k]->name);
    }
}

const struct mr_array *mr_pq_leaf_array(const struct mr_pq_leaf *l, const struct mr_array *column)
{
    for (int k = 0; k + 1 < l->depth; k++)
        column = &column->children[l->child[k]];
    return column;
}

static void add(struct mr_pq_entries *e, int rep, int def, int64_t slot)
{
    if (e->n == e->cap) {
        e->cap = e->cap ? 2 * e->cap : 64;
        e->rep = mr_realloc(e->rep, (size_t)e->cap);
        e->def = mr_realloc(e->def, (size_t)e->cap);
        e->slot = mr_realloc(e->slot, sizeof *e->slot * (size_t)e->cap);
    }
    e->rep[e->n] = (uint8_t)rep;
    e->def[e->n] = (uint8_t)def;
    e->slot[e->n++] = slot;
}

/* Element r of the array that stands for fields[k]; `lists`: how many of the fields above repeat. */
static void shred(const struct mr_pq_leaf *l, int k, const struct mr_array *a, int64_t r, int rep,
                  int def, int lists, struct mr_pq_entries *out)
{
    const struct mr_field *f = l->fields[k];
    if (f->nullable && mr_array_is_null(a, r)) {
        add(out, rep, def, -1);
        return;
    }
    def += f->nullable;
    if (f->n_children == 0) {
        add(out, rep, def, r);
        return;
    }
    const struct mr_array *child = &a->children[l->child[k]];
    if (!repeated(f)) {
        shred(l, k + 1, child, r, rep, def, lists, out);
        return;
    }
    if (a->offsets[r] == a->offsets[r + 1])
        add(out, rep, def, -1);
    for (int64_t i = a->offsets[r]; i < a->offsets[r + 1]; i++)
        shred(l, k + 1, child, i, i == a->offsets[r] ? rep : lists + 1, def + 1, lists + 1, out);
}

void mr_pq_shred(const struct mr_pq_leaf *l, const struct mr_array *column, int64_t r,
                 struct mr_pq_entries *out)
{
    out->n = 0;
    shred(l, 0, column, r, 0, 0, 0, out);
}

void mr_pq_entries_release(struct mr_pq_entries *e)
{
    mr_free(e->rep);
    mr_free(e->def);
    mr_free(e->slot);
    *e = (struct mr_pq_entries){ 0 };
}
