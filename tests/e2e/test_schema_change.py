"""The source's columns change between two runs: evolve, freeze, fail, for overwrite and append."""

import json
import sqlite3

import duckdb
import jsonschema
import pyarrow.parquet as pq
import pytest
from conftest import ROOT

SCHEMA = json.loads((ROOT / "docs/reference/report.schema.json").read_text())


class Source:
    def __init__(self, path):
        self.path = path

    def table(self, columns, *rows):
        """The table anew, with these columns and rows."""
        db = sqlite3.connect(self.path)
        db.executescript(f"DROP TABLE IF EXISTS t; CREATE TABLE t ({columns});")
        for r in rows:
            db.execute(f"INSERT INTO t VALUES ({','.join('?' * len(r))})", r)
        db.commit()
        db.close()


@pytest.fixture
def source(tmp_path):
    return Source(tmp_path / "s.db")


def run(project, **kw):
    result = project.run(**kw)
    jsonschema.validate(result.report, SCHEMA)
    return result.stream("t")


def begin(project, source, write, policy, extra=""):
    source.table("id INTEGER, a TEXT, n INTEGER", (1, "x", 10))
    project.pipeline(source.path, loader=f"  write: {write}\n  on_schema_change: {policy}\n", extra=extra)
    run(project)


def rows(project):
    return sorted(project.rows("shop/t").to_pylist(), key=lambda r: r["id"])


def by_sql(project):
    out = project.millrace("sql", "-c", "SELECT * FROM shop.t ORDER BY id", "--format", "json").out
    return [json.loads(line) for line in out.splitlines()] if not out.startswith("[") else json.loads(out)


ADDED = {"change": "column_added", "column": "new", "to": "string"}
DROPPED = {"change": "column_dropped", "column": "a", "from": "string"}


@pytest.mark.parametrize("write", ["overwrite", "append"])
def test_evolve(project, source, write):
    begin(project, source, write, "evolve")
    source.table("n INTEGER, new TEXT, id INTEGER", (20, "y", 2))
    assert "changed: column added: new, string" in project.millrace("plan", "shop.yml").out
    plan = project.millrace("plan", "shop.yml", "--report", "json").report
    jsonschema.validate(plan, SCHEMA)
    changes = run(project)["schema_changes"]
    assert plan["streams"][0]["schema_changes"] == changes and plan["status"] == "planned"
    assert changes == [ADDED, DROPPED, {"change": "columns_reordered"}]
    if write == "overwrite":
        assert project.rows("shop/t").column_names == ["n", "new", "id"]
        assert rows(project) == [{"n": 20, "new": "y", "id": 2}]
    else:
        assert project.rows("shop/t").column_names == ["id", "a", "n", "new"]
        assert rows(project) == [{"id": 1, "a": "x", "n": 10, "new": None}, {"id": 2, "a": None, "n": 20, "new": "y"}]
    assert by_sql(project) == rows(project)
    assert run(project)["schema_changes"] == ([] if write == "overwrite" else [DROPPED, {"change": "columns_reordered"}])


@pytest.mark.parametrize("write", ["overwrite", "append"])
def test_freeze(project, source, write):
    begin(project, source, write, "freeze")
    source.table("n INTEGER, new TEXT, id INTEGER", (20, "y", 2))
    assert run(project)["schema_changes"] == [ADDED, DROPPED, {"change": "columns_reordered"}]
    assert project.rows("shop/t").column_names == ["id", "a", "n"]
    assert rows(project)[-1] == {"id": 2, "a": None, "n": 20}
    assert len(rows(project)) == (1 if write == "overwrite" else 2)
    assert by_sql(project) == rows(project)
    version = run(project)["delta_version"]
    if write == "overwrite":
        assert version == 1, "nothing changed, and the standing difference is no reason to write"


@pytest.mark.parametrize("write", ["overwrite", "append"])
def test_freeze_does_not_take_another_type(project, source, write):
    begin(project, source, write, "freeze")
    source.table("id INTEGER, a TEXT, n TEXT", (2, "y", "z"))
    stream = run(project, code=1)
    assert stream["error"]["code"] == "MR-E-PIPE07" and "type_changed n (long -> string)" in stream["error"]["message"]
    assert stream["schema_changes"] == [{"change": "type_changed", "column": "n", "from": "long", "to": "string"}]
    assert rows(project) == [{"id": 1, "a": "x", "n": 10}]


def test_fail_fails_on_any(project, source):
    begin(project, source, "overwrite", "fail")
    source.table("id INTEGER, n INTEGER, a TEXT", (2, 20, "y"))
    stream = run(project, code=1)
    assert stream["error"]["code"] == "MR-E-PIPE07" and "columns_reordered" in stream["error"]["message"]
    source.table("id INTEGER, a TEXT, n INTEGER", (2, "y", 20))
    assert run(project)["status"] == "done"


def test_append_of_another_type_names_overwrite_before_it_reads(project, source):
    begin(project, source, "append", "evolve")
    source.table("id INTEGER, a TEXT, n TEXT", (2, "y", "z"))
    stream = run(project, code=1)
    assert stream["error"]["code"] == "MR-E-DELTA04" and "write: overwrite" in stream["error"]["advice"]
    assert stream["rows_read"] == 0 and stream["schema_changes"][0]["change"] == "type_changed"
    assert project.millrace("plan", "shop.yml", code=1).out.count("type changed: n, long -> string") == 1


def test_overwrite_takes_another_type(project, source):
    begin(project, source, "overwrite", "evolve")
    source.table("id INTEGER, a TEXT, n TEXT", (2, "y", "z"))
    run(project)
    assert rows(project) == [{"id": 2, "a": "y", "n": "z"}]
    assert project.rows("shop/t", version=0).to_pylist() == [{"id": 1, "a": "x", "n": 10}]


def test_a_rename_is_told_when_it_is_certain(project, source):
    """The same source column under another name; a column that is gone and one that came are not taken for one."""
    begin(project, source, "append", "evolve")
    project.pipeline(source.path, loader="  write: append\n", extra="transformers:\n  - rename: {a: b}\n")
    assert run(project)["schema_changes"] == [{"change": "column_renamed", "column": "b", "from": "a", "to": "b"}]
    assert rows(project) == [{"id": 1, "a": None, "n": 10, "b": "x"}, {"id": 1, "a": "x", "n": 10, "b": None}] or \
        rows(project) == [{"id": 1, "a": "x", "n": 10, "b": None}, {"id": 1, "a": None, "n": 10, "b": "x"}]


def test_a_name_that_differs_by_case_is_not_appended(project, source):
    begin(project, source, "append", "evolve")
    source.table("id INTEGER, A TEXT, n INTEGER", (2, "y", 20))
    stream = run(project, code=1)
    assert "differs from A only by case" in stream["error"]["message"]


def test_a_column_that_no_file_has(project, source):
    """All files were replaced by ones without `a`: sql says NULL, of its type, also in the middle of an expression."""
    begin(project, source, "overwrite", "freeze")
    source.table("id INTEGER, n INTEGER", (2, 20))
    run(project)
    files = [project.lake / "shop/t" / f for f in project.table("shop/t").file_uris()]
    assert all("a" not in pq.ParquetFile(f).schema_arrow.names for f in files)
    with pytest.raises(duckdb.BinderException):  # the control: the files alone do not do
        duckdb.execute(f"SELECT a FROM read_parquet({[str(f) for f in files]}, union_by_name = true)")
    out = project.millrace("sql", "-c", "SELECT id, upper(a) || 'x' AS u, n, typeof(a) AS t FROM shop.t WHERE a IS NULL", "--format", "csv").out
    assert out.split() == ["id,u,n,t", "2,,20,VARCHAR"]


# ---- names: exact ----

ODD = '"Ordér no. 1" INTEGER, "a,b;{c}" TEXT, "x y" DATETIME, plain INTEGER'


def log(project, version, path="shop/t"):
    text = (project.lake / path / "_delta_log" / f"{version:020}.json").read_text()
    return {k: v for line in text.splitlines() for k, v in json.loads(line).items()}


def exact(project, source, write="overwrite", policy="evolve"):
    project.pipeline(source.path, loader=f"  names: exact\n  write: {write}\n  on_schema_change: {policy}\n")


def physical(entry):
    return {f["name"]: f["metadata"]["delta.columnMapping.physicalName"] for f in json.loads(entry["metaData"]["schemaString"])["fields"]}


def test_exact_names(project, source):
    source.table(ODD, (1, "t", "2026-01-02 10:00:00", 5))
    exact(project, source)
    stream = run(project)
    entry = log(project, 0)
    assert entry["protocol"] == {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["timestampNtz", "columnMapping"],
                                 "writerFeatures": ["timestampNtz", "columnMapping", "appendOnly", "invariants"]}
    conf = entry["metaData"]["configuration"]
    assert conf["delta.columnMapping.mode"] == "name" and int(conf["delta.columnMapping.maxColumnId"]) == 4
    assert stream["renames"] == [] and set(physical(entry)) == {"Ordér no. 1", "a,b;{c}", "x y", "plain"}
    assert all(p.startswith("col-") and len(p) == 40 for p in physical(entry).values())
    stats = json.loads(entry["add"]["stats"])
    assert set(stats["nullCount"]) == set(physical(entry).values())
    out = project.millrace("sql", "-c", 'SELECT "Ordér no. 1" AS a, "a,b;{c}" AS b, plain FROM shop.t', "--format", "csv").out
    assert out.split() == ["a,b,plain", "1,t,5"]
    assert run(project)["status"] == "unchanged"


def test_physical_names_stay(project, source):
    source.table("id INTEGER, a TEXT", (1, "x"))
    exact(project, source)
    run(project)
    entry = log(project, 0)
    first = physical(entry)
    assert entry["protocol"] == {"minReaderVersion": 2, "minWriterVersion": 5}
    source.table("a TEXT, id INTEGER, n INTEGER", ("y", 2, 3))
    run(project)
    second = physical(log(project, 1))
    assert {k: second[k] for k in first} == first and second["n"] not in first.values()
    source.table("a TEXT, id INTEGER", ("z", "bad"))
    run(project)
    third = log(project, 2)
    ids = [f["metadata"]["delta.columnMapping.id"] for f in json.loads(third["metaData"]["schemaString"])["fields"]]
    assert len(set(ids)) == 3 and max(ids) <= int(third["metaData"]["configuration"]["delta.columnMapping.maxColumnId"])
    assert {k: v for k, v in physical(third).items() if k != "_rescued"} == first
    out = project.millrace("sql", "-c", "SELECT id, a, _rescued FROM shop.t", "--format", "csv").out
    assert out.split() == ["id,a,_rescued", ',z,"{""id"":""bad""}"']


def test_exact_append(project, source):
    source.table("id INTEGER, \"a b\" TEXT", (1, "x"))
    exact(project, source, "append")
    run(project)
    source.table("id INTEGER, \"a b\" TEXT, \"c d\" INTEGER", (2, "y", 3))
    run(project)
    out = project.millrace("sql", "-c", 'SELECT id, "a b" AS x, "c d" AS y FROM shop.t ORDER BY id', "--format", "csv").out
    assert out.split() == ["id,x,y", "1,x,", "2,y,3"]


def test_from_safe_to_exact_only_by_overwrite(project, source):
    source.table("id INTEGER, \"a b\" TEXT", (1, "x"))
    project.pipeline(source.path, loader="  write: append\n")
    run(project)
    exact(project, source, "append")
    stream = run(project, code=1)
    assert stream["error"]["code"] == "MR-E-DELTA04" and "write: overwrite" in stream["error"]["advice"]
    exact(project, source)
    changes = run(project)["schema_changes"]
    assert {"change": "names_changed", "from": "safe", "to": "exact"} in changes
    assert {"change": "column_renamed", "column": "a b", "from": "a_b", "to": "a b"} in changes
    out = project.millrace("sql", "-c", 'SELECT "a b" AS x FROM shop.t', "--format", "csv").out
    assert out.split() == ["x", "x"]
    assert project.rows("shop/t", version=0).column_names == ["id", "a_b"]


@pytest.mark.parametrize("columns, why", [("a INTEGER, _rescued TEXT", "column for what does not fit")])
def test_names_that_cannot_be_exact(project, source, columns, why):
    source.table(columns)
    exact(project, source)
    error = run(project, code=1)["error"]
    assert error["code"] == "MR-E-PIPE08" and why in error["message"] and "rename" in error["advice"]


def test_names_that_differ_only_by_case_cannot_be_exact(project, source):
    source.table("a INTEGER, b INTEGER")
    project.pipeline(source.path, loader="  names: exact\n", extra="transformers:\n  - rename: {b: A}\n")
    error = run(project, code=1)["error"]
    assert error["code"] == "MR-E-PIPE08" and "only by case" in error["message"]


def test_a_run_that_goes_on_uses_the_same_names(project, source):
    """Killed after it staged a partition: names come from the run, not from chance."""
    source.table("id INTEGER, a TEXT", (1, "x"))
    exact(project, source)
    project.run(fault="pipe.commit=kill", code=-9)
    run(project)
    out = project.millrace("sql", "-c", "SELECT id, a FROM shop.t", "--format", "csv").out
    assert out.split() == ["id,a", "1,x"]
