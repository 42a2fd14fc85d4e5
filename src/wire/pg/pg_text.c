/*
 * What        values as the server would print them: numbers, text, bytes; and which function prints what
 * Guarantees  exact: tests/live/test_pg_types.py compares with psql's own words
 * Why         a value that does not fit lands as its text, and its bytes are all that came
 * Source      PostgreSQL numeric.c, float.c and ryu (src/common/d2s.c, f2s.c), varlena.c, uuid.c
 */
#include "wire/pg/pg_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire/pg/pg_bytes.h"

typedef bool (*text_fn)(const struct mr_pg_type *t, const char *p, size_t n, struct mr_buf *out);

/* ---- numbers ---- */

static bool bool_text(const struct mr_pg_type *t, const char *p, size_t n, struct mr_buf *out)
{
    (void)t;
    mr_buf_putc(out, n == 1 && p[0] ? 't' : 'f');
    return n == 1;
}

static bool int_text(const struct mr_pg_type *t, const char *p, size_t n, struct mr_buf *out)
{
    if (n == 2 && t->wire == MR_PG_INT2)
        mr_buf_printf(out, "%d", (int16_t)get16(p));
    else if (n == 4 && t->wire == MR_PG_INT4)
        mr_buf_printf(out, "%" PRId32, (int32_t)get32(p));
    else if (n == 4 && t->wire == MR_PG_OID)
        mr_buf_printf(out, "%" PRIu32, get32(p));
    else if (n == 8 && t->wire == MR_PG_INT8)
        mr_buf_printf(out, "%" PRId64, (int64_t)get64(p));
    else if (n == 8 && t->wire == MR_PG_XID8)
        mr_buf_printf(out, "%" PRIu64, get64(p));
    else
        return false;
    return true;
}

/* The decimal lies in the middle between two neighbours: the server takes no such, though it reads back. */
static bool halfway(const char *text, double v, double next)
{
    char exact[120];
    long double middle = ((long double)v + (long double)next) / 2;
    snprintf(exact, sizeof exact, "%.*Le", 80, middle);
    size_t mantissa = strcspn(text, "e");
    if (mantissa == 1 && exact[1] == '.')
        exact[1] = '0'; /* "5e+20" against "5.000...e+20" */
    else if (strncmp(text, exact, mantissa) != 0)
        return false;
    return text[0] == exact[0] && strspn(exact + mantissa, "0") == strcspn(exact, "e") - mantissa &&
           strcmp(text + mantissa, strchr(exact, 'e')) == 0;
}

static bool halfway32(const char *text, float v)
{
    return halfway(text, v, nextafterf(v, INFINITY)) || halfway(text, v, nextafterf(v, -INFINITY));
}

static bool halfway64(const char *text, double v)
{
    return halfway(text, v, nextafter(v, INFINITY)) || halfway(text, v, nextafter(v, -INFINITY));
}

/* "1.25e+03" to digits and exponent, then as ryu writes it: plain below 10^fixed. */
static void put_float(const char *text, int fixed, struct mr_buf *out)
{
    char digits[32];
    int n = 0, exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
    for (const char *s = text; *s != 'e'; s++)
        if (*s >= '0' && *s <= '9')
            digits[n++] = *s;
    if (exponent < -4 || exponent >= fixed) {
        mr_buf_putc(out, digits[0]);
        if (n > 1)
            mr_buf_printf(out, ".%.*s", n - 1, digits + 1);
        mr_buf_printf(out, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
        return;
    }
    if (exponent < 0)
        mr_buf_printf(out, "0.%.*s", -exponent - 1, "0000");
    for (int i = 0; i < n || i <= exponent; i++) {
        if (i > 0 && i == exponent + 1)
            mr_buf_putc(out, '.');
        mr_buf_putc(out, i < n ? digits[i] : '0');
    }
}

/* The shortest text that reads back as the same number. */
static bool float_text(const struct mr_pg_type *t, const char *p, size_t n, struct mr_buf *out)
{
    char text[40];
    bool wide = t->wire == MR_PG_FLOAT8;
    if (n != (wide ? 8u : 4u))
        return false;
    uint64_t bits64 = wide ? get64(p) : 0;
    uint32_t bits32 = wide ? 0 : get32(p);
    double v;
    float v32 = 0;
    memcpy(&v, &bits64, 8);
    memcpy(&v32, &bits32, 4);
    v = wide ? v : (double)v32;
    if (isnan(v)) {
        mr_buf_puts(out, "NaN");
        return true;
    }
    if (signbit(v))
        mr_buf_putc(out, '-');
    v = fabs(v);
    v32 = fabsf(v32);
    if (isinf(v) || v == 0) {
        mr_buf_puts(out, v == 0 ? "0" : "Infinity");
        return true;
    }
    for (int digits = 0; digits < (wide ? 17 : 9); digits++) {
        snprintf(text, sizeof text, "%.*e", digits, v);
        bool same = wide ? strtod(text, NULL) == v && !halfway64(text, v)
                         : strtof(text, NULL) == v32 && !halfway32(text, v32);
        if (same)
            break;
    }
    put_float(text, wide ? 15 : 6, out);
    return true;
}

/* i16 groups, weight, sign, scale, then groups of four digits. */
bool mr_pg_numeric_text(const struct mr_pg_type *t, const char *p, size_t n, struct mr_buf *out)
{
    (void)t;
    if (n < 8)
        return false;
    int groups = get16(p), weight = (int16_t)get16(p + 2), scale = get16(p + 6);
    unsigned sign = get16(p + 4);
    if ((sign & 0xC000) == 0xC000) {
        mr_buf_puts(out, sign == 0xC000 ? "NaN" : sign == 0xD000 ? "Infinity" : "-Infinity");
        return true;
    }
    if (n != 8 + 2 * (size_t)groups || (sign & 0xBFFF) || scale > 0x3FFF)
        return false;
    if (sign)
        mr_buf_putc(out, '-');
    if (weight < 0)
        mr_buf_putc(out, '0');
    for (int i = 0; i <= weight; i++)
        mr_buf_printf(out, i ? "%04d" : "%d", i < groups ? get16(p + 8 + 2 * i) : 0);
    if (scale)
        mr_buf_putc(out, '.');
    for (int d = 0; d < scale; d++) {
        int group = weight + 1 + d / 4;
        int v = group >= 0 && group < groups ? get16(p + 8 + 2 * group) : 0;
        for (int k = d % 4; k < 3; k++)
            v /= 10;
        mr_buf_putc(out, (char)('0' + v % 10));
    }
    return true;
}

/* ---- text and bytes ---- */

static bool plain_text(const struct mr_pg_type *t, const char *p, size_t n, struct mr_buf *out)
{
    (void)t;
    mr_buf_append(out, p, n);
    return true;
}

static bool jsonb_text(const struct mr_pg_type *t, const char *p, size_t n, struct mr_buf *out)
{
    (void)t;
    if (n < 1 || p[0] != 1)
        return false;
    mr_buf_append(out, p + 1, n - 1);
    return true;
}

void mr_pg_put_hex(const char *p, size_t n, struct mr_buf *out)
{
    for (size_t i = 0; i < n; i++) {
        mr_buf_putc(out, "0123456789abcdef"[(unsigned char)p[i] >> 4]);
        mr_buf_putc(out, "0123456789abcdef"[p[i] & 15]);
    }
}

static bool bytea_text(const struct mr_pg_type *t, const char *p, size_t n, struct mr_buf *out)
{
    (void)t;
    mr_buf_puts(out, "\\x");
    mr_pg_put_hex(p, n, out);
    return true;
}

static bool ewkb_text(const struct mr_pg_type *t, const char *p, size_t n, struct mr_buf *out)
{
    (void)t;
    for (size_t i = 0; i < n; i++)
        mr_buf_printf(out, "%02X", (unsigned char)p[i]);
    return true;
}

bool mr_pg_uuid_text(const struct mr_pg_type *t, const char *p, size_t n, struct mr_buf *out)
{
    (void)t;
    if (n != 16)
        return false;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            mr_buf_putc(out, '-');
        mr_pg_put_hex(p + i, 1, out);
    }
    return true;
}

static bool other_text(const struct mr_pg_type *t, const char *p, size_t n, struct mr_buf *out)
{
    (void)t;
    (void)p;
    (void)n;
    (void)out;
    return false; /* only ever asked for as text */
}

/* ---- which ---- */

static const text_fn g_out[MR_PG_WIRES] = {
    [MR_PG_OTHER] = other_text,
    [MR_PG_BOOL] = bool_text,
    [MR_PG_INT2] = int_text,
    [MR_PG_INT4] = int_text,
    [MR_PG_INT8] = int_text,
    [MR_PG_FLOAT4] = float_text,
    [MR_PG_FLOAT8] = float_text,
    [MR_PG_NUMERIC] = mr_pg_numeric_text,
    [MR_PG_TEXT] = plain_text,
    [MR_PG_BPCHAR] = plain_text,
    [MR_PG_BYTEA] = bytea_text,
    [MR_PG_DATE] = mr_pg_date_text,
    [MR_PG_TIMESTAMP] = mr_pg_timestamp_text,
    [MR_PG_TIMESTAMPTZ] = mr_pg_timestamp_text,
    [MR_PG_TIME] = mr_pg_time_text,
    [MR_PG_TIMETZ] = mr_pg_time_text,
    [MR_PG_INTERVAL] = mr_pg_interval_text,
    [MR_PG_UUID] = mr_pg_uuid_text,
    [MR_PG_JSONB] = jsonb_text,
    [MR_PG_MONEY] = mr_pg_money_text,
    [MR_PG_OID] = int_text,
    [MR_PG_XID8] = int_text,
    [MR_PG_INET] = mr_pg_inet_text,
    [MR_PG_CIDR] = mr_pg_cidr_text,
    [MR_PG_MACADDR] = mr_pg_macaddr_text,
    [MR_PG_BIT] = mr_pg_bit_text,
    [MR_PG_EWKB] = ewkb_text,
    [MR_PG_ARRAY] = mr_pg_array_text,
    [MR_PG_COMPOSITE] = mr_pg_record_text,
    [MR_PG_HSTORE] = mr_pg_hstore_text,
};

bool mr_pg_out_text(const struct mr_pg_type *t, const char *p, size_t n, struct mr_buf *out)
{
    return (t->as_text ? plain_text : g_out[t->wire])(t, p, n, out);
}

/* The casts to text that are no output functions: text(bool), text(bpchar), text(inet). */
bool mr_pg_cast_text(const struct mr_pg_type *t, const char *p, size_t n, struct mr_buf *out)
{
    if (t->as_text)
        return plain_text(t, p, n, out);
    if (t->wire == MR_PG_BOOL) {
        mr_buf_puts(out, n == 1 && p[0] ? "true" : "false");
        return n == 1;
    }
    while (t->wire == MR_PG_BPCHAR && n && p[n - 1] == ' ')
        n--;
    return t->wire == MR_PG_INET ? mr_pg_cidr_text(t, p, n, out) : mr_pg_out_text(t, p, n, out);
}
