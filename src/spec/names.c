/*
 * What        which streams, under which names: patterns, paths, safe column names
 * Source      docs/delta.md, "Names"
 */
#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "spec/keys.h"

/* ---- patterns: '*' is any text ---- */

static bool matches(const char *pattern, const char *s)
{
    const char *star = NULL, *mark = NULL;
    while (*s) {
        if (*pattern == '*') {
            star = pattern++;
            mark = s;
        } else if (*pattern == *s) {
            pattern++;
            s++;
        } else if (star) {
            pattern = star + 1;
            s = ++mark;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

static bool pattern_matches(const char *pattern, const struct mr_stream *s)
{
    return matches(pattern, s->id) || (s->default_schema && matches(pattern, s->table));
}

/* A query is not a pattern: it is the stream of its name, and no table. */
static bool rule_matches(const struct mr_table_rule *r, const struct mr_stream *s)
{
    return r->query ? strcmp(r->pattern, s->id) == 0 : pattern_matches(r->pattern, s);
}

static int stars(const char *p)
{
    int n = 0;
    for (; *p; p++)
        n += *p == '*';
    return n;
}

/* a is more specific than b: fewer stars, then longer. */
static bool more_specific(const struct mr_table_rule *a, const struct mr_table_rule *b)
{
    int x = stars(a->pattern), y = stars(b->pattern);
    return x != y ? x < y : strlen(a->pattern) >= strlen(b->pattern);
}

static const struct mr_table_rule *rule_for(const struct mr_pipeline *p, const struct mr_stream *s)
{
    const struct mr_table_rule *best = NULL;
    for (int i = 0; i < p->n_rules; i++)
        if (rule_matches(&p->rules[i], s) && (!best || more_specific(&p->rules[i], best)))
            best = &p->rules[i];
    return best;
}

/* Nothing says which tables; at most which not. Queries alone are read alone. */
static bool takes_all(const struct mr_pipeline *p)
{
    int queries = 0;
    for (int i = 0; i < p->n_rules; i++) {
        if (!p->rules[i].skip && !p->rules[i].query)
            return false;
        queries += p->rules[i].query != NULL;
    }
    return queries == 0 || queries < p->n_rules;
}

/* "*" holds settings for all tables, and does not make views tables: with it the same is read as without entries. */
static bool wanted(const struct mr_pipeline *p, const struct mr_stream *s)
{
    const struct mr_table_rule *r = rule_for(p, s);
    bool named = r && r->pattern[strspn(r->pattern, "*")];
    if (p->every_table)
        return true;
    return (r ? !r->skip : takes_all(p)) && (named || !s->named_only);
}

static enum mr_code matches_nothing(const char *pattern, const struct mr_stream_list *all,
                                    struct mr_error *err)
{
    if (all->n == 0) {
        mr_fail(err, MR_ID_SPEC10, "the source has no tables, so '%s' matches nothing", pattern);
        return mr_error_advise(err, "check the database's name in the URL, and the user's rights");
    }
    const char **words = mr_zalloc((size_t)all->n * 2 + 1, sizeof *words);
    for (int i = 0; i < all->n; i++) {
        words[2 * i] = all->items[i]->id;
        words[2 * i + 1] = all->items[i]->table;
    }
    const char *near = mr_did_you_mean(pattern, words);
    mr_fail(err, MR_ID_SPEC10, "'%s' matches no table of the source", pattern);
    if (near)
        mr_error_advise(err, "did you mean '%s'?", near);
    else
        mr_error_advise(err, "millrace discover lists what there is (%d tables)", all->n);
    mr_free(words);
    return MR_E_CONFIG;
}

/* Every entry is `skip`, or all that there is are views. */
static enum mr_code nothing_to_read(const struct mr_stream_list *all, struct mr_error *err)
{
    if (all->n == 0)
        return matches_nothing("*", all, err);
    mr_fail(err, MR_ID_SPEC10, "nothing is left to read: what the source has is skipped, or views");
    return mr_error_advise(err, "name under consumer: tables: what is to be read, such as %.200s",
                           all->items[0]->id);
}

static enum mr_code check_patterns(const struct mr_pipeline *p, const struct mr_stream_list *all,
                                   struct mr_error *err)
{
    for (int i = 0; i < p->n_rules; i++) {
        bool hit = false;
        for (int k = 0; k < all->n && !hit; k++)
            hit = rule_matches(&p->rules[i], all->items[k]);
        if (hit)
            continue;
        enum mr_code rc = matches_nothing(p->rules[i].pattern, all, err);
        mr_error_at(err, "%s:%d:%d", p->file, p->rules[i].line, p->rules[i].column);
        return rc;
    }
    return MR_OK;
}

/* ---- paths ---- */

/* One folder's name: what file systems and readers cannot take becomes '_'; a leading '_' or '.' too. */
static void put_safe(struct mr_buf *out, const char *s)
{
    size_t start = out->len;
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        mr_buf_putc(out,
                    c < 0x20 || c == 0x7F || strchr(" ,;{}()=/\\:*?\"<>|%", c) ? '_' : (char)c);
    }
    if (out->len > start && (out->data[start] == '_' || out->data[start] == '.')) {
        char *tail = mr_strdup(out->data + start + 1);
        out->len = start;
        mr_buf_printf(out, "t_%s", tail);
        mr_free(tail);
    }
    if (out->len - start > 200) {
        unsigned h = 5381;
        for (size_t i = start; i < out->len; i++)
            h = h * 33 + (unsigned char)out->data[i];
        out->len = start + 190;
        while (out->len > start && ((unsigned char)out->data[out->len] & 0xC0) == 0x80)
            out->len--;
        mr_buf_printf(out, "_%08x", h);
    }
}

static const char *placeholder(const struct mr_pipeline *p, const struct mr_stream *s,
                               const char *name, size_t n, char **own)
{
    *own = NULL;
    if (n == 8 && strncmp(name, "pipeline", n) == 0)
        return p->name;
    if (n == 8 && strncmp(name, "database", n) == 0)
        return s->database;
    if (n == 6 && strncmp(name, "schema", n) == 0)
        return s->schema_name;
    if (n == 3 && strncmp(name, "env", n) == 0)
        return p->env ? p->env : "default";
    if (n == 5 && strncmp(name, "table", n) == 0)
        return s->default_schema ? s->table
                                 : (*own = mr_asprintf("%s__%s", s->schema_name, s->table));
    return NULL;
}

enum mr_code mr_path_template_check(const char *t, const char *file, const struct mr_yaml *y,
                                    struct mr_error *err)
{
    static const char *const names[] = { "{pipeline}", "{database}", "{schema}",
                                         "{table}",    "{env}",      NULL };
    bool bad = t[0] == '/' || !*t || strstr(t, "..") || strstr(t, "//") || t[strlen(t) - 1] == '/';
    for (const char *p = strchr(t, '{'); p && !bad; p = strchr(p + 1, '{')) {
        bool known = false;
        for (const char *const *n = names; *n; n++)
            known |= strncmp(p, *n, strlen(*n)) == 0;
        bad = !known;
    }
    if (!bad)
        return MR_OK;
    mr_fail(err, MR_ID_SPEC04, "loader.path '%s' is not a path below the lake", t);
    mr_error_at(err, "%s:%d:%d", file, y ? y->line : 1, y ? y->column : 1);
    return mr_error_advise(err, "use names, / and {pipeline} {database} {schema} {table} {env}");
}

static char *table_path(const struct mr_pipeline *p, const struct mr_stream *s)
{
    struct mr_buf out = { 0 };
    for (const char *t = p->path_template; *t;) {
        char *own = NULL;
        size_t n = *t == '{' ? strcspn(t, "}") : 0;
        const char *value = n ? placeholder(p, s, t + 1, n - 1, &own) : NULL;
        if (value) {
            put_safe(&out, value);
            t += n + 1;
        } else {
            mr_buf_putc(&out, *t++);
        }
        mr_free(own);
    }
    return mr_buf_take(&out);
}

static enum mr_code check_collisions(struct mr_stream **streams, char **tables, int n,
                                     struct mr_error *err)
{
    for (int i = 1; i < n; i++)
        for (int k = 0; k < i; k++)
            if (strcasecmp(tables[i], tables[k]) == 0) {
                mr_fail(err, MR_ID_SPEC11, "%s and %s would both land in %s", streams[k]->id,
                        streams[i]->id, tables[i]);
                return mr_error_advise(err, "set loader.path with {schema} or {database}, or skip "
                                            "one of them");
            }
    return MR_OK;
}

/* The next pattern of "a,b.*", NULL at the end; *at moves on. mr_free. */
static char *next_pattern(const char **at)
{
    size_t n = strcspn(*at, ",");
    char *one = **at ? mr_strndup(*at, n) : NULL;
    *at += n + ((*at)[n] == ',');
    return one;
}

static bool in_patterns(const char *patterns, const struct mr_stream *s)
{
    bool hit = false;
    for (char *one; (one = next_pattern(&patterns)) != NULL; mr_free(one))
        hit |= pattern_matches(one, s);
    return hit;
}

/* Each pattern of --only is of a table that the pipeline reads: a typing error must not read the others only. */
static enum mr_code check_only(const struct mr_pipeline *p, const struct mr_stream_list *all,
                               const char *only, struct mr_error *err)
{
    enum mr_code rc = MR_OK;
    for (char *one; rc == MR_OK && (one = next_pattern(&only)) != NULL; mr_free(one)) {
        bool there = false, read = false;
        for (int k = 0; k < all->n; k++)
            if (pattern_matches(one, all->items[k])) {
                there = true;
                read |= wanted(p, all->items[k]);
            }
        if (!there) {
            rc = matches_nothing(one, all, err);
        } else if (!read) {
            rc = mr_fail(err, MR_ID_SPEC10, "--only: the pipeline does not read '%s'", one);
            mr_error_advise(err, "name it under consumer: tables: first");
        }
    }
    return rc;
}

enum mr_code mr_pipeline_select(const struct mr_pipeline *p, const struct mr_stream_list *all,
                                const char *only, struct mr_stream ***ret_streams,
                                char ***ret_tables, int *ret_n, struct mr_error *err)
{
    enum mr_code rc = p->every_table ? MR_OK : check_patterns(p, all, err);
    if (rc == MR_OK && only)
        rc = check_only(p, all, only, err);
    if (rc != MR_OK)
        return rc;
    struct mr_stream **streams = mr_zalloc((size_t)all->n, sizeof *streams);
    char **tables = mr_zalloc((size_t)all->n, sizeof *tables);
    int n = 0;
    for (int i = 0; i < all->n; i++) {
        struct mr_stream *s = all->items[i];
        if (!wanted(p, s) || (only && !in_patterns(only, s)))
            continue;
        streams[n] = s;
        tables[n++] = table_path(p, s);
    }
    if (n == 0)
        rc = nothing_to_read(all, err);
    else if (!p->every_table)
        rc = check_collisions(streams, tables, n, err);
    if (rc != MR_OK) {
        for (int i = 0; i < n; i++)
            mr_free(tables[i]);
        mr_free(tables);
        mr_free(streams);
        return rc;
    }
    *ret_streams = streams;
    *ret_tables = tables;
    *ret_n = n;
    return MR_OK;
}

/* ---- settings of one table ---- */

static enum mr_code no_such_column(const struct mr_pipeline *p, const struct mr_stream *s,
                                   const struct mr_column_rule *c, struct mr_error *err)
{
    const char **words = mr_zalloc((size_t)s->schema.n_fields + 1, sizeof *words);
    for (int i = 0; i < s->schema.n_fields; i++)
        words[i] = s->schema.fields[i].name;
    const char *near = mr_did_you_mean(c->name, words);
    mr_fail(err, MR_ID_SPEC10, "%s has no column '%s'", s->id, c->name);
    mr_error_at(err, "%s:%d:%d", p->file, c->line, c->column);
    if (near)
        mr_error_advise(err, "did you mean '%s'?", near);
    else
        mr_error_advise(err, "millrace discover shows the columns of %.200s", s->id);
    mr_free(words);
    return MR_E_CONFIG;
}

/* A rule with a pattern of many tables may name columns that only some of them have. */
static enum mr_code apply_columns(const struct mr_pipeline *p, const struct mr_table_rule *r,
                                  const struct mr_stream *s, struct mr_table_settings *t,
                                  struct mr_error *err)
{
    for (int k = 0; k < r->n_columns; k++) {
        int at = 0;
        while (at < s->schema.n_fields &&
               strcmp(s->schema.fields[at].name, r->columns[k].name) != 0)
            at++;
        if (at < s->schema.n_fields)
            t->columns[at] = &r->columns[k];
        else if (stars(r->pattern) == 0 && s->error.code == MR_OK)
            return no_such_column(p, s, &r->columns[k], err);
    }
    return MR_OK;
}

/* Rules without a pin of their own against the types that the source has. */
static enum mr_code check_columns(const struct mr_pipeline *p, const struct mr_stream *s,
                                  const struct mr_table_settings *t, struct mr_error *err)
{
    static const struct mr_field instant = { .type = { .id = MR_TYPE_TIMESTAMP } };
    enum mr_code rc = MR_OK;
    for (int i = 0; i < t->n_columns && rc == MR_OK; i++) {
        const struct mr_field *f = &s->schema.fields[i];
        if (!t->columns[i] || t->columns[i]->pinned)
            continue;
        bool utc = p->force_utc && f->type.id == MR_TYPE_TIMESTAMP_NTZ;
        rc = mr_column_rule_check(t->columns[i], utc ? &instant : f, p->file, err);
    }
    return rc;
}

static enum mr_code check_key(const struct mr_pipeline *p, const struct mr_table_rule *r,
                              const struct mr_stream *s, struct mr_error *err)
{
    for (int i = 0; i < r->n_key && s->error.code == MR_OK; i++) {
        int at = 0;
        while (at < s->schema.n_fields && strcmp(s->schema.fields[at].name, r->key[i]) != 0)
            at++;
        const struct mr_column_rule c = { .name = r->key[i], .line = r->line, .column = r->column };
        if (at == s->schema.n_fields)
            return no_such_column(p, s, &c, err);
    }
    return MR_OK;
}

/* The rules that match, the least specific first, of equals in the file's order. */
static int matching_rules(const struct mr_pipeline *p, const struct mr_stream *s,
                          const struct mr_table_rule **ret)
{
    int n = 0;
    for (int i = 0; i < p->n_rules; i++) {
        int at = n;
        if (!rule_matches(&p->rules[i], s))
            continue;
        for (; at > 0 && !more_specific(&p->rules[i], ret[at - 1]); at--)
            ret[at] = ret[at - 1];
        ret[at] = &p->rules[i];
        n++;
    }
    return n;
}

enum mr_code mr_pipeline_settings(const struct mr_pipeline *p, const struct mr_stream *s,
                                  struct mr_table_settings *ret, struct mr_error *err)
{
    enum mr_code rc = MR_OK;
    struct mr_table_settings t = { .on_bad = p->on_bad, .write = p->write };
    const struct mr_table_rule **rules = mr_zalloc((size_t)p->n_rules + 1, sizeof *rules);
    int n = matching_rules(p, s, rules);
    t.n_columns = s->schema.n_fields;
    t.columns = mr_zalloc((size_t)t.n_columns + 1, sizeof *t.columns);
    for (int i = 0; i < n && rc == MR_OK; i++) {
        const struct mr_table_rule *r = rules[i];
        t.where = r->where ? r->where : t.where;
        t.on_bad = r->on_bad >= 0 ? (enum mr_on_bad)r->on_bad : t.on_bad;
        t.write = r->write >= 0 ? (enum mr_write_mode)r->write : t.write;
        rc = apply_columns(p, r, s, &t, err);
        if (rc == MR_OK)
            rc = check_key(p, r, s, err);
    }
    if (rc == MR_OK)
        rc = check_columns(p, s, &t, err);
    mr_free(rules);
    if (rc != MR_OK)
        mr_free(t.columns);
    else
        *ret = t;
    return rc;
}

/* ---- columns ---- */

/* `_rescued` is the place of what did not fit. */
static bool taken(const struct mr_schema *s, int before_i, const char *name)
{
    if (strcasecmp(MR_RESCUED, name) == 0)
        return true;
    for (int i = 0; i < before_i; i++)
        if (strcasecmp(s->fields[i].name, name) == 0)
            return true;
    return false;
}

int mr_safe_columns(struct mr_schema *s)
{
    int renamed = 0;
    for (int i = 0; i < s->n_fields; i++) {
        struct mr_field *f = &s->fields[i];
        char *safe = mr_strdup(f->name);
        for (char *c = safe; *c; c++)
            if (strchr(" ,;{}()\t\n\r=", *c))
                *c = '_';
        if (!*safe) {
            mr_free(safe);
            safe = mr_strdup("_");
        }
        char *unique = mr_strdup(safe);
        for (int k = 2; taken(s, i, unique); k++) {
            mr_free(unique);
            unique = mr_asprintf("%s_%d", safe, k);
        }
        mr_free(safe);
        if (strcmp(unique, f->name) == 0) {
            mr_free(unique);
            continue;
        }
        if (!f->source_name)
            f->source_name = f->name;
        else
            mr_free(f->name);
        f->name = unique;
        renamed++;
    }
    return renamed;
}
