/*
 * What        PostgreSQL's types as trees, and what they land as
 * Guarantees  what is not known here is asked from the server as text, so there is no type that cannot be read
 * Source      oids: PostgreSQL src/include/catalog/pg_type.dat; typmods: numeric.c, varchar.c
 */
#include "wire/pg/pg_type.h"

#include <ctype.h>
#include <string.h>

#include "base/mem.h"
#include "column/schema.h"

#define OID_NUMERIC 1700

static const struct {
    unsigned oid;
    enum mr_pg_wire wire;
} g_base[] = {
    { 16, MR_PG_BOOL },
    { 17, MR_PG_BYTEA },
    { 19, MR_PG_TEXT }, /* name */
    { 20, MR_PG_INT8 },
    { 21, MR_PG_INT2 },
    { 23, MR_PG_INT4 },
    { 25, MR_PG_TEXT },
    { 26, MR_PG_OID },
    { 28, MR_PG_OID },   /* xid */
    { 29, MR_PG_OID },   /* cid */
    { 114, MR_PG_TEXT }, /* json */
    { 650, MR_PG_CIDR },
    { 700, MR_PG_FLOAT4 },
    { 701, MR_PG_FLOAT8 },
    { 774, MR_PG_MACADDR }, /* macaddr8 */
    { 790, MR_PG_MONEY },
    { 829, MR_PG_MACADDR },
    { 869, MR_PG_INET },
    { 1042, MR_PG_BPCHAR },
    { 1043, MR_PG_TEXT }, /* varchar */
    { 1082, MR_PG_DATE },
    { 1083, MR_PG_TIME },
    { 1114, MR_PG_TIMESTAMP },
    { 1184, MR_PG_TIMESTAMPTZ },
    { 1186, MR_PG_INTERVAL },
    { 1266, MR_PG_TIMETZ },
    { 1560, MR_PG_BIT },
    { 1562, MR_PG_BIT }, /* bit varying */
    { OID_NUMERIC, MR_PG_NUMERIC },
    { 2950, MR_PG_UUID },
    { 3802, MR_PG_JSONB },
    { 5069, MR_PG_XID8 },
};

bool mr_pg_numeric_type(int typmod, struct mr_type *ret)
{
    int p = 38, s = 18; /* without precision: checked in both directions */
    if (typmod >= 4) {
        p = ((typmod - 4) >> 16) & 0xFFFF;
        s = (((typmod - 4) & 0x7FF) ^ 1024) - 1024;
        if (s < 0) {
            p -= s;
            s = 0;
        }
        p = s > p ? s : p;
    }
    if (p > 38)
        return false;
    *ret = (struct mr_type){ MR_TYPE_DECIMAL, (uint8_t)p, (uint8_t)s };
    return true;
}

bool mr_pg_base_type(unsigned oid, int typmod, struct mr_pg_type *ret)
{
    struct mr_type decimal;
    for (size_t i = 0; i < sizeof g_base / sizeof *g_base; i++) {
        if (g_base[i].oid != oid)
            continue;
        *ret = (struct mr_pg_type){ .wire = g_base[i].wire, .oid = oid, .typmod = typmod };
        ret->delimiter = ',';
        ret->as_text = ret->wire == MR_PG_NUMERIC && !mr_pg_numeric_type(typmod, &decimal);
        return true;
    }
    return false;
}

void mr_pg_type_copy(struct mr_pg_type *dst, const struct mr_pg_type *src)
{
    *dst = *src;
    dst->name = src->name ? mr_strdup(src->name) : NULL;
    if (src->money) {
        dst->money = mr_alloc(sizeof *dst->money);
        *dst->money = *src->money;
    }
    dst->children =
        src->n_children ? mr_zalloc((size_t)src->n_children, sizeof *dst->children) : NULL;
    for (int i = 0; i < src->n_children; i++)
        mr_pg_type_copy(&dst->children[i], &src->children[i]);
}

void mr_pg_type_release(struct mr_pg_type *t)
{
    for (int i = 0; i < t->n_children; i++)
        mr_pg_type_release(&t->children[i]);
    mr_free(t->children);
    mr_free(t->name);
    mr_free(t->money);
    *t = (struct mr_pg_type){ 0 };
}

bool mr_pg_type_asks(const struct mr_pg_type *t)
{
    bool asks = t->as_text;
    for (int i = 0; i < t->n_children && !asks; i++)
        asks = mr_pg_type_asks(&t->children[i]);
    return asks;
}

/* ---- landing ---- */

static enum mr_type_id landing_id(enum mr_pg_wire w)
{
    static const enum mr_type_id ids[MR_PG_WIRES] = {
        [MR_PG_BOOL] = MR_TYPE_BOOL,
        [MR_PG_INT2] = MR_TYPE_INT16,
        [MR_PG_INT4] = MR_TYPE_INT32,
        [MR_PG_INT8] = MR_TYPE_INT64,
        [MR_PG_FLOAT4] = MR_TYPE_FLOAT32,
        [MR_PG_FLOAT8] = MR_TYPE_FLOAT64,
        [MR_PG_BYTEA] = MR_TYPE_BINARY,
        [MR_PG_DATE] = MR_TYPE_DATE,
        [MR_PG_TIMESTAMP] = MR_TYPE_TIMESTAMP_NTZ,
        [MR_PG_TIMESTAMPTZ] = MR_TYPE_TIMESTAMP,
        [MR_PG_OID] = MR_TYPE_INT64,
        [MR_PG_XID8] = MR_TYPE_INT64,
        [MR_PG_EWKB] = MR_TYPE_BINARY,
        [MR_PG_ARRAY] = MR_TYPE_LIST,
        [MR_PG_COMPOSITE] = MR_TYPE_STRUCT,
        [MR_PG_HSTORE] = MR_TYPE_MAP,
    };
    return ids[w] ? ids[w] : MR_TYPE_STRING;
}

void mr_pg_landing(const struct mr_pg_type *t, struct mr_field *f)
{
    const struct mr_type string = { .id = MR_TYPE_STRING };
    f->type = string;
    if (t->as_text)
        return;
    f->type.id = landing_id(t->wire);
    if (t->wire == MR_PG_NUMERIC)
        (void)mr_pg_numeric_type(t->typmod, &f->type); /* it fits, or as_text were set */
    else if (t->wire == MR_PG_MONEY)
        f->type = (struct mr_type){ MR_TYPE_DECIMAL, 19, t->money ? t->money->scale : 2 };
    else if (t->wire == MR_PG_HSTORE) {
        mr_field_add_child(f, "key", string)->nullable = false;
        mr_field_add_child(f, "value", string);
    }
    for (int i = 0; i < t->n_children; i++) {
        const char *name = t->wire == MR_PG_ARRAY ? "element" : t->children[i].name;
        mr_pg_landing(&t->children[i], mr_field_add_child(f, name, string));
    }
}

/* ---- money ---- */

static bool keep(char *to, size_t cap, const char *from, size_t n)
{
    if (n >= cap)
        return false;
    memcpy(to, from, n);
    to[n] = '\0';
    return true;
}

/* The text before the first digit and after the last one. */
static bool affixes(const char *s, char *prefix, char *suffix, size_t cap)
{
    size_t from = strcspn(s, "0123456789"), to = strlen(s);
    while (to > from && !isdigit((unsigned char)s[to - 1]))
        to--;
    return to > from && keep(prefix, cap, s, from) && keep(suffix, cap, s + to, strlen(s) - to);
}

/* Going back from the last digit: `scale` digits, the point, then groups with separators between. */
bool mr_pg_money_parse(const char *plus, const char *minus, int scale, struct mr_pg_money *ret)
{
    struct mr_pg_money m = { .scale = (uint8_t)scale };
    if (!affixes(plus, m.prefix[0], m.suffix[0], sizeof *m.prefix) ||
        !affixes(minus, m.prefix[1], m.suffix[1], sizeof *m.prefix))
        return false;
    size_t first = strlen(m.prefix[0]), at = strlen(plus) - strlen(m.suffix[0]), digits = 0;
    for (; at > first && digits < (size_t)scale; digits++)
        at--;
    size_t end = at;
    while (scale && at > first && !isdigit((unsigned char)plus[at - 1]))
        at--;
    if (!keep(m.point, sizeof m.point, plus + at, end - at))
        return false;
    for (end = at; at > first && isdigit((unsigned char)plus[at - 1]);)
        at--;
    if (at > first) {
        m.group = (uint8_t)(end - at);
        for (end = at; at > first && !isdigit((unsigned char)plus[at - 1]);)
            at--;
        if (!keep(m.separator, sizeof m.separator, plus + at, end - at))
            return false;
    }
    *ret = m;
    return true;
}
