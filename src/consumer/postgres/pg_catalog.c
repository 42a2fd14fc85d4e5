/*
 * What        two questions to the catalog: which tables, and which heaps hold their rows
 * Guarantees  a table that cannot be read carries its own error; the others go on
 * Source      PostgreSQL "System Catalogs": pg_class, pg_attribute; pg_partition_tree()
 */
#include "consumer/postgres/pg_catalog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "column/schema.h"

/* ---- tables ---- */

static const char g_tables_sql[] =
    "SELECT c.oid, n.nspname, c.relname, c.relkind, c.reltuples::pg_catalog.int8,"
    " c.relpages::pg_catalog.int8 * pg_catalog.current_setting('block_size')::pg_catalog.int8,"
    " pg_catalog.obj_description(c.oid, 'pg_class'),"
    " pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT'),"
    " a.attname, a.atttypid, a.atttypmod, pg_catalog.format_type(a.atttypid, a.atttypmod),"
    " pg_catalog.col_description(c.oid, a.attnum), pg_catalog.quote_ident(current_user) "
    "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
    "WHERE c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition AND c.relpersistence <> 't'"
    " AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' "
    "ORDER BY n.nspname, c.relname, c.oid, a.attnum";

enum {
    T_OID,
    T_SCHEMA,
    T_NAME,
    T_KIND,
    T_ROWS,
    T_BYTES,
    T_COMMENT,
    T_MAY,
    C_NAME,
    C_TYPE,
    C_TYPMOD,
    C_TEXT,
    C_COMMENT,
    USER
};

static char *qualified(const char *schema, const char *name)
{
    char *a = mr_pg_quote(schema), *b = mr_pg_quote(name);
    char *both = mr_asprintf("%s.%s", a, b);
    mr_free(a);
    mr_free(b);
    return both;
}

static unsigned to_oid(const char *text)
{
    return (unsigned)strtoul(text, NULL, 10);
}

static bool is_true(const char *cell)
{
    return cell && cell[0] == 't';
}

static void free_heaps(struct pg_table *t)
{
    for (int i = 0; i < t->n_heaps; i++) {
        mr_free(t->heaps[i].sql_name);
        mr_free(t->heaps[i].filenode);
    }
    mr_free(t->heaps);
    t->heaps = NULL;
    t->n_heaps = 0;
}

void mr_pg_table_free(void *table)
{
    struct pg_table *t = table;
    if (!t)
        return;
    free_heaps(t);
    mr_free(t->sql_name);
    mr_free(t->signature);
    mr_free(t->wires);
    mr_free(t->where);
    mr_free(t);
}

/* The advice can be typed as it stands; user is quoted where it has to be. */
static void may_not_read(struct mr_stream *s, const char *schema, const char *user)
{
    char *name = mr_pg_quote(schema);
    mr_fail(&s->error, MR_ID_PG08, "the user may not read %s", s->id);
    mr_error_advise(&s->error,
                    "GRANT USAGE ON SCHEMA %s TO %s; GRANT SELECT ON %s TO %s; or skip it under "
                    "tables:",
                    name, user, ((const struct pg_table *)s->source)->sql_name, user);
    mr_free(name);
}

static struct mr_stream *make_stream(const struct mr_pg_result *r, int row, const char *database)
{
    struct mr_stream *s = mr_zalloc(1, sizeof *s);
    struct pg_table *t = mr_zalloc(1, sizeof *t);
    const char *schema = mr_pg_cell(r, row, T_SCHEMA), *name = mr_pg_cell(r, row, T_NAME);
    const char *comment = mr_pg_cell(r, row, T_COMMENT);
    t->oid = to_oid(mr_pg_cell(r, row, T_OID));
    t->relkind = mr_pg_cell(r, row, T_KIND)[0];
    t->sql_name = qualified(schema, name);
    s->id = mr_asprintf("%s.%s", schema, name);
    s->database = mr_strdup(database);
    s->schema_name = mr_strdup(schema);
    s->table = mr_strdup(name);
    s->default_schema = strcmp(schema, "public") == 0;
    s->kind = t->relkind == 'm' ? "materialized view" : "table";
    s->comment = comment ? mr_strdup(comment) : NULL;
    s->est_rows = strtoll(mr_pg_cell(r, row, T_ROWS), NULL, 10);
    s->est_bytes = strtoll(mr_pg_cell(r, row, T_BYTES), NULL, 10);
    if (s->est_rows < 0 || s->est_bytes < 0)
        s->est_rows = s->est_bytes = -1; /* never analysed */
    s->source = t;
    if (!is_true(mr_pg_cell(r, row, T_MAY)))
        may_not_read(s, schema, mr_pg_cell(r, row, USER));
    return s;
}

static void add_column(struct mr_stream *s, const struct mr_pg_result *r, int row,
                       struct mr_buf *sig)
{
    struct pg_table *t = s->source;
    const char *name = mr_pg_cell(r, row, C_NAME), *text = mr_pg_cell(r, row, C_TEXT);
    const char *comment = mr_pg_cell(r, row, C_COMMENT);
    struct mr_type type = { .id = MR_TYPE_STRING };
    enum mr_pg_wire wire = MR_PG_TEXT;
    mr_buf_printf(sig, "%s:%s:%s\n", name, mr_pg_cell(r, row, C_TYPE),
                  mr_pg_cell(r, row, C_TYPMOD));
    if (!mr_pg_wire_of(to_oid(mr_pg_cell(r, row, C_TYPE)),
                       (int)strtol(mr_pg_cell(r, row, C_TYPMOD), NULL, 10), &wire, &type))
        wire = MR_PG_UNKNOWN; /* an error only when the column is wanted: see shape */
    int i = s->schema.n_fields;
    mr_schema_add(&s->schema, name, type, true, text);
    s->schema.fields[i].comment = comment ? mr_strdup(comment) : NULL;
    t->wires = mr_realloc(t->wires, sizeof *t->wires * (size_t)(i + 1));
    t->wires[i] = wire;
}

void mr_pg_shape(struct mr_stream *s, const struct mr_stream_wish *w)
{
    struct pg_table *t = s->source;
    int n = 0;
    for (int i = 0; i < s->schema.n_fields; i++)
        if (w->columns[i].keep)
            t->wires[n++] = t->wires[i];
    mr_schema_shape(&s->schema, w->columns);
    for (int i = 0; i < n && s->error.code == MR_OK; i++) {
        const struct mr_field *f = &s->schema.fields[i];
        if (t->wires[i] != MR_PG_UNKNOWN)
            continue;
        mr_fail(&s->error, MR_ID_PG06,
                "%s: column %s has the type %s, which this version does not read", s->id, f->name,
                f->source_type);
        mr_error_advise(&s->error, "leave it out with a select transformer, skip the table under "
                                   "tables:, or read a materialised view that casts it to text");
    }
}

static int by_id(const void *a, const void *b)
{
    return strcmp((*(struct mr_stream *const *)a)->id, (*(struct mr_stream *const *)b)->id);
}

enum mr_code mr_pg_load_tables(struct mr_pg *c, const char *database, struct mr_stream_list *ret,
                               struct mr_error *err)
{
    struct mr_pg_result *r = NULL;
    struct mr_stream_list out = { 0 };
    enum mr_code rc = mr_pg_query(c, g_tables_sql, &r, err);
    if (rc != MR_OK)
        return rc;
    for (int row = 0, n = mr_pg_rows(r); row < n;) {
        struct mr_stream *s = make_stream(r, row, database);
        struct pg_table *t = s->source;
        struct mr_buf sig = { 0 };
        for (; row < n && to_oid(mr_pg_cell(r, row, T_OID)) == t->oid; row++)
            if (mr_pg_cell(r, row, C_NAME))
                add_column(s, r, row, &sig);
        t->signature = mr_buf_take(&sig);
        out.items = mr_realloc(out.items, sizeof *out.items * (size_t)(out.n + 1));
        out.items[out.n++] = s;
    }
    mr_pg_result_free(r);
    if (out.n)
        qsort(out.items, (size_t)out.n, sizeof *out.items, by_id);
    *ret = out;
    return MR_OK;
}

/* ---- heaps ---- */

/* Materialised views are not locked: their size is an estimate, for asking would wait for a REFRESH. */
static const char g_heaps_sql[] =
    "WITH t(top, oid) AS ("
    " SELECT c.oid, c.oid FROM pg_catalog.pg_class c WHERE c.oid = ANY('{%s}'::pg_catalog.oid[]) AND c.relkind <> 'p'"
    " UNION ALL SELECT c.oid, p.relid FROM pg_catalog.pg_class c, pg_catalog.pg_partition_tree(c.oid) p"
    " WHERE c.oid = ANY('{%s}'::pg_catalog.oid[]) AND c.relkind = 'p' AND p.isleaf) "
    "SELECT t.top, c.oid, n.nspname, c.relname, c.relkind, pg_catalog.has_table_privilege(c.oid, 'SELECT'),"
    " CASE c.relkind WHEN 'r' THEN pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::pg_catalog.int8"
    "  ELSE c.relpages END,"
    " pg_catalog.current_setting('block_size')::pg_catalog.int8, c.reltuples::pg_catalog.int8, c.relfilenode,"
    " CASE WHEN c.reltoastrelid = 0 THEN 0 ELSE pg_catalog.pg_relation_size(c.reltoastrelid) END "
    "FROM t JOIN pg_catalog.pg_class c ON c.oid = t.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "ORDER BY t.top, n.nspname, c.relname";

enum {
    H_TOP,
    H_OID,
    H_SCHEMA,
    H_NAME,
    H_KIND,
    H_MAY,
    H_BLOCKS,
    H_BLOCK_SIZE,
    H_ROWS,
    H_FILENODE,
    H_TOAST
};

static void add_heap(struct mr_stream *s, const struct mr_pg_result *r, int row, bool *whole)
{
    struct pg_table *t = s->source;
    const char *schema = mr_pg_cell(r, row, H_SCHEMA), *name = mr_pg_cell(r, row, H_NAME);
    const char *toast = mr_pg_cell(r, row, H_TOAST);
    char kind = mr_pg_cell(r, row, H_KIND)[0];
    if (kind != 'r' && kind != 'm') {
        mr_fail(&s->error, MR_ID_PG06,
                "%s: its partition %s.%s is a foreign table, which this version does not read",
                s->id, schema, name);
        mr_error_advise(&s->error, "read the foreign server itself, or detach the partition");
        return;
    }
    *whole |= !is_true(mr_pg_cell(r, row, H_MAY));
    t->heaps = mr_realloc(t->heaps, sizeof *t->heaps * (size_t)(t->n_heaps + 1));
    struct pg_heap *h = &t->heaps[t->n_heaps++];
    *h = (struct pg_heap){ .oid = to_oid(mr_pg_cell(r, row, H_OID)),
                           .sql_name = qualified(schema, name),
                           .only = true,
                           .blocks = strtoull(mr_pg_cell(r, row, H_BLOCKS), NULL, 10),
                           .filenode = mr_strdup(mr_pg_cell(r, row, H_FILENODE)),
                           .toast_bytes = toast ? strtoull(toast, NULL, 10) : UINT64_MAX };
    int64_t rows = strtoll(mr_pg_cell(r, row, H_ROWS), NULL, 10);
    s->est_bytes += (int64_t)h->blocks * strtoll(mr_pg_cell(r, row, H_BLOCK_SIZE), NULL, 10);
    s->est_rows = rows < 0 || s->est_rows < 0 ? -1 : s->est_rows + rows;
}

/* A parent without leaves, or whose leaves this user may not read, is read through its own name, as one partition. */
static void read_as_whole(struct pg_table *t)
{
    free_heaps(t);
    t->heaps = mr_zalloc(1, sizeof *t->heaps);
    t->heaps[0] = (struct pg_heap){
        .oid = t->oid, .sql_name = mr_strdup(t->sql_name), .only = false, .toast_bytes = UINT64_MAX
    };
    t->n_heaps = 1;
}

/* Rows are sorted by table. */
static int first_row(const struct mr_pg_result *r, unsigned oid)
{
    int lo = 0, hi = mr_pg_rows(r);
    while (lo < hi) {
        int mid = lo + (hi - lo) / 2;
        if (to_oid(mr_pg_cell(r, mid, H_TOP)) < oid)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

enum mr_code mr_pg_load_heaps(struct mr_pg *c, struct mr_stream **streams, int n,
                              struct mr_error *err)
{
    struct mr_buf oids = { 0 };
    struct mr_pg_result *r = NULL;
    for (int i = 0; i < n; i++)
        mr_buf_printf(&oids, "%s%u", i ? "," : "", ((struct pg_table *)streams[i]->source)->oid);
    char *sql = mr_asprintf(g_heaps_sql, mr_buf_str(&oids), mr_buf_str(&oids));
    enum mr_code rc = mr_pg_query(c, sql, &r, err);
    mr_free(sql);
    mr_buf_release(&oids);
    for (int i = 0; rc == MR_OK && i < n; i++) {
        struct mr_stream *s = streams[i];
        struct pg_table *t = s->source;
        bool whole = false;
        free_heaps(t);
        s->est_bytes = s->est_rows = 0;
        for (int row = first_row(r, t->oid);
             row < mr_pg_rows(r) && to_oid(mr_pg_cell(r, row, H_TOP)) == t->oid; row++)
            add_heap(s, r, row, &whole);
        if (whole || t->n_heaps == 0)
            read_as_whole(t);
    }
    mr_pg_result_free(r);
    return rc;
}
