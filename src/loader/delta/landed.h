/*
 * landed.h - the columns of a stream as its table has them, and as they stand in the files.
 *
 *   table[0]  the stream's columns      files[0]  the same, under physical names when the table has column mapping
 *   table[1]  and `_rescued` beside     files[1]
 *
 * Thread     main until reading begins, then read-only.
 */
#ifndef MR_LOADER_DELTA_LANDED_H
#define MR_LOADER_DELTA_LANDED_H

#include "lake/delta/delta.h"
#include "loader/delta/bloom_columns.h"

struct mr_landed {
    struct mr_schema table[2], files[2];
    bool mapped;
    const char **bloom; /* names in the files of columns with Bloom filters; when mapped */
    int n_bloom;
};

void mr_landed_init(struct mr_landed *l, const struct mr_schema *schema);
void mr_landed_release(struct mr_landed *l);
/** mr_landed_map - column mapping: the table's physical names for its columns, new ones from `seed` for the others. */
void mr_landed_map(struct mr_landed *l, const struct mr_delta_snapshot *snap, const char *seed,
                   const struct mr_bloom_columns *bloom);
/** mr_landed_rescued - the field `_rescued` of the table. */
const struct mr_field *mr_landed_rescued(const struct mr_landed *l);

#endif
