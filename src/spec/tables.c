/*
 * What        `consumer.tables`: patterns, queries, and what is wished of tables and columns
 * Gets        a list of patterns, or a map from pattern or name to nothing, skip or settings
 * Guarantees  what cannot be is refused here where the types are pinned, else as soon as the source has said them
 * Source      docs/pipeline.md
 */
#include <string.h>

#include "base/mem.h"
#include "column/schema.h"
#include "spec/load.h"

void mr_table_rule_release(struct mr_table_rule *r)
{
    for (int i = 0; i < r->n_key; i++)
        mr_free(r->key[i]);
    for (int i = 0; i < r->n_columns; i++) {
        mr_free(r->columns[i].name);
        mr_field_release(&r->columns[i].type);
    }
    mr_free(r->key);
    mr_free(r->columns);
    mr_free(r->pattern);
    mr_free(r->where);
    mr_free(r->query);
}

/* ---- what makes sense ---- */

static bool can_round(enum mr_type_id t)
{
    return (t >= MR_TYPE_INT8 && t <= MR_TYPE_INT64) || t == MR_TYPE_DECIMAL ||
           t == MR_TYPE_TIMESTAMP || t == MR_TYPE_TIMESTAMP_NTZ;
}

static bool can_clamp(enum mr_type_id t)
{
    return can_round(t) || t == MR_TYPE_FLOAT32 || t == MR_TYPE_FLOAT64 || t == MR_TYPE_DATE;
}

static bool any_can(const struct mr_field *f, bool (*can)(enum mr_type_id))
{
    bool yes = can(f->type.id);
    for (int i = 0; i < f->n_children && !yes; i++)
        yes = any_can(&f->children[i], can);
    return yes;
}

bool mr_on_bad_fits(enum mr_on_bad policy, const struct mr_field *lands)
{
    return policy == MR_BAD_CLAMP   ? any_can(lands, can_clamp)
           : policy == MR_BAD_ROUND ? any_can(lands, can_round)
                                    : true;
}

static enum mr_code senseless(const struct mr_column_rule *c, const struct mr_field *lands,
                              const char *file, struct mr_error *err, const char *what,
                              const char *advice)
{
    struct mr_buf type = { 0 };
    mr_field_type_text(lands, &type);
    mr_fail(err, MR_ID_SPEC12, "%s lands as %s, which cannot be %s", c->name, mr_buf_str(&type),
            what);
    mr_error_at(err, "%s:%d:%d", file, c->line, c->column);
    mr_buf_release(&type);
    return mr_error_advise(err, "%s", advice);
}

enum mr_code mr_column_rule_check(const struct mr_column_rule *c, const struct mr_field *lands,
                                  const char *file, struct mr_error *err)
{
    enum mr_type_id t = lands->type.id;
    if (c->physical == MR_PHYSICAL_INT96 && t != MR_TYPE_TIMESTAMP)
        return senseless(c, lands, file, err, "int96 in Parquet",
                         "int96 is an instant: add type: timestamp, or leave parquet: out");
    if (c->physical == MR_PHYSICAL_MILLIS && t != MR_TYPE_TIMESTAMP && t != MR_TYPE_TIMESTAMP_NTZ)
        return senseless(c, lands, file, err, "millis in Parquet",
                         "millis is for timestamps: pin one with type:, or leave parquet: out");
    if (c->physical == MR_PHYSICAL_FIXED && t != MR_TYPE_DECIMAL)
        return senseless(c, lands, file, err, "fixed in Parquet",
                         "fixed is for decimals: pin one with type:, or leave parquet: out");
    if (c->on_bad == MR_BAD_CLAMP && !mr_on_bad_fits(MR_BAD_CLAMP, lands))
        return senseless(c, lands, file, err, "clamped",
                         "clamp is for numbers, dates and timestamps; write rescue, null or fail");
    if (c->on_bad == MR_BAD_ROUND && !mr_on_bad_fits(MR_BAD_ROUND, lands))
        return senseless(c, lands, file, err, "rounded",
                         "round is for decimals, whole numbers and timestamps; write rescue, null "
                         "or fail");
    return MR_OK;
}

/* ---- columns ---- */

static enum mr_code read_pin(struct mr_loading *l, const struct mr_yaml *y, const char *text,
                             struct mr_column_rule *c)
{
    if (mr_type_pin_parse(text, &c->type)) {
        c->pinned = true;
        return MR_OK;
    }
    const char *near = mr_type_near(text);
    bool bare = near && strcmp(near, text) == 0; /* the word is right, what belongs to it is not */
    mr_fail(l->err, MR_ID_SPEC04, "columns.%s: '%s' is not a type", c->name, text);
    mr_load_at(l, y);
    if (near && !bare && !strpbrk(text, "(<"))
        return mr_error_advise(l->err, "did you mean '%s'?", near);
    if (strchr(text, '(') && !strchr(text, ')'))
        return mr_error_advise(l->err, "between { and } a comma ends a value: put quotes around "
                                       "the type");
    return mr_error_advise(l->err,
                           "types are boolean, byte, short, integer, long, float, double, "
                           "decimal(12,2) up to 38 digits, date, timestamp, timestamp_ntz, string, "
                           "binary, array<T>, map<K,V>, struct<a:T>");
}

static enum mr_code fill_column(struct mr_loading *l, const struct mr_yaml *y,
                                const struct mr_options *o, struct mr_column_rule *c)
{
    enum mr_code rc = MR_OK;
    const char *type = mr_option_str(o, "type");
    c->required = mr_option_bool(o, "required");
    c->on_bad = mr_option_choice(o, "on_bad_value");
    c->physical = (enum mr_physical)(mr_option_choice(o, "parquet") + 1);
    c->field_id = (int)mr_option_int(o, "field_id");
    c->order = (int)mr_option_int(o, "order");
    if (type)
        rc = read_pin(l, mr_yaml_get(y, "type"), type, c);
    if (rc == MR_OK && c->required && (c->on_bad == MR_BAD_RESCUE || c->on_bad == MR_BAD_NULL))
        rc = mr_load_wrong(l, mr_yaml_get(y, "on_bad_value"),
                           "write fail (the default here), clamp or round",
                           "columns.%s is required, and %s would make it NULL", c->name,
                           mr_option_str(o, "on_bad_value"));
    if (rc == MR_OK && c->pinned)
        rc = mr_column_rule_check(c, &c->type, y->file, l->err);
    return rc;
}

static enum mr_code read_column_map(struct mr_loading *l, const struct mr_yaml *y,
                                    struct mr_column_rule *c)
{
    struct mr_options o;
    mr_options_init(&o, mr_keys_column);
    char *where = mr_asprintf("columns.%s", c->name);
    const struct mr_key_set set = {
        where, "columns", { &o, NULL }, mr_structure_none, mr_planned_none
    };
    enum mr_code rc = mr_load_keys(l, y, &set);
    if (rc == MR_OK)
        rc = fill_column(l, y, &o, c);
    mr_options_release(&o);
    mr_free(where);
    return rc;
}

static enum mr_code read_column(struct mr_loading *l, const struct mr_yaml *y,
                                struct mr_column_rule *c)
{
    if (y->kind == MR_YAML_MAP && y->n > 0)
        return read_column_map(l, y, c);
    if (y->kind != MR_YAML_SCALAR || !*y->text)
        return mr_load_wrong(l, y, "write skip, a type, or {type: ..., required: true}",
                             "columns.%s: nothing is said of it", c->name);
    c->skip = strcmp(y->text, "skip") == 0;
    return c->skip ? MR_OK : read_pin(l, y, y->text, c);
}

/* No two columns of one entry under one field id or in one place. */
static enum mr_code check_twice(struct mr_loading *l, const struct mr_yaml *y,
                                const struct mr_table_rule *r)
{
    const struct mr_column_rule *a = &r->columns[r->n_columns - 1];
    for (int i = 0; i < r->n_columns - 1; i++) {
        const struct mr_column_rule *b = &r->columns[i];
        if (a->field_id && a->field_id == b->field_id)
            return mr_load_wrong(l, y, "give each column its own",
                                 "columns %s and %s have one field_id, %d", b->name, a->name,
                                 a->field_id);
        if (a->order && a->order == b->order)
            return mr_load_wrong(l, y, "give each column its own",
                                 "columns %s and %s have one order, %d", b->name, a->name,
                                 a->order);
    }
    return MR_OK;
}

static enum mr_code read_columns(struct mr_loading *l, const struct mr_yaml *y,
                                 struct mr_table_rule *r)
{
    enum mr_code rc = y ? mr_load_expect(l, y, MR_YAML_MAP, "columns") : MR_OK;
    if (rc != MR_OK || !y)
        return rc;
    r->columns = mr_zalloc((size_t)y->n + 1, sizeof *r->columns);
    for (int i = 0; i < y->n && rc == MR_OK; i++) {
        struct mr_column_rule *c = &r->columns[r->n_columns++];
        *c = (struct mr_column_rule){ .name = mr_strdup(y->keys[i]->text),
                                      .on_bad = -1,
                                      .line = y->keys[i]->line,
                                      .column = y->keys[i]->column };
        rc = read_column(l, y->items[i], c);
        if (rc == MR_OK)
            rc = check_twice(l, y->keys[i], r);
    }
    return rc;
}

/* ---- tables ---- */

static char *copy_text(const struct mr_options *o, const char *key)
{
    const char *s = mr_option_str(o, key);
    return s ? mr_strdup(s) : NULL;
}

static enum mr_code check_rule(struct mr_loading *l, const struct mr_yaml *y,
                               const struct mr_table_rule *r)
{
    const char *empty = r->where && !*r->where ? "where" : r->query && !*r->query ? "query" : NULL;
    if (empty)
        return mr_load_wrong(l, mr_yaml_get(y, empty), "leave it out", "%s is empty", empty);
    if (mr_yaml_get(y, "key") && !r->query)
        return mr_load_wrong(l, mr_yaml_get(y, "key"), "leave it out: a table's key is its own",
                             "%s has a key but no query", r->pattern);
    if (r->query && r->where)
        return mr_load_wrong(l, mr_yaml_get(y, "where"), "put the condition into the query",
                             "%s has both a query and where", r->pattern);
    if (r->query && strchr(r->pattern, '*'))
        return mr_load_wrong(l, mr_yaml_get(y, "query"), "give it a name without *",
                             "'%s' is a pattern, and a query is one table", r->pattern);
    return MR_OK;
}

static enum mr_code fill_rule(struct mr_loading *l, const struct mr_yaml *y,
                              const struct mr_options *o, struct mr_table_rule *r)
{
    const struct mr_option_value *key = mr_option_get(o, "key");
    r->where = copy_text(o, "where");
    r->query = copy_text(o, "query");
    r->on_bad = mr_option_choice(o, "on_bad_value");
    r->write = mr_option_choice(o, "write");
    r->key = key->n_items ? mr_zalloc((size_t)key->n_items + 1, sizeof *r->key) : NULL;
    for (; r->n_key < key->n_items; r->n_key++)
        r->key[r->n_key] = mr_strdup(key->items[r->n_key]);
    enum mr_code rc = check_rule(l, y, r);
    return rc == MR_OK ? read_columns(l, mr_yaml_get(y, "columns"), r) : rc;
}

static enum mr_code read_settings(struct mr_loading *l, const struct mr_yaml *y,
                                  struct mr_table_rule *r)
{
    struct mr_options o;
    mr_options_init(&o, mr_keys_table);
    const struct mr_key_set set = {
        r->pattern, "tables", { &o, NULL }, mr_structure_table, mr_planned_table
    };
    enum mr_code rc = mr_load_keys(l, y, &set);
    if (rc == MR_OK)
        rc = fill_rule(l, y, &o, r);
    mr_options_release(&o);
    return rc;
}

/* YAML's ways to say nothing, and JSON's. */
static bool says_nothing(const struct mr_yaml *y)
{
    return y->kind == MR_YAML_SCALAR && y->plain &&
           (!*y->text || strcmp(y->text, "null") == 0 || strcmp(y->text, "~") == 0);
}

static enum mr_code add_rule(struct mr_loading *l, const struct mr_yaml *key,
                             const struct mr_yaml *value)
{
    struct mr_pipeline *p = l->p;
    if (key->kind != MR_YAML_SCALAR || !*key->text)
        return mr_load_wrong(l, key, "write tables as a map: orders: {where: total > 0}",
                             "a table must be given by its name or a pattern");
    p->rules = mr_realloc(p->rules, sizeof *p->rules * (size_t)(p->n_rules + 1));
    struct mr_table_rule *r = &p->rules[p->n_rules++];
    *r = (struct mr_table_rule){ .pattern = mr_strdup(key->text),
                                 .on_bad = -1,
                                 .write = -1,
                                 .line = key->line,
                                 .column = key->column };
    if (!value || says_nothing(value))
        return MR_OK;
    if (value->kind == MR_YAML_MAP)
        return read_settings(l, value, r);
    r->skip = value->kind == MR_YAML_SCALAR && strcmp(value->text, "skip") == 0;
    return r->skip ? MR_OK
                   : mr_load_wrong(l, value, "millrace help tables lists the keys",
                                   "%s must be skip, nothing, or a map of settings", key->text);
}

enum mr_code mr_load_tables(struct mr_loading *l, const struct mr_yaml *y)
{
    enum mr_code rc = MR_OK;
    if (!y)
        return MR_OK;
    if (y->kind == MR_YAML_SCALAR) {
        mr_fail(l->err, MR_ID_SPEC04, "tables must be a list or a map of patterns");
        mr_load_at(l, y);
        return mr_error_advise(l->err, "write tables: [%s]", y->text);
    }
    for (int i = 0; rc == MR_OK && i < y->n; i++)
        rc = y->kind == MR_YAML_MAP ? add_rule(l, y->keys[i], y->items[i])
                                    : add_rule(l, y->items[i], NULL);
    return rc;
}
