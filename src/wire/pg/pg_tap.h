/*
 * pg_tap.h - the messages of a COPY OUT straight from the socket: no copy, no allocation per row.
 *
 *   server ──▶ socket ──▶ our buffer ──▶ CopyData: handed out where it lies; notices: dropped
 *                             └────────▶ all else: through a socket pair to libpq, which waits at its own descriptor
 *
 * While a tap is open, libpq's descriptor is one end of a socket pair; closing puts the socket back. libpq sees the beginning and
 * the end of the COPY and none of its rows, so that its state is right at any moment. Not for TLS: there libpq has to decrypt.
 *
 * Ownership  the tap owns its buffer; a message is good until the next call.
 * Thread     that of its connection.
 * Source     PostgreSQL "Message Formats": a type byte, a length that counts itself, the payload
 */
#ifndef MR_WIRE_PG_TAP_H
#define MR_WIRE_PG_TAP_H

#include <stdbool.h>
#include <stddef.h>

#include "millrace/error.h"

struct mr_pg_tap {
    int libpq_fd, socket, pair; /* pair: our end */
    char *buf;
    size_t cap, start, end; /* buf[start, end) is read and not handed out */
    size_t passing; /* of these, what is on its way to libpq: the rest of a message of this kind */
    char kind;
    bool ended; /* ReadyForQuery went to libpq: the rest of the COPY is libpq's */
};

enum mr_pg_tap_result {
    MR_PG_TAP_DATA,
    MR_PG_TAP_MORE,
    MR_PG_TAP_FULL,
    MR_PG_TAP_ENDED,
    MR_PG_TAP_LOST
};

/** mr_pg_tap_open - take over the socket behind `fd`. MR_E_NET when the system refuses; nothing has changed then. */
MR_CHECK enum mr_code mr_pg_tap_open(struct mr_pg_tap *t, int fd, struct mr_error *err);
/** mr_pg_tap_close - give it back; the buffer is kept unless it has become large. */
void mr_pg_tap_close(struct mr_pg_tap *t);
void mr_pg_tap_release(struct mr_pg_tap *t);
static inline bool mr_pg_tap_is_open(const struct mr_pg_tap *t)
{
    return t->socket > 0;
}
/** mr_pg_tap_take - the next CopyData that is in the buffer. MORE: read first. FULL: libpq is to read first. */
enum mr_pg_tap_result mr_pg_tap_take(struct mr_pg_tap *t, const char **ret, size_t *ret_n);
/** mr_pg_tap_read - what the socket has now, without waiting. MORE: something or nothing came. LOST: end, or an error. */
enum mr_pg_tap_result mr_pg_tap_read(struct mr_pg_tap *t);

#endif
