/*
 * sqlite_catalog.h - what a SQLite file has: tables, views and the pipeline's queries as streams, and the SELECT of each.
 *
 *   pragma_table_list ─▶ table, view ─▶ pragma_table_xinfo (tables) | the statement's own columns (views, queries)
 *
 * Rule       virtual tables are streams without columns, so that they are named and skipped; the tables behind them
 *            (shadow tables) are no streams. A stream that cannot be prepared carries its own error.
 * Thread     main thread; prepare: also the worker's.
 */
#ifndef MR_CONSUMER_SQLITE_CATALOG_H
#define MR_CONSUMER_SQLITE_CATALOG_H

#include <sqlite3.h>

#include "millrace/consumer.h"

/* What a stream's `source` points at. */
struct mr_sqlite_source {
    char *query;       /* the query's text; NULL for tables and views */
    char *where;       /* NULL: all rows */
    const char *rowid; /* a name of the rowid, where no column has that name; NULL: there is none */
    bool own_sql;      /* somebody's SQL runs with it: it may take long between two rows */
    bool view;
};

struct mr_sqlite_file {
    sqlite3 *db;
    const char *path, *database;
    int n_queries;
    struct mr_query_stream *queries; /* copies */
};

void mr_sqlite_queries_copy(struct mr_sqlite_file *f, const struct mr_consumer_config *cfg);
void mr_sqlite_queries_free(struct mr_sqlite_file *f);

MR_CHECK enum mr_code mr_sqlite_discover(const struct mr_sqlite_file *f, struct mr_stream_list *ret,
                                         struct mr_error *err);
/** mr_sqlite_source_free - a stream's `source`; NULL-safe. */
void mr_sqlite_source_free(void *source);
/** mr_sqlite_shape - columns, pins and WHERE as wished; what cannot be had is the stream's error. */
void mr_sqlite_shape(const struct mr_sqlite_file *f, struct mr_stream *s,
                     const struct mr_stream_wish *w);
/** mr_sqlite_compare - give streams[n] that are not what they were at discover an error. Inside the snapshot. */
MR_CHECK enum mr_code mr_sqlite_compare(const struct mr_sqlite_file *f, struct mr_stream **streams,
                                        int n, struct mr_error *err);
/**
 * mr_sqlite_prepare - the stream's SELECT; its columns are the schema's, then the rowid where the source has one and no
 * key names its rows.
 */
MR_CHECK enum mr_code mr_sqlite_prepare(const struct mr_sqlite_file *f, const struct mr_stream *s,
                                        int64_t limit, sqlite3_stmt **ret, struct mr_error *err);
/** mr_sqlite_fail - SQLite's own message and advice for its code, as error id `id`. */
enum mr_code mr_sqlite_fail(const struct mr_sqlite_file *f, enum mr_error_id id, const char *what,
                            struct mr_error *err);
/** mr_sqlite_names_rowid - the statement has the rowid after the columns. */
bool mr_sqlite_names_rowid(const struct mr_stream *s);

#endif
