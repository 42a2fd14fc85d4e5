/*
 * error.h - result codes, the error a caller keeps on its stack, and the one table of error ids.
 *
 *   mr_fail(err, MR_ID_SPEC01, "unknown key '%s'", k) ──▶ err {id, code, action, message}  ──▶ returns code
 *
 * Ownership  struct mr_error is plain memory; nothing to free.
 * Thread     a struct mr_error belongs to one thread at a time.
 * Rule       rooms return errors, they never print them; the runner or the command line logs each once.
 */
#ifndef MILLRACE_ERROR_H
#define MILLRACE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

#define MR_CHECK __attribute__((warn_unused_result))
#define MR_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

enum mr_code {
    MR_OK = 0,
    MR_E_USAGE,    /* the command line is wrong */
    MR_E_CONFIG,   /* a pipeline or project file is wrong */
    MR_E_IO,       /* disk or store */
    MR_E_NET,      /* connection lost or refused */
    MR_E_SOURCE,   /* the source answered with an error */
    MR_E_SCHEMA,   /* a type or a name that cannot land */
    MR_E_VALUE,    /* a value that cannot land */
    MR_E_CONFLICT, /* another writer was faster; reread and try again */
    MR_E_FENCED,   /* another run of this pipeline committed meanwhile */
    MR_E_EXISTS,   /* put-if-absent found something */
    MR_E_NOT_FOUND,
    MR_E_LOCKED,      /* another run holds the pipeline */
    MR_E_MEMORY,      /* the memory budget does not suffice */
    MR_E_CORRUPT,     /* bytes that do not parse */
    MR_E_UNSUPPORTED, /* known, and not built or not allowed */
    MR_E_CANCELLED,   /* a signal asked the run to end */
    MR_E_TIMEOUT,
    MR_E_SQL, /* a query of the user is wrong */
    MR_E_BUG
};

/* What the runner does about an error; it switches on this, never on text. */
enum mr_action { MR_ACT_STOP_STREAM = 0, MR_ACT_RETRY, MR_ACT_STOP_RUN, MR_ACT_BUG };

/* One row per error id of errors.def: MR_ID_SPEC01 is printed as "MR-E-SPEC01". */
enum mr_error_id {
    MR_ID_NONE = 0,
#define MR_ERROR(id, code, action, title, help) MR_ID_##id,
#include "millrace/errors.def"
#undef MR_ERROR
    MR_ID_COUNT
};

struct mr_error_info {
    const char *name; /* "MR-E-SPEC01" */
    enum mr_code code;
    enum mr_action action;
    const char *title; /* a few words */
    const char *help;  /* what it means and what to do, for `help errors CODE` */
};

struct mr_error {
    enum mr_error_id id;
    enum mr_code code;
    enum mr_action action;
    char origin[16];    /* SQLSTATE, HTTP status, errno name; "" when none */
    char where[256];    /* file:line:column, or stream and column; "" when none */
    char message[1200]; /* what was asked, what came */
    char advice[600];   /* what to do next; "" when the message says it */
};

/**
 * mr_fail - fill *err from the table row of `id` and a message; clears where, origin, advice.
 *
 * Returns  the row's code (never MR_OK), so that `return mr_fail(...)` works.
 * Errors   err may be NULL: only the code is returned.
 * Thread   any.
 */
enum mr_code mr_fail(struct mr_error *err, enum mr_error_id id, const char *fmt, ...)
    MR_PRINTF(3, 4);

/** mr_fail_errno - as mr_fail, with ": <strerror>" appended and origin set to errno's name. */
enum mr_code mr_fail_errno(struct mr_error *err, enum mr_error_id id, int errnum, const char *fmt,
                           ...) MR_PRINTF(4, 5);

/** mr_error_advise - say what to do next. Returns err->code, so that it can end a return. */
enum mr_code mr_error_advise(struct mr_error *err, const char *fmt, ...) MR_PRINTF(2, 3);

/** mr_error_at - say where (file:line:column, table.column). Returns err->code. */
enum mr_code mr_error_at(struct mr_error *err, const char *fmt, ...) MR_PRINTF(2, 3);

/** mr_error_prefix - put context in front of the message. Returns err->code. */
enum mr_code mr_error_prefix(struct mr_error *err, const char *fmt, ...) MR_PRINTF(2, 3);

/** mr_error_clear - make *err say nothing (code MR_OK). */
void mr_error_clear(struct mr_error *err);

/** mr_error_lookup - the table row of an id; NULL for MR_ID_NONE and out of range. */
const struct mr_error_info *mr_error_lookup(enum mr_error_id id);

/** mr_error_find - the id of "MR-E-SPEC01" or "spec01"; MR_ID_NONE when unknown. */
enum mr_error_id mr_error_find(const char *name);

/* Leave the function through `out` with code rc, when a call fails. */
#define MR_TRY(expr)                                                                               \
    do {                                                                                           \
        if ((rc = (expr)) != MR_OK)                                                                \
            goto out;                                                                              \
    } while (0)

#endif
