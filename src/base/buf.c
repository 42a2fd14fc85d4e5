/*
 * What        a growable byte buffer
 * Guarantees  doubles its room; always '\0'-terminated
 */
#include "base/buf.h"

#include <stdio.h>

#include "base/mem.h"

void mr_buf_release(struct mr_buf *b)
{
    mr_free(b->data);
    *b = (struct mr_buf){ 0 };
}

void mr_buf_reserve(struct mr_buf *b, size_t more)
{
    size_t need = b->len + more + 1;
    if (need <= b->cap)
        return;
    size_t cap = b->cap ? b->cap * 2 : 64;
    while (cap < need)
        cap *= 2;
    b->data = mr_realloc(b->data, cap);
    b->cap = cap;
}

void mr_buf_append(struct mr_buf *b, const void *p, size_t n)
{
    mr_buf_reserve(b, n);
    if (n)
        memcpy(b->data + b->len, p, n);
    b->len += n;
    b->data[b->len] = '\0';
}

void mr_buf_puts(struct mr_buf *b, const char *s)
{
    mr_buf_append(b, s, strlen(s));
}

void mr_buf_putc(struct mr_buf *b, char c)
{
    mr_buf_append(b, &c, 1);
}

void mr_buf_vprintf(struct mr_buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n <= 0)
        return;
    mr_buf_reserve(b, (size_t)n);
    vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
    b->len += (size_t)n;
}

void mr_buf_printf(struct mr_buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    mr_buf_vprintf(b, fmt, ap);
    va_end(ap);
}

void mr_buf_put_quoted(struct mr_buf *b, const char *s, char quote)
{
    mr_buf_putc(b, quote);
    for (; *s; s++) {
        if (*s == quote)
            mr_buf_putc(b, quote);
        mr_buf_putc(b, *s);
    }
    mr_buf_putc(b, quote);
}

void mr_buf_put_percent(struct mr_buf *b, const char *s, const char *plain)
{
    for (; *s; s++) {
        char c = *s;
        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            strchr(plain, c))
            mr_buf_putc(b, c);
        else
            mr_buf_printf(b, "%%%02X", (unsigned char)c);
    }
}

void mr_buf_put_decoded(struct mr_buf *b, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned v;
        int used = 0;
        if (p[i] == '%' && i + 2 < n && sscanf(p + i + 1, "%2x%n", &v, &used) == 1 && used == 2) {
            mr_buf_putc(b, (char)v);
            i += 2;
        } else {
            mr_buf_putc(b, p[i]);
        }
    }
}

void mr_buf_put_varint(struct mr_buf *b, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        mr_buf_putc(b, (char)(v | 0x80));
    mr_buf_putc(b, (char)v);
}

void mr_buf_put_zigzag(struct mr_buf *b, int64_t v)
{
    mr_buf_put_varint(b, ((uint64_t)v << 1) ^ (uint64_t)(v >> 63));
}

void mr_buf_wrap(struct mr_buf *b, const char *s, int indent)
{
    int at = indent;
    for (size_t n; *s; s += n) {
        n = strcspn(s, " ");
        if (at > indent && at + 1 + (int)n > 80) {
            mr_buf_printf(b, "\n%*s", indent, "");
            at = indent;
        }
        if (at > indent)
            mr_buf_putc(b, ' ');
        mr_buf_append(b, s, n);
        at += (int)n + (at > indent);
        n += strspn(s + n, " ");
    }
}

char *mr_buf_take(struct mr_buf *b)
{
    mr_buf_reserve(b, 0);
    b->data[b->len] = '\0';
    char *p = b->data;
    *b = (struct mr_buf){ 0 };
    return p;
}
