/*
 * pg_copy.h - rows of COPY BINARY as columns. Needs no connection: bytes in, a batch out.
 *
 *   i16 field count, then per field: i32 length (-1: NULL), bytes in network order
 *
 * Plan       per column a function, or for words what it would do without a call: no switch per field, no allocation per row.
 *            Text goes through the batch's dictionaries until its values have turned out to be many.
 * Bad cells  a value that its column cannot hold becomes what the field's policy says, and its exact text goes to the
 *            batch's list: the text that the server itself would print, or invalid-utf8: and its bytes in hex.
 * Errors     MR_E_CORRUPT (PG05) for bytes that are no such row.
 * Thread     one at a time per decoder.
 * Source     PostgreSQL "COPY", Binary Format; the *_send functions of src/backend/utils/adt
 */
#ifndef MR_WIRE_PG_COPY_H
#define MR_WIRE_PG_COPY_H

#include "millrace/batch.h"
#include "wire/pg/pg_type.h"

struct mr_pg_decoder;
/** mr_pg_decodes - a column of type t can be read as field f. */
bool mr_pg_decodes(const struct mr_pg_type *t, const struct mr_field *f);
/**
 * mr_pg_decoder_new - for rows of these columns.
 *
 * Shape    types[schema->n_fields]; each decodes as its field (mr_pg_decodes).
 * Owns     borrows both. validate: text may not be UTF-8 (SQL_ASCII databases).
 */
struct mr_pg_decoder *mr_pg_decoder_new(const struct mr_schema *schema,
                                        const struct mr_pg_type *types, bool validate,
                                        size_t max_value_bytes);
void mr_pg_decoder_free(struct mr_pg_decoder *d);
/** mr_pg_decode_header - check and skip the 19 and more bytes before the first row; *ret_used of them. */
MR_CHECK enum mr_code mr_pg_decode_header(const char *p, size_t n, size_t *ret_used,
                                          struct mr_error *err);
/** mr_pg_decode_row - one row of exactly n bytes into row r of b; *ret_end: it was the trailer (no row). */
MR_CHECK enum mr_code mr_pg_decode_row(struct mr_pg_decoder *d, const char *p, size_t n,
                                       struct mr_batch *b, int64_t r, bool *ret_end,
                                       struct mr_error *err);
/** mr_pg_decoder_learn - b, of this decoder's rows, is finished: columns of text whose values turn out to be many (of a thousand,
 *  more than half distinct within their batches) are put plainly from the next batch on, for good.
 *  Without this call all go through dictionaries. */
void mr_pg_decoder_learn(struct mr_pg_decoder *d, const struct mr_batch *b);

#endif
