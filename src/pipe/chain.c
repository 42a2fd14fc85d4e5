/*
 * What        a stream's transformers, one after the other, ending in the schema that lands
 * Guarantees  the schema is known before a row moves; at the end column names are safe, and columns with an `order` stand
 *             first
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "column/builder.h"
#include "column/schema.h"
#include "pipe/internal.h"

/* ---- order ---- */

struct rank {
    int order, at;
};

static int by_rank(const void *a, const void *b)
{
    const struct rank *x = a, *y = b;
    return x->order != y->order ? (x->order > y->order) - (x->order < y->order) : x->at - y->at;
}

static int order_of(const struct mr_field *f, const struct mr_place_list *l)
{
    const char *name = mr_field_source(f);
    for (int i = 0; i < l->n; i++)
        if (strcmp(l->items[i].column, name) == 0)
            return l->items[i].order;
    return INT_MAX;
}

/* Which column stands at i; NULL when all stand where they are. */
static int *arrange(const struct mr_schema *s, const struct mr_place_list *l)
{
    bool moved = false;
    if (l->n == 0)
        return NULL;
    struct rank *ranks = mr_zalloc((size_t)s->n_fields + 1, sizeof *ranks);
    int *from = mr_zalloc((size_t)s->n_fields + 1, sizeof *from);
    for (int i = 0; i < s->n_fields; i++)
        ranks[i] = (struct rank){ order_of(&s->fields[i], l), i };
    qsort(ranks, (size_t)s->n_fields, sizeof *ranks, by_rank);
    for (int i = 0; i < s->n_fields; i++) {
        from[i] = ranks[i].at;
        moved |= from[i] != i;
    }
    mr_free(ranks);
    if (!moved) {
        mr_free(from);
        return NULL;
    }
    return from;
}

static void reorder(struct mr_schema *s, const int *from)
{
    struct mr_field *fields = mr_zalloc((size_t)s->n_fields + 1, sizeof *fields);
    for (int i = 0; i < s->n_fields; i++)
        fields[i] = s->fields[from[i]];
    mr_free(s->fields);
    s->fields = fields;
}

/* ---- chain ---- */

/* The end of the chain: names first, so that they do not depend on the order. */
static void land(struct mr_chain *c, const struct mr_pipeline *p, const struct mr_schema *last,
                 const struct mr_place_list *places)
{
    mr_schema_copy(&c->landing, last);
    c->renamed = p->exact_names ? 0 : mr_safe_columns(&c->landing);
    c->from = arrange(&c->landing, places);
    if (!c->from)
        return;
    reorder(&c->landing, c->from);
    mr_batch_init(&c->ordered, &c->landing);
}

enum mr_code mr_chain_open(const struct mr_pipeline *p, const struct mr_schema *in,
                           const struct mr_place_list *places, struct mr_chain *ret,
                           struct mr_error *err)
{
    const struct mr_schema *schema = in;
    enum mr_code rc = MR_OK;
    struct mr_chain c = { 0 };
    c.steps = mr_zalloc((size_t)p->n_steps, sizeof *c.steps);
    c.outs = mr_zalloc((size_t)p->n_steps, sizeof *c.outs);
    for (; c.n < p->n_steps; c.n++) {
        const struct mr_transform_step *step = &p->steps[c.n];
        const struct mr_schema *next = NULL;
        rc = step->type->open(&step->value, schema, &c.steps[c.n], &next, err);
        if (rc != MR_OK)
            break;
        mr_batch_init(&c.outs[c.n], next);
        schema = next;
    }
    if (rc == MR_OK) {
        *ret = c;
        land(ret, p, schema, places);
    } else {
        mr_chain_close(&c, p);
    }
    return rc;
}

enum mr_code mr_chain_apply(struct mr_chain *c, const struct mr_pipeline *p, struct mr_batch *in,
                            struct mr_batch **ret_batch, struct mr_error *err)
{
    for (int i = 0; i < c->n; i++) {
        mr_batch_clear(&c->outs[i]);
        enum mr_code rc = p->steps[i].type->apply(c->steps[i], in, &c->outs[i], err);
        if (rc != MR_OK)
            return rc;
        in = &c->outs[i];
    }
    if (c->from) {
        mr_batch_clear(&c->ordered);
        mr_batch_move(&c->ordered, in, c->from);
        in = &c->ordered;
    }
    *ret_batch = in;
    return MR_OK;
}

void mr_chain_close(struct mr_chain *c, const struct mr_pipeline *p)
{
    for (int i = 0; i < c->n; i++) {
        mr_batch_release(&c->outs[i]);
        p->steps[i].type->close(c->steps[i]);
    }
    mr_batch_release(&c->ordered);
    mr_free(c->from);
    mr_free(c->steps);
    mr_free(c->outs);
    mr_schema_release(&c->landing);
    *c = (struct mr_chain){ 0 };
}
