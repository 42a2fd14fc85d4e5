/*
 * table_sql.h - a table of the lake as SQL over its files.
 */
#ifndef MR_QUERY_TABLE_SQL_H
#define MR_QUERY_TABLE_SQL_H

#include "base/buf.h"
#include "lake/delta/delta.h"

/** mr_table_sql - append a SELECT of all columns and rows of a snapshot. */
MR_CHECK enum mr_code mr_table_sql(struct mr_store *store, const char *table,
                                   const struct mr_delta_snapshot *s, struct mr_buf *out,
                                   struct mr_error *err);

#endif
