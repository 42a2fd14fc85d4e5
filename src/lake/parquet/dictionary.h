/*
 * dictionary.h - the distinct values of one column chunk: probe, find or insert, index out.
 *
 *   slots[hash & mask] = index + 1, linear probing, at most half full; values in order of first sight
 *
 * Why        fixed-width values are 64-bit words; text of up to 16 bytes is hashed and compared in two registers
 * Thread     one at a time.
 */
#ifndef MR_LAKE_PARQUET_DICTIONARY_H
#define MR_LAKE_PARQUET_DICTIONARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct mr_pq_dict {
    bool off;     /* for the rest of the file */
    bool decided; /* the early look is over */
    bool is_bytes;
    uint32_t n, n_slots; /* slots: a power of two */
    uint32_t *slots;     /* index + 1; 0 free */
    uint64_t *words;     /* fixed width: the values */
    uint32_t *ends;      /* bytes: end of each value in data */
    uint32_t *hashes;    /* bytes: for growing and fast rejection */
    size_t cap;
    struct mr_buf data;
    size_t limit_bytes; /* of the encoded dictionary page */
    size_t entry_bytes; /* what an entry adds to it beside its own bytes: width, or length prefix */
    size_t bytes;       /* encoded size of the dictionary page */
    uint64_t last_word; /* shortcut for repeats */
    uint32_t last_index; /* meaningful when n > 0 */
};

void mr_pq_dict_release(struct mr_pq_dict *d);
/** mr_pq_dict_clear - no values; the tables are kept. */
void mr_pq_dict_clear(struct mr_pq_dict *d);
/** mr_pq_dict_words - indices of words[0..n); returns how many were found or inserted: fewer when it is full. */
size_t mr_pq_dict_words(struct mr_pq_dict *d, const uint64_t *words, size_t n, uint32_t *indices);
/** mr_pq_dict_bytes - index of one value; false when it is new and there is no room. */
bool mr_pq_dict_bytes(struct mr_pq_dict *d, const void *p, size_t n, uint32_t *ret);

#endif
