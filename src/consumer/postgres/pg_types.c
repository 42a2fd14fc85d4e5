/*
 * What        the catalog of types: one question for all types that columns have, and the trees made of it
 * Guarantees  every type can be read: what has no decoder is asked for as text
 * Source      PostgreSQL "System Catalogs": pg_type, pg_attribute, pg_depend; PostGIS typmods: liblwgeom.h.in
 */
#include "consumer/postgres/pg_types.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "column/schema.h"
#include "consumer/postgres/pg_catalog.h"

#define DEPTH_MAX 16 /* deeper ones are text */
#define OID_MONEY 790

/* A type of the server. Composites have one row per field, all others one. */
struct row {
    unsigned oid;
    const char *name, *extension; /* extension: "" when it is no extension's */
    char kind;                    /* typtype: b, c, d, e, ... */
    unsigned base, element;       /* domain: its base; array: its element */
    int base_typmod;
    char delimiter;
    const char *field; /* NULL: no composite, or one without fields */
    unsigned field_oid;
    int field_typmod;
};

struct types {
    struct mr_pg_result *result; /* owns the texts */
    int n;
    struct row *rows; /* by oid */
    struct mr_pg_money *money;
};

/* ---- load ---- */

/* An array is what its element calls its array; int2vector is none. */
static const char g_types_sql[] =
    "WITH RECURSIVE used(oid) AS (SELECT pg_catalog.unnest('{%s}'::pg_catalog.oid[]) UNION SELECT n.oid FROM used u"
    " JOIN pg_catalog.pg_type t ON t.oid = u.oid CROSS JOIN LATERAL ("
    "SELECT t.typbasetype WHERE t.typtype = 'd'"
    " UNION ALL SELECT e.oid FROM pg_catalog.pg_type e WHERE e.oid = t.typelem AND e.typarray = t.oid"
    " UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a WHERE t.typtype = 'c'"
    " AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) n(oid)) "
    "SELECT t.oid, t.typname, coalesce(x.extname, ''), t.typtype, t.typbasetype, t.typtypmod,"
    " coalesce(e.oid, 0), t.typdelim, a.attname, coalesce(a.atttypid, 0), coalesce(a.atttypmod, -1) "
    "FROM used u JOIN pg_catalog.pg_type t ON t.oid = u.oid"
    " LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND e.typarray = t.oid"
    " LEFT JOIN pg_catalog.pg_attribute a ON t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0"
    " AND NOT a.attisdropped"
    " LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass"
    " AND d.objid = t.oid AND d.deptype = 'e'"
    " LEFT JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid "
    "ORDER BY t.oid, a.attnum";

static int to_int(const char *text)
{
    return (int)strtol(text, NULL, 10);
}

static struct row read_row(const struct mr_pg_result *r, int i)
{
    return (struct row){ .oid = to_oid(mr_pg_cell(r, i, 0)),
                         .name = mr_pg_cell(r, i, 1),
                         .extension = mr_pg_cell(r, i, 2),
                         .kind = mr_pg_cell(r, i, 3)[0],
                         .base = to_oid(mr_pg_cell(r, i, 4)),
                         .base_typmod = to_int(mr_pg_cell(r, i, 5)),
                         .element = to_oid(mr_pg_cell(r, i, 6)),
                         .delimiter = mr_pg_cell(r, i, 7)[0],
                         .field = mr_pg_cell(r, i, 8),
                         .field_oid = to_oid(mr_pg_cell(r, i, 9)),
                         .field_typmod = to_int(mr_pg_cell(r, i, 10)) };
}

/* How many digits money has, and how it is written, hangs on the server's lc_monetary. 1234567.89 in cents: whatever a
 * unit is, 123456789 of the smallest ones. */
static enum mr_code load_money(struct mr_pg *c, struct types *t, struct mr_error *err)
{
    struct mr_pg_result *r = NULL;
    enum mr_code rc = mr_pg_query(
        c,
        "SELECT pg_catalog.scale(m), (123456789 / (10 ^ pg_catalog.scale(m)))::pg_catalog.numeric::pg_catalog.money,"
        " (-123456789 / (10 ^ pg_catalog.scale(m)))::pg_catalog.numeric::pg_catalog.money"
        " FROM (SELECT 1::pg_catalog.money::pg_catalog.numeric) one(m)",
        &r, err);
    if (rc != MR_OK)
        return rc;
    t->money = mr_alloc(sizeof *t->money);
    int scale = to_int(mr_pg_cell(r, 0, 0));
    if (!mr_pg_money_parse(mr_pg_cell(r, 0, 1), mr_pg_cell(r, 0, 2), scale, t->money))
        rc = mr_fail(err, MR_ID_PG02, "the server writes money in a way that is not understood: %s",
                     mr_pg_cell(r, 0, 2));
    mr_pg_result_free(r);
    return rc;
}

static enum mr_code load(struct mr_pg *c, const char *oids, struct types *t, struct mr_error *err)
{
    char *sql = mr_asprintf(g_types_sql, oids);
    bool money = false;
    enum mr_code rc = mr_pg_query(c, sql, &t->result, err);
    mr_free(sql);
    if (rc != MR_OK)
        return rc;
    t->n = mr_pg_rows(t->result);
    t->rows = mr_zalloc((size_t)t->n + 1, sizeof *t->rows);
    for (int i = 0; i < t->n; i++) {
        t->rows[i] = read_row(t->result, i);
        money |= t->rows[i].oid == OID_MONEY;
    }
    return money ? load_money(c, t, err) : MR_OK;
}

static void types_release(struct types *t)
{
    mr_pg_result_free(t->result);
    mr_free(t->rows);
    mr_free(t->money);
}

/* ---- resolve ---- */

static const struct row *find_row(const struct types *t, unsigned oid)
{
    int lo = 0, hi = t->n;
    while (lo < hi) {
        int mid = lo + (hi - lo) / 2;
        if (t->rows[mid].oid < oid)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < t->n && t->rows[lo].oid == oid ? &t->rows[lo] : NULL;
}

static void read_as_text(struct mr_pg_type *t)
{
    for (int i = 0; i < t->n_children; i++)
        mr_pg_type_release(&t->children[i]);
    mr_free(t->children);
    t->children = NULL;
    t->n_children = 0;
    t->as_text = true;
}

static void resolve(const struct types *all, unsigned oid, int typmod, int depth,
                    struct mr_pg_type *ret);

static struct mr_pg_type *add_child(const struct types *all, unsigned oid, int typmod, int depth,
                                    const char *name, struct mr_pg_type *t)
{
    t->children = mr_realloc(t->children, sizeof *t->children * (size_t)(t->n_children + 1));
    struct mr_pg_type *child = &t->children[t->n_children++];
    resolve(all, oid, typmod, depth + 1, child);
    child->oid = oid;
    child->name = name ? mr_strdup(name) : NULL;
    return child;
}

/* T[] where T must be asked for as text is text[]; where only a part of T must be, there is no such cast. */
static void resolve_array(const struct types *all, const struct row *row, int typmod, int depth,
                          struct mr_pg_type *t)
{
    t->wire = MR_PG_ARRAY;
    struct mr_pg_type *element = add_child(all, row->element, typmod, depth, NULL, t);
    if (mr_pg_type_asks(element) && !element->as_text)
        read_as_text(t);
}

static void resolve_composite(const struct types *all, const struct row *row, int depth,
                              struct mr_pg_type *t)
{
    const struct row *end = all->rows + all->n;
    t->wire = MR_PG_COMPOSITE;
    for (const struct row *r = row; r < end && r->oid == row->oid && r->field; r++)
        add_child(all, r->field_oid, r->field_typmod, depth, r->field, t);
    if (t->n_children == 0)
        read_as_text(t);
}

static bool is_extension(const struct row *row, const char *extension, const char *name)
{
    return strcmp(row->extension, extension) == 0 && strcmp(row->name, name) == 0;
}

static void resolve_row(const struct types *all, const struct row *row, int typmod, int depth,
                        struct mr_pg_type *t)
{
    bool postgis = strcmp(row->extension, "postgis") == 0;
    if (row->kind == 'd')
        resolve(all, row->base, row->base_typmod >= 0 ? row->base_typmod : typmod, depth + 1, t);
    else if (row->element)
        resolve_array(all, row, typmod, depth, t);
    else if (row->kind == 'c')
        resolve_composite(all, row, depth, t);
    else if (row->kind == 'e')
        t->wire = MR_PG_TEXT;
    else if (is_extension(row, "citext", "citext"))
        t->wire = MR_PG_TEXT;
    else if (is_extension(row, "hstore", "hstore"))
        t->wire = MR_PG_HSTORE;
    else if (postgis && (strcmp(row->name, "geometry") == 0 || strcmp(row->name, "geography") == 0))
        t->wire = MR_PG_EWKB;
    else
        t->as_text = true;
}

static void resolve(const struct types *all, unsigned oid, int typmod, int depth,
                    struct mr_pg_type *ret)
{
    const struct row *row = find_row(all, oid);
    *ret = (struct mr_pg_type){ .oid = oid, .typmod = typmod, .delimiter = ',' };
    if (row)
        ret->delimiter = row->delimiter;
    if (mr_pg_base_type(oid, typmod, ret)) {
        if (ret->wire != MR_PG_MONEY || !all->money)
            return;
        ret->money = mr_alloc(sizeof *ret->money);
        *ret->money = *all->money;
    } else if (!row || depth > DEPTH_MAX) {
        ret->as_text = true;
    } else {
        resolve_row(all, row, typmod, depth, ret);
    }
}

static void put_signature(const struct mr_pg_type *t, struct mr_buf *out)
{
    mr_buf_printf(out, "%u,%d,%d%s(", t->oid, t->typmod, t->wire, t->as_text ? "t" : "");
    for (int i = 0; i < t->n_children; i++) {
        mr_buf_printf(out, "%s:", t->children[i].name ? t->children[i].name : "");
        put_signature(&t->children[i], out);
    }
    mr_buf_putc(out, ')');
}

/* srid: bits 8 to 28 of PostGIS's typmod, signed. */
static void set_field(const struct mr_pg_type *t, struct mr_field *f)
{
    mr_pg_landing(t, f);
    if (t->wire != MR_PG_EWKB || t->as_text || t->typmod < 0)
        return;
    int srid = (t->typmod & 0x0FFFFF00) / 256 - (t->typmod & 0x10000000) / 256;
    if (srid > 0)
        f->metadata = mr_asprintf("\"srid\":%d", srid);
}

static int by_number(const void *a, const void *b)
{
    unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
    return x < y ? -1 : x > y;
}

/* "16,1700,...": each once. */
static char *used_oids(struct mr_stream *const *streams, int n)
{
    struct mr_buf b = { 0 };
    size_t used = 0, count = 0;
    for (int i = 0; i < n; i++)
        count += (size_t)streams[i]->schema.n_fields;
    unsigned *oids = mr_zalloc(count + 1, sizeof *oids);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < streams[i]->schema.n_fields; k++)
            oids[used++] = ((const struct pg_table *)streams[i]->source)->types[k].oid;
    qsort(oids, used, sizeof *oids, by_number);
    for (size_t i = 0; i < used; i++)
        if (i == 0 || oids[i] != oids[i - 1])
            mr_buf_printf(&b, "%s%u", b.len ? "," : "", oids[i]);
    mr_free(oids);
    return b.len ? mr_buf_take(&b) : mr_strdup("");
}

static void set_types(const struct types *all, struct mr_stream *s)
{
    struct pg_table *t = s->source;
    struct mr_buf signature = { 0 };
    mr_buf_puts(&signature, t->signature ? t->signature : "");
    for (int i = 0; i < s->schema.n_fields; i++) {
        unsigned oid = t->types[i].oid;
        resolve(all, oid, t->types[i].typmod, 0, &t->types[i]);
        t->types[i].oid = oid;
        set_field(&t->types[i], &s->schema.fields[i]);
        put_signature(&t->types[i], &signature);
    }
    mr_free(t->signature);
    t->signature = mr_buf_take(&signature);
}

enum mr_code mr_pg_load_types(struct mr_pg *c, struct mr_stream **streams, int n,
                              struct mr_error *err)
{
    struct types all = { 0 };
    char *oids = used_oids(streams, n);
    enum mr_code rc = load(c, oids, &all, err);
    for (int i = 0; rc == MR_OK && i < n; i++) {
        set_types(&all, streams[i]);
        ((struct pg_table *)streams[i]->source)->validate =
            strcmp(mr_pg_parameter(c, "server_encoding"), "SQL_ASCII") == 0;
    }
    mr_free(oids);
    types_release(&all);
    return rc;
}

/* ---- what to select ---- */

static void put_expr(const struct mr_pg_type *t, const char *expr, struct mr_buf *out)
{
    if (t->as_text) {
        mr_buf_printf(out, "%s::pg_catalog.text", expr);
    } else if (!mr_pg_type_asks(t)) {
        mr_buf_puts(out, expr);
    } else if (t->wire == MR_PG_ARRAY) {
        mr_buf_printf(out, "%s::pg_catalog.text[]", expr);
    } else { /* IS DISTINCT FROM: a composite of NULLs is no NULL */
        mr_buf_printf(out, "CASE WHEN %s IS DISTINCT FROM NULL THEN ROW(", expr);
        for (int i = 0; i < t->n_children; i++) {
            char *name = mr_pg_quote(t->children[i].name);
            char *field = mr_asprintf("(%s).%s", expr, name);
            mr_buf_puts(out, i ? ", " : "");
            put_expr(&t->children[i], field, out);
            mr_free(field);
            mr_free(name);
        }
        mr_buf_puts(out, ") END");
    }
}

char *mr_pg_select_expr(const struct mr_pg_type *t, const char *quoted)
{
    struct mr_buf b = { 0 };
    put_expr(t, quoted, &b);
    return mr_buf_take(&b);
}
