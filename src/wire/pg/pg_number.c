/*
 * What        numbers into columns: numerics, and numbers that are pinned to another type
 * Guarantees  exact, or MR_E_VALUE; rounding is half away from zero, and only where it is wanted
 * Why         numerics of up to 18 digits go straight to int64
 * Source      PostgreSQL src/backend/utils/adt/numeric.c numeric_send
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire/pg/pg_column.h"
#include "wire/pg/pg_text.h"

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

/* ---- what does not fit, where something near is wanted ---- */

/* Digits of "-12.345" up to `scale` after the point, half away from zero; false: beyond 128 bits. */
static bool round_text(const char *s, int scale, unsigned __int128 *ret)
{
    unsigned __int128 v = 0;
    int after = -1; /* digits after the point so far */
    s += *s == '-';
    for (; *s && after < scale; s++) {
        if (*s == '.') {
            after = 0;
            if (scale == 0)
                break;
            continue;
        }
        if (!mul_add(&v, 10, (uint64_t)(*s - '0')))
            return false;
        after += after >= 0;
    }
    bool up = *s == '.' ? s[1] >= '5' : *s >= '5';
    for (after = after < 0 ? 0 : after; after < scale; after++)
        if (!mul_add(&v, 10, 0))
            return false;
    *ret = v + up;
    return *ret != 0 || !up;
}

static enum mr_code store_nearest(const struct mr_pg_column *c, bool fits, unsigned __int128 v,
                                  bool minus, struct mr_array *a, int64_t r)
{
    __int128 limit = minus ? c->limit_of_negative : c->limit;
    if (!fits || v >= (unsigned __int128)limit) {
        if (c->shared->adjust != MR_BAD_CLAMP)
            return MR_E_VALUE;
        v = (unsigned __int128)limit - 1;
    }
    c->store(a, r, minus ? -(__int128)v : (__int128)v);
    return MR_OK;
}

__attribute__((noinline)) static enum mr_code bend_numeric(const struct mr_pg_column *c,
                                                           const char *p, uint32_t n,
                                                           struct mr_array *a, int64_t r,
                                                           struct mr_error *err)
{
    struct mr_buf text = { 0 };
    unsigned __int128 v = 0;
    bool bend = c->shared->adjust == MR_BAD_CLAMP || c->shared->adjust == MR_BAD_ROUND;
    if (!mr_pg_numeric_text(c->type, p, n, &text)) {
        mr_buf_release(&text);
        return mr_pg_bad_bytes(c, "numeric is damaged", n, err);
    }
    const char *s = mr_buf_str(&text);
    bool minus = s[0] == '-', number = s[minus] >= '0' && s[minus] <= '9';
    enum mr_code rc = MR_E_VALUE;
    if (bend && s[0] != 'N') {
        bool fits = number && round_text(s, c->scale, &v);
        rc = store_nearest(c, fits, v, minus, a, r);
    }
    mr_buf_release(&text);
    return rc;
}

/* ---- numeric to decimal, or to a whole number ---- */

/* The long way: up to 38 digits. */
static enum mr_code long_numeric(const struct mr_pg_column *c, const char *p, uint32_t n,
                                 int ndigits, int weight, struct mr_array *a, int64_t r,
                                 struct mr_error *err)
{
    unsigned __int128 v = 0;
    bool fits = true, minus = get16(p + 4) != 0;
    while (ndigits && get16(p + 8 + 2 * (ndigits - 1)) == 0)
        ndigits--;
    for (int i = 0; i < ndigits - 1 && fits; i++) {
        unsigned digit = get16(p + 8 + 2 * i);
        if (__builtin_expect(digit > 9999, 0))
            return mr_pg_bad_bytes(c, "numeric has a digit beyond 9999", n, err);
        fits = mul_add(&v, 10000, digit);
    }
    if (ndigits && fits) {
        unsigned digit = get16(p + 8 + 2 * (ndigits - 1)), cut = 1;
        int exponent = 4 * (weight - (ndigits - 1)) + c->scale; /* of the last group, scaled */
        if (__builtin_expect(digit > 9999, 0))
            return mr_pg_bad_bytes(c, "numeric has a digit beyond 9999", n, err);
        if (exponent < 0) /* the group straddles the scale: its low digits must be zero */
            cut = exponent > -4 ? (unsigned)g_pow10[-exponent] : 10000;
        fits = digit % cut == 0 && mul_add(&v, 10000 / cut, digit / cut);
        for (; fits && exponent > 0; exponent -= 18)
            fits = mul_add(&v, (uint64_t)g_pow10[exponent < 18 ? exponent : 18], 0);
    }
    if (__builtin_expect(!fits || v >= (unsigned __int128)(minus ? c->limit_of_negative : c->limit),
                         0))
        return bend_numeric(c, p, n, a, r, err);
    c->store(a, r, minus ? -(__int128)v : (__int128)v);
    return MR_OK;
}

enum mr_code mr_pg_put_numeric(const struct mr_pg_column *c, const char *p, uint32_t n,
                               struct mr_array *a, int64_t r, struct mr_error *err)
{
    if (__builtin_expect(n < 8, 0))
        return mr_pg_bad_bytes(c, "numeric is too short", n, err);
    int ndigits = get16(p), weight = (int16_t)get16(p + 2);
    unsigned sign = get16(p + 4);
    if (__builtin_expect((sign & 0xC000) == 0xC000, 0))
        return bend_numeric(c, p, n, a, r, err);
    if (__builtin_expect(n != 8 + 2 * (uint32_t)ndigits || (sign & 0xBFFF), 0))
        return mr_pg_bad_bytes(c, "numeric is damaged", n, err);
    int64_t small;
    if (__builtin_expect(
            c->short_decimal && short_numeric(p + 8, ndigits, weight, c->scale, &small), 1) &&
        __builtin_expect(small < (int64_t)c->limit, 1)) {
        mr_put_i64(a, r, sign ? -small : small);
        return MR_OK;
    }
    return long_numeric(c, p, n, ndigits, weight, a, r, err);
}

/* ---- numeric to double: only what a double holds exactly ---- */

/* All digits of v, which end after 1074 at the latest, against the decimal's. */
static bool same_digits(double v, const char *decimal)
{
    char exact[1500];
    int n = snprintf(exact, sizeof exact, "%.1074f", v);
    size_t len = strlen(decimal);
    bool point = strchr(decimal, '.') != NULL;
    while (point && decimal[len - 1] == '0')
        len--;
    while (n > 0 && exact[n - 1] == '0')
        n--;
    if (len && point && decimal[len - 1] == '.')
        len--;
    if (n > 0 && exact[n - 1] == '.')
        n--;
    return (size_t)n == len && memcmp(exact, decimal, len) == 0;
}

static enum mr_code put_numeric_as_double(const struct mr_pg_column *c, const char *p, uint32_t n,
                                          struct mr_array *a, int64_t r, struct mr_error *err)
{
    struct mr_buf *text = &c->shared->scratch;
    enum mr_on_bad adjust = c->shared->adjust;
    mr_buf_clear(text);
    if (!mr_pg_numeric_text(c->type, p, n, text))
        return mr_pg_bad_bytes(c, "numeric is damaged", n, err);
    const char *s = mr_buf_str(text);
    double v = strtod(s, NULL); /* reads NaN and Infinity too; the locale is C.UTF-8 */
    bool number = strpbrk(s, "NI") == NULL;
    if (number && !(isfinite(v) && same_digits(v, s))) {
        if (adjust != MR_BAD_ROUND && adjust != MR_BAD_CLAMP)
            return MR_E_VALUE;
        if (isinf(v) && adjust == MR_BAD_ROUND)
            return MR_E_VALUE;
        v = isinf(v) ? copysign(0x1.fffffffffffffp1023, v) : v;
    }
    mr_put_f64(a, r, v);
    return MR_OK;
}

/* ---- whole numbers to wider ones, and to decimals ---- */

static enum mr_code put_whole(const struct mr_pg_column *c, __int128 v, struct mr_array *a,
                              int64_t r)
{
    bool minus = v < 0;
    unsigned __int128 u = minus ? 0 - (unsigned __int128)v : (unsigned __int128)v;
    unsigned __int128 limit = (unsigned __int128)(minus ? c->limit_of_negative : c->limit);
    unsigned __int128 scaled = u / (unsigned __int128)c->div;
    bool whole = u % (unsigned __int128)c->div == 0;
    bool fits = !__builtin_mul_overflow(scaled, (unsigned __int128)c->mul, &scaled);
    if (__builtin_expect(fits && whole && scaled < limit, 1)) {
        c->store(a, r, minus ? -(__int128)scaled : (__int128)scaled);
        return MR_OK;
    }
    if (c->shared->adjust != MR_BAD_CLAMP && c->shared->adjust != MR_BAD_ROUND)
        return MR_E_VALUE;
    if (!whole && 2 * (u % (unsigned __int128)c->div) >= (unsigned __int128)c->div)
        scaled++;
    return store_nearest(c, fits, scaled, minus, a, r);
}

static enum mr_code put_whole2(const struct mr_pg_column *c, const char *p, uint32_t n,
                               struct mr_array *a, int64_t r, struct mr_error *err)
{
    MR_PG_NEED(2);
    return put_whole(c, (int16_t)get16(p), a, r);
}

static enum mr_code put_whole4(const struct mr_pg_column *c, const char *p, uint32_t n,
                               struct mr_array *a, int64_t r, struct mr_error *err)
{
    MR_PG_NEED(4);
    return put_whole(c, (int32_t)get32(p), a, r);
}

static enum mr_code put_whole8(const struct mr_pg_column *c, const char *p, uint32_t n,
                               struct mr_array *a, int64_t r, struct mr_error *err)
{
    MR_PG_NEED(8);
    return put_whole(c, (int64_t)get64(p), a, r);
}

static enum mr_code put_unsigned4(const struct mr_pg_column *c, const char *p, uint32_t n,
                                  struct mr_array *a, int64_t r, struct mr_error *err)
{
    MR_PG_NEED(4);
    return put_whole(c, get32(p), a, r);
}

static enum mr_code put_unsigned8(const struct mr_pg_column *c, const char *p, uint32_t n,
                                  struct mr_array *a, int64_t r, struct mr_error *err)
{
    MR_PG_NEED(8);
    return put_whole(c, get64(p), a, r);
}

/* ---- which function ---- */

static void store_i16(struct mr_array *a, int64_t r, __int128 v)
{
    mr_put_i16(a, r, (int16_t)v);
}

static void store_i32(struct mr_array *a, int64_t r, __int128 v)
{
    mr_put_i32(a, r, (int32_t)v);
}

static void store_i64(struct mr_array *a, int64_t r, __int128 v)
{
    mr_put_i64(a, r, (int64_t)v);
}

static void store_i128(struct mr_array *a, int64_t r, __int128 v)
{
    mr_put_i128(a, r, v);
}

static __int128 power_of_ten(int n)
{
    __int128 v = 1;
    while (n-- > 0)
        v *= 10;
    return v;
}

/* Limits and store of the landing type; false when it is no exact number. */
static bool set_target(struct mr_pg_column *c)
{
    const struct mr_type t = c->field->type;
    int bytes = t.id == MR_TYPE_INT16   ? 2
                : t.id == MR_TYPE_INT32 ? 4
                : t.id == MR_TYPE_INT64 ? 8
                                        : 0;
    if (bytes) {
        c->limit = (__int128)1 << (8 * bytes - 1);
        c->limit_of_negative = c->limit + 1;
        c->store = bytes == 2 ? store_i16 : bytes == 4 ? store_i32 : store_i64;
        return true;
    }
    c->scale = t.scale;
    c->short_decimal = t.precision <= 18;
    c->limit = c->limit_of_negative = power_of_ten(t.precision);
    c->store = c->short_decimal ? store_i64 : store_i128;
    return t.id == MR_TYPE_DECIMAL;
}

mr_pg_put_fn mr_pg_number_put(struct mr_pg_column *c)
{
    static const mr_pg_put_fn whole[MR_PG_WIRES] = {
        [MR_PG_INT2] = put_whole2,  [MR_PG_INT4] = put_whole4,   [MR_PG_INT8] = put_whole8,
        [MR_PG_MONEY] = put_whole8, [MR_PG_OID] = put_unsigned4, [MR_PG_XID8] = put_unsigned8,
    };
    enum mr_pg_wire w = c->type->wire;
    if (w == MR_PG_NUMERIC && c->field->type.id == MR_TYPE_FLOAT64)
        return put_numeric_as_double;
    if ((w != MR_PG_NUMERIC && !whole[w]) || !set_target(c))
        return NULL;
    if (w == MR_PG_NUMERIC)
        return mr_pg_put_numeric;
    int from = w == MR_PG_MONEY ? (c->type->money ? c->type->money->scale : 2) : 0;
    c->mul = power_of_ten(c->scale - from);
    c->div = power_of_ten(from - c->scale);
    return whole[w];
}
