/*
 * What        addresses, bit strings and money as the server prints them
 * Source      PostgreSQL network.c (inet_send), src/port/inet_net_ntop.c, mac.c, varbit.c, cash.c
 */
#include "wire/pg/pg_bytes.h"
#include "wire/pg/pg_text.h"

#define FAMILY_INET 2
#define FAMILY_INET6 3

/* ---- inet: family, bits, is_cidr, bytes; then the address ---- */

static void put_v4(const unsigned char *a, struct mr_buf *out)
{
    mr_buf_printf(out, "%u.%u.%u.%u", a[0], a[1], a[2], a[3]);
}

/* The longest run of at least two zero words, the first of equals. */
static int longest_zeros(const unsigned *words, int *ret_len)
{
    int best = -1, len = 1;
    for (int i = 0; i < 8; i++) {
        int k = i;
        while (k < 8 && words[k] == 0)
            k++;
        if (k - i > len) {
            best = i;
            len = k - i;
        }
        i = k > i ? k : i;
    }
    *ret_len = best < 0 ? 0 : len;
    return best;
}

static void put_v6(const unsigned char *a, struct mr_buf *out)
{
    unsigned words[8];
    int len, from;
    for (int i = 0; i < 8; i++)
        words[i] = (unsigned)a[2 * i] << 8 | a[2 * i + 1];
    from = longest_zeros(words, &len);
    for (int i = 0; i < 8; i++) {
        if (from >= 0 && i >= from && i < from + len) {
            mr_buf_puts(out, i == from ? ":" : "");
            continue;
        }
        mr_buf_puts(out, i ? ":" : "");
        if (i == 6 && from == 0 &&
            (len == 6 || (len == 7 && words[7] != 1) || (len == 5 && words[5] == 0xFFFF))) {
            put_v4(a + 12, out);
            return;
        }
        mr_buf_printf(out, "%x", words[i]);
    }
    mr_buf_puts(out, from >= 0 && from + len == 8 ? ":" : "");
}

static bool address(const char *p, size_t n, bool always, struct mr_buf *out)
{
    bool v6 = n == 20;
    if ((n != 8 && !v6) || p[0] != (v6 ? FAMILY_INET6 : FAMILY_INET) || p[3] != (v6 ? 16 : 4))
        return false;
    unsigned bits = (unsigned char)p[1], most = v6 ? 128 : 32;
    if (bits > most)
        return false;
    (v6 ? put_v6 : put_v4)((const unsigned char *)p + 4, out);
    if (always || bits != most)
        mr_buf_printf(out, "/%u", bits);
    return true;
}

bool mr_pg_inet_text(const struct mr_pg_type *t, const char *p, size_t n, struct mr_buf *out)
{
    (void)t;
    return address(p, n, false, out);
}

bool mr_pg_cidr_text(const struct mr_pg_type *t, const char *p, size_t n, struct mr_buf *out)
{
    (void)t;
    return address(p, n, true, out);
}

bool mr_pg_macaddr_text(const struct mr_pg_type *t, const char *p, size_t n, struct mr_buf *out)
{
    (void)t;
    if (n != 6 && n != 8)
        return false;
    for (size_t i = 0; i < n; i++)
        mr_buf_printf(out, i ? ":%02x" : "%02x", (unsigned char)p[i]);
    return true;
}

/* i32 bits, then the bits, the highest first. */
bool mr_pg_bit_text(const struct mr_pg_type *t, const char *p, size_t n, struct mr_buf *out)
{
    (void)t;
    if (n < 4)
        return false;
    size_t bits = get32(p);
    if (bits > INT32_MAX || n - 4 != (bits + 7) / 8)
        return false;
    for (size_t i = 0; i < bits; i++)
        mr_buf_putc(out, (char)('0' + (((unsigned char)p[4 + i / 8] >> (7 - i % 8)) & 1)));
    return true;
}

/* ---- money ---- */

bool mr_pg_money_text(const struct mr_pg_type *t, const char *p, size_t n, struct mr_buf *out)
{
    static const struct mr_pg_money plain = {
        .scale = 2, .group = 3, .prefix = { "$", "-$" }, .point = ".", .separator = ","
    };
    const struct mr_pg_money *m = t->money ? t->money : &plain;
    if (n != 8)
        return false;
    int64_t v = (int64_t)get64(p);
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    char digits[40];
    int len = 0;
    for (; u || len <= m->scale; u /= 10)
        digits[len++] = (char)('0' + u % 10);
    mr_buf_puts(out, m->prefix[v < 0]);
    for (int i = len - 1; i >= 0; i--) {
        mr_buf_putc(out, digits[i]);
        int whole = i - m->scale; /* digits left before the point */
        if (whole == 0 && m->scale)
            mr_buf_puts(out, m->point);
        else if (whole > 0 && m->group && whole % m->group == 0)
            mr_buf_puts(out, m->separator);
    }
    mr_buf_puts(out, m->suffix[v < 0]);
    return true;
}
