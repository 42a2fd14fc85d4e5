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
    if pa.types.is_nested(kind):
        return lambda v: text_words(canonical(kind, v))
    raise TypeError(kind)


def text_words(data):
    return [(xxhash.xxh3_64_intdigest(data), 2 * len(data) + 1)]


def canonical(kind, value):
    """The canonical bytes of a raw value, at any depth."""
    if value is None:
        return b"\0"
    if pa.types.is_map(kind):
        pairs = [canonical(kind.key_type, k) + canonical(kind.item_type, v) for k, v in value]
        return b"\1" + struct.pack("<I", len(value)) + b"".join(pairs)
    if pa.types.is_struct(kind):
        return b"\1" + b"".join(canonical(f.type, value[f.name]) for f in kind)
    if pa.types.is_nested(kind):
        return b"\1" + struct.pack("<I", len(value)) + b"".join(canonical(kind.value_type, v) for v in value)
    if isinstance(value, (str, bytes)):
        data = value.encode() if isinstance(value, str) else value
        return b"\1" + struct.pack("<I", len(data)) + data
    return b"\1" + b"".join(word.to_bytes(8, "little")[:min(8, tag // 2)] for word, tag in cell_words(kind)(value))


def raw_type(kind):
    """Dates and timestamps as their integers, so that no range is lost."""
    if pa.types.is_date32(kind):
        return pa.int32()
    if pa.types.is_timestamp(kind):
        return pa.int64()
    if pa.types.is_map(kind):
        return pa.map_(raw_type(kind.key_type), raw_type(kind.item_type))
    if pa.types.is_struct(kind):
        return pa.struct([f.with_type(raw_type(f.type)) for f in kind])
    if pa.types.is_nested(kind):
        return pa.list_(raw_type(kind.value_type))
    return kind


def raw_values(column):
    return column.cast(raw_type(column.type)).to_pylist()


def checksum(table):
    """Of a table as millrace lands it; where `_rescued` is NULL, it is left out."""
    columns = [(cell_words(c.type), raw_values(c), name == "_rescued") for name, c in zip(table.column_names, table.columns)]
    total = 0
    for r in range(table.num_rows):
        s = (K_LO, K_HI)
        for words, values, rescued in columns:
            if rescued and values[r] is None:
                continue
            for word, tag in NULL if values[r] is None else words(values[r]):
                s = mix(s, word, tag)
        s = mix(s, 0, 0)
        total = (total + (s[1] << 64) + s[0]) & ((1 << 128) - 1)
    return "mr1:%032x" % total
