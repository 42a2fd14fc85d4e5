/*
 * What        the JSON schema of a pipeline file, from the tables that the parser uses
 * Source      JSON Schema draft 2020-12
 */
#include <string.h>

#include "base/json.h"
#include "spec/keys.h"

static void put_option(struct mr_json *j, const struct mr_option *o, const char *key)
{
    mr_json_open(j, key, '{');
    mr_json_str(j, "description", o->doc);
    switch (o->type) {
    case MR_OPT_INT:
        mr_json_str(j, "type", "integer");
        break;
    case MR_OPT_BOOL:
        mr_json_str(j, "type", "boolean");
        break;
    case MR_OPT_LIST:
        mr_json_str(j, "type", "array");
        break;
    case MR_OPT_MAP:
        mr_json_str(j, "type", "object");
        break;
    case MR_OPT_ENUM:
        mr_json_open(j, "enum", '[');
        for (const char *p = o->choices; *p;) {
            size_t n = strcspn(p, "|");
            mr_json_strn(j, NULL, p, n);
            if (n == 4 && memcmp(p, "null", n) == 0)
                mr_json_raw(j, NULL, "null"); /* how an editor reads the bare word */
            p += n + (p[n] == '|');
        }
        mr_json_close(j, ']');
        break;
    case MR_OPT_STRING:
    case MR_OPT_SIZE:
    case MR_OPT_DURATION:
    case MR_OPT_PATH:
    case MR_OPT_EXPR:
        mr_json_str(j, "type", "string");
    }
    if (o->def)
        mr_json_str(j, "default", o->def);
    mr_json_close(j, '}');
}

static void put_table(struct mr_json *j, const struct mr_option *table)
{
    for (; table->key; table++)
        put_option(j, table, table->key);
}

/* The options of all kinds of source; where two have a key of one name, the first one's. */
static void put_kinds(struct mr_json *j, const struct mr_registry *reg)
{
    for (int i = 0; reg->consumers[i]; i++)
        for (const struct mr_option *o = reg->consumers[i]->options; o->key; o++) {
            bool seen = false;
            for (int k = 0; k < i; k++)
                for (const struct mr_option *x = reg->consumers[k]->options; x->key; x++)
                    seen |= strcmp(x->key, o->key) == 0;
            if (!seen)
                put_option(j, o, o->key);
        }
}

static void begin_object(struct mr_json *j, const char *key)
{
    mr_json_open(j, key, '{');
    mr_json_str(j, "type", "object");
    mr_json_bool(j, "additionalProperties", false);
    mr_json_open(j, "properties", '{');
}

static void end_object(struct mr_json *j)
{
    mr_json_close(j, '}');
    mr_json_close(j, '}');
}

/* A map from any name to what `inner` puts between the brackets of anyOf. */
static void put_named(struct mr_json *j, const char *key, void (*inner)(struct mr_json *j))
{
    mr_json_open(j, key, '{');
    mr_json_str(j, "type", "object");
    mr_json_open(j, "additionalProperties", '{');
    mr_json_open(j, "anyOf", '[');
    inner(j);
    mr_json_close(j, ']');
    mr_json_close(j, '}');
    mr_json_close(j, '}');
}

static void put_column(struct mr_json *j)
{
    mr_json_raw(j, NULL,
                "{\"description\":\"skip, or the type it lands as.\",\"type\":\"string\"}");
    begin_object(j, NULL);
    put_table(j, mr_keys_column);
    end_object(j);
}

static void put_entry(struct mr_json *j)
{
    mr_json_raw(j, NULL, "{\"enum\":[\"skip\",null]}");
    begin_object(j, NULL);
    put_table(j, mr_keys_table);
    put_named(j, "columns", put_column);
    end_object(j);
}

static void put_tables(struct mr_json *j)
{
    mr_json_open(j, "tables", '{');
    mr_json_str(j, "description", "Which tables: patterns, and what is wanted of them.");
    mr_json_open(j, "anyOf", '[');
    mr_json_raw(j, NULL, "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}");
    put_named(j, NULL, put_entry);
    mr_json_close(j, ']');
    mr_json_close(j, '}');
}

static void put_consumer(struct mr_json *j, const struct mr_registry *reg, bool tables)
{
    begin_object(j, "consumer");
    put_table(j, mr_keys_consumer);
    if (tables)
        put_tables(j);
    put_kinds(j, reg);
    end_object(j);
}

static void put_loader(struct mr_json *j, const struct mr_registry *reg)
{
    begin_object(j, "loader");
    put_table(j, mr_keys_loader);
    for (int i = 0; reg->loaders[i]; i++)
        put_table(j, reg->loaders[i]->options);
    end_object(j);
}

static void put_defaults(struct mr_json *j, const struct mr_registry *reg)
{
    begin_object(j, "defaults");
    for (const struct mr_option *o = mr_keys_top; o->key; o++)
        if (mr_key_planned(mr_default_keys, o->key))
            put_option(j, o, o->key);
    put_consumer(j, reg, false);
    put_loader(j, reg);
    end_object(j);
}

static void put_transformers(struct mr_json *j, const struct mr_registry *reg)
{
    mr_json_open(j, "transformers", '{');
    mr_json_str(j, "type", "array");
    mr_json_open(j, "items", '{');
    mr_json_str(j, "type", "object");
    mr_json_int(j, "maxProperties", 1);
    mr_json_open(j, "properties", '{');
    for (int i = 0; reg->transformers[i]; i++)
        put_option(j, &reg->transformers[i]->option, reg->transformers[i]->name);
    end_object(j);
    mr_json_close(j, '}');
}

void mr_spec_json_schema(const struct mr_registry *reg, struct mr_buf *out)
{
    struct mr_json j = mr_json_on(out);
    mr_json_open(&j, NULL, '{');
    mr_json_str(&j, "$schema", "https://json-schema.org/draft/2020-12/schema");
    mr_json_str(&j, "title", "millrace pipeline");
    mr_json_str(&j, "type", "object");
    mr_json_bool(&j, "additionalProperties", false);
    mr_json_raw(&j, "required", "[\"pipeline\"]"); /* the consumer may be a default */
    mr_json_open(&j, "properties", '{');
    put_table(&j, mr_keys_top);
    put_defaults(&j, reg);
    put_consumer(&j, reg, true);
    put_transformers(&j, reg);
    put_loader(&j, reg);
    mr_json_close(&j, '}');
    mr_json_close(&j, '}');
}
