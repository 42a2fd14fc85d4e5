/*
 * pg_doctor.h - what `check` says of a PostgreSQL server beyond what connecting and discovering have said.
 *
 * Thread     main. The connection is in no transaction, before and after.
 */
#ifndef MR_CONSUMER_PG_DOCTOR_H
#define MR_CONSUMER_PG_DOCTOR_H

#include "millrace/consumer.h"
#include "wire/pg/pg_conn.h"

struct pg_patient {
    struct mr_pg *pg;
    const struct mr_pg_params *params; /* for a second connection, which is closed again */
    int workers;
};

/** mr_pg_diagnose - findings on connection, server, role and tables; sends statements that read catalogs only. */
void mr_pg_diagnose(const struct pg_patient *p, struct mr_stream **streams, int n,
                    struct mr_findings *out);
/** mr_pg_diagnose_tables - the part on tables: statistics, locks. */
void mr_pg_diagnose_tables(const struct pg_patient *p, struct mr_stream **streams, int n,
                           struct mr_findings *out);

#endif
