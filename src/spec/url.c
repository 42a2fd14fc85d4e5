/*
 * What        passwords in a source's URL: found, taken out, kept from being printed
 * Guarantees  a URL of which libpq would take a part of the password for host, port or database is refused, and no
 *             word of it is printed
 * Why         libpq ends the user's part at the first '@' or '/', and its messages quote what it found behind
 * Source      RFC 3986, 3.2; libpq "Connection URIs"
 */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "spec/keys.h"

static const char *authority(const char *url)
{
    const char *start = strstr(url, "://");
    return start ? start + 3 : NULL;
}

/* The value of key= behind '?' or '&'; NULL when it is not there. */
static const char *parameter(const char *start, const char *key, size_t *ret_n)
{
    size_t n = strlen(key);
    for (const char *q = start; (q = strstr(q, key)) != NULL; q += n) {
        if (q == start || (q[-1] != '?' && q[-1] != '&') || q[n] != '=')
            continue;
        *ret_n = strcspn(q + n + 1, "&");
        return *ret_n ? q + n + 1 : NULL;
    }
    return NULL;
}

/* The password's place in the URL; false when there is none. */
static bool password_span(const char *url, const char **ret_from, size_t *ret_n)
{
    const char *start = authority(url);
    if (!start)
        return false;
    const char *at = start + strcspn(start, "@/");
    const char *colon = *at == '@' ? memchr(start, ':', (size_t)(at - start)) : NULL;
    if (colon && at > colon + 1) {
        *ret_from = colon + 1;
        *ret_n = (size_t)(at - colon - 1);
        return true;
    }
    const char *q = parameter(start, "password", ret_n);
    if (q)
        *ret_from = q;
    return q != NULL;
}

static char *percent_decode(const char *p, size_t n)
{
    struct mr_buf b = { 0 };
    mr_buf_put_decoded(&b, p, n);
    return mr_buf_take(&b);
}

char *mr_url_password(const char *url)
{
    const char *p;
    size_t n;
    return password_span(url, &p, &n) ? percent_decode(p, n) : NULL;
}

char *mr_url_without_password(const char *url)
{
    const char *p;
    size_t n;
    if (!password_span(url, &p, &n))
        return mr_strdup(url);
    bool colon = p[-1] == ':';
    size_t head = (size_t)(p - url) - (colon ? 1 : 10);
    const char *tail = p + n;
    if (!colon && url[head] == '?' && *tail == '&')
        return mr_asprintf("%.*s?%s", (int)head, url, tail + 1);
    return mr_asprintf("%.*s%s", (int)head, url, tail);
}

/* As it stands there, and as it is meant. */
static void hide(const char *p, size_t n)
{
    char *raw = mr_strndup(p, n), *meant = percent_decode(p, n);
    mr_secret_add(raw);
    mr_secret_add(meant);
    mr_free(raw);
    mr_free(meant);
}

void mr_url_hide(const char *url)
{
    static const char *const keys[] = { "password", "sslpassword" };
    const char *p, *start = authority(url);
    size_t n;
    if (password_span(url, &p, &n))
        hide(p, n);
    for (size_t i = 0; start && i < sizeof keys / sizeof *keys; i++)
        if ((p = parameter(start, keys[i], &n)) != NULL)
            hide(p, n);
}

/* "host", "host:5432", "[::1]:5432", several with commas. */
static bool hosts_ok(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '@')
            return false;
        if (p[i] == '[')
            while (i < n && p[i] != ']')
                i++;
        else if (p[i] == ':')
            while (i + 1 < n && p[i + 1] != ',')
                if (p[++i] < '0' || p[i] > '9')
                    return false;
    }
    return true;
}

enum mr_code mr_url_check(const char *url, struct mr_error *err)
{
    const char *start = authority(url);
    if (!start)
        return MR_OK;
    const char *end = start + strcspn(start, "@/"), *hosts = *end == '@' ? end + 1 : start;
    if (hosts_ok(hosts, strcspn(hosts, "/?")))
        return MR_OK;
    mr_fail(err, MR_ID_SPEC04,
            "the URL of the source has a port that is no number, or a password "
            "with an @ or / in it");
    return mr_error_advise(err,
                           "in a password write %%40 for @, %%2F for / and %%25 for %%, or say it "
                           "with password: ${NAME}");
}

bool mr_url_has_secret(const char *url)
{
    const char *p, *start = authority(url);
    size_t n;
    return password_span(url, &p, &n) || (start && parameter(start, "sslpassword", &n));
}
