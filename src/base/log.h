/*
 * log.h - log lines on stderr, text or JSON; secrets that were registered never appear in them.
 *
 *   2026-11-22T10:00:00.123Z info  shop 01J... orders  committed version=3 rows=10
 *   {"ts":"...","level":"info","pipeline":"shop","run":"01J...","stream":"orders","message":"committed","version":"3"}
 *
 * Thread     any; a line is written by one write(2).
 */
#ifndef MR_BASE_LOG_H
#define MR_BASE_LOG_H

#include <stdbool.h>

#include "base/buf.h"
#include "millrace/error.h"

enum mr_log_level { MR_LOG_ERROR, MR_LOG_WARN, MR_LOG_INFO, MR_LOG_DEBUG };
enum mr_log_format { MR_LOG_TEXT, MR_LOG_JSON };

void mr_log_setup(enum mr_log_level least, enum mr_log_format format);
/** mr_log_context - pipeline and run of the following lines; NULL for none; copied. */
void mr_log_context(const char *pipeline, const char *run);
/** mr_log - one line. `message` is a constant; `kv` is a printf format that gives "key=value key=value" or "". */
void mr_log(enum mr_log_level level, const char *stream, const char *message, const char *kv, ...)
    MR_PRINTF(4, 5);
/** mr_log_error - one line for an error, with its code, place and advice. */
void mr_log_error(enum mr_log_level level, const char *stream, const struct mr_error *err);

/**
 * mr_secret_add - from now on this text is replaced by *** in the texts of logs and wherever mr_redact is called; one of fewer
 * than 8 bytes where it is no part of a longer word.
 */
void mr_secret_add(const char *secret);
/** mr_redact - replace every registered secret (also percent-encoded, and escaped as in JSON) in b, a text of others: no numbers,
 *  no finished JSON. */
void mr_redact(struct mr_buf *b);
/** mr_redacted - a formatted text without secrets; mr_free. */
char *mr_redacted(const char *fmt, va_list ap) MR_PRINTF(1, 0);
/** mr_redact_error - the same for every text of err. */
void mr_redact_error(struct mr_error *err);
/** mr_log_lock, _unlock - hold back log lines while a progress bar is drawn. */
void mr_log_lock(void);
void mr_log_unlock(void);

#endif
