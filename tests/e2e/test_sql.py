"""SQL over the lake: what it answers, and one test per engine feature that could write, read other files or change settings."""

import json
import os
import pathlib
import shutil
import sqlite3

import pytest


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    from conftest import Project
    folder = tmp_path_factory.mktemp("sql")
    db = sqlite3.connect(folder / "s.db")
    db.executescript("""
        CREATE TABLE orders (id INTEGER, customer INTEGER, total DECIMAL(9,2), at DATETIME, note TEXT);
        CREATE TABLE "odd.name" (id INTEGER);
        CREATE TABLE "select" (id INTEGER);
        CREATE TABLE empty (id INTEGER, t TEXT, d DECIMAL(9,2), day DATE);
        INSERT INTO "odd.name" VALUES (42);
        INSERT INTO "select" VALUES (43);""")
    db.executemany("INSERT INTO orders VALUES (?,?,?,?,?)",
                   [(i, i % 3, i / 4, "2026-01-02 03:04:05", "a,\"b\"\n🎈" if i == 1 else None) for i in range(1, 11)])
    db.commit()
    project = Project(folder / "project")
    project.pipeline(folder / "s.db")
    project.run()
    db.execute("DELETE FROM orders WHERE id > 5")
    db.commit()
    project.run()
    (folder / "secret.csv").write_text("a,b\n1,2\n")
    (folder / "secret.parquet").write_bytes(b"PAR1")
    return project


def sql(lake, text, *args, code=0):
    return lake.millrace("sql", "-c", text, *args, code=code)


def rows(lake, text):
    return json.loads(sql(lake, text, "--format", "json").out)


# ---- answers ----

def test_tables_have_the_path_as_their_name(lake):
    assert rows(lake, "SELECT count(*) AS n FROM shop.orders") == [{"n": "5"}] or rows(lake, "SELECT count(*)::int AS n FROM shop.orders") == [{"n": 5}]
    assert rows(lake, 'SELECT id::int AS id FROM shop."odd.name"') == [{"id": 42}]
    assert rows(lake, 'SELECT id::int AS id FROM shop."select"') == [{"id": 43}]
    assert rows(lake, "SELECT * FROM shop.empty") == []
    assert rows(lake, "SELECT count(*)::int AS n FROM shop.empty e JOIN shop.orders o ON e.id = o.id AND e.day > '2026-01-01'") == [{"n": 0}]


def test_nested_values_are_json(lake):
    text = """SELECT [1, NULL, 3] AS l, {'a': 1.50, 'b': {'c': 'x"y\\z, [n] {m}: 12345678901234567890', 'd': [true, NULL]}} AS s,
        MAP {'k': ['v'], '': NULL} AS m, []::INTEGER[] AS e, NULL::INTEGER[] AS n, [DATE '2026-01-02'] AS d,
        [1::BIGINT, 999999999999999, 9007199254740993, -9007199254740993] AS big, ['nan'::DOUBLE, 'inf'::DOUBLE, '-inf'::DOUBLE, 1e300, -0.5] AS r,
        [170141183460469231731687303715884105727] AS h, array_value(1, 2) AS f, [[{'x': 'N'}]] AS deep, 'I' AS plain"""
    assert rows(lake, text) == [{
        "l": [1, None, 3], "s": {"a": "1.50", "b": {"c": 'x"y\\z, [n] {m}: 12345678901234567890', "d": [True, None]}},
        "m": {"k": ["v"], "": None}, "e": [], "n": None, "d": ["2026-01-02"],
        "big": [1, 999999999999999, "9007199254740993", "-9007199254740993"], "r": ["nan", "inf", "-inf", 1e300, -0.5],
        "h": ["170141183460469231731687303715884105727"], "f": [1, 2], "deep": [[{"x": "N"}]], "plain": "I"}]
    assert sql(lake, "SELECT [1, 2] AS l, {'a': 'x'} AS s", "--format", "csv").out == "l,s\n\"[1, 2]\",{'a': x}\n"
    assert "[1, 2]" in sql(lake, "SELECT [1, 2] AS l").out


def test_versions_and_times(lake):
    assert rows(lake, "SELECT count(*)::int n FROM shop.orders AT (VERSION => 0)") == [{"n": 10}]
    both = "SELECT (SELECT count(*) FROM shop.orders AT (VERSION => 0))::int a, (SELECT count(*) FROM shop.orders)::int b"
    assert rows(lake, both) == [{"a": 10, "b": 5}]
    history = lake.millrace("history", "shop.orders").out
    assert "v0" in history.replace(" 0 ", " v0 ") or "0" in history
    assert rows(lake, "SELECT count(*)::int n FROM shop.orders AT (TIMESTAMP => '2099-01-01')") == [{"n": 5}]
    assert "MR-E-DELTA03" in sql(lake, "SELECT * FROM shop.orders AT (TIMESTAMP => '2000-01-01')", code=1).err
    assert "MR-E-DELTA03" in sql(lake, "SELECT * FROM shop.orders AT (VERSION => 7)", code=1).err
    assert "MR-E-SQL02" in sql(lake, "SELECT * FROM shop.orders AT (VERSION => 1 + 1)", code=1).err


ALLOWED = ["WITH a AS (SELECT * FROM shop.orders), b AS (SELECT * FROM a) SELECT count(*)::int AS n FROM b",
           "WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM r WHERE i < 5) SELECT count(*)::int AS n FROM r",
           "WITH orders AS (SELECT id FROM shop.orders) SELECT count(*)::int AS n FROM orders",
           "SELECT 5 AS n FROM shop.orders LIMIT 1",
           "SELECT count(*)::int AS n FROM (SELECT customer, rank() OVER (ORDER BY total) FROM shop.orders)",
           "SELECT count(*)::int AS n FROM range(5)",
           "SELECT count(*)::int AS n FROM unnest([1, 2, 3, 4, 5])",
           "SELECT 5::int AS n WHERE EXISTS (SELECT 1 FROM shop.orders WHERE total = 0.25)",
           "SELECT 5 AS n UNION SELECT 5",
           "FROM shop.orders SELECT count(*)::int AS n",
           "SELECT n FROM (VALUES (5)) AS v(n)",
           "SELECT count(*)::int AS n FROM shop.orders AS o LEFT JOIN shop.orders USING (id)"]


@pytest.mark.parametrize("text", ALLOWED)
def test_plain_sql_is_not_in_the_way(lake, text):
    assert rows(lake, text) == [{"n": 5}]


def test_output_formats(lake):
    text = "SELECT id, total, note FROM shop.orders WHERE id = 1"
    assert sql(lake, text, "--format", "csv").out == 'id,total,note\n1,0.25,"a,""b""\n🎈"\n'
    assert rows(lake, text)[0]["note"] == 'a,"b"\n🎈'
    table = sql(lake, text).out
    assert "(1 row)" in table and "0.25" in table
    lake.dir.joinpath("q.sql").write_text(text)
    assert lake.millrace("sql", "-f", "q.sql", "--format", "csv").out.startswith("id,total,note")


def test_wrong_sql_says_what_is_wrong(lake):
    for text, code, word in [("SELEC 1", "SQL01", "SELEC"), ("SELECT nope FROM shop.orders", "SQL01", "nope"),
                             ("SELECT * FROM shop.nope", "SQL03", "shop.orders"), ("SELECT 1/0 FROM nope", "SQL03", "nope"),
                             ("SELECT * FROM shop.order", "SQL03", "did you mean shop.orders?"),
                             ("SELECT * FROM oRDers", "SQL03", "did you mean shop.orders?"),
                             (" ", "SQL0", ""), ("SELECT error('mine')", "SQL01", "mine")]:
        err = sql(lake, text, code=1).err
        assert f"MR-E-{code}" in err and word in err, (text, err)


# ---- what it must refuse ----

SECRET = "secret.csv"
REFUSED = {
    "COPY TO": "COPY (SELECT 1) TO '{out}'",
    "COPY FROM": "COPY orders FROM '{csv}'",
    "ATTACH": "ATTACH '{out}' AS x",
    "DETACH": "DETACH memory",
    "INSTALL": "INSTALL httpfs",
    "LOAD": "LOAD '{out}'",
    "SET": "SET enable_external_access = true",
    "SET GLOBAL": "SET GLOBAL memory_limit = '1TB'",
    "RESET": "RESET enable_external_access",
    "PRAGMA": "PRAGMA enable_logging",
    "PRAGMA call": "PRAGMA database_list",
    "EXPORT": "EXPORT DATABASE '{out}'",
    "IMPORT": "IMPORT DATABASE '{out}'",
    "CREATE TABLE": "CREATE TABLE t (i int)",
    "CREATE TABLE AS": "CREATE TABLE t AS SELECT 1",
    "CREATE VIEW": "CREATE VIEW v AS SELECT 1",
    "CREATE MACRO": "CREATE MACRO m() AS 1",
    "CREATE SECRET": "CREATE SECRET (TYPE s3)",
    "INSERT": "INSERT INTO shop.orders VALUES (1)",
    "UPDATE": "UPDATE shop.orders SET id = 1",
    "DELETE": "DELETE FROM shop.orders",
    "DROP": "DROP TABLE shop.orders",
    "ALTER": "ALTER TABLE shop.orders ADD COLUMN x int",
    "USE": "USE memory",
    "CALL": "CALL enable_logging()",
    "CALL pragma": "CALL pragma_version()",
    "CHECKPOINT": "CHECKPOINT",
    "VACUUM": "VACUUM",
    "ANALYZE": "ANALYZE",
    "BEGIN": "BEGIN",
    "PREPARE": "PREPARE p AS SELECT 1",
    "EXECUTE": "EXECUTE p",
    "EXPLAIN ANALYZE": "EXPLAIN ANALYZE COPY (SELECT 1) TO '{out}'",
    "SHOW": "SHOW TABLES",
    "SHOW ALL": "SELECT * FROM (SHOW ALL TABLES)",
    "DESCRIBE": "SELECT * FROM (DESCRIBE SELECT 1)",
    "SUMMARIZE": "SELECT * FROM (SUMMARIZE SELECT 1)",
    "two statements": "SELECT 1; COPY (SELECT 1) TO '{out}'",
    "two statements with a comment": "SELECT 1 /* ; */; -- x\nCREATE TABLE t (i int)",
    "read_text": "SELECT * FROM read_text('{csv}')",
    "read_blob": "SELECT * FROM read_blob('{csv}')",
    "read_csv": "SELECT * FROM read_csv('{csv}')",
    "read_csv_auto": "SELECT * FROM read_csv_auto('{csv}')",
    "read_json": "SELECT * FROM read_json('{csv}')",
    "read_parquet": "SELECT * FROM read_parquet('{parquet}')",
    "read_parquet inside the lake": "SELECT * FROM read_parquet('{lake}/shop/orders/*.parquet')",
    "parquet_scan": "SELECT * FROM parquet_scan('{parquet}')",
    "parquet_metadata": "SELECT * FROM parquet_metadata('{parquet}')",
    "parquet_schema": "SELECT * FROM parquet_schema('{parquet}')",
    "sniff_csv": "SELECT * FROM sniff_csv('{csv}')",
    "glob": "SELECT * FROM glob('{lake}/*')",
    "a file as a table": "SELECT * FROM '{csv}'",
    "a quoted file as a table": 'SELECT * FROM "{csv}"',
    "a relative file as a table": "SELECT * FROM '../secret.csv'",
    "a path out of the lake": 'SELECT * FROM "../project/lake/shop/orders"',
    "an absolute path": 'SELECT * FROM "{lake}/shop/orders"',
    "http": "SELECT * FROM 'http://127.0.0.1:1/x.parquet'",
    "getenv": "SELECT getenv('HOME')",
    "getenv in a filter": "SELECT 1 FROM shop.orders WHERE note = getenv('HOME')",
    "getenv in a CTE": "WITH a AS (SELECT getenv('HOME') AS h) SELECT * FROM a",
    "getenv in ORDER BY": "SELECT id FROM shop.orders ORDER BY getenv('HOME')",
    "getenv in a lambda": "SELECT list_transform([1], x -> getenv('HOME'))",
    "getenv in a window": "SELECT sum(id) OVER (PARTITION BY getenv('HOME')) FROM shop.orders",
    "getenv in LIMIT": "SELECT id FROM shop.orders LIMIT length(getenv('HOME'))",
    "getenv upper case": "SELECT GETENV('HOME')",
    "getenv qualified": "SELECT main.getenv('HOME')",
    "getvariable": "SELECT getvariable('x')",
    "current_setting": "SELECT current_setting('memory_limit')",
    "duckdb_settings": "SELECT * FROM duckdb_settings()",
    "duckdb_secrets": "SELECT * FROM duckdb_secrets()",
    "duckdb_tables view": "SELECT * FROM duckdb_tables",
    "information_schema": "SELECT * FROM information_schema.tables",
    "pg_catalog": "SELECT * FROM pg_catalog.pg_class",
    "sqlite_master": "SELECT * FROM sqlite_master",
    "pragma function": "SELECT * FROM pragma_database_list()",
    "enable_logging": "SELECT * FROM enable_logging()",
    "query": "SELECT * FROM query('SELECT 1')",
    "query_table": "SELECT * FROM query_table('orders')",
    "json_execute_serialized_sql": "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    "write_log": "SELECT write_log('x')",
    "nextval": "SELECT nextval('s')",
    "shadowed by a CTE of another scope": "SELECT * FROM (WITH read_text AS (SELECT 1) SELECT 1), read_text('{csv}')",
    "a CTE named like a file": "SELECT * FROM (WITH \"{csv}\" AS (SELECT 1) SELECT 1) a, '{csv}'",
    "macro by table function": "SELECT * FROM histogram_values('x', 'y')",
    "semicolon hidden in a string": "SELECT ';'; DROP TABLE t",
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(lake, what):
    folder = lake.dir.parent
    before = sorted(p for p in folder.rglob("*"))
    words = {"out": folder / "out.bin", "csv": folder / SECRET, "parquet": folder / "secret.parquet", "lake": lake.lake}
    result = sql(lake, REFUSED[what].format(**words), code=None)
    assert result.code in (1, 2) and "MR-E-SQL" in result.err, result
    assert result.out == ""
    assert sorted(p for p in folder.rglob("*")) == before


def copy_of(lake, tmp_path):
    target = tmp_path / "lake"
    shutil.copytree(lake.lake, target, symlinks=True)
    return target


def ask(lake, where, text):
    return lake.millrace("sql", "--lake", where, "-c", text, code=None)


def test_a_data_file_that_is_a_link_is_not_followed(lake, tmp_path):
    where = copy_of(lake, tmp_path)
    table = where / "shop" / "orders"
    for f in table.glob("*.parquet"):
        shutil.move(f, tmp_path / f.name)
        f.symlink_to(tmp_path / f.name)
    result = ask(lake, where, "SELECT * FROM shop.orders")
    assert result.code == 1 and "MR-E-STORE01" in result.err


def test_a_table_folder_that_is_a_link_is_not_followed(lake, tmp_path):
    where = copy_of(lake, tmp_path)
    shutil.move(where / "shop", tmp_path / "elsewhere")
    (where / "shop").symlink_to(tmp_path / "elsewhere")
    result = ask(lake, where, "SELECT * FROM shop.orders")
    assert result.code == 1 and "MR-E-S" in result.err


def test_a_log_that_names_a_file_outside_is_refused(lake, tmp_path):
    where = copy_of(lake, tmp_path)
    log = sorted((where / "shop" / "orders" / "_delta_log").glob("*.json"))[-1]
    for path in ("../../../secret.parquet", "/etc/passwd", "file:///etc/passwd", "%2e%2e/%2e%2e/%2e%2e/secret.parquet"):
        text = log.read_text().splitlines()
        out = []
        for line in text:
            action = json.loads(line)
            if "add" in action:
                action["add"]["path"] = path
            out.append(json.dumps(action))
        log.write_text("\n".join(out) + "\n")
        result = ask(lake, where, "SELECT * FROM shop.orders")
        assert result.code == 1 and "MR-E-" in result.err and "root:" not in result.out, path


@pytest.mark.parametrize("broken", [lambda a: "x", lambda a: 1, lambda a: [a], lambda a: {**a, "size": -1}])
def test_a_log_with_a_broken_add_is_refused(lake, tmp_path, broken):
    """Passed over, it would be a table that lacks rows."""
    where = copy_of(lake, tmp_path)
    log = sorted((where / "shop" / "orders" / "_delta_log").glob("*.json"))[-1]
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    log.write_text("".join(json.dumps({k: broken(v) if k == "add" else v for k, v in a.items()}) + "\n" for a in actions))
    result = ask(lake, where, "SELECT count(*) FROM shop.orders")
    assert result.code == 1 and "MR-E-DELTA01" in result.err, result


def test_sql_needs_the_engine_and_says_so(lake):
    env = dict(os.environ, MILLRACE_DUCKDB="/nonexistent.so")
    import subprocess
    from conftest import BINARY
    out = subprocess.run([BINARY, "sql", "-c", "SELECT 1"], cwd=lake.dir, env=env, capture_output=True, text=True)
    assert out.returncode == 1 and "MR-E-DUCK01" in out.stderr
    assert pathlib.Path(BINARY).exists()
