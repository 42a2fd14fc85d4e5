/*
 * pg_conn.h - one connection to PostgreSQL: connect, ask, COPY OUT, FETCH, every wait bounded and cancellable.
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
    bool verified_unasked;   /* mr_pg_verify_names asked for verify-full */
    char trusted[300];       /* what it found to trust; "" none */
};

void mr_pg_param(struct mr_pg_params *p, const char *keyword,
                 const char *value); /* NULL and "" are left out */
/**
 * mr_pg_verify_names - a server on another machine must prove its name (sslmode verify-full), unless the parameters, the
 * environment or a service file say another sslmode. `prefer` in the latter two is libpq's own default and says nothing.
 * Where nothing says what to trust, and the user has no ~/.postgresql/root.crt, it is the system's authorities.
 * p must stay where it is.
 */
void mr_pg_verify_names(struct mr_pg_params *p);
MR_CHECK enum mr_code mr_pg_connect(const struct mr_pg_params *p, struct mr_pg **ret,
                                    struct mr_error *err);
void mr_pg_close(struct mr_pg *c);
int mr_pg_server_version(const struct mr_pg *c); /* 150020 */
/** mr_pg_parameter - what the server says of itself ("server_encoding"); "" when unknown. */
const char *mr_pg_parameter(const struct mr_pg *c, const char *name);
/* How a connection came about. Texts live as long as it does. */
struct mr_pg_facts {
    const char *host, *port, *database;
    bool local;       /* through a socket's file, or an address of this machine */
    const char *tls;  /* "TLSv1.3"; NULL: not encrypted */
    char sslmode[16]; /* as it was in force */
    int key_pid;      /* the server's process, as said with the cancel key: a pooler says another */
};
void mr_pg_facts(const struct mr_pg *c, struct mr_pg_facts *ret);
/** mr_pg_connect_advice - what to do about libpq's reason for no connection. */
const char *mr_pg_connect_advice(const char *reason);
/** mr_pg_in_transaction - the transaction that was begun is still open and not failed. */
bool mr_pg_in_transaction(const struct mr_pg *c);
bool mr_pg_idle(const struct mr_pg *c); /* connected, and in no transaction */

/** mr_pg_query - text rows of one statement; ret may be NULL. */
MR_CHECK enum mr_code mr_pg_query(struct mr_pg *c, const char *sql, struct mr_pg_result **ret,
                                  struct mr_error *err);
int mr_pg_rows(const struct mr_pg_result *r);
/** mr_pg_cell - NULL for NULL. */
const char *mr_pg_cell(const struct mr_pg_result *r, int row, int column);
void mr_pg_result_free(struct mr_pg_result *r);

/**
 * mr_pg_describe - the columns that one statement would bring, which is not run. It must have no parameters.
 *
 * Returns  MR_E_SOURCE with the server's words; mr_pg_error_position then says where. *ret has no rows.
 */
MR_CHECK enum mr_code mr_pg_describe(struct mr_pg *c, const char *sql, struct mr_pg_result **ret,
                                     struct mr_error *err);
int mr_pg_columns(const struct mr_pg_result *r);
const char *mr_pg_column_name(const struct mr_pg_result *r, int column);
unsigned mr_pg_column_type(const struct mr_pg_result *r, int column); /* of a domain: its base */
int mr_pg_column_typmod(const struct mr_pg_result *r, int column);
int mr_pg_column_attnum(const struct mr_pg_result *r, int column); /* 0: not a table's column */
/** mr_pg_error_position - where in the statement that failed last, in characters from 1; 0: the server does not say. */
int mr_pg_error_position(const struct mr_pg *c);

/** mr_pg_copy_begin - start a COPY ... TO STDOUT; statements without rows may stand before it, as in "a; b; COPY ...". */
MR_CHECK enum mr_code mr_pg_copy_begin(struct mr_pg *c, const char *sql, struct mr_error *err);
/**
 * mr_pg_copy_next - the next CopyData message.
 *
 * Returns  MR_OK and *ret_n > 0 bytes at *ret_data, valid until the next call; *ret_n = 0: the COPY ended well.
 */
MR_CHECK enum mr_code mr_pg_copy_next(struct mr_pg *c, const char **ret_data, size_t *ret_n,
                                      struct mr_error *err);
/** mr_pg_fetch_begin, _next - the same for a FETCH from a binary cursor: a row at a time, as COPY BINARY would send it. */
MR_CHECK enum mr_code mr_pg_fetch_begin(struct mr_pg *c, const char *sql, struct mr_error *err);
MR_CHECK enum mr_code mr_pg_fetch_next(struct mr_pg *c, const char **ret_data, size_t *ret_n,
                                       struct mr_error *err);
/** mr_pg_copying - rows of a COPY or FETCH are still to come. */
bool mr_pg_copying(const struct mr_pg *c);
/** mr_pg_copy_abort - stop a COPY or FETCH that is not at its end. */
void mr_pg_copy_abort(struct mr_pg *c);

/** mr_pg_quote - "name" with quotes doubled; mr_free. */
char *mr_pg_quote(const char *name);
/** mr_pg_literal - 'text' as a literal that any setting reads alike; mr_free. */
char *mr_pg_literal(const char *text);

#endif
