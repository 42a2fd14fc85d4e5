/*
 * What        the keys of a map against options tables; defaults
 * Guarantees  a key is known or refused by name: as planned, or with the nearest word
 */
#include "spec/load.h"

#include <string.h>

#include "base/mem.h"

enum mr_code mr_load_at(struct mr_loading *l, const struct mr_yaml *y)
{
    return mr_error_at(l->err, "%s:%d:%d", y ? y->file : l->file, y ? y->line : 1,
                       y ? y->column : 1);
}

enum mr_code mr_load_wrong(struct mr_loading *l, const struct mr_yaml *y, const char *advice,
                           const char *fmt, ...)
{
    struct mr_buf b = { 0 };
    va_list ap;
    va_start(ap, fmt);
    mr_buf_vprintf(&b, fmt, ap);
    va_end(ap);
    mr_fail(l->err, MR_ID_SPEC04, "%s", mr_buf_str(&b));
    mr_buf_release(&b);
    mr_load_at(l, y);
    return mr_error_advise(l->err, "%s", advice);
}

enum mr_code mr_load_expect(struct mr_loading *l, const struct mr_yaml *y, enum mr_yaml_kind kind,
                            const char *what)
{
    if (y->kind == kind)
        return MR_OK;
    return mr_load_wrong(l, y,
                         kind == MR_YAML_MAP ? "write its keys indented on the next lines"
                                             : "write its items as - item",
                         "%s must be a %s", what, kind == MR_YAML_MAP ? "map" : "list");
}

/* ---- keys ---- */

static const char *nearest(const char *key, const struct mr_key_set *set)
{
    const char *words[128];
    int n = 0;
    for (int k = 0; k < 2 && set->options[k]; k++)
        for (int i = 0; i < set->options[k]->n && n < 100; i++)
            words[n++] = set->options[k]->values[i].option->key;
    for (const char *const *s = set->structure; *s && n < 127; s++)
        words[n++] = *s;
    words[n] = NULL;
    return mr_did_you_mean(key, words);
}

/* An unknown key: perhaps one that is planned, perhaps a slip. */
static enum mr_code unknown_key(struct mr_loading *l, const struct mr_yaml *key,
                                const struct mr_key_set *set)
{
    if (mr_key_planned(set->planned, key->text)) {
        mr_fail(l->err, MR_ID_SPEC03, "%s.%s is not built yet", set->where, key->text);
        mr_load_at(l, key);
        return mr_error_advise(l->err, "leave it out; CHANGELOG.md says what is there");
    }
    const char *near = nearest(key->text, set);
    mr_fail(l->err, MR_ID_SPEC02, "unknown key '%s' in %s", key->text, set->where);
    mr_load_at(l, key);
    if (near)
        return mr_error_advise(l->err, "did you mean '%s'?", near);
    if (strchr(key->text, ' '))
        return mr_error_advise(l->err, "between { and } a comma ends a value: put quotes around a "
                                       "text that has one");
    if (!set->topic)
        return mr_error_advise(l->err, "millrace schema lists the keys");
    return mr_error_advise(l->err, "millrace help %s lists the keys", set->topic);
}

enum mr_code mr_load_keys(struct mr_loading *l, const struct mr_yaml *map,
                          const struct mr_key_set *set)
{
    for (int i = 0; i < map->n; i++) {
        bool known = mr_key_planned(set->structure, map->keys[i]->text);
        enum mr_code rc = MR_OK;
        for (int k = 0; k < 2 && rc == MR_OK && !known && set->options[k]; k++)
            rc = mr_options_set(set->options[k], map->keys[i]->text, map->items[i], l->base_dir,
                                &known, l->err);
        if (rc == MR_OK && !known)
            rc = unknown_key(l, map->keys[i], set);
        if (rc != MR_OK)
            return rc;
    }
    return MR_OK;
}

/* ---- defaults ---- */

/* Entries that `to` lacks move over; maps on both sides are put together. */
static void fill_in(struct mr_yaml *to, struct mr_yaml *from, int depth)
{
    for (int i = 0; i < from->n;) {
        struct mr_yaml *own = mr_yaml_get(to, from->keys[i]->text);
        if (!own) {
            mr_yaml_take(to, from, i);
            continue;
        }
        if (depth == 0 && own->kind == MR_YAML_MAP && from->items[i]->kind == MR_YAML_MAP)
            fill_in(own, from->items[i], 1);
        i++;
    }
}

static enum mr_code check_defaults(struct mr_loading *l, const struct mr_yaml *y)
{
    const struct mr_yaml *consumer = mr_yaml_get(y, "consumer"), *loader = mr_yaml_get(y, "loader");
    enum mr_code rc = mr_load_expect(l, y, MR_YAML_MAP, "defaults");
    if (rc == MR_OK && consumer)
        rc = mr_load_expect(l, consumer, MR_YAML_MAP, "defaults.consumer");
    if (rc == MR_OK && loader)
        rc = mr_load_expect(l, loader, MR_YAML_MAP, "defaults.loader");
    for (int i = 0; rc == MR_OK && i < y->n; i++) {
        const char *key = y->keys[i]->text, *near = mr_did_you_mean(key, mr_default_keys);
        if (mr_key_planned(mr_default_keys, key))
            continue;
        mr_fail(l->err, MR_ID_SPEC02, "unknown key '%s' in defaults", key);
        mr_load_at(l, y->keys[i]);
        rc = near ? mr_error_advise(l->err, "did you mean '%s'?", near)
                  : mr_error_advise(l->err, "defaults has memory, max_value, resume_window, "
                                            "consumer and loader");
    }
    if (rc == MR_OK && mr_yaml_get(consumer, "tables"))
        rc = mr_load_wrong(l, mr_yaml_get(consumer, "tables"),
                           "write them under consumer: of the pipeline",
                           "tables have no defaults: they belong to one pipeline");
    return rc;
}

enum mr_code mr_load_defaults(struct mr_loading *l, struct mr_yaml *doc, struct mr_yaml *project)
{
    struct mr_yaml *const both[] = { mr_yaml_get(doc, "defaults"),
                                     mr_yaml_get(project, "defaults") };
    for (int i = 0; i < 2; i++) {
        if (!both[i])
            continue;
        enum mr_code rc = check_defaults(l, both[i]);
        if (rc != MR_OK)
            return rc;
        fill_in(doc, both[i], 0);
    }
    return MR_OK;
}
