/*
 * levels.h - the leaves of a schema, and a nested column's rows as the entries of one leaf.
 *
 *   tags array<string>:  ["a", NULL], [], NULL       rep  0 1 | 0 | 0      a new row, or one more element of it
 *                                                    def  3 2 | 1 | 0      how much of the path is there
 *                                                    slot 0 1 | - | -      the value's place in the leaf's array
 *
 * Ownership  leaves borrow the schema.
 * Source     parquet-format README, "Nested Encoding"; LogicalTypes.md for the three levels of a list
 */
#ifndef MR_LAKE_PARQUET_LEVELS_H
#define MR_LAKE_PARQUET_LEVELS_H

#include "lake/parquet/thrift.h"
#include "millrace/batch.h"

#define MR_PQ_DEPTH 32

/* One column chunk's place: the way from a column of the schema down to a type without children. */
struct mr_pq_leaf {
    int column; /* of the schema */
    int depth;  /* fields on the way, the column first, the leaf last; 1: not nested */
    const struct mr_field *fields[MR_PQ_DEPTH];
    int child[MR_PQ_DEPTH]; /* child[k]: which child of fields[k] is fields[k + 1] */
    int max_def, max_rep;
};

struct mr_pq_entries {
    int64_t n, cap;
    uint8_t *rep, *def;
    int64_t *slot; /* -1: no value */
};

/** mr_pq_leaf_count - leaves of a schema; 0 when a column is nested deeper than MR_PQ_DEPTH. */
int mr_pq_leaf_count(const struct mr_schema *s);
/** mr_pq_leaves - all of them, in order; mr_free. */
struct mr_pq_leaf *mr_pq_leaves(const struct mr_schema *s);
/** mr_pq_leaf_path - path_in_schema of a ColumnMetaData, as field `id`. */
void mr_pq_leaf_path(const struct mr_pq_leaf *l, struct mr_thrift *t, int16_t id);
/** mr_pq_leaf_array - the array that a leaf's slots point into. */
const struct mr_array *mr_pq_leaf_array(const struct mr_pq_leaf *l, const struct mr_array *column);
/** mr_pq_shred - the entries of row r of the column, in place of what `out` held. */
void mr_pq_shred(const struct mr_pq_leaf *l, const struct mr_array *column, int64_t r,
                 struct mr_pq_entries *out);
void mr_pq_entries_release(struct mr_pq_entries *e);

#endif
