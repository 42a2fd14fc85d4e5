/*
 * builder.h - fill a batch row by row, without a call or an allocation per value.
 *
 *   mr_batch_reserve(b, rows) once; then for row r of column a: mr_put_i64(a, r, v) | mr_put_null(field, a, r) | ...
 *   at the end mr_batch_finish(b, rows).
 *
 * Rule       rows are written in order, each row of each column exactly once. Validity bits start as 1. All values of a
 *            column in a batch are put by one function: mr_put_bytes or mr_put_entry.
 *            A NULL leaves a zero value (or an empty string) behind, so that bytes under NULLs are defined.
 * Ownership  the batch owns its buffers; clear keeps them for the next rows.
 * Errors     only growing can fail: MR_E_MEMORY (COL01).
 */
#ifndef MR_COLUMN_BUILDER_H
#define MR_COLUMN_BUILDER_H

#include <string.h>

#include "millrace/batch.h"

void mr_batch_init(struct mr_batch *b, const struct mr_schema *schema);
void mr_batch_release(struct mr_batch *b); /* NULL-safe contents; idempotent */
/** mr_batch_clear - no rows, buffers kept. */
void mr_batch_clear(struct mr_batch *b);
/** mr_batch_reserve - room for `rows` rows in all (not "more"). */
MR_CHECK enum mr_code mr_batch_reserve(struct mr_batch *b, int64_t rows, struct mr_error *err);
/** mr_batch_rows_within - how many rows, 1 to `most`, of which validity, offsets and values of fixed width take `bytes` at
 *  most: what mr_batch_reserve takes at once, however short the texts are. */
int64_t mr_batch_rows_within(const struct mr_schema *s, size_t bytes, int64_t most);
/** mr_batch_finish - set n_rows and every column's length. */
void mr_batch_finish(struct mr_batch *b, int64_t rows);
/** mr_batch_bytes - bytes of the values in use (validity, values, offsets, data). */
size_t mr_batch_bytes(const struct mr_batch *b);
/** mr_batch_capacity - bytes allocated. */
size_t mr_batch_capacity(const struct mr_batch *b);
/** mr_batch_filter - keep the rows whose byte in keep[n_rows] is not 0, in place. */
void mr_batch_filter(struct mr_batch *b, const uint8_t *keep);

/** mr_batch_move - out's column i becomes in's column from[i] (NULL: i), buffers swapped, rows and origin
 *  kept. from[i] < 0: it is left as it is. */
void mr_batch_move(struct mr_batch *out, struct mr_batch *in, const int *from);

/** mr_array_reserve - room for `rows` rows in all in one array, for the elements of lists. */
MR_CHECK enum mr_code mr_array_reserve(const struct mr_field *f, struct mr_array *a, int64_t rows,
                                       struct mr_error *err);
/** mr_array_undo - row r, written in part or as a whole but the last, is as if it had not been written. */
void mr_array_undo(const struct mr_field *f, struct mr_array *a, int64_t r);
/** mr_array_end_list - row r of a list or map ends after the elements that its children have by now. */
MR_CHECK enum mr_code mr_array_end_list(struct mr_array *a, int64_t r, struct mr_error *err);

/** mr_bad_add - a cell did not fit: `done` to it, and `text` is what stood there. Every one is told, by any policy. */
void mr_bad_add(struct mr_batch *b, int column, int64_t row, enum mr_on_bad done, const void *text,
                size_t n);
/** mr_bad_set_key - which row that is, for people. */
void mr_bad_set_key(struct mr_bad_list *l, int i, const void *text, size_t n);

/** mr_put_entry - mr_put_bytes through a dictionary, for a column of the batch whose values are few: find or insert. When they
 *  turn out to be many (more than `few` distinct ones, and more than one in eight rows), the column is plain from then on, until
 *  the batch is cleared, and its dictionary is freed. */
MR_CHECK enum mr_code mr_put_entry(struct mr_array *a, int64_t r, const void *p, size_t n, int few,
                                   struct mr_error *err);
/** mr_array_decode - make the first `rows` rows of an encoded array plain, in place; a plain one is left as it is. It can be many
 *  times as large then: what only reads cells takes mr_array_bytes. On failure it is as it was. */
MR_CHECK enum mr_code mr_array_decode(struct mr_array *a, int64_t rows, struct mr_error *err);
/** mr_array_forget_indices - an encoded array is a plain one without rows; the buffers are kept. */
void mr_array_forget_indices(struct mr_array *a);
/** mr_array_free_dictionary - of an array that is plain now; NULL-safe. */
void mr_array_free_dictionary(struct mr_array *a);
/** mr_buffer_grow - room for `need` bytes in a buffer of an array; new bytes are `fill`. False: no memory. */
MR_CHECK bool mr_buffer_grow(uint8_t **p, size_t *cap, size_t need, int fill);

/** mr_array_grow_data - room for `more` bytes after what is used at row r. */
MR_CHECK enum mr_code mr_array_grow_data(struct mr_array *a, int64_t r, size_t more,
                                         struct mr_error *err);

static inline void mr_put_i8(struct mr_array *a, int64_t r, int8_t v)
{
    ((int8_t *)a->values)[r] = v;
}
static inline void mr_put_i16(struct mr_array *a, int64_t r, int16_t v)
{
    ((int16_t *)(void *)a->values)[r] = v;
}
static inline void mr_put_i32(struct mr_array *a, int64_t r, int32_t v)
{
    ((int32_t *)(void *)a->values)[r] = v;
}
static inline void mr_put_i64(struct mr_array *a, int64_t r, int64_t v)
{
    ((int64_t *)(void *)a->values)[r] = v;
}
static inline void mr_put_i128(struct mr_array *a, int64_t r, __int128 v)
{
    memcpy(a->values + 16 * r, &v, 16);
}
static inline void mr_put_f32(struct mr_array *a, int64_t r, float v)
{
    ((float *)(void *)a->values)[r] = v;
}
static inline void mr_put_f64(struct mr_array *a, int64_t r, double v)
{
    ((double *)(void *)a->values)[r] = v;
}
/* The bitmap starts as 0. */
static inline void mr_put_bool(struct mr_array *a, int64_t r, bool v)
{
    a->values[r >> 3] |= (uint8_t)((unsigned)v << (r & 7));
}
/* memcpy without a call for what most text is: at most 16 bytes. */
static inline void mr_copy_bytes(uint8_t *to, const void *from, size_t n)
{
    const uint8_t *p = from;
    if (n > 16) {
        memcpy(to, p, n);
    } else if (n >= 8) { /* cppcheck-suppress pointerOutOfBoundsCond; n <= 16 */
        uint64_t x, y;
        memcpy(&x, p, 8);
        /* cppcheck-suppress pointerOutOfBoundsCond; from holds n bytes */
        memcpy(&y, p + n - 8, 8);
        memcpy(to, &x, 8);
        memcpy(to + n - 8, &y, 8);
    } else if (n >= 4) {
        uint32_t x, y;
        memcpy(&x, p, 4);
        memcpy(&y, p + n - 4, 4);
        memcpy(to, &x, 4);
        memcpy(to + n - 4, &y, 4);
    } else if (n) {
        to[0] = p[0];
        to[n / 2] = p[n / 2];
        to[n - 1] = p[n - 1];
    }
}
/** mr_put_bytes - string or binary of n bytes. */
MR_CHECK static inline enum mr_code mr_put_bytes(struct mr_array *a, int64_t r, const void *p,
                                                 size_t n, struct mr_error *err)
{
    size_t at = (size_t)a->offsets[r];
    if (__builtin_expect(at + n > a->data_cap || n > INT32_MAX, 0)) {
        enum mr_code rc = mr_array_grow_data(a, r, n, err);
        if (rc != MR_OK)
            return rc;
    }
    mr_copy_bytes(a->data + at, p, n);
    a->offsets[r + 1] = (int32_t)(at + n);
    return MR_OK;
}
void mr_put_null_children(const struct mr_field *f, struct mr_array *a, int64_t r);
static inline void mr_put_null(const struct mr_field *f, struct mr_array *a, int64_t r)
{
    int w = mr_type_width(f->type);
    a->validity[r >> 3] &= (uint8_t) ~(1u << (r & 7));
    a->null_count++;
    if (w)
        memset(a->values + (size_t)w * (size_t)r, 0, (size_t)w);
    else if (a->offsets)
        a->offsets[r + 1] = a->offsets[r];
    else if (f->n_children)
        mr_put_null_children(f, a, r);
    else if (a->encoded)
        mr_put_i32(a, r, 0);
}

#endif
