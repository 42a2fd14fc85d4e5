/*
 * What        the files of a Delta log: names, listing, walking over actions; finding tables
 * Guarantees  versions are contiguous from 0; a damaged line is named by file and line
 * Source      Delta protocol, "Delta Log Entries"
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "lake/delta/delta_internal.h"

char *mr_delta_log_name(const char *table, int64_t version)
{
    return mr_asprintf("%s/_delta_log/%020" PRId64 ".json", table, version);
}

void mr_delta_log_release(struct mr_delta_log *l)
{
    mr_free(l->modified_us);
    *l = (struct mr_delta_log){ 0 };
}

/* The version of "<20 digits>.json", or -1. */
static int64_t version_of(const char *name)
{
    const char *base = strrchr(name, '/');
    base = base ? base + 1 : name;
    if (strspn(base, "0123456789") != 20 || strcmp(base + 20, ".json") != 0)
        return -1;
    return strtoll(base, NULL, 10);
}

static enum mr_code not_from_zero(const char *table, struct mr_error *err)
{
    mr_fail(err, MR_ID_DELTA02,
            "%s: the log does not start at version 0 (it was cleaned up behind a checkpoint)",
            table);
    return mr_error_advise(err, "checkpoints are not read yet; load into another path");
}

enum mr_code mr_delta_list_log(struct mr_store *s, const char *table, struct mr_delta_log *ret,
                               struct mr_error *err)
{
    struct mr_store_list list = { 0 };
    struct mr_delta_log log = { 0 };
    bool other = false;
    char *prefix = mr_asprintf("%s/_delta_log/", table);
    enum mr_code rc = mr_store_list(s, prefix, false, &list, err);
    log.modified_us = mr_zalloc((size_t)list.n, sizeof *log.modified_us);
    for (int i = 0; rc == MR_OK && i < list.n; i++) {
        int64_t v = version_of(list.items[i].name);
        other |= strstr(list.items[i].name, ".checkpoint") != NULL;
        if (v < 0)
            continue;
        if (v != log.n && log.n == 0)
            rc = not_from_zero(table, err);
        else if (v != log.n)
            rc = mr_fail(err, MR_ID_DELTA01, "%s: log entry %d is missing (%" PRId64 " is there)",
                         table, log.n, v);
        else
            log.modified_us[log.n++] = list.items[i].modified_us;
    }
    if (rc == MR_OK && log.n == 0 && other)
        rc = not_from_zero(table, err);
    mr_store_list_release(&list);
    mr_free(prefix);
    if (rc != MR_OK)
        mr_delta_log_release(&log);
    else
        *ret = log;
    return rc;
}

static enum mr_code walk_line(const char *line, size_t n, const char *where, mr_delta_action_fn fn,
                              void *ctx, struct mr_error *err)
{
    json_t *o = NULL, *body;
    const char *kind;
    enum mr_code rc = mr_json_parse(line, n, MR_ID_DELTA01, where, &o, err);
    if (rc != MR_OK)
        return rc;
    if (!json_is_object(o))
        rc = mr_fail(err, MR_ID_DELTA01, "%s: an action must be an object", where);
    json_object_foreach (o, kind, body) {
        if (rc == MR_OK && json_is_object(body))
            rc = fn(ctx, kind, body, err);
        else if (rc == MR_OK && !json_is_null(body)) /* left out, it might be a file's rows */
            rc = mr_fail(err, MR_ID_DELTA01, "%s: %.40s must be an object", where, kind);
    }
    json_decref(o);
    return rc;
}

enum mr_code mr_delta_walk_text(const char *text, size_t n, const char *name, mr_delta_action_fn fn,
                                void *ctx, struct mr_error *err)
{
    enum mr_code rc = MR_OK;
    size_t at = 0;
    for (int line = 1; rc == MR_OK && at < n; line++) {
        const char *nl = memchr(text + at, '\n', n - at);
        size_t len = nl ? (size_t)(nl - text) - at : n - at;
        char *where = mr_asprintf("%s:%d", name, line);
        bool blank = len == 0 || (len == 1 && text[at] == '\r');
        if (!blank)
            rc = walk_line(text + at, len, where, fn, ctx, err);
        mr_free(where);
        at += len + 1;
    }
    return rc;
}

enum mr_code mr_delta_walk(struct mr_store *s, const char *table, int64_t version,
                           mr_delta_action_fn fn, void *ctx, struct mr_error *err)
{
    struct mr_buf text = { 0 };
    char *name = mr_delta_log_name(table, version);
    enum mr_code rc = mr_store_get(s, name, MR_DELTA_LOG_MAX, &text, err);
    if (rc == MR_OK)
        rc = mr_delta_walk_text(mr_buf_str(&text), text.len, name, fn, ctx, err);
    mr_buf_release(&text);
    mr_free(name);
    return rc;
}

enum mr_code mr_delta_is_table(struct mr_store *s, const char *table, bool *ret,
                               struct mr_error *err)
{
    struct mr_delta_log log;
    enum mr_code rc = mr_delta_list_log(s, table, &log, err);
    if (rc == MR_E_UNSUPPORTED || rc == MR_E_CORRUPT) { /* a table, though not one we read */
        *ret = true;
        return MR_OK;
    }
    if (rc != MR_OK)
        return rc;
    *ret = log.n > 0;
    mr_delta_log_release(&log);
    return MR_OK;
}

static enum mr_code find_below(struct mr_store *s, const char *folder, int depth,
                               struct mr_store_list *out, struct mr_error *err)
{
    struct mr_store_list sub = { 0 };
    char *prefix = *folder ? mr_asprintf("%s/", folder) : mr_strdup("");
    enum mr_code rc = depth > 8 ? MR_OK : mr_store_list_folders(s, prefix, &sub, err);
    for (int i = 0; rc == MR_OK && i < sub.n; i++) {
        const char *name = sub.items[i].name, *base = strrchr(name, '/');
        bool table = false;
        base = base ? base + 1 : name;
        if (*base == '_' || *base == '.')
            continue;
        rc = mr_delta_is_table(s, name, &table, err);
        if (rc == MR_OK && table) {
            out->items = mr_realloc(out->items, sizeof *out->items * (size_t)(out->n + 1));
            out->items[out->n++] = (struct mr_store_object){ .name = mr_strdup(name) };
        } else if (rc == MR_OK) {
            rc = find_below(s, name, depth + 1, out, err);
        }
    }
    mr_store_list_release(&sub);
    mr_free(prefix);
    return rc;
}

enum mr_code mr_delta_find_tables(struct mr_store *s, struct mr_store_list *ret,
                                  struct mr_error *err)
{
    struct mr_store_list out = { 0 };
    enum mr_code rc = find_below(s, "", 0, &out, err);
    if (rc != MR_OK)
        mr_store_list_release(&out);
    else
        *ret = out;
    return rc;
}

enum mr_code mr_delta_version_at(struct mr_store *s, const char *table, int64_t time_us,
                                 int64_t *ret_version, struct mr_error *err)
{
    struct mr_delta_log log;
    enum mr_code rc = mr_delta_list_log(s, table, &log, err);
    if (rc != MR_OK)
        return rc;
    int64_t found = -1, last = INT64_MIN;
    for (int i = 0; i < log.n; i++) {
        int64_t t = log.modified_us[i] / 1000; /* readers compare milliseconds */
        last = t <= last ? last + 1 : t;       /* times of a log rise, as the protocol wants */
        if (last > time_us / 1000)
            break;
        found = i;
    }
    mr_delta_log_release(&log);
    if (found < 0) {
        mr_fail(err, MR_ID_DELTA03, "%s: there was no version at that time", table);
        return mr_error_advise(err, "see millrace history %s", table);
    }
    *ret_version = found;
    return MR_OK;
}
