/*
 * pg_catalog.h - what the server's catalog says: tables with their columns, and the heaps that hold their rows.
 *
 *   stream public.sales (partitioned) ──▶ pg_table ──▶ heaps: public.sales_2025, public.sales_2026
 *   stream public.orders              ──▶ pg_table ──▶ heap:  public.orders
 *
 * Ownership  a stream's `source` is its pg_table; free with mr_pg_table_free.
 */
#ifndef MR_CONSUMER_PG_CATALOG_H
#define MR_CONSUMER_PG_CATALOG_H

#include "millrace/consumer.h"
#include "wire/pg/pg_conn.h"
#include "wire/pg/pg_copy.h"

/* One relation with storage. */
struct pg_heap {
    unsigned oid;
    char *sql_name; /* "public"."orders" */
    bool
        only; /* read with ONLY; false: a parent read as a whole, because its leaves may not be read */
    uint64_t blocks;      /* in the snapshot or more */
    uint64_t toast_bytes; /* of its out-of-line values, compressed; UINT64_MAX unknown */
    char *filenode;       /* as of the snapshot */
};

struct pg_table {
    unsigned oid;
    char relkind; /* 'r', 'p', 'm' */
    char *sql_name;
    char *
        signature; /* names and types of its columns: another one means that the table was changed */
    enum mr_pg_wire *wires; /* of each field */
    char *where;            /* " AND ..." that every wanted row fulfils; NULL: all */
    int n_heaps;            /* 0 until mr_pg_load_heaps */
    struct pg_heap *heaps;
};

/** mr_pg_load_tables - every table that this kind reads, with its columns; sorted by id. */
MR_CHECK enum mr_code mr_pg_load_tables(struct mr_pg *c, const char *database,
                                        struct mr_stream_list *ret, struct mr_error *err);
/** mr_pg_shape - the stream as wished; a kept column of an unknown type becomes the stream's error. */
void mr_pg_shape(struct mr_stream *s, const struct mr_stream_wish *w);
/** mr_pg_restrict_rows - what of these conditions the server judges exactly as we do becomes the table's `where`. */
void mr_pg_restrict_rows(struct mr_stream *s, const struct mr_predicate_list *l);
/** mr_pg_load_heaps - the heaps of these streams, in the snapshot of c's transaction. A stream whose heaps cannot be
 *  read gets its `error` set; est_rows and est_bytes are set anew. */
MR_CHECK enum mr_code mr_pg_load_heaps(struct mr_pg *c, struct mr_stream **streams, int n,
                                       struct mr_error *err);
void mr_pg_table_free(void *table);

#endif
