/*
 * What        the buffers of a batch: growing, clearing, filtering
 * Guarantees  no allocation when a cleared batch is filled with no more than before
 */
#include "column/builder.h"

#include "base/mem.h"

void mr_batch_init(struct mr_batch *b, const struct mr_schema *schema)
{
    *b = (struct mr_batch){ .schema = schema };
    b->columns = mr_zalloc((size_t)schema->n_fields, sizeof *b->columns);
}

void mr_batch_release(struct mr_batch *b)
{
    if (!b->columns)
        return;
    for (int i = 0; i < b->schema->n_fields; i++) {
        struct mr_array *a = &b->columns[i];
        mr_free(a->validity);
        mr_free(a->values);
        mr_free(a->offsets);
        mr_free(a->data);
    }
    mr_free(b->columns);
    b->columns = NULL;
    b->n_rows = 0;
}

void mr_batch_clear(struct mr_batch *b)
{
    for (int i = 0; i < b->schema->n_fields; i++) {
        struct mr_array *a = &b->columns[i];
        a->length = a->null_count = 0;
        if (a->validity)
            memset(a->validity, 0xFF, a->validity_cap);
        if (b->schema->fields[i].type.id == MR_TYPE_BOOL && a->values)
            memset(a->values, 0, a->values_cap);
        if (a->offsets)
            a->offsets[0] = 0;
    }
    b->n_rows = 0;
    b->source_bytes = 0;
    b->first_row = 0;
}

/* Make room for `need` bytes; new bytes are `fill`. */
static bool grow(uint8_t **p, size_t *cap, size_t need, int fill)
{
    if (need <= *cap)
        return true;
    size_t want = *cap ? *cap : 64;
    while (want < need)
        want = want < ((size_t)1 << 30) ? want * 2 : need;
    uint8_t *q = mr_try_realloc(*p, want);
    if (!q)
        return false;
    memset(q + *cap, fill, want - *cap);
    *p = q;
    *cap = want;
    return true;
}

static bool reserve_column(struct mr_type t, struct mr_array *a, size_t rows)
{
    int w = mr_type_width(t);
    if (!grow(&a->validity, &a->validity_cap, (rows + 7) / 8, 0xFF))
        return false;
    if (w)
        return grow(&a->values, &a->values_cap, rows * (size_t)w, 0);
    if (t.id == MR_TYPE_BOOL)
        return grow(&a->values, &a->values_cap, (rows + 7) / 8, 0);
    uint8_t *offsets = (uint8_t *)a->offsets;
    bool ok = grow(&offsets, &a->offsets_cap, (rows + 1) * sizeof(int32_t), 0);
    a->offsets = (int32_t *)(void *)offsets;
    return ok && grow(&a->data, &a->data_cap, 64, 0);
}

enum mr_code mr_batch_reserve(struct mr_batch *b, int64_t rows, struct mr_error *err)
{
    for (int i = 0; i < b->schema->n_fields; i++)
        if (!reserve_column(b->schema->fields[i].type, &b->columns[i], (size_t)rows))
            return mr_fail(err, MR_ID_COL01, "no memory for a batch of %lld rows", (long long)rows);
    return MR_OK;
}

enum mr_code mr_array_grow_data(struct mr_array *a, int64_t r, size_t more, struct mr_error *err)
{
    size_t need = (size_t)a->offsets[r] + more;
    if (more > INT32_MAX || need > INT32_MAX)
        return mr_fail(err, MR_ID_COL01, "a batch column would grow to %zu bytes (limit 2 GiB)",
                       need);
    if (!grow(&a->data, &a->data_cap, need < 4096 ? 4096 : need, 0))
        return mr_fail(err, MR_ID_COL01, "no memory for a column of %zu bytes", need);
    return MR_OK;
}

void mr_batch_finish(struct mr_batch *b, int64_t rows)
{
    b->n_rows = rows;
    for (int i = 0; i < b->schema->n_fields; i++)
        b->columns[i].length = rows;
}

static size_t column_bytes(struct mr_type t, const struct mr_array *a)
{
    size_t n = (size_t)a->length, bits = (n + 7) / 8;
    int w = mr_type_width(t);
    size_t bytes = a->null_count ? bits : 0;
    if (w)
        return bytes + n * (size_t)w;
    if (t.id == MR_TYPE_BOOL)
        return bytes + bits;
    return bytes + (n + 1) * sizeof(int32_t) + (a->offsets ? (size_t)a->offsets[n] : 0);
}

size_t mr_batch_bytes(const struct mr_batch *b)
{
    size_t sum = 0;
    for (int i = 0; i < b->schema->n_fields; i++)
        sum += column_bytes(b->schema->fields[i].type, &b->columns[i]);
    return sum;
}

size_t mr_batch_capacity(const struct mr_batch *b)
{
    size_t sum = 0;
    for (int i = 0; i < b->schema->n_fields; i++) {
        const struct mr_array *a = &b->columns[i];
        sum += a->validity_cap + a->values_cap + a->offsets_cap + a->data_cap;
    }
    return sum;
}

static void move_bit(uint8_t *bits, int64_t to, int64_t from)
{
    unsigned v = (bits[from >> 3] >> (from & 7)) & 1u;
    bits[to >> 3] = (uint8_t)((bits[to >> 3] & ~(1u << (to & 7))) | (v << (to & 7)));
}

static void filter_column(struct mr_type t, struct mr_array *a, const uint8_t *keep, int64_t n)
{
    size_t w = (size_t)mr_type_width(t);
    int64_t to = 0, nulls = 0;
    bool had_nulls = a->null_count > 0;
    for (int64_t r = 0; r < n; r++) {
        if (!keep[r])
            continue;
        nulls += mr_array_is_null(a, r);
        if (had_nulls)
            move_bit(a->validity, to, r);
        if (w) {
            memmove(a->values + w * (size_t)to, a->values + w * (size_t)r, w);
        } else if (t.id == MR_TYPE_BOOL) {
            move_bit(a->values, to, r);
        } else {
            int32_t start = a->offsets[r], len = a->offsets[r + 1] - start;
            memmove(a->data + a->offsets[to], a->data + start, (size_t)len);
            a->offsets[to + 1] = a->offsets[to] + len;
        }
        to++;
    }
    a->length = to;
    a->null_count = nulls;
}

void mr_batch_filter(struct mr_batch *b, const uint8_t *keep)
{
    int64_t kept = 0;
    for (int64_t r = 0; r < b->n_rows; r++)
        kept += keep[r] != 0;
    if (kept == b->n_rows)
        return;
    for (int i = 0; i < b->schema->n_fields; i++)
        filter_column(b->schema->fields[i].type, &b->columns[i], keep, b->n_rows);
    b->n_rows = kept;
}

void mr_batch_move(struct mr_batch *out, struct mr_batch *in, const int *from)
{
    for (int i = 0; i < out->schema->n_fields; i++) {
        struct mr_array *source = &in->columns[from ? from[i] : i], keep = out->columns[i];
        out->columns[i] = *source;
        *source = keep;
    }
    out->n_rows = in->n_rows;
    out->source_bytes = in->source_bytes;
    out->first_row = in->first_row;
}
