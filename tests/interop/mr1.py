"""mr1 over a pyarrow table, written from docs/checksum.md and from nothing else."""

import decimal
import struct

import pyarrow as pa
import xxhash

M64 = (1 << 64) - 1
K_LO, K_HI, K_TAG = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0xD6E8FEB86659FD93
NULL = [(0, 0)]


def mix(state, word, tag):
    a = state[0] ^ word
    b = (state[1] + tag * K_TAG + K_HI) & M64
    p = a * (b | 1)
    rot = ((a << 23) | (a >> 41)) & M64
    return ((p & M64) + b) & M64, (p >> 64) ^ rot


def fixed(value, size):
    return [(value & ((1 << (8 * size)) - 1), 2 * size + 1)]


def cell_words(kind):
    """A function from a raw value (never None) to the words that are mixed."""
    if pa.types.is_boolean(kind):
        return lambda v: [(int(v), 3)]
    if pa.types.is_integer(kind):
        return lambda v: fixed(v, kind.bit_width // 8)
    if pa.types.is_float32(kind):
        return lambda v: [(struct.unpack("<I", struct.pack("<f", v))[0], 9)]
    if pa.types.is_float64(kind):
        return lambda v: [(struct.unpack("<Q", struct.pack("<d", v))[0], 17)]
    if pa.types.is_date32(kind):
        return lambda v: fixed(v, 4)
    if pa.types.is_timestamp(kind):
        assert kind.unit == "us"
        return lambda v: fixed(v, 8)
    if pa.types.is_decimal(kind):
        context = decimal.Context(prec=80)

        def words(v):
            unscaled = int(v.scaleb(kind.scale, context))
            if kind.precision <= 18:
                return fixed(unscaled, 8)
            unscaled &= (1 << 128) - 1
            return [(unscaled & M64, 33), (unscaled >> 64, 33)]

        return words
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return lambda v: text_words(v.encode())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return text_words
    raise TypeError(kind)


def text_words(data):
    return [(xxhash.xxh3_64_intdigest(data), 2 * len(data) + 1)]


def raw_values(column):
    """Python values; dates and timestamps as their integers, so that no range is lost."""
    kind = column.type
    if pa.types.is_date32(kind):
        column = column.cast(pa.int32())
    elif pa.types.is_timestamp(kind):
        column = column.cast(pa.int64())
    return column.to_pylist()


def checksum(table):
    columns = [(cell_words(c.type), raw_values(c)) for c in table.columns]
    total = 0
    for r in range(table.num_rows):
        s = (K_LO, K_HI)
        for words, values in columns:
            for word, tag in NULL if values[r] is None else words(values[r]):
                s = mix(s, word, tag)
        s = mix(s, 0, 0)
        total = (total + (s[1] << 64) + s[0]) & ((1 << 128) - 1)
    return "mr1:%032x" % total
