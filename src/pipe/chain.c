/*
 * What        a stream's transformers, one after the other, ending in the schema that lands
 * Guarantees  the schema is known before a row moves; column names are safe at the end
 */
#include "base/mem.h"
#include "column/builder.h"
#include "column/schema.h"
#include "pipe/internal.h"

enum mr_code mr_chain_open(const struct mr_pipeline *p, const struct mr_schema *in,
                           struct mr_chain *ret, struct mr_error *err)
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
    mr_schema_copy(&c.landing, schema);
    c.renamed = mr_safe_columns(&c.landing);
    if (rc != MR_OK)
        mr_chain_close(&c, p);
    else
        *ret = c;
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
    *ret_batch = in;
    return MR_OK;
}

void mr_chain_close(struct mr_chain *c, const struct mr_pipeline *p)
{
    for (int i = 0; i < c->n; i++) {
        mr_batch_release(&c->outs[i]);
        p->steps[i].type->close(c->steps[i]);
    }
    mr_free(c->steps);
    mr_free(c->outs);
    mr_schema_release(&c->landing);
    *c = (struct mr_chain){ 0 };
}
