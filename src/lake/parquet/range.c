/*
 * What        minimum and maximum of values, for Parquet statistics and Delta stats
 * Guarantees  no value lies outside; when that cannot be promised (NaN, huge text) there is no range
 * Source      parquet.thrift, Statistics and ColumnOrder; blueprint: Delta profile
 */
#include <endian.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "lake/parquet/column_writer.h"

#define WHOLE_MAX ((size_t)65536)
#define FOOTER_MAX ((size_t)64)

void mr_pq_range_clear(struct mr_pq_range *r)
{
    r->any = r->nan = r->too_long = false;
    r->lo_str.len = r->hi_str.len = 0;
}

void mr_pq_range_release(struct mr_pq_range *r)
{
    mr_buf_release(&r->lo_str);
    mr_buf_release(&r->hi_str);
}

/* Floats as integers in the order of their values (-0.0 before +0.0); the function is its own inverse. */
static int64_t float_key(enum mr_type_id id, uint64_t bits)
{
    if (id == MR_TYPE_FLOAT32) {
        int32_t i = (int32_t)(uint32_t)bits;
        return i ^ (int32_t)((uint32_t)(i >> 31) >> 1);
    }
    int64_t i = (int64_t)bits;
    return i ^ (int64_t)((uint64_t)(i >> 63) >> 1);
}

static bool is_nan(enum mr_type_id id, uint64_t bits)
{
    return id == MR_TYPE_FLOAT32 ? (bits & 0x7FFFFFFF) > 0x7F800000
                                 : (bits & 0x7FFFFFFFFFFFFFFF) > 0x7FF0000000000000;
}

static bool is_float(struct mr_type t)
{
    return t.id == MR_TYPE_FLOAT32 || t.id == MR_TYPE_FLOAT64;
}

static void range_key(struct mr_pq_range *r, int64_t lo, int64_t hi)
{
    if (!r->any || lo < (int64_t)r->lo)
        r->lo = (uint64_t)lo;
    if (!r->any || hi > (int64_t)r->hi)
        r->hi = (uint64_t)hi;
    r->any = true;
}

void mr_pq_range_words(struct mr_pq_range *r, struct mr_type t, const uint64_t *words, size_t n)
{
    if (is_float(t)) {
        for (size_t i = 0; i < n; i++) {
            int64_t key = float_key(t.id, words[i]);
            if (is_nan(t.id, words[i]))
                r->nan = true;
            else
                range_key(r, key, key);
        }
        return;
    }
    if (n == 0)
        return;
    int64_t lo = (int64_t)words[0], hi = lo;
    for (size_t i = 1; i < n; i++) {
        int64_t v = (int64_t)words[i];
        lo = v < lo ? v : lo;
        hi = v > hi ? v : hi;
    }
    range_key(r, lo, hi);
}

void mr_pq_range_i128(struct mr_pq_range *r, __int128 v)
{
    if (!r->any || v < r->lo128)
        r->lo128 = v;
    if (!r->any || v > r->hi128)
        r->hi128 = v;
    r->any = true;
}

static int compare(const void *a, size_t an, const void *b, size_t bn)
{
    size_t n = an < bn ? an : bn;
    int c = n ? memcmp(a, b, n) : 0;
    return c ? c : an < bn ? -1 : an > bn;
}

static void keep(struct mr_buf *b, const void *p, size_t n)
{
    b->len = 0;
    mr_buf_append(b, p, n);
}

/* The first 8 bytes in their order as a number; shorter text is filled with zeros. */
static uint64_t prefix_of(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    if (n >= 8) {
        memcpy(&v, p, 8);
        return be64toh(v);
    }
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)p[i] << (56 - 8 * i);
    return v;
}

void mr_pq_range_bytes(struct mr_pq_range *r, const void *p, size_t n)
{
    uint64_t prefix = prefix_of(p, n);
    if (r->any && prefix > r->lo && prefix < r->hi && n <= WHOLE_MAX)
        return; /* strictly between, by the first bytes alone */
    if (n > WHOLE_MAX) {
        r->too_long = true;
        return;
    }
    if (!r->any || compare(p, n, r->lo_str.data, r->lo_str.len) < 0)
        r->lo = prefix, keep(&r->lo_str, p, n);
    if (!r->any || compare(p, n, r->hi_str.data, r->hi_str.len) > 0)
        r->hi = prefix, keep(&r->hi_str, p, n);
    r->any = true;
}

void mr_pq_range_merge(struct mr_pq_range *r, const struct mr_pq_range *o, struct mr_type t)
{
    r->nan |= o->nan;
    r->too_long |= o->too_long;
    if (!o->any)
        return;
    if (t.id == MR_TYPE_STRING || t.id == MR_TYPE_BINARY) {
        mr_pq_range_bytes(r, o->lo_str.data, o->lo_str.len);
        mr_pq_range_bytes(r, o->hi_str.data, o->hi_str.len);
    } else if (mr_type_width(t) == 16) {
        mr_pq_range_i128(r, o->lo128);
        mr_pq_range_i128(r, o->hi128);
    } else {
        if (!r->any || (int64_t)o->lo < (int64_t)r->lo)
            r->lo = o->lo;
        if (!r->any || (int64_t)o->hi > (int64_t)r->hi)
            r->hi = o->hi;
        r->any = true;
    }
}

void mr_pq_big_endian(__int128 v, int n, uint8_t *out)
{
    for (int i = n - 1; i >= 0; i--, v >>= 8)
        out[i] = (uint8_t)v;
}

/* The bits of a bound; zero is -0.0 as a minimum and +0.0 as a maximum. */
static uint64_t bound(const struct mr_pq_range *r, struct mr_type t, bool max)
{
    uint64_t v = max ? r->hi : r->lo;
    if (!is_float(t))
        return v;
    int64_t key = (int64_t)v;
    if (!max && key == 0)
        key = -1;
    if (max && key == -1)
        key = 0;
    return (uint64_t)float_key(t.id, (uint64_t)key);
}

/* Text of at most FOOTER_MAX bytes that is not above (or, for max, not below) the whole; false when there is none. */
static bool shorten(const struct mr_buf *s, bool max, struct mr_buf *out, bool *ret_exact)
{
    *ret_exact = s->len <= FOOTER_MAX;
    out->len = 0;
    if (*ret_exact) {
        mr_buf_append(out, s->data, s->len);
        return true;
    }
    mr_buf_append(out, s->data, mr_utf8_floor(s->data, FOOTER_MAX));
    while (max && out->len > 0) { /* raise the last ASCII character, dropping what follows it */
        unsigned char c = (unsigned char)out->data[out->len - 1];
        out->len--;
        if (c < 0x7F) {
            mr_buf_putc(out, (char)(c + 1));
            return true;
        }
    }
    return !max;
}

static void thrift_text(const struct mr_pq_range *r, struct mr_thrift *t)
{
    struct mr_buf lo = { 0 }, hi = { 0 };
    bool lo_exact, hi_exact;
    bool has_lo = shorten(&r->lo_str, false, &lo, &lo_exact);
    bool has_hi = shorten(&r->hi_str, true, &hi, &hi_exact);
    if (has_hi)
        mr_thrift_binary(t, 5, mr_buf_str(&hi), hi.len);
    if (has_lo)
        mr_thrift_binary(t, 6, mr_buf_str(&lo), lo.len);
    if (has_hi)
        mr_thrift_bool(t, 7, hi_exact);
    if (has_lo)
        mr_thrift_bool(t, 8, lo_exact);
    mr_buf_release(&lo);
    mr_buf_release(&hi);
}

static void thrift_fixed(const struct mr_pq_range *r, const struct mr_pq_column *c,
                         struct mr_thrift *t)
{
    uint8_t lo[16], hi[16];
    size_t n = c->physical == PQ_INT32 || c->physical == PQ_FLOAT ? 4 : 8;
    uint64_t l = bound(r, c->field->type, false), h = bound(r, c->field->type, true);
    memcpy(lo, &l, 8);
    memcpy(hi, &h, 8);
    if (c->physical == PQ_FIXED) {
        n = (size_t)c->fixed_len;
        mr_pq_big_endian(r->lo128, c->fixed_len, lo);
        mr_pq_big_endian(r->hi128, c->fixed_len, hi);
    }
    mr_thrift_binary(t, 5, hi, n);
    mr_thrift_binary(t, 6, lo, n);
}

void mr_pq_range_thrift(const struct mr_pq_range *r, const struct mr_pq_column *c, int64_t nulls,
                        struct mr_thrift *t, int16_t id)
{
    enum mr_type_id type = c->field->type.id;
    mr_thrift_struct_begin(t, id);
    mr_thrift_i64(t, 3, nulls);
    if (r->any && !r->nan && !r->too_long && type != MR_TYPE_BINARY && type != MR_TYPE_BOOL) {
        if (type == MR_TYPE_STRING)
            thrift_text(r, t);
        else
            thrift_fixed(r, c, t);
    }
    mr_thrift_struct_end(t);
}

static uint8_t *copy(const void *p, size_t n)
{
    uint8_t *q = mr_alloc(n);
    if (n)
        memcpy(q, p, n);
    return q;
}

void mr_pq_range_result(const struct mr_pq_range *r, struct mr_type t, int64_t nulls,
                        struct mr_pq_column_stats *ret)
{
    *ret = (struct mr_pq_column_stats){ .null_count = nulls };
    if (!r->any || r->nan || r->too_long || t.id == MR_TYPE_BINARY || t.id == MR_TYPE_BOOL)
        return;
    ret->has_min_max = true;
    if (t.id == MR_TYPE_STRING) {
        ret->min_len = r->lo_str.len;
        ret->max_len = r->hi_str.len;
        ret->min = copy(r->lo_str.data, ret->min_len);
        ret->max = copy(r->hi_str.data, ret->max_len);
        return;
    }
    uint64_t lo = bound(r, t, false), hi = bound(r, t, true);
    bool wide = mr_type_width(t) == 16;
    ret->min_len = ret->max_len = (size_t)mr_type_width(t);
    ret->min = copy(wide ? (const void *)&r->lo128 : &lo, ret->min_len);
    ret->max = copy(wide ? (const void *)&r->hi128 : &hi, ret->max_len);
}
