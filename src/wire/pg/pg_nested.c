/*
 * What        arrays, composites and hstore into lists, structs and maps
 * Guarantees  nothing outside the value is read; a part that does not fit makes the whole value not fit (MR_E_VALUE)
 * Why         a list has no place for lower bounds, nor for more dimensions than it has levels: such arrays do not fit
 * Source      PostgreSQL arrayfuncs.c array_send, rowtypes.c record_send, contrib/hstore hstore_send
 */
#include "base/mem.h"
#include "wire/pg/pg_column.h"

static enum mr_code damaged(const struct mr_pg_column *c, uint32_t n, struct mr_error *err)
{
    return mr_pg_bad_bytes(c, "its parts do not add up", n, err);
}

/* What array_send and record_send say of a part's type; parts that come as text have another. */
static bool other_type(const struct mr_pg_type *t, unsigned oid)
{
    return t->oid && t->oid != oid && !mr_pg_type_asks(t);
}

/* ---- arrays ---- */

static enum mr_code put_element(const struct mr_pg_column *c, struct mr_pg_cursor *in,
                                struct mr_array *a, int64_t r, struct mr_error *err)
{
    const char *p;
    uint32_t n;
    if (!mr_pg_take_part(in, &p, &n))
        return damaged(c, (uint32_t)(in->end - in->p), err);
    if (p)
        return c->put(c, p, n, a, r, err);
    mr_put_null(c->field, a, r);
    return MR_OK;
}

/* One level of lists: size[0] elements, or lists of the levels below. */
static enum mr_code put_level(const struct mr_pg_column *c, struct mr_pg_cursor *in,
                              const int32_t *size, int levels, struct mr_array *a, int64_t r,
                              struct mr_error *err)
{
    const struct mr_pg_column *element = c->children;
    struct mr_array *to = a->children;
    enum mr_code rc = mr_array_reserve(element->field, to, to->length + size[0] + 1, err);
    for (int32_t i = 0; i < size[0] && rc == MR_OK; i++) {
        rc = levels > 1 ? put_level(element, in, size + 1, levels - 1, to, to->length, err)
                        : put_element(element, in, to, to->length, err);
        to->length += rc == MR_OK;
    }
    return rc == MR_OK ? mr_array_end_list(a, r, err) : rc;
}

static enum mr_code put_array(const struct mr_pg_column *c, const char *p, uint32_t n,
                              struct mr_array *a, int64_t r, struct mr_error *err)
{
    static const int32_t none = 0;
    struct mr_pg_cursor in = { p, p + n };
    struct mr_pg_array_head h;
    if (__builtin_expect(n > c->max_value, 0))
        return mr_pg_too_large(c, n, err);
    if (!mr_pg_take_array(&in, &h) || other_type(&c->type->children[0], h.oid))
        return damaged(c, n, err);
    if (h.dims && (h.dims != c->dims || !h.plain))
        return MR_E_VALUE;
    enum mr_code rc = put_level(c, &in, h.dims ? h.size : &none, h.dims, a, r, err);
    return rc == MR_OK && in.p != in.end ? damaged(c, n, err) : rc;
}

/* ---- composites ---- */

static enum mr_code put_composite(const struct mr_pg_column *c, const char *p, uint32_t n,
                                  struct mr_array *a, int64_t r, struct mr_error *err)
{
    struct mr_pg_cursor in = { p, p + n };
    uint32_t fields, oid;
    enum mr_code rc = MR_OK;
    if (!mr_pg_take32(&in, &fields) || fields != (uint32_t)c->n_children)
        return damaged(c, n, err);
    for (int i = 0; i < c->n_children && rc == MR_OK; i++) {
        if (!mr_pg_take32(&in, &oid) || other_type(c->children[i].type, oid))
            return damaged(c, n, err);
        rc = put_element(&c->children[i], &in, &a->children[i], r, err);
    }
    return rc == MR_OK && in.p != in.end ? damaged(c, n, err) : rc;
}

/* ---- hstore ---- */

static enum mr_code put_hstore(const struct mr_pg_column *c, const char *p, uint32_t n,
                               struct mr_array *a, int64_t r, struct mr_error *err)
{
    struct mr_pg_cursor in = { p, p + n };
    struct mr_array *key = &a->children[0], *value = &a->children[1];
    uint32_t pairs, len;
    const char *part;
    if (__builtin_expect(n > c->max_value, 0))
        return mr_pg_too_large(c, n, err);
    if (!mr_pg_take32(&in, &pairs) || pairs > n / 8)
        return damaged(c, n, err);
    int64_t rows = key->length + pairs + 1;
    enum mr_code rc = mr_array_reserve(c->children[0].field, key, rows, err);
    if (rc == MR_OK)
        rc = mr_array_reserve(c->children[1].field, value, rows, err);
    for (uint32_t i = 0; i < pairs && rc == MR_OK; i++) {
        if (!mr_pg_take_part(&in, &part, &len) || !part)
            return damaged(c, n, err);
        rc = mr_pg_put_text(&c->children[0], part, len, key, key->length, err);
        if (rc == MR_OK)
            rc = put_element(&c->children[1], &in, value, value->length, err);
        key->length += rc == MR_OK;
        value->length += rc == MR_OK;
    }
    if (rc == MR_OK && in.p != in.end)
        return damaged(c, n, err);
    return rc == MR_OK ? mr_array_end_list(a, r, err) : rc;
}

/* ---- which function ---- */

static struct mr_pg_column *make_children(struct mr_pg_column *c, int n)
{
    c->n_children = n;
    c->children = mr_zalloc((size_t)n, sizeof *c->children);
    for (int i = 0; i < n; i++) {
        c->children[i] = (struct mr_pg_column){ .field = &c->field->children[i],
                                                .validate = c->validate,
                                                .max_value = c->max_value,
                                                .shared = c->shared };
        c->children[i].type = c->type;
    }
    return c->children;
}

/* array<array<T>> of T[]: the lists within share the array's type, and only the last has an element of its own. */
static mr_pg_put_fn array_put(struct mr_pg_column *c)
{
    const struct mr_pg_type *element = &c->type->children[0];
    struct mr_pg_column *at = make_children(c, 1);
    bool element_is_list = element->wire == MR_PG_ARRAY && !element->as_text;
    int levels = 1;
    for (; at->field->type.id == MR_TYPE_LIST && !element_is_list && levels < MR_PG_DIMS; levels++)
        at = make_children(at, 1);
    at->type = element;
    mr_pg_column_init(at);
    c->dims = (uint8_t)levels;
    return at->put ? put_array : NULL;
}

static mr_pg_put_fn composite_put(struct mr_pg_column *c)
{
    if (c->field->n_children != c->type->n_children)
        return NULL;
    make_children(c, c->type->n_children);
    for (int i = 0; i < c->n_children; i++) {
        c->children[i].type = &c->type->children[i];
        mr_pg_column_init(&c->children[i]);
        if (!c->children[i].put)
            return NULL;
    }
    return put_composite;
}

static const struct mr_pg_type g_text = { .wire = MR_PG_TEXT };

mr_pg_put_fn mr_pg_nested_put(struct mr_pg_column *c)
{
    enum mr_type_id to = c->field->type.id;
    if (c->type->wire == MR_PG_ARRAY && to == MR_TYPE_LIST)
        return array_put(c);
    if (c->type->wire == MR_PG_COMPOSITE && to == MR_TYPE_STRUCT)
        return composite_put(c);
    if (c->type->wire != MR_PG_HSTORE || to != MR_TYPE_MAP)
        return NULL;
    make_children(c, 2);
    for (int i = 0; i < 2; i++) {
        c->children[i].type = &g_text;
        mr_pg_column_init(&c->children[i]);
    }
    return put_hstore;
}
