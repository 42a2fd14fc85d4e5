/*
 * thrift.h - the part of Thrift's compact protocol that Parquet's metadata needs, written into a buffer.
 *
 * Use        struct mr_thrift t = { .out = &buf }; fields in rising id order; structs nest with _struct_begin/_end.
 * Source     Apache Thrift, "Thrift Compact protocol encoding"
 */
#ifndef MR_LAKE_PARQUET_THRIFT_H
#define MR_LAKE_PARQUET_THRIFT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

enum {
    MR_THRIFT_BOOL = 1,
    MR_THRIFT_I32 = 5,
    MR_THRIFT_I64 = 6,
    MR_THRIFT_BINARY = 8,
    MR_THRIFT_STRUCT = 12
};

struct mr_thrift {
    struct mr_buf *out;
    int16_t last[16]; /* the last field id of each open struct */
    int depth;
};

void mr_thrift_i32(struct mr_thrift *t, int16_t id, int32_t v);
void mr_thrift_i64(struct mr_thrift *t, int16_t id, int64_t v);
void mr_thrift_i16(struct mr_thrift *t, int16_t id, int16_t v);
void mr_thrift_i8(struct mr_thrift *t, int16_t id, int8_t v);
void mr_thrift_bool(struct mr_thrift *t, int16_t id, bool v);
void mr_thrift_binary(struct mr_thrift *t, int16_t id, const void *p, size_t n);
void mr_thrift_string(struct mr_thrift *t, int16_t id, const char *s);
void mr_thrift_struct_begin(struct mr_thrift *t, int16_t id);
void mr_thrift_struct_end(struct mr_thrift *t); /* also ends the outermost struct */
/** mr_thrift_struct_leave - go back to the outer struct; the inner one gets its last fields and its end from someone else. */
void mr_thrift_struct_leave(struct mr_thrift *t);
/** mr_thrift_list - a list of n elements of type elem follows: _elem_* or _element_begin/struct_end. */
void mr_thrift_list(struct mr_thrift *t, int16_t id, int elem, size_t n);
void mr_thrift_elem_i32(struct mr_thrift *t, int32_t v);
void mr_thrift_elem_i64(struct mr_thrift *t, int64_t v);
void mr_thrift_elem_bool(struct mr_thrift *t, bool v);
void mr_thrift_elem_binary(struct mr_thrift *t, const void *p, size_t n);
void mr_thrift_elem_string(struct mr_thrift *t, const char *s);
void mr_thrift_element_begin(struct mr_thrift *t);

#endif
