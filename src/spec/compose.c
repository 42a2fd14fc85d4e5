/*
 * What        writes a pipeline file for `copy` and `init`
 */
#include <string.h>

#include "base/mem.h"
#include "spec/keys.h"

/* A scalar in double quotes when plain text would be read otherwise; '$' doubled, for it would be substituted. */
static void put_scalar(struct mr_buf *out, const char *s)
{
    bool plain = *s && !strpbrk(s, "#{}[]&*!|>'\"%@`,\\\n\t") && !strstr(s, ": ") && *s != '-' &&
                 *s != '?' && *s != ' ' && s[strlen(s) - 1] != ' ' && s[strlen(s) - 1] != ':';
    if (!plain)
        mr_buf_putc(out, '"');
    for (; *s; s++) {
        if (*s == '$')
            mr_buf_putc(out, '$');
        if (!plain && (*s == '"' || *s == '\\'))
            mr_buf_putc(out, '\\');
        mr_buf_putc(out, *s);
    }
    if (!plain)
        mr_buf_putc(out, '"');
}

enum mr_code mr_pipeline_compose(const char *src, const char *name, const char *id,
                                 const char *lake, const char *const *patterns, int n_patterns,
                                 const struct mr_registry *reg, struct mr_buf *out,
                                 char **ret_secret, struct mr_error *err)
{
    (void)reg;
    (void)lake;
    mr_url_hide(src);
    if (mr_url_check(src, err) != MR_OK)
        return err->code;
    char *secret = mr_url_password(src), *url = mr_url_without_password(src);
    if (mr_url_has_secret(url)) {
        mr_free(secret);
        mr_free(url);
        mr_fail(err, MR_ID_SPEC04, "the URL of the source has more than one password");
        return mr_error_advise(err,
                               "leave one of them; a key's own belongs in a pipeline's file, as "
                               "${NAME}");
    }
    mr_buf_printf(out, "pipeline: %s\n", name);
    if (id)
        mr_buf_printf(out, "id: %s\n", id);
    mr_buf_puts(out, "consumer:\n  url: ");
    put_scalar(out, url);
    mr_buf_putc(out, '\n');
    if (secret)
        mr_buf_puts(out, "  password: ${SOURCE_PASSWORD}\n");
    for (int i = 0; i < n_patterns; i++) {
        mr_buf_puts(out, i ? "    - " : "  tables:\n    - ");
        put_scalar(out, patterns[i]);
        mr_buf_putc(out, '\n');
    }
    mr_free(url);
    *ret_secret = secret;
    return MR_OK;
}
