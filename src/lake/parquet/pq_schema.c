/*
 * What        the schema of a Parquet file's footer
 * Gets        fields, and the column writers of their leaves for the physical types
 * Source      parquet.thrift, SchemaElement; LogicalTypes.md: a list is three levels, a map's pairs are key_value
 */
#include "lake/parquet/column_writer.h"

enum { REQUIRED = 0, OPTIONAL = 1, REPEATED = 2 };
enum {
    CONVERTED_UTF8 = 0,
    CONVERTED_MAP = 1,
    CONVERTED_LIST = 3,
    CONVERTED_DECIMAL = 5,
    CONVERTED_DATE = 6,
    CONVERTED_MILLIS = 9,
    CONVERTED_MICROS = 10,
    CONVERTED_INT8 = 15
};
enum {
    LOGICAL_STRING = 1,
    LOGICAL_MAP = 2,
    LOGICAL_LIST = 3,
    LOGICAL_DECIMAL = 5,
    LOGICAL_DATE = 6,
    LOGICAL_TIMESTAMP = 8,
    LOGICAL_INTEGER = 10
};

static void logical_empty(struct mr_thrift *t, int16_t which)
{
    mr_thrift_struct_begin(t, 10);
    mr_thrift_struct_begin(t, which);
    mr_thrift_struct_end(t);
    mr_thrift_struct_end(t);
}

static void logical_timestamp(struct mr_thrift *t, bool utc, bool millis)
{
    mr_thrift_struct_begin(t, 10);
    mr_thrift_struct_begin(t, LOGICAL_TIMESTAMP);
    mr_thrift_bool(t, 1, utc);
    mr_thrift_struct_begin(t, 2);
    mr_thrift_struct_begin(t, millis ? 1 : 2);
    mr_thrift_struct_end(t);
    mr_thrift_struct_end(t);
    mr_thrift_struct_end(t);
    mr_thrift_struct_end(t);
}

static void logical_integer(struct mr_thrift *t, int bits)
{
    mr_thrift_struct_begin(t, 10);
    mr_thrift_struct_begin(t, LOGICAL_INTEGER);
    mr_thrift_i8(t, 1, (int8_t)bits);
    mr_thrift_bool(t, 2, true);
    mr_thrift_struct_end(t);
    mr_thrift_struct_end(t);
}

static void logical_decimal(struct mr_thrift *t, struct mr_type type)
{
    mr_thrift_struct_begin(t, 10);
    mr_thrift_struct_begin(t, LOGICAL_DECIMAL);
    mr_thrift_i32(t, 1, type.scale);
    mr_thrift_i32(t, 2, type.precision);
    mr_thrift_struct_end(t);
    mr_thrift_struct_end(t);
}

static void put_id(struct mr_thrift *t, int field_id)
{
    if (field_id > 0)
        mr_thrift_i32(t, 9, field_id);
}

static void annotate_timestamp(struct mr_thrift *t, const struct mr_field *f, int field_id)
{
    bool millis = f->physical == MR_PHYSICAL_MILLIS, utc = f->type.id == MR_TYPE_TIMESTAMP;
    bool plain = f->physical == MR_PHYSICAL_INT96;
    if (utc && !plain) /* a time without zone has no converted type */
        mr_thrift_i32(t, 6, millis ? CONVERTED_MILLIS : CONVERTED_MICROS);
    put_id(t, field_id);
    if (!plain)
        logical_timestamp(t, utc, millis);
}

/* Fields 6 (converted type), 7 and 8 (decimal), 9 (field id), 10 (logical type) in order. */
static void annotate(struct mr_thrift *t, const struct mr_field *f, int field_id)
{
    struct mr_type type = f->type;
    int bits = 8 * mr_type_width(type);
    switch (type.id) {
    case MR_TYPE_INT8:
    case MR_TYPE_INT16:
    case MR_TYPE_INT32:
    case MR_TYPE_INT64:
        mr_thrift_i32(t, 6, CONVERTED_INT8 + __builtin_ctz((unsigned)bits) - 3);
        put_id(t, field_id);
        logical_integer(t, bits);
        return;
    case MR_TYPE_DECIMAL:
        mr_thrift_i32(t, 6, CONVERTED_DECIMAL);
        mr_thrift_i32(t, 7, type.scale);
        mr_thrift_i32(t, 8, type.precision);
        put_id(t, field_id);
        logical_decimal(t, type);
        return;
    case MR_TYPE_DATE:
        mr_thrift_i32(t, 6, CONVERTED_DATE);
        put_id(t, field_id);
        logical_empty(t, LOGICAL_DATE);
        return;
    case MR_TYPE_TIMESTAMP:
    case MR_TYPE_TIMESTAMP_NTZ:
        annotate_timestamp(t, f, field_id);
        return;
    case MR_TYPE_STRING:
        mr_thrift_i32(t, 6, CONVERTED_UTF8);
        put_id(t, field_id);
        logical_empty(t, LOGICAL_STRING);
        return;
    case MR_TYPE_BOOL:
    case MR_TYPE_FLOAT32:
    case MR_TYPE_FLOAT64:
    case MR_TYPE_BINARY:
    case MR_TYPE_STRUCT:
        put_id(t, field_id);
        return;
    case MR_TYPE_LIST:
    case MR_TYPE_MAP:
        mr_thrift_i32(t, 6, type.id == MR_TYPE_LIST ? CONVERTED_LIST : CONVERTED_MAP);
        put_id(t, field_id);
        logical_empty(t, type.id == MR_TYPE_LIST ? LOGICAL_LIST : LOGICAL_MAP);
        return;
    }
}

static size_t count_elements(const struct mr_field *f)
{
    size_t n = 1 + (f->type.id == MR_TYPE_LIST || f->type.id == MR_TYPE_MAP);
    for (int i = 0; i < f->n_children; i++)
        n += count_elements(&f->children[i]);
    return n;
}

static void repeated_group(struct mr_thrift *t, const char *name, int n_children)
{
    mr_thrift_element_begin(t);
    mr_thrift_i32(t, 3, REPEATED);
    mr_thrift_string(t, 4, name);
    mr_thrift_i32(t, 5, n_children);
    mr_thrift_struct_end(t);
}

/* The field and what lies below it; *leaf moves on. */
static void put_element(struct mr_thrift *t, const struct mr_field *f, const char *name,
                        int field_id, const struct mr_pq_column **leaf)
{
    bool list = f->type.id == MR_TYPE_LIST, map = f->type.id == MR_TYPE_MAP;
    mr_thrift_element_begin(t);
    if (f->n_children == 0) {
        mr_thrift_i32(t, 1, (int32_t)(*leaf)->physical);
        if ((*leaf)->physical == PQ_FIXED)
            mr_thrift_i32(t, 2, (*leaf)->fixed_len);
        (*leaf)++;
    }
    mr_thrift_i32(t, 3, f->nullable ? OPTIONAL : REQUIRED);
    mr_thrift_string(t, 4, name);
    if (f->n_children)
        mr_thrift_i32(t, 5, list || map ? 1 : f->n_children);
    annotate(t, f, field_id);
    mr_thrift_struct_end(t);
    if (list || map)
        repeated_group(t, list ? "list" : "key_value", f->n_children);
    for (int i = 0; i < f->n_children; i++)
        put_element(t, &f->children[i], list ? "element" : f->children[i].name,
                    f->children[i].field_id, leaf);
}

static bool is_pinned(const struct mr_schema *s, int id)
{
    for (int i = 0; i < s->n_fields; i++)
        if (s->fields[i].field_id == id)
            return true;
    return false;
}

/* A column's place where it has no pin; one that nobody has where that is another's pin: readers that go by ids must not
 * find two. *last: the highest that was given out so. */
static int id_of(const struct mr_schema *s, int i, bool pins, int *last)
{
    if (s->fields[i].field_id)
        return s->fields[i].field_id;
    if (!pins || !is_pinned(s, i + 1))
        return i + 1;
    do
        ++*last;
    while (is_pinned(s, *last));
    return *last;
}

void mr_pq_schema_thrift(const struct mr_schema *s, const struct mr_pq_column *leaves,
                         struct mr_thrift *t, int16_t id)
{
    size_t n = 1;
    for (int i = 0; i < s->n_fields; i++)
        n += count_elements(&s->fields[i]);
    mr_thrift_list(t, id, MR_THRIFT_STRUCT, n);
    mr_thrift_element_begin(t);
    mr_thrift_string(t, 4, "schema");
    mr_thrift_i32(t, 5, s->n_fields);
    mr_thrift_struct_end(t);
    bool pins = false;
    int last = s->n_fields;
    for (int i = 0; i < s->n_fields; i++)
        pins |= s->fields[i].field_id != 0;
    for (int i = 0; i < s->n_fields; i++)
        put_element(t, &s->fields[i], s->fields[i].name, id_of(s, i, pins, &last), &leaves);
}
