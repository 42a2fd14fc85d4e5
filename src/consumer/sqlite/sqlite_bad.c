/*
 * What        cells that do not fit: their exact text, and what the column's policy makes of them
 * Guarantees  every one is told, whatever the policy; nothing changes that was not asked for
 * Why         apart from sqlite_values.c, so that the path of ordinary cells stays short
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "column/builder.h"
#include "consumer/sqlite/sqlite_values.h"

#define DAY_US 86400000000
#define INVALID_UTF8 "invalid-utf8:"

/* ---- exact text ---- */

static void put_hex(struct mr_buf *out, const unsigned char *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    mr_buf_reserve(out, 2 * n);
    for (size_t i = 0; i < n; i++) {
        mr_buf_putc(out, digits[p[i] >> 4]);
        mr_buf_putc(out, digits[p[i] & 15]);
    }
}

static void put_text(struct mr_buf *out, const char *s, size_t n)
{
    if (mr_utf8_valid(s, n)) {
        mr_buf_append(out, s, n);
        return;
    }
    mr_buf_puts(out, INVALID_UTF8);
    put_hex(out, (const unsigned char *)s, n);
}

void mr_sqlite_text(const struct mr_sqlite_cell *c, struct mr_buf *out)
{
    char buf[MR_SQLITE_REAL_TEXT];
    switch (c->type) {
    case SQLITE_INTEGER:
        mr_buf_printf(out, "%lld", sqlite3_column_int64(c->q, c->i));
        break;
    case SQLITE_FLOAT:
        mr_buf_append(out, buf, mr_sqlite_real_text(sqlite3_column_double(c->q, c->i), buf));
        break;
    case SQLITE_TEXT:
        put_text(out, (const char *)sqlite3_column_text(c->q, c->i), c->n);
        break;
    case SQLITE_BLOB:
        put_hex(out, sqlite3_column_blob(c->q, c->i), c->n);
        break;
    default:
        break;
    }
}

/* ---- the nearest value that fits ---- */

/* The largest magnitude of a whole or decimal type on one side of 0; 0 for other types. */
static unsigned __int128 limit_of(struct mr_type t, bool negative)
{
    unsigned __int128 v = 1;
    if (t.id >= MR_TYPE_INT8 && t.id <= MR_TYPE_INT64) {
        int bits = 8 << (t.id - MR_TYPE_INT8);
        return (v << (bits - 1)) - !negative;
    }
    if (t.id != MR_TYPE_DECIMAL)
        return 0;
    for (int i = 0; i < t.precision; i++)
        v *= 10;
    return v - 1;
}

static void put_whole(struct mr_type t, struct mr_array *a, int64_t r, __int128 v)
{
    if (t.id == MR_TYPE_INT8)
        mr_put_i8(a, r, (int8_t)v);
    else if (t.id == MR_TYPE_INT16)
        mr_put_i16(a, r, (int16_t)v);
    else if (t.id == MR_TYPE_INT32)
        mr_put_i32(a, r, (int32_t)v);
    else if (t.id == MR_TYPE_INT64 || t.precision <= 18)
        mr_put_i64(a, r, (int64_t)v);
    else
        mr_put_i128(a, r, v);
}

static bool near_whole(const struct mr_buf *text, struct mr_type t, bool clamp, struct mr_array *a,
                       int64_t r)
{
    struct mr_sqlite_number x;
    if (!mr_sqlite_scan(mr_buf_str(text), text->len, t.id == MR_TYPE_DECIMAL ? t.scale : 0, &x))
        return false;
    unsigned __int128 limit = limit_of(t, x.negative);
    if (x.over || x.v > limit) {
        if (!clamp)
            return false;
        x.v = limit;
    }
    put_whole(t, a, r, x.negative ? -(__int128)x.v : (__int128)x.v);
    return true;
}

static bool near_float(const struct mr_buf *text, struct mr_type t, bool clamp, struct mr_array *a,
                       int64_t r)
{
    double d, most = t.id == MR_TYPE_FLOAT32 ? (double)FLT_MAX : DBL_MAX;
    bool exact;
    if (!mr_sqlite_to_double(mr_buf_str(text), text->len, &d, &exact))
        return false;
    if (t.id == MR_TYPE_FLOAT32)
        d = (double)(float)d;
    if (isinf(d)) {
        if (!clamp)
            return false;
        d = d < 0 ? -most : most;
    }
    if (t.id == MR_TYPE_FLOAT32)
        mr_put_f32(a, r, (float)d);
    else
        mr_put_f64(a, r, d);
    return true;
}

/* Times of day are not rounded away: a date has no nearest but at the ends of the calendar. */
static bool near_time(const struct mr_sqlite_cell *c, const struct mr_sqlite_column *col,
                      bool clamp, struct mr_array *a, int64_t r)
{
    int64_t us = 0;
    bool date = col->type.id == MR_TYPE_DATE;
    switch (mr_sqlite_time(c, col->type.id == MR_TYPE_TIMESTAMP, col->millis, &us)) {
    case MR_TIME_BEFORE:
        us = MR_SQLITE_US_MIN;
        break;
    case MR_TIME_AFTER:
        us = date ? MR_SQLITE_US_MAX + 1 - DAY_US : MR_SQLITE_US_MAX;
        break;
    case MR_TIME_ROUNDED:
        if (date)
            return false;
        mr_put_i64(a, r, us);
        return true;
    case MR_TIME_EXACT:
    case MR_TIME_NONE:
        return false;
    }
    if (!clamp)
        return false;
    if (date)
        mr_put_i32(a, r, (int32_t)(us / DAY_US));
    else
        mr_put_i64(a, r, us);
    return true;
}

static bool put_near(const struct mr_sqlite_cell *c, const struct mr_sqlite_column *col,
                     const struct mr_buf *text, struct mr_array *a, int64_t r)
{
    bool clamp = col->field->on_bad == MR_BAD_CLAMP;
    switch (col->type.id) {
    case MR_TYPE_INT8:
    case MR_TYPE_INT16:
    case MR_TYPE_INT32:
    case MR_TYPE_INT64:
    case MR_TYPE_DECIMAL:
        return c->type != SQLITE_BLOB && near_whole(text, col->type, clamp, a, r);
    case MR_TYPE_FLOAT32:
    case MR_TYPE_FLOAT64:
        return c->type != SQLITE_BLOB && near_float(text, col->type, clamp, a, r);
    case MR_TYPE_DATE:
    case MR_TYPE_TIMESTAMP:
    case MR_TYPE_TIMESTAMP_NTZ:
        return near_time(c, col, clamp, a, r);
    case MR_TYPE_BOOL:
    case MR_TYPE_STRING:
    case MR_TYPE_BINARY:
    case MR_TYPE_LIST:
    case MR_TYPE_STRUCT:
    case MR_TYPE_MAP:
        break;
    }
    return false;
}

/* What clamp and round come to where no value is near. */
static enum mr_on_bad without_near(enum mr_on_bad policy)
{
    return policy == MR_BAD_CLAMP ? MR_BAD_NULL : policy == MR_BAD_ROUND ? MR_BAD_RESCUE : policy;
}

void mr_sqlite_put_bad(const struct mr_sqlite_cell *c, const struct mr_sqlite_column *col,
                       struct mr_batch *b, int64_t r)
{
    struct mr_array *a = &b->columns[c->i];
    struct mr_buf text = { 0 };
    enum mr_on_bad done = col->field->on_bad;
    mr_sqlite_text(c, &text);
    bool asked = done == MR_BAD_CLAMP || done == MR_BAD_ROUND;
    if (!asked || !put_near(c, col, &text, a, r)) {
        done = without_near(done);
        mr_put_null(col->field, a, r);
    }
    mr_bad_add(b, c->i, r, done, mr_buf_str(&text), text.len);
    mr_buf_release(&text);
}
