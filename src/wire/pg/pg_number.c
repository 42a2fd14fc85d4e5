/*
 * What        numbers into columns: numerics, and numbers that are pinned to another type
 * Guarantees  exact, or MR_E_VALUE; rounding is half away from zero, and only where it is wanted
 * Why         numerics of up to 18 digits go straight to int64, and no branch is taken by what they are
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

static __attribute__((noinline)) enum mr_code any_numeric(const struct mr_pg_column *c,
                                                          const char *p, uint32_t n,
                                                          struct mr_array *a, int64_t r,
                                                          struct mr_error *err)
{
    if (n < 8)
        return mr_pg_bad_bytes(c, "numeric is too short", n, err);
    int ndigits = get16(p), weight = (int16_t)get16(p + 2);
    unsigned sign = get16(p + 4);
    if ((sign & 0xC000) == 0xC000)
        return bend_numeric(c, p, n, a, r, err);
    if (n != 8 + 2 * (uint32_t)ndigits || (sign & 0xBFFF))
        return mr_pg_bad_bytes(c, "numeric is damaged", n, err);
    return long_numeric(c, p, n, ndigits, weight, a, r, err);
}

/* What brings the groups to the scale when one of the last group is worth 10 to the `exponent`. */
struct scaling {
    uint64_t before; /* times the groups before the last one */
    uint64_t last;   /* times the last one, less its digits beyond the scale: */
    uint32_t cut;    /* 10 to their number */
    uint32_t per;    /* 2^26 / cut, rounded up: x * per >> 26 is x / cut for x < 10,000 */
};

#define EXPONENT_MIN (-3)
#define EXPONENT_MAX 14

static const struct scaling g_scaling[EXPONENT_MAX - EXPONENT_MIN + 1] = {
#define CUT(n) .cut = (n), .per = ((1u << 26) + (n)-1) / (n)
    { 10, 1, CUT(1000) },
    { 100, 1, CUT(100) },
    { 1000, 1, CUT(10) },
    { 10000, 1, CUT(1) },
    { 100000, 10, CUT(1) },
    { 1000000, 100, CUT(1) },
    { 10000000, 1000, CUT(1) },
    { 100000000, 10000, CUT(1) },
    { 1000000000, 100000, CUT(1) },
    { 10000000000, 1000000, CUT(1) },
    { 100000000000, 10000000, CUT(1) },
    { 1000000000000, 100000000, CUT(1) },
    { 10000000000000, 1000000000, CUT(1) },
    { 100000000000000, 10000000000, CUT(1) },
    { 1000000000000000, 100000000000, CUT(1) },
    { 10000000000000000, 1000000000000, CUT(1) },
    { 100000000000000000, 10000000000000, CUT(1) },
    { 1000000000000000000, 100000000000000, CUT(1) },
#undef CUT
};

/* The common case, at most 4 groups and 18 digits, without a branch that hangs on the value: branches only leave for any_numeric,
 * which decides anew. A value with a group beyond 9,999 may wrap around before it is found out. */
enum mr_code mr_pg_put_numeric(const struct mr_pg_column *c, const char *p, uint32_t n,
                               struct mr_array *a, int64_t r, struct mr_error *err)
{
    static const uint64_t used[5] = { 0, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFFFFFF, UINT64_MAX };
    if (__builtin_expect(n < 8 || n > 16 || !c->short_decimal, 0))
        return any_numeric(c, p, n, a, r, err);
    uint64_t head = get64(p);
    uint32_t groups = (uint32_t)(head >> 48), sign = (uint32_t)(head >> 16) & 0xFFFF;
    if (__builtin_expect(n != 8 + 2 * groups || (sign & 0xBFFF), 0))
        return any_numeric(c, p, n, a, r, err);
    int exponent = 4 * ((int16_t)(head >> 32) - (int)groups + 1) + c->scale;
    int digits = 4 * (int)(groups + (groups == 0));
    if (__builtin_expect(exponent < EXPONENT_MIN || exponent > 18 - digits, 0))
        return any_numeric(c, p, n, a, r, err);
    const struct scaling *s = &g_scaling[exponent - EXPONENT_MIN];
    uint64_t w =
        get64(p + n - 8) & used[groups]; /* what lies before fewer than 4 groups is the header */
    uint64_t last = w & 0xFFFF, kept = last * s->per >> 26;
    uint64_t before = (w >> 48) * 100000000 + (w >> 32 & 0xFFFF) * 10000 + (w >> 16 & 0xFFFF);
    uint64_t v = before * s->before + kept * s->last;
    /* in each lane of 16 bits: 0x58F0 + 10,000 = 0x8000; what would carry into the next lane has that bit itself */
    uint64_t beyond_9999 = ((w + 0x58F058F058F058F0u) | w) & 0x8000800080008000u;
    if (__builtin_expect(beyond_9999 || kept * s->cut != last || v >= (uint64_t)c->limit, 0))
        return any_numeric(c, p, n, a, r, err);
    mr_put_i64(a, r, sign ? -(int64_t)v : (int64_t)v);
    return MR_OK;
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
