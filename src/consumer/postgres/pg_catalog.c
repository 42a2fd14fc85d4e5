/*
 * What        questions to the catalog: which tables with which columns, and which keys
 * Guarantees  a table that cannot be read carries its own error; the others go on
 * Source      PostgreSQL "System Catalogs": pg_class, pg_attribute, pg_index
 */
#include "consumer/postgres/pg_catalog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/mem.h"
#include "column/schema.h"
#include "consumer/postgres/pg_types.h"

/* ---- tables ---- */

/* Of each column what add_column needs; `a` is one of pg_attribute's rows or looks like one. */
#define COLUMN_CELLS                                                                               \
    " a.attname, a.atttypid, a.atttypmod, pg_catalog.format_type(a.atttypid, a.atttypmod),"        \
    " pg_catalog.col_description(a.attrelid, a.attnum)"

static const char g_tables_sql[] =
    "SELECT c.oid, n.nspname, c.relname, c.relkind, c.reltuples::pg_catalog.int8,"
    " c.relpages::pg_catalog.int8 * pg_catalog.current_setting('block_size')::pg_catalog.int8,"
    " pg_catalog.obj_description(c.oid, 'pg_class'),"
    " pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND p.whole,"
    " pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND (p.whole OR pg_catalog.has_any_column_privilege(c.oid, 'SELECT')),"
    " pg_catalog.row_security_active(c.oid), pg_catalog.quote_ident(current_user),"
    " CASE WHEN p.whole THEN true ELSE pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT') END,"
    " a.attnum, CASE y.typtype WHEN 'd' THEN 0 ELSE a.atttypid END," COLUMN_CELLS " "
    "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "CROSS JOIN LATERAL (SELECT pg_catalog.has_table_privilege(c.oid, 'SELECT') OFFSET 0) p(whole) "
    "LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
    "LEFT JOIN pg_catalog.pg_type y ON y.oid = a.atttypid "
    "WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f') AND NOT c.relispartition AND c.relpersistence <> 't'"
    " AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' %s%s%s "
    "ORDER BY n.nspname, c.relname, c.oid, a.attnum";

enum {
    T_OID,
    T_SCHEMA,
    T_NAME,
    T_KIND,
    T_ROWS,
    T_BYTES,
    T_COMMENT,
    T_WHOLE, /* SELECT on all of it */
    T_SOME,  /* on a column at least */
    T_POLICIES,
    T_USER,
    C_MAY,
    C_NUMBER,
    C_BASE, /* its type as the protocol says it; 0: a domain */
    C_NAME,
    C_TYPE,
    C_TYPMOD,
    C_TEXT,
    C_COMMENT
};

char *mr_pg_qualified(const char *schema, const char *name)
{
    char *a = mr_pg_quote(schema), *b = mr_pg_quote(name);
    char *both = mr_asprintf("%s.%s", a, b);
    mr_free(a);
    mr_free(b);
    return both;
}

void mr_pg_table_free(void *table)
{
    struct pg_table *t = table;
    if (!t)
        return;
    mr_pg_free_heaps(t);
    mr_free(t->sql_name);
    mr_free(t->signature);
    for (int i = 0; i < t->n_types; i++)
        mr_pg_type_release(&t->types[i]);
    mr_free(t->types);
    mr_free(t->where);
    mr_free(t->asked);
    mr_free(t->readable);
    mr_free(t->identity);
    mr_free(t->locks);
    mr_free(t->hidden_from);
    mr_free(t->unlocked);
    mr_free(t);
}

static const char *kind_name(char relkind)
{
    switch (relkind) {
    case 'm':
        return "materialized view";
    case 'v':
        return "view";
    case 'f':
        return "foreign table";
    default:
        return "table";
    }
}

/* The advice can be typed as it stands; user is quoted where it has to be. */
static void may_not_read(struct mr_stream *s, const char *user)
{
    char *schema = mr_pg_quote(s->schema_name);
    mr_fail(&s->error, MR_ID_PG08, "the user may not read %s", s->id);
    mr_error_advise(&s->error,
                    "GRANT USAGE ON SCHEMA %s TO %s; GRANT SELECT ON %s TO %s; or skip it under "
                    "tables:",
                    schema, user, ((const struct pg_table *)s->source)->sql_name, user);
    mr_free(schema);
}

void mr_pg_hides_rows(struct mr_stream *s, const char *user)
{
    mr_fail(&s->error, MR_ID_PG11, "row-level security would hide rows of %s from %.70s", s->id,
            user);
    mr_error_advise(
        &s->error,
        "ALTER ROLE %.70s BYPASSRLS, read as the owner of %.250s, name a `query` of just "
        "the rows that are meant, or skip it under tables:",
        user, ((const struct pg_table *)s->source)->sql_name);
}

/* Why no row, or not every row, of it may be read. A partitioned table's leaves may be free of the policies that are on its
 * own name: that is judged when they are known. */
static void judge_rights(struct mr_stream *s, const struct mr_pg_result *r, int row)
{
    struct pg_table *t = s->source;
    const char *user = mr_pg_cell(r, row, T_USER);
    bool policies = is_true(mr_pg_cell(r, row, T_POLICIES)) && !mr_fault_off(MR_FP_PG_POLICY_RULE);
    if (!is_true(mr_pg_cell(r, row, T_SOME)))
        may_not_read(s, user);
    else if (policies && t->relkind == 'p' && t->whole)
        t->hidden_from = mr_strdup(user);
    else if (policies)
        mr_pg_hides_rows(s, user);
}

static struct mr_stream *make_stream(const struct mr_pg_result *r, int row, const char *database)
{
    struct mr_stream *s = mr_zalloc(1, sizeof *s);
    struct pg_table *t = mr_zalloc(1, sizeof *t);
    const char *schema = mr_pg_cell(r, row, T_SCHEMA), *name = mr_pg_cell(r, row, T_NAME);
    const char *comment = mr_pg_cell(r, row, T_COMMENT);
    t->oid = to_oid(mr_pg_cell(r, row, T_OID));
    t->relkind = mr_pg_cell(r, row, T_KIND)[0];
    t->whole = is_true(mr_pg_cell(r, row, T_WHOLE));
    t->lockable = t->whole && strchr("rpv", t->relkind);
    t->sql_name = mr_pg_qualified(schema, name);
    s->id = mr_asprintf("%s.%s", schema, name);
    s->database = mr_strdup(database);
    s->schema_name = mr_strdup(schema);
    s->table = mr_strdup(name);
    s->default_schema = strcmp(schema, "public") == 0;
    s->kind = kind_name(t->relkind);
    if (strchr("rpf", t->relkind)) /* views are made anew by everybody who changes one */
        snprintf(s->identity, sizeof s->identity, "%u", t->oid);
    s->named_only = t->relkind == 'v' || t->relkind == 'f';
    s->comment = comment ? mr_strdup(comment) : NULL;
    s->est_rows = strtoll(mr_pg_cell(r, row, T_ROWS), NULL, 10);
    s->est_bytes = strtoll(mr_pg_cell(r, row, T_BYTES), NULL, 10);
    if (s->est_rows < 0 || s->est_bytes < 0 || t->relkind == 'v')
        s->est_rows = s->est_bytes = -1; /* never analysed */
    s->source = t;
    judge_rights(s, r, row);
    return s;
}

static void add_column(struct mr_stream *s, const struct mr_pg_result *r, int row,
                       struct mr_buf *sig)
{
    struct pg_table *t = s->source;
    const char *name = mr_pg_cell(r, row, C_NAME), *text = mr_pg_cell(r, row, C_TEXT);
    const char *comment = mr_pg_cell(r, row, C_COMMENT);
    mr_buf_printf(sig, "%s:%s:%s\n", name, mr_pg_cell(r, row, C_TYPE),
                  mr_pg_cell(r, row, C_TYPMOD));
    struct mr_field *f =
        mr_schema_add(&s->schema, name, (struct mr_type){ .id = MR_TYPE_STRING }, true, text);
    f->comment = comment ? mr_strdup(comment) : NULL;
    if (s->identity[0])
        f->source_id = mr_asprintf("%s.%s", s->identity, mr_pg_cell(r, row, C_NUMBER));
    t->types = mr_realloc(t->types, sizeof *t->types * (size_t)(t->n_types + 1));
    t->types[t->n_types++] =
        (struct mr_pg_type){ .oid = to_oid(mr_pg_cell(r, row, C_TYPE)),
                             .typmod = (int)strtol(mr_pg_cell(r, row, C_TYPMOD), NULL, 10) };
}

static void cannot_pin(struct mr_stream *s, const struct mr_field *f, const struct mr_pg_type *t,
                       const struct mr_field *pin)
{
    struct mr_buf to = { 0 }, may = { 0 };
    mr_field_type_text(pin, &to);
    mr_pg_pins_text(t, &may);
    mr_fail(&s->error, MR_ID_PG20, "%s: column %s has the type %s, which cannot land as %.200s",
            s->id, f->name, f->source_type, mr_buf_str(&to));
    mr_error_advise(&s->error, "it can be %.500s", mr_buf_str(&may));
    mr_buf_release(&to);
    mr_buf_release(&may);
}

void mr_pg_shape(struct mr_stream *s, const struct mr_stream_wish *w, bool padded)
{
    struct pg_table *t = s->source;
    const struct mr_field **pins = mr_zalloc((size_t)t->n_types + 1, sizeof(*pins));
    int n = 0;
    for (int i = 0; i < t->n_types; i++) {
        if (!w->columns[i].keep) {
            mr_pg_type_release(&t->types[i]);
            continue;
        }
        pins[n] = w->columns[i].pin;
        t->types[n++] = t->types[i];
    }
    t->n_types = n;
    mr_schema_shape(&s->schema, w->columns);
    for (int i = 0; i < n && s->error.code == MR_OK; i++) {
        if (padded)
            mr_pg_keep_padding(&t->types[i]);
        if (pins[i] && !mr_pg_pin_type(&t->types[i], &s->schema.fields[i], pins[i]))
            cannot_pin(s, &s->schema.fields[i], &t->types[i], pins[i]);
    }
    mr_free(pins);
}

/* What a relation that is not locked must still look like when it is read. */
static void put_identity(struct mr_buf *readable, struct mr_buf *identity, const char *name,
                         const char *number, const char *type)
{
    char *quoted = mr_pg_quote(name);
    mr_buf_printf(readable, "%s%s", readable->len ? ", " : "", quoted);
    mr_buf_printf(identity, "%s %s %s\n", number, type, name);
    mr_free(quoted);
}

/* Columns that may not be read are left out and named. */
static void note_hidden(struct mr_stream *s, const struct mr_buf *hidden, const char *user)
{
    const struct pg_table *t = s->source;
    if (hidden->len && s->error.code == MR_OK)
        mr_stream_note(
            s,
            "%s: the user may not read %s; these columns are left out. GRANT SELECT ON %s TO %s "
            "gives all",
            s->id, mr_buf_str(hidden), t->sql_name, user);
}

static int add_columns(struct mr_stream *s, const struct mr_pg_result *r, int row)
{
    struct pg_table *t = s->source;
    struct mr_buf sig = { 0 }, hidden = { 0 }, readable = { 0 }, identity = { 0 };
    int first = row;
    for (; row < mr_pg_rows(r) && to_oid(mr_pg_cell(r, row, T_OID)) == t->oid; row++) {
        const char *name = mr_pg_cell(r, row, C_NAME);
        if (name && !is_true(mr_pg_cell(r, row, C_MAY))) {
            mr_buf_printf(&hidden, "%s%s", hidden.len ? ", " : "", name);
        } else if (name) {
            add_column(s, r, row, &sig);
            put_identity(&readable, &identity, name, mr_pg_cell(r, row, C_NUMBER),
                         mr_pg_cell(r, row, C_BASE));
        }
    }
    note_hidden(s, &hidden, mr_pg_cell(r, first, T_USER));
    mr_buf_release(&hidden);
    t->signature = mr_buf_take(&sig);
    t->readable = mr_buf_take(&readable);
    t->identity = mr_buf_take(&identity);
    return row;
}

enum mr_code mr_pg_load_tables(struct mr_pg *c, const char *database, const char *oids,
                               struct mr_stream_list *ret, struct mr_error *err)
{
    struct mr_pg_result *r = NULL;
    struct mr_stream_list out = { 0 };
    char *sql = mr_asprintf(g_tables_sql, oids ? "AND c.oid = ANY('{" : "", oids ? oids : "",
                            oids ? "}'::pg_catalog.oid[])" : "");
    enum mr_code rc = mr_pg_query(c, sql, &r, err);
    mr_free(sql);
    if (rc != MR_OK)
        return rc;
    for (int row = 0, n = mr_pg_rows(r); row < n;) {
        struct mr_stream *s = make_stream(r, row, database);
        row = add_columns(s, r, row);
        out.items = mr_realloc(out.items, sizeof *out.items * (size_t)(out.n + 1));
        out.items[out.n++] = s;
    }
    mr_pg_result_free(r);
    rc = mr_pg_load_types(c, out.items, out.n, err);
    if (rc != MR_OK)
        mr_stream_list_free(&out, mr_pg_table_free);
    else
        *ret = out;
    return rc;
}

/* ---- columns of a query ---- */

/* The same cells for columns that only a result has. */
static char *columns_sql(const struct mr_pg_result *d)
{
    struct mr_buf b = { 0 };
    mr_buf_puts(
        &b,
        "SELECT 0, '', '', 'q', 0, 0, NULL, true, true, false, '', true, a.attnum, 0," COLUMN_CELLS
        " FROM (VALUES ");
    for (int i = 0; i < mr_pg_columns(d); i++) {
        char *name = mr_pg_literal(mr_pg_column_name(d, i));
        mr_buf_printf(&b, "%s(0::pg_catalog.oid, %d, %s, %u::pg_catalog.oid, %d)", i ? ", " : "",
                      i + 1, name, mr_pg_column_type(d, i), mr_pg_column_typmod(d, i));
        mr_free(name);
    }
    mr_buf_puts(&b, ") a(attrelid, attnum, attname, atttypid, atttypmod) ORDER BY a.attnum");
    return mr_buf_take(&b);
}

enum mr_code mr_pg_load_columns(struct mr_pg *c, struct mr_stream *s, const struct mr_pg_result *d,
                                struct mr_error *err)
{
    struct mr_pg_result *r = NULL;
    char *sql = columns_sql(d);
    enum mr_code rc = mr_pg_query(c, sql, &r, err);
    mr_free(sql);
    if (rc == MR_OK)
        add_columns(s, r, 0);
    mr_pg_result_free(r);
    return rc == MR_OK ? mr_pg_load_types(c, &s, 1, err) : rc;
}

/* ---- keys ---- */

/* Of each table the columns of its primary key, else of the narrowest unique index without conditions, expressions or NULLs. */
static const char g_keys_sql[] =
    "SELECT x.indrelid, a.attname FROM (SELECT DISTINCT ON (i.indrelid) i.indrelid, i.indkey, i.indnkeyatts"
    " FROM pg_catalog.pg_index i WHERE i.indrelid >= 16384 AND i.indisunique AND i.indisvalid AND i.indpred IS NULL"
    "  AND NOT EXISTS (SELECT 1 FROM pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY u(attnum, n)"
    "   LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.attnum AND a.attnum > 0"
    "   WHERE u.n <= i.indnkeyatts AND a.attnotnull IS NOT TRUE)"
    " ORDER BY i.indrelid, i.indisprimary DESC, i.indnkeyatts, i.indexrelid) x "
    "CROSS JOIN LATERAL pg_catalog.unnest(x.indkey::pg_catalog.int2[]) WITH ORDINALITY u(attnum, n) "
    "JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = u.attnum "
    "WHERE u.n <= x.indnkeyatts ORDER BY x.indrelid, u.n";

int mr_pg_first_row(const struct mr_pg_result *r, unsigned oid)
{
    int lo = 0, hi = mr_pg_rows(r);
    while (lo < hi) {
        int mid = lo + (hi - lo) / 2;
        if (to_oid(mr_pg_cell(r, mid, 0)) < oid)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool has_column(const struct mr_stream *s, const char *name)
{
    for (int i = 0; i < s->schema.n_fields; i++)
        if (strcmp(s->schema.fields[i].name, name) == 0)
            return true;
    return false;
}

void mr_pg_add_key(struct mr_stream *s, const char *column)
{
    s->key = mr_realloc(s->key, sizeof *s->key * (size_t)(s->n_key + 1));
    s->key[s->n_key++] = mr_strdup(column);
}

/* A key of which the user may not read a column is none. */
static void set_key(struct mr_stream *s, const struct mr_pg_result *r)
{
    unsigned oid = ((const struct pg_table *)s->source)->oid;
    int first = mr_pg_first_row(r, oid), end = first;
    for (; end < mr_pg_rows(r) && to_oid(mr_pg_cell(r, end, 0)) == oid; end++)
        if (!has_column(s, mr_pg_cell(r, end, 1)))
            return;
    for (int row = first; row < end; row++)
        mr_pg_add_key(s, mr_pg_cell(r, row, 1));
}

enum mr_code mr_pg_load_keys(struct mr_pg *c, struct mr_stream_list *l, struct mr_error *err)
{
    struct mr_pg_result *r = NULL;
    enum mr_code rc = mr_pg_query(c, g_keys_sql, &r, err);
    for (int i = 0; rc == MR_OK && i < l->n; i++)
        if (((const struct pg_table *)l->items[i]->source)->oid)
            set_key(l->items[i], r);
    mr_pg_result_free(r);
    return rc;
}
