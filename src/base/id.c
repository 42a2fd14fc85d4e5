/*
 * What        ULID and UUID v4
 * Source      ULID spec (48 bits of Unix ms, then 80 random bits); RFC 9562 section 5.4
 */
#include "base/id.h"

#include <assert.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/timeutil.h"

void mr_random(void *p, size_t n)
{
    unsigned char *q = p;
    while (n) {
        ssize_t got = getrandom(q, n < 256 ? n : 256, 0);
        assert(got > 0); /* up to 256 bytes are never interrupted */
        q += got;
        n -= (size_t)got;
    }
}

char *mr_ulid(char *buf)
{
    static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    unsigned char rnd[16];
    uint64_t ms = (uint64_t)(mr_now_us() / 1000);
    mr_random(rnd, sizeof rnd);
    for (int i = 9; i >= 0; i--, ms >>= 5)
        buf[i] = alphabet[ms & 31];
    for (int i = 0; i < 16; i++)
        buf[10 + i] = alphabet[rnd[i] & 31];
    buf[26] = '\0';
    return buf;
}

char *mr_uuid(char *buf)
{
    unsigned char r[16];
    mr_random(r, sizeof r);
    r[6] = (unsigned char)((r[6] & 0x0F) | 0x40);
    r[8] = (unsigned char)((r[8] & 0x3F) | 0x80);
    snprintf(buf, MR_UUID_TEXT,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", r[0], r[1],
             r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12], r[13], r[14],
             r[15]);
    return buf;
}
