/*
 * What        schemas as Delta's schemaString and back
 * Source      Delta protocol, "Schema Serialization Format"
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "column/schema.h"
#include "lake/delta/delta_internal.h"

static void put_type(const struct mr_field *f, const char *key, struct mr_json *j);

static void put_field(const struct mr_field *f, struct mr_json *j)
{
    mr_json_open(j, NULL, '{');
    mr_json_str(j, "name", f->name);
    put_type(f, "type", j);
    mr_json_bool(j, "nullable", f->nullable);
    mr_json_open(j, "metadata", '{');
    if (f->comment)
        mr_json_str(j, "comment", f->comment);
    if (f->source_name)
        mr_json_str(j, "millrace.source_name", f->source_name);
    if (f->source_type)
        mr_json_str(j, "millrace.source_type", f->source_type);
    if (f->source_id)
        mr_json_str(j, "millrace.source_id", f->source_id);
    if (f->metadata) {
        mr_buf_puts(j->out, j->comma ? "," : "");
        mr_buf_puts(j->out, f->metadata);
        j->comma = true;
    }
    mr_json_close(j, '}');
    mr_json_close(j, '}');
}

static void put_type(const struct mr_field *f, const char *key, struct mr_json *j)
{
    char type[MR_TYPE_TEXT];
    if (f->n_children == 0) {
        mr_json_str(j, key, mr_type_name(f->type, type));
        return;
    }
    mr_json_open(j, key, '{');
    if (f->type.id == MR_TYPE_LIST) {
        mr_json_str(j, "type", "array");
        put_type(&f->children[0], "elementType", j);
        mr_json_bool(j, "containsNull", true);
    } else if (f->type.id == MR_TYPE_MAP) {
        mr_json_str(j, "type", "map");
        put_type(&f->children[0], "keyType", j);
        put_type(&f->children[1], "valueType", j);
        mr_json_bool(j, "valueContainsNull", true);
    } else {
        mr_json_str(j, "type", "struct");
        mr_json_open(j, "fields", '[');
        for (int i = 0; i < f->n_children; i++)
            put_field(&f->children[i], j);
        mr_json_close(j, ']');
    }
    mr_json_close(j, '}');
}

void mr_delta_schema_json(const struct mr_schema *schema, struct mr_buf *out)
{
    struct mr_json j = mr_json_on(out);
    mr_json_open(&j, NULL, '{');
    mr_json_str(&j, "type", "struct");
    mr_json_open(&j, "fields", '[');
    for (int i = 0; i < schema->n_fields; i++)
        put_field(&schema->fields[i], &j);
    mr_json_close(&j, ']');
    mr_json_close(&j, '}');
}

static char *dup_or_null(const char *s)
{
    return s ? mr_strdup(s) : NULL;
}

#define DEPTH_MAX 64

/* Our own members become the field's, all others stay as text, in their order. */
static void take_metadata(const json_t *meta, struct mr_field *to)
{
    static const char *const own[] = { "comment", "millrace.source_name", "millrace.source_type",
                                       "millrace.source_id" };
    json_t *rest = json_copy((json_t *)(uintptr_t)meta); /* shallow */
    to->comment = dup_or_null(mr_json_get_str(meta, own[0], NULL));
    to->source_name = dup_or_null(mr_json_get_str(meta, own[1], NULL));
    to->source_type = dup_or_null(mr_json_get_str(meta, own[2], NULL));
    to->source_id = dup_or_null(mr_json_get_str(meta, own[3], NULL));
    to->field_id = (int)mr_json_get_int(meta, "delta.columnMapping.id", 0);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        json_object_del(rest, own[i]);
    if (json_object_size(rest) > 0) {
        char *text = json_dumps(rest, JSON_COMPACT);
        if (text)
            to->metadata = mr_strndup(text + 1, strlen(text) - 2);
        free(text);
    }
    json_decref(rest);
}

static bool parse_type(const json_t *kind, struct mr_field *f, int depth);

static bool parse_child(const json_t *kind, const char *name, struct mr_field *f, int depth)
{
    struct mr_field *child = mr_field_add_child(f, name, (struct mr_type){ .id = MR_TYPE_STRING });
    return kind && parse_type(kind, child, depth + 1);
}

static bool parse_struct(const json_t *kind, struct mr_field *f, int depth)
{
    size_t i;
    json_t *child;
    bool ok = true;
    f->type.id = MR_TYPE_STRUCT;
    json_array_foreach (json_object_get(kind, "fields"), i, child) {
        const char *name = mr_json_get_str(child, "name", NULL);
        ok = ok && name && parse_child(json_object_get(child, "type"), name, f, depth);
        if (!ok)
            break;
        f->children[f->n_children - 1].nullable = mr_json_get_bool(child, "nullable", true);
        take_metadata(json_object_get(child, "metadata"), &f->children[f->n_children - 1]);
    }
    return ok && f->n_children > 0;
}

/* False: a type that is not known here. */
static bool parse_type(const json_t *kind, struct mr_field *f, int depth)
{
    const char *text = json_string_value(kind), *which = mr_json_get_str(kind, "type", "");
    if (text)
        return mr_type_parse(strcmp(text, "decimal") == 0 ? "decimal(10,0)" : text, &f->type);
    if (depth > DEPTH_MAX)
        return false;
    if (strcmp(which, "struct") == 0)
        return parse_struct(kind, f, depth);
    if (strcmp(which, "array") == 0) {
        f->type.id = MR_TYPE_LIST;
        return parse_child(json_object_get(kind, "elementType"), "element", f, depth);
    }
    if (strcmp(which, "map") != 0)
        return false;
    f->type.id = MR_TYPE_MAP;
    if (!parse_child(json_object_get(kind, "keyType"), "key", f, depth))
        return false;
    f->children[0].nullable = false;
    return parse_child(json_object_get(kind, "valueType"), "value", f, depth);
}

static enum mr_code parse_field(const json_t *f, const char *table, struct mr_schema *out,
                                struct mr_error *err)
{
    const char *name = mr_json_get_str(f, "name", NULL);
    const json_t *kind = json_object_get(f, "type"), *meta = json_object_get(f, "metadata");
    if (!name || !kind)
        return mr_fail(err, MR_ID_DELTA01, "%s: a column of the schema has no name or type", table);
    struct mr_field *to = mr_schema_add(out, name, (struct mr_type){ .id = MR_TYPE_STRING },
                                        mr_json_get_bool(f, "nullable", true), NULL);
    if (!parse_type(kind, to, 0)) {
        char *text = json_dumps(kind, JSON_ENCODE_ANY | JSON_COMPACT);
        mr_fail(err, MR_ID_DELTA02, "%s: column %s has the type %.200s, which is not supported",
                table, name, text ? text : "?");
        free(text);
        return MR_E_UNSUPPORTED;
    }
    take_metadata(meta, to);
    return MR_OK;
}

enum mr_code mr_delta_schema_parse(const char *text, const char *table, struct mr_schema *ret,
                                   struct mr_error *err)
{
    json_t *o = NULL, *f;
    struct mr_schema out = { 0 };
    size_t i;
    enum mr_code rc = mr_json_parse(text, strlen(text), MR_ID_DELTA01, "schemaString", &o, err);
    if (rc != MR_OK)
        return rc;
    json_array_foreach (json_object_get(o, "fields"), i, f) {
        if (rc == MR_OK)
            rc = parse_field(f, table, &out, err);
    }
    json_decref(o);
    if (rc != MR_OK)
        mr_schema_release(&out);
    else
        *ret = out;
    return rc;
}
