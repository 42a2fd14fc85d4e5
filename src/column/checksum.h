/*
 * checksum.h - mr1: one 128-bit number for a set of rows, whatever their order and batching.
 *
 *   row hash = mix over the columns of (null flag, length, value); checksum = sum of the row hashes mod 2^128.
 *
 * Thread     any; one mr_checksum per thread, added up at the end.
 * Source     docs/checksum.md has the function and the test vectors; tests hold an independent implementation.
 */
#ifndef MR_COLUMN_CHECKSUM_H
#define MR_COLUMN_CHECKSUM_H

#include "millrace/batch.h"

struct mr_checksum {
    uint64_t sum[2]; /* low, high */
    int64_t n_rows;
};

/** mr_checksum_add - add all rows of b. { 0 } is the checksum of nothing. */
void mr_checksum_add(struct mr_checksum *c, const struct mr_batch *b);
/** mr_checksum_merge - sum += other, mod 2^128. */
void mr_checksum_merge(uint64_t sum[2], const uint64_t other[2]);
#define MR_CHECKSUM_TEXT 40
/** mr_checksum_text - "mr1:" and 32 lower-case hex digits. Returns buf. */
char *mr_checksum_text(const uint64_t sum[2], char *buf);
/** mr_checksum_parse - the inverse; false when it is not that. */
bool mr_checksum_parse(const char *s, uint64_t ret[2]);

#endif
