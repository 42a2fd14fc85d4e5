/*
 * bloom_columns.h - the option `bloom_filters`: which names were asked for, and which of them some table has.
 *
 * Ownership  borrows the option's value.
 * Thread     main until reading begins, then read-only.
 */
#ifndef MR_LOADER_DELTA_BLOOM_COLUMNS_H
#define MR_LOADER_DELTA_BLOOM_COLUMNS_H

#include "millrace/batch.h"
#include "millrace/option.h"

struct mr_bloom_columns {
    const struct mr_option_value *asked;
    bool *found;  /* one per asked name */
    char **names; /* of all fields seen, for "did you mean"; NULL-terminated */
    int n_names;
};

void mr_bloom_columns_init(struct mr_bloom_columns *b, const struct mr_option_value *asked);
void mr_bloom_columns_release(struct mr_bloom_columns *b);
/** mr_bloom_columns_see - a field of a table. LOAD04 when it was asked for and its type can have no filter. */
MR_CHECK enum mr_code mr_bloom_columns_see(struct mr_bloom_columns *b, const struct mr_field *f,
                                           struct mr_error *err);
/** mr_bloom_columns_check - LOAD03 when a name was in none of the fields seen. */
MR_CHECK enum mr_code mr_bloom_columns_check(const struct mr_bloom_columns *b,
                                             struct mr_error *err);
bool mr_bloom_columns_has(const struct mr_bloom_columns *b, const char *name);

#endif
