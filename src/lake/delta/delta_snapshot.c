/*
 * What        replays a log to the state of a table
 * Guarantees  linear in the log; what we do not understand and must is refused by name; the rest is ignored
 * Source      Delta protocol, "Action Reconciliation", "Table Features"
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "column/schema.h"
#include "lake/delta/delta_internal.h"

struct replay {
    struct mr_delta_snapshot *s;
    const char *table;
    int64_t version, modified_us;
    int cap_adds;
    int n_slots; /* power of two; slot: index into adds + 1 */
    int *slots;
    json_t *info; /* commitInfo of the entry that is being read */
    bool changed; /* it changes data */
};

static uint64_t hash(const char *p)
{
    uint64_t h = 1469598103934665603u;
    for (; *p; p++)
        h = (h ^ (unsigned char)*p) * 1099511628211u;
    return h ^ (h >> 29);
}

static int *find_slot(struct replay *r, const char *path)
{
    uint64_t i = hash(path);
    for (;; i++) {
        int *slot = &r->slots[i & (uint64_t)(r->n_slots - 1)];
        if (!*slot || strcmp(r->s->adds[*slot - 1].path, path) == 0)
            return slot;
    }
}

static void rehash(struct replay *r)
{
    r->n_slots = r->n_slots ? 2 * r->n_slots : 64;
    mr_free(r->slots);
    r->slots = mr_zalloc((size_t)r->n_slots, sizeof *r->slots);
    for (int i = 0; i < r->s->n_adds; i++)
        *find_slot(r, r->s->adds[i].path) = i + 1;
}

static char *percent_decode(const char *s)
{
    struct mr_buf b = { 0 };
    mr_buf_put_decoded(&b, s, strlen(s));
    return mr_buf_take(&b);
}

static char *dump_object(const json_t *o)
{
    if (!json_is_object(o))
        return NULL;
    char *text = json_dumps(o, JSON_COMPACT), *copy = text ? mr_strdup(text) : NULL;
    free(text);
    return copy;
}

static int64_t stats_rows(const char *stats)
{
    json_t *o = NULL;
    if (!stats || mr_json_parse(stats, strlen(stats), MR_ID_DELTA01, "stats", &o, NULL) != MR_OK)
        return -1; /* stats are a hint: a file without them has an unknown number of rows */
    int64_t n = mr_json_get_int(o, "numRecords", -1);
    json_decref(o);
    return n;
}

static void add_release(struct mr_delta_add *a)
{
    mr_free(a->path);
    mr_free(a->stats);
    mr_free(a->tags);
    *a = (struct mr_delta_add){ 0 };
}

static enum mr_code on_add(struct replay *r, const json_t *o, struct mr_error *err)
{
    const char *path = mr_json_get_str(o, "path", NULL);
    const char *stats = mr_json_get_str(o, "stats", NULL);
    if (!path)
        return mr_fail(err, MR_ID_DELTA01, "%s: version %" PRId64 " adds a file without a path",
                       r->table, r->version);
    if (mr_json_get_int(o, "size", 0) < 0) /* which marks what was removed */
        return mr_fail(err, MR_ID_DELTA01,
                       "%s: version %" PRId64 " adds a file of %" PRId64 " bytes", r->table,
                       r->version, mr_json_get_int(o, "size", 0));
    if (json_is_object(json_object_get(o, "deletionVector")))
        return mr_fail(err, MR_ID_DELTA02, "%s: deletionVectors are not supported", r->table);
    if (r->s->n_adds * 2 >= r->n_slots)
        rehash(r);
    char *decoded = percent_decode(path);
    int *slot = find_slot(r, decoded);
    if (!*slot) {
        if (r->s->n_adds == r->cap_adds) {
            r->cap_adds = r->cap_adds ? 2 * r->cap_adds : 64;
            r->s->adds = mr_realloc(r->s->adds, sizeof *r->s->adds * (size_t)r->cap_adds);
        }
        *slot = ++r->s->n_adds;
    } else {
        add_release(&r->s->adds[*slot - 1]);
    }
    r->changed |= mr_json_get_bool(o, "dataChange", true);
    r->s->adds[*slot - 1] = (struct mr_delta_add){
        .path = decoded,
        .size_bytes = mr_json_get_int(o, "size", 0),
        .modified_ms = mr_json_get_int(o, "modificationTime", 0),
        .rows = stats_rows(stats),
        .stats = stats ? mr_strdup(stats) : NULL,
        .tags = dump_object(json_object_get(o, "tags")),
    };
    return MR_OK;
}

/* The entry stays in the list, dead (size -1), until the end, so that the indices in the slots hold. */
static void on_remove(struct replay *r, const json_t *o)
{
    char *path = percent_decode(mr_json_get_str(o, "path", ""));
    if (r->n_slots) {
        int *slot = find_slot(r, path);
        if (*slot)
            r->s->adds[*slot - 1].size_bytes = -1;
    }
    r->changed |= mr_json_get_bool(o, "dataChange", true);
    mr_free(path);
}

static void drop_dead(struct mr_delta_snapshot *s)
{
    int to = 0;
    for (int i = 0; i < s->n_adds; i++) {
        if (s->adds[i].size_bytes < 0)
            add_release(&s->adds[i]);
        else
            s->adds[to++] = s->adds[i];
    }
    s->n_adds = to;
}

static void on_txn(struct replay *r, const json_t *o)
{
    struct mr_delta_snapshot *s = r->s;
    const char *app = mr_json_get_str(o, "appId", "");
    int i = 0;
    while (i < s->n_txns && strcmp(s->txns[i].app_id, app) != 0)
        i++;
    if (i == s->n_txns) {
        s->txns = mr_realloc(s->txns, sizeof *s->txns * (size_t)(s->n_txns + 1));
        s->txns[s->n_txns++] = (struct mr_delta_txn){ .app_id = mr_strdup(app) };
    }
    s->txns[i].version = mr_json_get_int(o, "version", 0);
    s->txns[i].at = r->version;
}

/* Of each txn the entry that set it: other writers may have added versions since. */
static void keep_infos(struct replay *r)
{
    for (int i = 0; i < r->s->n_txns; i++) {
        struct mr_delta_txn *t = &r->s->txns[i];
        if (t->at != r->version)
            continue;
        json_decref(t->info);
        t->info = json_incref(r->info);
    }
}

static enum mr_code refuse(const char *table, const char *feature, struct mr_error *err)
{
    mr_fail(err, MR_ID_DELTA02, "%s: the table uses %s, which this version does not support", table,
            feature);
    return mr_error_advise(err, "load into another path, or drop the feature where it was set");
}

static bool known(const char *feature, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(*list, feature) == 0)
            return true;
    return false;
}

static enum mr_code on_protocol(struct replay *r, const json_t *o, struct mr_error *err)
{
    static const char *const reader[] = { "timestampNtz", "columnMapping", NULL };
    const json_t *f;
    size_t i;
    r->s->min_reader = (int)mr_json_get_int(o, "minReaderVersion", 1);
    r->s->min_writer = (int)mr_json_get_int(o, "minWriterVersion", 2);
    if (r->s->min_reader > 3 || r->s->min_reader < 1)
        return refuse(r->table, "an unknown reader version", err);
    json_array_foreach (json_object_get(o, "readerFeatures"), i, f) {
        const char *name = json_string_value(f);
        if (name && !known(name, reader))
            return refuse(r->table, name, err);
    }
    json_decref(r->s->reader_features);
    json_decref(r->s->writer_features);
    r->s->reader_features = json_incref(json_object_get(o, "readerFeatures"));
    r->s->writer_features = json_incref(json_object_get(o, "writerFeatures"));
    return MR_OK;
}

static void set(char **to, const char *value)
{
    mr_free(*to);
    *to = value ? mr_strdup(value) : NULL;
}

static enum mr_code on_metadata(struct replay *r, const json_t *o, struct mr_error *err)
{
    struct mr_delta_snapshot *s = r->s;
    const char *schema = mr_json_get_str(o, "schemaString", "");
    if (json_array_size(json_object_get(o, "partitionColumns")) > 0)
        return refuse(r->table, "partition columns", err);
    struct mr_schema parsed;
    enum mr_code rc = mr_delta_schema_parse(schema, r->table, &parsed, err);
    if (rc != MR_OK)
        return rc;
    mr_schema_release(&s->schema);
    s->schema = parsed;
    set(&s->schema_json, schema);
    set(&s->table_id, mr_json_get_str(o, "id", ""));
    set(&s->name, mr_json_get_str(o, "name", NULL));
    set(&s->description, mr_json_get_str(o, "description", NULL));
    json_decref(s->configuration);
    s->configuration = json_incref(json_object_get(o, "configuration"));
    s->created_ms = mr_json_get_int(o, "createdTime", 0);
    const char *mode = mr_json_get_str(s->configuration, "delta.columnMapping.mode", "none");
    if (strcmp(mode, "none") != 0 && strcmp(mode, "name") != 0)
        return refuse(r->table, "columnMapping by id", err);
    s->mapped = strcmp(mode, "name") == 0;
    s->max_column_id =
        s->mapped
            ? (int)strtol(mr_json_get_str(s->configuration, "delta.columnMapping.maxColumnId", "0"),
                          NULL, 10)
            : 0;
    return MR_OK;
}

static enum mr_code on_action(void *ctx, const char *kind, const json_t *o, struct mr_error *err)
{
    struct replay *r = ctx;
    if (strcmp(kind, "add") == 0)
        return on_add(r, o, err);
    if (strcmp(kind, "remove") == 0)
        on_remove(r, o);
    else if (strcmp(kind, "txn") == 0) {
        on_txn(r, o);
        r->changed = true; /* a unit of no rows is a unit too */
    } else if (strcmp(kind, "protocol") == 0)
        return on_protocol(r, o, err);
    else if (strcmp(kind, "metaData") == 0)
        return on_metadata(r, o, err);
    else if (strcmp(kind, "commitInfo") == 0) {
        json_decref(r->info);
        r->info = json_incref((json_t *)(uintptr_t)o);
    }
    return MR_OK;
}

static enum mr_code replay_version(struct replay *r, struct mr_store *store, struct mr_error *err)
{
    r->info = NULL;
    r->changed = false;
    enum mr_code rc = mr_delta_walk(store, r->table, r->version, on_action, r, err);
    struct mr_delta_snapshot *s = r->s;
    s->version = r->version;
    s->modified_us = r->modified_us;
    s->timestamp_ms = mr_json_get_int(r->info, "timestamp", r->modified_us / 1000);
    if (rc == MR_OK && r->changed) {
        json_decref(s->last_data.info);
        s->last_data = (struct mr_delta_commit_info){ r->version, s->timestamp_ms,
                                                      json_incref(r->info), true };
        keep_infos(r);
    }
    json_decref(r->info);
    return rc;
}

static enum mr_code no_version(const char *table, int64_t version, int n, struct mr_error *err)
{
    if (n == 0)
        mr_fail(err, MR_ID_DELTA03, "%s is not a table", table);
    else
        mr_fail(err, MR_ID_DELTA03, "%s has no version %" PRId64 "; there are 0 to %d", table,
                version, n - 1);
    return mr_error_advise(err, "see millrace history %s", table);
}

enum mr_code mr_delta_read(struct mr_store *store, const char *table, int64_t version,
                           struct mr_delta_snapshot **ret, struct mr_error *err)
{
    struct mr_delta_log log;
    enum mr_code rc = mr_delta_list_log(store, table, &log, err);
    if (rc != MR_OK)
        return rc;
    struct mr_delta_snapshot *s = mr_zalloc(1, sizeof *s);
    struct replay r = { .s = s, .table = table };
    s->version = s->last_data.version = -1;
    int64_t last = version < 0 ? log.n - 1 : version;
    if (last >= log.n)
        rc = no_version(table, version, log.n, err);
    for (r.version = 0; rc == MR_OK && r.version <= last; r.version++) {
        r.modified_us = log.modified_us[r.version];
        rc = replay_version(&r, store, err);
    }
    if (rc == MR_OK && s->version >= 0 && (!s->schema_json || s->min_reader == 0))
        rc = mr_fail(err, MR_ID_DELTA01, "%s: the log has no protocol or metaData", table);
    drop_dead(s);
    mr_free(r.slots);
    mr_delta_log_release(&log);
    if (rc != MR_OK)
        mr_delta_snapshot_free(s);
    else
        *ret = s;
    return rc;
}

void mr_delta_snapshot_free(struct mr_delta_snapshot *s)
{
    if (!s)
        return;
    for (int i = 0; i < s->n_adds; i++)
        add_release(&s->adds[i]);
    for (int i = 0; i < s->n_txns; i++) {
        mr_free(s->txns[i].app_id);
        json_decref(s->txns[i].info);
    }
    mr_free(s->adds);
    mr_free(s->txns);
    mr_free(s->table_id);
    mr_free(s->name);
    mr_free(s->description);
    mr_free(s->schema_json);
    mr_schema_release(&s->schema);
    json_decref(s->configuration);
    json_decref(s->reader_features);
    json_decref(s->writer_features);
    json_decref(s->last_data.info);
    mr_free(s);
}

const struct mr_delta_txn *mr_delta_find_txn(const struct mr_delta_snapshot *s, const char *app_id)
{
    for (int i = 0; i < s->n_txns; i++)
        if (strcmp(s->txns[i].app_id, app_id) == 0)
            return &s->txns[i];
    return NULL;
}

int64_t mr_delta_txn_version(const struct mr_delta_snapshot *s, const char *app_id)
{
    const struct mr_delta_txn *t = mr_delta_find_txn(s, app_id);
    return t ? t->version : 0;
}

/* What a writer of version 3 to 5 has to obey, when the table makes use of it. */
static const char *in_use(const struct mr_delta_snapshot *s)
{
    const char *key;
    json_t *value;
    json_object_foreach (s->configuration, key, value) {
        if (strncmp(key, "delta.constraints.", 18) == 0)
            return "check constraints";
        if (strcmp(key, "delta.enableChangeDataFeed") == 0 &&
            strcmp(json_string_value(value) ? json_string_value(value) : "", "true") == 0)
            return "the change data feed";
    }
    if (s->schema_json && strstr(s->schema_json, "delta.invariants"))
        return "column invariants";
    if (s->schema_json && strstr(s->schema_json, "delta.generationExpression"))
        return "generated columns";
    return NULL;
}

enum mr_code mr_delta_can_write(const struct mr_delta_snapshot *s, const char *table,
                                bool overwrite, struct mr_error *err)
{
    static const char *const writer[] = { "timestampNtz",     "columnMapping",
                                          "appendOnly",       "invariants",
                                          "checkConstraints", "changeDataFeed",
                                          "generatedColumns", NULL };
    const json_t *f;
    size_t i;
    if (s->version < 0)
        return MR_OK;
    if (s->min_writer == 6)
        return refuse(table, "identity columns (writer version 6)", err);
    if (s->min_writer > 7)
        return refuse(table, "an unknown writer version", err);
    json_array_foreach (s->writer_features, i, f) {
        const char *name = json_string_value(f);
        if (name && !known(name, writer))
            return refuse(table, name, err);
    }
    if (in_use(s))
        return refuse(table, in_use(s), err);
    const char *only = mr_json_get_str(s->configuration, "delta.appendOnly", "false");
    if (overwrite && strcmp(only, "true") == 0)
        return refuse(table, "appendOnly, and this is an overwrite", err);
    return MR_OK;
}

/* ---- history ---- */

struct named {
    const char *prefix;
    struct mr_store_list out;
};

static enum mr_code on_named(void *ctx, const char *kind, const json_t *o, struct mr_error *err)
{
    struct named *n = ctx;
    (void)err;
    if (strcmp(kind, "add") != 0)
        return MR_OK;
    char *path = percent_decode(mr_json_get_str(o, "path", ""));
    if (strncmp(path, n->prefix, strlen(n->prefix)) != 0) {
        mr_free(path);
        return MR_OK;
    }
    struct mr_store_list *l = &n->out;
    if ((l->n & (l->n + 1)) == 0) /* 0, 1, 3, 7, ...: double */
        l->items = mr_realloc(l->items, sizeof *l->items * (size_t)(2 * l->n + 2));
    l->items[l->n++] = (struct mr_store_object){ .name = path };
    return MR_OK;
}

enum mr_code mr_delta_named(struct mr_store *s, const char *table, const char *prefix,
                            struct mr_store_list *ret, struct mr_error *err)
{
    struct mr_delta_log log;
    struct named n = { .prefix = prefix };
    enum mr_code rc = mr_delta_list_log(s, table, &log, err);
    if (rc != MR_OK)
        return rc;
    for (int v = 0; rc == MR_OK && v < log.n; v++)
        rc = mr_delta_walk(s, table, v, on_named, &n, err);
    mr_delta_log_release(&log);
    if (rc != MR_OK)
        mr_store_list_release(&n.out);
    else
        *ret = n.out;
    return rc;
}

static enum mr_code on_history(void *ctx, const char *kind, const json_t *o, struct mr_error *err)
{
    struct mr_delta_commit_info *c = ctx;
    (void)err;
    if (strcmp(kind, "commitInfo") == 0 && !c->info)
        c->info = json_incref((json_t *)(uintptr_t)o);
    if (strcmp(kind, "add") == 0 || strcmp(kind, "remove") == 0)
        c->data_change |= mr_json_get_bool(o, "dataChange", true);
    return MR_OK;
}

enum mr_code mr_delta_read_history(struct mr_store *s, const char *table, int limit,
                                   struct mr_delta_history *ret, struct mr_error *err)
{
    struct mr_delta_log log;
    struct mr_delta_history h = { 0 };
    enum mr_code rc = mr_delta_list_log(s, table, &log, err);
    if (rc != MR_OK)
        return rc;
    h.items = mr_zalloc((size_t)log.n, sizeof *h.items);
    for (int v = log.n - 1; rc == MR_OK && v >= 0 && (limit == 0 || h.n < limit); v--) {
        struct mr_delta_commit_info *c = &h.items[h.n++];
        c->version = v;
        rc = mr_delta_walk(s, table, v, on_history, c, err);
        c->timestamp_ms = mr_json_get_int(c->info, "timestamp", log.modified_us[v] / 1000);
    }
    mr_delta_log_release(&log);
    if (rc != MR_OK)
        mr_delta_history_release(&h);
    else
        *ret = h;
    return rc;
}

void mr_delta_history_release(struct mr_delta_history *h)
{
    for (int i = 0; i < h->n; i++)
        json_decref(h->items[i].info);
    mr_free(h->items);
    *h = (struct mr_delta_history){ 0 };
}
