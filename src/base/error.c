/*
 * What        fills struct mr_error from the table errors.def
 * Guarantees  messages are cut at a UTF-8 boundary, never overrun
 */
#include "millrace/error.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"

static const struct mr_error_info g_table[MR_ID_COUNT] = {
#define MR_ERROR(id, code, action, title, help)                                                    \
    [MR_ID_##id] = { "MR-E-" #id, code, action, title, help },
#include "millrace/errors.def"
#undef MR_ERROR
};

const struct mr_error_info *mr_error_lookup(enum mr_error_id id)
{
    return id > MR_ID_NONE && id < MR_ID_COUNT ? &g_table[id] : NULL;
}

enum mr_error_id mr_error_find(const char *name)
{
    if (strncasecmp(name, "MR-E-", 5) == 0)
        name += 5;
    for (int i = 1; i < MR_ID_COUNT; i++)
        if (strcasecmp(g_table[i].name + 5, name) == 0)
            return (enum mr_error_id)i;
    return MR_ID_NONE;
}

void mr_error_clear(struct mr_error *err)
{
    *err = (struct mr_error){ 0 };
}

MR_PRINTF(3, 0) static void set(char *dst, size_t size, const char *fmt, va_list ap)
{
    int n = vsnprintf(dst, size, fmt, ap);
    if (n >= (int)size)
        dst[mr_utf8_floor(dst, size - 1)] = '\0';
}

static void begin(struct mr_error *err, enum mr_error_id id)
{
    const struct mr_error_info *info = &g_table[id];
    err->id = id;
    err->code = info->code;
    err->action = info->action;
    err->origin[0] = err->where[0] = err->advice[0] = '\0';
}

enum mr_code mr_fail(struct mr_error *err, enum mr_error_id id, const char *fmt, ...)
{
    if (err) {
        va_list ap;
        va_start(ap, fmt);
        char message[sizeof err->message]; /* an argument may point into *err */
        set(message, sizeof message, fmt, ap);
        va_end(ap);
        begin(err, id);
        memcpy(err->message, message, sizeof message);
    }
    return g_table[id].code;
}

enum mr_code mr_fail_errno(struct mr_error *err, enum mr_error_id id, int errnum, const char *fmt,
                           ...)
{
    if (err) {
        va_list ap;
        va_start(ap, fmt);
        char message[sizeof err->message];
        set(message, sizeof message, fmt, ap);
        va_end(ap);
        begin(err, id);
        const char *name = strerrorname_np(errnum);
        snprintf(err->origin, sizeof err->origin, "%s", name ? name : "errno");
        const char *text = strerrordesc_np(errnum);
        snprintf(err->message, sizeof err->message, "%.900s: %s", message,
                 text ? text : "unknown error");
    }
    return g_table[id].code;
}

enum mr_code mr_error_advise(struct mr_error *err, const char *fmt, ...)
{
    if (!err)
        return MR_E_BUG;
    va_list ap;
    va_start(ap, fmt);
    set(err->advice, sizeof err->advice, fmt, ap);
    va_end(ap);
    return err->code;
}

enum mr_code mr_error_at(struct mr_error *err, const char *fmt, ...)
{
    if (!err)
        return MR_E_BUG;
    va_list ap;
    va_start(ap, fmt);
    set(err->where, sizeof err->where, fmt, ap);
    va_end(ap);
    return err->code;
}

enum mr_code mr_error_prefix(struct mr_error *err, const char *fmt, ...)
{
    if (!err)
        return MR_E_BUG;
    char prefix[300], old[sizeof err->message];
    va_list ap;
    va_start(ap, fmt);
    set(prefix, sizeof prefix, fmt, ap);
    va_end(ap);
    memcpy(old, err->message, sizeof old);
    int n = snprintf(err->message, sizeof err->message, "%s: %s", prefix, old);
    if (n >= (int)sizeof err->message)
        err->message[mr_utf8_floor(err->message, sizeof err->message - 1)] = '\0';
    return err->code;
}
