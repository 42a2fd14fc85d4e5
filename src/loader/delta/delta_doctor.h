/* delta_doctor.h - what `check` says of the folder of a lake. Thread: main. */
#ifndef MR_LOADER_DELTA_DOCTOR_H
#define MR_LOADER_DELTA_DOCTOR_H

#include <stdint.h>

#include "millrace/doctor.h"

/** mr_delta_diagnose - tries, in the lake or the nearest folder above that exists, what a commit needs; leaves nothing. */
void mr_delta_diagnose(const char *lake, int64_t source_bytes, struct mr_findings *out);

#endif
