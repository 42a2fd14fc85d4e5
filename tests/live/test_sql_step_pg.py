"""The sql step over PostgreSQL's types: a column that is moved beside the same column through DuckDB."""

import decimal
import json

import pytest
from pg_types import ARRAYS, SCALARS, SCHEMA, matrix_rows

D = decimal.Decimal
NESTED = """
CREATE EXTENSION IF NOT EXISTS hstore;
CREATE TYPE place AS (street text, "No" int, at timestamptz);
CREATE TYPE trip AS (name text, stops place[], cost numeric(30,10));
CREATE TABLE nested (id int PRIMARY KEY, l int[], t text[], d numeric(38,6)[], p place, tr trip, trips trip[], h hstore);
INSERT INTO nested SELECT i, CASE WHEN i % 5 > 0 THEN ARRAY[i, NULL, -i] END,
    CASE WHEN i % 7 = 0 THEN '{}' ELSE ARRAY['', 'zażółć ' || i, NULL, repeat('x', i % 40)] END,
    ARRAY[i::numeric / 3, 12345678901234567890123456789012.123456 - i],
    CASE WHEN i % 3 > 0 THEN ROW('street ' || i, i, '2026-01-02 03:04:05+00'::timestamptz + i * interval '1 s')::place END,
    ROW('trip', ARRAY[ROW('a', 1, NULL)::place, NULL, ROW(NULL, i, now())::place], i / 7.0)::trip,
    CASE WHEN i % 4 = 0 THEN ARRAY[ROW('t', '{}', i)::trip, NULL] END,
    CASE WHEN i % 6 > 0 THEN hstore(ARRAY['a', 'b' || i], ARRAY[i::text, NULL]) END
  FROM generate_series(1, 40000) i;
"""


def same(a, b):
    return repr(a) == repr(b)  # NaN is itself, and -0.0 is not 0.0


def check_twins(table, names):
    for name in names:
        assert table.schema.field(name).type == table.schema.field(name + "_2").type, name
        a, b = table.column(name).to_pylist(), table.column(name + "_2").to_pylist()
        bad = [i for i in range(len(a)) if not same(a[i], b[i])]
        assert not bad, (name, a[bad[0]], b[bad[0]])


def run_twins(project, postgres, database, table, names, where=""):
    twins = ", ".join(f'"{n}" AS "{n}_2"' for n in names)
    sql = f"SELECT *, {twins} FROM batch{where}"
    project.pipeline(f"{postgres.url}/{database}", consumer=f"  tables: [public.{table}]\n  workers: 2\n",
                     extra=f"transformers:\n  - sql: {json.dumps(sql)}\n")
    project.run("shop.yml")
    return project.rows(f"shop/{table}")


def test_nested_columns_through_duckdb(project, postgres):
    postgres.database("sqlnested", NESTED)
    names = ["l", "t", "d", "p", "tr", "trips", "h"]
    table = run_twins(project, postgres, "sqlnested", "nested", names, " WHERE id % 11 <> 0")
    check_twins(table, names)
    assert sorted(table.column("id").to_pylist()) == [i for i in range(1, 40001) if i % 11]
    assert sum(v is not None for v in table.column("trips").to_pylist()) > 9000


def test_expressions_over_nested_columns(project, postgres):
    postgres.database("sqlnested", NESTED)
    sql = """SELECT id, l[3] AS last, p.street AS street, tr.stops[3]."No" AS no, h['a'] AS a, list_sum(l) AS s, len(t) AS n,
        list_transform(trips, x -> x.name) AS names, d[1] + 1 AS d1 FROM batch"""
    project.pipeline(f"{postgres.url}/sqlnested", extra=f"transformers:\n  - sql: {json.dumps(sql)}\n")
    project.run("shop.yml")
    for r in project.rows("shop/nested").to_pylist():
        i = r["id"]
        assert r["last"] == (-i if i % 5 else None) and r["s"] == (0 if i % 5 else None)
        assert r["street"] == (f"street {i}" if i % 3 else None) and r["no"] == i
        assert r["a"] == (str(i) if i % 6 else None) and r["n"] == (4 if i % 7 else 0)
        assert r["names"] == (["t", None] if i % 4 == 0 else None)
        assert abs(r["d1"] - 1 - D(i) / 3) <= D("0.000001")


@pytest.mark.parametrize("types", [SCALARS, ARRAYS], ids=["scalars", "arrays"])
def test_every_type_through_duckdb(project, postgres, types):
    """Beside a run without the step, too: what passes through is what lands without it, rescued texts included."""
    types = {name: types[name] for name in matrix_rows(postgres, types)[0]}
    columns = ", ".join(f"{name} {t[0]}" for name, t in types.items())
    rows = "".join(f"INSERT INTO s VALUES ({k}, {', '.join(str(t[k]) for t in types.values())});\n" for k in range(1, 8))
    url = postgres.database("sqltypes", f"{SCHEMA}CREATE TABLE s (id int PRIMARY KEY, {columns});\n{rows}INSERT INTO s (id) VALUES (100);\n")
    got = run_twins(project, postgres, "sqltypes", "s", list(types)).sort_by("id")
    check_twins(got, list(types))
    project.pipeline(url, name="plain", ident=False)
    project.run("plain.yml")
    want = project.rows("plain/s").sort_by("id")
    assert want.num_rows == 8
    for name in want.column_names:
        assert got.schema.field(name).type == want.schema.field(name).type
        a, b = got.column(name).to_pylist(), want.column(name).to_pylist()
        assert all(same(x, y) for x, y in zip(a, b, strict=True)), (name, a, b)
