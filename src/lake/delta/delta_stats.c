/*
 * What        the stats of one data file as JSON text
 * Guarantees  no row lies outside [min, max]: text is cut, and for max raised, at character borders; timestamps are cut
 *             to milliseconds, max to the next one; what cannot be bounded is left out
 * Source      Delta protocol, "Per-file Statistics"; Spark cuts text at 32 characters
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/timeutil.h"
#include "base/utf8.h"
#include "column/schema.h"
#include "lake/delta/delta_internal.h"

#define MAX_LEAVES 32
#define TEXT_CHARS 32

static int64_t as_int(const uint8_t *p, size_t n)
{
    int8_t i8;
    int16_t i16;
    int32_t i32;
    int64_t i64 = 0;
    switch (n) {
    case 1:
        memcpy(&i8, p, 1);
        return i8;
    case 2:
        memcpy(&i16, p, 2);
        return i16;
    case 4:
        memcpy(&i32, p, 4);
        return i32;
    default:
        memcpy(&i64, p, 8);
        return i64;
    }
}

/* A JSON number keeps all digits. */
static void put_decimal(struct mr_buf *out, struct mr_type t, const uint8_t *p, size_t n)
{
    __int128 v;
    if (n == 16)
        memcpy(&v, p, 16);
    else
        v = as_int(p, n);
    mr_decimal_text(v, t.scale, out);
}

static bool put_float(struct mr_buf *out, struct mr_type t, const uint8_t *p)
{
    double d;
    float f;
    memcpy(&f, p, 4);
    if (t.id == MR_TYPE_FLOAT64)
        memcpy(&d, p, 8);
    else
        d = (double)f;
    if (d - d != 0) /* infinity has no JSON number */
        return false;
    mr_buf_printf(out, t.id == MR_TYPE_FLOAT64 ? "%.17g" : "%.9g", d);
    return true;
}

static bool put_date(struct mr_buf *out, int64_t days)
{
    int64_t y;
    int m, d;
    mr_civil_from_days(days, &y, &m, &d);
    if (y < 1 || y > 9999)
        return false;
    mr_buf_printf(out, "\"%04" PRId64 "-%02d-%02d\"", y, m, d);
    return true;
}

static bool put_timestamp(struct mr_buf *out, int64_t us, bool utc, bool max)
{
    char text[MR_TIME_TEXT];
    int64_t y;
    int m, d;
    int64_t ms = us / 1000 - (us % 1000 < 0); /* floor */
    if (max && ms * 1000 != us)
        ms++;
    mr_civil_from_days(ms / 86400000 - (ms % 86400000 < 0), &y, &m, &d);
    if (y < 1 || y > 9999)
        return false;
    mr_time_log(ms * 1000, text);
    if (!utc)
        text[strlen(text) - 1] = '\0';
    mr_buf_printf(out, "\"%s\"", text);
    return true;
}

/* Bytes of the first TEXT_CHARS characters. */
static size_t cut(const char *s, size_t n)
{
    int chars = 0;
    for (size_t i = 0; i < n; i++)
        if (((unsigned char)s[i] & 0xC0) != 0x80 && ++chars > TEXT_CHARS)
            return i;
    return n;
}

/* A text that is cut is raised in its last ASCII character below DEL; without one there is no bound. */
static bool put_text(struct mr_buf *out, const uint8_t *p, size_t n, bool max)
{
    const char *s = (const char *)p;
    size_t k = cut(s, n);
    if (!mr_utf8_valid(s, n))
        return false;
    if (!max || k == n) {
        mr_json_quote(out, s, k);
        return true;
    }
    while (k > 0 && (unsigned char)s[k - 1] >= 0x7E)
        k--;
    if (k == 0)
        return false;
    char raised[4 * TEXT_CHARS + 4];
    memcpy(raised, s, k);
    raised[k - 1]++;
    mr_json_quote(out, raised, k);
    return true;
}

/* Append the bound as JSON; false (and nothing appended) when there is none. */
static bool put_bound(struct mr_buf *out, struct mr_type t, const struct mr_pq_column_stats *c,
                      bool max)
{
    const uint8_t *p = max ? c->max : c->min;
    size_t n = max ? c->max_len : c->min_len;
    switch (t.id) {
    case MR_TYPE_BOOL:
    case MR_TYPE_BINARY:
    case MR_TYPE_LIST:
    case MR_TYPE_STRUCT:
    case MR_TYPE_MAP:
        return false;
    case MR_TYPE_FLOAT32:
    case MR_TYPE_FLOAT64:
        return put_float(out, t, p);
    case MR_TYPE_DECIMAL:
        put_decimal(out, t, p, n);
        return true;
    case MR_TYPE_DATE:
        return put_date(out, as_int(p, n));
    case MR_TYPE_TIMESTAMP:
    case MR_TYPE_TIMESTAMP_NTZ:
        return put_timestamp(out, as_int(p, n), t.id == MR_TYPE_TIMESTAMP, max);
    case MR_TYPE_STRING:
        return put_text(out, p, n, max);
    case MR_TYPE_INT8:
    case MR_TYPE_INT16:
    case MR_TYPE_INT32:
    case MR_TYPE_INT64:
        break;
    }
    mr_buf_printf(out, "%" PRId64, as_int(p, n));
    return true;
}

static void bounds(struct mr_json *j, const char *key, const struct mr_schema *s,
                   const struct mr_pq_result *f, int n, bool max)
{
    struct mr_buf v = { 0 };
    mr_json_open(j, key, '{');
    for (int i = 0; i < n; i++) {
        mr_buf_clear(&v);
        if (f->columns[i].has_min_max && put_bound(&v, s->fields[i].type, &f->columns[i], max))
            mr_json_raw(j, s->fields[i].name, mr_buf_str(&v));
    }
    mr_json_close(j, '}');
    mr_buf_release(&v);
}

void mr_delta_stats(const struct mr_schema *schema, const struct mr_pq_result *file,
                    struct mr_buf *out)
{
    int n = file->n_columns < MAX_LEAVES ? file->n_columns : MAX_LEAVES;
    struct mr_json j = mr_json_on(out);
    mr_json_open(&j, NULL, '{');
    mr_json_int(&j, "numRecords", file->rows);
    mr_json_bool(&j, "tightBounds", true);
    bounds(&j, "minValues", schema, file, n, false);
    bounds(&j, "maxValues", schema, file, n, true);
    mr_json_open(&j, "nullCount", '{');
    for (int i = 0; i < n; i++)
        if (file->columns[i].null_count >= 0)
            mr_json_int(&j, schema->fields[i].name, file->columns[i].null_count);
    mr_json_close(&j, '}');
    mr_json_close(&j, '}');
}
