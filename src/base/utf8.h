/*
 * utf8.h - is it UTF-8, and where may it be cut.
 *
 * Source  RFC 3629: no surrogates, no overlong forms, at most U+10FFFF.
 */
#ifndef MR_BASE_UTF8_H
#define MR_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/** mr_utf8_valid - true when all n bytes are well-formed UTF-8 (NUL allowed). */
bool mr_utf8_valid(const char *s, size_t n);
/** mr_utf8_floor - the largest k <= n at which s may be cut without splitting a character. */
size_t mr_utf8_floor(const char *s, size_t n);

#endif
