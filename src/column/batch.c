/*
 * What        the buffers of a batch: growing, clearing, filtering
 * Guarantees  no allocation when a cleared batch is filled with no more than before
 */
#include "column/builder.h"

#include "base/mem.h"

static void array_init(const struct mr_field *f, struct mr_array *a)
{
    if (f->n_children == 0)
        return;
    a->n_children = f->n_children;
    a->children = mr_zalloc((size_t)f->n_children, sizeof *a->children);
    for (int i = 0; i < f->n_children; i++)
        array_init(&f->children[i], &a->children[i]);
}

void mr_batch_init(struct mr_batch *b, const struct mr_schema *schema)
{
    *b = (struct mr_batch){ .schema = schema };
    b->columns = mr_zalloc((size_t)schema->n_fields, sizeof *b->columns);
    for (int i = 0; i < schema->n_fields; i++)
        array_init(&schema->fields[i], &b->columns[i]);
}

static void array_release(struct mr_array *a)
{
    for (int i = 0; i < a->n_children; i++)
        array_release(&a->children[i]);
    mr_array_free_dictionary(a);
    mr_free(a->children);
    mr_free(a->validity);
    mr_free(a->values);
    mr_free(a->offsets);
    mr_free(a->data);
}

void mr_array_free_dictionary(struct mr_array *a)
{
    if (a->dictionary)
        array_release(a->dictionary);
    mr_free(a->dictionary);
    a->dictionary = NULL;
}

void mr_batch_release(struct mr_batch *b)
{
    if (!b->columns)
        return;
    for (int i = 0; i < b->schema->n_fields; i++)
        array_release(&b->columns[i]);
    mr_free(b->columns);
    mr_free(b->bad.cells);
    mr_free(b->bad.text);
    b->bad = (struct mr_bad_list){ 0 };
    b->columns = NULL;
    b->n_rows = 0;
}

static void array_clear(const struct mr_field *f, struct mr_array *a)
{
    a->length = a->null_count = 0;
    if (a->encoded)
        mr_array_forget_indices(a);
    if (a->validity)
        memset(a->validity, 0xFF, a->validity_cap);
    if (f->type.id == MR_TYPE_BOOL && a->values)
        memset(a->values, 0, a->values_cap);
    if (a->offsets)
        a->offsets[0] = 0;
    for (int i = 0; i < a->n_children; i++)
        array_clear(&f->children[i], &a->children[i]);
}

void mr_batch_clear(struct mr_batch *b)
{
    for (int i = 0; i < b->schema->n_fields; i++)
        array_clear(&b->schema->fields[i], &b->columns[i]);
    b->n_rows = 0;
    b->source_bytes = 0;
    b->first_row = 0;
    b->bad.n = 0;
    b->bad.text_len = 0;
}

bool mr_buffer_grow(uint8_t **p, size_t *cap, size_t need, int fill)
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

static bool reserve_rows(const struct mr_field *f, struct mr_array *a, size_t rows)
{
    int w = mr_type_width(f->type);
    bool ok = mr_buffer_grow(&a->validity, &a->validity_cap, (rows + 7) / 8, 0xFF);
    if (!ok || w)
        return ok && mr_buffer_grow(&a->values, &a->values_cap, rows * (size_t)w, 0);
    if (f->type.id == MR_TYPE_BOOL)
        return mr_buffer_grow(&a->values, &a->values_cap, (rows + 7) / 8, 0);
    if (f->type.id == MR_TYPE_STRUCT) {
        for (int i = 0; i < a->n_children && ok; i++)
            ok = reserve_rows(&f->children[i], &a->children[i], rows);
        return ok;
    }
    if (a->encoded)
        return mr_buffer_grow(&a->values, &a->values_cap, (rows + 1) * sizeof(int32_t), 0);
    uint8_t *offsets = (uint8_t *)a->offsets;
    ok = mr_buffer_grow(&offsets, &a->offsets_cap, (rows + 1) * sizeof(int32_t), 0);
    a->offsets = (int32_t *)(void *)offsets;
    return ok && (a->n_children > 0 || mr_buffer_grow(&a->data, &a->data_cap, 64, 0));
}

enum mr_code mr_array_reserve(const struct mr_field *f, struct mr_array *a, int64_t rows,
                              struct mr_error *err)
{
    if (reserve_rows(f, a, (size_t)rows))
        return MR_OK;
    return mr_fail(err, MR_ID_COL01, "no memory for a column of %lld rows", (long long)rows);
}

enum mr_code mr_batch_reserve(struct mr_batch *b, int64_t rows, struct mr_error *err)
{
    for (int i = 0; i < b->schema->n_fields; i++)
        if (!reserve_rows(&b->schema->fields[i], &b->columns[i], (size_t)rows))
            return mr_fail(err, MR_ID_COL01, "no memory for a batch of %lld rows", (long long)rows);
    return MR_OK;
}

/* In eighths of a byte. */
static size_t row_bits(const struct mr_field *f)
{
    size_t bits = 1, w = (size_t)mr_type_width(f->type);
    if (w || f->type.id == MR_TYPE_BOOL)
        return bits + (w ? 8 * w : 1);
    if (f->type.id != MR_TYPE_STRUCT)
        return bits + 8 * sizeof(int32_t);
    for (int i = 0; i < f->n_children; i++)
        bits += row_bits(&f->children[i]);
    return bits;
}

int64_t mr_batch_rows_within(const struct mr_schema *s, size_t bytes, int64_t most)
{
    size_t bits = 1;
    int64_t rows = 1; /* a power of two, as buffers grow */
    for (int i = 0; i < s->n_fields; i++)
        bits += row_bits(&s->fields[i]);
    if ((size_t)most <= 8 * bytes / bits)
        return most;
    while (2 * (size_t)rows <= 8 * bytes / bits)
        rows *= 2;
    return rows;
}

enum mr_code mr_array_grow_data(struct mr_array *a, int64_t r, size_t more, struct mr_error *err)
{
    size_t need = (size_t)a->offsets[r] + more;
    if (more > INT32_MAX || need > INT32_MAX)
        return mr_fail(err, MR_ID_COL01, "a batch column would grow to %zu bytes (limit 2 GiB)",
                       need);
    if (!mr_buffer_grow(&a->data, &a->data_cap, need < 4096 ? 4096 : need, 0))
        return mr_fail(err, MR_ID_COL01, "no memory for a column of %zu bytes", need);
    return MR_OK;
}

/* ---- nested ---- */

void mr_put_null_children(const struct mr_field *f, struct mr_array *a, int64_t r)
{
    for (int i = 0; i < a->n_children; i++)
        mr_put_null(&f->children[i], &a->children[i], r);
}

enum mr_code mr_array_end_list(struct mr_array *a, int64_t r, struct mr_error *err)
{
    if (a->children[0].length > INT32_MAX)
        return mr_fail(err, MR_ID_COL01, "a batch column would have %lld elements (limit 2^31)",
                       (long long)a->children[0].length);
    a->offsets[r + 1] = (int32_t)a->children[0].length;
    return MR_OK;
}

static void undo_elements(const struct mr_field *f, struct mr_array *a, int64_t from)
{
    for (int i = 0; i < a->n_children; i++) {
        struct mr_array *child = &a->children[i];
        for (int64_t k = from; k <= child->length && (size_t)k < child->validity_cap * 8; k++)
            mr_array_undo(&f->children[i], child, k);
        child->length = from;
    }
}

void mr_array_undo(const struct mr_field *f, struct mr_array *a, int64_t r)
{
    uint8_t bit = (uint8_t)(1u << (r & 7));
    if (!(a->validity[r >> 3] & bit)) {
        a->validity[r >> 3] |= bit;
        a->null_count--;
    }
    if (f->type.id == MR_TYPE_BOOL)
        a->values[r >> 3] &= (uint8_t)~bit;
    else if (f->type.id == MR_TYPE_STRUCT)
        for (int i = 0; i < a->n_children; i++)
            mr_array_undo(&f->children[i], &a->children[i], r);
    else if (a->n_children)
        undo_elements(f, a, a->offsets[r]);
}

static void array_finish(struct mr_array *a, int64_t rows)
{
    a->length = rows;
    if (!a->offsets) /* a struct's children have its rows, and a list keeps count of its elements */
        for (int i = 0; i < a->n_children; i++)
            array_finish(&a->children[i], rows);
    else
        for (int i = 0; i < a->n_children; i++)
            array_finish(&a->children[i], a->children[i].length);
}

void mr_batch_finish(struct mr_batch *b, int64_t rows)
{
    b->n_rows = rows;
    for (int i = 0; i < b->schema->n_fields; i++)
        array_finish(&b->columns[i], rows);
}

/* ---- values that did not fit ---- */

static size_t keep_text(struct mr_bad_list *l, const void *text, size_t n)
{
    size_t at = l->text_len;
    if (at + n > l->text_cap) {
        l->text_cap = 2 * (at + n) + 256;
        l->text = mr_realloc(l->text, l->text_cap);
    }
    if (n)
        memcpy(l->text + at, text, n);
    l->text_len += n;
    return at;
}

void mr_bad_add(struct mr_batch *b, int column, int64_t row, enum mr_on_bad done, const void *text,
                size_t n)
{
    struct mr_bad_list *l = &b->bad;
    if (l->n == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 16;
        l->cells = mr_realloc(l->cells, sizeof *l->cells * (size_t)l->cap);
    }
    l->cells[l->n++] = (struct mr_bad_cell){
        .column = column, .done = done, .row = row, .text_at = keep_text(l, text, n), .text_len = n
    };
}

void mr_bad_set_key(struct mr_bad_list *l, int i, const void *text, size_t n)
{
    l->cells[i].key_at = keep_text(l, text, n);
    l->cells[i].key_len = n;
}

/* ---- sizes, filter, move ---- */

static size_t array_bytes(const struct mr_field *f, const struct mr_array *a)
{
    size_t n = (size_t)a->length, bits = (n + 7) / 8;
    int w = mr_type_width(f->type);
    size_t bytes = a->null_count ? bits : 0;
    for (int i = 0; i < a->n_children; i++)
        bytes += array_bytes(&f->children[i], &a->children[i]);
    if (a->encoded)
        return bytes + n * sizeof(int32_t) + array_bytes(f, a->dictionary);
    if (w)
        return bytes + n * (size_t)w;
    if (f->type.id == MR_TYPE_BOOL)
        return bytes + bits;
    if (a->offsets)
        bytes += (n + 1) * sizeof(int32_t);
    return bytes + (a->offsets && !a->n_children ? (size_t)a->offsets[n] : 0);
}

size_t mr_batch_bytes(const struct mr_batch *b)
{
    size_t sum = 0;
    for (int i = 0; i < b->schema->n_fields; i++)
        sum += array_bytes(&b->schema->fields[i], &b->columns[i]);
    return sum;
}

static size_t array_capacity(const struct mr_array *a)
{
    size_t sum = a->validity_cap + a->values_cap + a->offsets_cap + a->data_cap;
    for (int i = 0; i < a->n_children; i++)
        sum += array_capacity(&a->children[i]);
    return sum + (a->dictionary ? sizeof *a->dictionary + array_capacity(a->dictionary) : 0);
}

size_t mr_batch_capacity(const struct mr_batch *b)
{
    size_t sum = b->bad.text_cap + sizeof *b->bad.cells * (size_t)b->bad.cap;
    for (int i = 0; i < b->schema->n_fields; i++)
        sum += array_capacity(&b->columns[i]);
    return sum;
}

static void move_bit(uint8_t *bits, int64_t to, int64_t from)
{
    unsigned v = (bits[from >> 3] >> (from & 7)) & 1u;
    bits[to >> 3] = (uint8_t)((bits[to >> 3] & ~(1u << (to & 7))) | (v << (to & 7)));
}

static void filter_array(const struct mr_field *f, struct mr_array *a, const uint8_t *keep,
                         int64_t n);

/* The elements of the rows that stay. */
static void filter_elements(const struct mr_field *f, struct mr_array *a, const uint8_t *keep,
                            int64_t n)
{
    int64_t n_elements = a->children[0].length;
    uint8_t *keep_elements = mr_zalloc((size_t)n_elements + 1, 1);
    for (int64_t r = 0; r < n; r++)
        if (keep[r])
            memset(keep_elements + a->offsets[r], 1, (size_t)(a->offsets[r + 1] - a->offsets[r]));
    for (int i = 0; i < a->n_children; i++)
        filter_array(&f->children[i], &a->children[i], keep_elements, n_elements);
    mr_free(keep_elements);
}

static void filter_array(const struct mr_field *f, struct mr_array *a, const uint8_t *keep,
                         int64_t n)
{
    size_t w = a->encoded ? sizeof(int32_t) : (size_t)mr_type_width(f->type);
    int64_t to = 0, nulls = 0;
    bool had_nulls = a->null_count > 0;
    if (f->type.id == MR_TYPE_STRUCT)
        for (int i = 0; i < a->n_children; i++)
            filter_array(&f->children[i], &a->children[i], keep, n);
    else if (a->n_children)
        filter_elements(f, a, keep, n);
    for (int64_t r = 0; r < n; r++) {
        if (!keep[r])
            continue;
        nulls += mr_array_is_null(a, r);
        if (had_nulls)
            move_bit(a->validity, to, r);
        if (w) {
            memmove(a->values + w * (size_t)to, a->values + w * (size_t)r, w);
        } else if (f->type.id == MR_TYPE_BOOL) {
            move_bit(a->values, to, r);
        } else if (a->offsets) {
            int32_t start = a->offsets[r], len = a->offsets[r + 1] - start;
            if (a->n_children == 0)
                memmove(a->data + a->offsets[to], a->data + start, (size_t)len);
            a->offsets[to + 1] = a->offsets[to] + len;
        }
        to++;
    }
    a->length = to;
    a->null_count = nulls;
}

static void filter_bad(struct mr_bad_list *l, const uint8_t *keep)
{
    int64_t row = 0, to = 0;
    int n = 0;
    for (int i = 0; i < l->n; i++) {
        for (; row < l->cells[i].row; row++)
            to += keep[row] != 0;
        if (!keep[row])
            continue;
        l->cells[n] = l->cells[i];
        l->cells[n++].row = to;
    }
    l->n = n;
}

void mr_batch_filter(struct mr_batch *b, const uint8_t *keep)
{
    int64_t kept = 0;
    for (int64_t r = 0; r < b->n_rows; r++)
        kept += keep[r] != 0;
    if (kept == b->n_rows)
        return;
    for (int i = 0; i < b->schema->n_fields; i++)
        filter_array(&b->schema->fields[i], &b->columns[i], keep, b->n_rows);
    filter_bad(&b->bad, keep);
    b->n_rows = kept;
}

/* Cells of columns that do not come along are gone with them. */
static void move_bad(struct mr_batch *out, struct mr_batch *in, const int *from)
{
    struct mr_bad_list keep = out->bad;
    int n = 0;
    out->bad = in->bad;
    for (int k = 0; k < out->bad.n; k++)
        for (int i = 0; i < out->schema->n_fields; i++)
            if ((from ? from[i] : i) == out->bad.cells[k].column) {
                out->bad.cells[n] = out->bad.cells[k];
                out->bad.cells[n++].column = i;
                break;
            }
    out->bad.n = n;
    in->bad = keep;
    in->bad.n = 0;
}

void mr_batch_move(struct mr_batch *out, struct mr_batch *in, const int *from)
{
    for (int i = 0; i < out->schema->n_fields; i++) {
        if (from && from[i] < 0)
            continue;
        struct mr_array *source = &in->columns[from ? from[i] : i], keep = out->columns[i];
        out->columns[i] = *source;
        *source = keep;
    }
    move_bad(out, in, from);
    out->n_rows = in->n_rows;
    out->source_bytes = in->source_bytes;
    out->first_row = in->first_row;
}
