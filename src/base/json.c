/*
 * What        a JSON writer; typed reads over jansson
 * Guarantees  output is valid UTF-8 JSON whatever the bytes
 * Source      RFC 8259
 */
#include "base/json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/utf8.h"

void mr_json_quote(struct mr_buf *out, const char *s, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    bool valid = mr_utf8_valid(s, n);
    mr_buf_putc(out, '"');
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == '"' || c == '\\') {
            char e[2] = { '\\', (char)c };
            mr_buf_append(out, e, 2);
        } else if (c == '\n') {
            mr_buf_append(out, "\\n", 2);
        } else if (c == '\t') {
            mr_buf_append(out, "\\t", 2);
        } else if (c < 0x20 || c == 0x7F) {
            char e[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };
            mr_buf_append(out, e, 6);
        } else if (c >= 0x80 && !valid) {
            mr_buf_append(out, "\xEF\xBF\xBD", 3);
        } else {
            mr_buf_putc(out, (char)c);
        }
    }
    mr_buf_putc(out, '"');
}

static void member(struct mr_json *j, const char *key)
{
    if (j->comma)
        mr_buf_putc(j->out, ',');
    j->comma = true;
    if (key) {
        mr_json_quote(j->out, key, strlen(key));
        mr_buf_putc(j->out, ':');
    }
}

void mr_json_open(struct mr_json *j, const char *key, char bracket)
{
    member(j, key);
    mr_buf_putc(j->out, bracket);
    j->comma = false;
}

void mr_json_close(struct mr_json *j, char bracket)
{
    mr_buf_putc(j->out, bracket);
    j->comma = true;
}

void mr_json_strn(struct mr_json *j, const char *key, const char *value, size_t n)
{
    member(j, key);
    mr_json_quote(j->out, value, n);
}

void mr_json_str(struct mr_json *j, const char *key, const char *value)
{
    if (value)
        mr_json_strn(j, key, value, strlen(value));
    else
        mr_json_raw(j, key, "null");
}

void mr_json_int(struct mr_json *j, const char *key, int64_t value)
{
    member(j, key);
    mr_buf_printf(j->out, "%" PRId64, value);
}

void mr_json_num(struct mr_json *j, const char *key, double value, int decimals)
{
    member(j, key);
    if (isfinite(value))
        mr_buf_printf(j->out, "%.*f", decimals, value);
    else
        mr_buf_puts(j->out, "null");
}

void mr_json_bool(struct mr_json *j, const char *key, bool value)
{
    mr_json_raw(j, key, value ? "true" : "false");
}

void mr_json_raw(struct mr_json *j, const char *key, const char *value)
{
    member(j, key);
    mr_buf_puts(j->out, value);
}

enum mr_code mr_json_parse(const char *text, size_t n, enum mr_error_id id, const char *what,
                           json_t **ret, struct mr_error *err)
{
    json_error_t e;
    json_t *v = json_loadb(text, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);
    if (!v)
        return mr_fail(err, id, "%s: not JSON: %s at byte %d", what, e.text, e.position);
    *ret = v;
    return MR_OK;
}

const char *mr_json_get_str(const json_t *o, const char *key, const char *def)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : def;
}

int64_t mr_json_get_int(const json_t *o, const char *key, int64_t def)
{
    const json_t *v = json_object_get(o, key);
    return json_is_integer(v) ? (int64_t)json_integer_value(v) : def;
}

bool mr_json_get_bool(const json_t *o, const char *key, bool def)
{
    const json_t *v = json_object_get(o, key);
    return json_is_boolean(v) ? json_is_true(v) : def;
}
