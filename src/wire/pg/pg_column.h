/*
 * pg_column.h - how a decoder sees one column: a function, and what it needs. For the files of the decoder only.
 *
 *   mr_pg_decode_row ─┬▶ column.word ─▶ array          integers, floats, dates and timestamps within their limits: no call
 *                     └▶ column.put ─▶ array           all else, and what column.word leaves over
 *                          └─ MR_E_VALUE ─▶ bad cell   the value does not fit: pg_copy.c decides what becomes of it
 *
 *   `word` and `plain` are set for the columns of a row only; children of a column have their `put` and no more.
 *
 * Rule       a put function that returns MR_E_VALUE has not filled err. It may have written the row in part.
 */
#ifndef MR_WIRE_PG_COLUMN_H
#define MR_WIRE_PG_COLUMN_H

#include <inttypes.h>

#include "base/buf.h"
#include "column/builder.h"
#include "wire/pg/pg_bytes.h"
#include "wire/pg/pg_type.h"

#define MR_PG_EPOCH_DAYS 10957 /* 2000-01-01 */
#define MR_PG_DAY_US 86400000000LL
#define MR_PG_DAY_MIN (-719162) /* 0001-01-01 */
#define MR_PG_DAY_MAX 2932896   /* 9999-12-31 */

struct mr_pg_column;
typedef enum mr_code (*mr_pg_put_fn)(const struct mr_pg_column *c, const char *p, uint32_t n,
                                     struct mr_array *a, int64_t r, struct mr_error *err);
typedef bool (*mr_pg_text_fn)(const struct mr_pg_type *t, const char *p, size_t n,
                              struct mr_buf *out);
typedef void (*mr_pg_store_fn)(struct mr_array *a, int64_t r, __int128 v);

/* What all columns of a decoder share. */
struct mr_pg_shared {
    enum mr_on_bad adjust; /* CLAMP, ROUND: values that do not fit are bent now; else MR_E_VALUE */
    struct mr_buf scratch;
    int few; /* distinct values of a text that a batch's dictionary takes whatever their share */
};

/* What `put` does with a value from `least` to `least` + `span`, said so that it needs no call: add `add`, and store. The value
 * is sign-extended to 64 bits, and all of it is counted modulo 2^64: v - least <= span is both limits. */
struct mr_pg_word {
    uint32_t bytes; /* 4 or 8; 0: a call is needed */
    uint64_t least, span, add;
};

struct mr_pg_column {
    mr_pg_put_fn put;
    mr_pg_put_fn
        plain; /* what `put` becomes when a text's values turn out to be many; else the same */
    int64_t seen, seen_entries; /* values since that was last judged, and entries they took */
    const struct mr_field *field;
    struct mr_pg_word word;
    bool validate;      /* text may be no UTF-8 */
    bool short_decimal; /* of at most 18 digits */
    uint8_t scale;
    uint8_t dims; /* array: lists within lists */
    size_t max_value;
    __int128 limit;             /* numbers: what is as large does not fit */
    __int128 limit_of_negative; /* the same for the magnitude of negative ones */
    __int128 mul, div;          /* whole numbers: to the scale of the column; one of them is 1 */
    mr_pg_store_fn store;
    mr_pg_text_fn text; /* what lands as text */
    const struct mr_pg_type *type;
    struct mr_pg_shared *shared;
    int n_children;
    struct mr_pg_column *children;
};

/** mr_pg_bad_bytes - what came is no such value (PG05). */
enum mr_code mr_pg_bad_bytes(const struct mr_pg_column *c, const char *why, uint32_t n,
                             struct mr_error *err);
enum mr_code mr_pg_too_large(const struct mr_pg_column *c, uint32_t n, struct mr_error *err);

/** mr_pg_value_put - the function of a type without parts that lands as this field; NULL: it cannot. */
mr_pg_put_fn mr_pg_value_put(struct mr_pg_column *c);
/** mr_pg_word_of - what that function does with most values, for mr_pg_decode_row to do itself; the two have to agree. */
struct mr_pg_word mr_pg_word_of(mr_pg_put_fn put);
/** mr_pg_number_put - the same for numbers that land as other numbers; sets limits, scale and store. */
mr_pg_put_fn mr_pg_number_put(struct mr_pg_column *c);
/** mr_pg_nested_put - the same for arrays, composites and hstore; children are made with mr_pg_column_init. */
mr_pg_put_fn mr_pg_nested_put(struct mr_pg_column *c);
/** mr_pg_column_init - choose c's function; type, field, shared, validate and max_value are set. */
void mr_pg_column_init(struct mr_pg_column *c);

enum mr_code mr_pg_put_numeric(const struct mr_pg_column *c, const char *p, uint32_t n,
                               struct mr_array *a, int64_t r, struct mr_error *err);
enum mr_code mr_pg_put_text(const struct mr_pg_column *c, const char *p, uint32_t n,
                            struct mr_array *a, int64_t r, struct mr_error *err);
/** mr_pg_entry_put - the same values as `put` puts, through the dictionary of the batch, for columns that are no part of
 *  another; NULL: there is no such function (jsonb, uuid, bytea, and whatever is made into text here have none). */
mr_pg_put_fn mr_pg_entry_put(mr_pg_put_fn put);

#define MR_PG_NEED(size)                                                                           \
    if (__builtin_expect(n != (size), 0))                                                          \
    return mr_pg_bad_bytes(c, "wrong length", n, err)

#endif
