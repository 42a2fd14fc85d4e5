"""Tables with `_rescued` in some files, columns that no file has, and column mapping, as other readers see them."""

import decimal
import sqlite3

import deltalake
import mr1
import pyarrow as pa
import pytest
import readers

KINDS = {"id": readers.NUMBER, "total": readers.NUMBER, "note": readers.HEX}


@pytest.fixture
def lite(tmp_path):
    db = sqlite3.connect(tmp_path / "s.db")
    yield db, tmp_path / "s.db"
    db.close()


def everyone(spark, path, kinds):
    return {"delta_rs": readers.delta_rs(path, kinds), "duckdb": readers.duckdb_delta(path, kinds), "spark": spark.read(path, kinds),
            "polars": polars_delta(path, kinds)}


def polars_delta(path, kinds):
    """polars with its own Parquet reader over delta-rs' file list."""
    import polars as pl
    return readers.arrow_rows(pl.read_delta(str(path)).to_arrow(), kinds)


def hexed(text):
    return None if text is None else text.encode().hex()


@pytest.mark.parametrize("write", ["overwrite", "append"])
def test_rescued_in_some_files(project, spark, lite, write):
    db, path = lite
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, total DECIMAL(6,2), note TEXT)")
    rows = [(i, f"{i % 1000}.50", "x" * 40) for i in range(1, 15001)]
    rows.append((15001, "é \"no\"\n", None))
    db.executemany("INSERT INTO t VALUES (?,?,?)", rows)
    db.commit()
    project.pipeline(path, extra="memory: 26MB\n", loader=f"  write: {write}\n")
    project.run()
    kinds = {**KINDS, "_rescued": readers.HEX}
    want = {i: [str(i), readers.canonical(readers.NUMBER, t), hexed(n), None] for i, t, n in rows[:-1]}
    want[15001] = ["15001", None, None, hexed('{"total":"é \\"no\\"\\n"}')]
    for who, got in everyone(spark, project.lake / "shop/t", kinds).items():
        assert got == want, who
    assert len(list((project.lake / "shop/t").glob("*.parquet"))) == 2
    if write == "append":  # now all readers see a table whose older files lack a column of the schema
        return
    db.execute("UPDATE t SET total = '1.00' WHERE id = 15001")
    db.commit()
    project.run()
    want[15001] = ["15001", "1", None, None]
    for who, got in everyone(spark, project.lake / "shop/t", kinds).items():
        assert got == want, f"{who}: no live file has the column"


def test_columns_that_came_and_went(project, spark, lite):
    db, path = lite
    db.executescript("CREATE TABLE t (id INTEGER, a TEXT); INSERT INTO t VALUES (1, 'x')")
    project.pipeline(path, loader="  write: append\n")
    project.run()
    db.executescript("DROP TABLE t; CREATE TABLE t (b DATETIME, id INTEGER); INSERT INTO t VALUES ('2026-01-02 10:00:00', 2)")
    project.run()
    kinds = {"id": readers.NUMBER, "a": readers.HEX, "b": readers.TIME}
    want = {1: ["1", hexed("x"), None], 2: ["2", None, "2026-01-02 10:00:00.000000"]}
    for who, got in everyone(spark, project.lake / "shop/t", kinds).items():
        assert got == want, who


def test_others_append_to_a_table_with_rescued(project, spark, lite):
    """delta-rs and Spark write to it; the next append sees both."""
    db, path = lite
    db.executescript("CREATE TABLE t (id INTEGER, n INTEGER); INSERT INTO t VALUES (1, 'bad')")
    project.pipeline(path, loader="  write: append\n")
    project.run()
    where = project.lake / "shop/t"
    deltalake.write_deltalake(str(where), pa.table({"id": pa.array([2], pa.int64()), "n": pa.array([20], pa.int64()), "_rescued": pa.array([None], pa.string())}),
                              mode="append")
    spark.sql(f"INSERT INTO delta.`{where}` (id, n) VALUES (3, 30)")
    db.execute("UPDATE t SET id = 4, n = 40")
    db.commit()
    project.run()
    kinds = {"id": readers.NUMBER, "n": readers.NUMBER, "_rescued": readers.HEX}
    want = {1: ["1", None, hexed('{"n":"bad"}')], 2: ["2", "20", None], 3: ["3", "30", None], 4: ["4", "40", None]}
    for who, got in everyone(spark, where, kinds).items():
        assert got == want, who


def test_exact_names(project, spark, lite):
    """Column mapping by name: Spark, delta-rs, polars and DuckDB's extension read it; pyarrow sees physical names only."""
    db, path = lite
    db.executescript("""CREATE TABLE t (id INTEGER, "a b;(c)" TEXT, "Ünit, €" DECIMAL(9,3), at DATETIME);
                        INSERT INTO t VALUES (1, 'x', '1.250', '2026-01-02 03:04:05'), (2, NULL, 'bad', NULL)""")
    project.pipeline(path, loader="  names: exact\n")
    project.run()
    db.execute("UPDATE t SET id = id + 1")
    db.commit()
    project.run()
    where = project.lake / "shop/t"
    kinds = {"id": readers.NUMBER, "a b;(c)": readers.HEX, "Ünit, €": readers.NUMBER, "at": readers.TIME, "_rescued": readers.HEX}
    want = {2: ["2", hexed("x"), "1.25", "2026-01-02 03:04:05.000000", None], 3: ["3", None, None, None, hexed('{"Ünit, €":"bad"}')]}
    assert spark.read(where, kinds) == want
    assert readers.duckdb_delta(where, kinds) == want
    for who, read in {"delta_rs": readers.delta_rs, "polars": polars_delta}.items():
        try:
            got = read(where, kinds)
        except Exception as e:  # a refusal is fine, a wrong answer is not
            print(who, "refuses:", type(e).__name__, str(e)[:300])
        else:
            assert got == want, who
    sql = project.millrace("sql", "-c", 'SELECT id, "a b;(c)" AS x, "Ünit, €" AS y FROM shop.t ORDER BY 1', "--format", "csv").out
    assert sql.split() == ["id,x,y", "2,x,1.250", "3,,"]


def test_spark_goes_on_with_exact_names(project, spark, lite):
    """Spark appends by the same mapping, adds a column of its own, renames one; then millrace appends again."""
    db, path = lite
    db.executescript('CREATE TABLE t (id INTEGER, "a b" TEXT); INSERT INTO t VALUES (1, \'x\')')
    project.pipeline(path, loader="  names: exact\n  write: append\n")
    project.run()
    where = project.lake / "shop/t"
    spark.sql(f"INSERT INTO delta.`{where}` VALUES (2, 'y')")
    spark.sql(f"ALTER TABLE delta.`{where}` ADD COLUMNS (`c d` BIGINT)")
    spark.sql(f"INSERT INTO delta.`{where}` VALUES (3, 'z', 30)")
    db.execute("UPDATE t SET id = 4")
    db.commit()
    project.run()
    kinds = {"id": readers.NUMBER, "a b": readers.HEX, "c d": readers.NUMBER}
    want = {1: ["1", hexed("x"), None], 2: ["2", hexed("y"), None], 3: ["3", hexed("z"), "30"], 4: ["4", hexed("x"), None]}
    assert spark.read(where, kinds) == want
    assert readers.duckdb_delta(where, kinds) == want
    sql = project.millrace("sql", "-c", 'SELECT * FROM shop.t ORDER BY id', "--format", "csv").out
    assert sql.split("\n")[:5] == ["id,a b,c d", "1,x,", "2,y,", "3,z,30", "4,x,"]


def test_sql_reads_nested_columns_of_a_mapped_table(project, spark):
    """Made by Spark: names of struct fields are physical in the files, inside arrays and maps too."""
    (project.lake / "shop").mkdir(parents=True)
    where = project.lake / "shop/nested"
    spark.sql(f"""CREATE TABLE delta.`{where}` (id BIGINT, s STRUCT<`a b`: INT, deep: STRUCT<x: STRING>>, l ARRAY<STRUCT<v: INT>>,
                  m MAP<STRING, STRUCT<w: BIGINT>>, plain ARRAY<INT>) USING delta TBLPROPERTIES ('delta.columnMapping.mode' = 'name')""")
    spark.sql(f"""INSERT INTO delta.`{where}` VALUES
                  (1, named_struct('a b', 7, 'deep', named_struct('x', 'y')), array(named_struct('v', 1), NULL), map('k', named_struct('w', 9)), array(1, NULL)),
                  (2, NULL, NULL, NULL, NULL)""")
    spark.sql(f"ALTER TABLE delta.`{where}` RENAME COLUMN s.deep.x TO z")
    sql = project.millrace("sql", "-c", "SELECT id, s.\"a b\" AS a, s.deep.z AS z, s IS NULL AS none, l[1].v AS v, l[2] IS NULL AS e, m['k'].w AS w, len(plain) AS n "
                           "FROM shop.nested ORDER BY id", "--format", "csv").out
    # Delta 3.3 writes a NULL struct as one of NULLs, which Spark reads as such: what it says counts.
    nulls = spark.sql(f"SELECT s IS NULL, l[1] IS NULL FROM delta.`{where}` ORDER BY id")
    (_, e1), (none2, _) = [[cell.lower() for cell in row] for row in nulls]
    assert sql.split() == ["id,a,z,none,v,e,w,n", f"1,7,y,false,1,{e1},9,2", f"2,,,{none2},,true,,"]


def test_checksum_of_nested_cells():
    """The reference implementation against bytes worked out by hand from docs/checksum.md."""
    kind = pa.list_(pa.int64())
    cell = b"\x02\0\0\0" b"\x01\x05\0\0\0\0\0\0\0" b"\x00"
    assert mr1.canonical(kind, [5, None]) == b"\x01" + cell
    kind = pa.struct([("a", pa.bool_()), ("b", pa.string())])
    assert mr1.canonical(kind, {"a": True, "b": None}) == b"\x01" b"\x01\x01" b"\x00"
    kind = pa.map_(pa.string(), pa.decimal128(20, 2))
    assert mr1.canonical(kind, [("k", decimal.Decimal("-0.01"))]) == \
        b"\x01" b"\x01\0\0\0" b"\x01\x01\0\0\0k" b"\x01" + b"\xff" * 16
    assert mr1.cell_words(kind)([]) == mr1.text_words(b"\x01" b"\0\0\0\0")
