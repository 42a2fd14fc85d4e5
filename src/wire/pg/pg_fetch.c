/*
 * What        statements that are described and not run, and FETCH from a binary cursor
 * Guarantees  libpq never holds more than one row of a FETCH
 * Why         rows are put into the form of COPY BINARY, so that there is one decoder
 * Source      libpq "Retrieving Query Results Row-by-Row", "PQdescribePrepared"; PostgreSQL "COPY", Binary Format
 */
#include <endian.h>
#include <string.h>

#include "wire/pg/pg_private.h"

/* ---- describe ---- */

/* The result of what was sent; its wish fulfilled or the server's error. */
static enum mr_code take_only(struct mr_pg *c, int sent, PGresult **ret, struct mr_error *err)
{
    if (!sent)
        return mr_pg_lost(c, err);
    enum mr_code rc = mr_pg_wait_result(c, err);
    if (rc != MR_OK)
        return rc;
    PGresult *r = PQgetResult(c->pg);
    if (PQresultStatus(r) != PGRES_COMMAND_OK) {
        rc = mr_pg_server_error(c, r, err);
        PQclear(r);
        r = NULL;
    }
    mr_pg_drain(c); /* the end of the message follows at once */
    *ret = r;
    return rc;
}

enum mr_code mr_pg_describe(struct mr_pg *c, const char *sql, struct mr_pg_result **ret,
                            struct mr_error *err)
{
    PGresult *r = NULL;
    enum mr_code rc = take_only(c, PQsendPrepare(c->pg, "", sql, 0, NULL), &r, err);
    PQclear(r);
    r = NULL;
    if (rc == MR_OK)
        rc = take_only(c, PQsendDescribePrepared(c->pg, ""), &r, err);
    if (rc == MR_OK && PQnparams(r) > 0) {
        rc = mr_fail(err, MR_ID_PG12, "it has %d parameters, for which there is no value",
                     PQnparams(r));
        c->error_position = 0;
        PQclear(r);
        r = NULL;
    }
    if (rc == MR_OK && ret)
        *ret = (struct mr_pg_result *)r;
    else
        PQclear(r);
    return rc;
}

int mr_pg_columns(const struct mr_pg_result *r)
{
    return PQnfields((const PGresult *)r);
}

const char *mr_pg_column_name(const struct mr_pg_result *r, int column)
{
    return PQfname((const PGresult *)r, column);
}

unsigned mr_pg_column_type(const struct mr_pg_result *r, int column)
{
    return PQftype((const PGresult *)r, column);
}

int mr_pg_column_typmod(const struct mr_pg_result *r, int column)
{
    return PQfmod((const PGresult *)r, column);
}

int mr_pg_column_attnum(const struct mr_pg_result *r, int column)
{
    return PQftablecol((const PGresult *)r, column);
}

int mr_pg_error_position(const struct mr_pg *c)
{
    return c->error_position;
}

/* ---- fetch ---- */

enum mr_code mr_pg_fetch_begin(struct mr_pg *c, const char *sql, struct mr_error *err)
{
    if (!PQsendQueryParams(c->pg, sql, 0, NULL, NULL, NULL, NULL, 1) || !PQsetSingleRowMode(c->pg))
        return mr_pg_lost(c, err);
    c->fetching = true;
    return MR_OK;
}

static void put_row(struct mr_buf *b, const PGresult *r)
{
    uint16_t fields = htobe16((uint16_t)PQnfields(r));
    b->len = 0;
    mr_buf_append(b, &fields, sizeof fields);
    for (int i = 0; i < PQnfields(r); i++) {
        int n = PQgetisnull(r, 0, i) ? -1 : PQgetlength(r, 0, i);
        uint32_t length = htobe32((uint32_t)n);
        mr_buf_append(b, &length, sizeof length);
        if (n > 0)
            mr_buf_append(b, PQgetvalue(r, 0, i), (size_t)n);
    }
}

enum mr_code mr_pg_fetch_next(struct mr_pg *c, const char **ret_data, size_t *ret_n,
                              struct mr_error *err)
{
    enum mr_code rc = mr_pg_wait_result(c, err);
    if (rc != MR_OK)
        return rc;
    PGresult *r = PQgetResult(c->pg);
    ExecStatusType status = PQresultStatus(r);
    if (status == PGRES_SINGLE_TUPLE) {
        put_row(&c->fetch_row, r);
        *ret_data = c->fetch_row.data;
        *ret_n = c->fetch_row.len;
        PQclear(r);
        return MR_OK;
    }
    c->fetching = false;
    if (status != PGRES_TUPLES_OK)
        rc = mr_pg_server_error(c, r, err);
    PQclear(r);
    mr_pg_drain(c);
    *ret_n = 0;
    return rc;
}
