/*
 * What        values by options table: types, units, defaults, help
 */
#include "spec/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "spec/pipeline.h"

/* ---- units ---- */

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit g_sizes[] = {
    { "B", 1 },         { "kB", 1000 },       { "KB", 1000 },
    { "MB", 1000000 },  { "GB", 1000000000 }, { "KiB", 1024 },
    { "MiB", 1 << 20 }, { "GiB", 1 << 30 },   { NULL, 0 },
};
static const struct unit g_durations[] = {
    { "ms", 1000 },      { "s", 1000000 },     { "m", 60000000 },
    { "h", 3600000000 }, { "d", 86400000000 }, { NULL, 0 },
};

static bool parse_unit(const char *s, const struct unit *units, int64_t *ret)
{
    char *end;
    errno = 0;
    double v = strtod(s, &end);
    if (end == s || errno || v < 0 || !isdigit((unsigned char)s[0]))
        return false;
    while (*end == ' ')
        end++;
    for (; units->name; units++)
        if (strcmp(units->name, end) == 0) {
            double product = v * (double)units->factor;
            if (product > 9e18)
                return false;
            *ret = (int64_t)product;
            return true;
        }
    return false;
}

bool mr_parse_size(const char *s, int64_t *ret_bytes)
{
    return parse_unit(s, g_sizes, ret_bytes);
}

bool mr_parse_duration(const char *s, int64_t *ret_us)
{
    return parse_unit(s, g_durations, ret_us);
}

/* ---- values ---- */

static bool parse_whole(const char *s, int64_t *ret)
{
    char *end;
    errno = 0;
    *ret = strtoll(s, &end, 10);
    return end != s && !*end && !errno;
}

static const char *type_words(const struct mr_option *o)
{
    switch (o->type) {
    case MR_OPT_INT:
        return "a whole number";
    case MR_OPT_BOOL:
        return "true or false";
    case MR_OPT_SIZE:
        return "a size with its unit, such as 256MB or 1GiB";
    case MR_OPT_DURATION:
        return "a duration with its unit, such as 30s, 10m or 1h";
    case MR_OPT_LIST:
        return "a list";
    case MR_OPT_MAP:
        return "a map";
    case MR_OPT_ENUM:
        return o->choices;
    case MR_OPT_STRING:
    case MR_OPT_PATH:
    case MR_OPT_EXPR:
        break;
    }
    return "text";
}

/* " from 1 to 64"; "" when there is no limit. */
static void range_words(const struct mr_option *o, char *buf, size_t size)
{
    int64_t unit = o->type == MR_OPT_INT ? 1 : 1000000;
    const char *name = o->type == MR_OPT_SIZE ? "MB" : o->type == MR_OPT_DURATION ? "s" : "";
    buf[0] = '\0';
    if (o->min == 0 && o->max == 0)
        return;
    if (o->min == o->max)
        snprintf(buf, size, ", and only %lld is known", (long long)o->min);
    else if (o->max / unit > 100000 && o->min / unit > 0)
        snprintf(buf, size, ", at least %lld%s", (long long)(o->min / unit), name);
    else if (o->min % unit == 0 && o->min / unit > 0)
        snprintf(buf, size, ", from %lld%s to %lld%s", (long long)(o->min / unit), name,
                 (long long)(o->max / unit), name);
}

/* Which of "a|b|c" it is; -1: none. */
static int choice_of(const char *choices, const char *s)
{
    size_t n = strlen(s);
    int i = 0;
    for (const char *p = choices ? choices : ""; *p; i++) {
        size_t k = strcspn(p, "|");
        if (k == n && strncmp(p, s, n) == 0)
            return i;
        p += k + (p[k] == '|');
    }
    return -1;
}

int mr_option_choice(const struct mr_options *o, const char *key)
{
    const struct mr_option_value *v = mr_option_get(o, key);
    return v->str ? choice_of(v->option->choices, v->str) : -1;
}

static enum mr_code wrong(const struct mr_option *o, const struct mr_yaml *y, struct mr_error *err)
{
    bool scalar = y->kind == MR_YAML_SCALAR;
    char range[80];
    if (scalar && o->type == MR_OPT_ENUM && choice_of(o->planned, y->text) >= 0) {
        mr_fail(err, MR_ID_SPEC03, "%s: %s is not built yet", o->key, y->text);
        mr_error_at(err, "%s:%d:%d", y->file, y->line, y->column);
        return mr_error_advise(err, "this version has %s", o->choices);
    }
    range_words(o, range, sizeof range);
    mr_fail(err, MR_ID_SPEC04, "%s: '%s' is not %s%s%s", o->key,
            o->secret ? "***"
            : scalar  ? y->text
                      : "this",
            o->type == MR_OPT_ENUM ? "one of " : "", type_words(o), range);
    mr_error_at(err, "%s:%d:%d", y->file, y->line, y->column);
    if (o->def)
        return mr_error_advise(err, "leave it out for the default, %s", o->def);
    return mr_error_advise(err, "%s", o->doc);
}

static bool number_ok(const struct mr_option *o, const char *s, int64_t *ret)
{
    bool ok = o->type == MR_OPT_INT    ? parse_whole(s, ret)
              : o->type == MR_OPT_SIZE ? mr_parse_size(s, ret)
                                       : mr_parse_duration(s, ret);
    return ok && ((o->min == 0 && o->max == 0) || (*ret >= o->min && *ret <= o->max));
}

static bool set_text(const struct mr_option *o, const char *s, const char *base_dir,
                     struct mr_option_value *v)
{
    switch (o->type) {
    case MR_OPT_INT:
    case MR_OPT_SIZE:
    case MR_OPT_DURATION:
        return number_ok(o, s, &v->num);
    case MR_OPT_BOOL:
        v->num = strcmp(s, "true") == 0;
        return v->num || strcmp(s, "false") == 0;
    case MR_OPT_ENUM:
        v->str = mr_strdup(s);
        return choice_of(o->choices, s) >= 0;
    case MR_OPT_PATH:
        v->str = s[0] == '/' || !base_dir ? mr_strdup(s) : mr_asprintf("%s/%s", base_dir, s);
        return true;
    case MR_OPT_STRING:
    case MR_OPT_EXPR:
        v->str = mr_strdup(s);
        return true;
    case MR_OPT_LIST:
    case MR_OPT_MAP:
        return false;
    }
    return false;
}

static bool set_items(const struct mr_option *o, const struct mr_yaml *y, struct mr_option_value *v)
{
    bool map = o->type == MR_OPT_MAP;
    if (y->kind != (map ? MR_YAML_MAP : MR_YAML_LIST))
        return false;
    v->items = mr_zalloc((size_t)y->n, sizeof *v->items);
    v->keys = map ? mr_zalloc((size_t)y->n, sizeof *v->keys) : NULL;
    for (; v->n_items < y->n; v->n_items++) {
        if (y->items[v->n_items]->kind != MR_YAML_SCALAR)
            return false;
        v->items[v->n_items] = mr_strdup(y->items[v->n_items]->text);
        if (map)
            v->keys[v->n_items] = mr_strdup(y->keys[v->n_items]->text);
    }
    return true;
}

void mr_option_value_release(struct mr_option_value *v)
{
    mr_free(v->str);
    for (int i = 0; i < v->n_items; i++) {
        mr_free(v->items[i]);
        if (v->keys)
            mr_free(v->keys[i]);
    }
    mr_free(v->items);
    mr_free(v->keys);
    *v = (struct mr_option_value){ .option = v->option };
}

enum mr_code mr_option_parse(const struct mr_option *option, const struct mr_yaml *node,
                             const char *base_dir, struct mr_option_value *ret,
                             struct mr_error *err)
{
    struct mr_option_value v = { .option = option,
                                 .set = true,
                                 .file = node->file,
                                 .line = node->line,
                                 .column = node->column };
    bool items = option->type == MR_OPT_LIST || option->type == MR_OPT_MAP;
    bool ok = items ? set_items(option, node, &v)
                    : node->kind == MR_YAML_SCALAR && set_text(option, node->text, base_dir, &v);
    if (!ok) {
        mr_option_value_release(&v);
        return wrong(option, node, err);
    }
    if (option->secret && v.str)
        mr_secret_add(v.str);
    mr_option_value_release(ret);
    *ret = v;
    return MR_OK;
}

void mr_options_init(struct mr_options *o, const struct mr_option *table)
{
    *o = (struct mr_options){ 0 };
    while (table[o->n].key)
        o->n++;
    o->values = mr_zalloc((size_t)o->n, sizeof *o->values);
    for (int i = 0; i < o->n; i++) {
        o->values[i].option = &table[i];
        if (table[i].def)
            set_text(&table[i], table[i].def, NULL, &o->values[i]);
    }
}

void mr_options_release(struct mr_options *o)
{
    for (int i = 0; i < o->n; i++)
        mr_option_value_release(&o->values[i]);
    mr_free(o->values);
    *o = (struct mr_options){ 0 };
}

enum mr_code mr_options_set(struct mr_options *o, const char *key, const struct mr_yaml *node,
                            const char *base_dir, bool *ret_known, struct mr_error *err)
{
    *ret_known = false;
    for (int i = 0; i < o->n; i++)
        if (strcmp(o->values[i].option->key, key) == 0) {
            *ret_known = true;
            return mr_option_parse(o->values[i].option, node, base_dir, &o->values[i], err);
        }
    return MR_OK;
}

enum mr_code mr_options_check(const struct mr_options *o, const char *file,
                              const struct mr_yaml *map, const char *where, struct mr_error *err)
{
    for (int i = 0; i < o->n; i++) {
        const struct mr_option_value *v = &o->values[i];
        if (!v->option->required || v->set)
            continue;
        mr_fail(err, MR_ID_SPEC06, "%s has no key '%s': %s", where, v->option->key, v->option->doc);
        mr_error_at(err, "%s:%d:%d", file, map ? map->line : 1, map ? map->column : 1);
        if (strcmp(where, "the pipeline") == 0)
            return mr_error_advise(err, "add a line %s: NAME at the top", v->option->key);
        return mr_error_advise(err, "add %s: under %s", v->option->key, where);
    }
    return MR_OK;
}

void mr_spec_help_options(const struct mr_option *table, struct mr_buf *out)
{
    for (; table->key; table++) {
        struct mr_buf doc = { 0 };
        mr_buf_puts(&doc, table->doc);
        if (table->type == MR_OPT_ENUM) {
            mr_buf_puts(&doc, " One of ");
            for (const char *p = table->choices; *p; p++)
                mr_buf_printf(&doc, *p == '|' ? " | " : "%c", *p);
            mr_buf_putc(&doc, '.');
        }
        if (table->def)
            mr_buf_printf(&doc, " Default %s.", table->def);
        if (table->required)
            mr_buf_puts(&doc, " Required.");
        mr_buf_printf(out, "  %-17s ", table->key);
        mr_buf_wrap(out, doc.data, 20);
        mr_buf_putc(out, '\n');
        mr_buf_release(&doc);
    }
}
