"""ColumnIndex and OffsetIndex of a Parquet file, by a Thrift compact reader that shares nothing with the writer under test."""

import struct


class Thrift:
    """Structs as {field id: value}; binaries as bytes."""

    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def varint(self):
        value = shift = 0
        while True:
            b = self.byte()
            value |= (b & 0x7F) << shift
            if b < 0x80:
                return value
            shift += 7

    def zigzag(self):
        v = self.varint()
        return v >> 1 ^ -(v & 1)

    def value(self, kind, in_list=False):
        if kind in (1, 2):
            return self.byte() == 1 if in_list else kind == 1
        if kind == 3:
            return self.byte()
        if kind in (4, 5, 6):
            return self.zigzag()
        if kind == 8:
            n = self.varint()
            self.at += n
            return self.data[self.at - n:self.at]
        if kind == 9:
            head = self.byte()
            n = head >> 4 if head >> 4 != 15 else self.varint()
            return [self.value(head & 15, True) for _ in range(n)]
        assert kind == 12, kind
        return self.struct()

    def struct(self):
        fields, last = {}, 0
        while True:
            head = self.byte()
            if head == 0:
                return fields
            last = last + (head >> 4) if head >> 4 else self.zigzag()
            fields[last] = self.value(head & 15)


def chunks(path):
    """One dict per column chunk: name, physical type, pages as (rows, nulls, is_null, min, max), order; [] without an index."""
    data = path.read_bytes()
    n, = struct.unpack("<I", data[-8:-4])
    footer = Thrift(data[-8 - n:-8]).struct()
    logical = {e[4].decode(): e for e in footer[2]}
    for g, group in enumerate(footer[4]):
        for chunk in group[1]:
            meta = chunk[3]
            name = meta[3][0].decode()
            out = {"group": g, "name": name, "type": meta[1], "converted": logical[name].get(6), "scale": logical[name].get(7, 0),
                   "bloom": (meta.get(14), meta.get(15)), "has": (6 in chunk, 4 in chunk), "pages": [], "order": None, "rows": group[3]}
            if 4 in chunk:
                where = Thrift(data[chunk[4]:chunk[4] + chunk[5]])
                places = where.struct()[1]
                assert where.at == chunk[5], "the offset index is as long as the footer says"
                out["pages"] = [page(data, meta, p, nxt, group[3]) for p, nxt in zip(places, places[1:] + [None])]
                assert places[0][1] == meta[9], "the first page is where the footer says"
                assert places[-1][1] + places[-1][2] == meta.get(11, meta[9]) + meta[7], "the last page ends where the chunk ends"
            if 6 in chunk:
                index = Thrift(data[chunk[6]:chunk[6] + chunk[7]])
                fields = index.struct()
                assert index.at == chunk[7], "the column index is as long as the footer says"
                assert [len(fields[k]) for k in (1, 2, 3, 5)] == [len(out["pages"])] * 4
                for p, null, lo, hi, nulls in zip(out["pages"], fields[1], fields[2], fields[3], fields[5]):
                    p.update(null=null, lo=lo, hi=hi, nulls=nulls)
                out["order"] = ("unordered", "ascending", "descending")[fields[4]]
                out["at"] = (chunk[6], chunk[7])
            yield out


def page(data, meta, place, following, group_rows):
    """A PageLocation, and what stands where it points: a data page of that size."""
    header = Thrift(data[place[1]:place[1] + place[2]])
    fields = header.struct()
    assert fields[1] == 0, "a data page"
    assert header.at + fields[3] == place[2], "its size with its header"
    return {"first": place[3], "rows": (following[3] if following else group_rows) - place[3], "values": fields[5][1]}


def decode(chunk, raw):
    """A bound as a Python value that compares like the column's values."""
    kind = chunk["type"]
    if kind in (1, 2):
        v = struct.unpack("<i" if kind == 1 else "<q", raw)[0]
    elif kind in (4, 5):
        return struct.unpack("<f" if kind == 4 else "<d", raw)[0]
    elif kind == 7:
        v = int.from_bytes(raw, "big", signed=True)
    else:
        return raw
    return v
