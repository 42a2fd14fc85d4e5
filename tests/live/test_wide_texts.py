"""Many columns of short text that hardly come twice in a batch: what their dictionaries take is inside `memory:` too."""

import shutil

import pytest

from conftest import SANITIZED

TABLES, COLUMNS, ROWS = 8, 146, 9000
# Three letters. Of 2,040 distinct values: as many as a batch has rows; or each in eight rows that follow each other.
KINDS = {"many": "i % 2040", "eighths": "i / 8"}


def made(kind, n):
    values = ", ".join(f"chr(33 + ({n}) % 45) || chr(33 + ({n}) / 45) || chr({33 + k % 90})" for k in range(COLUMNS))
    return (f"CREATE TABLE {kind}0 (id int, {', '.join(f'c{k} text' for k in range(COLUMNS))});"
            f"INSERT INTO {kind}0 SELECT i, {values} FROM generate_series(1, {ROWS}) i;"
            + "".join(f"CREATE TABLE {kind}{k} AS TABLE {kind}0;" for k in range(1, TABLES)))


@pytest.fixture(scope="module")
def wide(postgres):
    return postgres.database("wide_texts", "".join(made(kind, n) for kind, n in KINDS.items()))


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's memory is not the program's")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mb, workers", [(110, 3), (110, 6)])
def test_wide_text_stays_inside_memory(project, wide, kind, mb, workers):
    project.pipeline(wide, extra=f"memory: {mb}MB\n",
                     consumer=f"  tables: [{', '.join(f'public.{kind}{k}' for k in range(TABLES))}]\n  workers: {workers}\n")
    peaks = []
    for _ in range(4):  # how many lanes are in their first batches at once is chance
        shutil.rmtree(project.lake, ignore_errors=True)
        report = project.run().report
        assert report["rows"] == TABLES * ROWS
        peaks.append(report["peak_memory_bytes"])
    assert max(peaks) <= mb * 1_000_000
