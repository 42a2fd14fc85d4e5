/*
 * What        a pipeline file and the millrace.yml above it, checked into a struct
 * Gets        YAML, the registry of kinds, overrides of the command line
 * Guarantees  every key is known or refused by name; every value has its type; secrets are registered before anything
 *             can print them
 * Source      docs/pipeline.md
 */
#include "spec/pipeline.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/io.h"
#include "base/mem.h"
#include "spec/load.h"

/* ---- consumer ---- */

static const struct mr_consumer_type *consumer_by_name(const struct mr_registry *reg, const char *n)
{
    for (int i = 0; reg->consumers[i]; i++)
        if (strcmp(reg->consumers[i]->name, n) == 0)
            return reg->consumers[i];
    return NULL;
}

static bool ends_with(const char *s, const char *tail)
{
    size_t n = strlen(s), k = strlen(tail);
    return n >= k && strcmp(s + n - k, tail) == 0;
}

static const struct mr_consumer_type *consumer_by_url(const struct mr_registry *reg,
                                                      const char *url)
{
    size_t n = strcspn(url, ":");
    for (int i = 0; url[n] && reg->consumers[i]; i++)
        for (const char *const *s = reg->consumers[i]->schemes; *s; s++)
            if (strlen(*s) == n && strncmp(*s, url, n) == 0)
                return reg->consumers[i];
    if (ends_with(url, ".db") || ends_with(url, ".sqlite") || ends_with(url, ".sqlite3"))
        return consumer_by_name(reg, "sqlite");
    return NULL;
}

/* A SQLite path becomes absolute. */
static void absolute_path(struct mr_loading *l, struct mr_option_value *url)
{
    const char *path = strncmp(url->str, "sqlite:", 7) == 0 ? url->str + 7 : url->str;
    if (strncmp(path, "//", 2) == 0)
        path += 2;
    char *full = path[0] == '/' ? mr_asprintf("sqlite:%s", path)
                                : mr_asprintf("sqlite:%s/%s", l->base_dir, path);
    mr_free(url->str);
    url->str = full;
}

static enum mr_code no_such_kind(struct mr_loading *l, const struct mr_yaml *y, const char *what,
                                 const char *text)
{
    struct mr_buf names = { 0 };
    bool url = strcmp(what, "consumer.url") == 0;
    for (int i = 0; l->reg->consumers[i]; i++)
        mr_buf_printf(&names, "%s%s", i ? ", " : "", l->reg->consumers[i]->name);
    mr_fail(l->err, MR_ID_SPEC07, "%s '%s' is no source that this version reads", what, text);
    mr_load_at(l, y);
    enum mr_code rc = mr_error_advise(l->err, "sources are: %s%s", mr_buf_str(&names),
                                      url ? "; write url: postgresql://USER@HOST/DATABASE or "
                                            "url: sqlite:FILE"
                                          : "");
    mr_buf_release(&names);
    return rc;
}

/* What is no URL may be anything: "user:secret@host", "host=h password=secret". */
static const char *printable(const char *url)
{
    return strstr(url, "://") || !strpbrk(url, "@=") ? url : "(not shown)";
}

static enum mr_code choose_consumer(struct mr_loading *l, const struct mr_yaml *map)
{
    const struct mr_yaml *type = mr_yaml_get(map, "type"), *url = mr_yaml_get(map, "url"), *bad;
    struct mr_pipeline *p = l->p;
    if ((bad = type && type->kind != MR_YAML_SCALAR ? type
               : url && url->kind != MR_YAML_SCALAR ? url
                                                    : NULL) != NULL) {
        mr_fail(l->err, MR_ID_SPEC04, "consumer.%s must be text", bad == type ? "type" : "url");
        mr_load_at(l, bad);
        return mr_error_advise(l->err, "write url: postgresql://... or url: sqlite:FILE");
    }
    if (url) {
        mr_url_hide(url->text);
        if (mr_url_check(url->text, l->err) != MR_OK)
            return mr_load_at(l, url);
    }
    if (type) {
        p->consumer = consumer_by_name(l->reg, type->text);
        if (!p->consumer)
            return no_such_kind(l, type, "consumer.type", type->text);
    } else if (url) {
        p->consumer = consumer_by_url(l->reg, url->text);
        if (!p->consumer)
            return no_such_kind(l, url, "consumer.url", printable(url->text));
    } else {
        mr_fail(l->err, MR_ID_SPEC06, "consumer needs url or type");
        mr_load_at(l, map);
        return mr_error_advise(l->err, "add url: postgresql://... or url: sqlite:FILE");
    }
    return MR_OK;
}

static bool in_table(const struct mr_option *table, const char *key)
{
    for (; table->key; table++)
        if (strcmp(table->key, key) == 0)
            return true;
    return false;
}

/* millrace.yml has defaults for pipelines of every kind of source: keys that only another kind has are not for us. */
static void drop_foreign_keys(struct mr_loading *l, struct mr_yaml *map)
{
    for (int i = 0; i < map->n;) {
        const char *key = map->keys[i]->text;
        bool foreign = false;
        for (int k = 0; l->reg->consumers[k]; k++)
            foreign |= in_table(l->reg->consumers[k]->options, key);
        if (map->keys[i]->file != l->file && foreign && !in_table(l->p->consumer->options, key) &&
            !in_table(mr_keys_consumer, key))
            mr_yaml_drop(map, i);
        else
            i++;
    }
}

static enum mr_code read_consumer(struct mr_loading *l, struct mr_yaml *map)
{
    struct mr_pipeline *p = l->p;
    const struct mr_key_set set = { "consumer",
                                    "consumer",
                                    { &l->consumer, &p->consumer_options },
                                    mr_structure_consumer,
                                    mr_planned_consumer };
    enum mr_code rc = MR_OK;
    MR_TRY(mr_load_expect(l, map, MR_YAML_MAP, "consumer"));
    MR_TRY(choose_consumer(l, map));
    mr_options_init(&p->consumer_options, p->consumer->options);
    drop_foreign_keys(l, map);
    MR_TRY(mr_load_keys(l, map, &set));
    MR_TRY(mr_options_check(&p->consumer_options, l->file, map, "consumer", l->err));
    MR_TRY(mr_load_tables(l, mr_yaml_get(map, "tables")));
    p->read = mr_strdup(mr_option_str(&l->consumer, "read"));
    p->workers = (int)mr_option_int(&l->consumer, "workers");
    for (int i = 0; i < p->consumer_options.n; i++) {
        struct mr_option_value *v = &p->consumer_options.values[i];
        if (strcmp(v->option->key, "url") == 0 && v->str &&
            strcmp(p->consumer->name, "sqlite") == 0)
            absolute_path(l, v);
    }
out:
    return rc;
}

/* ---- transformers, loader ---- */

static enum mr_code read_step(struct mr_loading *l, const struct mr_yaml *y)
{
    struct mr_pipeline *p = l->p;
    const char *words[32];
    int n = 0;
    if (y->kind != MR_YAML_MAP || y->n != 1) {
        mr_fail(l->err, MR_ID_SPEC04, "a transformer is one key with its value");
        mr_load_at(l, y);
        return mr_error_advise(l->err, "write - filter: total > 0");
    }
    for (int i = 0; l->reg->transformers[i]; i++) {
        const struct mr_transformer_type *t = l->reg->transformers[i];
        if (n < 31)
            words[n++] = t->name;
        if (strcmp(t->name, y->keys[0]->text) != 0)
            continue;
        p->steps = mr_realloc(p->steps, sizeof *p->steps * (size_t)(p->n_steps + 1));
        p->steps[p->n_steps] = (struct mr_transform_step){ .type = t };
        return mr_option_parse(&t->option, y->items[0], l->base_dir, &p->steps[p->n_steps++].value,
                               l->err);
    }
    words[n] = NULL;
    if (mr_key_planned(mr_planned_transformers, y->keys[0]->text)) {
        mr_fail(l->err, MR_ID_SPEC03, "transformer %s is not built yet", y->keys[0]->text);
        mr_load_at(l, y->keys[0]);
        return mr_error_advise(l->err, "leave it out");
    }
    const char *near = mr_did_you_mean(y->keys[0]->text, words);
    mr_fail(l->err, MR_ID_SPEC02, "unknown key '%s' in transformers", y->keys[0]->text);
    mr_load_at(l, y->keys[0]);
    return mr_error_advise(l->err, near ? "did you mean '%s'?" : "see millrace help transformers",
                           near);
}

static enum mr_code read_steps(struct mr_loading *l, const struct mr_yaml *y)
{
    enum mr_code rc = y ? mr_load_expect(l, y, MR_YAML_LIST, "transformers") : MR_OK;
    for (int i = 0; rc == MR_OK && y && i < y->n; i++)
        rc = read_step(l, y->items[i]);
    return rc;
}

static enum mr_code read_loader(struct mr_loading *l, const struct mr_yaml *map)
{
    struct mr_pipeline *p = l->p;
    const struct mr_yaml *type = mr_yaml_get(map, "type");
    const char *name = type && type->kind == MR_YAML_SCALAR ? type->text : "delta";
    const struct mr_key_set set = {
        "loader", "loader", { &l->loader, &p->loader_options }, mr_structure_none, mr_planned_loader
    };
    enum mr_code rc = MR_OK;
    for (int i = 0; l->reg->loaders[i] && !p->loader; i++)
        if (strcmp(l->reg->loaders[i]->name, name) == 0)
            p->loader = l->reg->loaders[i];
    if (!p->loader) {
        mr_fail(l->err, MR_ID_SPEC07, "loader.type '%s' is no target that this version writes",
                name);
        mr_load_at(l, type);
        return mr_error_advise(l->err, "targets are: delta");
    }
    mr_options_init(&p->loader_options, p->loader->options);
    if (map) {
        MR_TRY(mr_load_expect(l, map, MR_YAML_MAP, "loader"));
        MR_TRY(mr_load_keys(l, map, &set));
    }
    p->write = (enum mr_write_mode)mr_option_choice(&l->loader, "write");
    p->on_bad = (enum mr_on_bad)mr_option_choice(&l->loader, "on_bad_value");
    p->on_schema_change = (enum mr_schema_policy)mr_option_choice(&l->loader, "on_schema_change");
    p->exact_names = strcmp(mr_option_str(&l->loader, "names"), "exact") == 0;
    p->force_utc = strcmp(mr_option_str(&l->loader, "timestamps"), "utc") == 0;
    p->path_template = mr_strdup(mr_option_str(&l->loader, "path"));
    rc = mr_path_template_check(p->path_template, l->file, mr_yaml_get(map, "path"), l->err);
out:
    return rc;
}

/* ---- top ---- */

static bool name_ok(const char *s)
{
    size_t n = strlen(s);
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)s[i]) && s[i] != '_' && s[i] != '-')
            return false;
    return n > 0 && n <= 64;
}

static enum mr_code read_top(struct mr_loading *l, const struct mr_yaml *doc,
                             const struct mr_pipeline_overrides *over)
{
    struct mr_pipeline *p = l->p;
    const char *id = mr_option_str(&l->top, "id");
    p->name = mr_strdup(mr_option_str(&l->top, "pipeline"));
    p->has_id = id != NULL;
    p->id = mr_strdup(id ? id : p->name);
    if (!name_ok(p->name) || !name_ok(p->id)) {
        const char *key = name_ok(p->name) ? "id" : "pipeline";
        mr_fail(l->err, MR_ID_SPEC04,
                "%s: '%s' is not a name (letters, digits, _ and -, at most 64)", key,
                name_ok(p->name) ? p->id : p->name);
        mr_load_at(l, mr_yaml_get(doc, key));
        return mr_error_advise(l->err, "choose another name");
    }
    p->memory_bytes = (size_t)mr_option_int(&l->top, "memory");
    if (over->memory) {
        int64_t bytes;
        if (!mr_parse_size(over->memory, &bytes) || bytes < 16000000) {
            mr_fail(l->err, MR_ID_SPEC04, "--memory '%s' is not a size of at least 16MB",
                    over->memory);
            return mr_error_advise(l->err, "write --memory 256MB");
        }
        p->memory_bytes = (size_t)bytes;
    }
    const struct mr_option_value *max = mr_option_get(&l->top, "max_value");
    p->max_value_bytes = max->set ? (size_t)max->num : p->memory_bytes / 8;
    p->resume_window_us = mr_option_int(&l->top, "resume_window");
    if (over->workers)
        p->workers = over->workers;
    return MR_OK;
}

static void hash_tree(XXH3_state_t *s, const struct mr_yaml *y)
{
    char head[32];
    int n = snprintf(head, sizeof head, "%d %d ", (int)y->kind, y->n);
    XXH3_128bits_update(s, head, (size_t)n);
    if (y->kind == MR_YAML_SCALAR)
        XXH3_128bits_update(s, y->text, strlen(y->text) + 1);
    for (int i = 0; i < y->n; i++) {
        if (y->keys)
            XXH3_128bits_update(s, y->keys[i]->text, strlen(y->keys[i]->text) + 1);
        hash_tree(s, y->items[i]);
    }
}

/* Everything that changes what a run does: all keys with the defaults in their places and the variables replaced, and where
 * they lead. Secrets only as part of the hash. */
static void hash_config(struct mr_loading *l, const struct mr_yaml *doc)
{
    struct mr_pipeline *p = l->p;
    XXH3_state_t *s = XXH3_createState();
    XXH3_128bits_reset(s);
    hash_tree(s, doc);
    XXH3_128bits_update(s, p->lake, strlen(p->lake) + 1);
    if (p->env)
        XXH3_128bits_update(s, p->env, strlen(p->env) + 1);
    for (int i = 0; i < p->consumer_options.n; i++)
        if (p->consumer_options.values[i].str)
            XXH3_128bits_update(s, p->consumer_options.values[i].str,
                                strlen(p->consumer_options.values[i].str));
    XXH128_hash_t h = XXH3_128bits_digest(s);
    XXH3_freeState(s);
    p->config_hash =
        mr_asprintf("%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
}

static enum mr_code read_document(struct mr_loading *l, struct mr_yaml *doc,
                                  struct mr_yaml *project, const struct mr_pipeline_overrides *over)
{
    const struct mr_key_set set = {
        "pipeline", NULL, { &l->top, NULL }, mr_structure_top, mr_planned_top
    };
    enum mr_code rc = MR_OK;
    struct mr_yaml *consumer;
    if (!doc) {
        mr_fail(l->err, MR_ID_SPEC06, "the file is empty");
        mr_error_at(l->err, "%s:1:1", l->file);
        return mr_error_advise(l->err, "three lines make a pipeline: pipeline: NAME, consumer:, "
                                       "and under it url:");
    }
    MR_TRY(mr_load_expect(l, doc, MR_YAML_MAP, "a pipeline file"));
    MR_TRY(mr_load_defaults(l, doc, project));
    MR_TRY(mr_load_keys(l, doc, &set));
    MR_TRY(mr_options_check(&l->top, l->file, doc, "the pipeline", l->err));
    consumer = mr_yaml_get(doc, "consumer");
    if (!consumer) {
        mr_fail(l->err, MR_ID_SPEC06, "the pipeline has no consumer");
        mr_load_at(l, doc);
        rc = mr_error_advise(l->err, "add consumer: and under it url: ...");
        goto out;
    }
    MR_TRY(read_consumer(l, consumer));
    MR_TRY(read_steps(l, mr_yaml_get(doc, "transformers")));
    MR_TRY(read_loader(l, mr_yaml_get(doc, "loader")));
    rc = read_top(l, doc, over);
out:
    return rc;
}

enum mr_code mr_pipeline_parse(const char *text, size_t n, const char *file,
                               const struct mr_registry *reg,
                               const struct mr_pipeline_overrides *over, struct mr_pipeline **ret,
                               struct mr_error *err)
{
    struct mr_loading l = { .reg = reg, .err = err };
    struct mr_yaml *doc = NULL, *project = NULL;
    enum mr_code rc = MR_OK;
    l.p = mr_zalloc(1, sizeof *l.p);
    l.file = l.p->file = mr_strdup(file);
    mr_options_init(&l.top, mr_keys_top);
    mr_options_init(&l.consumer, mr_keys_consumer);
    mr_options_init(&l.loader, mr_keys_loader);
    MR_TRY(mr_project_of(file, over->lake, over->env, l.p, &l.base_dir, &project, err));
    MR_TRY(mr_yaml_parse(text, n, l.file, &doc, err));
    MR_TRY(mr_yaml_substitute(doc, err));
    MR_TRY(read_document(&l, doc, project, over));
    hash_config(&l, doc);
out:
    mr_yaml_free(doc);
    mr_yaml_free(project);
    mr_options_release(&l.top);
    mr_options_release(&l.consumer);
    mr_options_release(&l.loader);
    mr_free(l.base_dir);
    if (rc != MR_OK)
        mr_pipeline_free(l.p);
    else
        *ret = l.p;
    return rc;
}

enum mr_code mr_pipeline_load(const char *file, const struct mr_registry *reg,
                              const struct mr_pipeline_overrides *over, struct mr_pipeline **ret,
                              struct mr_error *err)
{
    struct mr_buf text = { 0 };
    enum mr_code rc = mr_io_read_file(file, (size_t)1 << 20, &text, err);
    if (rc == MR_OK) {
        rc = mr_pipeline_parse(mr_buf_str(&text), text.len, file, reg, over, ret, err);
    } else {
        struct mr_error why = err ? *err : (struct mr_error){ 0 };
        rc = mr_fail(err, MR_ID_SPEC08, "the pipeline file cannot be read: %s", why.message);
        mr_error_advise(err, "millrace init makes one");
    }
    mr_buf_release(&text);
    return rc;
}

void mr_pipeline_free(struct mr_pipeline *p)
{
    if (!p)
        return;
    mr_options_release(&p->consumer_options);
    mr_options_release(&p->loader_options);
    for (int i = 0; i < p->n_rules; i++)
        mr_table_rule_release(&p->rules[i]);
    for (int i = 0; i < p->n_steps; i++)
        mr_option_value_release(&p->steps[i].value);
    mr_free(p->rules);
    mr_free(p->steps);
    mr_free(p->file);
    mr_free(p->name);
    mr_free(p->id);
    mr_free(p->read);
    mr_free(p->path_template);
    mr_free(p->lake);
    mr_free(p->state_dir);
    mr_free(p->project_file);
    mr_free(p->env);
    mr_free(p->config_hash);
    mr_free(p);
}
