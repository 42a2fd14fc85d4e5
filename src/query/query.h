/*
 * query.h - SQL over the lake: SELECT statements whose tables are Delta tables, read through our own log reader.
 *
 *   "FROM shop.orders AT (VERSION => 3)" ─▶ parsed by DuckDB ─▶ tables replaced by file lists ─▶ run ─▶ text
 *
 * Guard      only SELECT; only tables of the lake (the replacement is the allow-list) and table functions that read
 *            nothing (range, unnest, ...); no settings, no extensions, no files. Everything else: MR_E_SQL, by name.
 * Thread     one session per thread.
 */
#ifndef MR_QUERY_QUERY_H
#define MR_QUERY_QUERY_H

#include <stdio.h>

#include "base/buf.h"
#include "millrace/error.h"

enum mr_query_format { MR_QUERY_TABLE, MR_QUERY_CSV, MR_QUERY_JSON };

struct mr_query;

/** mr_query_open - a session over <lake>. engine: path of libduckdb.so, NULL where tools/setup put it; memory_bytes bounds it. */
MR_CHECK enum mr_code mr_query_open(const char *engine, const char *lake, size_t memory_bytes,
                                    int threads, struct mr_query **ret, struct mr_error *err);
void mr_query_close(struct mr_query *q);
/**
 * mr_query_run - run one or more SELECT statements separated by ';' and write each result to out.
 *
 * TABLE: box drawing, columns cut to `width` characters (0: no limit), at most `max_rows` rows (0: all) and a line
 * that says how many there were. CSV: RFC 4180 with a header. JSON: one array of objects a statement; numbers that a
 * double cannot hold exactly (decimals, long beyond 2^53) are strings.
 * NULL: empty in CSV, NULL in tables, null in JSON.
 */
MR_CHECK enum mr_code mr_query_run(struct mr_query *q, const char *sql, enum mr_query_format format,
                                   int width, int64_t max_rows, FILE *out, struct mr_error *err);

#endif
