/*
 * What        libpq, with bounded waits and errors as values
 * Gets        keywords and values as libpq knows them
 * Guarantees  no wait without a time-out; a cancel of the process is heard within 100 ms; server errors keep SQLSTATE,
 *             detail and hint
 * Source      libpq "Asynchronous Command Processing", "Functions Associated with the COPY Command"
 */
#include "wire/pg/pg_conn.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <libpq-fe.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/profile.h"
#include "base/queue.h"
#include "base/timeutil.h"
#include "base/utf8.h"
#include "wire/pg/pg_private.h"
#include "wire/pg/pg_tap.h"

#define WIDE_BYTES 120000       /* one row of this size makes libpq's buffer 128 KiB, for good */
#define PATIENT_AFTER (4 << 20) /* bytes of a COPY */
/* As much as one read takes; the kernel caps it at half of what the socket may hold. */
#define LOWAT (256 << 10)

void mr_pg_param(struct mr_pg_params *p, const char *keyword, const char *value)
{
    if (!value || !*value || p->n == 23)
        return;
    p->keywords[p->n] = keyword;
    p->values[p->n++] = value;
}

/* libpq's message on one line, without its leading "ERROR:" and without bytes that a terminal would obey. */
static void clean(const char *s, struct mr_buf *out)
{
    for (const char *skip = "ERROR:  "; strncmp(s, skip, 8) == 0;)
        s += 8;
    bool utf8 = mr_utf8_valid(s, strlen(s));
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        mr_buf_putc(out, c == '\n' || c == '\t'                          ? ' '
                         : c < 0x20 || c == 0x7F || (c >= 0x80 && !utf8) ? '?'
                                                                         : *s);
    }
    while (out->len && out->data[out->len - 1] == ' ')
        out->data[--out->len] = '\0';
}

static enum mr_code connection_error(PGconn *pg, enum mr_error_id id, const char *what,
                                     struct mr_error *err)
{
    struct mr_buf b = { 0 };
    clean(pg ? PQerrorMessage(pg) : "no memory", &b);
    enum mr_code rc = mr_fail(err, id, "%s: %s", what, mr_buf_str(&b));
    mr_buf_release(&b);
    return rc;
}

enum mr_code mr_pg_lost(struct mr_pg *c, struct mr_error *err)
{
    return connection_error(c->pg, MR_ID_PG01, "connection lost", err);
}

/* Connection failures and cancelled statements of a standby are worth another try. */
static bool worth_retry(const char *state)
{
    return strncmp(state, "08", 2) == 0 || strncmp(state, "57P", 3) == 0 ||
           strcmp(state, "40001") == 0 || strcmp(state, "55P03") == 0;
}

enum mr_code mr_pg_server_error(struct mr_pg *c, const PGresult *r, struct mr_error *err)
{
    if (!r)
        return mr_pg_lost(c, err);
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    const char *position = PQresultErrorField(r, PG_DIAG_STATEMENT_POSITION);
    const char *message = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(r, PG_DIAG_MESSAGE_DETAIL);
    const char *hint = PQresultErrorField(r, PG_DIAG_MESSAGE_HINT);
    struct mr_buf text = { 0 };
    clean(message ? message : "no message", &text);
    if (detail) {
        mr_buf_puts(&text, ": ");
        clean(detail, &text);
    }
    enum mr_code rc = mr_fail(err, MR_ID_PG02, "the server said: %s (SQLSTATE %s)",
                              mr_buf_str(&text), state ? state : "unknown");
    mr_buf_clear(&text);
    if (hint)
        clean(hint, &text);
    if (err && hint)
        mr_error_advise(err, "%s", mr_buf_str(&text));
    mr_buf_release(&text);
    c->error_position = position ? (int)strtol(position, NULL, 10) : 0;
    if (!err)
        return rc;
    snprintf(err->origin, sizeof err->origin, "%s", state ? state : "");
    if (state && worth_retry(state))
        err->action = MR_ACT_RETRY;
    return rc;
}

/* Drive the handshake: bounded, and a cancel is heard. (Looking up a name is libc's own wait.) */
static enum mr_code handshake(struct mr_pg *c, int64_t timeout_us, struct mr_error *err)
{
    int64_t until = mr_mono_us() + timeout_us;
    PostgresPollingStatusType want = PGRES_POLLING_WRITING;
    while (PQstatus(c->pg) != CONNECTION_BAD) {
        struct pollfd p = { .fd = PQsocket(c->pg),
                            .events = want == PGRES_POLLING_READING ? POLLIN : POLLOUT };
        int n = poll(&p, 1, 100);
        if (mr_cancelled())
            return mr_fail(err, MR_ID_BASE04, "interrupted while connecting");
        if (n == 0 && mr_mono_us() > until)
            return mr_fail(err, MR_ID_PG01, "no connection to %s within %lld s", PQhost(c->pg),
                           (long long)(timeout_us / 1000000));
        if (n <= 0)
            continue;
        want = PQconnectPoll(c->pg);
        if (want == PGRES_POLLING_OK)
            return MR_OK;
        if (want == PGRES_POLLING_FAILED)
            break;
    }
    return connection_error(c->pg, MR_ID_PG01, "no connection", err);
}

/* Notices are the server's talk with people at a terminal; what matters comes as an error or a result. */
static void ignore_notice(void *arg, const char *message)
{
    (void)arg;
    (void)message;
}

/* When it was us who asked for a checked certificate, say how to give one or to do without. */
static void advise_connection(const struct mr_pg_params *p, PGconn *pg, struct mr_error *err)
{
    const char *said = pg ? PQerrorMessage(pg) : "";
    if (p->verified_unasked && (strstr(said, "certificate") || strstr(said, "SSL")))
        mr_error_advise(
            err,
            "a server that is not on this machine must prove its name: give its authority's "
            "certificate with consumer.sslrootcert, or say sslmode: require (encrypted, but to "
            "whom is not checked)");
    else
        mr_error_advise(err, "%s", mr_pg_connect_advice(err ? err->message : ""));
}

enum mr_code mr_pg_connect(const struct mr_pg_params *p, struct mr_pg **ret, struct mr_error *err)
{
    struct mr_pg *c = mr_zalloc(1, sizeof *c);
    c->read_timeout_us = p->read_timeout_us;
    c->pg = PQconnectStartParams(p->keywords, p->values, 1);
    enum mr_code rc = c->pg ? handshake(c, p->connect_timeout_us, err)
                            : connection_error(NULL, MR_ID_PG01, "no connection", err);
    if (rc != MR_OK) {
        advise_connection(p, c->pg, err);
        mr_pg_close(c);
        return rc;
    }
    PQsetnonblocking(c->pg, 0);
    PQsetNoticeProcessor(c->pg, ignore_notice, NULL);
    *ret = c;
    return MR_OK;
}

void mr_pg_close(struct mr_pg *c)
{
    if (!c)
        return;
    if (c->copy_row)
        PQfreemem(c->copy_row);
    mr_pg_tap_close(&c->tap);
    mr_pg_tap_release(&c->tap);
    PQfinish(c->pg);
    mr_buf_release(&c->fetch_row);
    mr_free(c);
}

int mr_pg_server_version(const struct mr_pg *c)
{
    return PQserverVersion(c->pg);
}

const char *mr_pg_parameter(const struct mr_pg *c, const char *name)
{
    const char *v = PQparameterStatus(c->pg, name);
    return v ? v : "";
}

static void read_sslmode(PGconn *pg, char *ret, size_t size)
{
    PQconninfoOption *all = PQconninfo(pg);
    for (PQconninfoOption *o = all; o && o->keyword; o++)
        if (strcmp(o->keyword, "sslmode") == 0 && o->val)
            snprintf(ret, size, "%s", o->val);
    PQconninfoFree(all);
}

void mr_pg_facts(const struct mr_pg *c, struct mr_pg_facts *ret)
{
    const char *host = PQhost(c->pg), *address = PQhostaddr(c->pg);
    address = address && *address ? address : host;
    *ret =
        (struct mr_pg_facts){ .host = host,
                              .port = PQport(c->pg),
                              .database = PQdb(c->pg),
                              .local = host[0] == '/' || host[0] == '@' ||
                                       strncmp(address, "127.", 4) == 0 ||
                                       strcmp(address, "::1") == 0,
                              .tls = PQsslInUse(c->pg) ? PQsslAttribute(c->pg, "protocol") : NULL,
                              .key_pid = PQbackendPID(c->pg) };
    read_sslmode(c->pg, ret->sslmode, sizeof ret->sslmode);
}

bool mr_pg_in_transaction(const struct mr_pg *c)
{
    return PQstatus(c->pg) == CONNECTION_OK && PQtransactionStatus(c->pg) == PQTRANS_INTRANS;
}

bool mr_pg_idle(const struct mr_pg *c)
{
    return PQstatus(c->pg) == CONNECTION_OK && PQtransactionStatus(c->pg) == PQTRANS_IDLE;
}

static void cancel_statement(struct mr_pg *c)
{
    char why[256];
    PGcancel *x = PQgetCancel(c->pg);
    if (!x)
        return;
    PQcancel(x, why, sizeof why); /* best effort: the connection is closed next */
    PQfreeCancel(x);
}

/* Where the server's bytes come in. */
static int wire_fd(const struct mr_pg *c)
{
    return mr_pg_tap_is_open(&c->tap) ? c->tap.socket : PQsocket(c->pg);
}

static int bytes_waiting(struct mr_pg *c)
{
    int n = 0;
    return ioctl(wire_fd(c), FIONREAD, &n) == 0 ? n : 0;
}

/* A server that is slower than us wakes us for each of its 8 KiB; let it fill the socket first. */
static void set_patient(struct mr_pg *c, bool on)
{
    int lowat = on ? LOWAT : 1;
    if (c->patient != on &&
        setsockopt(wire_fd(c), SOL_SOCKET, SO_RCVLOWAT, &lowat, sizeof lowat) == 0)
        c->patient = on;
}

static enum mr_code wait_for_bytes(struct mr_pg *c, struct mr_error *err)
{
    int64_t until = mr_mono_us() + c->read_timeout_us;
    for (;;) {
        struct pollfd p = { .fd = c->tap.ended ? PQsocket(c->pg) : wire_fd(c), .events = POLLIN };
        if (p.fd < 0) /* libpq has closed it */
            return mr_pg_lost(c, err);
        int n = poll(&p, 1, c->patient ? 5 : 100);
        if (n > 0 || (c->patient && bytes_waiting(c) > 0))
            return MR_OK;
        if (n < 0 && errno != EINTR)
            return mr_fail_errno(err, MR_ID_PG01, errno, "waiting for the server");
        if (mr_cancelled()) {
            cancel_statement(c);
            return mr_fail(err, MR_ID_BASE04, "interrupted while waiting for the server");
        }
        if (mr_mono_us() > until) {
            cancel_statement(c);
            return mr_fail(err, MR_ID_PG03, "the server sent nothing for %lld s",
                           (long long)(c->read_timeout_us / 1000000));
        }
    }
}

/* Wait until the socket can be read, or say why not. */
static enum mr_code wait_readable(struct mr_pg *c, struct mr_error *err)
{
    struct mr_span span;
    mr_span_begin(&span, MR_STEP_WAIT);
    enum mr_code rc = wait_for_bytes(c, err);
    mr_span_end(&span);
    return rc;
}

static bool consume(struct mr_pg *c)
{
    struct mr_span span;
    mr_span_begin(&span, MR_STEP_RECEIVE);
    bool ok = PQconsumeInput(c->pg) == 1;
    mr_span_end(&span);
    return ok;
}

enum mr_code mr_pg_wait_result(struct mr_pg *c, struct mr_error *err)
{
    while (PQisBusy(c->pg)) {
        enum mr_code rc = wait_readable(c, err);
        if (rc != MR_OK)
            return rc;
        if (!consume(c))
            return mr_pg_lost(c, err);
    }
    return MR_OK;
}

static bool is_copy(const PGresult *r)
{
    ExecStatusType s = PQresultStatus(r);
    return s == PGRES_COPY_OUT || s == PGRES_COPY_IN || s == PGRES_COPY_BOTH;
}

void mr_pg_drain(struct mr_pg *c)
{
    PGresult *r;
    bool more = true;
    while (more && mr_pg_wait_result(c, NULL) == MR_OK && (r = PQgetResult(c->pg)) != NULL) {
        more = !is_copy(r);
        PQclear(r);
    }
}

static enum mr_code send_statement(struct mr_pg *c, const char *sql, PGresult **ret,
                                   struct mr_error *err)
{
    if (!PQsendQuery(c->pg, sql))
        return mr_pg_lost(c, err);
    enum mr_code rc = mr_pg_wait_result(c, err);
    if (rc == MR_OK)
        *ret = PQgetResult(c->pg);
    return rc;
}

enum mr_code mr_pg_query(struct mr_pg *c, const char *sql, struct mr_pg_result **ret,
                         struct mr_error *err)
{
    PGresult *r = NULL, *next = NULL;
    enum mr_code rc = send_statement(c, sql, &r, err);
    /* Of several statements the last result counts; the first error ends it. */
    while (rc == MR_OK && PQresultStatus(r) != PGRES_FATAL_ERROR && !is_copy(r) &&
           (rc = mr_pg_wait_result(c, err)) == MR_OK && (next = PQgetResult(c->pg)) != NULL) {
        PQclear(r);
        r = next;
    }
    if (rc == MR_OK &&
        is_copy(r)) /* a server that is none; libpq would give this result for ever */
        rc = mr_fail(err, MR_ID_PG05, "the server answered a query with a COPY");
    if (rc != MR_OK) {
        PQclear(r);
        return rc; /* silent or lost: nothing more is to be read from it */
    }
    ExecStatusType status = PQresultStatus(r);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        rc = mr_pg_server_error(c, r, err);
        mr_pg_drain(c);
    }
    if (rc != MR_OK || !ret)
        PQclear(r);
    else
        *ret = (struct mr_pg_result *)r;
    return rc;
}

int mr_pg_rows(const struct mr_pg_result *r)
{
    return PQntuples((const PGresult *)r);
}

const char *mr_pg_cell(const struct mr_pg_result *r, int row, int column)
{
    const PGresult *p = (const PGresult *)r;
    return PQgetisnull(p, row, column) ? NULL : PQgetvalue(p, row, column);
}

void mr_pg_result_free(struct mr_pg_result *r)
{
    PQclear((PGresult *)r);
}

/* ---- COPY ---- */

/* libpq reads as much at once as its buffer holds, 16 KiB at first; it grows for a large row and never shrinks. */
static enum mr_code widen_buffer(struct mr_pg *c, struct mr_error *err)
{
    char sql[60];
    if (c->widened)
        return MR_OK;
    c->widened = true;
    snprintf(sql, sizeof sql, "SELECT pg_catalog.repeat('x', %d)", WIDE_BYTES);
    return mr_pg_query(c, sql, NULL, err);
}

/* What the server said before it closed the connection, if it was a whole message. */
static enum mr_code last_words(struct mr_pg *c, struct mr_error *err)
{
    char *row = NULL;
    if (!consume(c))
        return MR_OK;
    if (PQgetCopyData(c->pg, &row, 1) > 0)
        PQfreemem(row);
    if (PQisBusy(c->pg))
        return MR_OK;
    PGresult *r = PQgetResult(c->pg);
    enum mr_code rc =
        PQresultStatus(r) == PGRES_FATAL_ERROR ? mr_pg_server_error(c, r, err) : MR_OK;
    PQclear(r);
    return rc;
}

/* libpq looks at its descriptor: first at what the tap has passed on, then, the tap closed, at the broken socket itself. */
static enum mr_code tap_lost(struct mr_pg *c, struct mr_error *err)
{
    set_patient(c, false);
    enum mr_code rc = last_words(c, err);
    mr_pg_tap_close(&c->tap);
    bool nonsense = consume(c);
    if (rc != MR_OK)
        return rc;
    return nonsense ? mr_fail(err, MR_ID_PG05, "the server sent a message that is none")
                    : mr_pg_lost(c, err);
}

static enum mr_code tap_fill(struct mr_pg *c, struct mr_error *err)
{
    enum mr_code rc = wait_readable(c, err);
    if (rc != MR_OK)
        return rc;
    struct mr_span span;
    mr_span_begin(&span, MR_STEP_RECEIVE);
    enum mr_pg_tap_result got = mr_pg_tap_read(&c->tap);
    mr_span_end(&span);
    return got == MR_PG_TAP_LOST ? tap_lost(c, err) : MR_OK;
}

/* The first result that is not of a statement before the COPY (its savepoint, its lock); false: it has not come yet. */
static bool copy_result(struct mr_pg *c, PGresult **ret)
{
    while (!PQisBusy(c->pg)) {
        PGresult *r = PQgetResult(c->pg);
        *ret = r;
        if (PQresultStatus(r) != PGRES_COMMAND_OK)
            return true;
        PQclear(r);
        *ret = NULL;
    }
    return false;
}

/* With TLS libpq reads. */
static enum mr_code send_copy(struct mr_pg *c, const char *sql, PGresult **ret,
                              struct mr_error *err)
{
    enum mr_code rc = PQsendQuery(c->pg, sql) ? MR_OK : mr_pg_lost(c, err);
    while (rc == MR_OK && !copy_result(c, ret))
        rc = mr_pg_wait_result(c, err);
    return rc;
}

/* The answer's beginning goes through the tap to libpq: CopyOutResponse, or an error. */
static enum mr_code send_tapped(struct mr_pg *c, const char *sql, PGresult **ret,
                                struct mr_error *err)
{
    const char *data;
    size_t n;
    if (!PQsendQuery(c->pg, sql))
        return mr_pg_lost(c, err);
    enum mr_code rc = mr_pg_tap_open(&c->tap, PQsocket(c->pg), err);
    while (rc == MR_OK) {
        enum mr_pg_tap_result got = mr_pg_tap_take(&c->tap, &data, &n);
        if (got == MR_PG_TAP_LOST || got == MR_PG_TAP_DATA)
            return tap_lost(c, err);
        if (!consume(c))
            return mr_pg_lost(c, err);
        if (copy_result(c, ret))
            return MR_OK;
        if (got != MR_PG_TAP_FULL)
            rc = got == MR_PG_TAP_ENDED ? mr_pg_wait_result(c, err) : tap_fill(c, err);
    }
    return rc;
}

static bool encrypted(struct mr_pg *c)
{
    return PQsslInUse(c->pg) || PQgssEncInUse(c->pg);
}

enum mr_code mr_pg_copy_begin(struct mr_pg *c, const char *sql, struct mr_error *err)
{
    PGresult *r = NULL;
    enum mr_code rc = encrypted(c) ? widen_buffer(c, err) : MR_OK;
    if (rc == MR_OK)
        rc = encrypted(c) ? send_copy(c, sql, &r, err) : send_tapped(c, sql, &r, err);
    if (rc != MR_OK) {
        mr_pg_tap_close(&c->tap);
        return rc;
    }
    if (PQresultStatus(r) != PGRES_COPY_OUT) {
        rc = mr_pg_server_error(c, r, err);
        PQclear(r);
        for (const char *data; mr_pg_tap_is_open(&c->tap) && !c->tap.ended;) {
            size_t n;
            enum mr_pg_tap_result got = mr_pg_tap_take(&c->tap, &data, &n);
            if ((got == MR_PG_TAP_MORE && tap_fill(c, NULL) != MR_OK) ||
                (got == MR_PG_TAP_FULL && !consume(c)) || got == MR_PG_TAP_LOST)
                break; /* a lost connection shows at the next statement */
        }
        if (!mr_pg_tap_is_open(&c->tap) || c->tap.ended) /* else libpq would wait for the tap */
            mr_pg_drain(c);
        mr_pg_tap_close(&c->tap);
        return rc;
    }
    PQclear(r);
    c->copying = true;
    c->copy_bytes = 0;
    return MR_OK;
}

static enum mr_code copy_end(struct mr_pg *c, struct mr_error *err)
{
    set_patient(c, false);
    enum mr_code rc = mr_pg_wait_result(c, err);
    if (rc != MR_OK)
        return rc;
    c->copying = false;
    PGresult *r = PQgetResult(c->pg);
    if (PQresultStatus(r) != PGRES_COMMAND_OK)
        rc = mr_pg_server_error(c, r, err);
    PQclear(r);
    mr_pg_drain(c);
    mr_pg_tap_close(&c->tap);
    return rc;
}

/* A row where it lies; *ret_n = 0: libpq has the rest. */
static enum mr_code next_tapped(struct mr_pg *c, const char **ret_data, size_t *ret_n,
                                struct mr_error *err)
{
    for (;;) {
        switch (mr_pg_tap_take(&c->tap, ret_data, ret_n)) {
        case MR_PG_TAP_DATA:
            c->copy_bytes += *ret_n;
            return MR_OK;
        case MR_PG_TAP_ENDED:
            *ret_n = 0;
            return MR_OK;
        case MR_PG_TAP_LOST:
            return tap_lost(c, err);
        case MR_PG_TAP_FULL:
            if (!consume(c))
                return mr_pg_lost(c, err);
            continue;
        case MR_PG_TAP_MORE:
            break;
        }
        if (!c->patient && c->copy_bytes > PATIENT_AFTER)
            set_patient(c, true);
        enum mr_code rc = tap_fill(c, err);
        if (rc != MR_OK)
            return rc;
    }
}

enum mr_code mr_pg_copy_next(struct mr_pg *c, const char **ret_data, size_t *ret_n,
                             struct mr_error *err)
{
    if (c->copy_row)
        PQfreemem(c->copy_row);
    c->copy_row = NULL;
    if (mr_pg_tap_is_open(&c->tap) && !c->tap.ended) {
        enum mr_code rc = next_tapped(c, ret_data, ret_n, err);
        if (rc != MR_OK || *ret_n > 0)
            return rc;
    }
    for (;;) {
        int n = PQgetCopyData(c->pg, &c->copy_row, 1);
        if (n > 0) {
            c->copy_bytes += (size_t)n;
            *ret_data = c->copy_row;
            *ret_n = (size_t)n;
            return MR_OK;
        }
        *ret_n = 0;
        if (n == -1)
            return copy_end(c, err);
        if (n == -2)
            return copy_end(c, err) == MR_OK
                       ? connection_error(c->pg, MR_ID_PG01, "COPY failed", err)
                       : (err ? err->code : MR_E_SOURCE);
        enum mr_code rc = wait_readable(c, err);
        if (rc != MR_OK)
            return rc;
        if (!consume(c))
            return mr_pg_lost(c, err);
    }
}

bool mr_pg_copying(const struct mr_pg *c)
{
    return c->copying || c->fetching;
}

void mr_pg_copy_abort(struct mr_pg *c)
{
    if (!mr_pg_copying(c))
        return;
    cancel_statement(c);
    while (c->fetching && mr_pg_wait_result(c, NULL) == MR_OK) {
        PGresult *r = PQgetResult(c->pg);
        c->fetching = r != NULL;
        PQclear(r);
    }
    c->fetching = false;
    if (!c->copying)
        return;
    set_patient(c, false);
    const char *data;
    size_t n = 1;
    for (int i = 0; i < 1000000 && n > 0;
         i++) /* what was under way is read away, within the time-out */
        if (mr_pg_copy_next(c, &data, &n, NULL) != MR_OK)
            break;
    c->copying = false;
    mr_pg_tap_close(&c->tap);
}
