/*
 * What        tables, views and queries of a SQLite file as streams
 * Gets        an open connection
 * Guarantees  names travel as parameters or quoted; a misspelt column in the user's SQL is an error, never a text
 *             (SQLite would take "statsu" in double quotes for one); parameters in it are refused
 * Source      sqlite.org/pragma.html "table_list", "table_xinfo"; sqlite.org/quirks.html "Double-quoted String Literals"
 */
#include "consumer/sqlite/sqlite_catalog.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/mem.h"
#include "column/schema.h"
#include "consumer/sqlite/sqlite_values.h"

#define PINS                                                                                       \
    "boolean, byte, short, integer, long, float, double, decimal(p,s), date, timestamp, "          \
    "timestamp_ntz, string, binary"

enum mr_code mr_sqlite_fail(const struct mr_sqlite_file *f, enum mr_error_id id, const char *what,
                            struct mr_error *err)
{
    int code = sqlite3_errcode(f->db);
    enum mr_code rc = mr_fail(err, id, "%s: cannot %s: %s", f->path, what, sqlite3_errmsg(f->db));
    switch (code & 0xFF) {
    case SQLITE_NOTADB:
        return mr_error_advise(err, "the file is not a SQLite database, or it is encrypted");
    case SQLITE_CORRUPT:
        return mr_error_advise(err, "the file is damaged: see PRAGMA integrity_check, and read a "
                                    "copy that is whole, or what `sqlite3 FILE .recover` saves");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return mr_error_advise(err, "another program holds it; wait for it, raise "
                                    "consumer.lock_timeout, or use WAL mode there");
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
        return mr_error_advise(
            err, "check the rights of the file, its -wal and -shm files and their folder: a "
                 "database in WAL mode needs a -shm file, and if there is none the right to make "
                 "it; or read a copy of the file and its -wal in a folder of its own");
    default:
        return rc;
    }
}

/* ---- statements ---- */

/* On lines of their own: a comment at the end of the user's SQL ends there. */
static void put_from(struct mr_buf *b, const struct mr_stream *s)
{
    const struct mr_sqlite_source *src = s->source;
    if (src->query) {
        mr_buf_printf(b, " FROM (\n%s\n)", src->query);
    } else {
        mr_buf_puts(b, " FROM main.");
        mr_buf_put_quoted(b, s->table, '"');
    }
    if (src->where)
        mr_buf_printf(b, " WHERE (\n%s\n)", src->where);
}

bool mr_sqlite_names_rowid(const struct mr_stream *s)
{
    return s->n_key == 0 && ((const struct mr_sqlite_source *)s->source)->rowid;
}

static char *select_text(const struct mr_stream *s, int64_t limit)
{
    struct mr_buf b = { 0 };
    mr_buf_puts(&b, "SELECT ");
    for (int i = 0; i < s->schema.n_fields; i++) {
        mr_buf_puts(&b, i ? ", " : "");
        mr_buf_put_quoted(&b, s->schema.fields[i].name, '"');
    }
    if (mr_sqlite_names_rowid(s))
        mr_buf_printf(&b, ", %s", ((const struct mr_sqlite_source *)s->source)->rowid);
    put_from(&b, s);
    if (limit > 0)
        mr_buf_printf(&b, " LIMIT %lld", (long long)limit);
    return mr_buf_take(&b);
}

/* Nothing but spaces, semicolons and comments. */
static bool says_nothing(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *q = NULL;
    while (isspace((unsigned char)*sql) || *sql == ';')
        sql++;
    bool nothing = sqlite3_prepare_v2(db, sql, -1, &q, NULL) == SQLITE_OK && !q;
    sqlite3_finalize(q);
    return nothing;
}

/* Prepare one statement that reads. Views may lean on SQLite's double-quoted texts, what we and the user write may not. */
static enum mr_code prepare_reading(const struct mr_sqlite_file *f, const char *sql, bool quirks,
                                    enum mr_error_id id, const char *what, sqlite3_stmt **ret,
                                    struct mr_error *err)
{
    const char *tail = "";
    sqlite3_stmt *q = NULL;
    enum mr_code rc = MR_OK;
    sqlite3_db_config(f->db, SQLITE_DBCONFIG_DQS_DML, (int)quirks, NULL);
    if (sqlite3_prepare_v2(f->db, sql, -1, &q, &tail) != SQLITE_OK)
        rc = mr_sqlite_fail(f, id, what, err);
    else if (!q || !sqlite3_stmt_readonly(q) || !sqlite3_column_count(q) ||
             !says_nothing(f->db, tail))
        rc = mr_fail(err, id, "%s: cannot %s: it is not one SELECT", f->path, what);
    else if (sqlite3_bind_parameter_count(q))
        rc = mr_fail(err, id, "%s: cannot %s: it has a parameter (%s), which nobody would set",
                     f->path, what,
                     sqlite3_bind_parameter_name(q, 1) ? sqlite3_bind_parameter_name(q, 1) : "?");
    if (rc == MR_OK)
        *ret = q;
    else
        sqlite3_finalize(q);
    return rc;
}

enum mr_code mr_sqlite_prepare(const struct mr_sqlite_file *f, const struct mr_stream *s,
                               int64_t limit, sqlite3_stmt **ret, struct mr_error *err)
{
    const struct mr_sqlite_source *src = s->source;
    enum mr_error_id id = src->query || src->where ? MR_ID_LITE04 : MR_ID_LITE05;
    char *what = mr_asprintf("read %.200s%s", s->id, src->where ? " with its where" : "");
    char *sql = select_text(s, limit);
    enum mr_code rc = prepare_reading(f, sql, src->view && !src->where, id, what, ret, err);
    mr_free(sql);
    mr_free(what);
    return rc;
}

/* ---- columns ---- */

static void add_key(struct mr_stream *s, const char *name, int at)
{
    if (at > s->n_key) {
        s->key = mr_realloc(s->key, sizeof *s->key * (size_t)at);
        for (; s->n_key < at; s->n_key++)
            s->key[s->n_key] = NULL;
    }
    s->key[at - 1] = mr_strdup(name);
}

static void add_column(struct mr_stream *s, const char *name, const char *type)
{
    mr_schema_add(&s->schema, name, mr_sqlite_type(type), true, type && *type ? type : NULL);
}

static enum mr_code table_columns(const struct mr_sqlite_file *f, struct mr_stream *s,
                                  struct mr_error *err)
{
    sqlite3_stmt *q = NULL;
    int step;
    if (sqlite3_prepare_v2(f->db,
                           "SELECT name, type, pk FROM pragma_table_xinfo(?1, 'main') WHERE hidden "
                           "<> 1 ORDER BY cid",
                           -1, &q, NULL) != SQLITE_OK)
        return mr_sqlite_fail(f, MR_ID_LITE01, "list columns", err);
    sqlite3_bind_text(q, 1, s->table, -1, SQLITE_STATIC);
    while ((step = sqlite3_step(q)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(q, 0);
        add_column(s, name, (const char *)sqlite3_column_text(q, 1));
        if (sqlite3_column_int(q, 2) > 0)
            add_key(s, name, sqlite3_column_int(q, 2));
    }
    enum mr_code rc =
        step == SQLITE_DONE ? MR_OK : mr_sqlite_fail(f, MR_ID_LITE01, "list columns", err);
    sqlite3_finalize(q);
    return rc;
}

/* Columns of a view or query: those of its statement. Expressions have no declared type. */
static enum mr_code statement_columns(const struct mr_sqlite_file *f, struct mr_stream *s,
                                      const char *what, struct mr_error *err)
{
    const struct mr_sqlite_source *src = s->source;
    struct mr_buf sql = { 0 };
    sqlite3_stmt *q = NULL;
    mr_buf_puts(&sql, "SELECT *");
    put_from(&sql, s);
    enum mr_code rc = prepare_reading(f, mr_buf_str(&sql), src->view,
                                      src->query ? MR_ID_LITE04 : MR_ID_LITE05, what, &q, err);
    for (int i = 0; rc == MR_OK && i < sqlite3_column_count(q); i++)
        add_column(s, sqlite3_column_name(q, i), sqlite3_column_decltype(q, i));
    sqlite3_finalize(q);
    mr_buf_release(&sql);
    return rc;
}

static bool has_column(const struct mr_stream *s, const char *name)
{
    for (int i = 0; i < s->schema.n_fields; i++)
        if (strcasecmp(s->schema.fields[i].name, name) == 0)
            return true;
    return false;
}

static const char *rowid_name(const struct mr_stream *s)
{
    static const char *const names[] = { "rowid", "_rowid_", "oid" };
    for (int i = 0; i < 3; i++)
        if (!has_column(s, names[i]))
            return names[i];
    return NULL;
}

static int64_t query_int(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *q = NULL;
    int64_t n = -1;
    if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW &&
        sqlite3_column_type(q, 0) == SQLITE_INTEGER)
        n = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    return n;
}

/* The span of rowids is two steps down the tree; ids that were chosen at random say nothing. */
static int64_t estimate_rows(const struct mr_sqlite_file *f, const struct mr_stream *s)
{
    const char *rowid = ((const struct mr_sqlite_source *)s->source)->rowid;
    struct mr_buf b = { 0 };
    if (!rowid)
        return -1;
    mr_buf_printf(&b, "SELECT coalesce((SELECT max(%s)", rowid);
    put_from(&b, s);
    mr_buf_printf(&b, ") - (SELECT min(%s)", rowid);
    put_from(&b, s);
    mr_buf_puts(&b, ") + 1, 0)");
    int64_t n = query_int(f->db, mr_buf_str(&b));
    mr_buf_release(&b);
    int64_t bytes = query_int(f->db, "SELECT page_count * page_size FROM pragma_page_count, "
                                     "pragma_page_size");
    return n > bytes / 4 ? -1 : n; /* no row is smaller than 4 bytes */
}

/* ---- the pipeline's queries ---- */

static char **copy_key(const char *const *key)
{
    int n = 0;
    while (key && key[n])
        n++;
    char **out = mr_zalloc((size_t)n + 1, sizeof *out);
    for (int i = 0; i < n; i++)
        out[i] = mr_strdup(key[i]);
    return out;
}

void mr_sqlite_queries_copy(struct mr_sqlite_file *f, const struct mr_consumer_config *cfg)
{
    f->n_queries = cfg->n_queries;
    f->queries = mr_zalloc((size_t)cfg->n_queries + 1, sizeof *f->queries);
    for (int i = 0; i < cfg->n_queries; i++)
        f->queries[i] = (struct mr_query_stream){
            .name = mr_strdup(cfg->queries[i].name),
            .query = mr_strdup(cfg->queries[i].query),
            .key = (const char *const *)copy_key(cfg->queries[i].key),
        };
}

void mr_sqlite_queries_free(struct mr_sqlite_file *f)
{
    for (int i = 0; i < f->n_queries; i++) {
        for (int k = 0; f->queries[i].key[k]; k++)
            mr_free((void *)f->queries[i].key[k]);
        mr_free((void *)f->queries[i].key);
        mr_free((void *)f->queries[i].name);
        mr_free((void *)f->queries[i].query);
    }
    mr_free(f->queries);
}

/* ---- streams ---- */

static struct mr_stream *make_stream(const struct mr_sqlite_file *f, const char *name,
                                     const char *kind)
{
    struct mr_stream *s = mr_zalloc(1, sizeof *s);
    s->id = mr_strdup(name);
    s->table = mr_strdup(name);
    s->database = mr_strdup(f->database);
    s->schema_name = mr_strdup("");
    s->default_schema = true;
    s->kind = kind;
    s->est_rows = s->est_bytes = -1;
    s->source = mr_zalloc(1, sizeof(struct mr_sqlite_source));
    return s;
}

static void append(struct mr_stream_list *l, struct mr_stream *s)
{
    l->items = mr_realloc(l->items, sizeof *l->items * (size_t)(l->n + 1));
    l->items[l->n++] = s;
}

void mr_sqlite_source_free(void *source)
{
    struct mr_sqlite_source *src = source;
    if (!src)
        return;
    mr_free(src->query);
    mr_free(src->where);
    mr_free(src);
}

static enum mr_code describe_table(const struct mr_sqlite_file *f, struct mr_stream *s,
                                   bool without_rowid, struct mr_error *err)
{
    struct mr_sqlite_source *src = s->source;
    enum mr_code rc = table_columns(f, s, err);
    if (rc != MR_OK)
        return rc;
    src->rowid = without_rowid ? NULL : rowid_name(s);
    s->est_rows = estimate_rows(f, s);
    return MR_OK;
}

/* One row of pragma_table_list: name, type, whether it is WITHOUT ROWID. */
static enum mr_code add_listed(const struct mr_sqlite_file *f, sqlite3_stmt *q,
                               struct mr_stream_list *out, struct mr_error *err)
{
    const char *type = (const char *)sqlite3_column_text(q, 1);
    bool view = strcmp(type, "view") == 0, table = strcmp(type, "table") == 0;
    struct mr_stream *s = make_stream(f, (const char *)sqlite3_column_text(q, 0),
                                      view    ? "view"
                                      : table ? "table"
                                              : "virtual table");
    struct mr_sqlite_source *src = s->source;
    append(out, s);
    if (table)
        return describe_table(f, s, sqlite3_column_int(q, 2), err);
    src->own_sql = src->view = s->named_only = view;
    char *what = mr_asprintf("read the view %.200s", s->id);
    if (view && statement_columns(f, s, what, &s->error) != MR_OK)
        mr_schema_release(&s->schema);
    mr_free(what);
    return MR_OK;
}

static enum mr_code list_tables(const struct mr_sqlite_file *f, struct mr_stream_list *out,
                                struct mr_error *err)
{
    sqlite3_stmt *q = NULL;
    enum mr_code rc = MR_OK;
    int step = SQLITE_DONE;
    if (sqlite3_prepare_v2(
            f->db,
            "SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main' AND "
            "type IN ('table', 'view', 'virtual') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
            -1, &q, NULL) != SQLITE_OK)
        return mr_sqlite_fail(f, MR_ID_LITE01, "list tables", err);
    while (rc == MR_OK && (step = sqlite3_step(q)) == SQLITE_ROW)
        rc = add_listed(f, q, out, err);
    if (rc == MR_OK && step != SQLITE_DONE)
        rc = mr_sqlite_fail(f, MR_ID_LITE01, "list tables", err);
    sqlite3_finalize(q);
    return rc;
}

static void check_key(struct mr_stream *s, const struct mr_query_stream *query)
{
    for (int i = 0; query->key[i] && s->error.code == MR_OK; i++) {
        if (mr_schema_find(&s->schema, query->key[i]) < 0) {
            mr_fail(&s->error, MR_ID_LITE04, "%s: its query has no column '%s', which key: names",
                    s->id, query->key[i]);
            mr_error_advise(&s->error, "name the key's columns as the query does");
            return;
        }
        add_key(s, query->key[i], i + 1);
    }
}

/* The query without what ends a statement: it becomes the inside of a FROM (...). */
static char *without_end(const char *query)
{
    size_t n = strlen(query);
    while (n && (isspace((unsigned char)query[n - 1]) || query[n - 1] == ';'))
        n--;
    return mr_strndup(query, n);
}

static struct mr_stream *query_stream(const struct mr_sqlite_file *f,
                                      const struct mr_query_stream *query)
{
    struct mr_stream *s = make_stream(f, query->name, "query");
    struct mr_sqlite_source *src = s->source;
    sqlite3_stmt *q = NULL;
    char *what = mr_asprintf("use the query of %.200s", s->id);
    src->query = mr_strdup(query->query);
    src->own_sql = true;
    /* Alone first: what is only a statement inside the parentheses, "SELECT 1) x, (SELECT 2", is none. */
    if (prepare_reading(f, query->query, false, MR_ID_LITE04, what, &q, &s->error) == MR_OK) {
        mr_free(src->query);
        src->query = without_end(sqlite3_sql(q));
        if (statement_columns(f, s, what, &s->error) == MR_OK)
            check_key(s, query);
    }
    sqlite3_finalize(q);
    mr_free(what);
    return s;
}

static void stream_free(struct mr_stream *s)
{
    struct mr_stream_list one = { .n = 1, .items = mr_alloc(sizeof *one.items) };
    one.items[0] = s;
    mr_stream_list_free(&one, mr_sqlite_source_free);
}

/* A query that is named as a table stands for it. */
static void add_queries(const struct mr_sqlite_file *f, struct mr_stream_list *out)
{
    for (int i = 0; i < f->n_queries; i++) {
        int at = 0;
        while (at < out->n && strcmp(out->items[at]->id, f->queries[i].name) != 0)
            at++;
        struct mr_stream *s = query_stream(f, &f->queries[i]);
        if (at == out->n) {
            append(out, s);
        } else {
            stream_free(out->items[at]);
            out->items[at] = s;
        }
    }
}

static int by_id(const void *a, const void *b)
{
    return strcmp((*(struct mr_stream *const *)a)->id, (*(struct mr_stream *const *)b)->id);
}

enum mr_code mr_sqlite_discover(const struct mr_sqlite_file *f, struct mr_stream_list *ret,
                                struct mr_error *err)
{
    struct mr_stream_list out = { 0 };
    enum mr_code rc = list_tables(f, &out, err);
    if (rc == MR_OK)
        add_queries(f, &out);
    if (rc == MR_OK && out.n)
        qsort(out.items, (size_t)out.n, sizeof *out.items, by_id);
    if (rc != MR_OK)
        mr_stream_list_free(&out, mr_sqlite_source_free);
    else
        *ret = out;
    return rc;
}

/* ---- wishes ---- */

static bool pin_column(struct mr_stream *s, struct mr_field *f, const struct mr_field *pin)
{
    struct mr_buf type = { 0 };
    if (pin->n_children == 0 && mr_sqlite_put(pin->type)) {
        f->type = pin->type;
        return true;
    }
    mr_field_type_text(pin, &type);
    mr_fail(&s->error, MR_ID_LITE03, "%s.%s: a column of SQLite cannot land as %.200s", s->id,
            f->name, mr_buf_str(&type));
    mr_error_advise(&s->error, "pin it to one of " PINS);
    mr_buf_release(&type);
    return false;
}

void mr_sqlite_shape(const struct mr_sqlite_file *f, struct mr_stream *s,
                     const struct mr_stream_wish *w)
{
    struct mr_sqlite_source *src = s->source;
    sqlite3_stmt *q = NULL;
    if (s->error.code != MR_OK)
        return;
    for (int i = 0; i < s->schema.n_fields; i++) {
        const struct mr_field *pin = w->columns[i].keep ? w->columns[i].pin : NULL;
        if (pin && !pin_column(s, &s->schema.fields[i], pin))
            return;
    }
    mr_schema_shape(&s->schema, w->columns);
    if (!w->where)
        return;
    src->where = mr_strdup(w->where);
    src->own_sql = true;
    s->est_rows = -1;
    if (s->schema.n_fields && mr_sqlite_prepare(f, s, 0, &q, &s->error) == MR_OK)
        sqlite3_finalize(q);
}

/* ---- the same inside the snapshot ---- */

static bool same_columns(const struct mr_stream *was, const struct mr_stream *is)
{
    if (strcmp(was->kind, is->kind) != 0 || is->error.code != MR_OK)
        return false;
    for (int i = 0; i < was->schema.n_fields; i++) {
        const struct mr_field *x = &was->schema.fields[i];
        int at = mr_schema_find(&is->schema, x->name);
        const char *type = at < 0 ? NULL : is->schema.fields[at].source_type;
        if (at < 0 || strcmp(type ? type : "", x->source_type ? x->source_type : "") != 0)
            return false;
    }
    return true;
}

enum mr_code mr_sqlite_compare(const struct mr_sqlite_file *f, struct mr_stream **streams, int n,
                               struct mr_error *err)
{
    struct mr_stream_list now = { 0 };
    enum mr_code rc = mr_sqlite_discover(f, &now, err);
    if (rc != MR_OK)
        return rc;
    for (int i = 0; i < n; i++) {
        struct mr_stream **found =
            now.n ? bsearch(&streams[i], now.items, (size_t)now.n, sizeof *now.items, by_id) : NULL;
        if (found && same_columns(streams[i], *found))
            continue;
        mr_fail(&streams[i]->error, MR_ID_LITE05, "%s was %s while the run began", streams[i]->id,
                found ? "altered" : "dropped");
        mr_error_advise(&streams[i]->error, "run again; nothing of it was read");
    }
    mr_stream_list_free(&now, mr_sqlite_source_free);
    return MR_OK;
}
