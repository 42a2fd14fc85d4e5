/*
 * What        cells of SQLite as typed values
 * Gets        a row of a statement
 * Guarantees  exact or refused: nothing is rounded, clamped or guessed
 * Why         SQLite stores what it is given: '12.3' in a DECIMAL column may be an integer, a float or text
 * Source      sqlite.org/datatype3.html
 */
#include "consumer/sqlite/sqlite_values.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/timeutil.h"
#include "base/utf8.h"
#include "column/builder.h"

/* ---- types ---- */

static bool decimal_args(const char *d, struct mr_type *ret)
{
    int p, s = 0, used = 0;
    const char *open = strchr(d, '(');
    if (!open)
        return false;
    if (sscanf(open, " ( %d , %d )%n", &p, &s, &used) != 2 &&
        sscanf(open, " ( %d )%n", &p, &used) != 1)
        return false;
    if (!used || p < 1 || p > 38 || s < 0 || s > p)
        return false;
    *ret = (struct mr_type){ MR_TYPE_DECIMAL, (uint8_t)p, (uint8_t)s };
    return true;
}

struct mr_type mr_sqlite_type(const char *declared)
{
    const char *d = declared ? declared : "";
    struct mr_type t = { .id = MR_TYPE_STRING };
    if (strncasecmp(d, "BOOL", 4) == 0)
        t.id = MR_TYPE_BOOL;
    else if (strncasecmp(d, "DATETIME", 8) == 0 || strncasecmp(d, "TIMESTAMP", 9) == 0)
        t.id = MR_TYPE_TIMESTAMP_NTZ;
    else if (strcasecmp(d, "DATE") == 0)
        t.id = MR_TYPE_DATE;
    else if (strncasecmp(d, "DEC", 3) == 0 || strncasecmp(d, "NUMERIC", 7) == 0) {
        if (!decimal_args(d, &t))
            t = (struct mr_type){ MR_TYPE_DECIMAL, 38, 18 };
    } else if (strcasestr(d, "INT"))
        t.id = MR_TYPE_INT64;
    else if (strcasestr(d, "CHAR") || strcasestr(d, "CLOB") || strcasestr(d, "TEXT"))
        t.id = MR_TYPE_STRING;
    else if (strcasestr(d, "BLOB"))
        t.id = MR_TYPE_BINARY;
    else if (strcasestr(d, "REAL") || strcasestr(d, "FLOA") || strcasestr(d, "DOUB"))
        t.id = MR_TYPE_FLOAT64;
    return t;
}

/* ---- cells ---- */

#define NOT_INT "it is not a whole number of 64 bits"
#define NOT_NUMBER "it is not a number"
#define NOT_DECIMAL "it does not fit the precision and scale of the column without rounding"
#define IS_BLOB "it is a blob"

/* [+-]digits, nothing else, within int64. */
static bool parse_int(const char *s, size_t n, int64_t *ret)
{
    bool negative = n && s[0] == '-';
    size_t i = n && (s[0] == '-' || s[0] == '+');
    uint64_t v = 0, limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    if (i == n)
        return false;
    for (; i < n; i++) {
        unsigned d = (unsigned)(s[i] - '0');
        if (d > 9 || v > (limit - d) / 10)
            return false;
        v = v * 10 + d;
    }
    *ret = negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

static bool real_to_int(double d, int64_t *ret)
{
    if (!(d >= -9223372036854775808.0 && d < 9223372036854775808.0) || d != floor(d))
        return false;
    *ret = (int64_t)d;
    return true;
}

static bool cell_int(const struct mr_sqlite_cell *c, int64_t *ret)
{
    switch (c->type) {
    case SQLITE_INTEGER:
        *ret = sqlite3_column_int64(c->q, c->i);
        return true;
    case SQLITE_FLOAT:
        return real_to_int(sqlite3_column_double(c->q, c->i), ret);
    case SQLITE_TEXT: {
        const char *s = (const char *)sqlite3_column_text(c->q, c->i);
        return parse_int(s, c->n, ret);
    }
    default:
        return false;
    }
}

static const char *put_long(const struct mr_sqlite_cell *c, struct mr_type t, struct mr_array *a,
                            int64_t r)
{
    int64_t v = 0;
    (void)t;
    if (!cell_int(c, &v))
        return NOT_INT;
    mr_put_i64(a, r, v);
    return NULL;
}

static const char *put_bool(const struct mr_sqlite_cell *c, struct mr_type t, struct mr_array *a,
                            int64_t r)
{
    int64_t v = -1;
    (void)t;
    if (c->type == SQLITE_TEXT) {
        const char *s = (const char *)sqlite3_column_text(c->q, c->i);
        v = strcasecmp(s, "true") == 0 || strcasecmp(s, "t") == 0    ? 1
            : strcasecmp(s, "false") == 0 || strcasecmp(s, "f") == 0 ? 0
                                                                     : -1;
    }
    if (v < 0 && !cell_int(c, &v))
        return "it is neither 0, 1, true nor false";
    if (v != 0 && v != 1)
        return "it is neither 0, 1, true nor false";
    mr_put_bool(a, r, v == 1);
    return NULL;
}

static const char *put_double(const struct mr_sqlite_cell *c, struct mr_type t, struct mr_array *a,
                              int64_t r)
{
    (void)t;
    double d = 0;
    int64_t v;
    switch (c->type) {
    case SQLITE_FLOAT:
        d = sqlite3_column_double(c->q, c->i);
        break;
    case SQLITE_INTEGER:
        v = sqlite3_column_int64(c->q, c->i);
        d = (double)v;
        if (d >= 9223372036854775808.0 || (int64_t)d != v)
            return "a double cannot hold this whole number exactly";
        break;
    default:
        return NOT_NUMBER;
    }
    mr_put_f64(a, r, d);
    return NULL;
}

/* "[+-]ddd[.ddd][e[+-]dd]" as an unscaled integer of the given scale; false when digits would be lost. */
static bool parse_decimal(const char *s, size_t n, struct mr_type t, __int128 *ret)
{
    unsigned __int128 v = 0, limit = 1;
    const char *end = s + n;
    bool negative = s < end && *s == '-', point = false, any = false;
    int scale = 0, exponent = 0;
    for (int i = 0; i < t.precision; i++)
        limit *= 10;
    if (s < end && (*s == '-' || *s == '+'))
        s++;
    for (; s < end && (isdigit((unsigned char)*s) || (*s == '.' && !point)); s++) {
        if (*s == '.') {
            point = true;
            continue;
        }
        any = true;
        if (v > ((unsigned __int128)-1 - 9) / 10)
            return false;
        v = v * 10 + (unsigned)(*s - '0');
        scale += point;
    }
    if (s < end && (*s == 'e' || *s == 'E')) {
        char *stop;
        exponent = (int)strtol(s + 1, &stop, 10);
        if (stop == s + 1 || exponent < -400 || exponent > 400)
            return false;
        s = stop;
    }
    if (!any || s != end)
        return false;
    for (scale -= exponent; scale < t.scale; scale++) {
        if (v >= limit)
            return false;
        v *= 10;
    }
    for (; scale > t.scale; scale--) {
        if (v % 10)
            return false;
        v /= 10;
    }
    if (v >= limit)
        return false;
    *ret = negative ? -(__int128)v : (__int128)v;
    return true;
}

/* The shortest text that reads back as d, as people wrote it into the database. */
static int shortest(double d, char *buf, size_t size)
{
    int n = 0;
    for (int digits = 15; digits <= 17; digits++) {
        n = snprintf(buf, size, "%.*e", digits - 1, d);
        if (strtod(buf, NULL) == d)
            break;
    }
    return n;
}

static const char *put_decimal(const struct mr_sqlite_cell *c, struct mr_type t, struct mr_array *a,
                               int64_t r)
{
    char buf[40];
    const char *s = buf;
    size_t n;
    __int128 v;
    switch (c->type) {
    case SQLITE_INTEGER:
        n = (size_t)snprintf(buf, sizeof buf, "%lld", sqlite3_column_int64(c->q, c->i));
        break;
    case SQLITE_FLOAT:
        if (!isfinite(sqlite3_column_double(c->q, c->i)))
            return NOT_NUMBER;
        n = (size_t)shortest(sqlite3_column_double(c->q, c->i), buf, sizeof buf);
        break;
    case SQLITE_TEXT:
        s = (const char *)sqlite3_column_text(c->q, c->i);
        n = c->n;
        break;
    default:
        return IS_BLOB;
    }
    if (!parse_decimal(s, n, t, &v))
        return NOT_DECIMAL;
    if (t.precision <= 18)
        mr_put_i64(a, r, (int64_t)v);
    else
        mr_put_i128(a, r, v);
    return NULL;
}

static const char *time_text(const struct mr_sqlite_cell *c, const char **ret, size_t *ret_n)
{
    if (c->type != SQLITE_TEXT)
        return "it is a number, which may count seconds, milliseconds or days; only text is read "
               "as a date";
    *ret = (const char *)sqlite3_column_text(c->q, c->i);
    *ret_n = c->n;
    return NULL;
}

static const char *put_date(const struct mr_sqlite_cell *c, struct mr_type t, struct mr_array *a,
                            int64_t r)
{
    const char *s = NULL;
    size_t n = 0;
    int64_t us;
    (void)t;
    const char *why = time_text(c, &s, &n);
    if (why)
        return why;
    if (n != 10 || memcmp(s, "0000", 4) == 0 || !mr_time_parse(s, n, &us))
        return "it is not a date as YYYY-MM-DD, years 0001 to 9999";
    mr_put_i32(a, r, (int32_t)(us / 86400000000 - (us % 86400000000 < 0)));
    return NULL;
}

static const char *put_timestamp(const struct mr_sqlite_cell *c, struct mr_type t,
                                 struct mr_array *a, int64_t r)
{
    const char *s = NULL;
    size_t n = 0;
    int64_t us;
    (void)t;
    const char *why = time_text(c, &s, &n);
    if (why)
        return why;
    bool plain = n == 19 && s[16] == ':'; /* to the second: no room for a fraction or a zone */
    const char *dot = plain ? NULL : memchr(s, '.', n);
    bool zone =
        !plain && n > 10 &&
        (memchr(s + 10, 'Z', n - 10) || memchr(s + 10, '+', n - 10) || memchr(s + 10, '-', n - 10));
    if (zone || (dot && (size_t)(s + n - dot) > 7) || n < 10 || memcmp(s, "0000", 4) == 0 ||
        !mr_time_parse(s, n, &us))
        return "it is not a time as YYYY-MM-DD HH:MM:SS[.ffffff] without a zone, years 0001 to "
               "9999";
    mr_put_i64(a, r, us);
    return NULL;
}

static const char *put_string(const struct mr_sqlite_cell *c, struct mr_type t, struct mr_array *a,
                              int64_t r)
{
    (void)t;
    if (c->type == SQLITE_BLOB)
        return IS_BLOB;
    const char *s = (const char *)sqlite3_column_text(c->q, c->i);
    size_t n = c->type == SQLITE_TEXT ? c->n : (size_t)sqlite3_column_bytes(c->q, c->i);
    if (!mr_utf8_valid(s, n))
        return "its text is not valid UTF-8";
    return mr_put_bytes(a, r, s, n, NULL) == MR_OK ? NULL : "there is no memory for it";
}

static const char *put_binary(const struct mr_sqlite_cell *c, struct mr_type t, struct mr_array *a,
                              int64_t r)
{
    int type = c->type;
    (void)t;
    if (type != SQLITE_BLOB && type != SQLITE_TEXT)
        return "it is a number";
    const void *p = sqlite3_column_blob(c->q, c->i);
    size_t n = c->n;
    return mr_put_bytes(a, r, p ? p : "", n, NULL) == MR_OK ? NULL : "there is no memory for it";
}

mr_sqlite_put_fn mr_sqlite_put(struct mr_type t)
{
    switch (t.id) {
    case MR_TYPE_BOOL:
        return put_bool;
    case MR_TYPE_INT64:
        return put_long;
    case MR_TYPE_FLOAT64:
        return put_double;
    case MR_TYPE_DECIMAL:
        return put_decimal;
    case MR_TYPE_DATE:
        return put_date;
    case MR_TYPE_TIMESTAMP_NTZ:
        return put_timestamp;
    case MR_TYPE_BINARY:
        return put_binary;
    case MR_TYPE_STRING:
    case MR_TYPE_INT8:
    case MR_TYPE_INT16:
    case MR_TYPE_INT32:
    case MR_TYPE_FLOAT32:
    case MR_TYPE_TIMESTAMP:
    case MR_TYPE_LIST:
    case MR_TYPE_STRUCT:
    case MR_TYPE_MAP:
        break;
    }
    return put_string;
}
