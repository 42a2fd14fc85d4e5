/*
 * sql_plan.h - what a sql step's statement comes to: columns that pass through as they are, and a statement for the rest.
 *
 *   SELECT *, total * 0.2 AS vat FROM batch WHERE paid      in: id, total, paid
 *     items   id ◀─ column 0, total ◀─ column 1, paid ◀─ column 2, vat ◀─ computed
 *     sql     SELECT total * 0.2 AS vat, "row" FROM batch WHERE paid
 *
 * Rule       one SELECT over `batch` with an optional WHERE, of scalar functions that give the same answer every time.
 *            What is not known to be so is refused, by name.
 * Ownership  sql_plan_release.
 * Thread     one at a time.
 */
#ifndef MR_TRANSFORMER_SQL_PLAN_H
#define MR_TRANSFORMER_SQL_PLAN_H

#include "duck/duck_sql.h"
#include "millrace/batch.h"

/* One column that comes out. */
struct sql_item {
    char *name;
    int column; /* of the input, when it passes through; else -1: computed */
    bool *used; /* columns of the input that it is computed from */
};

struct sql_plan {
    int n, n_columns; /* items; columns of the input */
    struct sql_item *items;
    bool *used;   /* columns of the input that are needed for anything */
    bool filters; /* it has a WHERE */
    char *sql; /* computed items in order, then the row; NULL when there is nothing to ask DuckDB */
    char *unknown; /* a function that the catalogue does not list; DuckDB is to say so */
};

/** sql_plan_make - judge and split a statement. row_name: the hidden column with the row's number. XFORM03. */
MR_CHECK enum mr_code sql_plan_make(struct mr_duck *d, const char *text, const struct mr_schema *in,
                                    const char *row_name, struct sql_plan *ret,
                                    struct mr_error *err);
void sql_plan_release(struct sql_plan *p);

/* ---- sql_walk.c: expressions ---- */

struct sql_walk {
    struct mr_duck *duck;
    const struct mr_schema *in;
    const char *table;      /* the name of `batch` in the statement */
    json_t *items;          /* expressions so far, by the name they come out as */
    const char *lambda[32]; /* names of parameters in scope */
    int n_lambda, depth, size;
    bool macro; /* inside a macro's definition: names are its parameters */
    bool *used;
    char *unknown;
};

/** sql_walk_expression - check v and all below; names of other items become what they stand for, in place. */
MR_CHECK enum mr_code sql_walk_expression(struct sql_walk *w, json_t *v, struct mr_error *err);
/** sql_column_of - the input's column that a COLUMN_REF is, as a whole; -1. */
int sql_column_of(const struct sql_walk *w, const json_t *ref);
/** sql_find - a column by name, case aside; -1. */
int sql_find(const struct mr_schema *in, const char *name);
/** sql_unknown_column - there is none of this name; with those that there are. */
enum mr_code sql_unknown_column(const struct sql_walk *w, const char *name, struct mr_error *err);
/** sql_refuse_rows - `what` name is not row-wise. */
enum mr_code sql_refuse_rows(struct mr_error *err, const char *what, const char *name);

#endif
