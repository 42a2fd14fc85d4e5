"""Shapes of tables, the log as others read it, and the checksum by an independent implementation."""

import decimal
import hashlib
import random
import sqlite3

import mr1
import pyarrow.parquet as pq
import pytest
import readers

N = {"id": readers.NUMBER}


@pytest.fixture
def lite(tmp_path):
    db = sqlite3.connect(tmp_path / "s.db")
    yield db, tmp_path / "s.db"
    db.close()


def files(project, table):
    return [pq.ParquetFile(f, page_checksum_verification=True) for f in sorted((project.lake / table).glob("*.parquet"))]


def everyone(spark, path, kinds):
    return {"delta_rs": readers.delta_rs(path, kinds), "duckdb": readers.duckdb_delta(path, kinds), "spark": spark.read(path, kinds)}


def test_empty_and_one_row(project, spark, lite):
    db, path = lite
    db.executescript("CREATE TABLE none (id INTEGER, t TEXT); CREATE TABLE one (id INTEGER, t TEXT); INSERT INTO one VALUES (7, NULL);")
    project.pipeline(path)
    project.run()
    kinds = {"id": readers.NUMBER, "t": readers.HEX}
    for who, got in everyone(spark, project.lake / "shop/none", kinds).items():
        assert got == {}, who
    for who, got in everyone(spark, project.lake / "shop/one", kinds).items():
        assert got == {7: ["7", None]}, who


def test_long_texts_that_repeat_and_then_do_not(project, postgres):
    """120 MB of one text are a few bytes of a dictionary's page. When the dictionary is full, they are not written out into the open
    page, and what comes then is compressed, though that page did not shrink."""
    text = "CASE WHEN i <= 12000 THEN repeat('x', 10000) ELSE repeat(md5(i::text), 320) END"
    project.pipeline(postgres.database("repeats", f"CREATE TABLE flat AS SELECT i AS id, {text} AS v FROM generate_series(1, 12300) i;"
                                                  f"CREATE TABLE list AS SELECT i AS id, ARRAY[i::text, {text}] AS v FROM generate_series(1, 12300) i;"),
                     extra="memory: 64MB\n")
    report = project.run().report
    assert report["peak_memory_bytes"] < 64_000_000 * 1.1
    want = [(i, "x" * 10000 if i <= 12000 else hashlib.md5(str(i).encode()).hexdigest() * 320) for i in range(1, 12301)]
    assert sorted((r["id"], r["v"]) for r in project.rows("shop/flat").to_pylist()) == want
    assert sorted((r["id"], r["v"]) for r in project.rows("shop/list").to_pylist()) == [(i, [str(i), v]) for i, v in want]
    chunks = [f.metadata.row_group(g).column(1) for t in ("flat", "list") for f in files(project, f"shop/{t}") for g in range(f.num_row_groups)]
    assert all(c.total_compressed_size < 200_000 for c in chunks), chunks
    assert {"RLE_DICTIONARY", "DELTA_LENGTH_BYTE_ARRAY"} <= {e for c in chunks for e in c.encodings}


def test_many_row_groups_and_dictionary_fallback(project, spark, lite):
    """The dictionary of `word` is good at first, then every value is new; `noise` fills the row groups of a small memory."""
    db, path = lite
    rng = random.Random(5)
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, word TEXT, noise TEXT)")
    rows = [(i, f"word {i % 7}" if i < 80000 else f"unique {i} {rng.random()}", rng.randbytes(200).hex()) for i in range(1, 100001)]
    db.executemany("INSERT INTO t VALUES (?,?,?)", rows)
    db.execute("CREATE TABLE narrow AS SELECT id, word FROM t")
    db.commit()
    project.pipeline(path, extra="memory: 26MB\n")
    report = project.run().report
    assert report["peak_memory_bytes"] < 24_000_000 * 1.1
    pages = files(project, "shop/t")
    assert sum(f.num_row_groups for f in pages) >= 4
    groups = [f.metadata.row_group(g).column(1) for f in pages for g in range(f.num_row_groups)]
    assert any("RLE_DICTIONARY" in c.encodings for c in groups)
    assert any("DELTA_LENGTH_BYTE_ARRAY" in c.encodings and not c.has_dictionary_page for c in groups)
    both = [f.metadata.row_group(g).column(1).encodings for f in files(project, "shop/narrow") for g in range(f.num_row_groups)]
    assert any("DELTA_LENGTH_BYTE_ARRAY" in e and "RLE_DICTIONARY" in e for e in both), both
    kinds = {"id": readers.NUMBER, "word": readers.HEX, "noise": readers.HEX}
    want = {i: [str(i), w.encode().hex(), n.encode().hex()] for i, w, n in rows}
    for who, got in everyone(spark, project.lake / "shop/t", kinds).items():
        assert got == want, who
    for who, got in everyone(spark, project.lake / "shop/narrow", {"word": readers.HEX}).items():
        assert got == {i: [w[1]] for i, w in want.items()}, who


@pytest.mark.parametrize("encodings", ["delta", "plain"])
def test_values_without_dictionary(project, spark, lite, encodings):
    """Every value its own: the differences of DELTA_BINARY_PACKED wrap, lengths go from 0 to 300, NULLs lie between."""
    db, path = lite
    rng = random.Random(1)
    db.execute("CREATE TABLE t (id INTEGER, small DECIMAL(9,2), wide DECIMAL(18,4), day DATE, at DATETIME, r DOUBLE, s TEXT, x BLOB, big DECIMAL(30,3))")
    kinds = dict(zip("id small wide day at r s x big".split(), [readers.NUMBER, readers.NUMBER, readers.NUMBER, readers.DATE,
                                                               readers.TIME, readers.FLOAT64, readers.HEX, readers.HEX, readers.NUMBER]))
    extremes = [-2**63, 2**63 - 1, 0, -1, 2**31, -2**31]
    want = {}
    for i in range(20000):
        number = extremes[i] if i < len(extremes) else rng.randint(-2**63, 2**63 - 1)
        row = [number, str(decimal.Decimal(rng.randint(-10**9 + 1, 10**9 - 1)) / 100),
               str(decimal.Decimal(rng.randint(-10**14, 10**14)) / 10000),
               f"{rng.randint(1, 9999):04d}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}",
               f"{rng.randint(1, 9999):04d}-01-{rng.randint(1, 28):02d} 10:{rng.randint(0, 59):02d}:00.{rng.randint(0, 999999):06d}",
               rng.uniform(-1e300, 1e300), f"{i} " + "é" * rng.randint(0, 150), rng.randbytes(rng.randint(0, 40)), rng.randint(-2**62, 2**62)]
        row = [v if k == 0 or rng.random() > 0.1 else None for k, v in enumerate(row)]
        db.execute("INSERT INTO t VALUES (?,?,?,?,?,?,?,?,?)", row)
        texts = [None if v is None else v.hex() if isinstance(v, bytes) else v.encode().hex() if k == 6 else str(v) for k, v in enumerate(row)]
        want[number] = [readers.canonical(kind, t) for kind, t in zip(kinds.values(), texts)]
    db.commit()
    project.pipeline(path, loader=f"  encodings: {encodings}\n")
    project.run()
    used = {f.metadata.row_group(0).column(k).path_in_schema: f.metadata.row_group(0).column(k).encodings
            for f in files(project, "shop/t") for k in range(9)}
    assert ("DELTA_BINARY_PACKED" in used["id"] and "DELTA_LENGTH_BYTE_ARRAY" in used["s"]) == (encodings == "delta"), used
    for who, got in {**everyone(spark, project.lake / "shop/t", kinds), "polars": readers.polars(project.lake / "shop/t", kinds)}.items():
        assert got == want, who


def test_spark_reads_with_its_vectorised_reader(project, spark, lite):
    """The other tests would pass too if Spark fell back to its row-by-row reader; the second plan shows that this one can fail."""
    db, path = lite
    db.execute("CREATE TABLE t (id INTEGER, n DECIMAL(18,4), s TEXT, x BLOB, day DATE, at DATETIME, r DOUBLE)")
    db.executemany("INSERT INTO t VALUES (?,?,?,?,?,?,?)", [(i, f"{i}.25", f"row {i}", b"x%d" % i, "2026-01-02", "2026-01-02 03:04:05", i / 7)
                                                            for i in range(9000)])
    db.commit()
    project.pipeline(path)
    project.run()
    used = files(project, "shop/t")[0].metadata.row_group(0)
    assert {"DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY"} <= {e for k in range(7) for e in used.column(k).encodings}
    plan = f"EXPLAIN FORMATTED SELECT * FROM delta.`{project.lake / 'shop/t'}`"
    assert "ColumnarToRow" in spark.sql(plan)[0][0] and "Batched: true" in spark.sql(plan)[0][0]
    spark.sql("SET spark.sql.parquet.enableVectorizedReader=false")
    try:
        assert "Batched: true" not in spark.sql(plan)[0][0]
    finally:
        spark.sql("SET spark.sql.parquet.enableVectorizedReader=true")


@pytest.mark.parametrize("codec", ["zstd", "snappy", "lz4", "gzip", "none"])
def test_codecs(project, spark, lite, codec):
    """Text that shrinks, bytes that do not (their chunk is left as it is), numbers."""
    db, path = lite
    rng = random.Random(4)
    db.execute("CREATE TABLE t (id INTEGER, s TEXT, x BLOB)")
    rows = [(i, f"text {i} " * 5, rng.randbytes(40)) for i in range(8000)]
    db.executemany("INSERT INTO t VALUES (?,?,?)", rows)
    db.commit()
    project.pipeline(path, loader=f"  compression: {codec}\n")
    project.run()
    group = files(project, "shop/t")[0].metadata.row_group(0)
    names = {"zstd": "ZSTD", "snappy": "SNAPPY", "lz4": "LZ4", "gzip": "GZIP", "none": "UNCOMPRESSED"}
    assert group.column(1).compression.startswith(names[codec]) and group.column(2).compression == "UNCOMPRESSED"
    kinds = {"s": readers.HEX, "x": readers.HEX}
    want = {i: [s.encode().hex(), x.hex()] for i, s, x in rows}
    for who, got in {**everyone(spark, project.lake / "shop/t", kinds), "polars": readers.polars(project.lake / "shop/t", kinds)}.items():
        assert got == want, who


def test_three_hundred_small_tables(project, spark, lite):
    db, path = lite
    for t in range(300):
        db.execute(f"CREATE TABLE t{t} (id INTEGER, v TEXT)")
        db.executemany(f"INSERT INTO t{t} VALUES (?,?)", [(i, f"{t}/{i}") for i in range(t % 5)])
    db.commit()
    project.pipeline(path)
    report = project.run().report
    assert [s["status"] for s in report["streams"]] == ["done"] * 300
    for t in range(300):
        assert project.rows(f"shop/t{t}").num_rows == t % 5
    for t in (0, 4, 299):
        got = spark.read(project.lake / f"shop/t{t}", {"v": readers.HEX})
        assert got == {i: [f"{t}/{i}".encode().hex()] for i in range(t % 5)}


def test_others_read_our_history(project, spark, lite):
    db, path = lite
    db.executescript("CREATE TABLE t (id INTEGER); INSERT INTO t VALUES (1);")
    project.pipeline(path)
    project.run()
    db.executescript("INSERT INTO t VALUES (2);")
    project.run()
    table = project.lake / "shop/t"
    seen = {r["version"]: r for r in spark.dicts(f"DESCRIBE HISTORY delta.`{table}`")}
    assert set(seen) == {"0", "1"} and seen["1"]["operation"] == "WRITE" and seen["1"]["engineInfo"].startswith("millrace/")
    assert "numOutputRows=2" in seen["1"]["operationMetrics"].replace(" -> ", "=").replace("'", "").replace(": ", "=")
    assert seen["1"]["readVersion"] == "0" and seen["1"]["isBlindAppend"] == "False"
    ours = project.table("shop/t").history()
    assert [h["version"] for h in ours] == [1, 0]
    assert all(h["engineInfo"].startswith("millrace/") and h["operation"] == "WRITE" for h in ours)
    assert spark.sql(f"SELECT count(*) FROM delta.`{table}` VERSION AS OF 0") == [["1"]]
    assert spark.sql(f"SELECT count(*) FROM delta.`{table}`") == [["2"]]
    assert project.rows("shop/t", version=0).num_rows == 1


def test_spark_can_go_on_with_our_table(project, spark, lite):
    """The log is good enough to be written to; and we see that someone else did."""
    db, path = lite
    db.executescript("CREATE TABLE t (id INTEGER, v DECIMAL(9,2)); INSERT INTO t VALUES (1, 1.5), (2, NULL);")
    project.pipeline(path)
    project.run()
    table = project.lake / "shop/t"
    spark.sql(f"INSERT INTO delta.`{table}` VALUES (3, 2.25)")
    spark.sql(f"DELETE FROM delta.`{table}` WHERE id = 1")
    want = {2: ["2", None], 3: ["3", "2.25"]}
    kinds = {"id": readers.NUMBER, "v": readers.NUMBER}
    for who, got in everyone(spark, table, kinds).items():
        assert got == want, who
    out = project.millrace("sql", "-c", "SELECT id, v FROM shop.t ORDER BY id", "--format", "csv").out
    assert out.split() == ["id,v", "2,", "3,2.25"]


def test_statistics_hold_every_row(project, lite):
    """No row lies outside its file's [min, max]; a wrong one would make readers skip rows."""
    db, path = lite
    rng = random.Random(9)
    db.execute("CREATE TABLE t (id INTEGER, s TEXT, d DECIMAL(12,3), r DOUBLE, day DATE, at DATETIME)")
    for i in range(5000):
        text = "".join(rng.choice("az\x7fé￿\U0010ffff 🎈") for _ in range(rng.randint(0, 60)))
        db.execute("INSERT INTO t VALUES (?,?,?,?,?,?)", (
            i - 2500, text, rng.randint(-10**9, 10**9) / 1000, rng.uniform(-1e9, 1e9), f"{rng.randint(1, 9999):04d}-0{rng.randint(1, 9)}-1{rng.randint(0, 9)}",
            f"{rng.randint(1, 9999):04d}-01-01 0{rng.randint(0, 9)}:00:00.{rng.randint(0, 999999):06d}"))
    db.commit()
    project.pipeline(path)
    project.run()
    import deltalake
    import json
    log = sorted((project.lake / "shop/t/_delta_log").glob("*.json"))[-1].read_text().splitlines()
    adds = [json.loads(line)["add"] for line in log if '"add"' in line]
    assert adds
    for add in adds:
        stats = json.loads(add["stats"])
        rows = pq.read_table(project.lake / "shop/t" / add["path"])
        assert stats["numRecords"] == rows.num_rows
        for name in ("id", "s", "d", "r", "day", "at"):
            values = [v for v in rows.column(name).to_pylist() if v is not None]
            assert stats["nullCount"][name] == rows.num_rows - len(values)
            if name in ("day", "at"):
                values = [v.isoformat(timespec="microseconds") if name == "at" else v.isoformat() for v in values]
                low, high = stats["minValues"][name], stats["maxValues"][name]
                assert low[:23] <= min(values)[:23] and max(values)[:23] <= high[:23], name
            elif name == "s":
                assert stats["minValues"][name].encode() <= min(v.encode() for v in values)
                if name in stats["maxValues"]:
                    assert stats["maxValues"][name].encode() >= max(v.encode() for v in values)
            else:
                assert float(stats["minValues"][name]) <= float(min(values)) and float(max(values)) <= float(stats["maxValues"][name])
    assert deltalake.DeltaTable(str(project.lake / "shop/t")).to_pyarrow_table().num_rows == 5000


def test_the_checksum_is_what_docs_say(project, lite):
    db, path = lite
    rng = random.Random(2)
    db.execute("CREATE TABLE t (id INTEGER, s TEXT, d DECIMAL(12,3), big DECIMAL(30,2), r DOUBLE, b BOOLEAN, x BLOB, day DATE, at DATETIME)")
    for i in range(2000):
        row = (i, "é" * rng.randint(0, 20), rng.randint(-10**6, 10**6) / 8, rng.randint(-10**12, 10**12), rng.random(), i % 2,
               rng.randbytes(rng.randint(0, 30)), "2026-01-02", f"2026-01-02 03:04:{i % 60:02d}.5")
        db.execute("INSERT INTO t VALUES (?,?,?,?,?,?,?,?,?)", [None if rng.random() < 0.1 else v for v in row])
    db.commit()
    project.pipeline(path)
    report = project.run().report
    assert report["streams"][0]["checksum"] == mr1.checksum(project.rows("shop/t"))
