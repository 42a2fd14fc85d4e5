/*
 * What        a probe table for words and for bytes
 * Guarantees  at most 65,536 values and limit_bytes; growing keeps every index
 */
#include "lake/parquet/dictionary.h"

#include <string.h>

#include "base/mem.h"
#include "column/bytes_hash.h"

#define ENTRIES_MAX 65536u

void mr_pq_dict_release(struct mr_pq_dict *d)
{
    mr_free(d->slots);
    mr_free(d->words);
    mr_free(d->ends);
    mr_free(d->hashes);
    mr_buf_release(&d->data);
}

void mr_pq_dict_clear(struct mr_pq_dict *d)
{
    if (d->slots)
        memset(d->slots, 0, d->n_slots * sizeof *d->slots);
    d->n = 0;
    d->bytes = 0;
    d->data.len = 0;
}

static inline uint32_t hash_word(uint64_t w)
{
    return mr_hash_fold(w ^ 0xD6E8FEB86659FD93u, 0x9E3779B97F4A7C15u);
}

static void rehash(struct mr_pq_dict *d)
{
    d->n_slots = d->n_slots ? d->n_slots * 2 : 1024;
    mr_free(d->slots);
    d->slots = mr_zalloc(d->n_slots, sizeof *d->slots);
    for (uint32_t i = 0; i < d->n; i++) {
        uint32_t s = d->is_bytes ? d->hashes[i] : hash_word(d->words[i]);
        for (s &= d->n_slots - 1; d->slots[s]; s = (s + 1) & (d->n_slots - 1)) {
        }
        d->slots[s] = i + 1;
    }
}

/* Room in the arrays for one more entry of n bytes; false when the dictionary is full. */
static bool room(struct mr_pq_dict *d, size_t n)
{
    if (d->n >= ENTRIES_MAX || d->bytes + n + d->entry_bytes > d->limit_bytes)
        return false;
    if (d->n < d->cap)
        return true;
    d->cap = d->cap ? d->cap * 2 : 256;
    if (d->is_bytes) {
        d->ends = mr_realloc(d->ends, d->cap * sizeof *d->ends);
        d->hashes = mr_realloc(d->hashes, d->cap * sizeof *d->hashes);
    } else {
        d->words = mr_realloc(d->words, d->cap * sizeof *d->words);
    }
    return true;
}

static bool insert_word(struct mr_pq_dict *d, uint64_t w, uint32_t slot)
{
    if (!room(d, 0))
        return false;
    d->words[d->n++] = w;
    d->slots[slot] = d->n;
    d->bytes += d->entry_bytes;
    if (2 * d->n >= d->n_slots)
        rehash(d);
    return true;
}

size_t mr_pq_dict_words(struct mr_pq_dict *d, const uint64_t *words, size_t n, uint32_t *indices)
{
    uint64_t last = d->last_word;
    uint32_t last_index = d->last_index;
    bool any = d->n > 0;
    size_t i = 0;
    if (!d->slots)
        rehash(d);
    for (; i < n; i++) {
        uint64_t w = words[i];
        if (w == last && any) {
            indices[i] = last_index;
            continue;
        }
        uint32_t mask = d->n_slots - 1, s = hash_word(w) & mask, k;
        while ((k = d->slots[s]) != 0 && d->words[k - 1] != w)
            s = (s + 1) & mask;
        if (k == 0) {
            if (!insert_word(d, w, s))
                break;
            k = d->n;
            any = true;
        }
        last = w;
        indices[i] = last_index = k - 1;
    }
    d->last_word = last;
    d->last_index = last_index;
    return i;
}

bool mr_pq_dict_bytes(struct mr_pq_dict *d, const void *p, size_t n, uint32_t *ret)
{
    uint32_t hash = mr_hash_bytes(p, n), k;
    if (!d->slots)
        rehash(d);
    uint32_t mask = d->n_slots - 1, s = hash & mask;
    for (; (k = d->slots[s]) != 0; s = (s + 1) & mask) {
        uint32_t start = k > 1 ? d->ends[k - 2] : 0;
        if (d->hashes[k - 1] == hash && d->ends[k - 1] - start == n &&
            mr_same_bytes((const uint8_t *)d->data.data + start, p, n))
            break;
    }
    if (k == 0) {
        if (!room(d, n))
            return false;
        mr_buf_append(&d->data, p, n);
        d->ends[d->n] = (uint32_t)d->data.len;
        d->hashes[d->n++] = hash;
        d->slots[s] = k = d->n;
        d->bytes += n + d->entry_bytes;
        if (2 * d->n >= d->n_slots)
            rehash(d);
    }
    *ret = k - 1;
    return true;
}
