/*
 * What        cells of SQLite as typed values, when that is exact
 * Gets        a row of a statement
 * Guarantees  exact or refused: nothing is rounded, clamped or guessed here (sqlite_bad.c does what a policy asks for)
 * Why         SQLite stores what it is given: '12.3' in a DECIMAL column may be an integer, a float or text. A function per
 *             landing type, chosen once, looks at the storage class of each cell
 * Source      sqlite.org/datatype3.html
 */
#include "consumer/sqlite/sqlite_values.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"
#include "column/builder.h"
#include "column/schema.h"

#define DAY_US 86400000000

/* ---- types ---- */

/* (p), (p,s) as Delta can hold it; false when that needs more than 38 digits. */
static bool decimal_args(const char *d, struct mr_type *ret)
{
    int p, s = 0, used = 0;
    const char *open = strchr(d, '(');
    *ret = (struct mr_type){ MR_TYPE_DECIMAL, 38, 18 };
    if (!open || (sscanf(open, " ( %d , %d )%n", &p, &s, &used) != 2 &&
                  sscanf(open, " ( %d )%n", &p, &used) != 1))
        return true;
    if (!used || p < 1)
        return true;
    if (s < -38 || s > 38 || p > 38)
        return false;
    int digits = s < 0 ? p - s : s > p ? s : p;
    *ret = (struct mr_type){ MR_TYPE_DECIMAL, (uint8_t)digits, (uint8_t)(s < 0 ? 0 : s) };
    return digits <= 38;
}

static bool starts(const char *s, const char *with)
{
    return strncasecmp(s, with, strlen(with)) == 0;
}

static bool has(const char *s, const char *word)
{
    return strcasestr(s, word) != NULL;
}

struct mr_type mr_sqlite_type(const char *declared)
{
    const char *d = declared ? declared : "";
    struct mr_type t = { .id = MR_TYPE_STRING };
    if (starts(d, "BOOL"))
        t.id = MR_TYPE_BOOL;
    else if (starts(d, "TIMESTAMP") && (has(d, "TIMESTAMPTZ") || has(d, "WITH TIME ZONE")))
        t.id = MR_TYPE_TIMESTAMP;
    else if (starts(d, "DATETIME") || starts(d, "TIMESTAMP"))
        t.id = MR_TYPE_TIMESTAMP_NTZ;
    else if (strcasecmp(d, "DATE") == 0)
        t.id = MR_TYPE_DATE;
    else if (starts(d, "DEC") || starts(d, "NUMERIC")) {
        if (!decimal_args(d, &t))
            t = (struct mr_type){ .id = MR_TYPE_STRING };
    } else if (has(d, "INT"))
        t.id = MR_TYPE_INT64;
    else if (has(d, "CHAR") || has(d, "CLOB") || has(d, "TEXT"))
        t.id = MR_TYPE_STRING;
    else if (has(d, "BLOB"))
        t.id = MR_TYPE_BINARY;
    else if (has(d, "REAL") || has(d, "FLOA") || has(d, "DOUB"))
        t.id = MR_TYPE_FLOAT64;
    return t;
}

/* In the order in which mr_sqlite_type looks for them; `such` is one that it is asked about. */
static const struct {
    const char *such, *declared, *notes;
} g_docs[] = {
    { "BOOLEAN", "BOOL...", "0, 1, true, false, t, f" },
    { "TIMESTAMPTZ", "TIMESTAMPTZ, TIMESTAMP WITH TIME ZONE",
      "as TIMESTAMP; with Z or +hh:mm that instant, without a zone UTC, as SQLite reads it" },
    { "TIMESTAMP", "DATETIME..., TIMESTAMP...",
      "YYYY-MM-DD [HH:MM[:SS[.ffffff]]], with a space or T, without a zone; numbers as below" },
    { "DATE", "DATE", "YYYY-MM-DD, also with midnight behind; numbers as below, at midnight" },
    { "NUMERIC", "DECIMAL, NUMERIC",
      "numbers without more digits than the type; floats as their shortest text. (p,s): "
      "decimal(p,s); s < 0: decimal(p-s,0); s > p: decimal(s,s); more than 38 digits: string" },
    { "INTEGER", "...INT...", "whole numbers of 64 bits, also as float or text" },
    { "TEXT", "...CHAR..., CLOB, TEXT",
      "text in UTF-8, NUL characters too; numbers as text (below); not blobs" },
    { "BLOB", "BLOB", "blobs; the bytes of text" },
    { "DOUBLE", "REAL, FLOA..., DOUB...",
      "floats; whole numbers that a double holds exactly; text that the double, printed with as "
      "many digits, is again" },
    { "", "none, anything else", "as TEXT" },
};

bool mr_sqlite_type_doc(int i, char *buf, struct mr_type_doc *ret)
{
    if (i >= (int)(sizeof g_docs / sizeof *g_docs))
        return false;
    const char *lands = mr_type_name(mr_sqlite_type(g_docs[i].such), buf);
    *ret = (struct mr_type_doc){ g_docs[i].declared, lands, g_docs[i].notes };
    return true;
}

bool mr_sqlite_millis(const char *declared)
{
    return declared && (has(declared, "_MS") || has(declared, "MILLIS"));
}

/* ---- whole numbers ---- */

static const char *text_of(const struct mr_sqlite_cell *c)
{
    return (const char *)sqlite3_column_text(c->q, c->i);
}

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
    case SQLITE_TEXT:
        return parse_int(text_of(c), c->n, ret);
    default:
        return false;
    }
}

#define PUT(name)                                                                                  \
    static enum mr_sqlite_fit name(const struct mr_sqlite_cell *c,                                 \
                                   const struct mr_sqlite_column *col, struct mr_array *a,         \
                                   int64_t r)

PUT(put_long)
{
    int64_t v;
    (void)col;
    if (!cell_int(c, &v))
        return MR_CELL_BAD;
    mr_put_i64(a, r, v);
    return MR_CELL_PUT;
}

PUT(put_integer)
{
    int64_t v;
    (void)col;
    if (!cell_int(c, &v) || v < INT32_MIN || v > INT32_MAX)
        return MR_CELL_BAD;
    mr_put_i32(a, r, (int32_t)v);
    return MR_CELL_PUT;
}

PUT(put_short)
{
    int64_t v;
    (void)col;
    if (!cell_int(c, &v) || v < INT16_MIN || v > INT16_MAX)
        return MR_CELL_BAD;
    mr_put_i16(a, r, (int16_t)v);
    return MR_CELL_PUT;
}

PUT(put_byte)
{
    int64_t v;
    (void)col;
    if (!cell_int(c, &v) || v < INT8_MIN || v > INT8_MAX)
        return MR_CELL_BAD;
    mr_put_i8(a, r, (int8_t)v);
    return MR_CELL_PUT;
}

static int bool_word(const char *s, size_t n)
{
    static const char *const words[] = { "f", "t", "false", "true" };
    for (int i = 0; i < 4; i++)
        if (n == strlen(words[i]) && strncasecmp(s, words[i], n) == 0)
            return i & 1;
    return -1;
}

PUT(put_bool)
{
    int64_t v = c->type == SQLITE_TEXT ? bool_word(text_of(c), c->n) : -1;
    (void)col;
    if (v < 0 && !cell_int(c, &v))
        return MR_CELL_BAD;
    if (v != 0 && v != 1)
        return MR_CELL_BAD;
    mr_put_bool(a, r, v == 1);
    return MR_CELL_PUT;
}

/* ---- floats and decimals ---- */

static bool cell_double(const struct mr_sqlite_cell *c, double *ret)
{
    int64_t v;
    bool exact = false;
    switch (c->type) {
    case SQLITE_FLOAT:
        *ret = sqlite3_column_double(c->q, c->i);
        return true;
    case SQLITE_INTEGER:
        v = sqlite3_column_int64(c->q, c->i);
        *ret = (double)v;
        return *ret < 9223372036854775808.0 && (int64_t)*ret == v;
    case SQLITE_TEXT:
        return mr_sqlite_to_double(text_of(c), c->n, ret, &exact) && exact;
    default:
        return false;
    }
}

PUT(put_double)
{
    double d;
    (void)col;
    if (!cell_double(c, &d))
        return MR_CELL_BAD;
    mr_put_f64(a, r, d);
    return MR_CELL_PUT;
}

PUT(put_float)
{
    double d;
    (void)col;
    if (!cell_double(c, &d) || (double)(float)d != d)
        return MR_CELL_BAD;
    mr_put_f32(a, r, (float)d);
    return MR_CELL_PUT;
}

static const int64_t g_tens[] = {
    1LL,
    10LL,
    100LL,
    1000LL,
    10000LL,
    100000LL,
    1000000LL,
    10000000LL,
    100000000LL,
    1000000000LL,
    10000000000LL,
    100000000000LL,
    1000000000000LL,
    10000000000000LL,
    100000000000000LL,
    1000000000000000LL,
    10000000000000000LL,
    100000000000000000LL,
    1000000000000000000LL,
};

static bool put_unscaled(struct mr_type t, struct mr_array *a, int64_t r, int64_t v)
{
    if (t.precision < 19 && (v >= g_tens[t.precision] || v <= -g_tens[t.precision]))
        return false;
    if (t.precision <= 18)
        mr_put_i64(a, r, v);
    else
        mr_put_i128(a, r, v);
    return true;
}

/* A float whose decimal has at most 15 digits: v / 10^s reads back as d, and no other decimal so short does. */
static bool short_decimal(double d, int scale, int64_t *ret)
{
    if (scale > 15)
        return false;
    double scaled = d * (double)g_tens[scale];
    if (!(scaled > -1e15 && scaled < 1e15))
        return false;
    *ret = (int64_t)llrint(scaled);
    return *ret > -1000000000000000 && *ret < 1000000000000000 &&
           (double)*ret / (double)g_tens[scale] == d;
}

static bool put_scanned(const char *s, size_t n, struct mr_type t, struct mr_array *a, int64_t r)
{
    struct mr_sqlite_number x;
    unsigned __int128 limit = 1;
    for (int i = 0; i < t.precision; i++)
        limit *= 10;
    if (!mr_sqlite_scan(s, n, t.scale, &x) || x.lost || x.over || x.v >= limit)
        return false;
    __int128 v = x.negative ? -(__int128)x.v : (__int128)x.v;
    if (t.precision <= 18)
        mr_put_i64(a, r, (int64_t)v);
    else
        mr_put_i128(a, r, v);
    return true;
}

static bool integer_decimal(int64_t v, struct mr_type t, struct mr_array *a, int64_t r)
{
    char buf[MR_SQLITE_REAL_TEXT];
    int64_t scaled;
    if (t.scale <= 18 && !__builtin_mul_overflow(v, g_tens[t.scale], &scaled))
        return put_unscaled(t, a, r, scaled);
    return put_scanned(buf, (size_t)snprintf(buf, sizeof buf, "%lld", (long long)v), t, a, r);
}

static bool real_decimal(double d, struct mr_type t, struct mr_array *a, int64_t r)
{
    char buf[MR_SQLITE_REAL_TEXT];
    int64_t scaled;
    if (short_decimal(d, t.scale, &scaled))
        return put_unscaled(t, a, r, scaled);
    return put_scanned(buf, mr_sqlite_real_text(d, buf), t, a, r);
}

PUT(put_decimal)
{
    bool fits = false;
    if (c->type == SQLITE_INTEGER)
        fits = integer_decimal(sqlite3_column_int64(c->q, c->i), col->type, a, r);
    else if (c->type == SQLITE_FLOAT)
        fits = real_decimal(sqlite3_column_double(c->q, c->i), col->type, a, r);
    else if (c->type == SQLITE_TEXT)
        fits = put_scanned(text_of(c), c->n, col->type, a, r);
    return fits ? MR_CELL_PUT : MR_CELL_BAD;
}

/* ---- times ---- */

PUT(put_date)
{
    int64_t us;
    if (mr_sqlite_time(c, false, col->millis, &us) != MR_TIME_EXACT)
        return MR_CELL_BAD;
    int64_t days = us / DAY_US - (us % DAY_US < 0);
    if (days * DAY_US != us)
        return MR_CELL_BAD;
    mr_put_i32(a, r, (int32_t)days);
    return MR_CELL_PUT;
}

PUT(put_timestamp_ntz)
{
    int64_t us;
    if (mr_sqlite_time(c, false, col->millis, &us) != MR_TIME_EXACT)
        return MR_CELL_BAD;
    mr_put_i64(a, r, us);
    return MR_CELL_PUT;
}

PUT(put_timestamp)
{
    int64_t us;
    if (mr_sqlite_time(c, true, col->millis, &us) != MR_TIME_EXACT)
        return MR_CELL_BAD;
    mr_put_i64(a, r, us);
    return MR_CELL_PUT;
}

/* ---- bytes ---- */

static enum mr_sqlite_fit put_bytes(struct mr_array *a, int64_t r, const void *p, size_t n)
{
    return mr_put_bytes(a, r, p, n, NULL) == MR_OK ? MR_CELL_PUT : MR_CELL_NO_MEMORY;
}

PUT(put_string)
{
    char buf[MR_SQLITE_REAL_TEXT];
    const char *s = buf;
    size_t n = c->n;
    (void)col;
    switch (c->type) {
    case SQLITE_TEXT:
        s = text_of(c);
        if (!mr_utf8_valid(s, n))
            return MR_CELL_BAD;
        break;
    case SQLITE_INTEGER:
        n = (size_t)snprintf(buf, sizeof buf, "%lld", sqlite3_column_int64(c->q, c->i));
        break;
    case SQLITE_FLOAT:
        n = mr_sqlite_real_text(sqlite3_column_double(c->q, c->i), buf);
        break;
    default:
        return MR_CELL_BAD;
    }
    return put_bytes(a, r, s, n);
}

PUT(put_binary)
{
    (void)col;
    if (c->type != SQLITE_BLOB && c->type != SQLITE_TEXT)
        return MR_CELL_BAD;
    const void *p = sqlite3_column_blob(c->q, c->i);
    return put_bytes(a, r, p ? p : "", c->n);
}

mr_sqlite_put_fn mr_sqlite_put(struct mr_type t)
{
    static const mr_sqlite_put_fn puts[] = {
        [MR_TYPE_BOOL] = put_bool,           [MR_TYPE_INT8] = put_byte,
        [MR_TYPE_INT16] = put_short,         [MR_TYPE_INT32] = put_integer,
        [MR_TYPE_INT64] = put_long,          [MR_TYPE_FLOAT32] = put_float,
        [MR_TYPE_FLOAT64] = put_double,      [MR_TYPE_DECIMAL] = put_decimal,
        [MR_TYPE_DATE] = put_date,           [MR_TYPE_TIMESTAMP_NTZ] = put_timestamp_ntz,
        [MR_TYPE_TIMESTAMP] = put_timestamp, [MR_TYPE_STRING] = put_string,
        [MR_TYPE_BINARY] = put_binary,
    };
    return (size_t)t.id < sizeof puts / sizeof *puts ? puts[t.id] : NULL;
}
