/*
 * schema.h - what columns a stream has: copy, compare, find, name types.
 *
 * Ownership  a schema owns its fields and their strings: mr_schema_release.
 * Thread     immutable once built; any thread may read.
 */
#ifndef MR_COLUMN_SCHEMA_H
#define MR_COLUMN_SCHEMA_H

#include "base/buf.h"
#include "millrace/batch.h"

#define MR_TYPE_TEXT 24

void mr_schema_release(struct mr_schema *s);
void mr_schema_copy(struct mr_schema *dst, const struct mr_schema *src); /* dst is uninitialised */
void mr_field_copy(struct mr_field *dst, const struct mr_field *src);
void mr_field_release(struct mr_field *f);
/** mr_field_add_child - append a nullable child; the pointer is good until the next. */
struct mr_field *mr_field_add_child(struct mr_field *f, const char *name, struct mr_type type);
/** mr_schema_add - append a field; strings are copied, NULL where unknown. */
struct mr_field *mr_schema_add(struct mr_schema *s, const char *name, struct mr_type type,
                               bool nullable, const char *source_type);
struct mr_column_wish;
/** mr_schema_shape - drop the fields that are not kept, and take over what is wished but for the pins. */
void mr_schema_shape(struct mr_schema *s, const struct mr_column_wish *wishes);
/** mr_schema_named - index of the column that lands as `name`; -1. Case matters. */
int mr_schema_named(const struct mr_schema *s, const char *name);
/** mr_field_source - the source's spelling of a column's name. */
static inline const char *mr_field_source(const struct mr_field *f)
{
    return f->source_name ? f->source_name : f->name;
}
/** mr_schema_find - index of the column that lands as `name`, or whose source name it is; -1. Case matters. */
int mr_schema_find(const struct mr_schema *s, const char *name);
/** mr_schema_same_layout - true when names, types and nullability agree, in order. */
bool mr_schema_same_layout(const struct mr_schema *a, const struct mr_schema *b);
bool mr_type_equal(struct mr_type a, struct mr_type b);
/** mr_decimal_text - append an unscaled value with its point: -1234 of scale 2 is "-12.34". */
void mr_decimal_text(__int128 v, int scale, struct mr_buf *out);
/** mr_type_name - "long", "decimal(12,2)", as Delta spells it. buf has MR_TYPE_TEXT bytes; returns buf. */
const char *mr_type_name(struct mr_type t, char *buf);
/** mr_type_parse - the inverse; false when it is not one of ours. */
bool mr_type_parse(const char *s, struct mr_type *ret);
/** mr_field_same_type - types agree at any depth; names only where they are part of the type (struct). */
bool mr_field_same_type(const struct mr_field *a, const struct mr_field *b);
/** mr_field_type_text - "array<decimal(12,2)>", "struct<a:long,b:string>", "map<string,long>". */
void mr_field_type_text(const struct mr_field *f, struct mr_buf *out);
/** mr_field_parse_type - the inverse: fills type and children of ret (no name); false when it is not one of ours. */
bool mr_field_parse_type(const char *s, struct mr_field *ret);
/** mr_field_has_type - at any depth. */
bool mr_field_has_type(const struct mr_field *f, enum mr_type_id id);

#endif
