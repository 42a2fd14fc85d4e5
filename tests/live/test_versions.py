"""PostgreSQL 14 to 18: a small database with every type, copied from each, against what the server itself prints."""

import pytest
import readers
from conftest import Project
from pg_servers import landed, rows_as_json, server
from pg_types import ARRAYS, SCALARS, matrix_rows
from readers import BOOL, DATE, FLOAT32, FLOAT64, HEX, NUMBER, TIME, TIMEZONE
from test_pg_types import matrix

# type -> (kind, values): docs/types.md
TYPES = {
    "boolean": (BOOL, ["true", "false"]),
    "smallint": (NUMBER, ["-32768", "32767"]),
    "integer": (NUMBER, ["-2147483648", "2147483647"]),
    "bigint": (NUMBER, ["-9223372036854775808", "9223372036854775807"]),
    "real": (FLOAT32, ["'NaN'", "1e-45"]),
    "double precision": (FLOAT64, ["'-Infinity'", "0.1"]),
    "numeric(12,2)": (NUMBER, ["-9999999999.99", "0.01"]),
    "numeric(38,10)": (NUMBER, ["1234567890123456789012345678.0123456789", "-0.0000000001"]),
    "numeric(5,-2)": (NUMBER, ["1200", "-9999900"]),
    "numeric(2,4)": (NUMBER, ["0.0099", "-0.0001"]),
    "numeric": (NUMBER, ["99999999999999999999.999999999999999999", "-1.50"]),
    "text": (HEX, ["'żółć 🎈'", "repeat('long ', 100000)"]),
    "varchar(20)": (HEX, ["''", "'  x  '"]),
    "name": (HEX, ["'a name'", "repeat('n', 63)"]),
    "char(5)": (HEX, ["'ab'", "'abcde'"]),
    "bytea": (HEX, [r"'\x00ff5c'", r"'\x'"]),
    "date": (DATE, ["'0001-01-01'", "'9999-12-31'"]),
    "timestamp": (TIME, ["'1969-12-31 23:59:59.999999'", "'9999-12-31 23:59:59.999999'"]),
    "timestamptz": (TIMEZONE, ["'2026-03-29 03:00:00+02'", "'0001-01-01 00:00:00+00'"]),
    "uuid": (HEX, ["'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF'", "'6f1d9ad01c6b4a0c9a3e000000000001'"]),
    "json": (HEX, ["'{\"a\": 1 ,\"a\":2}'", "'null'"]),
    "jsonb": (HEX, ["'{\"b\": 1, \"a\": [true, null]}'", "'[1e400]'"]),
}


def types_of(major):
    """Columns c0, c1, ... with (type, kind, values)."""
    since_15 = ("numeric(5,-2)", "numeric(2,4)")  # scales below 0 or above the precision
    return {f"c{i}": (t, kind, values) for i, (t, (kind, values)) in enumerate(TYPES.items()) if major >= 15 or t not in since_15}


DATABASE = r'''
    CREATE TABLE sales (id int, region text, at date, note text, PRIMARY KEY (id, region, at)) PARTITION BY LIST (region);
    CREATE TABLE sales_eu PARTITION OF sales FOR VALUES IN ('eu') PARTITION BY RANGE (at);
    CREATE TABLE sales_eu_25 PARTITION OF sales_eu FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
    CREATE TABLE sales_eu_26 PARTITION OF sales_eu FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
    CREATE TABLE sales_rest PARTITION OF sales DEFAULT;
    INSERT INTO sales SELECT i, CASE i % 3 WHEN 0 THEN 'eu' WHEN 1 THEN 'us' ELSE 'pl' END, date '2025-06-01' + i % 400, 'n' || i
      FROM generate_series(1, 3000) i;
    CREATE MATERIALIZED VIEW by_region AS SELECT region, count(*) AS n FROM sales GROUP BY region;
    CREATE SCHEMA "Odd ""schema""";
    CREATE TABLE "Odd ""schema"""."tab""le" ("Select" int, "quo""te" text, "it's" boolean);
    INSERT INTO "Odd ""schema"""."tab""le" VALUES (1, 'a"b', true), (2, NULL, NULL);
    GRANT USAGE ON SCHEMA "Odd ""schema""" TO mill; GRANT SELECT ON ALL TABLES IN SCHEMA "Odd ""schema""" TO mill;
    CREATE TABLE made (id int GENERATED ALWAYS AS IDENTITY, a int NOT NULL, gone int, twice int GENERATED ALWAYS AS (a * 2) STORED);
    INSERT INTO made (a, gone) SELECT i, i FROM generate_series(1, 50) i;
    ALTER TABLE made DROP gone; ALTER TABLE made ADD late text DEFAULT 'later';
    CREATE UNLOGGED TABLE fast AS SELECT i AS id FROM generate_series(1, 10) i;
    CREATE TABLE big AS SELECT i AS id, repeat(md5(i::text), 10) AS pad FROM generate_series(1, 50000) i;
    DELETE FROM big WHERE id % 5 = 0;
'''


@pytest.fixture(scope="module", params=[14, 15, 16, 17, 18])
def versioned(request, tmp_path_factory):
    """(server, project after one run, its report): one of each major."""
    major = request.param
    with server(tmp_path_factory.mktemp(f"pg{major}"), major) as pg:
        assert pg.psql("postgres", "SHOW server_version_num;").startswith(str(major))
        types = types_of(major)
        columns = ", ".join(f"{n} {t}" for n, (t, _, _) in types.items())
        rows = [", ".join(v[k] for _, _, v in types.values()) for k in (0, 1)] + [", ".join(["NULL"] * len(types))]
        sql = DATABASE + f"CREATE TABLE types (id int, {columns});"
        sql += "".join(f"INSERT INTO types VALUES ({i}, {r});" for i, r in enumerate(rows))
        if major >= 18:
            sql += "CREATE TABLE virtual_column (id int, v int GENERATED ALWAYS AS (id * 3) VIRTUAL); INSERT INTO virtual_column VALUES (4);"
        url = pg.database("all", sql + "ANALYZE;")
        # What the role brings along must not change a byte, nor end the run.
        for setting in ("datestyle = 'German'", "bytea_output = 'escape'", "extra_float_digits = -5", "timezone = 'Asia/Kolkata'",
                        "search_path = 'nowhere'", "client_encoding = 'LATIN1'", "statement_timeout = '1min'",
                        "intervalstyle = 'iso_8601'", "enable_tidscan = off"):
            pg.psql("postgres", f"ALTER ROLE mill SET {setting};")
        project = Project(tmp_path_factory.mktemp(f"versions{major}") / "project")
        project.pipeline(url, consumer="  workers: 2\n")
        yield pg, project, project.run().report, major
        project.scan_for_password()


def test_every_table_arrives(versioned):
    pg, project, report, major = versioned
    names = {s["stream"]: s["status"] for s in report["streams"]}
    want = {"public.sales", "public.by_region", 'Odd "schema".tab"le', "public.made", "public.fast", "public.big", "public.types"}
    assert names == {n: "done" for n in want | ({"public.virtual_column"} if major >= 18 else set())}


def test_types(versioned):
    pg, project, _, major = versioned
    kinds = {n: k for n, (_, k, _) in types_of(major).items()}
    shown = [f"encode({n}, 'hex')" if t == "bytea" else f"encode(convert_to({n}::text, 'UTF8'), 'hex')" if k == HEX else f"{n}::text"
             for n, (t, k, _) in types_of(major).items()]
    text = pg.psql("all", f"\\pset null NULL\n\\pset fieldsep '|'\nSELECT id, {', '.join(shown)} FROM types;")
    want = {int(line.split("|")[0]): [readers.canonical(k, None if v == "NULL" else v) for k, v in zip(kinds.values(), line.split("|")[1:])]
            for line in text.splitlines()}
    assert len(want) == 3 and want[2] == [None] * len(kinds)
    assert readers.delta_rs(project.lake / "shop" / "types", kinds) == want
    assert readers.pyarrow_files(project.lake / "shop" / "types", kinds) == want


@pytest.mark.parametrize("types", [SCALARS, ARRAYS], ids=["scalars", "arrays"])
def test_every_type(versioned, tmp_path, types):
    """The matrix of test_pg_types on each major, for a role with odd settings; infinite intervals since 17."""
    pg, _, _, major = versioned
    names, _ = matrix_rows(pg, types)
    assert bool({"forever", "forevers"} & set(names)) == (major >= 17)
    matrix(pg, Project(tmp_path / "project"), "matrix", types)


@pytest.mark.parametrize("source,path", [("by_region", "by_region"), ('"Odd ""schema"""."tab""le"', 'Odd__schema___tab_le'),
                                         ("made", "made"), ("fast", "fast"), ("big", "big"), ("virtual_column", "virtual_column"),
                                         ("(SELECT id, region, note FROM sales)", "sales")])
def test_rows(versioned, source, path):
    pg, project, _, major = versioned
    if path == "virtual_column" and major < 18:
        pytest.skip("new in 18")
    table = project.rows(f"shop/{path}")
    if path == "sales":
        days = pg.psql("all", "SELECT id || ' ' || at FROM sales;").splitlines()
        assert sorted(days) == sorted(f"{i} {d}" for i, d in zip(table.column("id").to_pylist(), table.column("at").to_pylist()))
        table = table.drop_columns(["at"])
    assert sorted(table.to_pylist(), key=repr) == rows_as_json(pg, "all", source)
    assert table.num_rows > 0


def test_nothing_changed_and_one_row_changed(versioned):
    pg, project, _, _ = versioned
    assert {s["status"] for s in project.run().report["streams"]} == {"unchanged"}
    pg.psql("all", "UPDATE made SET a = -1 WHERE id = 7; VACUUM FULL made;")
    again = project.run()
    assert again.stream("public.made")["status"] == "done" and again.stream("public.sales")["status"] == "unchanged"
    assert landed(project, "shop/made") == rows_as_json(pg, "all", "made")


def test_time_outs_of_the_role_do_not_end_a_read(versioned):
    pg, project, _, major = versioned
    names = ["statement_timeout", "idle_in_transaction_session_timeout"] + (["transaction_timeout"] if major >= 17 else [])
    for name in names:
        pg.psql("postgres", f"ALTER ROLE mill SET {name} = '300ms';")
    try:
        assert "lived" not in pg.psql("all", "BEGIN; SELECT 1; SELECT pg_sleep(0.9); SELECT 'lived';", user="mill", check=False)
        report = project.run(fault="pipe.planned=sleep:900").report
        assert {s["status"] for s in report["streams"]} == {"unchanged"}
    finally:
        for name in names:
            pg.psql("postgres", f"ALTER ROLE mill RESET {name};")
