/*
 * What        reads a COPY past libpq
 * Gets        a socket in the middle of a query whose answer is a COPY OUT
 * Guarantees  libpq gets every message that is not CopyData, in order; never waits
 * Why         libpq allocates and copies each row, and reads 16 KiB at a time: a third of the client's CPU on narrow rows
 */
#include "wire/pg/pg_tap.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

#define BUFFER ((size_t)256 << 10)
#define KEEP ((size_t)1 << 20)
#define HEAD 5 /* type and length */

enum mr_code mr_pg_tap_open(struct mr_pg_tap *t, int fd, struct mr_error *err)
{
    int pair[2] = { -1, -1 }, saved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (saved < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0 ||
        dup3(pair[1], fd, O_CLOEXEC) < 0) {
        int why = errno;
        if (saved >= 0)
            close(saved);
        if (pair[0] >= 0) {
            close(pair[0]);
            close(pair[1]);
        }
        return mr_fail_errno(err, MR_ID_PG01, why,
                             "the connection's socket cannot be read directly");
    }
    close(pair[1]);
    t->libpq_fd = fd;
    t->socket = saved;
    t->pair = pair[0];
    t->start = t->end = t->passing = 0;
    t->kind = 0;
    t->ended = false;
    if (!t->buf) {
        t->buf = mr_alloc(BUFFER);
        t->cap = BUFFER;
    }
    return MR_OK;
}

void mr_pg_tap_close(struct mr_pg_tap *t)
{
    if (!mr_pg_tap_is_open(t))
        return;
    while (dup3(t->socket, t->libpq_fd, O_CLOEXEC) < 0 && errno == EINTR)
        ;
    close(t->socket);
    close(t->pair);
    t->socket = t->pair = 0;
    if (t->cap > KEEP)
        mr_pg_tap_release(t);
}

void mr_pg_tap_release(struct mr_pg_tap *t)
{
    mr_free(t->buf);
    t->buf = NULL;
    t->cap = 0;
}

/* Of a message for libpq as much as its descriptor takes; the rest when libpq has read. FULL, LOST, or MORE: it is through. */
static enum mr_pg_tap_result pass_on(struct mr_pg_tap *t)
{
    while (t->passing > 0) {
        ssize_t sent = send(t->pair, t->buf + t->start, t->passing, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK ? MR_PG_TAP_FULL : MR_PG_TAP_LOST;
        t->start += (size_t)sent;
        t->passing -= (size_t)sent;
    }
    t->ended = t->kind == 'Z';
    return MR_PG_TAP_MORE;
}

static uint32_t length_at(const char *p)
{
    uint32_t n;
    memcpy(&n, p + 1, 4);
    return be32toh(n);
}

/* Empty rows, and notices: nobody listens to these, and a view may raise one per row. */
static bool is_nothing(char kind, size_t n)
{
    return (kind == 'd' && n == 4) || kind == 'N';
}

enum mr_pg_tap_result mr_pg_tap_take(struct mr_pg_tap *t, const char **ret, size_t *ret_n)
{
    for (;;) {
        enum mr_pg_tap_result r = t->passing ? pass_on(t) : MR_PG_TAP_MORE;
        const char *p = t->buf + t->start;
        size_t have = t->end - t->start;
        if (r != MR_PG_TAP_MORE)
            return r;
        if (t->ended)
            return MR_PG_TAP_ENDED;
        if (t->kind == 'H') { /* libpq is to see it before the rows */
            t->kind = 0;
            return MR_PG_TAP_MORE;
        }
        if (have < HEAD)
            return MR_PG_TAP_MORE;
        size_t n = length_at(p);
        if (n < 4 || n > INT32_MAX)
            return MR_PG_TAP_LOST;
        if (have < 1 + n)
            return MR_PG_TAP_MORE;
        if (__builtin_expect(*p == 'd' && n > 4, 1)) {
            t->start += 1 + n;
            *ret = p + HEAD;
            *ret_n = n - 4;
            return MR_PG_TAP_DATA;
        }
        if (is_nothing(*p, n)) {
            t->start += 1 + n;
            continue;
        }
        t->kind = *p;
        t->passing = 1 + n;
    }
}

/* The message that is not whole yet moves to the front; the buffer doubles only when that much has come, whatever a length says. */
static void make_room(struct mr_pg_tap *t)
{
    if (t->start) {
        memmove(t->buf, t->buf + t->start, t->end - t->start);
        t->end -= t->start;
        t->start = 0;
    }
    if (t->end == t->cap) {
        t->cap *= 2;
        t->buf = mr_realloc(t->buf, t->cap);
    }
}

enum mr_pg_tap_result mr_pg_tap_read(struct mr_pg_tap *t)
{
    ssize_t n;
    make_room(t);
    do
        n = recv(t->socket, t->buf + t->end, t->cap - t->end, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK))
        return MR_PG_TAP_LOST;
    t->end += n > 0 ? (size_t)n : 0;
    return MR_PG_TAP_MORE;
}
