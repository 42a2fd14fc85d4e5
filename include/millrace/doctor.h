/*
 * doctor.h - what `millrace check` says: one finding a line, each with what puts it right.
 *
 *   mr_found(list, MR_FOUND_BAD, "rights", "mill may not read public.orders");
 *   mr_fix(list, "GRANT SELECT ON %s TO %s;", table, role);
 *
 * Ownership  a list owns its texts: mr_findings_release. { 0 } is an empty list.
 * Thread     one at a time.
 */
#ifndef MILLRACE_DOCTOR_H
#define MILLRACE_DOCTOR_H

#include "millrace/error.h"

enum mr_verdict {
    MR_FOUND_OK,
    MR_FOUND_WARN, /* a run works, but worse, later or with a risk that somebody should know */
    MR_FOUND_BAD   /* a run fails, or one of its tables does */
};

struct mr_finding {
    enum mr_verdict verdict;
    const char *check; /* which: a stable word for programs; a literal */
    char *what;        /* one short line */
    char *fix;         /* the statement, YAML or deed that puts it right; NULL: nothing to do */
};

struct mr_findings {
    int n;
    struct mr_finding *items;
};

/** mr_found - one more line. */
void mr_found(struct mr_findings *l, enum mr_verdict v, const char *check, const char *fmt, ...)
    MR_PRINTF(4, 5);
/** mr_fix - what puts the last line right; a second call adds a line to it. */
void mr_fix(struct mr_findings *l, const char *fmt, ...) MR_PRINTF(2, 3);
/** mr_found_error - an error as a finding, its advice as the fix. */
void mr_found_error(struct mr_findings *l, const char *check, const struct mr_error *err);
/** mr_findings_worst - the worst verdict of all. */
enum mr_verdict mr_findings_worst(const struct mr_findings *l);
void mr_findings_release(struct mr_findings *l);

#endif
