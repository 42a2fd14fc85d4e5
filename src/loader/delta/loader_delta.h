/* loader_delta.h - the lake: Parquet files and a Delta log on a store. Atomic. */
#ifndef MR_LOADER_DELTA_H
#define MR_LOADER_DELTA_H

#include "millrace/loader.h"

extern const struct mr_loader_type mr_loader_delta;

#endif
