/*
 * What        minimum and maximum of values, for Parquet statistics and Delta stats
 * Guarantees  no value lies outside; when that cannot be promised (NaN, huge text) there is no range
 * Source      parquet.thrift, Statistics and ColumnOrder; docs/delta.md
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

/* The character after c in the order of code points, which is that of bytes; 0 when there is none. */
static uint32_t successor(uint32_t c)
{
    return c == 0xD7FF ? 0xE000 : c >= 0x10FFFF ? 0 : c + 1; /* surrogates are no characters */
}

static uint32_t decode(const uint8_t *p, size_t n)
{
    uint32_t c = n == 1 ? p[0] : p[0] & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (p[i] & 0x3F);
    return c;
}

static void encode(struct mr_buf *out, uint32_t c)
{
    int more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const uint8_t lead[] = { 0, 0xC0, 0xE0, 0xF0 };
    mr_buf_putc(out, (char)(lead[more] | c >> 6 * more));
    while (more-- > 0)
        mr_buf_putc(out, (char)(0x80 | (c >> 6 * more & 0x3F)));
}

/* The least text that is above all texts which begin with s: its last character that has a successor is raised. */
static bool raise(struct mr_buf *s)
{
    while (s->len > 0) {
        size_t at = s->len - 1;
        while (at > 0 && (s->data[at] & 0xC0) == 0x80)
            at--;
        if (!mr_utf8_valid(s->data + at, s->len - at))
            return false;
        uint32_t c = successor(decode((const uint8_t *)s->data + at, s->len - at));
        s->len = at;
        if (c) {
            encode(s, c);
            return true;
        }
    }
    return false;
}

/* About FOOTER_MAX bytes that are not above (or, for max, not below) the whole; false when there are none. */
static bool shorten(const struct mr_buf *s, bool max, struct mr_buf *out, bool *ret_exact)
{
    *ret_exact = s->len <= FOOTER_MAX;
    mr_buf_append(out, mr_buf_str(s), *ret_exact ? s->len : mr_utf8_floor(s->data, FOOTER_MAX));
    return *ret_exact || !max || raise(out);
}

static void fixed_bounds(const struct mr_pq_range *r, const struct mr_pq_column *c,
                         struct mr_buf *lo, struct mr_buf *hi)
{
    uint8_t wide[2][16];
    uint64_t l = bound(r, c->field->type, false), h = bound(r, c->field->type, true);
    size_t n = c->physical == PQ_INT32 || c->physical == PQ_FLOAT ? 4 : 8;
    if (c->physical != PQ_FIXED) {
        mr_buf_append(lo, &l, n);
        mr_buf_append(hi, &h, n);
        return;
    }
    bool narrow = mr_type_width(c->field->type) == 8;
    mr_pq_big_endian(narrow ? (int64_t)l : r->lo128, c->fixed_len, wide[0]);
    mr_pq_big_endian(narrow ? (int64_t)h : r->hi128, c->fixed_len, wide[1]);
    mr_buf_append(lo, wide[0], (size_t)c->fixed_len);
    mr_buf_append(hi, wide[1], (size_t)c->fixed_len);
}

bool mr_pq_range_bounds(const struct mr_pq_range *r, const struct mr_pq_column *c,
                        struct mr_buf *lo, struct mr_buf *hi, struct mr_pq_exact *ret)
{
    enum mr_type_id type = c->field->type.id;
    *ret = (struct mr_pq_exact){ .has_hi = true, .lo = true, .hi = true };
    if (!r->any || r->nan || r->too_long || type == MR_TYPE_BINARY || type == MR_TYPE_BOOL ||
        c->physical == PQ_INT96)
        return false;
    if (type != MR_TYPE_STRING) {
        fixed_bounds(r, c, lo, hi);
        return true;
    }
    ret->has_hi = shorten(&r->hi_str, true, hi, &ret->hi);
    return shorten(&r->lo_str, false, lo, &ret->lo);
}

static double as_double(const struct mr_pq_column *c, const struct mr_buf *b)
{
    float f;
    double d;
    memcpy(&f, b->data, sizeof f);
    if (c->physical == PQ_FLOAT)
        return (double)f;
    memcpy(&d, b->data, sizeof d);
    return d;
}

static int64_t as_int64(const struct mr_pq_column *c, const struct mr_buf *b)
{
    int32_t i;
    int64_t l;
    memcpy(&i, b->data, sizeof i);
    if (c->physical == PQ_INT32)
        return i;
    memcpy(&l, b->data, sizeof l);
    return l;
}

#define COMPARE(x, y) ((x) < (y) ? -1 : (x) > (y))

int mr_pq_bound_compare(const struct mr_pq_column *c, const struct mr_buf *a,
                        const struct mr_buf *b)
{
    switch (c->physical) {
    case PQ_INT32:
    case PQ_INT64:
        return COMPARE(as_int64(c, a), as_int64(c, b));
    case PQ_FLOAT:
    case PQ_DOUBLE:
        return COMPARE(as_double(c, a), as_double(c, b));
    case PQ_FIXED: /* two's complement, the sign first */
        if ((a->data[0] ^ b->data[0]) & 0x80)
            return a->data[0] & 0x80 ? -1 : 1;
        break;
    case PQ_BOOLEAN:
    case PQ_BYTE_ARRAY:
    case PQ_INT96:
        break;
    }
    return compare(mr_buf_str(a), a->len, mr_buf_str(b), b->len);
}

void mr_pq_range_thrift(const struct mr_pq_range *r, const struct mr_pq_column *c, int64_t nulls,
                        struct mr_thrift *t, int16_t id)
{
    struct mr_buf lo = { 0 }, hi = { 0 };
    struct mr_pq_exact exact;
    mr_thrift_struct_begin(t, id);
    mr_thrift_i64(t, 3, nulls);
    if (mr_pq_range_bounds(r, c, &lo, &hi, &exact)) {
        if (exact.has_hi)
            mr_thrift_binary(t, 5, mr_buf_str(&hi), hi.len);
        mr_thrift_binary(t, 6, mr_buf_str(&lo), lo.len);
        if (exact.has_hi)
            mr_thrift_bool(t, 7, exact.hi);
        mr_thrift_bool(t, 8, exact.lo);
    }
    mr_thrift_struct_end(t);
    mr_buf_release(&lo);
    mr_buf_release(&hi);
}

static uint8_t *copy(const void *p, size_t n)
{
    uint8_t *q = mr_alloc(n);
    if (n)
        memcpy(q, p, n);
    return q;
}

void mr_pq_range_result(const struct mr_pq_range *r, const struct mr_field *f, int64_t nulls,
                        struct mr_pq_column_stats *ret)
{
    struct mr_type t = f->type;
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
    if (f->physical == MR_PHYSICAL_MILLIS)
        lo *= 1000, hi *= 1000;
    bool wide = mr_type_width(t) == 16;
    ret->min_len = ret->max_len = (size_t)mr_type_width(t);
    ret->min = copy(wide ? (const void *)&r->lo128 : &lo, ret->min_len);
    ret->max = copy(wide ? (const void *)&r->hi128 : &hi, ret->max_len);
}
