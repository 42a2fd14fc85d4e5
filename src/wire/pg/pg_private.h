/*
 * pg_private.h - what the files around one libpq connection share; nobody else includes it.
 */
#ifndef MR_WIRE_PG_PRIVATE_H
#define MR_WIRE_PG_PRIVATE_H

#include <stdbool.h>

#include <libpq-fe.h>

#include "base/buf.h"
#include "wire/pg/pg_conn.h"
#include "wire/pg/pg_tap.h"

struct mr_pg {
    PGconn *pg;
    int64_t read_timeout_us;
    struct mr_pg_tap tap;    /* open during a COPY without TLS */
    char *copy_row;          /* of the last mr_pg_copy_next, with TLS */
    bool copying, fetching;  /* rows of a COPY, of a FETCH are under way */
    struct mr_buf fetch_row; /* of the last mr_pg_fetch_next */
    int error_position; /* in the statement that failed last, in characters from 1; 0: not said */
    bool widened;       /* libpq's buffer was made large */
    bool patient;       /* the socket wakes us only for LOWAT bytes */
    size_t copy_bytes;  /* of this COPY */
};

/** mr_pg_wait_result - until PQgetResult does not block; bounded, and a cancel is heard. */
MR_CHECK enum mr_code mr_pg_wait_result(struct mr_pg *c, struct mr_error *err);
/** mr_pg_server_error - r's error with its SQLSTATE; r NULL: the connection is lost. */
enum mr_code mr_pg_server_error(struct mr_pg *c, const PGresult *r, struct mr_error *err);
enum mr_code mr_pg_lost(struct mr_pg *c, struct mr_error *err);
/** mr_pg_drain - read results away until the server is ready for the next statement, or the time-out. */
void mr_pg_drain(struct mr_pg *c);

#endif
