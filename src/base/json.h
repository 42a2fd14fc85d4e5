/*
 * json.h - write JSON into a buffer; read it with jansson (this header is the one place that includes it).
 *
 *   struct mr_json j = mr_json_on(&buf);
 *   mr_json_open(&j, NULL, '{'); mr_json_str(&j, "a", "x"); mr_json_int(&j, "n", 3); mr_json_close(&j, '}');
 *
 * Rule       in an array the key is NULL. Strings must be UTF-8; others are written with U+FFFD.
 * Thread     one at a time.
 */
#ifndef MR_BASE_JSON_H
#define MR_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "millrace/error.h"

struct mr_json {
    struct mr_buf *out;
    bool comma;
};

static inline struct mr_json mr_json_on(struct mr_buf *out)
{
    return (struct mr_json){ .out = out, .comma = false };
}
void mr_json_open(struct mr_json *j, const char *key, char bracket);
void mr_json_close(struct mr_json *j, char bracket);
void mr_json_str(struct mr_json *j, const char *key, const char *value); /* NULL value: null */
void mr_json_strn(struct mr_json *j, const char *key, const char *value, size_t n);
void mr_json_int(struct mr_json *j, const char *key, int64_t value);
void mr_json_num(struct mr_json *j, const char *key, double value, int decimals);
void mr_json_bool(struct mr_json *j, const char *key, bool value);
/** mr_json_raw - `value` is JSON already. */
void mr_json_raw(struct mr_json *j, const char *key, const char *value);
/** mr_json_quote - append one quoted and escaped JSON string. */
void mr_json_quote(struct mr_buf *out, const char *s, size_t n);

/** mr_json_parse - one JSON value of n bytes; free with json_decref. Fails with `id`, naming `what`. */
MR_CHECK enum mr_code mr_json_parse(const char *text, size_t n, enum mr_error_id id,
                                    const char *what, json_t **ret, struct mr_error *err);
/* Typed reads of an object's member: the default when it is missing or of another type. */
const char *mr_json_get_str(const json_t *o, const char *key, const char *def);
int64_t mr_json_get_int(const json_t *o, const char *key, int64_t def);
bool mr_json_get_bool(const json_t *o, const char *key, bool def);

#endif
