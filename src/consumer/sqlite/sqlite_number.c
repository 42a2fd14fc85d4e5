/*
 * What        numbers as SQLite keeps and prints them: exact text of a real, text as decimal or double
 * Guarantees  says whether a digit was lost; depends on no version of SQLite's own printf
 * Source      sqlite.org/printf.html ("%!.15g"); IEEE 754: 17 digits name any double
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumer/sqlite/sqlite_values.h"

#define MAX_DIGITS 60
#define MAX_EXPONENT 100000

/* ---- a real as text ---- */

/* The digits of "d.dddde[+-]xx" without trailing zeros; returns how many. */
static int significant(const char *e, char *out)
{
    int n = 0;
    for (; *e != 'e'; e++)
        if (isdigit((unsigned char)*e))
            out[n++] = *e;
    while (n > 1 && out[n - 1] == '0')
        n--;
    return n;
}

/* Digits with the point after the first `before` of them; a digit stands on each side of it. */
static size_t put_point(const char *digits, int n, int before, char *out)
{
    char *p = out;
    if (before < 1) {
        *p++ = '0';
        *p++ = '.';
        for (int i = before; i < 0; i++)
            *p++ = '0';
        memcpy(p, digits, (size_t)n);
        return (size_t)(p + n - out);
    }
    for (int i = 0; i < before; i++)
        *p++ = i < n ? digits[i] : '0';
    *p++ = '.';
    for (int i = before; i < n; i++)
        *p++ = digits[i];
    if (n <= before)
        *p++ = '0';
    return (size_t)(p - out);
}

size_t mr_sqlite_real_text(double d, char buf[MR_SQLITE_REAL_TEXT])
{
    char e[MR_SQLITE_REAL_TEXT], digits[MR_SQLITE_REAL_TEXT];
    int precision = 15;
    if (!isfinite(d))
        return (size_t)snprintf(buf, MR_SQLITE_REAL_TEXT, "%s", d > 0 ? "Inf" : "-Inf");
    for (; precision <= 17; precision++) {
        snprintf(e, sizeof e, "%.*e", precision - 1, d);
        if (strtod(e, NULL) == d)
            break;
    }
    int n = significant(e, digits), exponent = (int)strtol(strchr(e, 'e') + 1, NULL, 10);
    bool scientific = exponent < -4 || exponent >= precision;
    size_t at = 0;
    if (e[0] == '-')
        buf[at++] = '-';
    at += put_point(digits, n, scientific ? 1 : exponent + 1, buf + at);
    if (scientific)
        at += (size_t)snprintf(buf + at, MR_SQLITE_REAL_TEXT - at, "e%+03d", exponent);
    buf[at] = '\0';
    return at;
}

/* ---- text as a number ---- */

/* A number's digits without the zeros at both ends: 0.d1d2d3... times ten to the `point`. */
struct digits {
    bool negative, infinite;
    int n;     /* significant digits; 0: the number is 0 */
    int point; /* digits before the decimal point */
    const char *first;
};

static bool exponent_of(const char *s, const char *end, int *ret)
{
    bool negative = s < end && *s == '-';
    int v = 0;
    if (s < end && (*s == '-' || *s == '+'))
        s++;
    if (s == end)
        return false;
    for (; s < end; s++) {
        if (!isdigit((unsigned char)*s))
            return false;
        v = v < MAX_EXPONENT ? v * 10 + (*s - '0') : v;
    }
    *ret = negative ? -v : v;
    return true;
}

static bool infinity(const char *s, const char *end, struct digits *ret)
{
    ret->infinite = end - s == 3 && memcmp(s, "Inf", 3) == 0;
    return ret->infinite;
}

/* Walks s once; digits are counted from the first that is not 0 to the last that is not 0. */
static bool split(const char *s, size_t len, struct digits *ret)
{
    const char *end = s + len, *point = NULL;
    struct digits d = { .negative = s < end && *s == '-' };
    int exponent = 0, zeros = 0, leading = 0;
    bool any = false;
    if (s < end && (*s == '-' || *s == '+'))
        s++;
    *ret = d;
    if (infinity(s, end, ret))
        return true;
    for (; s < end && (isdigit((unsigned char)*s) || (*s == '.' && !point)); s++) {
        if (*s == '.') {
            point = s;
            continue;
        }
        any = true;
        if (*s == '0' && !d.first) {
            leading += point != NULL;
            continue;
        }
        d.first = d.first ? d.first : s;
        d.point += point == NULL;
        d.n += *s == '0' ? 0 : zeros + 1;
        zeros = *s == '0' ? zeros + 1 : 0;
    }
    if (!any || (s < end && *s != 'e' && *s != 'E'))
        return false;
    if (s < end && !exponent_of(s + 1, end, &exponent))
        return false;
    d.point += exponent - leading;
    *ret = d;
    return true;
}

bool mr_sqlite_scan(const char *s, size_t n, int scale, struct mr_sqlite_number *ret)
{
    struct digits d;
    if (!split(s, n, &d))
        return false;
    *ret = (struct mr_sqlite_number){ .negative = d.negative };
    int whole = d.point + scale; /* digits that stay */
    ret->over = d.infinite || (d.n > 0 && whole > 38);
    if (ret->over || d.n == 0)
        return true;
    const char *p = d.first;
    int used = 0, next = 0;
    for (; used < d.n && used < whole; p++)
        if (*p != '.') {
            ret->v = ret->v * 10 + (unsigned)(*p - '0');
            used++;
        }
    for (int i = used; i < whole; i++)
        ret->v *= 10;
    ret->lost = used < d.n;
    if (ret->lost && whole >= 0) {
        p += *p == '.';
        next = *p - '0';
    }
    ret->v += next >= 5;
    return true;
}

/* Do the first digits of "d.ddde[+-]xx" say the same number? */
static bool same_digits(const struct digits *d, const char *e)
{
    const char *p = d->first;
    const char *x = strchr(e, 'e');
    if ((int)strtol(x + 1, NULL, 10) + 1 != d->point)
        return false;
    e += *e == '-';
    for (int i = 0; i < d->n; i++, e++, p++) {
        p += *p == '.';
        e += *e == '.';
        if (*p != *e)
            return false;
    }
    return true;
}

bool mr_sqlite_to_double(const char *s, size_t n, double *ret, bool *ret_exact)
{
    struct digits d;
    char e[MAX_DIGITS + 16];
    if (!split(s, n, &d))
        return false;
    double v = strtod(s, NULL); /* SQLite's text ends with a NUL */
    *ret_exact = d.n == 0 || d.infinite;
    if (!*ret_exact && d.n <= MAX_DIGITS && isfinite(v) && v != 0) {
        snprintf(e, sizeof e, "%.*e", d.n - 1, v);
        *ret_exact = same_digits(&d, e);
    }
    *ret = v;
    return true;
}
