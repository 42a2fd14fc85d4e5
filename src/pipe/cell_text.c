/*
 * What        a value as people read it: keys of rows in reports
 * Gets        a cell of an array
 */
#include <inttypes.h>
#include <string.h>

#include "base/timeutil.h"
#include "base/utf8.h"
#include "column/builder.h"
#include "column/schema.h"
#include "pipe/internal.h"

#define TEXT_MAX 100

void mr_text_cut(const char *s, size_t n, size_t most, struct mr_buf *out)
{
    size_t k = n > most ? mr_utf8_floor(s, most) : n;
    for (size_t i = 0; i < k; i++)
        mr_buf_putc(out, (unsigned char)s[i] < 0x20 || s[i] == 0x7F ? ' ' : s[i]);
    mr_buf_puts(out, k < n ? "..." : "");
}

static void put_decimal(struct mr_buf *out, struct mr_type t, const uint8_t *values, int64_t r)
{
    __int128 v;
    int64_t small;
    if (t.precision <= 18) {
        memcpy(&small, values + 8 * r, 8);
        v = small;
    } else {
        memcpy(&v, values + 16 * r, 16);
    }
    mr_decimal_text(v, t.scale, out);
}

static int64_t whole(struct mr_type t, const uint8_t *values, int64_t r)
{
    int w = mr_type_width(t);
    int64_t v = 0;
    memcpy(&v, values + w * r, (size_t)w);
    int unused = 64 - 8 * w;
    return (int64_t)((uint64_t)v << unused) >> unused;
}

static void put_float(struct mr_buf *out, struct mr_type t, const uint8_t *values, int64_t r)
{
    double d;
    float f;
    if (t.id == MR_TYPE_FLOAT32) {
        memcpy(&f, values + 4 * r, 4);
        mr_buf_printf(out, "%.9g", (double)f);
    } else {
        memcpy(&d, values + 8 * r, 8);
        mr_buf_printf(out, "%.17g", d);
    }
}

static void put_time(struct mr_buf *out, enum mr_type_id id, int64_t v)
{
    char text[MR_TIME_TEXT];
    mr_time_iso(id == MR_TYPE_DATE ? v * 86400000000 : v, text);
    size_t n = strlen(text);
    mr_buf_append(out, text, id == MR_TYPE_DATE ? n - 17 : id == MR_TYPE_TIMESTAMP ? n : n - 1);
}

static void put_bytes(struct mr_buf *out, const struct mr_field *f, const struct mr_array *a,
                      int64_t r)
{
    size_t n;
    const uint8_t *s = mr_array_bytes(a, r, &n);
    if (f->type.id == MR_TYPE_STRING) {
        mr_text_cut((const char *)s, n, TEXT_MAX, out);
        return;
    }
    for (size_t i = 0; i < n && i < TEXT_MAX / 2; i++)
        mr_buf_printf(out, "%02x", s[i]);
    mr_buf_puts(out, n > TEXT_MAX / 2 ? "..." : "");
}

void mr_cell_text(const struct mr_field *f, const struct mr_array *a, int64_t r, struct mr_buf *out)
{
    if (mr_array_is_null(a, r)) {
        mr_buf_puts(out, "NULL");
        return;
    }
    switch (f->type.id) {
    case MR_TYPE_BOOL:
        mr_buf_puts(out, (a->values[r >> 3] >> (r & 7)) & 1 ? "true" : "false");
        break;
    case MR_TYPE_INT8:
    case MR_TYPE_INT16:
    case MR_TYPE_INT32:
    case MR_TYPE_INT64:
        mr_buf_printf(out, "%" PRId64, whole(f->type, a->values, r));
        break;
    case MR_TYPE_FLOAT32:
    case MR_TYPE_FLOAT64:
        put_float(out, f->type, a->values, r);
        break;
    case MR_TYPE_DECIMAL:
        put_decimal(out, f->type, a->values, r);
        break;
    case MR_TYPE_DATE:
    case MR_TYPE_TIMESTAMP:
    case MR_TYPE_TIMESTAMP_NTZ:
        put_time(out, f->type.id, whole(f->type, a->values, r));
        break;
    case MR_TYPE_STRING:
    case MR_TYPE_BINARY:
        put_bytes(out, f, a, r);
        break;
    case MR_TYPE_LIST:
    case MR_TYPE_STRUCT:
    case MR_TYPE_MAP:
        mr_buf_puts(out, "...");
        break;
    }
}
