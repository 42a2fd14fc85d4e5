/*
 * What        dates and times of SQLite, which keeps them as text, Julian days or seconds since 1970
 * Guarantees  exact, or said how it is not; a number that may mean two times means none
 * Source      sqlite.org/datatype3.html "Date and Time Datatype"; sqlite.org/lang_datefunc.html
 */
#include <string.h>

#include "base/timeutil.h"
#include "consumer/sqlite/sqlite_values.h"

#define MS_PER_DAY 86400000.0
#define MS_1970 210866760000000 /* milliseconds from the Julian epoch to 1970 */
#define JULIAN_MIN 1721426      /* the first noon of the year 0001 */
#define JULIAN_MAX 5373484      /* the last of the year 9999 */
#define TEXT_MAX 64

static enum mr_sqlite_time_fit in_range(int64_t us, int64_t *ret_us)
{
    *ret_us = us;
    return us < MR_SQLITE_US_MIN   ? MR_TIME_BEFORE
           : us > MR_SQLITE_US_MAX ? MR_TIME_AFTER
                                   : MR_TIME_EXACT;
}

static enum mr_sqlite_time_fit from_integer(int64_t v, bool millis, int64_t *ret_us)
{
    int64_t unit = millis ? 1000 : 1000000;
    if (!millis && v >= JULIAN_MIN && v <= JULIAN_MAX)
        return MR_TIME_NONE;
    if (v < MR_SQLITE_US_MIN / unit)
        return MR_TIME_BEFORE;
    if (v > MR_SQLITE_US_MAX / unit)
        return MR_TIME_AFTER;
    return in_range(v * unit, ret_us);
}

/* SQLite rounds a Julian day to the millisecond; it is exact when that millisecond gives the same double again. */
static enum mr_sqlite_time_fit from_julian(double day, int64_t *ret_us)
{
    if (!(day > 0))
        return MR_TIME_BEFORE;
    if (day > JULIAN_MAX + 1)
        return MR_TIME_AFTER;
    int64_t ms = (int64_t)(day * MS_PER_DAY + 0.5);
    enum mr_sqlite_time_fit fit = in_range((ms - MS_1970) * 1000, ret_us);
    return fit == MR_TIME_EXACT && (double)ms / MS_PER_DAY != day ? MR_TIME_ROUNDED : fit;
}

static bool zone_in(const char *s, size_t n)
{
    return n > 10 && (memchr(s + 10, 'Z', n - 10) || memchr(s + 10, '+', n - 10) ||
                      memchr(s + 10, '-', n - 10));
}

/* Cut digits beyond microseconds out of s; *ret_up: they round up, *ret_lost: they were not all 0. */
static size_t cut_fraction(const char *s, size_t n, char *out, bool *ret_lost, bool *ret_up)
{
    const char *dot = memchr(s, '.', n);
    size_t from = dot ? (size_t)(dot - s) + 1 : n, to;
    for (int i = 0; i < 6 && from < n && s[from] >= '0' && s[from] <= '9'; i++)
        from++;
    for (to = from; to < n && s[to] >= '0' && s[to] <= '9'; to++)
        *ret_lost |= s[to] != '0';
    *ret_up = to > from && s[from] >= '5';
    memcpy(out, s, from);
    memcpy(out + from, s + to, n - to);
    return n - (to - from);
}

/* Two digits at s; above 99 when they are none. */
static inline unsigned two(const char *s)
{
    unsigned hi = (unsigned)(s[0] - '0'), lo = (unsigned)(s[1] - '0');
    return hi > 9 || lo > 9 ? 100 : hi * 10 + lo;
}

/* What nearly all cells are: YYYY-MM-DD, years from 0001, alone or with HH:MM:SS behind. False: look at it properly. */
static inline bool common_text(const char *s, size_t n, int64_t *ret_us)
{
    unsigned century = two(s), year = two(s + 2), month = two(s + 5), day = two(s + 8);
    unsigned clock = 0;
    if (s[4] != '-' || s[7] != '-' || century > 99 || year > 99 || century + year == 0)
        return false;
    if (!mr_date_valid(century * 100 + year, (int)month, (int)day))
        return false;
    if (n == 19) {
        unsigned h = two(s + 11), m = two(s + 14), sec = two(s + 17);
        if ((s[10] != ' ' && s[10] != 'T') || s[13] != ':' || s[16] != ':' || h > 23 || m > 59 ||
            sec > 59)
            return false;
        clock = h * 3600 + m * 60 + sec;
    }
    *ret_us =
        (mr_days_from_civil(century * 100 + year, (int)month, (int)day) * 86400 + clock) * 1000000;
    return true;
}

static enum mr_sqlite_time_fit uncommon_text(const char *s, size_t n, bool zoned, int64_t *ret_us)
{
    char buf[TEXT_MAX];
    bool lost = false, up = false;
    int64_t us;
    if (n < 10 || n > TEXT_MAX || (!zoned && zone_in(s, n)))
        return MR_TIME_NONE;
    if (n > 16 && s[16] == '.') /* a fraction of a minute is none of SQLite's formats */
        return MR_TIME_NONE;
    if (n > 26) {
        n = cut_fraction(s, n, buf, &lost, &up);
        s = buf;
    }
    if (!mr_time_parse(s, n, &us))
        return MR_TIME_NONE;
    enum mr_sqlite_time_fit fit = in_range(us + up, ret_us);
    return fit == MR_TIME_EXACT && lost ? MR_TIME_ROUNDED : fit;
}

static inline enum mr_sqlite_time_fit from_text(const char *s, size_t n, bool zoned,
                                                int64_t *ret_us)
{
    if ((n == 10 || n == 19) && common_text(s, n, ret_us))
        return MR_TIME_EXACT;
    return uncommon_text(s, n, zoned, ret_us);
}

enum mr_sqlite_time_fit mr_sqlite_time(const struct mr_sqlite_cell *c, bool zoned, bool millis,
                                       int64_t *ret_us)
{
    switch (c->type) {
    case SQLITE_TEXT:
        return from_text((const char *)sqlite3_column_text(c->q, c->i), c->n, zoned, ret_us);
    case SQLITE_INTEGER:
        return from_integer(sqlite3_column_int64(c->q, c->i), millis, ret_us);
    case SQLITE_FLOAT: /* where whole numbers are milliseconds, a fraction is no Julian day */
        return millis ? MR_TIME_NONE : from_julian(sqlite3_column_double(c->q, c->i), ret_us);
    default:
        return MR_TIME_NONE;
    }
}
