"""Every storage class in every declared type. The oracle is sqlite3's shell (typeof, quote, hex, printf, julianday); what
landed is read by deltalake. A cell lands exactly, or it is NULL and its exact text is in `_rescued`."""

import datetime as dt
import json
import sqlite3
import subprocess

import pytest
from sqlite_types import DECLARED, D, literals, matrix_sql, same, stored, wanted


@pytest.fixture(scope="module")
def matrix(tmp_path_factory):
    from conftest import Project
    folder = tmp_path_factory.mktemp("sqlite-types")
    db = folder / "m.db"
    subprocess.run(["sqlite3", "-batch", str(db)], input=matrix_sql(), text=True, check=True)
    project = Project(folder / "project")
    project.pipeline(db)
    report = project.run().report
    return project, db, report


def compare(landed, rescue_column, want):
    """Differences between what landed and the oracle's (value, bad text) by id."""
    wrong = []
    for row in landed:
        value, text = want[row["id"]]
        if not same(row["v"], value):
            wrong.append((row["id"], row["v"], value))
        if rescue_column:
            rescued = json.loads(row["_rescued"]) if row["_rescued"] else {}
            if rescued != ({} if text is None else {"v": text}):
                wrong.append((row["id"], rescued, text))
    return wrong


@pytest.mark.parametrize("i, declared", list(enumerate(DECLARED)), ids=lambda x: str(x) or "none")
def test_cells_land_exactly_or_are_told(matrix, i, declared):
    project, db, report = matrix
    t = project.rows(f"shop/m{i}")
    want = wanted(declared, db, f"m{i}")
    kinds = {c[0] for c in stored(db, f"m{i}").values()}
    assert len(want) == len(literals()) == t.num_rows
    assert kinds >= {"null", "text", "blob"} and str(t.schema.field("v").type) == DECLARED[declared]
    assert sum(v is not None for v, _ in want.values()) >= 3, "the oracle calls everything bad"
    assert compare(t.to_pylist(), "_rescued" in t.schema.names, want) == []


def test_the_comparison_can_fail(matrix):
    project, db, _ = matrix
    at = list(DECLARED).index("DATETIME")
    want = wanted("DATETIME", db, f"m{at}")
    rows = project.rows(f"shop/m{at}").to_pylist()
    key = next(k for k, (v, _) in want.items() if v is not None)
    want[key] = (want[key][0] + dt.timedelta(microseconds=1), None)
    assert len(compare(rows, False, want)) == 1


# ---- tables of every kind ----

KINDS = """
CREATE TABLE strict_table (a INT, b INTEGER, c REAL, d TEXT, e BLOB, f ANY) STRICT;
INSERT INTO strict_table VALUES (1, 2, 3, 'x', x'00', '01'), (NULL, NULL, NULL, NULL, NULL, 1.0);
CREATE TABLE without_rowid (k TEXT, n INTEGER, v TEXT, PRIMARY KEY (n, k)) WITHOUT ROWID;
INSERT INTO without_rowid VALUES ('a', 2, 'x'), ('b', 1, 'y');
CREATE TABLE generated (a INTEGER, b INTEGER GENERATED ALWAYS AS (a * 2) STORED, c TEXT AS ('n' || a) VIRTUAL);
INSERT INTO generated VALUES (1), (9223372036854775807), (NULL);
CREATE TABLE empty (id INTEGER PRIMARY KEY, v DATE);
CREATE TABLE untyped (a, b, "rowid");
INSERT INTO untyped VALUES (1, 'x', 'mine'), (1.5, NULL, 'too');
CREATE VIEW totals AS SELECT a, count(*) AS "how many", max(b) FROM generated GROUP BY a;
CREATE VIEW twice AS SELECT a, a AS A, "literal" AS t FROM untyped;
CREATE VIRTUAL TABLE docs USING fts5(title, body);
INSERT INTO docs VALUES ('t', 'b');
CREATE VIRTUAL TABLE boxes USING rtree(id, lo, hi);
CREATE TABLE "quo""te 'x'" ("gro""up" TEXT, "order" INTEGER, "a.b" TEXT, "🎈 ż" TEXT, "quo'te" TEXT);
INSERT INTO "quo""te 'x'" VALUES ('q', 1, 'dot', 'emoji', 'single');
CREATE TABLE "table" (v TEXT); INSERT INTO "table" VALUES ('reserved');
CREATE TABLE "a.b.c" (v TEXT); INSERT INTO "a.b.c" VALUES ('dots');
CREATE TABLE "ŻÓŁĆ" (v TEXT); INSERT INTO "ŻÓŁĆ" VALUES ('upper');
"""


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    from conftest import Project
    folder = tmp_path_factory.mktemp("sqlite-kinds")
    db = folder / "k.db"
    subprocess.run(["sqlite3", "-batch", str(db)], input=KINDS, text=True, check=True)
    project = Project(folder / "project")
    project.pipeline(db, consumer="  tables: ['*', totals, twice]\n")
    return project, project.run().report


def test_tables_of_every_kind(kinds):
    project, report = kinds
    rows = {s["stream"]: project.rows(s["table"]).to_pylist() for s in report["streams"] if s["status"] == "done"}
    assert rows["strict_table"] == [{"a": 1, "b": 2, "c": 3.0, "d": "x", "e": b"\0", "f": "01"},
                                    {"a": None, "b": None, "c": None, "d": None, "e": None, "f": "1.0"}]
    assert sorted(r["v"] for r in rows["without_rowid"]) == ["x", "y"]
    assert [r["c"] for r in rows["generated"]] == ["n1", "n9223372036854775807", None]
    assert rows["generated"][0]["b"] == 2 and rows["generated"][1]["b"] is None  # 1.8e19 is no long
    assert rows["empty"] == []
    assert rows["untyped"] == [{"a": "1", "b": "x", "rowid": "mine"}, {"a": "1.5", "b": None, "rowid": "too"}]
    assert {tuple(r.values())[1] for r in rows["totals"]} == {"1"}
    assert [list(r.values())[2] for r in rows["twice"]] == ["literal", "literal"]
    assert list(rows["quo\"te 'x'"][0].values())[:5] == ["q", 1, "dot", "emoji", "single"]
    assert rows["table"][0]["v"] == "reserved" and rows["a.b.c"][0]["v"] == "dots" and rows["ŻÓŁĆ"][0]["v"] == "upper"


def test_virtual_tables_are_named_and_their_shadows_left_out(kinds):
    _, report = kinds
    status = {s["stream"]: s["status"] for s in report["streams"]}
    assert status["docs"] == status["boxes"] == "skipped"
    assert not any(name.startswith(("docs_", "boxes_", "sqlite_")) for name in status)
    for name in ("docs", "boxes"):
        assert any(w.startswith(f"{name} (virtual table)") for w in report["warnings"])


def test_a_utf16_database(project, tmp_path):
    db = sqlite3.connect(tmp_path / "w.db")
    db.executescript("PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (s TEXT, b BLOB); INSERT INTO t VALUES ('żółć 🎈', 'ż');")
    db.close()
    project.pipeline(tmp_path / "w.db")
    project.run()
    assert project.rows("shop/t").to_pylist() == [{"s": "żółć 🎈", "b": "ż".encode()}]


@pytest.mark.parametrize("name", ["o'brien \"x\".db", "🎈.v2.db", "a?mode=ro#%41.db", "-dash.db", "no extension"])
def test_files_with_odd_names(project, tmp_path, name):
    db = sqlite3.connect(f"{tmp_path}/{name}")
    db.executescript("CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (7);")
    db.close()
    project.pipeline(json.dumps(f"sqlite:{tmp_path}/{name}", ensure_ascii=False))
    project.run()
    assert project.rows("shop/t").to_pylist() == [{"a": 7}]


# ---- what the pipeline wishes; runs where pipeline files can say it ----

def wish(project, db, tables):
    project.pipeline(db, consumer=f"  tables: {json.dumps(tables)}\n")
    result = project.millrace("plan", "shop.yml", code=None)
    if "MR-E-SPEC03" in result.err or "MR-E-SPEC02" in result.err:
        pytest.skip("pipeline files cannot say it")
    return result


@pytest.fixture
def wishes_db(tmp_path):
    db = sqlite3.connect(tmp_path / "s.db")
    db.executescript("""CREATE TABLE t (id INTEGER PRIMARY KEY, zip TEXT, at INTEGER, odd DECIMAL(5,2));
                        INSERT INTO t VALUES (1, '12', 1700000000, 1.005), (2, '0x', 0, 999999), (3, '-7', 86400, 2);""")
    db.close()
    return tmp_path / "s.db"


def test_where_is_checked_when_planned(project, wishes_db):
    result = wish(project, wishes_db, {"t": {"where": '"zipp" = \'12\''}})
    assert result.code == 1 and "MR-E-LITE04" in result.out + result.err + str(result) or "zipp" in result.out
    wish(project, wishes_db, {"t": {"where": "zip = '12' OR id = 3"}})
    project.run()
    assert project.rows("shop/t").column("id").to_pylist() == [1, 3]


def test_pins(project, wishes_db):
    wish(project, wishes_db, {"t": {"columns": {"zip": "long", "at": "timestamp", "odd": "string"}}})
    project.run()
    t = project.rows("shop/t")
    assert t.column("zip").to_pylist() == [12, None, -7]
    assert t.column("at").to_pylist()[0] == dt.datetime(2023, 11, 14, 22, 13, 20, tzinfo=dt.timezone.utc)
    assert t.column("odd").to_pylist() == ["1.005", "999999", "2"]
    refused = wish(project, wishes_db, {"t": {"columns": {"zip": "array<long>"}}})
    assert refused.code == 1 and "boolean, byte, short" in refused.out


def test_policies(project, wishes_db):
    wish(project, wishes_db, {"t": {"columns": {"odd": {"on_bad_value": "clamp"}}}})
    project.run()
    assert project.rows("shop/t").column("odd").to_pylist() == [D("1.01"), D("999.99"), D("2.00")]


def test_a_query_is_a_stream(project, wishes_db):
    result = wish(project, wishes_db, {"late": {"query": "SELECT id, date(at, 'unixepoch') AS day FROM t WHERE at > 0", "key": ["id"]}})
    assert result.code == 0, result
    project.run()
    assert project.rows("shop/late").to_pylist() == [{"id": 1, "day": "2023-11-14"}, {"id": 3, "day": "1970-01-02"}]
