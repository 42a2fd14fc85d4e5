/*
 * timeutil.h - clocks and calendar. Time inside is int64 microseconds, UTC; the TZ variable is never looked at.
 *
 * Source  proleptic Gregorian calendar; H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".
 */
#ifndef MR_BASE_TIMEUTIL_H
#define MR_BASE_TIMEUTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int64_t mr_now_us(void);     /* wall clock */
int64_t mr_mono_us(void);    /* for durations */
double mr_cpu_seconds(void); /* user + system of this process */

/** mr_days_from_civil - days since 1970-01-01; year may be <= 0 (0 = 1 BC). */
int64_t mr_days_from_civil(int64_t year, int month, int day);
void mr_civil_from_days(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day);
/** mr_date_valid - true for a real calendar day. */
bool mr_date_valid(int64_t year, int month, int day);

#define MR_TIME_TEXT 40
/** mr_time_iso - "2026-11-22T10:00:00.123456Z" (always 6 digits). buf has MR_TIME_TEXT bytes; returns buf. */
char *mr_time_iso(int64_t us, char *buf);
/** mr_time_log - "2026-11-22T10:00:00.123Z". */
char *mr_time_log(int64_t us, char *buf);
/** mr_time_parse - "2026-11-22", "2026-11-22 10:00:00[.ffffff]", with T, with Z or +hh[:mm]; no zone means UTC. */
bool mr_time_parse(const char *s, size_t n, int64_t *ret_us);

#endif
