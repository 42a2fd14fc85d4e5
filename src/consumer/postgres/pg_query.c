/*
 * What        SQL that the user wrote: streams that are queries, and conditions on tables
 * Guarantees  it is understood by the server before a row moves, or there is one error with line and column in that SQL; what
 *             a query reads is known, so that it can be locked before the snapshot
 * Why         the server parses it twice, bare and in parentheses: bare it must be one whole statement or condition, so
 *             that no parenthesis of it can end ours
 * Source      PostgreSQL "Message Formats": ErrorResponse P; pg_locks
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "consumer/postgres/pg_catalog.h"

/* ---- errors ---- */

static void line_and_column(const char *sql, int position, int *ret_line, int *ret_column)
{
    *ret_line = *ret_column = 1;
    for (; *sql && position > 1; sql++) {
        if (((unsigned char)sql[1] & 0xC0) == 0x80)
            continue; /* in the middle of a character */
        position--;
        *ret_column = *sql == '\n' ? 1 : *ret_column + 1;
        *ret_line += *sql == '\n';
    }
}

static int characters(const char *s)
{
    int n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

/* The server's error about `what` ("its where"), whose text `sql` stood in the statement after `before`. */
static void blame(struct mr_stream *s, const struct mr_pg *c, const struct mr_error *why,
                  const char *what, const char *before, const char *sql)
{
    int line = 1, column = 1, at = mr_pg_error_position(c) - characters(before);
    bool rights = strcmp(why->origin, "42501") == 0;
    bool policies = rights && strstr(why->message, "row-level security");
    bool ours = why->id == MR_ID_PG02 || why->id == MR_ID_PG12;
    if (!ours) {
        s->error = *why; /* the connection, not the SQL */
        return;
    }
    mr_fail(&s->error,
            policies ? MR_ID_PG11
            : rights ? MR_ID_PG08
                     : MR_ID_PG12,
            "%s: %s: %s", s->id, what, why->message);
    snprintf(s->error.origin, sizeof s->error.origin, "%s", why->origin);
    if (sql && at >= 1 && at <= characters(sql)) {
        line_and_column(sql, at, &line, &column);
        mr_error_at(&s->error, "%s, line %d, column %d", what, line, column);
    }
    if (why->advice[0])
        mr_error_advise(&s->error, "%s", why->advice);
    else if (policies)
        mr_error_advise(&s->error,
                        "let a role read it that is above the policies (BYPASSRLS, or the owner)");
    else if (rights)
        mr_error_advise(&s->error, "GRANT what it reads to the user, or skip it under tables:");
    else
        mr_error_advise(&s->error, "it is the server's own SQL: psql says the same of it");
}

/* ---- queries ---- */

/* Without the semicolon that people end a query with. */
static char *trimmed(const char *sql)
{
    size_t n = strlen(sql);
    while (n && strchr("; \t\r\n", sql[n - 1]))
        n--;
    return mr_asprintf("%.*s", (int)n, sql);
}

static const char g_reads_sql[] =
    "SELECT c.oid, n.nspname, c.relname,"
    " pg_catalog.has_table_privilege(c.oid, 'SELECT') AND c.relkind IN ('r', 'p', 'v') "
    "FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_catalog.pg_database d ON d.oid = l.database AND d.datname = pg_catalog.current_database() "
    "WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')"
    " AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' ORDER BY c.oid";

static enum mr_code load_reads(struct mr_pg *c, struct pg_table *t, struct mr_error *err)
{
    struct mr_pg_result *r = NULL;
    struct mr_buf locks = { 0 }, unlocked = { 0 };
    enum mr_code rc = mr_pg_query(c, g_reads_sql, &r, err);
    for (int i = 0; rc == MR_OK && i < mr_pg_rows(r); i++) {
        char *name = mr_pg_qualified(mr_pg_cell(r, i, 1), mr_pg_cell(r, i, 2));
        if (mr_pg_cell(r, i, 3)[0] == 't')
            mr_buf_printf(&locks, "%s%s", locks.len ? ", " : "", name);
        else
            mr_buf_printf(&unlocked, "%s%s", unlocked.len ? "," : "", mr_pg_cell(r, i, 0));
        mr_free(name);
    }
    t->locks = locks.len ? mr_buf_take(&locks) : NULL;
    t->unlocked = unlocked.len ? mr_buf_take(&unlocked) : NULL;
    t->lockable = t->locks != NULL;
    mr_pg_result_free(r);
    return rc;
}

static struct mr_stream *make_query(const char *database, const struct mr_query_stream *q)
{
    struct mr_stream *s = mr_zalloc(1, sizeof *s);
    struct pg_table *t = mr_zalloc(1, sizeof *t);
    char *sql = trimmed(q->query);
    t->relkind = 'q';
    t->whole = true;
    t->sql_name = mr_asprintf("(%s\n)", sql); /* the query may end in a comment */
    s->id = mr_strdup(q->name);
    s->database = mr_strdup(database);
    s->schema_name = mr_strdup("");
    s->table = mr_strdup(q->name);
    s->default_schema = true;
    s->kind = "query";
    s->est_rows = s->est_bytes = -1;
    s->source = t;
    mr_free(sql);
    return s;
}

static void check_names(struct mr_stream *s, const struct mr_query_stream *q)
{
    for (int i = 0; i < s->schema.n_fields; i++)
        for (int k = 0; k < i; k++) {
            if (strcmp(s->schema.fields[i].name, s->schema.fields[k].name) != 0)
                continue;
            mr_fail(&s->error, MR_ID_PG12, "%s: its query has two columns '%s'", s->id,
                    s->schema.fields[i].name);
            mr_error_advise(&s->error, "give one another name with AS");
            return;
        }
    for (int i = 0; q->key && q->key[i]; i++) {
        int at = 0;
        while (at < s->schema.n_fields && strcmp(s->schema.fields[at].name, q->key[i]) != 0)
            at++;
        if (at < s->schema.n_fields) {
            mr_pg_add_key(s, q->key[i]);
            continue;
        }
        mr_fail(&s->error, MR_ID_PG12, "%s: its query has no column '%s', which key: names", s->id,
                q->key[i]);
        mr_error_advise(&s->error, "names are case-sensitive and as the query gives them");
        return;
    }
}

/* Names and types of what the query brings; an error of the SQL goes into s->error. */
static enum mr_code describe_query(struct mr_pg *c, struct mr_stream *s, struct mr_pg_result **ret,
                                   struct mr_error *err)
{
    const struct pg_table *t = s->source;
    struct mr_error why = { 0 };
    char *bare = mr_asprintf("%.*s", (int)strlen(t->sql_name) - 3, t->sql_name + 1);
    char *wrapped = mr_asprintf("SELECT * FROM %s AS q", t->sql_name);
    const char *before = "";
    enum mr_code rc = mr_pg_describe(c, bare, NULL, &why);
    if (rc == MR_OK) {
        before = "SELECT * FROM (";
        rc = mr_pg_describe(c, wrapped, ret, &why);
    }
    if (rc != MR_OK)
        blame(s, c, &why, "its query", before, bare);
    if (rc != MR_OK && s->error.id != MR_ID_PG12 && s->error.id != MR_ID_PG08 &&
        s->error.id != MR_ID_PG11)
        *err = why;
    else
        rc = MR_OK;
    mr_free(bare);
    mr_free(wrapped);
    return rc;
}

enum mr_code mr_pg_load_query(struct mr_pg *c, const char *database,
                              const struct mr_query_stream *q, struct mr_stream **ret,
                              struct mr_error *err)
{
    struct mr_pg_result *d = NULL;
    struct mr_stream *s = make_query(database, q);
    enum mr_code rc = MR_OK;
    MR_TRY(mr_pg_query(c, "SAVEPOINT millrace_query; SET LOCAL search_path TO DEFAULT", NULL, err));
    MR_TRY(describe_query(c, s, &d, err));
    if (s->error.code == MR_OK)
        MR_TRY(load_reads(c, s->source, err));
    MR_TRY(mr_pg_query(c, "ROLLBACK TO SAVEPOINT millrace_query; RELEASE SAVEPOINT millrace_query",
                       NULL, err));
    if (s->error.code == MR_OK && mr_pg_columns(d) > 0)
        MR_TRY(mr_pg_load_columns(c, s, d, err));
    if (s->error.code == MR_OK)
        check_names(s, q);
    *ret = s;
    s = NULL;
out:
    mr_pg_result_free(d);
    if (s) {
        struct mr_stream_list one = { 1, mr_zalloc(1, sizeof(struct mr_stream *)) };
        one.items[0] = s;
        mr_stream_list_free(&one, mr_pg_table_free);
    }
    return rc;
}

/* ---- conditions ---- */

/* Bare it must be a condition, in parentheses as well: neither "a) OR (b" nor "a ORDER BY b" is. */
static enum mr_code check_condition(struct mr_pg *c, struct mr_stream *s)
{
    const struct pg_table *t = s->source;
    struct mr_error why = { 0 };
    char *alias = mr_pg_quote(s->table);
    char *from = mr_asprintf("SELECT 1 FROM %s AS %s", t->sql_name, alias);
    char *before = mr_asprintf("%s WHERE ", from), *inside = mr_asprintf("%s WHERE (", from);
    char *bare = mr_asprintf("%s%s", before, t->asked ? t->asked : "true");
    char *wrapped = mr_asprintf("%s%s\n)", inside, t->asked ? t->asked : "true");
    enum mr_code rc = mr_pg_describe(c, bare, NULL, &why);
    const char *at = before;
    if (rc == MR_OK) {
        at = inside;
        rc = mr_pg_describe(c, wrapped, NULL, &why);
    }
    if (rc != MR_OK)
        blame(s, c, &why, t->asked ? "its where" : s->kind, at, t->asked);
    mr_free(alias);
    mr_free(from);
    mr_free(before);
    mr_free(inside);
    mr_free(bare);
    mr_free(wrapped);
    return rc;
}

void mr_pg_check_where(struct mr_pg *c, struct mr_stream *s)
{
    const struct pg_table *t = s->source;
    if (s->error.code != MR_OK || (!t->asked && t->relkind != 'v'))
        return;
    if (mr_pg_query(c, "BEGIN READ ONLY; SET LOCAL row_security = off", NULL, &s->error) != MR_OK)
        return;
    if (check_condition(c, s) == MR_OK)
        (void)!mr_pg_query(c, "ROLLBACK", NULL, &s->error);
    else
        (void)!mr_pg_query(c, "ROLLBACK", NULL, NULL); /* its own error says more */
}
