/*
 * What        schemas as Delta's schemaString and back
 * Source      Delta protocol, "Schema Serialization Format"
 */
#include <string.h>

#include "base/mem.h"
#include "column/schema.h"
#include "lake/delta/delta_internal.h"

void mr_delta_schema_json(const struct mr_schema *schema, struct mr_buf *out)
{
    char type[MR_TYPE_TEXT];
    struct mr_json j = mr_json_on(out);
    mr_json_open(&j, NULL, '{');
    mr_json_str(&j, "type", "struct");
    mr_json_open(&j, "fields", '[');
    for (int i = 0; i < schema->n_fields; i++) {
        const struct mr_field *f = &schema->fields[i];
        mr_json_open(&j, NULL, '{');
        mr_json_str(&j, "name", f->name);
        mr_json_str(&j, "type", mr_type_name(f->type, type));
        mr_json_bool(&j, "nullable", f->nullable);
        mr_json_open(&j, "metadata", '{');
        if (f->comment)
            mr_json_str(&j, "comment", f->comment);
        if (f->source_name)
            mr_json_str(&j, "millrace.source_name", f->source_name);
        if (f->source_type)
            mr_json_str(&j, "millrace.source_type", f->source_type);
        mr_json_close(&j, '}');
        mr_json_close(&j, '}');
    }
    mr_json_close(&j, ']');
    mr_json_close(&j, '}');
}

static char *dup_or_null(const char *s)
{
    return s ? mr_strdup(s) : NULL;
}

static enum mr_code parse_field(const json_t *f, const char *table, struct mr_schema *out,
                                struct mr_error *err)
{
    struct mr_type type;
    const char *name = mr_json_get_str(f, "name", NULL);
    const json_t *kind = json_object_get(f, "type"), *meta = json_object_get(f, "metadata");
    if (!name || !kind)
        return mr_fail(err, MR_ID_DELTA01, "%s: a column of the schema has no name or type", table);
    const char *text = json_string_value(kind);
    if (text && strcmp(text, "decimal") == 0)
        text = "decimal(10,0)";
    if (!text || !mr_type_parse(text, &type))
        return mr_fail(err, MR_ID_DELTA02, "%s: column %s has the type %s, which is not supported",
                       table, name, text ? text : "struct, array or map");
    if (json_object_get(meta, "delta.columnMapping.physicalName"))
        return mr_fail(err, MR_ID_DELTA02, "%s: columnMapping is not supported", table);
    struct mr_field *to = mr_schema_add(out, name, type, mr_json_get_bool(f, "nullable", true),
                                        mr_json_get_str(meta, "millrace.source_type", NULL));
    to->source_name = dup_or_null(mr_json_get_str(meta, "millrace.source_name", NULL));
    to->comment = dup_or_null(mr_json_get_str(meta, "comment", NULL));
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
