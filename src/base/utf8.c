/*
 * What        UTF-8 validation, ASCII eight bytes at a time
 * Source      RFC 3629, table 3-7 of Unicode 15
 */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

static size_t sequence(const unsigned char *p, const unsigned char *end)
{
    unsigned c = p[0];
    size_t left = (size_t)(end - p);
    if (c < 0x80)
        return 1;
    if (c < 0xC2 || c > 0xF4)
        return 0;
    size_t need = c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    if (left < need)
        return 0;
    unsigned lo = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
    unsigned hi = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
    if (p[1] < lo || p[1] > hi)
        return 0;
    for (size_t i = 2; i < need; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    return need;
}

bool mr_utf8_valid(const char *s, size_t n)
{
    const unsigned char *p = (const unsigned char *)s, *end = p + n;
    while (p < end) {
        while (end - p >= 8) {
            uint64_t w;
            memcpy(&w, p, 8);
            if (w & 0x8080808080808080u)
                break;
            p += 8;
        }
        if (p == end)
            break;
        size_t step = sequence(p, end);
        if (!step)
            return false;
        p += step;
    }
    return true;
}

size_t mr_utf8_floor(const char *s, size_t n)
{
    size_t k = n;
    while (k > 0 && n - k < 4 && ((unsigned char)s[k - 1] & 0xC0) == 0x80)
        k--;
    if (k == 0)
        return n;
    unsigned char lead = (unsigned char)s[k - 1];
    size_t need = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    return k - 1 + need <= n ? n : k - 1;
}

size_t mr_utf8_control(const char *s, size_t n)
{
    const unsigned char *p = (const unsigned char *)s;
    if (*p < 0x20 || *p == 0x7F)
        return 1;
    if (n >= 2 && p[0] == 0xC2 && p[1] >= 0x80 && p[1] < 0xA0)
        return 2;
    bool bidi = n >= 3 && p[0] == 0xE2 &&
                ((p[1] == 0x80 && p[2] >= 0xAA && p[2] <= 0xAE) ||
                 (p[1] == 0x81 && p[2] >= 0xA6 && p[2] <= 0xA9));
    return bidi ? 3 : 0;
}
