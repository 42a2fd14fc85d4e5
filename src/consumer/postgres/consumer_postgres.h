/* consumer_postgres.h - tables, partitioned tables and materialised views of a PostgreSQL database, read in one snapshot. */
#ifndef MR_CONSUMER_POSTGRES_H
#define MR_CONSUMER_POSTGRES_H

#include "millrace/consumer.h"

extern const struct mr_consumer_type mr_consumer_postgres;

#endif
