/*
 * What        columns into DuckDB's vectors and back
 * Guarantees  exact for every type: bits of doubles, all digits of decimals, bytes of text (with NUL), NULLs at any depth
 * Why         text is not copied on the way in: a vector's string points at the batch's, or at its dictionary's, which outlive
 *             the statement
 * Source      duckdb.h "duckdb_string_t"; decimals are 2, 4, 8 or 16 bytes wide by their precision
 */
#include <string.h>

#include "column/builder.h"
#include "duck/duck_copy.h"

/* What readers hold: 0001-01-01 to 9999-12-31. */
#define DAY_MIN (-719162)
#define DAY_MAX 2932896
#define DAY_US 86400000000LL

/* ---- in ---- */

static void nulls_in(duckdb_vector v, const struct mr_array *a, int64_t from, int64_t n)
{
    if (a->null_count > 0)
        g_duck.vector_ensure_validity_writable(v);
    uint64_t *mask = g_duck.vector_get_validity(v);
    if (!mask)
        return;
    for (int64_t i = 0; i < n; i++) {
        uint64_t bit = 1ULL << (i % 64);
        if (mr_array_is_null(a, from + i))
            mask[i / 64] &= ~bit;
        else
            mask[i / 64] |= bit;
    }
}

static void text_in(duckdb_string_t *out, const struct mr_array *a, int64_t from, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        size_t n_bytes;
        const uint8_t *p = mr_array_bytes(a, from + i, &n_bytes);
        uint32_t len = (uint32_t)n_bytes;
        duckdb_string_t s;
        memset(&s, 0, sizeof s);
        s.value.inlined.length = len;
        if (len <= sizeof s.value.inlined.inlined) {
            mr_copy_bytes((uint8_t *)s.value.inlined.inlined, p, len);
        } else {
            memcpy(s.value.pointer.prefix, p, sizeof s.value.pointer.prefix);
            s.value.pointer.ptr = (char *)(uintptr_t)p;
        }
        out[i] = s;
    }
}

static void narrow_in(void *out, int width, const uint8_t *values, int64_t from, int64_t n)
{
    const int64_t *v = (const int64_t *)(const void *)values + from;
    for (int64_t i = 0; i < n; i++)
        if (width == 2)
            ((int16_t *)out)[i] = (int16_t)v[i];
        else
            ((int32_t *)out)[i] = (int32_t)v[i];
}

static int decimal_width(struct mr_type t)
{
    return t.precision <= 4 ? 2 : t.precision <= 9 ? 4 : t.precision <= 18 ? 8 : 16;
}

static void list_in(duckdb_vector v, const struct mr_field *f, const struct mr_array *a,
                    int64_t from, int64_t n)
{
    duckdb_list_entry *entries = g_duck.vector_get_data(v);
    int64_t start = a->offsets[from], count = a->offsets[from + n] - start;
    for (int64_t i = 0; i < n; i++)
        entries[i] =
            (duckdb_list_entry){ (uint64_t)(a->offsets[from + i] - start),
                                 (uint64_t)(a->offsets[from + i + 1] - a->offsets[from + i]) };
    g_duck.list_vector_reserve(v, (idx_t)count);
    g_duck.list_vector_set_size(v, (idx_t)count);
    duckdb_vector child = g_duck.list_vector_get_child(v);
    if (f->type.id == MR_TYPE_LIST) {
        mr_duck_copy_in(child, &f->children[0], &a->children[0], start, count);
        return;
    }
    for (int i = 0; i < 2; i++) /* a map is a list of structs of key and value */
        mr_duck_copy_in(g_duck.struct_vector_get_child(child, (idx_t)i), &f->children[i],
                        &a->children[i], start, count);
}

static void values_in(duckdb_vector v, const struct mr_field *f, const struct mr_array *a,
                      int64_t from, int64_t n)
{
    void *out = g_duck.vector_get_data(v);
    size_t w = (size_t)mr_type_width(f->type);
    if (f->type.id == MR_TYPE_BOOL)
        for (int64_t i = 0; i < n; i++)
            ((bool *)out)[i] = (a->values[(from + i) >> 3] >> ((from + i) & 7)) & 1;
    else if (f->type.id == MR_TYPE_DECIMAL && decimal_width(f->type) < 8)
        narrow_in(out, decimal_width(f->type), a->values, from, n);
    else if (w)
        memcpy(out, a->values + w * (size_t)from, w * (size_t)n);
    else
        text_in(out, a, from, n);
}

void mr_duck_copy_in(duckdb_vector v, const struct mr_field *f, const struct mr_array *a,
                     int64_t from, int64_t n)
{
    if (n == 0)
        return;
    nulls_in(v, a, from, n);
    if (f->type.id == MR_TYPE_STRUCT)
        for (int i = 0; i < f->n_children; i++)
            mr_duck_copy_in(g_duck.struct_vector_get_child(v, (idx_t)i), &f->children[i],
                            &a->children[i], from, n);
    else if (f->n_children)
        list_in(v, f, a, from, n);
    else
        values_in(v, f, a, from, n);
}

/* ---- out ---- */

static bool is_valid(const uint64_t *mask, int64_t r)
{
    return !mask || ((mask[r / 64] >> (r % 64)) & 1);
}

static enum mr_code out_of_range(const struct mr_field *f, struct mr_error *err)
{
    return mr_fail(err, MR_ID_DUCK02, "%s would be infinite, or of a year outside 0001 to 9999",
                   f->name);
}

static bool in_range(const struct mr_field *f, const struct mr_array *a, int64_t r)
{
    if (f->type.id == MR_TYPE_DATE) {
        int32_t day = ((const int32_t *)(const void *)a->values)[r];
        return day >= DAY_MIN && day <= DAY_MAX;
    }
    int64_t us = ((const int64_t *)(const void *)a->values)[r];
    return us >= DAY_MIN * DAY_US && us < (DAY_MAX + 1) * DAY_US;
}

static void fixed_out(duckdb_vector v, const struct mr_field *f, int64_t from, int64_t n,
                      struct mr_array *a, int64_t at)
{
    const uint8_t *in = g_duck.vector_get_data(v);
    size_t w = (size_t)mr_type_width(f->type);
    int narrow = f->type.id == MR_TYPE_DECIMAL ? decimal_width(f->type) : 0;
    if (narrow == 2 || narrow == 4)
        for (int64_t i = 0; i < n; i++)
            mr_put_i64(a, at + i,
                       narrow == 2 ? ((const int16_t *)(const void *)in)[from + i]
                                   : ((const int32_t *)(const void *)in)[from + i]);
    else
        memcpy(a->values + w * (size_t)at, in + w * (size_t)from, w * (size_t)n);
}

static enum mr_code plain_out(duckdb_vector v, const struct mr_field *f, int64_t from, int64_t n,
                              struct mr_array *a, int64_t at, struct mr_error *err)
{
    const uint64_t *mask = g_duck.vector_get_validity(v);
    bool timed = f->type.id == MR_TYPE_DATE || f->type.id == MR_TYPE_TIMESTAMP ||
                 f->type.id == MR_TYPE_TIMESTAMP_NTZ;
    const bool *bits = g_duck.vector_get_data(v);
    if (mr_type_width(f->type))
        fixed_out(v, f, from, n, a, at);
    for (int64_t i = 0; i < n; i++) {
        if (!is_valid(mask, from + i))
            mr_put_null(f, a, at + i);
        else if (f->type.id == MR_TYPE_BOOL)
            mr_put_bool(a, at + i, bits[from + i]);
        else if (timed && !in_range(f, a, at + i))
            return out_of_range(f, err);
    }
    return MR_OK;
}

static enum mr_code text_out(duckdb_vector v, const struct mr_field *f, int64_t from, int64_t n,
                             struct mr_array *a, int64_t at, struct mr_error *err)
{
    const uint64_t *mask = g_duck.vector_get_validity(v);
    const duckdb_string_t *in = g_duck.vector_get_data(v);
    enum mr_code rc = MR_OK;
    for (int64_t i = 0; i < n && rc == MR_OK; i++) {
        const duckdb_string_t *s = &in[from + i];
        uint32_t len = s->value.inlined.length;
        bool inside = len <= sizeof s->value.inlined.inlined;
        if (!is_valid(mask, from + i))
            mr_put_null(f, a, at + i);
        else
            rc = mr_put_bytes(a, at + i, inside ? s->value.inlined.inlined : s->value.pointer.ptr,
                              len, err);
    }
    return rc;
}

/* The elements of one list or map, behind those that are there. */
static enum mr_code elements_out(duckdb_vector v, const struct mr_field *f,
                                 const duckdb_list_entry *e, struct mr_array *a,
                                 struct mr_error *err)
{
    duckdb_vector child = g_duck.list_vector_get_child(v);
    int64_t had = a->children[0].length, n = (int64_t)e->length;
    enum mr_code rc = MR_OK;
    for (int i = 0; i < f->n_children && rc == MR_OK; i++) {
        duckdb_vector from =
            f->type.id == MR_TYPE_LIST ? child : g_duck.struct_vector_get_child(child, (idx_t)i);
        rc = mr_array_reserve(&f->children[i], &a->children[i], had + n, err);
        if (rc == MR_OK)
            rc = mr_duck_copy_out(from, &f->children[i], (int64_t)e->offset, n, &a->children[i],
                                  had, err);
        a->children[i].length = had + n;
    }
    return rc;
}

static enum mr_code list_out(duckdb_vector v, const struct mr_field *f, int64_t from, int64_t n,
                             struct mr_array *a, int64_t at, struct mr_error *err)
{
    const uint64_t *mask = g_duck.vector_get_validity(v);
    const duckdb_list_entry *in = g_duck.vector_get_data(v);
    enum mr_code rc = MR_OK;
    for (int64_t i = 0; i < n && rc == MR_OK; i++) {
        if (!is_valid(mask, from + i)) {
            mr_put_null(f, a, at + i);
            continue;
        }
        rc = elements_out(v, f, &in[from + i], a, err);
        if (rc == MR_OK)
            rc = mr_array_end_list(a, at + i, err);
    }
    return rc;
}

static enum mr_code struct_out(duckdb_vector v, const struct mr_field *f, int64_t from, int64_t n,
                               struct mr_array *a, int64_t at, struct mr_error *err)
{
    const uint64_t *mask = g_duck.vector_get_validity(v);
    enum mr_code rc = MR_OK;
    for (int64_t r = 0; r < n && rc == MR_OK; r++) {
        if (!is_valid(mask, from + r)) {
            mr_put_null(f, a, at + r);
            continue;
        }
        for (int i = 0; i < f->n_children && rc == MR_OK; i++)
            rc = mr_duck_copy_out(g_duck.struct_vector_get_child(v, (idx_t)i), &f->children[i],
                                  from + r, 1, &a->children[i], at + r, err);
    }
    return rc;
}

enum mr_code mr_duck_copy_out(duckdb_vector v, const struct mr_field *f, int64_t from, int64_t n,
                              struct mr_array *a, int64_t at, struct mr_error *err)
{
    if (n == 0)
        return MR_OK;
    if (f->type.id == MR_TYPE_STRUCT)
        return struct_out(v, f, from, n, a, at, err);
    if (f->n_children)
        return list_out(v, f, from, n, a, at, err);
    if (f->type.id == MR_TYPE_STRING || f->type.id == MR_TYPE_BINARY)
        return text_out(v, f, from, n, a, at, err);
    return plain_out(v, f, from, n, a, at, err);
}
