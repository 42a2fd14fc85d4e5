/* consumer_sqlite.h - tables of a SQLite file: one connection, one read transaction per run. */
#ifndef MR_CONSUMER_SQLITE_H
#define MR_CONSUMER_SQLITE_H

#include "millrace/consumer.h"

extern const struct mr_consumer_type mr_consumer_sqlite;

#endif
