/*
 * pg_text.h - a value's bytes as the text that the server itself would print.
 *
 *   session    TimeZone UTC, DateStyle ISO, IntervalStyle postgres, extra_float_digits 1, bytea_output hex
 *
 * Errors     false: the bytes are no such value.
 * Thread     any.
 * Source     the *_out functions of PostgreSQL src/backend/utils/adt; EncodeInterval of datetime.c
 */
#ifndef MR_WIRE_PG_TEXT_H
#define MR_WIRE_PG_TEXT_H

#include "base/buf.h"
#include "wire/pg/pg_type.h"

/** mr_pg_cast_text - as `value::text` gives it. */
MR_CHECK bool mr_pg_cast_text(const struct mr_pg_type *t, const char *p, size_t n,
                              struct mr_buf *out);
/** mr_pg_out_text - as it stands within arrays and composites, which is not always the same: `t` for true. */
MR_CHECK bool mr_pg_out_text(const struct mr_pg_type *t, const char *p, size_t n,
                             struct mr_buf *out);

/** mr_pg_put_hex - bytes in lower-case hex. */
void mr_pg_put_hex(const char *p, size_t n, struct mr_buf *out);

/* What lands as text is written by these, and by mr_pg_cast_text. */
MR_CHECK bool mr_pg_time_text(const struct mr_pg_type *t, const char *p, size_t n,
                              struct mr_buf *out);
/** mr_pg_interval_iso - "P14M3DT4H5M6.789S": months, days and microseconds apart, each with its sign; "PT0S". */
MR_CHECK bool mr_pg_interval_iso(const struct mr_pg_type *t, const char *p, size_t n,
                                 struct mr_buf *out);
MR_CHECK bool mr_pg_numeric_text(const struct mr_pg_type *t, const char *p, size_t n,
                                 struct mr_buf *out);
/* Within pg_text_*.c. */
MR_CHECK bool mr_pg_array_text(const struct mr_pg_type *t, const char *p, size_t n,
                               struct mr_buf *out);
MR_CHECK bool mr_pg_record_text(const struct mr_pg_type *t, const char *p, size_t n,
                                struct mr_buf *out);
MR_CHECK bool mr_pg_hstore_text(const struct mr_pg_type *t, const char *p, size_t n,
                                struct mr_buf *out);
MR_CHECK bool mr_pg_inet_text(const struct mr_pg_type *t, const char *p, size_t n,
                              struct mr_buf *out);
MR_CHECK bool mr_pg_cidr_text(const struct mr_pg_type *t, const char *p, size_t n,
                              struct mr_buf *out);
MR_CHECK bool mr_pg_macaddr_text(const struct mr_pg_type *t, const char *p, size_t n,
                                 struct mr_buf *out);
MR_CHECK bool mr_pg_bit_text(const struct mr_pg_type *t, const char *p, size_t n,
                             struct mr_buf *out);
MR_CHECK bool mr_pg_uuid_text(const struct mr_pg_type *t, const char *p, size_t n,
                              struct mr_buf *out);
MR_CHECK bool mr_pg_money_text(const struct mr_pg_type *t, const char *p, size_t n,
                               struct mr_buf *out);
MR_CHECK bool mr_pg_date_text(const struct mr_pg_type *t, const char *p, size_t n,
                              struct mr_buf *out);
MR_CHECK bool mr_pg_timestamp_text(const struct mr_pg_type *t, const char *p, size_t n,
                                   struct mr_buf *out);
MR_CHECK bool mr_pg_interval_text(const struct mr_pg_type *t, const char *p, size_t n,
                                  struct mr_buf *out);

#endif
