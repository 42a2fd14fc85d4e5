"""Page index and Bloom filters: an independent reader checks them against the rows, and foreign readers skip by them."""

import datetime
import decimal
import random
import shutil
import sqlite3

import duckdb
import parquet_index
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROWS = 200_000
EPOCH = datetime.datetime(1970, 1, 1)
NAMES = "id down code day at amount big r s word gap flag x top".split()


HEADS = ["z" * 70, "ż" * 40, "b" + "\U0010ffff" * 20, "\ud7ff" * 25, "~" * 64, "\x7f" * 63 + "é", ""]


def text(rng, i):
    """Long, with characters of each length; pages have beginnings of their own, so that bounds are cut and raised."""
    return HEADS[i // 30_000] + "".join(rng.choice("az\x7fé￿\U0010ffff 🎈") for _ in range(rng.randint(0, 9)))


def row(rng, i):
    gap = None if 60_000 <= i < 140_000 else rng.randint(-5, 5)
    return (i, -i, f"c{i // 1000:03d}", f"{2000 + i // 20000:04d}-{rng.randint(1, 12):02d}-11",
            f"{rng.randint(1, 9999):04d}-01-01 00:00:00.{rng.randint(0, 999999):06d}", rng.randint(-10**8, 10**8) / 100,
            rng.randint(-2**62, 2**62), rng.uniform(-1, 1) * 10 ** rng.randint(-300, 300), text(rng, i), f"w{rng.randint(0, 3000)}",
            gap, i % 2, rng.randbytes(3),
            "\U0010ffff" * 20 if i == 50_000 else "a")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    from conftest import Project
    folder = tmp_path_factory.mktemp("pages")
    rng = random.Random(11)
    db = sqlite3.connect(folder / "s.db")
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, down INTEGER, code TEXT, day DATE, at DATETIME, amount DECIMAL(10,2), "
               "big DECIMAL(30,3), r DOUBLE, s TEXT, word TEXT, gap INTEGER, flag BOOLEAN, x BLOB, top TEXT)")
    db.executemany("INSERT INTO t VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)", (row(rng, i) for i in range(1, ROWS + 1)))
    db.commit()
    project = Project(folder / "project")
    project.pipeline(folder / "s.db", extra="memory: 128MB\n", loader="  bloom_filters: [id, code, s, big, day, word]\n")
    project.run()
    return project.lake / "shop" / "t", db


def comparable(chunk, values):
    """Values of pyarrow as decode() gives bounds."""
    t = values.type
    if pa.types.is_date(t):
        return values.cast(pa.int32()).to_pylist()
    if pa.types.is_timestamp(t):
        return values.cast(pa.int64()).to_pylist()
    if pa.types.is_decimal(t):
        return [None if v is None else int(v.scaleb(t.scale)) for v in values.to_pylist()]
    return [v.encode() if isinstance(v, str) else v for v in values.to_pylist()]


def trouble(chunk, values):
    """What is wrong with a chunk's page index; [] when nothing is."""
    out, bounds = [], []
    for n, p in enumerate(chunk["pages"]):
        mine = values[p["first"]:p["first"] + p["rows"]]
        real = [v for v in mine if v is not None]
        if p["values"] != p["rows"] or len(mine) != p["rows"]:
            out.append(f"page {n} has {p['values']} values, the index says {p['rows']} rows")
        if "lo" not in p:
            continue
        if p["nulls"] != len(mine) - len(real) or p["null"] != (not real):
            out.append(f"page {n}: nulls {p['nulls']}, null page {p['null']}")
        if not real:
            continue
        lo, hi = parquet_index.decode(chunk, p["lo"]), parquet_index.decode(chunk, p["hi"])
        bounds.append((lo, hi))
        if not (lo <= min(real) and max(real) <= hi):
            out.append(f"page {n}: a value lies outside [{lo!r}, {hi!r}]")
        if chunk["type"] != 6 and (lo, hi) != (min(real), max(real)):
            out.append(f"page {n}: bounds are not tight")
        if chunk["type"] == 6 and (len(p["lo"]) > 64 or len(p["hi"]) > 68):
            out.append(f"page {n}: bounds are not cut")
        if chunk["type"] == 6:
            p["lo"].decode(), p["hi"].decode()
    if chunk["order"]:
        ups = all(a[0] <= b[0] and a[1] <= b[1] for a, b in zip(bounds, bounds[1:]))
        downs = all(a[0] >= b[0] and a[1] >= b[1] for a, b in zip(bounds, bounds[1:]))
        if chunk["order"] != ("ascending" if ups else "descending" if downs else "unordered"):
            out.append(f"order {chunk['order']}")
    return out


def test_every_page_holds_its_values(table):
    path, _ = table
    seen = {}
    for f in path.glob("*.parquet"):
        reader = pq.ParquetFile(f)
        for chunk in parquet_index.chunks(f):
            values = comparable(chunk, reader.read_row_group(chunk["group"], columns=[chunk["name"]]).column(0).combine_chunks())
            assert trouble(chunk, values) == [], (chunk["name"], chunk["group"])
            seen.setdefault(chunk["name"], []).append(chunk)
            meta = reader.metadata.row_group(chunk["group"]).column(NAMES.index(chunk["name"]))
            assert (meta.has_column_index, meta.has_offset_index) == chunk["has"]
    assert set(seen) == set(NAMES)
    for name, chunks in seen.items():
        assert max(len(c["pages"]) for c in chunks) > 2, name
        assert all(c["has"] == (name not in ("flag", "x", "top"), True) for c in chunks), name  # no text is above all that begin as `top` does
    orders = {name: {c["order"] for c in chunks if len(c["pages"]) > 1} for name, chunks in seen.items()}
    assert (orders["id"], orders["code"], orders["down"], orders["r"]) == ({"ascending"}, {"ascending"}, {"descending"}, {"unordered"})
    assert any(p["null"] for c in seen["gap"] for p in c["pages"]), "a page of NULLs only"
    assert any(len(p["hi"]) > 60 for c in seen["s"] for p in c["pages"]), "a maximum that was cut"


@pytest.mark.parametrize("what", ["max", "min", "null", "order"])
def test_the_check_can_fail(table, what):
    path, _ = table
    chunk = next(c for f in path.glob("*.parquet") for c in parquet_index.chunks(f) if c["name"] == "id")
    f = next(f for f in path.glob("*.parquet"))
    values = pq.ParquetFile(f).read_row_group(0, columns=["id"]).column(0).to_pylist()
    assert trouble(chunk, values) == []
    p = chunk["pages"][1]
    if what == "null":
        p["nulls"] += 1
    elif what == "order":
        chunk["order"] = "descending"
    else:
        p["hi" if what == "max" else "lo"] = chunk["pages"][0 if what == "max" else 2]["hi"]
    assert trouble(chunk, values)


CONDITIONS = ["id = {id}", "id between {id} and {id} + 3000", "down < -{id}", "down >= {id} - 200000", "code = '{code}'",
              "code > '{code}'", "s = '{s}'", "s >= '{s}'", "s < '{s}'", "word = '{word}'", "gap is null", "gap = 3", "gap < -4 and id > {id}",
              "amount > 999999.5", "amount between 0 and 10", "r > 1e290", "r < -1e290 or id = {id}", "day > '2004-06-01'", "day = '2003-05-11'",
              "big between -1000000000000000 and 1000000000000000", "flag and id < {id}"]


def test_spark_and_duckdb_skip_pages_and_find_every_row(table, spark):
    path, db = table
    rng = random.Random(3)
    duck = duckdb.connect()
    for condition in CONDITIONS:
        for _ in range(2):
            i = rng.randint(1, ROWS)
            s, word = db.execute("SELECT s, word FROM t WHERE id = ?", (i,)).fetchone()
            where = condition.format(id=i, code=f"c{i // 1000:03d}", s=s.replace("'", "''"), word=word)
            want = db.execute(f"SELECT count(*), coalesce(sum(id), 0) FROM t WHERE {where}").fetchone()
            got = duck.execute(f"SELECT count(*), coalesce(sum(id), 0) FROM '{path}/*.parquet' WHERE {where}").fetchone()
            assert tuple(map(int, got)) == want, where
            got = spark.sql(f"SELECT count(*), coalesce(sum(id), 0) FROM delta.`{path}` WHERE {where}")[0]
            assert tuple(map(int, got)) == want, where


def test_spark_does_use_the_page_index(table, spark, tmp_path):
    """A maximum made too small hides rows from Spark: so a wrong one of ours would have shown above."""
    path, _ = table
    f = next(f for f in path.glob("*.parquet"))
    chunk = next(c for c in parquet_index.chunks(f) if c["name"] == "id")
    page = chunk["pages"][1]
    hidden = parquet_index.decode(chunk, page["hi"])
    data = bytearray(f.read_bytes())
    at, n = chunk["at"]
    where = data.index(page["hi"], at, at + n)
    data[where:where + 8] = page["lo"]
    (tmp_path / "odd").mkdir()
    copy = shutil.copy(f, tmp_path / "odd" / "a.parquet")
    query = f"SELECT count(*) FROM parquet.`{tmp_path}/odd` WHERE id = {hidden}"
    assert spark.sql(query) == [["1"]]
    open(copy, "wb").write(data)
    spark.sql(f"REFRESH '{tmp_path}/odd'")
    assert spark.sql(query) == [["0"]]


# ---- Bloom filters ----

def probe(duck, path, column, value):
    return [r[2] for r in duck.execute(f"SELECT * FROM parquet_bloom_probe('{path}/*.parquet', '{column}', {value})").fetchall()]


def test_bloom_filters_know_what_is_there(table, spark):
    path, db = table
    duck = duckdb.connect()
    found = duck.execute(f"SELECT path_in_schema, max(bloom_filter_length), min(bloom_filter_offset) FROM parquet_metadata('{path}/*.parquet') "
                         "GROUP BY 1").fetchall()
    sizes = {name: length for name, length, _ in found if length}
    assert set(sizes) == {"id", "code", "s", "big", "day", "word"}
    assert sizes["code"] < 1024 < sizes["word"] < 8192 < sizes["id"] < 2**20, sizes
    rng = random.Random(4)
    for _ in range(150):
        i = rng.randint(1, ROWS)
        s, word, day = db.execute("SELECT s, word, day FROM t WHERE id = ?", (i,)).fetchone()
        for column, value in (("id", i), ("code", f"'c{i // 1000:03d}'"), ("s", "'" + s.replace("'", "''") + "'"), ("word", f"'{word}'"),
                              ("day", f"DATE '{day}'")):
            assert False in probe(duck, path, column, value), (column, value)
    for i in rng.sample(range(1, ROWS), 5):
        s, big = db.execute("SELECT s, big FROM t WHERE id = ?", (i,)).fetchone()
        assert spark.sql(f"SELECT count(*) > 0 FROM delta.`{path}` WHERE big = {decimal.Decimal(big)}") == [["True"]] or \
            spark.sql(f"SELECT count(*) > 0 FROM delta.`{path}` WHERE big = {decimal.Decimal(big)}") == [["true"]]


@pytest.mark.parametrize("column,absent", [("id", "{n} + 10000000"), ("code", "'x{n}'"), ("s", "'no such text {n}'"), ("word", "'v{n}'")])
def test_bloom_filters_exclude_what_is_not_there(table, column, absent):
    path, _ = table
    duck = duckdb.connect()
    answers = [a for n in range(1000) for a in probe(duck, path, column, absent.format(n=n))]
    assert answers.count(False) <= 0.02 * len(answers), f"{answers.count(False)} of {len(answers)} say maybe"


def test_no_bloom_filter_below_a_column_for_what_can_have_none(project, postgres):
    """Booleans are in no filter, so that an empty one would deny them; of floats 0 and -0 are equal and hash apart."""
    url = postgres.database("bloom", "CREATE TYPE mixed AS (word text, yes boolean); CREATE TABLE t (id int, bits boolean[], m mixed, words text[]);"
                                     "INSERT INTO t SELECT i, ARRAY[true], ROW('w' || i, true)::mixed, ARRAY['w' || i] FROM generate_series(1, 10) i;")
    for column, kind in (("bits", "array<boolean>"), ("m", "struct<word:string,yes:boolean>")):
        project.pipeline(url, loader=f"  bloom_filters: [{column}]\n")
        result = project.millrace("run", "shop.yml", code=1)
        assert f"{column} is {kind}, which can have no Bloom filter" in " ".join(result.out.split()), result
    project.pipeline(url, loader="  bloom_filters: [words]\n")
    project.run()
    found = duckdb.connect().execute(f"SELECT path_in_schema FROM parquet_metadata('{project.lake}/shop/t/*.parquet') WHERE bloom_filter_offset > 0")
    assert found.fetchall() == [("words, list, element",)]


def test_a_nan_leaves_the_index_out(project, tmp_path, postgres):
    url = postgres.database("nan", "CREATE TABLE n (id int, r float8); INSERT INTO n SELECT i, CASE WHEN i = 60000 THEN 'NaN'::float8 ELSE i END "
                                   "FROM generate_series(1, 100000) i;")
    project.pipeline(url)
    project.run()
    got = {c["name"]: c["has"] for f in (project.lake / "shop/n").glob("*.parquet") for c in parquet_index.chunks(f)}
    assert got == {"id": (True, True), "r": (False, True)}


def test_little_memory_bounds_the_index(project, tmp_path):
    """Text in small pages has an index of a tenth of the file: it is kept inside the memory, or left out."""
    rng = random.Random(6)
    db = sqlite3.connect(tmp_path / "s.db")
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, " + ", ".join(f"s{k} TEXT" for k in range(8)) + ")")
    db.executemany("INSERT INTO t VALUES (?" + ",?" * 8 + ")",
                   ([i] + [rng.randbytes(150).hex() for _ in range(8)] for i in range(40_000)))
    db.commit()
    project.pipeline(tmp_path / "s.db", extra="memory: 26MB\n")
    report = project.run().report
    assert report["peak_memory_bytes"] < 24_000_000 * 1.1
    has = [c["has"] for f in (project.lake / "shop/t").glob("*.parquet") for c in parquet_index.chunks(f)]
    assert (True, True) in has and set(has) <= {(True, True), (False, False)}
