/*
 * What        Thrift compact protocol, writing
 * Source      Apache Thrift compact protocol: zigzag varints, field id deltas
 */
#include "lake/parquet/thrift.h"

#include <assert.h>
#include <string.h>

enum {
    T_TRUE = 1,
    T_FALSE = 2,
    T_I8 = 3,
    T_I16 = 4,
    T_I32 = 5,
    T_I64 = 6,
    T_BINARY = 8,
    T_LIST = 9
};

static void header(struct mr_thrift *t, int16_t id, int type)
{
    int delta = id - t->last[t->depth];
    if (delta > 0 && delta <= 15) {
        mr_buf_putc(t->out, (char)(delta << 4 | type));
    } else {
        mr_buf_putc(t->out, (char)type);
        mr_buf_put_zigzag(t->out, id);
    }
    t->last[t->depth] = id;
}

void mr_thrift_i32(struct mr_thrift *t, int16_t id, int32_t v)
{
    header(t, id, T_I32);
    mr_buf_put_zigzag(t->out, v);
}

void mr_thrift_i64(struct mr_thrift *t, int16_t id, int64_t v)
{
    header(t, id, T_I64);
    mr_buf_put_zigzag(t->out, v);
}

void mr_thrift_i16(struct mr_thrift *t, int16_t id, int16_t v)
{
    header(t, id, T_I16);
    mr_buf_put_zigzag(t->out, v);
}

void mr_thrift_i8(struct mr_thrift *t, int16_t id, int8_t v)
{
    header(t, id, T_I8);
    mr_buf_putc(t->out, (char)v);
}

void mr_thrift_bool(struct mr_thrift *t, int16_t id, bool v)
{
    header(t, id, v ? T_TRUE : T_FALSE);
}

void mr_thrift_binary(struct mr_thrift *t, int16_t id, const void *p, size_t n)
{
    header(t, id, T_BINARY);
    mr_buf_put_varint(t->out, n);
    mr_buf_append(t->out, p, n);
}

void mr_thrift_string(struct mr_thrift *t, int16_t id, const char *s)
{
    mr_thrift_binary(t, id, s, strlen(s));
}

void mr_thrift_struct_begin(struct mr_thrift *t, int16_t id)
{
    header(t, id, MR_THRIFT_STRUCT);
    mr_thrift_element_begin(t);
}

void mr_thrift_element_begin(struct mr_thrift *t)
{
    assert(t->depth < 15);
    t->last[++t->depth] = 0;
}

void mr_thrift_struct_end(struct mr_thrift *t)
{
    mr_buf_putc(t->out, 0);
    if (t->depth > 0)
        t->depth--;
}

void mr_thrift_struct_leave(struct mr_thrift *t)
{
    assert(t->depth > 0);
    t->depth--;
}

void mr_thrift_list(struct mr_thrift *t, int16_t id, int elem, size_t n)
{
    header(t, id, T_LIST);
    if (n < 15) {
        mr_buf_putc(t->out, (char)(n << 4 | (size_t)elem));
    } else {
        mr_buf_putc(t->out, (char)(0xF0 | elem));
        mr_buf_put_varint(t->out, n);
    }
}

void mr_thrift_elem_i32(struct mr_thrift *t, int32_t v)
{
    mr_buf_put_zigzag(t->out, v);
}

void mr_thrift_elem_i64(struct mr_thrift *t, int64_t v)
{
    mr_buf_put_zigzag(t->out, v);
}

void mr_thrift_elem_bool(struct mr_thrift *t, bool v)
{
    mr_buf_putc(t->out, v ? T_TRUE : T_FALSE);
}

void mr_thrift_elem_binary(struct mr_thrift *t, const void *p, size_t n)
{
    mr_buf_put_varint(t->out, n);
    mr_buf_append(t->out, p, n);
}

void mr_thrift_elem_string(struct mr_thrift *t, const char *s)
{
    mr_thrift_elem_binary(t, s, strlen(s));
}
