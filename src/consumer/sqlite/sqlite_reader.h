/*
 * sqlite_reader.h - rows of one stream into batches: step, look at each cell, put it.
 *
 * Ownership  borrows connection, stream and bounds until mr_sqlite_reader_close.
 * Thread     the one worker's.
 */
#ifndef MR_CONSUMER_SQLITE_READER_H
#define MR_CONSUMER_SQLITE_READER_H

#include "consumer/sqlite/sqlite_catalog.h"

struct mr_sqlite_bounds {
    size_t batch_bytes, max_value;
    int batch_rows;
};

MR_CHECK enum mr_code mr_sqlite_reader_open(const struct mr_sqlite_file *f,
                                            const struct mr_sqlite_bounds *bounds,
                                            const struct mr_stream *s, int64_t limit,
                                            struct mr_reader **ret, struct mr_error *err);
MR_CHECK enum mr_code mr_sqlite_next(struct mr_reader *r, struct mr_batch *b, enum mr_next *ret,
                                     struct mr_error *err);
void mr_sqlite_reader_close(struct mr_reader *r); /* NULL-safe */

#endif
