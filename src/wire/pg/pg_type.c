/*
 * What        PostgreSQL's types as trees, and what they land as
 * Guarantees  what is not known here is asked from the server as text, so there is no type that cannot be read
 * Source      oids: PostgreSQL src/include/catalog/pg_type.dat; typmods: numeric.c, varchar.c
 */
#include "wire/pg/pg_type.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

#include "base/mem.h"
#include "column/schema.h"

#define OID_NUMERIC 1700

static const struct {
    unsigned oid;
    enum mr_pg_wire wire;
    const char *name, *notes; /* docs/types.md */
} g_base[] = {
    { 16, MR_PG_BOOL, "boolean", "" },
    { 17, MR_PG_BYTEA, "bytea", "" },
    { 19, MR_PG_TEXT, "name", "" },
    { 20, MR_PG_INT8, "bigint", "" },
    { 21, MR_PG_INT2, "smallint", "" },
    { 23, MR_PG_INT4, "integer", "" },
    { 25, MR_PG_TEXT, "text", "" },
    { 26, MR_PG_OID, "oid", "" },
    { 28, MR_PG_OID, "xid", "" },
    { 29, MR_PG_OID, "cid", "" },
    { 114, MR_PG_TEXT, "json", "the bytes as they are" },
    { 650, MR_PG_CIDR, "cidr", "always with the netmask: `10.0.0.0/8`" },
    { 700, MR_PG_FLOAT4, "real", "bit by bit, NaN, infinities and -0 too" },
    { 701, MR_PG_FLOAT8, "double precision", "bit by bit, NaN, infinities and -0 too" },
    { 774, MR_PG_MACADDR, "macaddr8", "" },
    { 790, MR_PG_MONEY, "money",
      "decimal(19,d), d: digits of the server's `lc_monetary`, 2 nearly everywhere" },
    { 829, MR_PG_MACADDR, "macaddr", "" },
    { 869, MR_PG_INET, "inet", "always with the netmask, as `::text` has it: `10.0.0.1/32`" },
    { 1042, MR_PG_BPCHAR, "char(n)",
      "without the blanks that fill it up; `char: padded` under `consumer:` keeps them" },
    { 1043, MR_PG_TEXT, "varchar", "" },
    { 1082, MR_PG_DATE, "date", "does not fit: infinity, years before 0001 or after 9999" },
    { 1083, MR_PG_TIME, "time", "`HH:MM:SS[.ffffff]`, up to `24:00:00`" },
    { 1114, MR_PG_TIMESTAMP, "timestamp", "as date, in microseconds, no zone" },
    { 1184, MR_PG_TIMESTAMPTZ, "timestamptz", "as date, in microseconds, UTC" },
    { 1186, MR_PG_INTERVAL, "interval", "ISO 8601, see below" },
    { 1266, MR_PG_TIMETZ, "timetz", "as time, with its offset: `01:02:03.4+05:30`" },
    { 1560, MR_PG_BIT, "bit", "" },
    { 1562, MR_PG_BIT, "bit varying", "" },
    { OID_NUMERIC, MR_PG_NUMERIC, "numeric",
      "does not fit: more than 20 digits before or 18 after the point. numeric(p,s): decimal(p,s); s < 0: decimal(p-s,0); s > p: decimal(s,s); p > 38: string" },
    { 2950, MR_PG_UUID, "uuid", "canonical, lower case" },
    { 3802, MR_PG_JSONB, "jsonb", "the server's text" },
    { 5069, MR_PG_XID8, "xid8", "does not fit: beyond 2^63-1" },
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

/* ---- what help and docs/types.md say ---- */

/* What has no oid of its own. */
static const struct mr_type_doc g_made[] = {
    { "enums, domains", "string; as the base type", "a domain with the precision of its own" },
    { "T[]", "array<T>", "does not fit: more than one dimension, a lower bound other than 1" },
    { "composites", "struct", "of their fields; without fields: string" },
    { "hstore", "map<string,string>", "" },
    { "PostGIS geometry, geography", "binary",
      "EWKB; the column's SRID, where it has one, is `srid` in the field's metadata" },
    { "every other type", "string", "asked from the server as `value::text`" },
};

bool mr_pg_type_doc(int i, char *buf, struct mr_type_doc *ret)
{
    const int n = (int)(sizeof g_base / sizeof *g_base);
    if (i >= n) {
        bool some = i - n < (int)(sizeof g_made / sizeof *g_made);
        if (some)
            *ret = g_made[i - n];
        return some;
    }
    struct mr_pg_type t;
    struct mr_field f = { 0 };
    bool known = mr_pg_base_type(g_base[i].oid, -1, &t);
    assert(known);
    mr_pg_landing(&t, &f);
    *ret = (struct mr_type_doc){ g_base[i].name, mr_type_name(f.type, buf), g_base[i].notes };
    return known;
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
