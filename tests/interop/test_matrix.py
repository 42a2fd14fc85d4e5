"""Every type of PostgreSQL and SQLite, with the values that are hard, as five readers see them; and what docs/readers.md says of
it. The oracles are those of tests/pg_types.py and tests/sqlite_types.py: the source's own text."""

import hashlib
import importlib.metadata
import json
import os
import sqlite3
import subprocess

import pg_types
import pytest
import reader_notes
import readers
import sqlite_types

READERS = ["pyarrow", "delta-rs", "duckdb", "polars", "spark"]
PACKAGES = {"pyarrow": "pyarrow", "delta-rs": "deltalake", "duckdb": "duckdb", "polars": "polars"}
TYPES = {**pg_types.SCALARS, **pg_types.ARRAYS}
# family -> columns of the matrix
FAMILIES = {
    "boolean": ["bool"], "short, integer, long": ["int2", "int4", "int8", "oid", "xid", "xid8"],
    "float, double: NaN, infinities, -0": ["float4", "float8"], "decimal up to 18 digits": ["num12_2", "price", "num5_m2", "num2_4"],
    "decimal up to 38 digits": ["num", "num38_0", "num38_38", "money"], "binary": ["bytea"], "date, 0001 to 9999": ["date"],
    "timestamp, 0001 to 9999": ["tstz"], "timestamp_ntz, 0001 to 9999": ["ts"], "array of any scalar, empty, with NULLs": list(pg_types.ARRAYS),
}
FAMILIES["string, and types that land as one"] = [n for n in pg_types.SCALARS if not any(n in f for f in FAMILIES.values())]
RAN = {}
WHERE_BAD = {  # the source counts for itself
    "num": "num IN ('NaN', 'Infinity', '-Infinity') OR abs(num) >= 1e20 OR num <> round(num, 18)", "num12_2": "num12_2 = 'NaN'",
    "date": "date < '0001-01-01' OR date > '9999-12-31'", "ts": "ts < '0001-01-01' OR ts >= '10000-01-01'",
    "tstz": "tstz < '0001-01-01 00:00+00' OR tstz >= '10000-01-01 00:00+00'", "xid8": "xid8::text::numeric >= 2::numeric ^ 63",
    "ints": "array_ndims(ints) > 1 OR array_lower(ints, 1) <> 1", "texts": "array_ndims(texts) > 1 OR array_lower(texts, 1) <> 1",
}


# (reader, feature) -> what goes wrong there, and the rows of `small` for which it does; a test fails when it no longer does
WRONG = {("polars", "parquet: int96"): ("wrong before 1677-09-21 and after 2262-04-11: INT96 is made nanoseconds", (0, 1, 5)),
         ("delta-rs", "names: exact"): ("wrong in to_pyarrow_table: NULL for every value, and no error", range(7))}


def note(reader, spark, feature, said):
    name = f"spark {spark.version}" if reader == "spark" else reader
    version = "" if reader == "spark" else importlib.metadata.version(PACKAGES[reader])
    RAN.setdefault(name, {"version": version, "features": {}})["features"][feature] = said


def ask(reader, spark, feature, path, columns):
    """Rows, or None when the reader refuses, which is noted. A wrong value is the caller's to find."""
    try:
        rows = readers.trees_of(reader, spark, path, columns)
    except Exception as e:
        note(reader, spark, feature, f"{type(e).__name__}: " + " ".join(str(e).split()).replace(str(path), "TABLE").replace("|", "/")[:200])
        assert reader != "spark", "Spark reads all that we write"
        return None
    note(reader, spark, feature, WRONG.get((reader, feature), ("yes",))[0])
    return rows


@pytest.fixture(scope="module")
def pg(postgres, tmp_path_factory):
    """(path, {column: [(text, what it lands as)] by id}, rows of literals, report)"""
    from conftest import Project
    names, rows = pg_types.matrix_rows(postgres, TYPES)
    url = postgres.database("everything", pg_types.SCHEMA + pg_types.matrix_sql("m", names, rows, TYPES)
                            + pg_types.COMPOSITE_TABLE + pg_types.composite_rows()
                            + "CREATE TABLE deep (id int, a int[]); INSERT INTO deep VALUES (1, '{{1,NULL},{3,4}}'), (2, '{}'), (3, NULL);")
    project = Project(tmp_path_factory.mktemp("everything") / "project")
    project.pipeline(url, consumer="  tables:\n    public.m:\n    public.c:\n    public.deep: {columns: {a: 'array<array<integer>>'}}\n")
    report = project.run().report
    want = {}
    for at in range(0, len(names), 40):  # a function has 100 arguments at most
        some = names[at:at + 40]
        text = pg_types.oracle(postgres, "everything", "m", [(n, pg_types.shown(n, TYPES[n][0])) for n in some])
        want.update({n: [row[k] for row in text] for k, n in enumerate(some)})
    return project.lake / "shop", want, dict(zip(names, zip(*rows))), report


def rescued_of(row):
    return json.loads(row["_rescued"] or "{}")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("reader", READERS)
def test_postgres(spark, pg, reader, family):
    path, want, literals, _ = pg
    columns = [n for n in FAMILIES[family] if n in want]
    rows = ask(reader, spark, family, path / "m", ["id", *columns, "_rescued"])
    for row in rows or []:
        for n in columns:
            pg_types.check(n, row[n], rescued_of(row), *want[n][row["id"]], isinstance(literals[n][row["id"]], pg_types.Bad))
    assert rows is None or len(rows) == 8
    assert len(pg_types.SCALARS) >= 60


@pytest.mark.parametrize("reader", READERS)
def test_structs_and_maps(postgres, spark, pg, reader):
    parts = pg_types.COMPOSITE_PARTS
    want = pg_types.oracle(postgres, "everything", "c", parts)
    rows = ask(reader, spark, "struct and map, one in another, in arrays", pg[0] / "c", ["id", *(n for n, _ in parts), "_rescued"])
    for row in rows or []:
        for k, (n, _) in enumerate(parts):
            pg_types.check(n, row[n], rescued_of(row), *want[row["id"]][k], pg_types.composite_bad(row["id"], n))
    rows = ask(reader, spark, "array of arrays", pg[0] / "deep", ["id", "a"])
    assert rows is None or {r["id"]: r["a"] for r in rows} == {1: [[1, None], [3, 4]], 2: [], 3: None}


def test_rescued_counts_are_the_sources(postgres, spark, pg):
    told = {b["column"]: b["count"] for s in pg[3]["streams"] if s["stream"] == "public.m" for b in s["bad_values"]}
    rows = spark.trees(pg[0] / "m", ["_rescued"])
    for n, where in WHERE_BAD.items():
        count = int(postgres.psql("everything", f"SELECT count(*) FROM m WHERE {where};"))
        assert count == told.get(n, 0) == sum(n in rescued_of(r) for r in rows), n
    assert sum(told.values()) == sum(len(rescued_of(r)) for r in rows) > 80


@pytest.mark.parametrize("reader", READERS)
def test_the_comparison_can_fail(spark, pg, reader):
    path, want, literals, _ = pg
    rows = readers.trees_of(reader, spark, path / "m", ["id", "int8", "_rescued"])
    row = next(r for r in rows if r["id"] == 3)
    with pytest.raises(AssertionError):
        pg_types.check("int8", row["int8"] - 1, rescued_of(row), *want["int8"][3], False)


# ---- SQLite ----

@pytest.fixture(scope="module")
def lite(tmp_path_factory):
    """All declared types side by side, each with every literal; a view of each column for the oracle."""
    from conftest import Project
    folder = tmp_path_factory.mktemp("everylite")
    db, declared = folder / "m.db", list(sqlite_types.DECLARED)
    sql = "CREATE TABLE m (id INTEGER PRIMARY KEY, " + ", ".join(f"c{i} {t}" for i, t in enumerate(declared)) + ");"
    sql += "".join(f"INSERT INTO m VALUES ({k}{f', {v}' * len(declared)});" for k, v in enumerate(sqlite_types.literals()))
    subprocess.run(["sqlite3", "-batch", str(db)], input=sql, text=True, check=True)
    project = Project(folder / "project")
    project.pipeline(db)
    project.run()
    subprocess.run(["sqlite3", "-batch", str(db)], input="".join(f"CREATE VIEW m{i} AS SELECT id, c{i} AS v FROM m;" for i in range(len(declared))),
                   text=True, check=True)
    return project.lake / "shop/m", {f"c{i}": sqlite_types.wanted(t, db, f"m{i}") for i, t in enumerate(declared)}


@pytest.mark.parametrize("reader", READERS)
def test_sqlite(spark, lite, reader):
    path, want = lite
    rows = readers.trees_of(reader, spark, path, ["id", *want, "_rescued"])
    assert len(rows) == len(sqlite_types.literals()) and len(want) >= 12
    for row in rows:
        rescued = rescued_of(row)
        for n, cells in want.items():
            value, text = cells[row["id"]]
            assert sqlite_types.same(row[n], value) and rescued.get(n) == text, (n, row["id"], row[n], value, rescued.get(n), text)


# ---- one large text ----

def test_a_text_of_32_mb(postgres, spark, project):
    url = postgres.database("large", "CREATE TABLE t (id int, v text); INSERT INTO t SELECT 1, string_agg(md5(i::text), '') FROM generate_series(1, 1048576) i;")
    project.pipeline(url, extra="memory: 512MB\n", consumer="  workers: 1\n")
    project.run()
    path = project.lake / "shop/t"
    want = postgres.psql("large", "SELECT md5(v), length(v) FROM t;").strip().split("|")
    assert want[1] == str(32 << 20)
    for reader in READERS[:-1]:
        text = readers.arrow_of(reader, path, ["v"]).column("v")[0].as_py()
        assert [hashlib.md5(text.encode()).hexdigest(), str(len(text))] == want, reader
    assert spark.sql(f"SELECT md5(cast(v AS binary)), length(v) FROM delta.`{path}`") == [want]


# ---- many at random: columns as a whole against the text of COPY, read by pyarrow's own CSV and casts ----

ROWS = 250_000 if os.environ.get("MR_NIGHTLY") else 50_000
RANDOM = f"""CREATE TABLE r AS SELECT i AS id,
    round((random() - 0.5)::numeric * 10::numeric ^ (random() * 24)::int + random()::numeric / 1e9, (random() * 19)::int) AS num,
    ((random() - 0.5) * 10 ^ (random() * 14))::numeric(30,6) AS wide,
    timestamp '2000-01-01' + make_interval(secs => (random() - 0.15) * 10 ^ (random() * 12)::int) AS ts,
    (SELECT array_agg(CASE WHEN random() < 0.1 THEN NULL ELSE ((random() - 0.5) * 2e18)::int8 END) FROM generate_series(1, i % 5)) AS ints
    FROM generate_series(1, {ROWS}) i;"""
CASTS = {"num": "decimal(38,18)", "wide": "decimal(30,6)", "ts": "timestamp_ntz", "ints": None}


def wrong_cells(table, oracle):
    """{column: [cells that are not what COPY said, cells that were rescued]}"""
    import pyarrow as pa
    import pyarrow.compute as pc
    kinds = {"num": pa.decimal128(38, 18), "wide": pa.decimal128(30, 6), "ts": pa.timestamp("us")}
    table, oracle = table.sort_by("id"), oracle.sort_by("id")
    assert table.column("id").to_pylist() == oracle.column("id").to_pylist()
    rescued = [json.loads(v) if v else {} for v in table.column("_rescued").to_pylist()]
    out = {}
    for n in CASTS:
        bad = pa.array([r.get(n) for r in rescued], pa.string())
        text, cell = oracle.column(n).combine_chunks(), table.column(n).combine_chunks()
        kept = pc.if_else(pc.is_valid(bad), pa.scalar(None, pa.string()), text)
        if n == "ints":
            got = pa.array([None if v is None else "{" + ",".join("NULL" if x is None else str(x) for x in v) + "}" for v in cell.to_pylist()])
        else:
            if n == "num":  # no digits that say nothing: pyarrow takes them for digits too many
                kept = pc.replace_substring_regex(kept, r"(\.\d*?)0+$", r"\1")
            got, kept = cell.cast(kinds[n]), kept.cast(kinds[n])
        right = pc.and_(pc.fill_null(pc.equal(got, kept), pc.and_(pc.is_null(got), pc.is_null(kept))), pc.fill_null(pc.equal(bad, text), True))
        out[n] = [len(right) - pc.sum(right.cast(pa.int64())).as_py(), len(bad) - bad.null_count]
    return out


def test_many_at_random(postgres, spark, tmp_path_factory):
    import pyarrow as pa
    from conftest import Project
    from pyarrow import csv
    folder = tmp_path_factory.mktemp("random")
    project = Project(folder / "project")
    project.pipeline(postgres.database("atrandom", RANDOM))
    project.run()
    path, copy = project.lake / "shop/r", folder / "r.csv"
    copy.write_text("id,num,wide,ts,ints\n" + postgres.psql("atrandom", "COPY (SELECT id, num::text, wide::text, ts::text, ints::text FROM r) TO STDOUT (FORMAT csv);"))
    strings = {n: pa.string() for n in CASTS}
    oracle = csv.read_csv(copy, convert_options=csv.ConvertOptions(column_types=strings, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""]))
    bad = {"num": "abs(num) >= 1e20 OR num <> round(num, 18)", "wide": "false", "ts": "ts < '0001-01-01' OR ts >= '10000-01-01'", "ints": "false"}
    want = {n: [0, int(postgres.psql("atrandom", f"SELECT count(*) FROM r WHERE {w};"))] for n, w in bad.items()}
    assert want["num"][1] > 0 and want["ts"][1] > 0
    for reader in READERS[:-1]:
        table = readers.arrow_of(reader, path, ["id", *CASTS, "_rescued"])
        assert wrong_cells(table, oracle) == want, reader
    spark.sql(f"CREATE OR REPLACE TEMPORARY VIEW o USING csv OPTIONS (path '{copy}', header 'true')")
    for n, kind in CASTS.items():
        same = f"t.{n} <=> cast(o.{n} AS {kind})" if kind else "concat('{', array_join(t.ints, ',', 'NULL'), '}') <=> o.ints"
        told = f"get_json_object(t._rescued, '$.{n}')"
        rows = spark.sql(f"SELECT count(*), count_if(NOT ({told} IS NULL AND {same} OR t.{n} IS NULL AND {told} <=> o.{n} AND o.{n} IS NOT NULL)), count({told}) "
                         f"FROM delta.`{path}` t JOIN o ON t.id = o.id")
        assert [int(v) for v in rows[0]] == [ROWS, *want[n]], n
    off = oracle.set_column(2, "wide", pa.chunked_array([["7.5"] + oracle.column("wide").to_pylist()[1:]]))
    assert wrong_cells(table, off)["wide"][0] == 1


# ---- how it lies in Parquet ----


@pytest.fixture
def small(tmp_path):
    db = sqlite3.connect(tmp_path / "s.db")
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, i DATETIME, m DATETIME, f DECIMAL(9,2), g DECIMAL(18,4), h DECIMAL(38,10), n INTEGER, \"a b;c\" TEXT)")
    for k, at in enumerate(["0001-01-01 00:00:00", "1582-10-10 01:02:03", "1899-12-31 23:59:59", "1969-12-31 23:59:59.999", "2026-02-28 01:02:03.125", "9999-12-31 23:59:59"]):
        db.execute("INSERT INTO t VALUES (?,?,?,?,?,?,?,?)", (k, at, at, f"{'-' if k % 2 else ''}{k}234567.89", f"-{k}.0001", f"{k}" + "9" * 14 + ".5", k, f"x{k}"))
    db.execute("INSERT INTO t (id) VALUES (6)")
    db.commit()
    yield db, tmp_path / "s.db"
    db.close()


PINS = ("  tables:\n    t:\n      columns:\n        i: {type: timestamp, parquet: int96}\n        m: {type: timestamp, parquet: millis}\n"
        "        f: {parquet: fixed}\n        g: {parquet: fixed}\n        h: {parquet: fixed}\n")


def texts(db):
    """As canonical() has them."""
    kinds = (readers.TIMEZONE, readers.TIMEZONE, readers.NUMBER, readers.NUMBER, readers.NUMBER, readers.NUMBER)
    rows = db.execute("SELECT id, i, m, printf('%.2f', f), printf('%.4f', g), h, n FROM t")
    return {r[0]: [readers.canonical(k, None if v is None or r[6] is None else str(v)) for k, v in zip(kinds, r[1:])] for r in rows}


COLUMNS = dict(zip("imfghn", (readers.TIMEZONE, readers.TIMEZONE, readers.NUMBER, readers.NUMBER, readers.NUMBER, readers.NUMBER)))


@pytest.mark.parametrize("setting", ["compression: zstd", "compression: snappy", "compression: lz4", "compression: gzip", "compression: none",
                                     "encodings: delta", "encodings: plain", "bloom_filters: [id]", "names: exact"])
def test_layouts(spark, project, small, setting):
    db, path = small
    project.pipeline(path, consumer=PINS, loader=f"  {setting}\n")
    project.run()
    columns = ["id", "n"] + (["a b;c"] if setting == "names: exact" else [])
    want = [dict(zip(columns, r)) for r in db.execute('SELECT id, n, "a b;c" FROM t')]
    for reader in READERS[1:] if "exact" in setting else READERS:
        rows = ask(reader, spark, setting, project.lake / "shop/t", columns)
        if (reader, setting) in WRONG:
            assert rows == [dict.fromkeys(columns)] * 7, reader
        else:
            assert rows is None or sorted(rows, key=lambda r: r["id"]) == want, reader


@pytest.mark.parametrize("reader", READERS)
def test_pins(spark, project, small, reader):
    db, path = small
    project.pipeline(path, consumer=PINS)
    project.run()
    where, want = project.lake / "shop/t", texts(db)
    for feature, columns in {"parquet: int96": "i", "parquet: millis": "m", "parquet: fixed": "fgh"}.items():
        for row in ask(reader, spark, feature, where, ["id", *columns]) or []:
            for n in columns:
                text = None if row[n] is None else str(row[n])
                right = readers.canonical(COLUMNS[n], text) == want[row["id"]]["imfghn".index(n)]
                assert right != (row["id"] in WRONG.get((reader, feature), ("", ()))[1]), (feature, row)


REBASE = ("spark.sql.parquet.int96RebaseModeInWrite", "spark.sql.parquet.datetimeRebaseModeInWrite")


@pytest.mark.parametrize("kind", ["INT96", "TIMESTAMP_MILLIS"])
def test_spark_reads_its_old_files_and_ours_together(spark, project, small, kind, tmp_path):
    """One read of one folder, and one table that both write; nobody casts."""
    db, path = small
    project.pipeline(path, consumer=PINS)
    project.run()
    where, want = project.lake / "shop/t", texts(db)
    old = tmp_path / "old"
    spark.sql(f"SET spark.sql.parquet.outputTimestampType={kind}")
    spark.sql("SET spark.sql.parquet.writeLegacyFormat=true")
    for what in REBASE:  # 3.5 asks
        spark.sql(f"SET {what}=CORRECTED")
    spark.sql(f"CREATE OR REPLACE TEMPORARY VIEW ours AS SELECT id + 100 AS id, i, m, f, g, h, n, 'old' AS a_b_c FROM delta.`{where}`")
    spark.sql(f"INSERT OVERWRITE DIRECTORY '{old}' USING parquet SELECT * FROM ours")
    for f in where.glob("*.parquet"):
        (old / f"new-{f.name}").write_bytes(f.read_bytes())
    both = {**want, **{k + 100: v for k, v in want.items()}}
    shown = ", ".join(f"cast({c} AS string)" for c in COLUMNS)

    def seen(source):
        rows = spark.sql(f"SELECT id, {shown} FROM {source}")
        return {int(r[0]): [readers.canonical(k, v) for k, v in zip(COLUMNS.values(), r[1:])] for r in rows}
    assert seen(f"parquet.`{old}`") == both
    spark.sql(f"INSERT INTO delta.`{where}` SELECT * FROM parquet.`{old}` WHERE id >= 100")
    assert seen(f"delta.`{where}`") == both
    spark.sql("RESET spark.sql.parquet.outputTimestampType")
    for what in ("spark.sql.parquet.writeLegacyFormat", *REBASE):
        spark.sql(f"RESET {what}")


def test_the_page_says_what_they_did():
    """Last: after all of the above ran."""
    if len(RAN) < len(READERS):
        pytest.skip("only when the whole file ran")
    assert reader_notes.settle(RAN) == ""
    if "MR_UPDATE_DOCS" not in os.environ:
        assert "stale (pyarrow)" in reader_notes.settle({"pyarrow": {"version": "0", "features": {}}})
