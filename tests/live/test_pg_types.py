"""Every type of PostgreSQL, exactly: what landed, and the text of what did not fit, against `col::text` as psql shows it."""

import datetime
import json
import math

import pytest
from pg_types import (ARRAYS, COMPOSITE_PARTS, COMPOSITE_TABLE, SCALARS, SCHEMA, Bad, D, check, composite_bad, composite_rows,
                      matrix_rows, matrix_sql, oracle, same, shown)


def landed(project, url, table, columns="", consumer=""):
    """Rows by id: (values by name, rescued texts by name)."""
    tables = f"  tables:\n    public.{table}:\n      columns:\n{columns}" if columns else ""
    project.pipeline(url, consumer=consumer + tables)
    project.run()
    rows = {}
    for row in project.rows(f"shop/{table}").to_pylist():
        rescued = json.loads(row.pop("_rescued", None) or "{}")
        rows[row["id"]] = (row, rescued)
    return [rows[i] for i in sorted(rows)]


# ---- the matrix ----

def matrix(postgres, project, db, types):
    names, rows = matrix_rows(postgres, types)
    url = postgres.database(db, SCHEMA + matrix_sql("m", names, rows, types))
    want = oracle(postgres, db, "m", [(n, shown(n, types[n][0])) for n in names])
    got = landed(project, url, "m")
    assert len(got) == len(want) == 8
    for i, (values, rescued) in enumerate(got):
        for k, n in enumerate(names):
            check(n, values[n], rescued, *want[i][k], isinstance(rows[i][k], Bad))


def test_scalars(postgres, project):
    assert len(SCALARS) >= 60
    matrix(postgres, project, "scalars", SCALARS)


def test_arrays(postgres, project):
    matrix(postgres, project, "arrays", ARRAYS)


def test_the_comparison_can_fail():
    assert same(D("1.50"), "1.5") and not same(D("1.50"), "1.51")
    assert not same(-0.0, "0") and same(-0.0, "-0") and not same(None, "x") and not same("", None)
    assert not same([1, None], ["1", "2"]) and not same("P1M", [1, 0, 1]) and same("P1MT-0.000001S", [1, 0, -1])
    with pytest.raises(AssertionError):
        check("a", None, {"a": "NaN "}, "NaN", None, True)


def test_composites_and_maps(postgres, project):
    url = postgres.database("composites", SCHEMA + COMPOSITE_TABLE + composite_rows())
    want = oracle(postgres, "composites", "c", COMPOSITE_PARTS)
    got = landed(project, url, "c")
    for n, (row, rescued) in enumerate(got):
        for k, (name, _) in enumerate(COMPOSITE_PARTS):
            check(name, row[name], rescued, *want[n][k], composite_bad(n, name))


# ---- many at random ----

RANDOM = """
    CREATE FUNCTION digits(n int) RETURNS text LANGUAGE sql VOLATILE AS
      $$ SELECT string_agg((random() * 9)::int::text, '') FROM generate_series(1, n) $$;
    CREATE TABLE r AS SELECT i AS id,
      (CASE WHEN random() < 0.5 THEN '-' ELSE '' END || digits(1 + (random() ^ 3 * 45)::int) || '.' || digits(1 + (random() ^ 2 * 25)::int))::numeric AS num,
      ((random() - 0.5) * 10 ^ (random() * 12))::numeric(14,2) AS short,
      ('epoch'::timestamptz + ((random() - 0.5) * 4e11 || 's')::interval) AS tstz,
      (timestamp '2000-01-01' + make_interval(secs => (random() - 0.15) * 10 ^ (random() * 12)::int)) AS ts,
      (date '2000-01-01' + ((random() - 0.2) * 10 ^ (random() * 7))::int) AS day,
      make_interval(months => ((random() - 0.5) * 1000 * (random() * 3)::int)::int, days => ((random() - 0.5) * 100 * (random() * 3)::int)::int,
                    secs => (random() - 0.5) * 10 ^ (random() * 8)::int * (random() * 3)::int) AS span,
      (SELECT array_agg(CASE WHEN random() < 0.1 THEN NULL ELSE (random() * 1000)::int END) FROM generate_series(1, i % 5)) AS ints,
      CASE i % 3 WHEN 0 THEN array[[random() * 10 ^ ((random() - 0.5) * 40)::int, -random()], [i, 1 / (1 + random())]]
        ELSE array[random(), i] END::float8[] AS floats,
      CASE i % 3 WHEN 0 THEN array[[(random() * 10 ^ ((random() - 0.5) * 20)::int)::float4, i::float4]] ELSE array[random()::float4] END AS reals,
      array[[chr((random() * 90)::int + 32) || chr((random() * 90)::int + 32), chr((random() * 2000)::int + 160)]] AS texts,
      array[[make_interval(months => (random() * 40)::int - 20, days => (random() * 40)::int - 20, secs => ((random() - 0.5) * 1e5 * (i % 2))::int8)]] AS spans,
      array[[('epoch'::timestamptz + ((random() - 0.5) * 4e11 || 's')::interval)::timestamp]] AS stamps,
      array[[((random() - 0.5) * 1e7)::numeric::money]] AS cash,
      array[[(CASE WHEN i % 2 = 0 THEN (SELECT string_agg(CASE WHEN random() < 0.6 THEN '0' ELSE to_hex((random() * 65535)::int) END, ':') FROM generate_series(1, 8 + 0 * i))
        ELSE (random() * 255)::int || '.0.' || (random() * 255)::int || '.1' END || '/' || (random() * 32)::int)::inet]] AS nets
    FROM generate_series(1, 100000) i;
"""


def test_a_hundred_thousand_at_random(postgres, project):
    url = postgres.database("random", RANDOM)
    names = {"num": "numeric", "short": "numeric(14,2)", "tstz": "timestamptz", "ts": "timestamp", "day": "date", "span": "interval",
             "ints": "int[]", "floats": "float8[]", "reals": "float4[]", "texts": "text[]", "spans": "interval[]", "stamps": "timestamp[]",
             "cash": "money[]", "nets": "inet[]"}
    parts = [(n, shown(n, t)) for n, t in names.items()]
    want = oracle(postgres, "random", "r", parts)
    got = landed(project, url, "r")
    assert len(got) == len(want) == 100000
    counts = dict.fromkeys(names, 0)
    for (values, rescued), row in zip(got, want):
        for n, (text, value) in zip(names, row):
            counts[n] += n in rescued
            check(n, values[n], rescued, text, value, None)
    assert counts["short"] == counts["span"] == counts["ints"] == 0
    assert counts["texts"] == counts["spans"] == counts["stamps"] == counts["cash"] == counts["nets"] == 100000
    assert counts["floats"] == counts["reals"] == 33333
    for query, n in [("abs(num) >= 1e20 OR num <> round(num, 18)", "num"), ("tstz < '0001-01-01 00:00+00' OR tstz >= '10000-01-01 00:00+00'", "tstz"),
                     ("ts < '0001-01-01' OR ts >= '10000-01-01'", "ts"), ("day < '0001-01-01' OR day > '9999-12-31'", "day")]:
        assert counts[n] == int(postgres.psql("random", f"SELECT count(*) FROM r WHERE {query};")) > 0, n


# ---- pins ----

def test_pins(postgres, project):
    url = postgres.database("pins", """CREATE TABLE p (id int, a numeric, b int, c money, d smallint, e numeric, f numeric, g real, h timestamp,
        i timestamptz, j timestamp, k text, l int[], m int[], n interval, o numeric(50,2), q int8);
        INSERT INTO p VALUES (1, 1.25, 7, 1.5, -7, 12, 0.5, 0.1, '2026-01-01 10:00', '2026-01-01 10:00+02', '2026-01-01', 'ż', '{{1,2},{3,NULL}}', '{1}',
                              '1 day', 3.25, 9),
                             (2, 1.005, -7, -1.55, 7, 1.5, 0.1, 'NaN', 'infinity', '-infinity', '2026-01-01 00:00:01', '', '{1}', '{{1}}', NULL, 1e40, -9),
                             (3, 'NaN', 0, 0, 0, 1e18, 'Infinity', '-0', NULL, NULL, 'infinity', NULL, '{}', NULL, NULL, NULL, NULL),
                             (4, 1e10, 0, 0, 0, 1e19, 1e300, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);""")
    pins = {"a": "decimal(5,2)", "b": "long", "c": "decimal(10,1)", "d": "integer", "e": "long", "f": "double", "g": "double", "h": "timestamp",
            "i": "timestamp_ntz", "j": "date", "k": "binary", "l": "array<array<long>>", "m": "string", "n": "string", "o": "decimal(20,3)",
            "q": "decimal(20,1)"}
    utc = datetime.timezone.utc
    got = landed(project, url, "p", "".join(f'        {n}: "{t}"\n' for n, t in pins.items()))
    r = [{k: v for k, v in row.items() if k != "id"} for row, _ in got]
    bad = [rescued for _, rescued in got]
    assert r[0] == {"a": D("1.25"), "b": 7, "c": D("1.5"), "d": -7, "e": 12, "f": 0.5, "g": 0.10000000149011612,
                    "h": datetime.datetime(2026, 1, 1, 10, tzinfo=utc), "i": datetime.datetime(2026, 1, 1, 8), "j": datetime.date(2026, 1, 1),
                    "k": "ż".encode(), "l": [[1, 2], [3, None]], "m": "{1}", "n": "1 day", "o": D("3.250"), "q": D("9.0")}
    assert bad[0] == {}
    assert bad[1] == {"a": "1.005", "c": "-$1.55", "e": "1.5", "f": "0.1", "h": "infinity", "i": "-infinity", "j": "2026-01-01 00:00:01",
                      "l": "{1}", "o": "10000000000000000000000000000000000000000.00"}
    assert r[1]["m"] == "{{1}}" and math.isnan(r[1]["g"]) and r[1]["k"] == b""
    assert bad[2] == {"a": "NaN", "j": "infinity"} and r[2]["e"] == 10**18 and r[2]["f"] == math.inf and r[2]["l"] == []
    assert bad[3] == {"a": "10000000000", "e": "10000000000000000000", "f": "1" + "0" * 300}


@pytest.mark.parametrize("policy,want", [
    ("clamp", {"n": [D("1.01"), D("999.99"), D("-999.99"), None, D("1000.00") - D("0.01"), D("-1.01")],
               "d": [datetime.date(9999, 12, 31), datetime.date(1, 1, 1), datetime.date(1, 1, 1), None, None, None],
               "t": [datetime.datetime(9999, 12, 31, 23, 59, 59, 999999), datetime.datetime(1, 1, 1), datetime.datetime(1, 1, 1), None, None, None]}),
    ("round", {"n": [D("1.01"), None, None, None, None, D("-1.01")], "d": [None] * 6, "t": [None] * 6}),
    ("null", {"n": [None] * 6, "d": [None] * 6, "t": [None] * 6})])
def test_policies(postgres, project, policy, want):
    url = postgres.database("policies", """CREATE TABLE p (id int, n numeric, d date, t timestamp, l numeric[]);
        INSERT INTO p VALUES (1, 1.005, 'infinity', 'infinity', '{1.005,1e9,2}'), (2, 'Infinity', '-infinity', '-infinity', '{NaN,1}'),
                             (3, '-Infinity', '0044-03-15 BC', '0044-03-15 BC', '{{1}}'), (4, 'NaN', NULL, NULL, NULL),
                             (5, 999.995, NULL, NULL, NULL), (6, -1.0050, NULL, NULL, NULL);""")
    columns = "".join(f"        {n}: {{{t}on_bad_value: {policy}}}\n" for n, t in [("n", 'type: "decimal(5,2)", '), ("d", ""), ("t", ""), ("l", 'type: "array<decimal(5,2)>", ')]
                      if policy != "round" or n not in "dt")  # those cannot be rounded
    got = landed(project, url, "p", columns)
    for name, values in want.items():
        assert [row[name] for row, _ in got] == values
    lists = [row["l"] for row, _ in got]
    assert lists == {"clamp": [[D("1.01"), D("999.99"), D("2.00")], None, None, None, None, None], "round": [None] * 6, "null": [None] * 6}[policy]
    if policy == "round":  # what rounding does not help is rescued
        assert got[1][1]["n"] == "Infinity" and got[4][1]["n"] == "999.995" and got[0][1]["l"] == "{1.005,1000000000,2}" and "n" not in got[0][1]
    else:
        assert all(rescued == {} for _, rescued in got)


@pytest.mark.parametrize("declaration,pin,may", [
    ("int", "date", "string, integer, long, decimal(p,s)"), ("int", "short", "integer"), ("text", "long", "string, binary"),
    ("int4range", "long", "string"), ("bool", "integer", "string, boolean"), ("int[]", "array<date>", "array<integer>"),
    ("float8", "decimal(10,2)", "string, double"), ("date", "timestamp", "string, date")])
def test_a_pin_that_cannot_be_says_what_can(postgres, project, declaration, pin, may):
    url = postgres.database("badpins", f"CREATE TABLE p (id int, v {declaration});")
    project.pipeline(url, consumer=f'  tables:\n    public.p:\n      columns:\n        v: "{pin}"\n')
    error = project.run(code=1).report["streams"][0]["error"]
    assert error["code"] == "MR-E-PG20" and may in error["advice"], error


def test_char_padded(postgres, project):
    url = postgres.database("padded", "CREATE TABLE p (id int, c char(5), a char(3)[]); INSERT INTO p VALUES (1, 'ab', '{x}'), (2, '', NULL);")
    rows = [row for row, _ in landed(project, url, "p", consumer="  char: padded\n")]
    assert rows == [{"id": 1, "c": "ab   ", "a": ["x  "]}, {"id": 2, "c": "     ", "a": None}]


def test_bytes_that_are_no_utf8(postgres, project):
    postgres.psql("postgres", "DROP DATABASE IF EXISTS ascii; CREATE DATABASE ascii ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;")
    postgres.psql("ascii", r"""SET client_encoding = 'SQL_ASCII'; CREATE TABLE t (id int, v text, a text[]); GRANT SELECT ON t TO mill;
        INSERT INTO t VALUES (1, convert_from('\xc5bc', 'SQL_ASCII'), NULL), (2, convert_from('\x41ff00'::bytea || ''::bytea, 'SQL_ASCII'), NULL);""", check=False)
    postgres.psql("ascii", r"""INSERT INTO t VALUES (1, convert_from('\xc5bc', 'SQL_ASCII'), NULL), (2, convert_from('\x41ff', 'SQL_ASCII'), NULL),
                               (3, 'plain', ARRAY['a', convert_from('\xfe', 'SQL_ASCII')]);""")
    got = landed(project, f"{postgres.url}/ascii", "t")
    assert [row["v"] for row, _ in got] == ["ż", None, "plain"]
    assert [rescued for _, rescued in got] == [{}, {"v": "invalid-utf8:41ff"}, {"a": "invalid-utf8:" + b"{a,\xfe}".hex()}]


# SQL of a cell of the columns p, z, g, l; whether the array does not fit
PLACES = [("'SRID=4326;POINT(1 2)'", "'SRID=4326;POINT Z(1 2 3)'", "'SRID=4326;LINESTRING(0 0,1 1)'", "array['POINT(1 1)'::geometry, NULL]", False),
          ("'POINT EMPTY'", "NULL", "'POINT(-180 90)'", "'{}'", False),
          ("'GEOMETRYCOLLECTION(POINT(0.1 -0),POLYGON((0 0,1 0,1 1,0 0)))'", "'SRID=4326;POINT Z(0 0 1e-300)'", "NULL", "array[array['POINT(1 1)'::geometry, NULL]]", True),
          ("'SRID=3857;MULTIPOLYGON M(((0 0 1,4 0 1,4 4 1,0 0 1)))'", "NULL", "'POLYGON((0 0,1 0,1 1,0 0))'", "NULL", False),
          ("ST_MakeLine(array(SELECT ST_Point(i, -i) FROM generate_series(1, 5000) i))", "NULL", "NULL", "array['CIRCULARSTRING(0 0,1 1,2 0)'::geometry]", False)]


@pytest.mark.parametrize("reader", ["copy", "cursor"])
def test_geometry_is_ewkb_with_its_srid(postgres, project, reader):
    """PostGIS' own text of a geometry is its EWKB in hexadecimal digits."""
    url = postgres.database("gis", "CREATE EXTENSION postgis; REVOKE ALL ON spatial_ref_sys FROM public;"
                            "CREATE TABLE g (id int, p geometry, z geometry(PointZ,4326), g geography, l geometry[], b box2d);"
                            + "".join(f"INSERT INTO g VALUES ({i}, {', '.join(row[:4])}, 'BOX(0 0,1 1)');" for i, row in enumerate(PLACES)))
    want = oracle(postgres, "gis", "g", [(n, f"to_json({n}::text)") for n in "pzgb"] + [("l", "(SELECT json_agg(x::text) FROM unnest(l) x)")])
    got = landed(project, url, "g", consumer=f"  reader: {reader}\n  tables: [g]\n")
    assert len(got) == len(want) == len(PLACES)
    for i, (row, rescued) in enumerate(got):
        hexed = [row[n] and row[n].hex().upper() for n in "pzg"]
        assert hexed == [text for text, _ in want[i][:3]] and row["b"] == want[i][3][0] == "BOX(0 0,1 1)"
        text, parts = want[i][4]
        assert rescued == ({"l": text} if PLACES[i][4] else {})
        assert row["l"] == (None if text is None or rescued else [v and bytes.fromhex(v) for v in parts or []])
    fields = {f.name: f for f in project.table("shop/g").schema().fields}
    assert fields["z"].metadata["srid"] == 4326 and "srid" not in fields["p"].metadata
    assert json.loads(fields["p"].type.to_json()) == "binary"


@pytest.mark.parametrize("reader", ["copy", "cursor"])
def test_views_and_queries_have_the_same_types(postgres, project, reader):
    url = postgres.database("kinds", SCHEMA + """
        CREATE TABLE t (id int, a price[], r int4range, o odd, d scores, x numeric);
        INSERT INTO t VALUES (1, '{1.5,NULL}', '[1,5)', ROW('[1,2)', '{a}', ROW(1, 2, 'z'), 3), '{{1}}', 'NaN');
        CREATE VIEW v AS SELECT *, ARRAY[r] AS rs FROM t; GRANT SELECT ON v TO mill;""")
    project.pipeline(url, consumer=f'  reader: {reader}\n  tables:\n    public.t: {{}}\n    public.v: {{}}\n'
                     '    q: {query: "SELECT *, ARRAY[r] AS rs, ROW(1, NULL::text) AS w FROM public.t"}\n')
    project.run()
    odd = {"r": "[1,2)", "v": ["'a'"], "p": {"x": 1, "y y": D("2.00"), "z": "z"}, "n": "3.00"}
    want = {"id": 1, "a": [D("1.50"), None], "r": "[1,5)", "o": odd, "d": None, "x": None, "_rescued": '{"d":"{{1}}","x":"NaN"}'}
    tables = {t: project.rows(f"shop/{t}").to_pylist() for t in ("t", "v", "q")}
    assert tables == {"t": [want], "v": [{**want, "rs": ["[1,5)"]}], "q": [{**want, "rs": ["[1,5)"], "w": "(1,)"}]}
