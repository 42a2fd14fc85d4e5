"""Values that do not fit: rescued beside their row, counted, named, or the end of their table."""

import json
import re
import sqlite3

import deltalake
import jsonschema
import mr1
import pyarrow.parquet as pq
import pytest
from conftest import ROOT, SANITIZED, memory

SCHEMA = json.loads((ROOT / "docs/reference/report.schema.json").read_text())


@pytest.fixture
def lite(tmp_path):
    db = sqlite3.connect(tmp_path / "s.db")
    yield db, tmp_path / "s.db"
    db.close()


def run(project, *args, **kw):
    result = project.run("shop.yml", *args, **kw)
    jsonschema.validate(result.report, SCHEMA)
    return result


def orders(db, rows):
    db.executescript("CREATE TABLE orders (id INTEGER PRIMARY KEY, total DECIMAL(6,2), day DATE, note TEXT)")
    db.executemany("INSERT INTO orders VALUES (?,?,?,?)", rows)
    db.commit()


def test_rescued_beside_its_row(project, lite):
    """Every text comes back through a JSON parser of others, and all other cells are what they were."""
    db, path = lite
    texts = ["12 \"quoted\" \\ \n\t\x01 \x7f", "é 漢 🦉", "9" * 300 + "x", "", "1.2.3"]
    rows = [(i, f"{i}.25", "2026-01-02", f"n{i}") for i in range(1, 3001)]
    for k, text in enumerate(texts):
        rows[k * 500 + 7] = (rows[k * 500 + 7][0], text, "2026-13-99" if k % 2 else "2026-01-03", None)
    orders(db, rows)
    project.pipeline(path)
    report = run(project).stream("orders")
    got = project.rows("shop/orders")
    assert got.column_names == ["id", "total", "day", "note", "_rescued"]
    by_id = {r["id"]: r for r in got.to_pylist()}
    for k, text in enumerate(texts):
        r = by_id[k * 500 + 8]
        want = {"total": text}
        if k % 2:
            want["day"] = "2026-13-99"
        assert list(json.loads(r["_rescued"]).items()) == list(want.items())
        assert r["total"] is None and (r["day"] is None) == bool(k % 2)
    assert sum(r["_rescued"] is not None for r in by_id.values()) == len(texts)
    bad = {b["column"]: b for b in report["bad_values"]}
    assert bad["total"] == {"column": "total", "policy": "rescue", "count": 5, "samples": [f"id={k * 500 + 8}" for k in range(5)]}
    assert bad["day"]["count"] == 2 and [b["column"] for b in report["bad_values"]] == ["total", "day"]
    assert report["checksum"] == mr1.checksum(got)
    assert report["checksum"] != mr1.checksum(got.drop_columns("_rescued")), "the control: what was rescued counts"


def test_only_the_files_that_need_it_have_the_column(project, lite):
    """20,000 good rows lie in a file without it; the checksum of a table where nothing was rescued is as ever."""
    db, path = lite
    orders(db, [(i, "1.25", "2026-01-02", "x" * 50) for i in range(1, 20001)] + [(20001, "no", None, None)])
    project.pipeline(path, extra=memory(26))
    run(project)
    names = {tuple(pq.ParquetFile(f).schema_arrow.names) for f in (project.lake / "shop/orders").glob("*.parquet")}
    assert names == {("id", "total", "day", "note"), ("id", "total", "day", "note", "_rescued")}
    assert project.rows("shop/orders").num_rows == 20001
    assert project.millrace("sql", "-c", "SELECT count(*), count(_rescued), max(total) FROM shop.orders", "--format", "csv").out.split()[-1] == "20001,1,1.25"


def test_once_there_it_stays(project, lite):
    db, path = lite
    orders(db, [(1, "no", None, None)])
    project.pipeline(path)
    run(project)
    db.execute("UPDATE orders SET total = '3.50'")
    db.commit()
    report = run(project).stream("orders")
    assert report["bad_values"] == [] and report["schema_changes"] == []
    assert project.rows("shop/orders").to_pylist() == [{"id": 1, "total": __import__("decimal").Decimal("3.50"), "day": None, "note": None, "_rescued": None}]
    assert run(project).report["status"] == "unchanged"
    assert project.millrace("sql", "-c", "SELECT _rescued IS NULL, total FROM shop.orders", "--format", "csv").out.split()[-1] == "true,3.50"


@pytest.mark.parametrize("write", ["overwrite", "append"])
def test_it_comes_into_a_table_that_is_there(project, lite, write):
    db, path = lite
    orders(db, [(1, "1.00", None, None)])
    project.pipeline(path, loader=f"  write: {write}\n")
    run(project)
    before = deltalake.DeltaTable(str(project.lake / "shop/orders")).version()
    db.execute("INSERT INTO orders VALUES (2, 'no', NULL, NULL)")
    db.commit()
    report = run(project).stream("orders")
    assert report["delta_version"] == before + 1, "the column and the rows are one commit"
    assert report["schema_changes"] == [{"change": "column_added", "column": "_rescued", "to": "string"}]
    got = sorted((r["id"], r["_rescued"]) for r in project.rows("shop/orders").to_pylist())
    assert got == ([(1, None), (2, '{"total":"no"}')] if write == "overwrite" else [(1, None), (1, None), (2, '{"total":"no"}')])
    assert project.rows("shop/orders", version=before).column_names == ["id", "total", "day", "note"]


def test_a_source_column_of_that_name(project, lite):
    db, path = lite
    db.executescript("CREATE TABLE t (id INTEGER, _rescued TEXT, n INTEGER); INSERT INTO t VALUES (1, 'mine', 'x')")
    db.commit()
    project.pipeline(path)
    report = run(project).stream("t")
    assert report["renames"] == [{"from": "_rescued", "to": "_rescued_2"}]
    assert project.rows("shop/t").to_pylist() == [{"id": 1, "_rescued_2": "mine", "n": None, "_rescued": '{"n":"x"}'}]


def test_counts_of_millions_cost_no_memory(project, lite):
    db, path = lite
    db.execute("CREATE TABLE t (a INTEGER, b INTEGER, n INTEGER, m INTEGER, PRIMARY KEY (b, a))")
    db.execute("WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 400000) INSERT INTO t SELECT i, 1, 'x' || i, 'y' FROM s")
    db.commit()
    project.pipeline(path, extra=memory(32))
    report = run(project).report
    assert SANITIZED or report["peak_memory_bytes"] < 32_000_000 * 1.1
    bad = report["streams"][0]["bad_values"]
    assert [(b["column"], b["count"]) for b in bad] == [("n", 400000), ("m", 400000)]
    assert bad[0]["samples"] == [f"b=1, a={i}" for i in range(1, 6)]


def test_rows_without_a_key_are_numbered(project, lite):
    db, path = lite
    db.executescript("CREATE TABLE t (n INTEGER)")
    db.executemany("INSERT INTO t VALUES (?)", [("x",) if i in (3, 5000) else (i,) for i in range(1, 6001)])
    db.commit()
    project.pipeline(path)
    assert run(project).stream("t")["bad_values"][0]["samples"] == ["row 3", "row 5000"]


@pytest.mark.parametrize("steps, want", [
    ('- filter: "id > 100"', [("total", 2, ["id=101", "id=2000"])]),
    ("- select: [id, day]", []),
    ("- select: [day, total]", [("total", 3, ["row 5", "row 101", "row 2000"])]),
    ('- rename: {id: key, total: sum}\n- filter: "key < 100"', [("sum", 1, ["id=5"])]),
])
def test_what_does_not_land_is_not_counted(project, lite, steps, want):
    db, path = lite
    orders(db, [(i, "no" if i in (5, 101, 2000) else "1.00", None, None) for i in range(1, 3001)])
    lines = "\n".join("  " + line for line in steps.split("\n"))
    project.pipeline(path, extra=f"transformers:\n{lines}\n")
    bad = run(project).stream("orders")["bad_values"]
    assert [(b["column"], b["count"], b["samples"]) for b in bad] == want


def test_strict(project, lite):
    db, path = lite
    orders(db, [(1, "no", None, None)])
    project.pipeline(path)
    assert run(project, "--strict", code=1).report["status"] == "done"
    db.execute("UPDATE orders SET total = '1.00'")
    db.commit()
    run(project, "--strict", code=0)


def test_the_text_report_says_what_to_write(project, lite):
    """The line that it prints is pasted into the pipeline; then everything lands as text."""
    db, path = lite
    orders(db, [(1, "no", None, None), (2, "1.5", "x", None)])
    project.pipeline(path)
    out = project.millrace("run", "shop.yml", "--progress", "none").out
    assert re.search(r"orders\.total: 1 value did not fit and is NULL, its text is in _rescued: id=1\n", out)
    line = re.search(r'\n      ("orders": \{columns: .*)\n', out).group(1)
    assert line == '"orders": {columns: {"total": string, "day": string}}'
    project.pipeline(path, consumer=f"  tables:\n    {line}\n")
    report = run(project).stream("orders")
    assert report["bad_values"] == []
    assert [(r["total"], r["day"]) for r in project.rows("shop/orders").sort_by("id").to_pylist()] == [("no", None), ("1.5", "x")]


def test_fail_names_all_columns(project, lite):
    """One error, after the whole partition; the table is not touched; what others had is done."""
    db, path = lite
    orders(db, [(i, "no" if i == 2 else "1.00", "bad day" if i >= 4990 else None, None) for i in range(1, 5001)])
    db.execute("CREATE TABLE fine (id INTEGER)")
    project.pipeline(path, loader="  on_bad_value: fail\n")
    result = run(project, code=1)
    bad = result.stream("orders")
    assert bad["status"] == "failed" and result.stream("fine")["status"] == "done"
    assert bad["error"]["code"] == "MR-E-PIPE06"
    assert "total: 1, as in id=2 'no'; day: 11, as in id=4990 'bad day'" in bad["error"]["message"]
    assert [(b["column"], b["policy"], b["count"]) for b in bad["bad_values"]] == [("total", "fail", 1), ("day", "fail", 11)]
    assert not list((project.lake / "shop/orders").rglob("*.parquet")) and not list((project.lake / "shop/orders").rglob("*.json"))


def test_a_bad_key_fails_its_table(project, lite):
    db, path = lite
    db.executescript("CREATE TABLE t (k INTEGER, x TEXT, PRIMARY KEY (k, x)); INSERT INTO t VALUES ('seven', 'a'), (8, 'b')")
    db.commit()
    project.pipeline(path)
    error = run(project, code=1).stream("t")["error"]
    assert error["code"] == "MR-E-PIPE06" and "k: 1, as in k=seven, x=a 'seven'" in error["message"]


def test_null_is_counted_too(project, lite):
    db, path = lite
    orders(db, [(1, "no", None, None)])
    project.pipeline(path, loader="  on_bad_value: null\n")
    assert run(project).stream("orders")["bad_values"] == [{"column": "total", "policy": "null", "count": 1, "samples": ["id=1"]}]
    assert project.rows("shop/orders").column_names == ["id", "total", "day", "note"]


def test_what_did_not_fit_before_an_interruption_counts(project, lite):
    """A run that goes on is strict about what it committed before it was killed."""
    db, path = lite
    db.executescript("CREATE TABLE a (id INTEGER PRIMARY KEY, d DATE); INSERT INTO a VALUES (1, 'bad'); CREATE TABLE b (id INTEGER PRIMARY KEY)")
    db.commit()
    project.pipeline(path)
    assert project.run("shop.yml", "--strict", fault="pipe.committed@1=kill", code=None).code == -9
    result = project.run("shop.yml", "--strict", code=1)
    assert result.stream("a")["status"] == "done" and any("1 values that did not fit" in w for w in result.report["warnings"])
    assert project.run("shop.yml", "--strict", code=None).code == 1  # read again: counted again
