/*
 * What        COPY BINARY into columns
 * Gets        the bytes of one row
 * Guarantees  every length is checked against what is there; values are exact or refused with their text
 * Why         a function per column, chosen once; numerics of up to 18 digits go straight to int64
 * Source      PostgreSQL src/backend/utils/adt: numeric.c numeric_send, date.c, timestamp.c, uuid.c, jsonb.c
 */
#include "wire/pg/pg_copy.h"

#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/timeutil.h"
#include "base/utf8.h"
#include "column/builder.h"

#define EPOCH_DAYS 10957 /* 2000-01-01 */
#define EPOCH_US (10957LL * 86400000000LL)
#define DAY_MIN (-719162) /* 0001-01-01 */
#define DAY_MAX 2932896   /* 9999-12-31 */

struct column;
typedef enum mr_code (*put_fn)(const struct column *c, const char *p, uint32_t n,
                               struct mr_array *a, int64_t r, struct mr_error *err);

struct column {
    put_fn put;
    const struct mr_field *field;
    bool validate;
    size_t max_value;
    __int128 limit;     /* numeric: 10^precision */
    bool short_decimal; /* of at most 18 digits */
};

struct mr_pg_decoder {
    int n;
    struct column *columns;
};

/* ---- types ---- */

enum {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_CHAR = 18,
    OID_NAME = 19,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_TEXT = 25,
    OID_JSON = 114,
    OID_FLOAT4 = 700,
    OID_FLOAT8 = 701,
    OID_BPCHAR = 1042,
    OID_VARCHAR = 1043,
    OID_DATE = 1082,
    OID_TIMESTAMP = 1114,
    OID_TIMESTAMPTZ = 1184,
    OID_NUMERIC = 1700,
    OID_UUID = 2950,
    OID_JSONB = 3802
};

static bool numeric_type(int typmod, struct mr_type *ret)
{
    int p = 38, s = 18; /* without precision: checked in both directions */
    if (typmod >= 4) {
        p = ((typmod - 4) >> 16) & 0xFFFF;
        s = (((typmod - 4) & 0x7FF) ^ 1024) - 1024;
        if (s < 0) {
            p -= s;
            s = 0;
        }
        p = s > p ? s : p;
    }
    if (p > 38)
        return false;
    *ret = (struct mr_type){ MR_TYPE_DECIMAL, (uint8_t)p, (uint8_t)s };
    return true;
}

bool mr_pg_wire_of(unsigned oid, int typmod, enum mr_pg_wire *ret, struct mr_type *ret_type)
{
    static const struct {
        unsigned oid;
        enum mr_pg_wire wire;
        enum mr_type_id id;
    } map[] = {
        { OID_BOOL, MR_PG_BOOL, MR_TYPE_BOOL },
        { OID_INT2, MR_PG_INT2, MR_TYPE_INT16 },
        { OID_INT4, MR_PG_INT4, MR_TYPE_INT32 },
        { OID_INT8, MR_PG_INT8, MR_TYPE_INT64 },
        { OID_FLOAT4, MR_PG_FLOAT4, MR_TYPE_FLOAT32 },
        { OID_FLOAT8, MR_PG_FLOAT8, MR_TYPE_FLOAT64 },
        { OID_TEXT, MR_PG_TEXT, MR_TYPE_STRING },
        { OID_VARCHAR, MR_PG_TEXT, MR_TYPE_STRING },
        { OID_CHAR, MR_PG_TEXT, MR_TYPE_STRING },
        { OID_NAME, MR_PG_TEXT, MR_TYPE_STRING },
        { OID_JSON, MR_PG_TEXT, MR_TYPE_STRING },
        { OID_BPCHAR, MR_PG_BPCHAR, MR_TYPE_STRING },
        { OID_BYTEA, MR_PG_BYTEA, MR_TYPE_BINARY },
        { OID_DATE, MR_PG_DATE, MR_TYPE_DATE },
        { OID_TIMESTAMP, MR_PG_TIMESTAMP, MR_TYPE_TIMESTAMP_NTZ },
        { OID_TIMESTAMPTZ, MR_PG_TIMESTAMP, MR_TYPE_TIMESTAMP },
        { OID_UUID, MR_PG_UUID, MR_TYPE_STRING },
        { OID_JSONB, MR_PG_JSONB, MR_TYPE_STRING },
    };
    if (oid == OID_NUMERIC) {
        *ret = MR_PG_NUMERIC;
        return numeric_type(typmod, ret_type);
    }
    for (size_t i = 0; i < sizeof map / sizeof *map; i++)
        if (map[i].oid == oid) {
            *ret = map[i].wire;
            *ret_type = (struct mr_type){ .id = map[i].id };
            return true;
        }
    return false;
}

/* ---- errors ---- */

static enum mr_code bad_bytes(const struct column *c, const char *why, uint32_t n,
                              struct mr_error *err)
{
    return mr_fail(err, MR_ID_PG05, "column %s: %s (%" PRIu32 " bytes)", c->field->name, why, n);
}

static enum mr_code bad_value(const struct column *c, const char *text, const char *why,
                              struct mr_error *err)
{
    mr_fail(err, MR_ID_PG04, "%s: the value %.120s cannot land: %s", c->field->name, text, why);
    return mr_error_advise(err, "correct it in the source, or leave the column out with a select "
                                "transformer");
}

/* ---- big-endian reads ---- */

static inline uint16_t get16(const char *p)
{
    uint16_t v;
    memcpy(&v, p, 2);
    return be16toh(v);
}

static inline uint32_t get32(const char *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return be32toh(v);
}

static inline uint64_t get64(const char *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return be64toh(v);
}

#define NEED(size)                                                                                 \
    if (__builtin_expect(n != (size), 0))                                                          \
    return bad_bytes(c, "wrong length", n, err)

/* ---- one function per kind ---- */

static enum mr_code put_bool(const struct column *c, const char *p, uint32_t n, struct mr_array *a,
                             int64_t r, struct mr_error *err)
{
    NEED(1);
    mr_put_bool(a, r, p[0] != 0);
    return MR_OK;
}

static enum mr_code put_int2(const struct column *c, const char *p, uint32_t n, struct mr_array *a,
                             int64_t r, struct mr_error *err)
{
    NEED(2);
    mr_put_i16(a, r, (int16_t)get16(p));
    return MR_OK;
}

/* int4 and float4 have the same bits on the wire and in the column. */
static enum mr_code put_four(const struct column *c, const char *p, uint32_t n, struct mr_array *a,
                             int64_t r, struct mr_error *err)
{
    NEED(4);
    mr_put_i32(a, r, (int32_t)get32(p));
    return MR_OK;
}

static enum mr_code put_eight(const struct column *c, const char *p, uint32_t n, struct mr_array *a,
                              int64_t r, struct mr_error *err)
{
    NEED(8);
    mr_put_i64(a, r, (int64_t)get64(p));
    return MR_OK;
}

static enum mr_code put_date(const struct column *c, const char *p, uint32_t n, struct mr_array *a,
                             int64_t r, struct mr_error *err)
{
    NEED(4);
    int32_t v = (int32_t)get32(p);
    if (v == INT32_MAX || v == INT32_MIN)
        return bad_value(c, v > 0 ? "infinity" : "-infinity", "a date must be finite", err);
    int64_t days = (int64_t)v + EPOCH_DAYS;
    if (days < DAY_MIN || days > DAY_MAX) {
        char text[40];
        int64_t y;
        int m, d;
        mr_civil_from_days(days, &y, &m, &d);
        snprintf(text, sizeof text, "%04" PRId64 "-%02d-%02d%s", y > 0 ? y : 1 - y, m, d,
                 y > 0 ? "" : " BC");
        return bad_value(c, text, "readers hold the years 0001 to 9999", err);
    }
    mr_put_i32(a, r, (int32_t)days);
    return MR_OK;
}

static enum mr_code put_timestamp(const struct column *c, const char *p, uint32_t n,
                                  struct mr_array *a, int64_t r, struct mr_error *err)
{
    NEED(8);
    int64_t v = (int64_t)get64(p), us;
    if (v == INT64_MAX || v == INT64_MIN)
        return bad_value(c, v > 0 ? "infinity" : "-infinity", "a timestamp must be finite", err);
    if (__builtin_add_overflow(v, EPOCH_US, &us) || us < DAY_MIN * 86400000000LL ||
        us >= (DAY_MAX + 1LL) * 86400000000LL) {
        char text[40];
        int64_t y, days = v / 86400000000LL - (v % 86400000000LL < 0) + EPOCH_DAYS;
        int m, d;
        mr_civil_from_days(days, &y, &m, &d);
        snprintf(text, sizeof text, "%04" PRId64 "-%02d-%02d%s", y > 0 ? y : 1 - y, m, d,
                 y > 0 ? "" : " BC");
        return bad_value(c, text, "readers hold the years 0001 to 9999", err);
    }
    mr_put_i64(a, r, us);
    return MR_OK;
}

static enum mr_code too_large(const struct column *c, uint32_t n, struct mr_error *err)
{
    mr_fail(err, MR_ID_COL01, "%s: a value of %" PRIu32 " bytes is larger than max_value (%zu)",
            c->field->name, n, c->max_value);
    return mr_error_advise(err, "raise max_value: and memory:, or leave the column out");
}

static enum mr_code put_text(const struct column *c, const char *p, uint32_t n, struct mr_array *a,
                             int64_t r, struct mr_error *err)
{
    if (__builtin_expect(n > c->max_value, 0))
        return too_large(c, n, err);
    if (c->validate && !mr_utf8_valid(p, n))
        return bad_value(c, "(bytes)", "it is not valid UTF-8", err);
    return mr_put_bytes(a, r, p, n, err);
}

static enum mr_code put_bpchar(const struct column *c, const char *p, uint32_t n,
                               struct mr_array *a, int64_t r, struct mr_error *err)
{
    while (n && p[n - 1] == ' ')
        n--;
    return put_text(c, p, n, a, r, err);
}

static enum mr_code put_bytea(const struct column *c, const char *p, uint32_t n, struct mr_array *a,
                              int64_t r, struct mr_error *err)
{
    if (__builtin_expect(n > c->max_value, 0))
        return too_large(c, n, err);
    return mr_put_bytes(a, r, p, n, err);
}

static enum mr_code put_jsonb(const struct column *c, const char *p, uint32_t n, struct mr_array *a,
                              int64_t r, struct mr_error *err)
{
    if (n < 1 || p[0] != 1)
        return bad_bytes(c, "jsonb of an unknown version", n, err);
    return put_text(c, p + 1, n - 1, a, r, err);
}

static enum mr_code put_uuid(const struct column *c, const char *p, uint32_t n, struct mr_array *a,
                             int64_t r, struct mr_error *err)
{
    static const char hex[] = "0123456789abcdef";
    char text[36];
    int k = 0;
    NEED(16);
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text[k++] = '-';
        text[k++] = hex[(unsigned char)p[i] >> 4];
        text[k++] = hex[p[i] & 15];
    }
    return mr_put_bytes(a, r, text, sizeof text, err);
}

/* ---- numeric: i16 ndigits, weight, sign, dscale, then base-10000 digits ---- */

static const int64_t g_pow10[19] = { 1,
                                     10,
                                     100,
                                     1000,
                                     10000,
                                     100000,
                                     1000000,
                                     10000000,
                                     100000000,
                                     1000000000,
                                     10000000000,
                                     100000000000,
                                     1000000000000,
                                     10000000000000,
                                     100000000000000,
                                     1000000000000000,
                                     10000000000000000,
                                     100000000000000000,
                                     1000000000000000000 };

/* The exact text of a numeric, for messages. */
static void numeric_text(const char *p, uint32_t n, struct mr_buf *out)
{
    int ndigits = get16(p), weight = (int16_t)get16(p + 2), dscale = get16(p + 6);
    (void)n;
    if (get16(p + 4) == 0x4000)
        mr_buf_putc(out, '-');
    if (weight < 0)
        mr_buf_putc(out, '0');
    for (int i = 0; i <= weight && out->len < 160; i++)
        mr_buf_printf(out, i ? "%04d" : "%d", i < ndigits ? get16(p + 8 + 2 * i) : 0);
    if (dscale)
        mr_buf_putc(out, '.');
    for (int d = 0; d < dscale && out->len < 160; d++) {
        int group = weight + 1 + d / 4;
        int v = group >= 0 && group < ndigits ? get16(p + 8 + 2 * group) : 0;
        for (int k = d % 4; k < 3; k++)
            v /= 10;
        mr_buf_putc(out, (char)('0' + v % 10));
    }
}

static enum mr_code numeric_refused(const struct column *c, const char *p, uint32_t n,
                                    const char *why, struct mr_error *err)
{
    struct mr_buf text = { 0 };
    numeric_text(p, n, &text);
    enum mr_code rc = bad_value(c, mr_buf_str(&text), why, err);
    mr_buf_release(&text);
    return rc;
}

/* *v = *v * mul + add; false when it does not fit 128 bits. */
static inline bool mul_add(unsigned __int128 *v, uint64_t mul, uint64_t add)
{
    if (__builtin_expect(*v < ((unsigned __int128)1 << 63), 1)) {
        *v = *v * mul + add;
        return true;
    }
    return !__builtin_mul_overflow(*v, (unsigned __int128)mul, v) &&
           !__builtin_add_overflow(*v, add, v);
}

/* The common case in 64 bits: at most 4 groups, the last of which may straddle the scale. False: take the long way. */
static inline bool short_numeric(const char *digits, int n, int weight, int scale, int64_t *ret)
{
    int exponent = 4 * (weight - n + 1) + scale; /* of the last group, scaled */
    uint64_t v = 0;
    unsigned bad = 0, last;
    if (n < 1 || n > 4 || exponent < -3 || exponent > 18 - 4 * n) {
        *ret = 0;
        return n == 0;
    }
    for (int i = 0; i < n - 1; i++) {
        unsigned d = get16(digits + 2 * i);
        bad |= d > 9999;
        v = v * 10000 + d;
    }
    last = get16(digits + 2 * (n - 1));
    bad |= last > 9999;
    switch (exponent) {
    case -1:
        v = v * 1000 + last / 10;
        bad |= last % 10;
        break;
    case -2:
        v = v * 100 + last / 100;
        bad |= last % 100;
        break;
    case -3:
        v = v * 10 + last / 1000;
        bad |= last % 1000;
        break;
    default:
        v = (v * 10000 + last) * (uint64_t)g_pow10[exponent];
    }
    *ret = (int64_t)v;
    return bad == 0;
}

static enum mr_code put_numeric(const struct column *c, const char *p, uint32_t n,
                                struct mr_array *a, int64_t r, struct mr_error *err)
{
    if (__builtin_expect(n < 8, 0))
        return bad_bytes(c, "numeric is too short", n, err);
    int ndigits = get16(p), weight = (int16_t)get16(p + 2), scale = c->field->type.scale;
    unsigned sign = get16(p + 4);
    if (__builtin_expect((sign & 0xC000) == 0xC000, 0))
        return bad_value(c,
                         sign == 0xC000   ? "NaN"
                         : sign == 0xD000 ? "Infinity"
                                          : "-Infinity",
                         "a decimal must be a number", err);
    if (__builtin_expect(n != 8 + 2 * (uint32_t)ndigits || (sign & 0xBFFF), 0))
        return bad_bytes(c, "numeric is damaged", n, err);
    int64_t small;
    if (__builtin_expect(c->short_decimal && short_numeric(p + 8, ndigits, weight, scale, &small),
                         1) &&
        __builtin_expect(small < (int64_t)c->limit, 1)) {
        mr_put_i64(a, r, sign ? -small : small);
        return MR_OK;
    }
    unsigned __int128 v = 0;
    while (ndigits && get16(p + 8 + 2 * (ndigits - 1)) == 0)
        ndigits--;
    bool fits = true;
    for (int i = 0; i < ndigits - 1 && fits; i++) {
        unsigned digit = get16(p + 8 + 2 * i);
        if (__builtin_expect(digit > 9999, 0))
            return bad_bytes(c, "numeric has a digit beyond 9999", n, err);
        fits = mul_add(&v, 10000, digit);
    }
    if (ndigits && fits) {
        unsigned digit = get16(p + 8 + 2 * (ndigits - 1)), cut = 1;
        int exponent =
            4 * (weight - (ndigits - 1)) + scale; /* decimal exponent of the last group, scaled */
        if (__builtin_expect(digit > 9999, 0))
            return bad_bytes(c, "numeric has a digit beyond 9999", n, err);
        if (exponent < 0) /* the group straddles the scale: its low digits must be zero */
            cut = exponent > -4 ? (unsigned)g_pow10[-exponent] : 10000;
        if (digit % cut)
            return numeric_refused(c, p, n, "it has more fraction digits than the column's type",
                                   err);
        fits = mul_add(&v, 10000 / cut, digit / cut);
        for (; fits && exponent > 0; exponent -= 18)
            fits = mul_add(&v, (uint64_t)g_pow10[exponent < 18 ? exponent : 18], 0);
    }
    if (__builtin_expect(!fits || v >= (unsigned __int128)c->limit, 0))
        return numeric_refused(c, p, n, "it has more digits than the column's type", err);
    __int128 s = sign ? -(__int128)v : (__int128)v;
    if (c->field->type.precision <= 18)
        mr_put_i64(a, r, (int64_t)s);
    else
        mr_put_i128(a, r, s);
    return MR_OK;
}

/* ---- rows ---- */

static put_fn function_of(enum mr_pg_wire w)
{
    switch (w) {
    case MR_PG_BOOL:
        return put_bool;
    case MR_PG_INT2:
        return put_int2;
    case MR_PG_INT4:
    case MR_PG_FLOAT4:
        return put_four;
    case MR_PG_INT8:
    case MR_PG_FLOAT8:
        return put_eight;
    case MR_PG_NUMERIC:
        return put_numeric;
    case MR_PG_UNKNOWN:
    case MR_PG_TEXT:
        return put_text;
    case MR_PG_BPCHAR:
        return put_bpchar;
    case MR_PG_BYTEA:
        return put_bytea;
    case MR_PG_DATE:
        return put_date;
    case MR_PG_TIMESTAMP:
        return put_timestamp;
    case MR_PG_UUID:
        return put_uuid;
    case MR_PG_JSONB:
        return put_jsonb;
    }
    return put_text;
}

struct mr_pg_decoder *mr_pg_decoder_new(const struct mr_schema *schema,
                                        const enum mr_pg_wire *wires, bool validate,
                                        size_t max_value_bytes)
{
    struct mr_pg_decoder *d = mr_zalloc(1, sizeof *d);
    d->n = schema->n_fields;
    d->columns = mr_zalloc((size_t)d->n, sizeof *d->columns);
    for (int i = 0; i < d->n; i++) {
        struct column *c = &d->columns[i];
        c->put = function_of(wires[i]);
        c->field = &schema->fields[i];
        c->validate = validate;
        c->max_value = max_value_bytes;
        c->limit = 1;
        c->short_decimal =
            schema->fields[i].type.id == MR_TYPE_DECIMAL && schema->fields[i].type.precision <= 18;
        for (int k = 0; k < schema->fields[i].type.precision; k++)
            c->limit *= 10;
    }
    return d;
}

void mr_pg_decoder_free(struct mr_pg_decoder *d)
{
    if (!d)
        return;
    mr_free(d->columns);
    mr_free(d);
}

enum mr_code mr_pg_decode_header(const char *p, size_t n, size_t *ret_used, struct mr_error *err)
{
    static const char magic[] = "PGCOPY\n\377\r\n"; /* and the '\0' that ends it */
    if (n < 19 || memcmp(p, magic, 11) != 0)
        return mr_fail(err, MR_ID_PG05, "COPY does not begin with its signature");
    if (get32(p + 11) & 0xFFFF0000)
        return mr_fail(err, MR_ID_PG05, "COPY has flags that this version does not know");
    size_t extension = get32(p + 15);
    if (extension > n - 19)
        return mr_fail(err, MR_ID_PG05, "COPY's header is cut off");
    *ret_used = 19 + extension;
    return MR_OK;
}

enum mr_code mr_pg_decode_row(struct mr_pg_decoder *d, const char *p, size_t n, struct mr_batch *b,
                              int64_t r, bool *ret_end, struct mr_error *err)
{
    const char *end = p + n;
    if (n < 2)
        return mr_fail(err, MR_ID_PG05, "a row of %zu bytes", n);
    int count = (int16_t)get16(p);
    p += 2;
    *ret_end = count == -1;
    if (*ret_end)
        return MR_OK;
    if (count != d->n)
        return mr_fail(err, MR_ID_PG05, "a row has %d fields, %d were asked for", count, d->n);
    for (int i = 0; i < d->n; i++) {
        const struct column *c = &d->columns[i];
        if (__builtin_expect(end - p < 4, 0))
            return bad_bytes(c, "the row ends too early", (uint32_t)(end - p), err);
        int32_t len = (int32_t)get32(p);
        p += 4;
        if (len < 0) {
            if (len != -1)
                return bad_bytes(c, "negative length", 0, err);
            mr_put_null(c->field, &b->columns[i], r);
            continue;
        }
        if (__builtin_expect(len > end - p, 0))
            return bad_bytes(c, "a field is longer than its row", (uint32_t)len, err);
        enum mr_code rc = c->put(c, p, (uint32_t)len, &b->columns[i], r, err);
        if (__builtin_expect(rc != MR_OK, 0))
            return rc;
        p += len;
    }
    return p == end ? MR_OK
                    : mr_fail(err, MR_ID_PG05, "%zu bytes too many in a row", (size_t)(end - p));
}
