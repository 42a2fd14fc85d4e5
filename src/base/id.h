/*
 * id.h - ids that sort by time (ULID) and ids that do not (UUID v4); randomness from getrandom(2).
 */
#ifndef MR_BASE_ID_H
#define MR_BASE_ID_H

#include <stddef.h>
#include <stdint.h>

#define MR_ULID_TEXT 27
#define MR_UUID_TEXT 37
/** mr_ulid - 26 characters of Crockford base 32 and '\0': 48 bits of ms, 80 random. Returns buf. */
char *mr_ulid(char *buf);
/** mr_uuid - "xxxxxxxx-xxxx-4xxx-xxxx-xxxxxxxxxxxx", lower case. Returns buf. */
char *mr_uuid(char *buf);
void mr_random(void *p, size_t n);

#endif
