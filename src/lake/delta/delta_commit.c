/*
 * What        adds one version to a table's log
 * Gets        files that are durable, the position the unit started from
 * Guarantees  compare-and-set: the txn of app_id is what the caller expects, in the very version that the new one
 *             follows; put-if-absent decides races; the own commit is recognised by its txnId after an unclear outcome
 * Why         the loop rereads the log, so that every condition is checked against what the winner left
 * Source      Delta protocol; docs/guarantees.md; Spark ConflictChecker
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/fault.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/timeutil.h"
#include "column/schema.h"
#include "lake/delta/delta_internal.h"

#define TRIES 200
#define PATIENCE_US 60000000

struct attempt {
    const struct mr_delta_commit *c;
    const struct mr_delta_snapshot *s;
    const char *table;
    char txn_id[MR_UUID_TEXT];
    struct mr_delta_target target; /* on this try's snapshot */
    int64_t now_us;
};

/* ---- the text of an entry ---- */

static void pairs(struct mr_json *j, const struct mr_delta_pair *p, int n)
{
    for (int i = 0; i < n; i++)
        mr_json_str(j, p[i].key, p[i].value);
}

static void number_text(struct mr_json *j, const char *key, int64_t v)
{
    char *text = mr_asprintf("%" PRId64, v);
    mr_json_str(j, key, text);
    mr_free(text);
}

static void put_commit_info(const struct attempt *a, struct mr_json *j)
{
    const struct mr_delta_commit *c = a->c;
    int64_t rows = 0, bytes = 0;
    for (int i = 0; i < c->n_files; i++) {
        rows += c->files[i].rows;
        bytes += c->files[i].size_bytes;
    }
    mr_json_open(j, NULL, '{');
    mr_json_open(j, "commitInfo", '{');
    mr_json_int(j, "timestamp", a->now_us / 1000);
    mr_json_str(j, "operation", c->operation);
    mr_json_open(j, "operationParameters", '{');
    mr_json_str(j, "mode", c->overwrite ? "Overwrite" : "Append");
    mr_json_str(j, "partitionBy", "[]");
    pairs(j, c->parameters, c->n_parameters);
    mr_json_close(j, '}');
    if (a->s->version >= 0)
        mr_json_int(j, "readVersion", a->s->version);
    mr_json_str(j, "isolationLevel", "Serializable");
    mr_json_bool(j, "isBlindAppend", !c->overwrite);
    mr_json_open(j, "operationMetrics", '{');
    number_text(j, "numFiles", c->n_files);
    number_text(j, "numOutputRows", rows);
    number_text(j, "numOutputBytes", bytes);
    mr_json_close(j, '}');
    mr_json_str(j, "engineInfo", "millrace/" MR_VERSION);
    mr_json_str(j, "txnId", a->txn_id);
    mr_json_open(j, "tags", '{');
    pairs(j, c->tags, c->n_tags);
    mr_json_close(j, '}');
    mr_json_close(j, '}');
    mr_json_close(j, '}');
}

static bool has_ntz(const struct mr_schema *s)
{
    for (int i = 0; i < s->n_fields; i++)
        if (mr_field_has_type(&s->fields[i], MR_TYPE_TIMESTAMP_NTZ))
            return true;
    return false;
}

static bool listed(const json_t *features, const char *name)
{
    const json_t *f;
    size_t i;
    json_array_foreach (features, i, f) {
        if (strcmp(json_string_value(f) ? json_string_value(f) : "", name) == 0)
            return true;
    }
    return false;
}

/* What the table's protocol lacks for the schema that it will have. */
struct needs {
    bool ntz, mapping;
};

static struct needs protocol_needs(const struct attempt *a)
{
    const struct mr_delta_snapshot *s = a->s;
    struct needs n = { has_ntz(&a->target.schema), a->target.mapped };
    if (s->version < 0)
        return n;
    n.ntz &= s->min_reader < 3 || !listed(s->reader_features, "timestampNtz");
    n.mapping &= s->min_reader == 3 ? !listed(s->reader_features, "columnMapping")
                                    : s->min_reader < 2 || s->min_writer < 5;
    return n;
}

static void put_features(struct mr_json *j, const char *key, const json_t *old,
                         const char *const *more)
{
    const json_t *f;
    size_t i;
    mr_json_open(j, key, '[');
    json_array_foreach (old, i, f) {
        if (json_string_value(f))
            mr_json_str(j, NULL, json_string_value(f));
    }
    for (; *more; more++)
        if (**more && !listed(old, *more))
            mr_json_str(j, NULL, *more);
    mr_json_close(j, ']');
}

/* The smallest protocol; a table that goes from a version to features lists all that the version implied. */
static void put_protocol(const struct attempt *a, struct needs n, struct mr_json *j)
{
    const struct mr_delta_snapshot *s = a->s;
    bool features = n.ntz || s->min_writer == 7 || s->min_reader == 3;
    bool implied = s->min_writer >= 3 && s->min_writer < 7;
    bool mapping = n.mapping || s->min_writer == 5;
    const char *reader[] = { n.ntz ? "timestampNtz" : "", mapping ? "columnMapping" : "", NULL };
    const char *writer[] = { reader[0],
                             reader[1],
                             "appendOnly",
                             "invariants",
                             implied ? "checkConstraints" : "",
                             implied && s->min_writer > 3 ? "changeDataFeed" : "",
                             implied && s->min_writer > 3 ? "generatedColumns" : "",
                             NULL };
    mr_json_open(j, NULL, '{');
    mr_json_open(j, "protocol", '{');
    mr_json_int(j, "minReaderVersion", features ? 3 : n.mapping ? 2 : 1);
    mr_json_int(j, "minWriterVersion", features ? 7 : n.mapping ? 5 : 2);
    if (features) {
        put_features(j, "readerFeatures", s->reader_features, reader);
        put_features(j, "writerFeatures", s->writer_features, writer);
    }
    mr_json_close(j, '}');
    mr_json_close(j, '}');
}

static bool replaced(const struct attempt *a, const char *key)
{
    for (int i = 0; i < a->c->n_configuration; i++)
        if (strcmp(a->c->configuration[i].key, key) == 0)
            return true;
    return a->target.mapped && strncmp(key, "delta.columnMapping.", 20) == 0;
}

/* The table's configuration with the caller's entries in place of its own of the same key. */
static void put_configuration(const struct attempt *a, struct mr_json *j)
{
    const char *key;
    json_t *value;
    mr_json_open(j, "configuration", '{');
    json_object_foreach (a->s->configuration, key, value) {
        if (!replaced(a, key) && json_is_string(value))
            mr_json_str(j, key, json_string_value(value));
    }
    pairs(j, a->c->configuration, a->c->n_configuration);
    if (a->target.mapped) {
        mr_json_str(j, "delta.columnMapping.mode", "name");
        number_text(j, "delta.columnMapping.maxColumnId", a->target.max_column_id);
    }
    mr_json_close(j, '}');
}

static void put_metadata(const struct attempt *a, struct mr_json *j)
{
    char id[MR_UUID_TEXT];
    const struct mr_delta_snapshot *s = a->s;
    const char *comment = a->c->table_comment ? a->c->table_comment : s->description;
    mr_json_open(j, NULL, '{');
    mr_json_open(j, "metaData", '{');
    mr_json_str(j, "id", s->table_id ? s->table_id : mr_uuid(id));
    if (s->name)
        mr_json_str(j, "name", s->name);
    if (comment)
        mr_json_str(j, "description", comment);
    mr_json_raw(j, "format", "{\"provider\":\"parquet\",\"options\":{}}");
    mr_json_str(j, "schemaString", a->target.json);
    mr_json_raw(j, "partitionColumns", "[]");
    put_configuration(a, j);
    mr_json_int(j, "createdTime", s->created_ms ? s->created_ms : a->now_us / 1000);
    mr_json_close(j, '}');
    mr_json_close(j, '}');
}

/* RFC 2396: what is not unreserved, '/' kept. */
static void put_path(struct mr_json *j, const char *path)
{
    struct mr_buf b = { 0 };
    mr_buf_put_percent(&b, path, "-._~/=");
    mr_json_str(j, "path", mr_buf_str(&b));
    mr_buf_release(&b);
}

static void put_remove(const struct attempt *a, const struct mr_delta_add *f, struct mr_json *j)
{
    mr_json_open(j, NULL, '{');
    mr_json_open(j, "remove", '{');
    put_path(j, f->path);
    mr_json_int(j, "deletionTimestamp", a->now_us / 1000);
    mr_json_bool(j, "dataChange", true);
    mr_json_bool(j, "extendedFileMetadata", true);
    mr_json_raw(j, "partitionValues", "{}");
    mr_json_int(j, "size", f->size_bytes);
    mr_json_close(j, '}');
    mr_json_close(j, '}');
}

static void put_add(const struct mr_delta_new_file *f, struct mr_json *j)
{
    mr_json_open(j, NULL, '{');
    mr_json_open(j, "add", '{');
    put_path(j, f->path);
    mr_json_raw(j, "partitionValues", "{}");
    mr_json_int(j, "size", f->size_bytes);
    mr_json_int(j, "modificationTime", f->modified_ms);
    mr_json_bool(j, "dataChange", true);
    if (f->stats)
        mr_json_str(j, "stats", f->stats);
    if (f->tags)
        mr_json_raw(j, "tags", f->tags);
    mr_json_close(j, '}');
    mr_json_close(j, '}');
}

static void put_txn(const struct attempt *a, struct mr_json *j)
{
    mr_json_open(j, NULL, '{');
    mr_json_open(j, "txn", '{');
    mr_json_str(j, "appId", a->c->app_id);
    mr_json_int(j, "version", a->c->txn_version);
    mr_json_int(j, "lastUpdated", a->now_us / 1000);
    mr_json_close(j, '}');
    mr_json_close(j, '}');
}

static void end_line(struct mr_json *j)
{
    mr_buf_putc(j->out, '\n');
    j->comma = false;
}

static void entry_text(const struct attempt *a, struct mr_buf *out)
{
    const struct mr_delta_snapshot *s = a->s;
    struct mr_json j = mr_json_on(out);
    bool fresh = s->version < 0;
    struct needs n = protocol_needs(a);
    put_commit_info(a, &j);
    end_line(&j);
    if (fresh || n.ntz || n.mapping) {
        put_protocol(a, n, &j);
        end_line(&j);
    }
    if (fresh || strcmp(s->schema_json, a->target.json) != 0 || s->mapped != a->target.mapped) {
        put_metadata(a, &j);
        end_line(&j);
    }
    if (a->c->app_id) {
        put_txn(a, &j);
        end_line(&j);
    }
    for (int i = 0; a->c->overwrite && i < s->n_adds; i++) {
        put_remove(a, &s->adds[i], &j);
        end_line(&j);
    }
    for (int i = 0; i < a->c->n_files; i++) {
        put_add(&a->c->files[i], &j);
        end_line(&j);
    }
}

/* ---- conditions ---- */

static bool unchanged(const struct attempt *a)
{
    const struct mr_delta_commit *c = a->c;
    if (!c->unchanged_key || !c->app_id || !a->s->last_data.info)
        return false;
    const json_t *tags = json_object_get(a->s->last_data.info, "tags");
    return tags && strcmp(mr_json_get_str(tags, "millrace.app", ""), c->app_id) == 0 &&
           strcmp(mr_json_get_str(tags, c->unchanged_key, ""), c->unchanged_value) == 0 &&
           strcmp(a->s->schema_json, a->target.json) == 0;
}

/* Did this very commit get that version? */
static bool is_ours(struct mr_store *s, const struct attempt *a, int64_t version)
{
    struct mr_buf text = { 0 };
    char *name = mr_delta_log_name(a->table, version);
    bool ours = mr_store_get(s, name, MR_DELTA_LOG_MAX, &text, NULL) == MR_OK &&
                strstr(text.data, a->txn_id) != NULL;
    mr_buf_release(&text);
    mr_free(name);
    return ours;
}

static void pause_a_little(int attempt)
{
    uint32_t rnd;
    mr_random(&rnd, sizeof rnd);
    long max_ms = attempt < 6 ? 2L << attempt : 128;
    nanosleep(&(struct timespec){ 0, (long)(rnd % (uint32_t)max_ms + 1) * 1000000 }, NULL);
}

enum outcome { WON, LOST, STOPPED };

/* One try against the newest version. */
static enum mr_code try_once(struct mr_store *store, struct attempt *a, enum outcome *ret,
                             enum mr_delta_result *ret_result, int64_t *ret_version,
                             struct mr_error *err)
{
    const struct mr_delta_commit *c = a->c;
    enum mr_code rc = mr_delta_can_write(a->s, a->table, c->overwrite, err);
    if (rc != MR_OK)
        return rc;
    *ret = STOPPED;
    *ret_version = a->s->version;
    if (c->app_id && mr_delta_txn_version(a->s, c->app_id) != c->txn_expected) {
        *ret_result = MR_DELTA_FENCED;
        return MR_OK;
    }
    rc = mr_delta_target(a->s, c, a->table, &a->target, err);
    if (rc != MR_OK)
        return rc;
    if (a->s->version >= 0 && unchanged(a)) {
        *ret_result = MR_DELTA_UNCHANGED;
        return MR_OK;
    }
    struct mr_buf text = { 0 };
    char *name = mr_delta_log_name(a->table, a->s->version + 1);
    int64_t after = a->s->modified_us / 1000 * 1000 + 1000; /* the next millisecond */
    a->now_us = mr_now_us();
    if (a->s->version >= 0 && a->now_us < after)
        a->now_us = after;
    entry_text(a, &text);
    mr_fault_hit(MR_FP_DELTA_COMMIT);
    rc = mr_store_put_absent(store, name, text.data, text.len, a->now_us, err);
    if (rc != MR_OK && is_ours(store, a, a->s->version + 1))
        rc = MR_OK;
    mr_free(name);
    mr_buf_release(&text);
    *ret = rc == MR_OK ? WON : LOST;
    *ret_result = MR_DELTA_DONE;
    *ret_version = a->s->version + 1;
    if (rc == MR_OK)
        mr_fault_hit(MR_FP_DELTA_COMMITTED);
    return rc == MR_E_EXISTS ? MR_OK : rc;
}

enum mr_code mr_delta_commit(struct mr_store *s, const char *table, const struct mr_delta_commit *c,
                             enum mr_delta_result *ret_result, int64_t *ret_version,
                             struct mr_error *err)
{
    struct attempt a = { .c = c, .table = table };
    int64_t until = mr_mono_us() + PATIENCE_US;
    enum outcome outcome = LOST;
    enum mr_code rc = MR_OK;
    mr_uuid(a.txn_id);
    for (int i = 0; rc == MR_OK && outcome == LOST; i++) {
        struct mr_delta_snapshot *snap = NULL;
        if (i == TRIES || mr_mono_us() > until) {
            rc = mr_fail(err, MR_ID_DELTA05, "%s: lost %d races for the next version", table, i);
            break;
        }
        if (i > 0)
            pause_a_little(i);
        rc = mr_delta_read(s, table, -1, &snap, err);
        a.s = snap;
        if (rc == MR_OK)
            rc = try_once(s, &a, &outcome, ret_result, ret_version, err);
        mr_delta_target_release(&a.target);
        mr_delta_snapshot_free(snap);
    }
    return rc;
}
