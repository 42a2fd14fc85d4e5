/*
 * pg_copy.h - rows of COPY BINARY as columns. Needs no connection: bytes in, a batch out.
 *
 *   i16 field count, then per field: i32 length (-1: NULL), bytes in network order
 *
 * Plan       per column a function and nothing else: no switch per field, no allocation per row.
 * Errors     MR_E_CORRUPT (PG05) for bytes that are no such row; MR_E_VALUE (PG04) for a value that its column cannot
 *            hold, with column and the value's exact text.
 * Thread     one at a time per decoder.
 * Source     PostgreSQL "COPY", Binary Format; the *_send functions of src/backend/utils/adt
 */
#ifndef MR_WIRE_PG_COPY_H
#define MR_WIRE_PG_COPY_H

#include "millrace/batch.h"

/* What a column's bytes are; from the type's oid. */
enum mr_pg_wire {
    MR_PG_UNKNOWN, /* not read */
    MR_PG_BOOL,
    MR_PG_INT2,
    MR_PG_INT4,
    MR_PG_INT8,
    MR_PG_FLOAT4,
    MR_PG_FLOAT8,
    MR_PG_NUMERIC,
    MR_PG_TEXT,
    MR_PG_BPCHAR,
    MR_PG_BYTEA,
    MR_PG_DATE,
    MR_PG_TIMESTAMP,
    MR_PG_UUID,
    MR_PG_JSONB
};

/** mr_pg_wire_of - the kind and landing type of a base type; false: not one of this version. typmod as in pg_attribute. */
bool mr_pg_wire_of(unsigned oid, int typmod, enum mr_pg_wire *ret, struct mr_type *ret_type);

struct mr_pg_decoder;
/** mr_pg_decoder_new - for rows of these columns; validate: text may not be UTF-8 (SQL_ASCII databases). */
struct mr_pg_decoder *mr_pg_decoder_new(const struct mr_schema *schema,
                                        const enum mr_pg_wire *wires, bool validate,
                                        size_t max_value_bytes);
void mr_pg_decoder_free(struct mr_pg_decoder *d);
/** mr_pg_decode_header - check and skip the 19 and more bytes before the first row; *ret_used of them. */
MR_CHECK enum mr_code mr_pg_decode_header(const char *p, size_t n, size_t *ret_used,
                                          struct mr_error *err);
/** mr_pg_decode_row - one row of exactly n bytes into row r of b; *ret_end: it was the trailer (no row). */
MR_CHECK enum mr_code mr_pg_decode_row(struct mr_pg_decoder *d, const char *p, size_t n,
                                       struct mr_batch *b, int64_t r, bool *ret_end,
                                       struct mr_error *err);

#endif
