/*
 * delta_pack.h - DELTA_BINARY_PACKED: blocks of 128 differences in 4 miniblocks, each bit-packed at its own width.
 *
 *   varint 128, varint 4, varint n, zigzag first | per block: zigzag least difference, 4 widths, 4 x 32 packed
 *
 * Source     parquet-format Encodings.md; differences wrap in the width of the type
 */
#ifndef MR_LAKE_PARQUET_DELTA_PACK_H
#define MR_LAKE_PARQUET_DELTA_PACK_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/** mr_delta_i32, _i64 - append n >= 1 values. v need not be aligned. */
void mr_delta_i32(struct mr_buf *out, const void *v, size_t n);
void mr_delta_i64(struct mr_buf *out, const void *v, size_t n);

#endif
