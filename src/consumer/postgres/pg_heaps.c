/*
 * What        which heaps hold the rows of a stream, and what must stay as it was of what cannot be locked
 * Guarantees  a stream whose heaps cannot be read carries its own error; the others go on
 * Source      PostgreSQL "System Catalogs": pg_class, pg_depend, pg_rewrite; pg_partition_tree()
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "consumer/postgres/pg_catalog.h"

void mr_pg_free_heaps(struct pg_table *t)
{
    for (int i = 0; i < t->n_heaps; i++)
        mr_free(t->heaps[i].sql_name);
    mr_free(t->heaps);
    mr_free(t->guarded);
    mr_free(t->files);
    t->heaps = NULL;
    t->guarded = t->files = NULL;
    t->n_heaps = 0;
    t->foreign = false;
}

/* ---- heaps ---- */

/* What is not locked gives its size as an estimate, for asking would wait for whoever rewrites it. */
static const char g_heaps_sql[] =
    "WITH t(top, oid, locked) AS ("
    " SELECT c.oid, c.oid, c.oid = ANY('{%s}'::pg_catalog.oid[]) FROM pg_catalog.pg_class c"
    "  WHERE c.oid = ANY('{%s}'::pg_catalog.oid[]) AND c.relkind <> 'p'"
    " UNION ALL SELECT c.oid, p.relid, c.oid = ANY('{%s}'::pg_catalog.oid[])"
    "  FROM pg_catalog.pg_class c, pg_catalog.pg_partition_tree(c.oid) p"
    "  WHERE c.oid = ANY('{%s}'::pg_catalog.oid[]) AND c.relkind = 'p' AND p.isleaf) "
    "SELECT t.top, c.oid, n.nspname, c.relname, c.relkind,"
    " pg_catalog.has_table_privilege(c.oid, 'SELECT') AND (c.oid = t.top OR NOT pg_catalog.row_security_active(c.oid)),"
    " CASE WHEN c.relkind = 'r' AND t.locked THEN pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::pg_catalog.int8"
    "  ELSE c.relpages END,"
    " pg_catalog.current_setting('block_size')::pg_catalog.int8, c.reltuples::pg_catalog.int8, c.relfilenode,"
    " CASE WHEN c.reltoastrelid = 0 THEN 0 WHEN t.locked OR c.relkind = 'm' THEN pg_catalog.pg_relation_size(c.reltoastrelid) END "
    "FROM t JOIN pg_catalog.pg_class c ON c.oid = t.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relkind IN ('r', 'm', 'f') ORDER BY t.top, n.nspname, c.relname";

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

/* What a relation that no lock protects must keep until it has been read. */
static void guard(struct pg_table *t, const char *oid, const char *file)
{
    char *oids = mr_asprintf("%s%s%s", t->guarded ? t->guarded : "", t->guarded ? "," : "", oid);
    char *files = mr_asprintf("%s%s%s", t->files ? t->files : "", t->files ? "," : "", file);
    mr_free(t->guarded);
    mr_free(t->files);
    t->guarded = oids;
    t->files = files;
}

static void add_heap(struct mr_stream *s, const struct mr_pg_result *r, int row, bool *whole)
{
    struct pg_table *t = s->source;
    const char *toast = mr_pg_cell(r, row, H_TOAST);
    char kind = mr_pg_cell(r, row, H_KIND)[0];
    *whole |= !is_true(mr_pg_cell(r, row, H_MAY));
    t->foreign |= kind == 'f';
    if (!t->lockable && kind != 'f')
        guard(t, mr_pg_cell(r, row, H_OID), mr_pg_cell(r, row, H_FILENODE));
    t->heaps = mr_realloc(t->heaps, sizeof *t->heaps * (size_t)(t->n_heaps + 1));
    struct pg_heap *h = &t->heaps[t->n_heaps++];
    *h = (struct pg_heap){
        .sql_name = mr_pg_qualified(mr_pg_cell(r, row, H_SCHEMA), mr_pg_cell(r, row, H_NAME)),
        .only = true,
        .blocks = kind == 'f' ? 0 : strtoull(mr_pg_cell(r, row, H_BLOCKS), NULL, 10),
        .toast_bytes = toast && kind != 'f' ? strtoull(toast, NULL, 10) : UINT64_MAX,
        .foreign = kind == 'f'
    };
    int64_t rows = strtoll(mr_pg_cell(r, row, H_ROWS), NULL, 10);
    s->est_bytes += (int64_t)h->blocks * strtoll(mr_pg_cell(r, row, H_BLOCK_SIZE), NULL, 10);
    s->est_rows = rows < 0 || s->est_rows < 0 ? -1 : s->est_rows + rows;
}

/* Without leaves, or with leaves that this user may not read, or no table at all: read through its own name, as one
 * partition. */
static void read_as_whole(struct pg_table *t)
{
    for (int i = 0; i < t->n_heaps; i++)
        mr_free(t->heaps[i].sql_name);
    t->heaps = mr_realloc(t->heaps, sizeof *t->heaps);
    t->heaps[0] = (struct pg_heap){ .sql_name = mr_strdup(t->sql_name),
                                    .only = strchr("rmf", t->relkind) != NULL,
                                    .toast_bytes = UINT64_MAX,
                                    .foreign = t->relkind == 'f' };
    t->n_heaps = 1;
}

static void set_heaps(struct mr_stream *s, const struct mr_pg_result *r)
{
    struct pg_table *t = s->source;
    bool whole = !t->whole || t->relkind == 'f';
    mr_pg_free_heaps(t);
    if (strchr("vq", t->relkind)) {
        read_as_whole(t);
        return;
    }
    s->est_bytes = s->est_rows = 0;
    for (int row = mr_pg_first_row(r, t->oid);
         row < mr_pg_rows(r) && to_oid(mr_pg_cell(r, row, H_TOP)) == t->oid; row++)
        add_heap(s, r, row, &whole);
    if (whole && t->hidden_from && s->error.code == MR_OK)
        mr_pg_hides_rows(s, t->hidden_from);
    if (whole || t->n_heaps == 0)
        read_as_whole(t);
}

/* locked: only those whose lock is held; the size of another would wait for whoever holds it. */
static char *oid_list(struct mr_stream **streams, int n, bool locked)
{
    struct mr_buf b = { 0 };
    for (int i = 0; i < n; i++) {
        const struct pg_table *t = streams[i]->source;
        if (t->oid && (!locked || (t->lockable && streams[i]->error.code == MR_OK)))
            mr_buf_printf(&b, "%s%u", b.len ? "," : "", t->oid);
    }
    return mr_buf_take(&b);
}

/* ---- below views ---- */

/* What views read, through other views: only LOCK TABLE's own kinds are locked with the view. */
static const char g_below_sql[] =
    "WITH RECURSIVE d(top, oid) AS (SELECT v.oid, v.oid FROM pg_catalog.unnest('{%s}'::pg_catalog.oid[]) v(oid)"
    " UNION SELECT d.top, p.refobjid FROM d JOIN pg_catalog.pg_rewrite w ON w.ev_class = d.oid"
    "  JOIN pg_catalog.pg_depend p ON p.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND p.objid = w.oid"
    "   AND p.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass"
    "  JOIN pg_catalog.pg_class v ON v.oid = d.oid AND v.relkind = 'v') "
    "SELECT d.top, c.oid, c.relkind, c.relfilenode FROM d JOIN pg_catalog.pg_class c ON c.oid = d.oid "
    "WHERE c.relkind IN ('m', 'f') ORDER BY d.top, c.oid";

static char *view_oids(struct mr_stream **streams, int n)
{
    struct mr_buf b = { 0 };
    for (int i = 0; i < n; i++)
        if (((const struct pg_table *)streams[i]->source)->relkind == 'v')
            mr_buf_printf(&b, "%s%u", b.len ? "," : "",
                          ((const struct pg_table *)streams[i]->source)->oid);
    return mr_buf_take(&b);
}

static void add_below(struct pg_table *t, const struct mr_pg_result *r)
{
    for (int row = mr_pg_first_row(r, t->oid);
         row < mr_pg_rows(r) && to_oid(mr_pg_cell(r, row, 0)) == t->oid; row++) {
        if (mr_pg_cell(r, row, 2)[0] == 'f')
            t->foreign = true;
        else
            guard(t, mr_pg_cell(r, row, 1), mr_pg_cell(r, row, 3));
    }
}

static enum mr_code load_below(struct mr_pg *c, struct mr_stream **streams, int n,
                               struct mr_error *err)
{
    struct mr_pg_result *r = NULL;
    char *oids = view_oids(streams, n), *sql = mr_asprintf(g_below_sql, oids);
    enum mr_code rc = *oids ? mr_pg_query(c, sql, &r, err) : MR_OK;
    for (int i = 0; r && i < n; i++)
        if (((const struct pg_table *)streams[i]->source)->relkind == 'v')
            add_below(streams[i]->source, r);
    mr_pg_result_free(r);
    mr_free(sql);
    mr_free(oids);
    return rc;
}

/* ---- below queries ---- */

/* What the server locked to understand the queries of this list is what they read; see mr_pg_load_query. */
static enum mr_code load_read(struct mr_pg *c, struct mr_stream *s, struct mr_error *err)
{
    struct pg_table *t = s->source;
    struct mr_pg_result *r = NULL;
    char *sql =
        mr_asprintf("SELECT oid, relkind, relfilenode FROM pg_catalog.pg_class"
                    " WHERE oid = ANY('{%s}'::pg_catalog.oid[]) AND relkind IN ('r', 'm', 'f')",
                    t->unlocked ? t->unlocked : "");
    enum mr_code rc = t->unlocked ? mr_pg_query(c, sql, &r, err) : MR_OK;
    for (int i = 0; r && i < mr_pg_rows(r); i++) {
        if (mr_pg_cell(r, i, 1)[0] == 'f')
            t->foreign = true;
        else
            guard(t, mr_pg_cell(r, i, 0), mr_pg_cell(r, i, 2));
    }
    mr_pg_result_free(r);
    mr_free(sql);
    return rc;
}

static void note_foreign(struct mr_stream *s)
{
    if (((const struct pg_table *)s->source)->foreign)
        mr_stream_note(
            s,
            "%s: rows of another server are read as it shows them, not as of this run's snapshot",
            s->id);
}

enum mr_code mr_pg_load_heaps(struct mr_pg *c, struct mr_stream **streams, int n, bool locked,
                              struct mr_error *err)
{
    struct mr_pg_result *r = NULL;
    char *all = oid_list(streams, n, false), *sized = oid_list(streams, locked ? n : 0, true);
    char *sql = mr_asprintf(g_heaps_sql, sized, all, sized, all);
    enum mr_code rc = mr_pg_query(c, sql, &r, err);
    for (int i = 0; rc == MR_OK && i < n; i++)
        set_heaps(streams[i], r);
    if (rc == MR_OK)
        rc = load_below(c, streams, n, err);
    for (int i = 0; rc == MR_OK && i < n; i++) {
        if (((const struct pg_table *)streams[i]->source)->relkind == 'q')
            rc = load_read(c, streams[i], err);
        if (rc == MR_OK)
            note_foreign(streams[i]);
    }
    mr_pg_result_free(r);
    mr_free(sql);
    mr_free(sized);
    mr_free(all);
    return rc;
}
