/*
 * pg_catalog.h - what the server's catalog says: streams with their columns and keys, and the heaps that hold their rows.
 *
 *   stream public.sales (partitioned) ──▶ pg_table ──▶ heaps: public.sales_2025, public.sales_2026
 *   stream public.orders              ──▶ pg_table ──▶ heap:  public.orders
 *   stream late_orders (a query)      ──▶ pg_table ──▶ heap:  (SELECT ...)
 *
 * Ownership  a stream's `source` is its pg_table; free with mr_pg_table_free.
 */
#ifndef MR_CONSUMER_PG_CATALOG_H
#define MR_CONSUMER_PG_CATALOG_H

#include <stdlib.h>

#include "millrace/consumer.h"
#include "wire/pg/pg_conn.h"
#include "wire/pg/pg_copy.h"

struct pg_group;

/* One relation with storage, or what is read like one. */
struct pg_heap {
    char *sql_name; /* "public"."orders"; (SELECT ...) */
    bool only;      /* read with ONLY; false: a parent read as a whole, a view, a query */
    bool foreign;
    uint64_t blocks;      /* in the snapshot or more; 0: not read by ranges */
    uint64_t toast_bytes; /* of its out-of-line values, compressed; UINT64_MAX unknown */
};

struct pg_table {
    unsigned oid; /* 0: a query */
    char relkind; /* 'r', 'p', 'm', 'v', 'f' as in pg_class; 'q' a query */
    bool whole;   /* the user may read every column */
    bool lockable;
    bool foreign;   /* rows of another server are among its rows; known after mr_pg_load_heaps */
    bool begun;     /* stream_begin was called: its view stays */
    char *sql_name; /* as pg_heap's */
    /* Names and types of its columns: another one means that the table was changed. */
    char *signature;
    struct mr_pg_type *types; /* of each field */
    int n_types;
    bool validate;  /* the server does not check encodings (SQL_ASCII) */
    char *where;    /* " AND ..." that every wanted row fulfils; NULL: all */
    char *asked;    /* the user's own condition; NULL: none */
    char *readable; /* every column that the user may read, as a select list */
    char *identity; /* of these: "number type name" lines, as the protocol describes them */
    char *locks;    /* of a query: "a", "b" to lock; NULL: none */
    char *unlocked; /* of a query: oids of what it reads and cannot be locked; NULL: none */
    char *
        hidden_from; /* policies on a partitioned table's own name hide rows from this user; NULL: none */
    char *guarded,
        *files;  /* oids that no lock protects, and their files in the snapshot; NULL: none */
    int n_heaps; /* 0 until mr_pg_load_heaps */
    struct pg_heap *heaps;
    struct pg_group *group; /* the snapshot it is read in; NULL: none now */
};

/** mr_pg_load_tables - every relation that this kind reads, or those of `oids` ("1,2"), with columns; in no order. */
MR_CHECK enum mr_code mr_pg_load_tables(struct mr_pg *c, const char *database, const char *oids,
                                        struct mr_stream_list *ret, struct mr_error *err);
/** mr_pg_load_columns - the columns that d describes become those of s. */
MR_CHECK enum mr_code mr_pg_load_columns(struct mr_pg *c, struct mr_stream *s,
                                         const struct mr_pg_result *d, struct mr_error *err);
/** mr_pg_load_keys - the keys of those that are tables. */
MR_CHECK enum mr_code mr_pg_load_keys(struct mr_pg *c, struct mr_stream_list *l,
                                      struct mr_error *err);
void mr_pg_add_key(struct mr_stream *s, const char *column);
/** mr_pg_shape - the stream as wished; a pin that cannot be becomes the stream's error. padded: char(n) keeps its blanks. */
void mr_pg_shape(struct mr_stream *s, const struct mr_stream_wish *w, bool padded);
/** mr_pg_restrict_rows - what of these conditions the server judges exactly as we do becomes the table's `where`. */
void mr_pg_restrict_rows(struct mr_stream *s, const struct mr_predicate_list *l);
/**
 * mr_pg_load_heaps - the heaps of these streams, in the snapshot of c's transaction; locked: which holds their locks.
 *
 * A stream whose heaps cannot be read gets its `error` set; est_rows and est_bytes are set anew.
 */
MR_CHECK enum mr_code mr_pg_load_heaps(struct mr_pg *c, struct mr_stream **streams, int n,
                                       bool locked, struct mr_error *err);
/** mr_pg_hides_rows - row-level security becomes the stream's error. */
void mr_pg_hides_rows(struct mr_stream *s, const char *user);
void mr_pg_free_heaps(struct pg_table *t);
void mr_pg_table_free(void *table);

/**
 * mr_pg_load_query - a query of the pipeline as a stream. What is wrong with it becomes the stream's `error`.
 *
 * Locks    c is in a transaction that has read nothing of the user's, so that what is locked tells what the query reads.
 */
MR_CHECK enum mr_code mr_pg_load_query(struct mr_pg *c, const char *database,
                                       const struct mr_query_stream *q, struct mr_stream **ret,
                                       struct mr_error *err);
/** mr_pg_check_where - the user's condition, and a view's right to be read, before a row moves; into s->error. c is in no
 *  transaction. */
void mr_pg_check_where(struct mr_pg *c, struct mr_stream *s);

/* Cells of the catalog's answers. */
static inline unsigned to_oid(const char *cell)
{
    return (unsigned)strtoul(cell, NULL, 10);
}
static inline bool is_true(const char *cell)
{
    return cell && cell[0] == 't';
}

/** mr_pg_qualified - "schema"."name"; mr_free. */
char *mr_pg_qualified(const char *schema, const char *name);
/** mr_pg_first_row - of rows that are sorted by the oid in their first column, the first of this oid or after it. */
int mr_pg_first_row(const struct mr_pg_result *r, unsigned oid);

#endif
