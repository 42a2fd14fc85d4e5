/*
 * What        which servers must prove their name
 * Guarantees  a connection that leaves the machine is not made to somebody who only answers; libpq's own order of
 *             parameters, environment and service file stays
 * Why         libpq's default is `prefer`, which checks nothing
 * Source      libpq "SSL Support", "Parameter Key Words", "The Connection Service File"
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "wire/pg/pg_private.h"

static const char *value_of(const PQconninfoOption *o, const char *keyword)
{
    for (; o && o->keyword; o++)
        if (strcmp(o->keyword, keyword) == 0)
            return o->val && *o->val ? o->val : NULL;
    return NULL;
}

/* What libpq makes of the parameters, the environment and a service file. A wish that cannot be granted stops it before it
 * opens a socket. */
static PQconninfoOption *effective(const struct mr_pg_params *p)
{
    struct mr_pg_params q = *p;
    mr_pg_param(&q, "target_session_attrs", "none of them");
    PGconn *pg = PQconnectStartParams(q.keywords, q.values, 1);
    PQconninfoOption *o = pg ? PQconninfo(pg) : NULL;
    PQfinish(pg);
    return o;
}

static bool says_sslmode(const struct mr_pg_params *p)
{
    bool said = false;
    for (int i = 0; i < p->n && !said; i++) {
        PQconninfoOption *o = NULL;
        if (strcmp(p->keywords[i], "dbname") == 0)
            o = PQconninfoParse(p->values[i], NULL); /* NULL: a name, not a URL */
        said = strcmp(p->keywords[i], "sslmode") == 0 || value_of(o, "sslmode");
        PQconninfoFree(o);
    }
    return said;
}

static bool is_local(const char *host, size_t n)
{
    static const char *const names[] = { "localhost", "::1" };
    if (n == 0 || host[0] == '/' || host[0] == '@')
        return true; /* a socket */
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == n && strncmp(host, names[i], n) == 0)
            return true;
    return n > 4 && strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") >= n;
}

/* Of several hosts, all. */
static bool all_local(const char *hosts)
{
    while (hosts && *hosts) {
        size_t n = strcspn(hosts, ",");
        if (!is_local(hosts, n))
            return false;
        hosts += n + (hosts[n] == ',');
    }
    return true;
}

static bool user_has_authorities(void)
{
    const char *home = getenv("HOME"); /* IGNORE-BANNED: libpq looks there too */
    char *path = mr_asprintf("%s/.postgresql/root.crt", home ? home : "");
    bool has = home && access(path, F_OK) == 0;
    mr_free(path);
    return has;
}

static void trust_the_system(struct mr_pg_params *p)
{
    static const char *const files[] = { "/etc/ssl/certs/ca-certificates.crt",
                                         "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem" };
    for (size_t i = 0; i < sizeof files / sizeof *files && !p->trusted[0]; i++)
        if (access(files[i], R_OK) == 0)
            snprintf(p->trusted, sizeof p->trusted, "%s", files[i]);
    mr_pg_param(p, "sslrootcert", p->trusted);
}

void mr_pg_verify_names(struct mr_pg_params *p)
{
    PQconninfoOption *o = effective(p);
    const char *mode = value_of(o, "sslmode"), *host = value_of(o, "host");
    bool unsaid = !mode || (strcmp(mode, "prefer") == 0 && !says_sslmode(p));
    bool verify = mode && strncmp(mode, "verify-", 7) == 0;
    if (unsaid && !all_local(host ? host : value_of(o, "hostaddr"))) {
        mr_pg_param(p, "sslmode", "verify-full");
        p->verified_unasked = verify = true;
    }
    if (verify && !value_of(o, "sslrootcert") && !user_has_authorities())
        trust_the_system(p);
    PQconninfoFree(o);
}
