/*
 * guard.h - walks a parsed statement: tables become file lists, everything that reaches outside is refused.
 *
 * Rule       what is not known to be harmless is refused: kinds of table references and table functions by allow-list,
 *            scalar functions by deny-list (they cannot open files; the second wall is DuckDB's own settings).
 * Thread     one at a time.
 */
#ifndef MR_QUERY_GUARD_H
#define MR_QUERY_GUARD_H

#include "duck/duck_sql.h"
#include "lake/delta/delta.h"

struct mr_guard {
    struct mr_duck *duck;
    struct mr_store *store;
    const char *ctes[64]; /* names in scope */
    int n_ctes;
    int depth;
};

/** mr_guard_statement - check and rewrite one statement of json_serialize_sql's answer, in place. */
MR_CHECK enum mr_code mr_guard_statement(struct mr_guard *g, json_t *statement,
                                         struct mr_error *err);

#endif
