/*
 * pg_reader.h - one partition of one heap as batches; and what the files of this kind share.
 *
 *   a partition is a range of blocks of one heap: lo = heap << 32 | first block, hi = block after the last, 0: to the end
 */
#ifndef MR_CONSUMER_PG_READER_H
#define MR_CONSUMER_PG_READER_H

#include "consumer/postgres/pg_catalog.h"
#include "millrace/consumer.h"

struct mr_consumer {
    struct mr_pg_params params;
    char *port; /* text that params points to */
    int64_t lock_timeout_us;
    struct mr_pg *holder; /* its transaction keeps the snapshot; also worker 0's connection */
    char *database;
    char snapshot[80];  /* as pg_export_snapshot said */
    bool validate_text; /* the server does not check encodings (SQL_ASCII) */
    int workers, batch_rows;
    size_t batch_bytes, max_value;
};

struct mr_consumer_worker {
    struct mr_consumer *c;
    struct mr_pg *pg;
    bool borrowed; /* the holder's connection */
};

#define PART_LO(heap, block) ((uint64_t)(heap) << 32 | (block))
#define PART_HEAP(p) ((p)->lo >> 32)
#define PART_FROM(p) ((uint32_t)(p)->lo)
#define PART_TO(p) ((p)->hi) /* 0: to the end */

MR_CHECK enum mr_code mr_pg_reader_open(struct mr_consumer_worker *w, const struct mr_stream *s,
                                        const struct mr_partition *p, int64_t limit,
                                        struct mr_reader **ret, struct mr_error *err);
MR_CHECK enum mr_code mr_pg_next(struct mr_reader *r, struct mr_batch *b, enum mr_next *ret,
                                 struct mr_error *err);
void mr_pg_reader_close(struct mr_reader *r);
/** mr_pg_guarded - a statement whose failure does not end the transaction: it runs behind a savepoint. */
MR_CHECK enum mr_code mr_pg_guarded(struct mr_pg *pg, const char *sql, struct mr_error *err);

#endif
