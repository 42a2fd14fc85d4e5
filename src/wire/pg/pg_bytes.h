/* pg_bytes.h - big-endian reads, and a cursor over the parts of a nested value that never leaves them. */
#ifndef MR_WIRE_PG_BYTES_H
#define MR_WIRE_PG_BYTES_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t get16(const char *p)
{
    uint16_t v;
    memcpy(&v, p, 2);
    return be16toh(v);
}

static inline uint32_t get32(const char *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return be32toh(v);
}

static inline uint64_t get64(const char *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return be64toh(v);
}

struct mr_pg_cursor {
    const char *p, *end;
};

static inline bool mr_pg_take32(struct mr_pg_cursor *c, uint32_t *ret)
{
    if (c->end - c->p < 4)
        return false;
    *ret = get32(c->p);
    c->p += 4;
    return true;
}

/* A length and so many bytes; *ret_p is NULL for NULL. */
static inline bool mr_pg_take_part(struct mr_pg_cursor *c, const char **ret_p, uint32_t *ret_n)
{
    uint32_t n;
    if (!mr_pg_take32(c, &n))
        return false;
    *ret_p = NULL;
    *ret_n = 0;
    if (n == UINT32_MAX)
        return true;
    if ((int32_t)n < 0 || (int32_t)n > c->end - c->p)
        return false;
    *ret_p = c->p;
    *ret_n = n;
    c->p += n;
    return true;
}

#define MR_PG_DIMS 6 /* of an array at most */

/* array_send: i32 dimensions, i32 flags, u32 type of the elements, then size and lower bound of each dimension. */
struct mr_pg_array_head {
    int dims;
    unsigned oid;
    int32_t size[MR_PG_DIMS], lower[MR_PG_DIMS];
    bool plain;     /* all lower bounds are 1 */
    uint32_t count; /* elements in all; each has 4 bytes at least */
};

static inline bool mr_pg_take_array(struct mr_pg_cursor *c, struct mr_pg_array_head *h)
{
    uint32_t dims, flags, v;
    if (!mr_pg_take32(c, &dims) || !mr_pg_take32(c, &flags) || !mr_pg_take32(c, &h->oid) ||
        dims > MR_PG_DIMS || flags > 1)
        return false;
    h->dims = (int)dims;
    h->plain = true;
    uint64_t count = dims > 0, most = (uint64_t)(c->end - c->p) / 4;
    for (uint32_t i = 0; i < dims; i++) {
        if (!mr_pg_take32(c, &v) || (int32_t)v < 0)
            return false;
        h->size[i] = (int32_t)v;
        count *= v;
        if (count > most || !mr_pg_take32(c, &v))
            return false;
        h->lower[i] = (int32_t)v;
        h->plain &= v == 1;
    }
    h->count = (uint32_t)count;
    if (count == 0)
        h->dims = 0;
    return true;
}

#endif
