/*
 * duck_sql.h - statements as trees: DuckDB's own parser gives JSON, and takes it back.
 *
 *   "SELECT a FROM t" ─▶ {"error": false, "statements": [{"node": {"type": "SELECT_NODE", ...}}]} ─▶ text
 *
 * Rule       a statement is judged by its tree: comments, quotes and case cannot hide anything in it.
 * Thread     as duck.h.
 */
#ifndef MR_DUCK_DUCK_SQL_H
#define MR_DUCK_DUCK_SQL_H

#include "base/json.h"
#include "duck/duck.h"
#include "millrace/batch.h"

/** mr_duck_one_text - the single text cell of a statement with one parameter; mr_free. */
MR_CHECK enum mr_code mr_duck_one_text(struct mr_duck *d, const char *sql, const char *param,
                                       char **ret, struct mr_error *err);
/** mr_duck_parse - json_serialize_sql's answer as a tree; "error" in it says when it is not a SELECT. */
MR_CHECK enum mr_code mr_duck_parse(struct mr_duck *d, const char *sql, json_t **ret,
                                    struct mr_error *err);
/** mr_duck_unparse - the text of one of a tree's statements; mr_free. */
MR_CHECK enum mr_code mr_duck_unparse(struct mr_duck *d, json_t *statement, char **ret,
                                      struct mr_error *err);
/** mr_duck_reaches_out - a function that reads files, settings or the engine's own state. */
bool mr_duck_reaches_out(const char *function);

void mr_duck_put_name(struct mr_buf *b, const char *name); /* "a" */
void mr_duck_put_text(struct mr_buf *b, const char *s);    /* 'a' */
/** mr_duck_put_type - a field's type as DuckDB spells it: DECIMAL(12,2)[], STRUCT("a" BIGINT). */
void mr_duck_put_type(struct mr_buf *b, const struct mr_field *f);

#endif
