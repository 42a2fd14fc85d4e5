/*
 * What        pins: which type a column of the server may land as, and how it is read then
 * Guarantees  what is allowed here has a function in the decoder (mr_pg_decodes)
 * Why         a pinned string is the server's own text, so everything can be one
 */
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "column/schema.h"
#include "consumer/postgres/pg_types.h"
#include "wire/pg/pg_copy.h"

void mr_pg_keep_padding(struct mr_pg_type *t)
{
    if (t->wire == MR_PG_BPCHAR)
        t->wire = MR_PG_TEXT;
    for (int i = 0; i < t->n_children; i++)
        mr_pg_keep_padding(&t->children[i]);
}

static int rank_of_int(enum mr_type_id id)
{
    return id == MR_TYPE_INT16 ? 1 : id == MR_TYPE_INT32 ? 2 : id == MR_TYPE_INT64 ? 3 : 0;
}

/* A type without parts, as something that is no string. */
static bool may_be(enum mr_pg_wire w, struct mr_type own, struct mr_type to)
{
    bool timestamp = w == MR_PG_TIMESTAMP || w == MR_PG_TIMESTAMPTZ;
    bool whole = w == MR_PG_INT2 || w == MR_PG_INT4 || w == MR_PG_INT8;
    switch (to.id) {
    case MR_TYPE_INT16:
    case MR_TYPE_INT32:
    case MR_TYPE_INT64:
        return (whole && rank_of_int(to.id) >= rank_of_int(own.id)) ||
               (to.id == MR_TYPE_INT64 &&
                (w == MR_PG_NUMERIC || w == MR_PG_OID || w == MR_PG_XID8));
    case MR_TYPE_FLOAT64:
        return w == MR_PG_FLOAT8 || w == MR_PG_FLOAT4 || w == MR_PG_NUMERIC;
    case MR_TYPE_DECIMAL:
        return whole || w == MR_PG_NUMERIC || w == MR_PG_MONEY || w == MR_PG_OID || w == MR_PG_XID8;
    case MR_TYPE_DATE:
        return w == MR_PG_DATE || timestamp;
    case MR_TYPE_TIMESTAMP:
    case MR_TYPE_TIMESTAMP_NTZ:
        return timestamp;
    case MR_TYPE_BINARY:
        return w == MR_PG_BYTEA || w == MR_PG_EWKB || w == MR_PG_TEXT || w == MR_PG_BPCHAR;
    case MR_TYPE_BOOL:
    case MR_TYPE_INT8:
    case MR_TYPE_FLOAT32:
    case MR_TYPE_STRING:
    case MR_TYPE_LIST:
    case MR_TYPE_STRUCT:
    case MR_TYPE_MAP:
        break;
    }
    return mr_type_equal(own, to);
}

static struct mr_type own_type(const struct mr_pg_type *t)
{
    struct mr_field f = { 0 };
    mr_pg_landing(t, &f);
    struct mr_type type = f.type;
    mr_field_release(&f);
    return type;
}

static bool pin_type(struct mr_pg_type *t, const struct mr_field *pin);

/* array<array<T>> of T[]: one level of the pin per dimension. */
static bool pin_array(struct mr_pg_type *t, const struct mr_field *pin)
{
    struct mr_pg_type *element = &t->children[0];
    const struct mr_field *to = &pin->children[0];
    if (pin->type.id != MR_TYPE_LIST || t->as_text)
        return false;
    while (to->type.id == MR_TYPE_LIST && element->wire != MR_PG_ARRAY)
        to = &to->children[0];
    return pin_type(element, to) && (element->as_text || !mr_pg_type_asks(element));
}

static bool pin_composite(struct mr_pg_type *t, const struct mr_field *pin)
{
    bool ok = pin->type.id == MR_TYPE_STRUCT && pin->n_children == t->n_children;
    for (int i = 0; i < t->n_children && ok; i++)
        ok = strcmp(pin->children[i].name, t->children[i].name) == 0 &&
             pin_type(&t->children[i], &pin->children[i]);
    return ok;
}

static bool is_string(const struct mr_field *f)
{
    return f->type.id == MR_TYPE_STRING;
}

static bool pin_type(struct mr_pg_type *t, const struct mr_field *pin)
{
    struct mr_type own = own_type(t);
    if (is_string(pin)) {
        t->as_text |= own.id != MR_TYPE_STRING || t->wire == MR_PG_INTERVAL;
        return true;
    }
    if (t->wire == MR_PG_NUMERIC)
        t->as_text = false; /* of more than 38 digits, perhaps; the pin says how many there are */
    if (t->as_text)
        return false;
    if (t->wire == MR_PG_ARRAY)
        return pin_array(t, pin);
    if (t->wire == MR_PG_COMPOSITE)
        return pin_composite(t, pin);
    if (t->wire == MR_PG_HSTORE)
        return pin->type.id == MR_TYPE_MAP && is_string(&pin->children[0]) &&
               is_string(&pin->children[1]);
    return may_be(t->wire, own, pin->type);
}

static void take_children(struct mr_field *f, const struct mr_field *pin)
{
    for (int i = 0; i < f->n_children; i++)
        mr_field_release(&f->children[i]);
    mr_free(f->children);
    f->type = pin->type;
    f->n_children = pin->n_children;
    f->children = pin->n_children ? mr_zalloc((size_t)pin->n_children, sizeof *f->children) : NULL;
    for (int i = 0; i < f->n_children; i++)
        mr_field_copy(&f->children[i], &pin->children[i]);
}

bool mr_pg_pin_type(struct mr_pg_type *t, struct mr_field *f, const struct mr_field *pin)
{
    struct mr_pg_type changed;
    mr_pg_type_copy(&changed, t);
    if (!pin_type(&changed, pin) || !mr_pg_decodes(&changed, pin)) {
        mr_pg_type_release(&changed);
        return false;
    }
    mr_pg_type_release(t);
    *t = changed;
    take_children(f, pin);
    return true;
}

void mr_pg_pins_text(const struct mr_pg_type *t, struct mr_buf *out)
{
    static const struct {
        enum mr_type_id id;
        const char *text;
    } all[] = {
        { MR_TYPE_BOOL, "boolean" },         { MR_TYPE_INT16, "short" },
        { MR_TYPE_INT32, "integer" },        { MR_TYPE_INT64, "long" },
        { MR_TYPE_FLOAT32, "float" },        { MR_TYPE_FLOAT64, "double" },
        { MR_TYPE_DECIMAL, "decimal(p,s)" }, { MR_TYPE_DATE, "date" },
        { MR_TYPE_TIMESTAMP, "timestamp" },  { MR_TYPE_TIMESTAMP_NTZ, "timestamp_ntz" },
        { MR_TYPE_BINARY, "binary" },
    };
    struct mr_type own = own_type(t);
    mr_buf_puts(out, "string");
    for (size_t i = 0; i < sizeof all / sizeof *all && t->wire < MR_PG_ARRAY; i++) {
        bool as_text = t->as_text && t->wire != MR_PG_NUMERIC;
        if (!as_text && may_be(t->wire, own, (struct mr_type){ .id = all[i].id }))
            mr_buf_printf(out, ", %s", all[i].text);
    }
    if (t->as_text || t->wire < MR_PG_ARRAY)
        return;
    struct mr_field f = { 0 };
    mr_pg_landing(t, &f);
    mr_buf_puts(out, ", ");
    mr_field_type_text(&f, out);
    if (t->wire == MR_PG_ARRAY)
        mr_buf_puts(out, ", or array<array<...>> where the arrays have two dimensions");
    mr_field_release(&f);
}

bool mr_pg_may_misfit(const struct mr_pg_type *t, const struct mr_field *f, bool validate)
{
    bool whole = t->wire == MR_PG_INT2 || t->wire == MR_PG_INT4 || t->wire == MR_PG_INT8;
    bool text = t->wire == MR_PG_TEXT || t->wire == MR_PG_BPCHAR || t->wire == MR_PG_JSONB;
    if (t->as_text || text)
        return validate;
    return !(whole && rank_of_int(f->type.id)) && t->wire != MR_PG_BOOL &&
           t->wire != MR_PG_FLOAT4 && t->wire != MR_PG_FLOAT8 && t->wire != MR_PG_UUID &&
           t->wire != MR_PG_BYTEA;
}
