/*
 * batch.h - rows in flight as columns, in Arrow's memory layout.
 *
 *   mr_batch ── schema ─▶ fields[n]           column i of `orders`, 4 rows:
 *        │                                     validity  1 0 1 1      (bit r: 1 = value, 0 = NULL; LSB first)
 *        └── columns[n] ─────────────────▶     offsets   0 3 3 7 9    (string, binary: n_rows + 1 int32)
 *                                              data      a b c d e f g h i
 *   A nested column has children: a list's elements lie one after the other in children[0], row r has those from
 *   offsets[r] to offsets[r + 1]; a map is a list of children[0] (keys) and children[1] (values); a struct's children
 *   have its own number of rows, and a value also where the struct is NULL.
 *   Under a NULL lies a zero value, or a string or list of no length.
 *
 *   A string or binary column of few distinct values may be encoded, in one batch and not in the next:
 *
 *        encoded ── values  0 1 0 0 2          5 rows: paid, open, paid, NULL, ""     (int32 each; 0 where NULL)
 *        dictionary ─────▶ offsets 0 4 8 8     3 entries of the field's own type, none NULL, of this batch alone
 *                          data    paidopen
 *   Only columns of the batch itself, no children of columns. Entries may be in any order, be there twice, or stand in no
 *   row. An encoded column has no offsets and no data of its own: mr_array_bytes reads a row of either kind.
 *
 *   A cell that its column cannot hold is NULL, and its exact text stands in `bad`, until the end of the chain makes a
 *   column `_rescued` of it.
 *
 * Ownership  A batch owns its column buffers and keeps them when cleared, so a batch that is reused
 *            allocates nothing. An array owns its dictionary, shares it with no other, and keeps its memory too while
 *            its values are few.
 *            It borrows its schema, which must outlive it.
 * Thread     one thread at a time; handing over a pointer through a queue hands over the batch.
 * Source     Arrow Columnar Format 1.5; decimals of up to 18 digits are Arrow decimal64, others decimal128.
 */
#ifndef MILLRACE_BATCH_H
#define MILLRACE_BATCH_H

#include <stdint.h>

#include "millrace/error.h"

enum mr_type_id {
    MR_TYPE_BOOL = 1, /* values: bitmap, LSB first */
    MR_TYPE_INT8,
    MR_TYPE_INT16,
    MR_TYPE_INT32,
    MR_TYPE_INT64,
    MR_TYPE_FLOAT32,
    MR_TYPE_FLOAT64,
    MR_TYPE_DECIMAL,       /* unscaled int64 when precision <= 18, else unscaled __int128 */
    MR_TYPE_DATE,          /* int32 days since 1970-01-01 */
    MR_TYPE_TIMESTAMP,     /* int64 us since 1970-01-01T00:00:00Z */
    MR_TYPE_TIMESTAMP_NTZ, /* int64 us since 1970-01-01T00:00:00 of no zone */
    MR_TYPE_STRING,        /* UTF-8 */
    MR_TYPE_BINARY,
    MR_TYPE_LIST,   /* child: element */
    MR_TYPE_STRUCT, /* children: its fields */
    MR_TYPE_MAP     /* children: key, never NULL, and value */
};

/* What becomes of a value that its column cannot hold. */
enum mr_on_bad {
    MR_BAD_RESCUE, /* the cell is NULL, its text goes to `_rescued` */
    MR_BAD_NULL,   /* the cell is NULL */
    MR_BAD_CLAMP,  /* the nearest value that fits; what has none (NaN) is NULL */
    MR_BAD_ROUND, /* digits beyond the scale are rounded, half away from zero; what still does not fit is rescued */
    MR_BAD_FAIL /* the stream fails, after all of its partition was looked at */
};

/* How a column lies in Parquet where that is pinned. */
enum mr_physical {
    MR_PHYSICAL_DEFAULT,
    MR_PHYSICAL_INT96,  /* timestamps, as Hive and old Spark wrote them */
    MR_PHYSICAL_MILLIS, /* timestamps: INT64 of milliseconds */
    MR_PHYSICAL_FIXED   /* decimals: FIXED_LEN_BYTE_ARRAY at any precision */
};

/* The column that holds what did not fit: {"total": "NaN"}. */
#define MR_RESCUED "_rescued"

struct mr_type {
    enum mr_type_id id;
    uint8_t precision; /* decimal: 1..38 */
    uint8_t scale;     /* decimal: 0..precision */
};

/* A row of the table of types: what the source calls it, what it lands as, what is to be said of that. */
struct mr_type_doc {
    const char *source, *lands, *notes;
};

struct mr_field {
    char *name; /* as it lands */
    struct mr_type type;
    bool nullable;
    char *source_name; /* the source's spelling when `name` differs, else NULL */
    char *source_type; /* "numeric(12,2)"; NULL when unknown */
    char *
        source_id; /* of this very column, whatever its name: "16384.3"; NULL when the source has none */
    char *comment; /* NULL when none */
    char *
        metadata; /* more members of the field's metadata, as JSON text without braces; NULL when none */
    int n_children;
    struct mr_field *children; /* LIST: "element"; MAP: "key", "value"; STRUCT: its fields */
    enum mr_on_bad
        on_bad; /* what a consumer does with values that do not fit; children follow their column */
    enum mr_physical physical;
    int field_id; /* pinned Parquet field id; 0: the column's position */
};

struct mr_schema {
    int n_fields;
    struct mr_field *fields;
};

/* One column. Buffers may be larger than used; *_cap are bytes. Builders in column/builder.h fill it. */
struct mr_array {
    int64_t length;
    int64_t null_count;
    uint8_t *validity; /* meaningful only when null_count > 0; bits past length undefined */
    uint8_t *values;   /* fixed width values, the bitmap of booleans, or the indices when encoded */
    int32_t *offsets;  /* string, binary, list, map: length + 1 entries, offsets[0] = 0 */
    uint8_t *data;     /* string, binary: offsets[length] bytes */
    size_t validity_cap, values_cap, offsets_cap, data_cap;
    int n_children;
    struct mr_array *children;
    bool encoded;                /* values are int32 indices into the dictionary, offsets is NULL */
    struct mr_array *dictionary; /* when not encoded: memory for the next batch, or NULL */
};

/* A cell that its column could not hold. */
struct mr_bad_cell {
    int column;
    enum mr_on_bad done; /* what became of it; clamped and rounded cells are not NULL */
    int64_t row;
    size_t text_at, text_len; /* its exact text, in mr_bad_list.text */
    size_t key_at, key_len;   /* which row, for people ("id=42"); empty when nobody asked */
};

struct mr_bad_list {
    int n, cap;
    struct mr_bad_cell *cells; /* rows do not fall */
    char *text;
    size_t text_len, text_cap;
};

struct mr_batch {
    const struct mr_schema *schema;
    int64_t n_rows;
    struct mr_array *columns; /* schema->n_fields of them */
    uint64_t source_bytes;    /* bytes received from the source for these rows */
    int64_t first_row;        /* ordinal of row 0 in its partition, for messages */
    struct mr_bad_list bad; /* cells of this batch that are NULL because their values did not fit */
};

/** mr_type_width - bytes per value of a fixed-width type; 0 for all others and bool. */
static inline int mr_type_width(struct mr_type t)
{
    switch (t.id) {
    case MR_TYPE_INT8:
        return 1;
    case MR_TYPE_INT16:
        return 2;
    case MR_TYPE_INT32:
    case MR_TYPE_FLOAT32:
    case MR_TYPE_DATE:
        return 4;
    case MR_TYPE_INT64:
    case MR_TYPE_FLOAT64:
    case MR_TYPE_TIMESTAMP:
    case MR_TYPE_TIMESTAMP_NTZ:
        return 8;
    case MR_TYPE_DECIMAL:
        return t.precision <= 18 ? 8 : 16;
    case MR_TYPE_BOOL:
    case MR_TYPE_STRING:
    case MR_TYPE_BINARY:
    case MR_TYPE_LIST:
    case MR_TYPE_STRUCT:
    case MR_TYPE_MAP:
        return 0;
    }
    return 0;
}

/** mr_type_nested - it has children. */
static inline bool mr_type_nested(struct mr_type t)
{
    return t.id >= MR_TYPE_LIST;
}

/** mr_array_is_null - true when row r of a has no value. */
static inline bool mr_array_is_null(const struct mr_array *a, int64_t r)
{
    return a->null_count > 0 && !((a->validity[r >> 3] >> (r & 7)) & 1);
}

/** mr_array_indices - which entry of its dictionary stands in each row of an encoded array. */
static inline const int32_t *mr_array_indices(const struct mr_array *a)
{
    return (const int32_t *)(const void *)a->values;
}

/** mr_array_bytes - the *ret_n bytes of row r of a string or binary array, encoded or not; says nothing where it is NULL. */
static inline const uint8_t *mr_array_bytes(const struct mr_array *a, int64_t r, size_t *ret_n)
{
    if (a->encoded) {
        r = mr_array_indices(a)[r];
        a = a->dictionary;
    }
    *ret_n = (size_t)(a->offsets[r + 1] - a->offsets[r]);
    return a->data + a->offsets[r];
}

#endif
