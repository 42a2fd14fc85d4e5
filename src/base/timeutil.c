/*
 * What        clocks, calendar, ISO 8601
 * Guarantees  independent of TZ and locale
 */
#include "base/timeutil.h"

#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

static int64_t clock_us(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t mr_now_us(void)
{
    return clock_us(CLOCK_REALTIME);
}

int64_t mr_mono_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

double mr_cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int64_t mr_days_from_civil(int64_t y, int m, int d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

void mr_civil_from_days(int64_t z, int64_t *ret_year, int *ret_month, int *ret_day)
{
    z += 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *ret_day = (int)(doy - (153 * mp + 2) / 5 + 1);
    *ret_month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *ret_year = yoe + era * 400 + (*ret_month <= 2);
}

bool mr_date_valid(int64_t y, int m, int d)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    if (m < 1 || m > 12 || d < 1)
        return false;
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    return d <= days[m - 1] + (m == 2 && leap);
}

static int64_t floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;
    return q - (a % b < 0);
}

static void split(int64_t us, int64_t *y, int *mo, int *d, int *h, int *mi, int *s, int *f)
{
    int64_t secs = floor_div(us, 1000000);
    *f = (int)(us - secs * 1000000);
    int64_t days = floor_div(secs, 86400);
    int sod = (int)(secs - days * 86400);
    mr_civil_from_days(days, y, mo, d);
    *h = sod / 3600, *mi = sod / 60 % 60, *s = sod % 60;
}

char *mr_time_iso(int64_t us, char *buf)
{
    int64_t y;
    int mo, d, h, mi, s, f;
    split(us, &y, &mo, &d, &h, &mi, &s, &f);
    snprintf(buf, MR_TIME_TEXT, "%04lld-%02d-%02dT%02d:%02d:%02d.%06dZ", (long long)y, mo, d, h, mi,
             s, f);
    return buf;
}

char *mr_time_log(int64_t us, char *buf)
{
    int64_t y;
    int mo, d, h, mi, s, f;
    split(us, &y, &mo, &d, &h, &mi, &s, &f);
    snprintf(buf, MR_TIME_TEXT, "%04lld-%02d-%02dT%02d:%02d:%02d.%03dZ", (long long)y, mo, d, h, mi,
             s, f / 1000);
    return buf;
}

/* Exactly n digits at *s. */
static bool digits(const char **s, const char *end, int n, int *ret)
{
    int v = 0;
    if (end - *s < n)
        return false;
    for (int i = 0; i < n; i++) {
        char c = (*s)[i];
        if (c < '0' || c > '9')
            return false;
        v = v * 10 + (c - '0');
    }
    *s += n;
    *ret = v;
    return true;
}

static bool one(const char **s, const char *end, char c)
{
    if (*s >= end || **s != c)
        return false;
    (*s)++;
    return true;
}

static bool parse_clock(const char **s, const char *end, int64_t *ret_us)
{
    int h, m, sec = 0, frac = 0, scale = 100000;
    if (!digits(s, end, 2, &h) || !one(s, end, ':') || !digits(s, end, 2, &m))
        return false;
    if (one(s, end, ':') && !digits(s, end, 2, &sec))
        return false;
    if (one(s, end, '.')) {
        const char *start = *s;
        for (; *s < end && **s >= '0' && **s <= '9' && scale; (*s)++, scale /= 10)
            frac += (**s - '0') * scale;
        if (*s == start)
            return false;
    }
    if (h > 23 || m > 59 || sec > 59)
        return false;
    *ret_us = (int64_t)(h * 3600 + m * 60 + sec) * 1000000 + frac;
    return true;
}

static bool parse_zone(const char **s, const char *end, int64_t *ret_us)
{
    *ret_us = 0;
    if (*s == end || one(s, end, 'Z'))
        return true;
    int sign = one(s, end, '+') ? 1 : one(s, end, '-') ? -1 : 0;
    int h, m = 0;
    if (!sign || !digits(s, end, 2, &h))
        return false;
    bool colon = one(s, end, ':');
    if ((colon || *s < end) && !digits(s, end, 2, &m))
        return false;
    *ret_us = (int64_t)sign * (h * 60 + m) * 60000000;
    return h <= 15 && m <= 59;
}

bool mr_time_parse(const char *s, size_t n, int64_t *ret_us)
{
    const char *end = s + n;
    int y, m, d;
    int64_t clock = 0, zone = 0;
    if (!digits(&s, end, 4, &y) || !one(&s, end, '-') || !digits(&s, end, 2, &m) ||
        !one(&s, end, '-') || !digits(&s, end, 2, &d) || !mr_date_valid(y, m, d))
        return false;
    if (s < end) {
        if (!one(&s, end, 'T') && !one(&s, end, ' '))
            return false;
        if (!parse_clock(&s, end, &clock) || !parse_zone(&s, end, &zone))
            return false;
    }
    *ret_us = mr_days_from_civil(y, m, d) * 86400000000 + clock - zone;
    return s == end;
}
