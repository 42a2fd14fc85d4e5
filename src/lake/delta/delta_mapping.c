/*
 * What        column mapping by name: ids and physical names of fields, at any depth
 * Guarantees  a column keeps its physical name as long as it keeps its name; a new one gets the same from the same seed,
 *             so that two processes that go on with one run write the same files
 * Source      Delta protocol, "Column Mapping"
 */
#include <stdio.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/mem.h"
#include "column/schema.h"
#include "lake/delta/delta_internal.h"

#define PHYSICAL "delta.columnMapping.physicalName"

struct mapping {
    const char *seed;
    int max_id;
};

char *mr_delta_physical_name(const struct mr_field *f)
{
    json_t *o = NULL;
    char *name = NULL;
    if (f->metadata && strstr(f->metadata, PHYSICAL)) {
        char *text = mr_asprintf("{%s}", f->metadata);
        if (mr_json_parse(text, strlen(text), MR_ID_DELTA01, "metadata", &o, NULL) == MR_OK)
            name = mr_strdup(mr_json_get_str(o, PHYSICAL, f->name));
        json_decref(o);
        mr_free(text);
    }
    return name ? name : mr_strdup(f->name);
}

static char *new_name(const struct mapping *m, const char *path)
{
    unsigned char r[16];
    XXH3_state_t *state = XXH3_createState();
    XXH3_128bits_reset(state);
    XXH3_128bits_update(state, m->seed, strlen(m->seed) + 1);
    XXH3_128bits_update(state, path, strlen(path));
    XXH128_canonical_t c;
    XXH128_canonicalFromHash(&c, XXH3_128bits_digest(state));
    XXH3_freeState(state);
    memcpy(r, c.digest, sizeof r);
    r[6] = (unsigned char)((r[6] & 0x0F) | 0x80); /* UUID version 8: from a hash of our own */
    r[8] = (unsigned char)((r[8] & 0x3F) | 0x80);
    return mr_asprintf("col-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                       r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11],
                       r[12], r[13], r[14], r[15]);
}

static const struct mr_field *find(const struct mr_field *fields, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (strcmp(fields[i].name, name) == 0)
            return &fields[i];
    return NULL;
}

static void map_fields(struct mapping *m, struct mr_field *fields, int n,
                       const struct mr_field *have, int n_have, const char *path);

static void map_children(struct mapping *m, struct mr_field *f, const struct mr_field *old,
                         const char *path)
{
    bool same = old && old->type.id == f->type.id && old->n_children == f->n_children;
    if (f->type.id == MR_TYPE_STRUCT) {
        bool fields = old && old->type.id == MR_TYPE_STRUCT;
        map_fields(m, f->children, f->n_children, fields ? old->children : NULL,
                   fields ? old->n_children : 0, path);
        return;
    }
    for (int i = 0; i < f->n_children;
         i++) { /* elements, keys and values have no id of their own */
        char *at = mr_asprintf("%s/%d", path, i);
        map_children(m, &f->children[i], same ? &old->children[i] : NULL, at);
        mr_free(at);
    }
}

static void map_field(struct mapping *m, struct mr_field *f, const struct mr_field *old,
                      const char *path)
{
    struct mr_buf b = { 0 };
    struct mr_json j = mr_json_on(&b);
    char *physical = old ? mr_delta_physical_name(old) : new_name(m, path);
    f->field_id = old && old->field_id ? old->field_id : ++m->max_id;
    if (f->metadata) {
        mr_buf_puts(&b, f->metadata);
        j.comma = true;
    }
    mr_json_int(&j, "delta.columnMapping.id", f->field_id);
    mr_json_str(&j, PHYSICAL, physical);
    mr_free(f->metadata);
    f->metadata = mr_buf_take(&b);
    mr_free(physical);
}

static void map_fields(struct mapping *m, struct mr_field *fields, int n,
                       const struct mr_field *have, int n_have, const char *path)
{
    for (int i = 0; i < n; i++) {
        const struct mr_field *old = find(have, n_have, fields[i].name);
        char *at = mr_asprintf("%s/.%s", path, fields[i].name);
        map_field(m, &fields[i], old, at);
        map_children(m, &fields[i], old, at);
        mr_free(at);
    }
}

void mr_delta_map_columns(struct mr_schema *schema, const struct mr_delta_snapshot *have,
                          const char *seed, int *ret_max)
{
    struct mapping m = { seed, have->mapped ? have->max_column_id : 0 };
    map_fields(&m, schema->fields, schema->n_fields, have->mapped ? have->schema.fields : NULL,
               have->mapped ? have->schema.n_fields : 0, "");
    *ret_max = m.max_id;
}

static void rename_field(struct mr_field *f)
{
    char *physical = mr_delta_physical_name(f);
    mr_free(f->name);
    f->name = physical;
    for (int i = 0; i < f->n_children; i++)
        rename_field(&f->children[i]);
}

void mr_delta_physical(const struct mr_schema *schema, struct mr_schema *ret)
{
    mr_schema_copy(ret, schema);
    for (int i = 0; i < ret->n_fields; i++)
        rename_field(&ret->fields[i]);
}
