/*
 * rle.h - Parquet's RLE / bit-packing hybrid, for dictionary indices and definition levels.
 *
 * Shape      groups of 8, LSB first. A group of one value is an RLE run, as long as the value lasts; the others are bit-packed.
 *            So a run of 8 to 14 values may be missed, where it covers no group; one of 15 never is.
 * Source     parquet-format Encodings.md, "Run Length Encoding / Bit-Packing Hybrid"
 */
#ifndef MR_LAKE_PARQUET_RLE_H
#define MR_LAKE_PARQUET_RLE_H

#include <stdint.h>

#include "base/buf.h"

/** mr_rle_width - bits needed for values 0..max. */
int mr_rle_width(uint32_t max);
/** mr_rle_u32 - append n values of `width` bits (0..16). */
void mr_rle_u32(struct mr_buf *out, const uint32_t *v, size_t n, int width);
/** mr_rle_levels - append n levels of `width` bits (1..8). */
void mr_rle_levels(struct mr_buf *out, const uint8_t *v, size_t n, int width);
/** mr_rle_run - append one run of n equal values. */
void mr_rle_run(struct mr_buf *out, uint32_t value, size_t n, int width);

#endif
