/*
 * What        values without parts into columns, but for numerics: see pg_number.c
 * Guarantees  every length is checked; a value is exact, or MR_E_VALUE
 * Why         a function per column, chosen once; what does not fit leaves by the cold path
 * Source      PostgreSQL src/backend/utils/adt: date.c, timestamp.c, uuid.c, jsonb.c, varlena.c
 */
#include "base/utf8.h"
#include "wire/pg/pg_column.h"
#include "wire/pg/pg_text.h"

/* As the server counts: since 2000-01-01. */
#define DATE_MIN (MR_PG_DAY_MIN - MR_PG_EPOCH_DAYS)
#define DATE_MAX (MR_PG_DAY_MAX - MR_PG_EPOCH_DAYS)
#define EPOCH_US (MR_PG_EPOCH_DAYS * MR_PG_DAY_US)
#define TIME_MIN (DATE_MIN * MR_PG_DAY_US)
#define TIME_MAX ((DATE_MAX + 1) * MR_PG_DAY_US - 1)

static enum mr_code put_bool(const struct mr_pg_column *c, const char *p, uint32_t n,
                             struct mr_array *a, int64_t r, struct mr_error *err)
{
    MR_PG_NEED(1);
    mr_put_bool(a, r, p[0] != 0);
    return MR_OK;
}

static enum mr_code put_two(const struct mr_pg_column *c, const char *p, uint32_t n,
                            struct mr_array *a, int64_t r, struct mr_error *err)
{
    MR_PG_NEED(2);
    mr_put_i16(a, r, (int16_t)get16(p));
    return MR_OK;
}

/* int4 and float4 have the same bits on the wire and in the column. */
static enum mr_code put_four(const struct mr_pg_column *c, const char *p, uint32_t n,
                             struct mr_array *a, int64_t r, struct mr_error *err)
{
    MR_PG_NEED(4);
    mr_put_i32(a, r, (int32_t)get32(p));
    return MR_OK;
}

static enum mr_code put_eight(const struct mr_pg_column *c, const char *p, uint32_t n,
                              struct mr_array *a, int64_t r, struct mr_error *err)
{
    MR_PG_NEED(8);
    mr_put_i64(a, r, (int64_t)get64(p));
    return MR_OK;
}

static enum mr_code put_float_as_double(const struct mr_pg_column *c, const char *p, uint32_t n,
                                        struct mr_array *a, int64_t r, struct mr_error *err)
{
    MR_PG_NEED(4);
    uint32_t bits = get32(p);
    float v;
    memcpy(&v, &bits, 4);
    mr_put_f64(a, r, (double)v);
    return MR_OK;
}

/* ---- dates and times ---- */

/* Where the nearest is wanted. Infinity lies beyond every limit. */
static enum mr_code bend_date(const struct mr_pg_column *c, int32_t v, struct mr_array *a,
                              int64_t r)
{
    if (c->shared->adjust != MR_BAD_CLAMP)
        return MR_E_VALUE;
    mr_put_i32(a, r, v < 0 ? MR_PG_DAY_MIN : MR_PG_DAY_MAX);
    return MR_OK;
}

static enum mr_code put_date(const struct mr_pg_column *c, const char *p, uint32_t n,
                             struct mr_array *a, int64_t r, struct mr_error *err)
{
    MR_PG_NEED(4);
    int32_t v = (int32_t)get32(p);
    if (__builtin_expect(v < DATE_MIN || v > DATE_MAX, 0))
        return bend_date(c, v, a, r);
    mr_put_i32(a, r, v + MR_PG_EPOCH_DAYS);
    return MR_OK;
}

static enum mr_code bend_timestamp(const struct mr_pg_column *c, int64_t v, struct mr_array *a,
                                   int64_t r)
{
    if (c->shared->adjust != MR_BAD_CLAMP)
        return MR_E_VALUE;
    mr_put_i64(a, r, (v < 0 ? TIME_MIN : TIME_MAX) + EPOCH_US);
    return MR_OK;
}

static enum mr_code put_timestamp(const struct mr_pg_column *c, const char *p, uint32_t n,
                                  struct mr_array *a, int64_t r, struct mr_error *err)
{
    MR_PG_NEED(8);
    int64_t v = (int64_t)get64(p);
    if (__builtin_expect(v < TIME_MIN || v > TIME_MAX, 0))
        return bend_timestamp(c, v, a, r);
    mr_put_i64(a, r, v + EPOCH_US);
    return MR_OK;
}

/* A timestamp that lands as a date must be a midnight; the nearest one, where that is wanted. */
static enum mr_code put_midnight(const struct mr_pg_column *c, const char *p, uint32_t n,
                                 struct mr_array *a, int64_t r, struct mr_error *err)
{
    MR_PG_NEED(8);
    int64_t v = (int64_t)get64(p);
    if (v < TIME_MIN || v > TIME_MAX)
        return bend_date(c, v < 0 ? INT32_MIN : INT32_MAX, a, r);
    v += EPOCH_US - MR_PG_DAY_MIN * MR_PG_DAY_US; /* since 0001-01-01: not negative */
    int64_t days = v / MR_PG_DAY_US, rest = v % MR_PG_DAY_US;
    if (rest && c->shared->adjust != MR_BAD_CLAMP && c->shared->adjust != MR_BAD_ROUND)
        return MR_E_VALUE;
    days += MR_PG_DAY_MIN + (rest >= MR_PG_DAY_US / 2);
    mr_put_i32(a, r, (int32_t)(days > MR_PG_DAY_MAX ? MR_PG_DAY_MAX : days));
    return MR_OK;
}

/* The four above again, as numbers: what they do with a value that fits. */
struct mr_pg_word mr_pg_word_of(mr_pg_put_fn put)
{
    if (put == put_four)
        return (struct mr_pg_word){ .bytes = 4, .span = UINT64_MAX };
    if (put == put_eight)
        return (struct mr_pg_word){ .bytes = 8, .span = UINT64_MAX };
    if (put == put_date)
        return (struct mr_pg_word){ .bytes = 4,
                                    .least = (uint64_t)DATE_MIN,
                                    .span = DATE_MAX - DATE_MIN,
                                    .add = MR_PG_EPOCH_DAYS };
    if (put == put_timestamp)
        return (struct mr_pg_word){
            .bytes = 8, .least = (uint64_t)TIME_MIN, .span = TIME_MAX - TIME_MIN, .add = EPOCH_US
        };
    return (struct mr_pg_word){ 0 };
}

/* ---- text and bytes ---- */

static inline enum mr_code check_text(const struct mr_pg_column *c, const char *p, uint32_t n,
                                      struct mr_error *err)
{
    if (__builtin_expect(n > c->max_value, 0))
        return mr_pg_too_large(c, n, err);
    return c->validate && !mr_utf8_valid(p, n) ? MR_E_VALUE : MR_OK;
}

enum mr_code mr_pg_put_text(const struct mr_pg_column *c, const char *p, uint32_t n,
                            struct mr_array *a, int64_t r, struct mr_error *err)
{
    enum mr_code rc = check_text(c, p, n, err);
    if (__builtin_expect(rc != MR_OK, 0))
        return rc;
    return mr_put_bytes(a, r, p, n, err);
}

static enum mr_code put_entry(const struct mr_pg_column *c, const char *p, uint32_t n,
                              struct mr_array *a, int64_t r, struct mr_error *err)
{
    enum mr_code rc = check_text(c, p, n, err);
    if (__builtin_expect(rc != MR_OK, 0))
        return rc;
    return mr_put_entry(a, r, p, n, c->shared->few, err);
}

/* char(n) is padded; its blanks mean nothing. */
static inline uint32_t without_padding(const char *p, uint32_t n)
{
    for (uint64_t eight; n >= 8; n -= 8) {
        memcpy(&eight, p + n - 8, 8);
        eight = le64toh(eight) ^ 0x2020202020202020u;
        if (eight)
            return n - (uint32_t)__builtin_clzll(eight) / 8;
    }
    while (n && p[n - 1] == ' ')
        n--;
    return n;
}

static enum mr_code put_bpchar(const struct mr_pg_column *c, const char *p, uint32_t n,
                               struct mr_array *a, int64_t r, struct mr_error *err)
{
    return mr_pg_put_text(c, p, without_padding(p, n), a, r, err);
}

static enum mr_code put_bpchar_entry(const struct mr_pg_column *c, const char *p, uint32_t n,
                                     struct mr_array *a, int64_t r, struct mr_error *err)
{
    return put_entry(c, p, without_padding(p, n), a, r, err);
}

mr_pg_put_fn mr_pg_entry_put(mr_pg_put_fn put)
{
    return put == mr_pg_put_text ? put_entry : put == put_bpchar ? put_bpchar_entry : NULL;
}

static enum mr_code put_bytes(const struct mr_pg_column *c, const char *p, uint32_t n,
                              struct mr_array *a, int64_t r, struct mr_error *err)
{
    if (__builtin_expect(n > c->max_value, 0))
        return mr_pg_too_large(c, n, err);
    return mr_put_bytes(a, r, p, n, err);
}

static enum mr_code put_jsonb(const struct mr_pg_column *c, const char *p, uint32_t n,
                              struct mr_array *a, int64_t r, struct mr_error *err)
{
    if (n < 1 || p[0] != 1)
        return mr_pg_bad_bytes(c, "jsonb of an unknown version", n, err);
    return mr_pg_put_text(c, p + 1, n - 1, a, r, err);
}

static enum mr_code put_uuid(const struct mr_pg_column *c, const char *p, uint32_t n,
                             struct mr_array *a, int64_t r, struct mr_error *err)
{
    static const char hex[] = "0123456789abcdef";
    char text[36];
    int k = 0;
    MR_PG_NEED(16);
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text[k++] = '-';
        text[k++] = hex[(unsigned char)p[i] >> 4];
        text[k++] = hex[p[i] & 15];
    }
    return mr_put_bytes(a, r, text, sizeof text, err);
}

/* Everything whose landing is its text: addresses, times of day, bit strings. */
static enum mr_code put_as_text(const struct mr_pg_column *c, const char *p, uint32_t n,
                                struct mr_array *a, int64_t r, struct mr_error *err)
{
    struct mr_buf *text = &c->shared->scratch;
    mr_buf_clear(text);
    if (!c->text(c->type, p, n, text))
        return mr_pg_bad_bytes(c, "no such value", n, err);
    if (__builtin_expect(text->len > c->max_value, 0))
        return mr_pg_too_large(c, (uint32_t)text->len, err);
    return mr_put_bytes(a, r, mr_buf_str(text), text->len, err);
}

/* Infinite intervals (version 17) have no ISO form. */
static enum mr_code put_interval(const struct mr_pg_column *c, const char *p, uint32_t n,
                                 struct mr_array *a, int64_t r, struct mr_error *err)
{
    struct mr_buf *text = &c->shared->scratch;
    MR_PG_NEED(16);
    mr_buf_clear(text);
    if (!mr_pg_interval_iso(c->type, p, n, text))
        return MR_E_VALUE;
    return mr_put_bytes(a, r, mr_buf_str(text), text->len, err);
}

/* ---- which function ---- */

/* The plain way of each kind: the field is of the type that it lands as unasked. */
static mr_pg_put_fn plain_put(struct mr_pg_column *c)
{
    static const mr_pg_put_fn puts[MR_PG_WIRES] = {
        [MR_PG_BOOL] = put_bool,           [MR_PG_INT2] = put_two,
        [MR_PG_INT4] = put_four,           [MR_PG_INT8] = put_eight,
        [MR_PG_FLOAT4] = put_four,         [MR_PG_FLOAT8] = put_eight,
        [MR_PG_TEXT] = mr_pg_put_text,     [MR_PG_BPCHAR] = put_bpchar,
        [MR_PG_BYTEA] = put_bytes,         [MR_PG_DATE] = put_date,
        [MR_PG_TIMESTAMP] = put_timestamp, [MR_PG_TIMESTAMPTZ] = put_timestamp,
        [MR_PG_TIME] = put_as_text,        [MR_PG_TIMETZ] = put_as_text,
        [MR_PG_INTERVAL] = put_interval,   [MR_PG_UUID] = put_uuid,
        [MR_PG_JSONB] = put_jsonb,         [MR_PG_INET] = put_as_text,
        [MR_PG_CIDR] = put_as_text,        [MR_PG_MACADDR] = put_as_text,
        [MR_PG_BIT] = put_as_text,         [MR_PG_EWKB] = put_bytes,
    };
    c->text = mr_pg_cast_text;
    return puts[c->type->wire];
}

mr_pg_put_fn mr_pg_value_put(struct mr_pg_column *c)
{
    enum mr_pg_wire w = c->type->wire;
    enum mr_type_id to = c->field->type.id;
    struct mr_field own = { 0 };
    if (w >= MR_PG_ARRAY)
        return NULL;
    mr_pg_landing(c->type, &own);
    bool plain = own.type.id == to;
    bool timestamp = to == MR_TYPE_TIMESTAMP || to == MR_TYPE_TIMESTAMP_NTZ;
    if ((w == MR_PG_TIMESTAMP || w == MR_PG_TIMESTAMPTZ) && timestamp)
        return put_timestamp;
    if ((w == MR_PG_TIMESTAMP || w == MR_PG_TIMESTAMPTZ) && to == MR_TYPE_DATE)
        return put_midnight;
    if (w == MR_PG_FLOAT4 && to == MR_TYPE_FLOAT64)
        return put_float_as_double;
    if ((w == MR_PG_TEXT || w == MR_PG_BPCHAR) && to == MR_TYPE_BINARY)
        return put_bytes;
    return plain ? plain_put(c) : NULL;
}
