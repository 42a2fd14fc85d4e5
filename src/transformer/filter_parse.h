/*
 * filter_parse.h - the text of a filter as a typed tree.
 *
 *   or:    and { OR and }          and: not { AND not }        not: [NOT] not | primary
 *   primary: ( or ) | column IS [NOT] NULL | column [NOT] IN ( literal, ... ) | column op literal | literal op column |
 *            boolean column | TRUE | FALSE           op: = <> != < <= > >=
 *
 * Literals are converted to the column's type when the tree is made: nothing is converted per row.
 */
#ifndef MR_TRANSFORMER_FILTER_PARSE_H
#define MR_TRANSFORMER_FILTER_PARSE_H

#include <stdint.h>

#include "millrace/batch.h"

enum filter_op {
    F_AND,
    F_OR,
    F_NOT,
    F_CONST,
    F_IS_NULL,
    F_NOT_NULL,
    F_EQ,
    F_NE,
    F_LT,
    F_LE,
    F_GT,
    F_GE,
    F_IN,
    F_TRUE
};

/* A literal in its column's own representation. */
struct filter_literal {
    __int128
        number; /* ints, decimals at the column's scale, dates, timestamps, booleans: the floor of the literal */
    bool exact; /* false: the literal lies between number and number + 1 */
    double real;
    char *text; /* of a string column */
    size_t n;
    char *source; /* as written, with its sign; without quotes */
};

struct filter_node {
    enum filter_op op;
    struct filter_node *left, *right; /* AND, OR; NOT has left */
    bool constant;                    /* F_CONST */
    int column;
    struct mr_type type;
    int n_literals;
    struct filter_literal *literals;
    uint8_t *result; /* per row: 0 false, 1 unknown, 2 true */
    size_t result_cap;
};

/** filter_parse - a tree over the columns of `in`; at most 1,000 nodes, 50 deep. Errors say the character. */
MR_CHECK enum mr_code filter_parse(const char *text, const struct mr_schema *in,
                                   struct filter_node **ret, struct mr_error *err);
void filter_free(struct filter_node *n);

#endif
