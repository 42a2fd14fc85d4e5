/*
 * What        dates and times as the server prints them, and intervals in ISO 8601
 * Source      PostgreSQL datetime.c: EncodeDateOnly, EncodeDateTime, EncodeTimezone, EncodeInterval (INTSTYLE_POSTGRES)
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/timeutil.h"
#include "wire/pg/pg_bytes.h"
#include "wire/pg/pg_text.h"

#define EPOCH_DAYS 10957 /* 2000-01-01 */
#define SECOND 1000000LL
#define DAY_US (86400 * SECOND)

/* v in at least `width` digits. */
static void digits(struct mr_buf *out, uint64_t v, int width)
{
    char text[24];
    int at = (int)sizeof text;
    for (; v || width > 0; v /= 10, width--)
        text[--at] = (char)('0' + v % 10);
    mr_buf_append(out, text + at, sizeof text - (size_t)at);
}

/* ".5", ".000001", nothing. */
static void fraction(struct mr_buf *out, uint64_t us)
{
    if (us == 0)
        return;
    int width = 6;
    for (; us % 10 == 0; us /= 10)
        width--;
    mr_buf_putc(out, '.');
    digits(out, us, width);
}

/* HH:MM:SS[.ffffff] */
static void clock_text(struct mr_buf *out, uint64_t us)
{
    uint64_t s = us / SECOND;
    digits(out, s / 3600, 2);
    mr_buf_putc(out, ':');
    digits(out, s / 60 % 60, 2);
    mr_buf_putc(out, ':');
    digits(out, s % 60, 2);
    fraction(out, us % SECOND);
}

/* Returns whether " BC" is due at the end. */
static bool day_text(struct mr_buf *out, int64_t days)
{
    int64_t year;
    int month, day;
    mr_civil_from_days(days + EPOCH_DAYS, &year, &month, &day);
    digits(out, (uint64_t)(year > 0 ? year : 1 - year), 4);
    mr_buf_putc(out, '-');
    digits(out, (uint64_t)month, 2);
    mr_buf_putc(out, '-');
    digits(out, (uint64_t)day, 2);
    return year <= 0;
}

bool mr_pg_date_text(const struct mr_pg_type *t, const char *p, size_t n, struct mr_buf *out)
{
    (void)t;
    if (n != 4)
        return false;
    int32_t v = (int32_t)get32(p);
    if (v == INT32_MAX || v == INT32_MIN)
        mr_buf_puts(out, v > 0 ? "infinity" : "-infinity");
    else if (day_text(out, v))
        mr_buf_puts(out, " BC");
    return true;
}

bool mr_pg_timestamp_text(const struct mr_pg_type *t, const char *p, size_t n, struct mr_buf *out)
{
    if (n != 8)
        return false;
    int64_t v = (int64_t)get64(p), days = v / DAY_US - (v % DAY_US < 0);
    if (v == INT64_MAX || v == INT64_MIN) {
        mr_buf_puts(out, v > 0 ? "infinity" : "-infinity");
        return true;
    }
    bool bc = day_text(out, days);
    mr_buf_putc(out, ' ');
    clock_text(out, (uint64_t)((v % DAY_US + DAY_US) % DAY_US));
    mr_buf_puts(out, t->wire == MR_PG_TIMESTAMPTZ ? "+00" : "");
    mr_buf_puts(out, bc ? " BC" : "");
    return true;
}

/* time, and timetz: seconds west of Greenwich after it. */
bool mr_pg_time_text(const struct mr_pg_type *t, const char *p, size_t n, struct mr_buf *out)
{
    bool zoned = t->wire == MR_PG_TIMETZ;
    if (n != (zoned ? 12u : 8u) || get64(p) > (uint64_t)DAY_US)
        return false;
    clock_text(out, get64(p));
    if (!zoned)
        return true;
    int32_t west = (int32_t)get32(p + 8);
    uint64_t s = (uint64_t)llabs((long long)west);
    mr_buf_putc(out, west <= 0 ? '+' : '-');
    digits(out, s / 3600, 2);
    if (s % 3600) {
        mr_buf_putc(out, ':');
        digits(out, s / 60 % 60, 2);
    }
    if (s % 60) {
        mr_buf_putc(out, ':');
        digits(out, s % 60, 2);
    }
    return true;
}

/* ---- intervals: i64 microseconds, i32 days, i32 months ---- */

struct interval {
    int64_t us;
    int32_t days, months;
};

/* *ret_text: infinity of version 17 and later; else NULL. */
static bool take_interval(const char *p, size_t n, struct interval *ret, const char **ret_text)
{
    if (n != 16)
        return false;
    *ret = (struct interval){ (int64_t)get64(p), (int32_t)get32(p + 8), (int32_t)get32(p + 12) };
    bool plus = ret->us == INT64_MAX && ret->days == INT32_MAX && ret->months == INT32_MAX;
    bool minus = ret->us == INT64_MIN && ret->days == INT32_MIN && ret->months == INT32_MIN;
    *ret_text = plus ? "infinity" : minus ? "-infinity" : NULL;
    return true;
}

static void interval_part(struct mr_buf *out, int64_t v, const char *unit, bool *zero, bool *before)
{
    if (v == 0)
        return;
    mr_buf_printf(out, "%s%s%" PRId64 " %s%s", *zero ? "" : " ", *before && v > 0 ? "+" : "", v,
                  unit, v != 1 ? "s" : "");
    *before = v < 0; /* only the next part shows its plus */
    *zero = false;
}

static uint64_t magnitude(int64_t v)
{
    return v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
}

bool mr_pg_interval_text(const struct mr_pg_type *t, const char *p, size_t n, struct mr_buf *out)
{
    struct interval v;
    const char *text;
    bool zero = true, before = false;
    (void)t;
    if (!take_interval(p, n, &v, &text))
        return false;
    if (text) {
        mr_buf_puts(out, text);
        return true;
    }
    interval_part(out, v.months / 12, "year", &zero, &before);
    interval_part(out, v.months % 12, "mon", &zero, &before);
    interval_part(out, v.days, "day", &zero, &before);
    if (!zero && v.us == 0)
        return true;
    mr_buf_puts(out, zero ? "" : " ");
    mr_buf_puts(out, v.us < 0 ? "-" : before ? "+" : "");
    clock_text(out, magnitude(v.us));
    return true;
}

static void iso_part(struct mr_buf *out, bool minus, uint64_t v, char unit)
{
    if (v == 0)
        return;
    mr_buf_puts(out, minus ? "-" : "");
    digits(out, v, 1);
    mr_buf_putc(out, unit);
}

bool mr_pg_interval_iso(const struct mr_pg_type *t, const char *p, size_t n, struct mr_buf *out)
{
    struct interval v;
    const char *text;
    (void)t;
    if (!take_interval(p, n, &v, &text) || text)
        return false;
    uint64_t us = magnitude(v.us), s = us / SECOND;
    bool minus = v.us < 0;
    mr_buf_putc(out, 'P');
    iso_part(out, v.months < 0, magnitude(v.months), 'M');
    iso_part(out, v.days < 0, magnitude(v.days), 'D');
    if (us == 0) {
        mr_buf_puts(out, v.months || v.days ? "" : "T0S");
        return true;
    }
    mr_buf_putc(out, 'T');
    iso_part(out, minus, s / 3600, 'H');
    iso_part(out, minus, s / 60 % 60, 'M');
    if (us % (60 * SECOND) == 0)
        return true;
    mr_buf_puts(out, minus ? "-" : "");
    digits(out, s % 60, 1);
    fraction(out, us % SECOND);
    mr_buf_putc(out, 'S');
    return true;
}
