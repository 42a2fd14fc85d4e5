"""Enum columns of PostgreSQL, which travel encoded: every label against psql's own text."""

import json

import pytest

import mr1
from conftest import memory

LABELS = ["", " ", "it's", '"quoted"', "back\\slash", "a,b", "😀", "zażółć gęślą", "NULL", "x" * 63, "line\nbreak", "{}"]
MANY = 1301  # labels; a batch of few rows has most of them once
TOO_MANY = 5000


def quoted(label):
    return "'" + label.replace("'", "''") + "'"


SQL = f"""
SET standard_conforming_strings = on;
CREATE TYPE mood AS ENUM ({', '.join(map(quoted, LABELS))});
CREATE DOMAIN good AS mood CHECK (VALUE <> 'NULL');
CREATE DOMAIN better AS good;
DO $$ BEGIN
  EXECUTE 'CREATE TYPE many AS ENUM (' || (SELECT string_agg(quote_literal('label ' || i), ',') FROM generate_series(1, {MANY}) i) || ')';
  EXECUTE 'CREATE TYPE too_many AS ENUM (' || (SELECT string_agg(quote_literal('a label ' || i), ',') FROM generate_series(1, {TOO_MANY}) i) || ')';
END $$;
CREATE TYPE pair AS (a mood, n int);
CREATE TABLE e (id int PRIMARY KEY, m mood, d better, l many, t too_many, late mood, none mood, list mood[], p pair, plain text);
INSERT INTO e SELECT i,
    CASE WHEN i % 13 < 12 THEN moods[1 + i % 12] END,
    CASE WHEN i % 3 > 0 THEN moods[1 + i * 7 % 8] END,
    CASE WHEN i % 5 > 0 THEN manys[1 + i::bigint * 7919 % {MANY}] END,
    too_manys[1 + i::bigint * 7919 % {TOO_MANY}],
    CASE WHEN i > 29000 THEN moods[1 + i % 2] END,
    NULL,
    ARRAY[moods[1 + i % 12], NULL],
    ROW(moods[1 + i % 12], i)::pair,
    'text ' || i
  FROM generate_series(1, 30000) i,
    (SELECT enum_range(NULL::mood) moods, enum_range(NULL::many) manys, enum_range(NULL::too_many) too_manys OFFSET 0) labels;
"""
COLUMNS = ["m", "d", "l", "t", "late", "none"]


@pytest.fixture(scope="module")
def want(postgres):
    """psql's text of each row, by id."""
    postgres.database("enums", SQL)
    pairs = ", ".join(f"'{c}', {c}::text" for c in COLUMNS)
    out = postgres.psql("enums", f"SELECT json_build_object('id', id, {pairs}, 'list', list::text[], 'a', (p).a::text) FROM e ORDER BY id")
    return [json.loads(line) for line in out.split("\n") if line]


def run(project, postgres, consumer="", extra="", table="e"):
    project.pipeline(f"{postgres.url}/enums", consumer=consumer or "  tables: [public.e]\n  workers: 2\n", extra=extra)
    project.run()
    return sorted(project.rows(f"shop/{table}").to_pylist(), key=lambda row: row["id"])


def check(got, want, columns):
    assert [r["id"] for r in got] == [w["id"] for w in want]
    for c in columns:
        bad = [(g["id"], g[c], w[c]) for g, w in zip(got, want) if g[c] != w[c]]
        assert not bad, (c, len(bad), bad[:3])


@pytest.mark.parametrize("reader", ["copy", "cursor"])
def test_each_label(project, postgres, want, reader):
    assert {w["m"] for w in want} == {*LABELS, None} and len({w["l"] for w in want}) == MANY + 1
    got = run(project, postgres, consumer=f"  tables: [public.e]\n  reader: {reader}\n")
    check(got, want, COLUMNS)
    for g, w in zip(got, want):
        assert g["list"] == w["list"] and g["p"]["a"] == w["a"]


def test_checksum_is_that_of_text(project, postgres, want):
    """The same rows as an enum and as text, each way a table: the same sum."""
    postgres.psql("enums", "DROP TABLE IF EXISTS x, y; CREATE TABLE x AS SELECT id, m, l, late FROM e; "
                           "CREATE TABLE y AS SELECT id, m::text, l::text, late::text FROM e; GRANT SELECT ON x, y TO mill")
    project.pipeline(f"{postgres.url}/enums", consumer="  tables: [public.x, public.y]\n")
    report = project.run().report
    x, y = ({s["stream"]: s for s in report["streams"]}[n] for n in ("public.x", "public.y"))
    assert x["checksum"] == y["checksum"] == mr1.checksum(project.rows("shop/x"))


def test_small_batches(project, postgres, want):
    check(run(project, postgres, extra=memory(48)), want, COLUMNS)


@pytest.mark.parametrize("condition, keep", [
    ("m = 'it''s' or l = 'label 7'", lambda w: w["m"] == "it's" or w["l"] == "label 7"),
    ("m is null or late in ('', ' ')", lambda w: w["m"] is None or w["late"] in ("", " ")),
    ("not (m > 'it''s')", lambda w: w["m"] is not None and w["m"].encode() <= b"it's"),
    ("d <> '😀'", lambda w: w["d"] not in (None, "😀")),
])
def test_filter(project, postgres, want, condition, keep):
    got = run(project, postgres, extra=f"transformers:\n  - filter: {json.dumps(condition, ensure_ascii=False)}\n")
    left = [w for w in want if keep(w)]
    assert 0 < len(left) < len(want)
    check(got, left, COLUMNS)


def test_sql_select_rename_and_order(project, postgres, want):
    sql = "SELECT *, upper(m) AS shout, m || '/' || coalesce(l, '-') AS both, m AS again FROM batch WHERE l IS NOT NULL AND d <> 'a,b'"
    steps = f"transformers:\n  - filter: \"id > 10\"\n  - sql: {json.dumps(sql, ensure_ascii=False)}\n  - rename: {{d: dd}}\n"
    got = run(project, postgres, extra=steps,
              consumer="  tables:\n    public.e:\n      columns:\n        late: {order: 1}\n        l: {order: 2}\n")
    left = [w for w in want if w["id"] > 10 and w["l"] is not None and w["d"] not in (None, "a,b")]
    check([dict(g, d=g["dd"]) for g in got], left, COLUMNS)
    assert list(got[0])[:2] == ["late", "l"]
    for g, w in zip(got, left):
        assert g["again"] == w["m"]
        assert g["both"] == (None if w["m"] is None else f"{w['m']}/{w['l']}")
        assert (g["shout"] is None) == (w["m"] is None) and (w["m"] or "").lower() == (g["shout"] or "").lower()


def test_beside_cells_that_do_not_fit(project, postgres, want):
    """`_rescued` beside encoded columns; an enum that is pinned to another type."""
    postgres.psql("enums", "DROP TABLE IF EXISTS b; CREATE TABLE b AS SELECT id, m, l, CASE WHEN id % 50 = 0 THEN 'NaN' ELSE id::numeric END::numeric(12,2) AS n FROM e; GRANT SELECT ON b TO mill")
    got = run(project, postgres, table="b",
              consumer="  tables:\n    public.b:\n      columns:\n        l: {type: binary}\n")
    check([dict(g, l=g["l"] and g["l"].decode()) for g in got], want, ["m", "l"])
    assert [g["id"] for g in got if g["_rescued"]] == [i for i in range(1, 30001) if i % 50 == 0]
    assert json.loads(got[49]["_rescued"]) == {"n": "NaN"}


def test_keys_of_rows_that_do_not_fit(project, postgres, want):
    postgres.psql("enums", "DROP TABLE IF EXISTS k; CREATE TABLE k (m mood, i int, n numeric(12,2), PRIMARY KEY (m, i)); GRANT SELECT ON k TO mill; "
                           "INSERT INTO k SELECT m, id, CASE WHEN id < 5 THEN 'NaN'::numeric ELSE 1 END FROM e WHERE m IS NOT NULL")
    project.pipeline(f"{postgres.url}/enums", consumer="  tables: [public.k]\n  workers: 1\n")
    bad = project.run().stream("public.k")["bad_values"]
    assert bad[0]["count"] == 4 and sorted(bad[0]["samples"]) == sorted(f"m={w['m']}, i={w['id']}" for w in want[:4])


def test_no_utf8(project, postgres):
    """Labels of a database without an encoding: what is no UTF-8 is rescued, row by row."""
    postgres.psql("postgres", "DROP DATABASE IF EXISTS ascii_enums")
    postgres.psql("postgres", "CREATE DATABASE ascii_enums ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
    postgres.psql("ascii_enums", r"""DO $$ BEGIN EXECUTE 'CREATE TYPE raw AS ENUM (''good'', ' || quote_literal(convert_from('\xff6f'::bytea, 'SQL_ASCII')) || ')'; END $$;
        CREATE TABLE r AS SELECT i AS id, (enum_range(NULL::raw))[1 + (i % 3 = 1)::int] AS v FROM generate_series(1, 9000) i; GRANT SELECT ON r TO mill""")
    project.pipeline(f"{postgres.url}/ascii_enums")
    project.run()
    got = sorted(project.rows("shop/r").to_pylist(), key=lambda row: row["id"])
    assert [g["v"] for g in got] == [None if i % 3 == 1 else "good" for i in range(1, 9001)]
    assert {g["_rescued"] for g in got} == {None, '{"v":"invalid-utf8:ff6f"}'}
