/*
 * buf.h - a growable byte buffer that is also a string: data[len] is always '\0' after the first append.
 *
 * Ownership  init/release; mr_buf_take hands the bytes to the caller (mr_free). { 0 } is a valid empty buffer.
 * Thread     one at a time.
 */
#ifndef MR_BASE_BUF_H
#define MR_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "millrace/error.h"

struct mr_buf {
    char *data;
    size_t len, cap;
};

void mr_buf_release(struct mr_buf *b);
/** mr_buf_reserve - room for `more` bytes after len (and the '\0'). */
void mr_buf_reserve(struct mr_buf *b, size_t more);
void mr_buf_append(struct mr_buf *b, const void *p, size_t n);
void mr_buf_puts(struct mr_buf *b, const char *s);
void mr_buf_putc(struct mr_buf *b, char c);
void mr_buf_printf(struct mr_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void mr_buf_vprintf(struct mr_buf *b, const char *fmt, va_list ap) MR_PRINTF(2, 0);
/** mr_buf_put_quoted - s between two `quote`, those in it doubled: names and texts of SQL. */
void mr_buf_put_quoted(struct mr_buf *b, const char *s, char quote);
/** mr_buf_put_percent - s, every byte as %XX but letters, digits and those of `plain` (RFC 3986 leaves "-._~" too). */
void mr_buf_put_percent(struct mr_buf *b, const char *s, const char *plain);
/** mr_buf_put_decoded - n bytes of p, where each %XX is its byte; other percent signs stay. p ends with '\0', there or later. */
void mr_buf_put_decoded(struct mr_buf *b, const char *p, size_t n);
/** mr_buf_put_varint, _zigzag - seven bits a byte, the lowest first (LEB128); signed: 0, -1, 1, -2, ... */
void mr_buf_put_varint(struct mr_buf *b, uint64_t v);
void mr_buf_put_zigzag(struct mr_buf *b, int64_t v);
/** mr_buf_wrap - words of s from column `indent` on, on lines that end by column 80; each but the first begins with blanks. */
void mr_buf_wrap(struct mr_buf *b, const char *s, int indent);
/** mr_buf_take - the '\0'-terminated bytes; the buffer is empty afterwards. */
char *mr_buf_take(struct mr_buf *b);
/** mr_buf_str - the bytes as a string, never NULL; valid until the next change. */
static inline const char *mr_buf_str(const struct mr_buf *b)
{
    return b->data ? b->data : "";
}
static inline void mr_buf_clear(struct mr_buf *b)
{
    b->len = 0;
    if (b->data)
        b->data[0] = '\0';
}

#endif
