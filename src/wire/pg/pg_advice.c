/*
 * What        advice for connections that were not had
 * Why         libpq 15 gives a refused connection a text and no SQLSTATE, so the text is looked at; what is not known (a server
 *             that speaks another language) gets the general advice
 * Source      fe-connect.c, postmaster.c, auth.c, miscinit.c of PostgreSQL 14 to 18; pgbouncer
 */
#include <string.h>

#include "wire/pg/pg_conn.h"

static const struct {
    const char *has, *advice;
} g_advice[] = {
    { "no password supplied",
      "give the password: consumer.password: ${NAME}, ${file:PATH}, or a line in ~/.pgpass" },
    { "password authentication failed",
      "the password is wrong, or the role has none or does not exist. As an administrator: \\password ROLE in psql" },
    { "no pg_hba.conf entry",
      "add a line to pg_hba.conf on the server, such as: host DATABASE ROLE ADDRESS/32 scram-sha-256; then SELECT pg_reload_conf()" },
    { "pg_hba.conf rejects",
      "a line of pg_hba.conf on the server rejects this role, database or address; put one that lets it in before it" },
    { "too many clients already",
      "every connection of the server is taken: end some, raise max_connections (needs a restart), or put a pooler in front" },
    { "remaining connection slots",
      "only connections that are kept for superusers are left: end some, or raise max_connections (needs a restart)" },
    { "too many connections for role",
      "give it more (ALTER ROLE ... CONNECTION LIMIT), or run with fewer workers" },
    { "too many connections for database",
      "give it more (ALTER DATABASE ... CONNECTION LIMIT), or run with fewer workers" },
    { "is not permitted to log in", "ALTER ROLE ... LOGIN; or connect as another role" },
    { "permission denied for database",
      "GRANT CONNECT ON DATABASE ... TO ...; as an administrator" },
    { "role \"",
      "CREATE ROLE ... LOGIN PASSWORD '...'; or correct consumer.user or the user in the URL" },
    { "database \"",
      "correct the database in consumer.url or consumer.database; psql -l lists them" },
    { "no such database",
      "the pooler does not know this database: correct the URL, or add it to [databases] of pgbouncer.ini" },
    { "could not translate host name",
      "the name is not known here: correct the host, or look at the DNS (getent hosts NAME)" },
    { "Connection refused",
      "nothing listens there: is the server up, and on this host and port? Its listen_addresses must include this network" },
    { "No such file or directory",
      "no socket in that folder: correct host and port, or start the server; SHOW unix_socket_directories says where it is" },
    { "within",
      "nobody answers: a firewall, a wrong address, or a server that hangs. nc -vz HOST PORT shows the same" },
    { "timeout expired",
      "nobody answers: a firewall, a wrong address, or a server that hangs. nc -vz HOST PORT shows the same" },
    { "No route to host",
      "the network does not lead there: correct the address, or look at routes, VPN and firewall" },
    { "server does not support SSL",
      "the server has no TLS: switch ssl = on there, or set sslmode: disable if the network between is trusted" },
    { "certificate verify failed",
      "the server's certificate is signed by nobody we trust: set consumer.sslrootcert to its CA's file" },
    { "root certificate file",
      "set consumer.sslrootcert to the file with the CA's certificate, or ~/.postgresql/root.crt" },
    { "does not match host name",
      "the certificate is for another name: use that name as host, or have one made for this name" },
    { "server certificate for",
      "the certificate is for another name: use that name as host, or have one made for this name" },
    { "the database system is starting up", "the server is starting: run again in a minute" },
    { "the database system is shutting down",
      "the server is shutting down: start it, or read a replica" },
    { "not yet accepting connections",
      "the server is recovering: run again in a while; its log says how far it is" },
    { "not accepting connections",
      "ALTER DATABASE ... ALLOW_CONNECTIONS true; or wait until the server is up" },
};

const char *mr_pg_connect_advice(const char *reason)
{
    for (size_t i = 0; i < sizeof g_advice / sizeof *g_advice; i++)
        if (strstr(reason, g_advice[i].has))
            return g_advice[i].advice;
    return "check host, port, user, password and pg_hba.conf; psql with the same URL shows the same";
}
