/*
 * pg_conn.h - one connection to PostgreSQL: connect, ask, COPY OUT, every wait bounded and cancellable.
 *
 * Ownership  a connection is closed with mr_pg_close (NULL-safe); results with mr_pg_result_free.
 * Thread     one at a time per connection.
 * Source     libpq 15; this is the one room that includes libpq-fe.h.
 */
#ifndef MR_WIRE_PG_CONN_H
#define MR_WIRE_PG_CONN_H

#include <stddef.h>
#include <stdint.h>

#include "millrace/error.h"

struct mr_pg;
struct mr_pg_result;

struct mr_pg_params {
    const char *keywords[24]; /* libpq's: "host", "dbname" (a URL is fine), ...; NULL-terminated */
    const char *values[24];
    int n;
    int64_t connect_timeout_us;
    int64_t read_timeout_us; /* no byte for so long: MR_E_TIMEOUT */
};

void mr_pg_param(struct mr_pg_params *p, const char *keyword,
                 const char *value); /* NULL and "" are left out */
MR_CHECK enum mr_code mr_pg_connect(const struct mr_pg_params *p, struct mr_pg **ret,
                                    struct mr_error *err);
void mr_pg_close(struct mr_pg *c);
int mr_pg_server_version(const struct mr_pg *c); /* 150020 */
/** mr_pg_parameter - what the server says of itself ("server_encoding"); "" when unknown. */
const char *mr_pg_parameter(const struct mr_pg *c, const char *name);
/** mr_pg_in_transaction - the transaction that was begun is still open and not failed. */
bool mr_pg_in_transaction(const struct mr_pg *c);

/** mr_pg_query - text rows of one statement; ret may be NULL. */
MR_CHECK enum mr_code mr_pg_query(struct mr_pg *c, const char *sql, struct mr_pg_result **ret,
                                  struct mr_error *err);
int mr_pg_rows(const struct mr_pg_result *r);
/** mr_pg_cell - NULL for NULL. */
const char *mr_pg_cell(const struct mr_pg_result *r, int row, int column);
void mr_pg_result_free(struct mr_pg_result *r);

/** mr_pg_copy_begin - start a COPY ... TO STDOUT. */
MR_CHECK enum mr_code mr_pg_copy_begin(struct mr_pg *c, const char *sql, struct mr_error *err);
/**
 * mr_pg_copy_next - the next CopyData message.
 *
 * Returns  MR_OK and *ret_n > 0 bytes at *ret_data, valid until the next call; *ret_n = 0: the COPY ended well.
 */
MR_CHECK enum mr_code mr_pg_copy_next(struct mr_pg *c, const char **ret_data, size_t *ret_n,
                                      struct mr_error *err);
bool mr_pg_copying(const struct mr_pg *c);
/** mr_pg_copy_abort - stop a COPY that is not at its end. */
void mr_pg_copy_abort(struct mr_pg *c);

/** mr_pg_quote - "name" with quotes doubled; mr_free. */
char *mr_pg_quote(const char *name);
/** mr_pg_literal - 'text' as a literal that any setting reads alike; mr_free. */
char *mr_pg_literal(const char *text);

#endif
