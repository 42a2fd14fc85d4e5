/* wire/pg: the tap hands out CopyData and passes everything else on, however the bytes are cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the above */
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "wire/pg/pg_tap.h"

static void message(struct mr_buf *b, char type, const char *payload, size_t n)
{
    size_t len = n + 4;
    mr_buf_putc(b, type);
    for (int shift = 24; shift >= 0; shift -= 8)
        mr_buf_putc(b, (char)(len >> shift));
    mr_buf_append(b, payload, n);
}

struct wire {
    int server, client;
    struct mr_pg_tap tap;
};

static void begin(struct wire *w)
{
    int pair[2];
    struct mr_error err;
    *w = (struct wire){ 0 };
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    w->server = pair[0];
    w->client = pair[1];
    assert_int_equal(mr_pg_tap_open(&w->tap, w->client, &err), MR_OK);
}

static void end(struct wire *w)
{
    mr_pg_tap_close(&w->tap);
    mr_pg_tap_release(&w->tap);
    close(w->server);
    close(w->client);
}

/* What libpq would read at its descriptor now. */
static size_t passed_on(const struct wire *w, char *buf, size_t size)
{
    ssize_t n = recv(w->client, buf, size, MSG_DONTWAIT);
    return n > 0 ? (size_t)n : 0;
}

/* All that can be taken, read as often as needed; rows joined by '|'. */
static enum mr_pg_tap_result drain(struct wire *w, struct mr_buf *rows)
{
    const char *data;
    size_t n;
    for (size_t start, end;;) {
        start = w->tap.start;
        enum mr_pg_tap_result r = mr_pg_tap_take(&w->tap, &data, &n);
        if (r == MR_PG_TAP_DATA) {
            mr_buf_append(rows, data, n);
            mr_buf_putc(rows, '|');
            continue;
        }
        if (r != MR_PG_TAP_MORE)
            return r;
        bool moved = w->tap.start != start;
        end = w->tap.end - w->tap.start;
        if (mr_pg_tap_read(&w->tap) == MR_PG_TAP_LOST)
            return MR_PG_TAP_LOST;
        if (!moved && w->tap.end - w->tap.start == end)
            return MR_PG_TAP_MORE;
    }
}

static void rows_come_out_however_they_are_cut(void **state)
{
    (void)state;
    char others[256];
    struct mr_buf all = { 0 };
    message(&all, 'H', "\1\0\2\0\1\0\1", 7);
    message(&all, 'd', "first", 5);
    message(&all, 'N', "notice", 6);
    message(&all, 'd', "", 0);
    message(&all, 'd', "second row", 10);
    message(&all, 'c', "", 0);
    message(&all, 'C', "COPY 2", 7);
    message(&all, 'Z', "I", 1);
    for (size_t step = 1; step <= all.len; step++) {
        struct wire w;
        struct mr_buf rows = { 0 };
        enum mr_pg_tap_result r = MR_PG_TAP_MORE;
        begin(&w);
        for (size_t at = 0; at < all.len; at += step) {
            size_t n = all.len - at < step ? all.len - at : step;
            assert_int_equal(write(w.server, all.data + at, n), n);
            r = drain(&w, &rows);
        }
        assert_int_equal(r, MR_PG_TAP_ENDED);
        assert_string_equal(mr_buf_str(&rows), "first|second row|");
        size_t n = passed_on(&w, others, sizeof others);
        assert_int_equal(n, all.len - (5 + 5) - (5 + 6) - 5 - (5 + 10)); /* no rows, no notice */
        assert_int_equal(others[0], 'H');
        assert_int_equal(others[n - 1], 'I');
        mr_buf_release(&rows);
        end(&w);
    }
    mr_buf_release(&all);
}

static void the_socket_is_given_back(void **state)
{
    (void)state;
    struct wire w;
    char c = 0;
    begin(&w);
    assert_int_equal(write(w.server, "x", 1), 1);
    assert_int_equal(recv(w.client, &c, 1, MSG_DONTWAIT), -1); /* the pair's end is there */
    mr_pg_tap_close(&w.tap);
    assert_int_equal(recv(w.client, &c, 1, MSG_DONTWAIT), 1);
    assert_int_equal(c, 'x');
    assert_true(fcntl(w.client, F_GETFD) & FD_CLOEXEC);
    end(&w);
}

static void nonsense_and_endings_are_lost(void **state)
{
    (void)state;
    static const char *const bad[] = { "d\0\0\0\3", "d\xFF\xFF\xFF\xFFxxxx", "d\0\0\0\0" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct wire w;
        struct mr_buf rows = { 0 };
        begin(&w);
        assert_int_equal(write(w.server, bad[i], 5), 5);
        assert_int_equal(drain(&w, &rows), MR_PG_TAP_LOST);
        mr_buf_release(&rows);
        end(&w);
    }
    struct wire w;
    struct mr_buf rows = { 0 };
    begin(&w);
    assert_int_equal(write(w.server, "d\0\0\0\20half", 9), 9);
    assert_int_equal(drain(&w, &rows), MR_PG_TAP_MORE);
    shutdown(w.server, SHUT_WR);
    assert_int_equal(drain(&w, &rows), MR_PG_TAP_LOST);
    mr_buf_release(&rows);
    end(&w);
}

/* A view that raises a notice per row, and an error of a megabyte: neither ends the connection. */
static void notices_are_dropped_and_long_errors_passed_on_in_parts(void **state)
{
    (void)state;
    struct wire w;
    struct mr_buf b = { 0 };
    const size_t size = 1 << 20;
    char *text = mr_zalloc(1, size), got[65536];
    const char *data;
    size_t n, seen = 0, sent = 0;
    enum mr_pg_tap_result r = MR_PG_TAP_MORE;
    memset(text, 'z', size);
    begin(&w);
    for (int i = 0; i < 100; i++)
        message(&b, 'N', text, 5000);
    message(&b, 'd', "row", 3);
    message(&b, 'E', text, size);
    message(&b, 'Z', "T", 1);
    assert_int_equal(fcntl(w.server, F_SETFL, O_NONBLOCK), 0);
    bool full = false, row = false;
    while (r != MR_PG_TAP_ENDED) {
        ssize_t k = send(w.server, b.data + sent, b.len - sent, MSG_DONTWAIT);
        sent += k > 0 ? (size_t)k : 0;
        r = mr_pg_tap_take(&w.tap, &data, &n);
        row |= r == MR_PG_TAP_DATA && n == 3 && memcmp(data, "row", 3) == 0;
        full |= r == MR_PG_TAP_FULL;
        assert_true(r != MR_PG_TAP_LOST);
        if (r == MR_PG_TAP_FULL)
            seen += passed_on(&w, got, sizeof got);
        if (r == MR_PG_TAP_MORE)
            assert_int_equal(mr_pg_tap_read(&w.tap), MR_PG_TAP_MORE);
    }
    for (size_t k; (k = passed_on(&w, got, sizeof got)) > 0;)
        seen += k;
    assert_true(full && row);
    assert_int_equal(seen, 5 + size + 6); /* the error and ReadyForQuery, whole; no notice */
    end(&w);
    mr_buf_release(&b);
    mr_free(text);
}

static void a_large_row_grows_the_buffer_and_closing_shrinks_it(void **state)
{
    (void)state;
    struct wire w;
    struct mr_buf all = { 0 }, rows = { 0 };
    size_t n = 3 << 20, sent = 0;
    char *big = mr_zalloc(1, n);
    message(&all, 'd', big, n);
    begin(&w);
    fcntl(w.server, F_SETFL, O_NONBLOCK);
    for (int i = 0; i < 10000 && sent < all.len; i++) {
        ssize_t k = write(w.server, all.data + sent, all.len - sent);
        sent += k > 0 ? (size_t)k : 0;
        assert_int_equal(drain(&w, &rows), MR_PG_TAP_MORE);
    }
    assert_int_equal(drain(&w, &rows), MR_PG_TAP_MORE);
    assert_int_equal(rows.len, n + 1);
    assert_true(w.tap.cap >= n);
    mr_pg_tap_close(&w.tap);
    assert_int_equal(w.tap.cap, 0);
    mr_free(big);
    mr_buf_release(&all);
    mr_buf_release(&rows);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_out_however_they_are_cut),
        cmocka_unit_test(the_socket_is_given_back),
        cmocka_unit_test(nonsense_and_endings_are_lost),
        cmocka_unit_test(notices_are_dropped_and_long_errors_passed_on_in_parts),
        cmocka_unit_test(a_large_row_grows_the_buffer_and_closing_shrinks_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
