/* sqlite_doctor.h - what `check` says of a SQLite file. Thread: main. */
#ifndef MR_CONSUMER_SQLITE_DOCTOR_H
#define MR_CONSUMER_SQLITE_DOCTOR_H

#include "consumer/sqlite/sqlite_catalog.h"

void mr_sqlite_diagnose(const struct mr_sqlite_file *f, struct mr_stream **streams, int n,
                        struct mr_findings *out);

#endif
