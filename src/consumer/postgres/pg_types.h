/*
 * pg_types.h - the server's types: domains, arrays, enums, composites and extensions down to what the decoder knows;
 * how a column is asked for; and what it may be pinned to.
 *
 *   oids of all columns ─▶ one question to pg_type, recursive ─▶ rows ─▶ resolve(oid, typmod) ─▶ tree of mr_pg_type
 *
 * Ownership  a tree is its table's; see pg_type.h.
 * Thread     main thread.
 */
#ifndef MR_CONSUMER_PG_TYPES_H
#define MR_CONSUMER_PG_TYPES_H

#include "base/buf.h"
#include "millrace/consumer.h"
#include "wire/pg/pg_conn.h"
#include "wire/pg/pg_type.h"

/**
 * mr_pg_load_types - the types of all columns of these streams, and what the columns land as.
 *
 * Shape    a stream's source is its pg_table, whose types hold the oid and typmod that the catalog says; they become trees,
 *          and the table's signature is told of all that they hang on, so that an ALTER TYPE is seen.
 */
MR_CHECK enum mr_code mr_pg_load_types(struct mr_pg *c, struct mr_stream **streams, int n,
                                       struct mr_error *err);

/* The server's text of values, whatever the role's or database's settings are. `how` is "SET " or "SET LOCAL ". */
#define MR_PG_TEXT_SETTINGS(how)                                                                   \
    how "timezone = 'UTC'; " how "datestyle = 'ISO'; " how "intervalstyle = 'postgres'; " how      \
        "extra_float_digits = 1; " how "bytea_output = 'hex'; " how "quote_all_identifiers = off"
/* For a server that does not check encodings: it would refuse to send what is no UTF-8, and we look ourselves. */
#define MR_PG_ASCII_SETTINGS(how) how "client_encoding = 'SQL_ASCII'"

/** mr_pg_select_expr - what to select so that the decoder can read the column `quoted`; mr_free. */
char *mr_pg_select_expr(const struct mr_pg_type *t, const char *quoted);

/** mr_pg_keep_padding - char(n) lands with its blanks, at any depth. */
void mr_pg_keep_padding(struct mr_pg_type *t);
/** mr_pg_pin_type - land as `pin` from now on; false when a column of this type cannot. t and f are changed only then. */
bool mr_pg_pin_type(struct mr_pg_type *t, struct mr_field *f, const struct mr_field *pin);
/** mr_pg_pins_text - what a column of this type can be pinned to, for people. */
void mr_pg_pins_text(const struct mr_pg_type *t, struct mr_buf *out);
/** mr_pg_may_misfit - there are values of this type that its field cannot hold. validate: text may be no UTF-8. */
bool mr_pg_may_misfit(const struct mr_pg_type *t, const struct mr_field *f, bool validate);

#endif
