/*
 * What        the SELECT that stands for a table of the lake: its live files, under its schema
 * Gets        a snapshot
 * Guarantees  a column that some or no file has is NULL, one whose files are of a narrower type has the table's; names of a
 *             table with column mapping are the table's, at any depth; a file outside the lake is refused
 * Why         SELECT columns FROM (a typed nothing UNION ALL BY NAME the files): what each file has need not be known, and the
 *             optimizer drops the nothing. Where the statistics say that all files have all columns it is left out, for
 *             count(*) is answered from footers only without it
 */
#include "query/table_sql.h"

#include <string.h>

#include "base/mem.h"
#include "column/schema.h"
#include "duck/duck_sql.h"

/* The value at `at` with the names of structs' fields as the table has them, in place of those in the files. */
static void put_value(const struct mr_field *logical, const struct mr_field *written,
                      const char *at, int depth, struct mr_buf *out);

static void put_struct(const struct mr_field *logical, const struct mr_field *written,
                       const char *at, int depth, struct mr_buf *out)
{
    mr_buf_printf(out, "CASE WHEN %s IS NULL THEN NULL ELSE struct_pack(", at);
    for (int i = 0; i < logical->n_children; i++) {
        struct mr_buf child = { 0 };
        mr_buf_printf(&child, "%s.", at);
        mr_duck_put_name(&child, written->children[i].name);
        mr_buf_puts(out, i ? ", " : "");
        mr_duck_put_name(out, logical->children[i].name);
        mr_buf_puts(out, " := ");
        put_value(&logical->children[i], &written->children[i], child.data, depth, out);
        mr_buf_release(&child);
    }
    mr_buf_puts(out, ") END");
}

static void put_list(const struct mr_field *logical, const struct mr_field *written, const char *at,
                     int depth, struct mr_buf *out)
{
    char *x = mr_asprintf("x%d", depth);
    mr_buf_printf(out, "list_transform(%s, lambda %s: ", at, x);
    put_value(&logical->children[0], &written->children[0], x, depth + 1, out);
    mr_buf_putc(out, ')');
    mr_free(x);
}

static void put_map(const struct mr_field *logical, const struct mr_field *written, const char *at,
                    int depth, struct mr_buf *out)
{
    char *key = mr_asprintf("x%d.key", depth), *value = mr_asprintf("x%d.value", depth);
    mr_buf_printf(
        out, "map_from_entries(list_transform(map_entries(%s), lambda x%d: struct_pack(k := ", at,
        depth);
    put_value(&logical->children[0], &written->children[0], key, depth + 1, out);
    mr_buf_puts(out, ", v := ");
    put_value(&logical->children[1], &written->children[1], value, depth + 1, out);
    mr_buf_puts(out, ")))");
    mr_free(key);
    mr_free(value);
}

static bool names_inside(const struct mr_field *logical, const struct mr_field *written)
{
    for (int i = 0; i < logical->n_children; i++)
        if (strcmp(logical->children[i].name, written->children[i].name) != 0 ||
            names_inside(&logical->children[i], &written->children[i]))
            return true;
    return false;
}

static void put_value(const struct mr_field *logical, const struct mr_field *written,
                      const char *at, int depth, struct mr_buf *out)
{
    if (!names_inside(logical, written))
        mr_buf_puts(out, at);
    else if (logical->type.id == MR_TYPE_STRUCT)
        put_struct(logical, written, at, depth, out);
    else if (logical->type.id == MR_TYPE_LIST)
        put_list(logical, written, at, depth, out);
    else
        put_map(logical, written, at, depth, out);
}

static void put_column(const struct mr_field *logical, const struct mr_field *written,
                       struct mr_buf *out)
{
    struct mr_buf at = { 0 };
    mr_duck_put_name(&at, written->name);
    put_value(logical, written, at.data, 0, out);
    mr_buf_release(&at);
    mr_buf_puts(out, " AS ");
    mr_duck_put_name(out, logical->name);
}

/* A relation of no rows, typed as the table's schema, under the names in the files. */
static void put_nothing(const struct mr_schema *written, struct mr_buf *out)
{
    mr_buf_puts(out, "SELECT ");
    for (int i = 0; i < written->n_fields; i++) {
        mr_buf_puts(out, i ? ", CAST(NULL AS " : "CAST(NULL AS ");
        mr_duck_put_type(out, &written->fields[i]);
        mr_buf_puts(out, ") AS ");
        mr_duck_put_name(out, written->fields[i].name);
    }
    mr_buf_puts(out, " WHERE false");
}

/* Only a table of few flat columns can say so: statistics have the first 32, and count the NULLs of each. */
static bool has_all(const char *stats, const struct mr_schema *written, struct mr_buf *key)
{
    const char *counts = stats ? strstr(stats, "\"nullCount\":{") : NULL;
    if (!counts || strchr(counts + 13, '{'))
        return false;
    for (int i = 0; i < written->n_fields; i++) {
        const char *name = written->fields[i].name;
        mr_buf_clear(key);
        mr_json_quote(key, name, strlen(name));
        mr_buf_putc(key, ':');
        if (!strstr(counts, key->data))
            return false;
    }
    return true;
}

static bool all_have_all(const struct mr_delta_snapshot *s, const struct mr_schema *written)
{
    struct mr_buf key = { 0 };
    bool all = s->n_adds > 0 && written->n_fields <= 32;
    for (int i = 0; i < s->n_adds && all; i++)
        all = has_all(s->adds[i].stats, written, &key);
    mr_buf_release(&key);
    return all;
}

static enum mr_code put_files(struct mr_store *store, const char *table,
                              const struct mr_delta_snapshot *s, struct mr_buf *out,
                              struct mr_error *err)
{
    mr_buf_puts(out, "SELECT * FROM read_parquet([");
    for (int i = 0; i < s->n_adds; i++) {
        struct mr_store_object o;
        char *name = mr_asprintf("%s/%s", table, s->adds[i].path);
        enum mr_code rc = mr_store_stat(store, name, &o, err); /* inside the lake, and there */
        char *path = mr_asprintf("%s/%s", mr_store_root(store), name);
        mr_buf_puts(out, i ? ", " : "");
        mr_duck_put_text(out, path);
        mr_free(path);
        mr_free(name);
        if (rc != MR_OK)
            return rc;
    }
    mr_buf_puts(out, s->n_adds > 1 ? "], union_by_name = true)" : "])");
    return MR_OK;
}

enum mr_code mr_table_sql(struct mr_store *store, const char *table,
                          const struct mr_delta_snapshot *s, struct mr_buf *out,
                          struct mr_error *err)
{
    struct mr_schema written;
    mr_delta_physical(&s->schema, &written);
    mr_buf_puts(out, "SELECT * FROM (SELECT ");
    for (int i = 0; i < s->schema.n_fields; i++) {
        mr_buf_puts(out, i ? ", " : "");
        put_column(&s->schema.fields[i], &written.fields[i], out);
    }
    mr_buf_puts(out, " FROM (");
    if (!all_have_all(s, &written)) {
        put_nothing(&written, out);
        mr_buf_puts(out, s->n_adds > 0 ? " UNION ALL BY NAME " : "");
    }
    enum mr_code rc = s->n_adds > 0 ? put_files(store, table, s, out, err) : MR_OK;
    mr_buf_puts(out, ") AS f) AS t");
    mr_schema_release(&written);
    return rc;
}
