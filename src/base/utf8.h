/*
 * utf8.h - is it UTF-8, and where may it be cut.
 *
 * Source  RFC 3629: no surrogates, no overlong forms, at most U+10FFFF. ECMA-48: C0 and C1 controls. Unicode: bidirectional
 *         formatting characters.
 */
#ifndef MR_BASE_UTF8_H
#define MR_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/** mr_utf8_valid - true when all n bytes are well-formed UTF-8 (NUL allowed). */
bool mr_utf8_valid(const char *s, size_t n);
/** mr_utf8_floor - the largest k <= n at which s may be cut without splitting a character. */
size_t mr_utf8_floor(const char *s, size_t n);
/** mr_utf8_control - bytes of the control character or bidirectional mark that s begins with, which a terminal would obey; 0: it
 *  begins with none. n > 0. */
size_t mr_utf8_control(const char *s, size_t n);

#endif
