/* fuzz_pg_tap.c - any bytes as what a server sends during a COPY, cut in two at any place: rows, or an end. */
#include <sys/socket.h>
#include <unistd.h>

#include "wire/pg/pg_tap.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Takes all that is there; every byte of a row is looked at. False: no more will come. */
static bool drain(struct mr_pg_tap *t)
{
    const char *row;
    size_t n, sum = 0;
    for (;;) {
        size_t start = t->start;
        switch (mr_pg_tap_take(t, &row, &n)) {
        case MR_PG_TAP_DATA:
            for (size_t i = 0; i < n; i++)
                sum += (unsigned char)row[i];
            continue;
        case MR_PG_TAP_ENDED:
        case MR_PG_TAP_LOST:
            return sum == (size_t)-1;
        case MR_PG_TAP_MORE:
            break;
        }
        if (t->start == start)
            return true;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct mr_pg_tap t = { 0 };
    struct mr_error err;
    int pair[2];
    if (n < 2 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
        return 0;
    size_t cut = 1 + data[0] % (n - 1);
    if (mr_pg_tap_open(&t, pair[1], &err) != MR_OK)
        __builtin_trap();
    bool more = write(pair[0], data + 1, cut - 1) >= 0;
    more = more && mr_pg_tap_read(&t) == MR_PG_TAP_MORE && drain(&t);
    more = more && write(pair[0], data + cut, n - cut) >= 0;
    if (more && mr_pg_tap_read(&t) == MR_PG_TAP_MORE)
        drain(&t);
    mr_pg_tap_close(&t);
    mr_pg_tap_release(&t);
    close(pair[0]);
    close(pair[1]);
    return 0;
}
