"""Files of encoded columns: what pyarrow reads is what src/lake/parquet/encoded_test.c was told to write."""

import os
import subprocess

import pyarrow.parquet as pq
import pytest
from conftest import BINARY

BATCH = 3000
# name: batches, distinct values per batch, step of the values from batch to batch, every n-th is NULL, bytes behind each value
SHAPES = {
    "few": (5, 7, 2, 13, 0),
    "pages": (9, 300, 150, 5, 3),
    "groups": (9, 40, 11, 2, 0),
    "outgrown": (9, 900, 900, 7, 20),
    "outgrown_long": (3, 90, 90, 0, 900),
    "outgrown_plain": (9, 900, 900, 7, 20),
    "looked_at": (4, 1900, 1900, 0, 0),
    "off": (4, 50, 3, 4, 0),
    "blooms": (6, 64, 9, 3, 6),
    "nulls": (3, 1, 1, 1, 0),
}


def value(k, pad):
    return ("" if k == 0 else f"{['it' + chr(39) + 's', chr(34) + 'q' + chr(34), chr(0x1F600), 'plain'][k % 4]} {k}") + "." * pad


def rows(batches, distinct, step, null_every, pad):
    for i in range(batches):
        for r in range(BATCH):
            k = (BATCH - r if i % 2 else r) * 7 % distinct + i * step
            if r % 10 != 9:
                yield i * BATCH + r, None if null_every and r % null_every == 0 else value(k, pad)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("encoded")
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP")
    subprocess.run([str(BINARY.parent / "test_encoded"), str(folder)], env=env, check=True, capture_output=True, timeout=120)
    assert sorted(p.stem for p in folder.iterdir()) == sorted(SHAPES)
    return folder


@pytest.mark.parametrize("name", SHAPES)
def test_values(folder, name):
    path = folder / f"{name}.parquet"
    want = list(rows(*SHAPES[name]))
    got = pq.read_table(path)
    assert got.column("id").to_pylist() == [w[0] for w in want]
    assert got.column("label").to_pylist() == [w[1] for w in want]
    assert got.column("blob").to_pylist() == [None if w[1] is None else w[1].encode() for w in want]
    meta = pq.ParquetFile(path).metadata
    start = 0
    for g in range(meta.num_row_groups):
        group, chunk = meta.row_group(g), meta.row_group(g).column(1)
        labels = [w[1] for w in want[start:start + group.num_rows]]
        start += group.num_rows
        assert chunk.statistics.null_count == labels.count(None)
        there = sorted((x for x in labels if x is not None), key=lambda x: x.encode())
        if there and len(there[-1]) < 60:
            assert (chunk.statistics.min, chunk.statistics.max) == (there[0], there[-1])


def test_the_shapes_do_what_they_are_for(folder):
    def chunk(name):
        return pq.ParquetFile(folder / f"{name}.parquet").metadata.row_group(0).column(1)
    assert chunk("few").has_dictionary_page and "DELTA_LENGTH_BYTE_ARRAY" not in chunk("few").encodings
    assert pq.ParquetFile(folder / "groups.parquet").metadata.num_row_groups > 3
    for name in ("outgrown", "outgrown_long"):
        assert chunk(name).has_dictionary_page and "DELTA_LENGTH_BYTE_ARRAY" in chunk(name).encodings
    assert chunk("outgrown_plain").has_dictionary_page and "PLAIN" in chunk("outgrown_plain").encodings
    assert not chunk("off").has_dictionary_page
