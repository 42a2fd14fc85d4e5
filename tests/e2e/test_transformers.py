"""select, rename, filter: what lands is compared with what sqlite3 answers to the same condition."""

import random
import sqlite3

import pytest
from filters import condition

N = 400


@pytest.fixture
def numbers(tmp_path):
    rng = random.Random(3)
    path = tmp_path / "numbers.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, i INTEGER, d DECIMAL(12,2), r DOUBLE, s TEXT, b BOOLEAN, day DATE, at DATETIME)")

    def maybe(v):
        return None if rng.random() < 0.2 else v

    for n in range(1, N + 1):
        db.execute("INSERT INTO t VALUES (?,?,?,?,?,?,?,?)", (
            n, maybe(rng.randint(-5, 5)), maybe(rng.randint(-400, 400) / 4), maybe(rng.randint(-20, 20) / 8),
            maybe(rng.choice(["", "a", "A", "ab", "b", "é", "z'q"])), maybe(rng.randint(0, 1)),
            maybe(f"20{rng.randint(20, 26)}-0{rng.randint(1, 9)}-1{rng.randint(0, 9)}"),
            maybe(f"2026-01-0{rng.randint(1, 9)} 0{rng.randint(0, 9)}:30:00")))
    db.commit()
    return path, db


def test_a_hundred_random_filters_keep_what_sqlite_keeps(project, numbers):
    path, db = numbers
    rng = random.Random(11)
    sizes = set()
    for k in range(100):
        where = condition(rng)
        project.pipeline(path, extra=f"transformers:\n  - filter: \"{where.replace(chr(34), chr(92) + chr(34))}\"\n", ident=False)
        project.run("shop.yml")
        got = project.rows("shop/t").column("id").to_pylist()
        assert got == [r[0] for r in db.execute(f"SELECT id FROM t WHERE {where} ORDER BY id")], where
        sizes.add(len(got))
    assert len(sizes) > 20 and 0 < min(s for s in sizes if s) < N


def test_steps_follow_one_another(project, numbers):
    path, db = numbers
    project.pipeline(path, extra="""transformers:
  - select: [id, d, s]
  - rename: {d: amount, s: "what, then"}
  - filter: amount > 10 and "what, then" is not null
""")
    report = project.run().report
    table = project.rows("shop/t")
    assert table.column_names == ["id", "amount", "what__then"]
    want = list(db.execute("SELECT id, d, s FROM t WHERE d > 10 AND s IS NOT NULL ORDER BY id"))
    assert [(r["id"], float(r["amount"]), r["what__then"]) for r in table.to_pylist()] == want
    renames = {r["from"]: r["to"] for r in report["streams"][0]["renames"]}
    assert renames == {"d": "amount", "s": "what__then"}


WRONG = [("filter: nope > 1", "XFORM01", "no column 'nope'"),
         ("filter: i > 'x'", "XFORM02", "so a number must stand"),
         ("filter: s > 1", "XFORM02", "single quotes"),
         ("filter: i =", "XFORM02", "character 4"),
         ("filter: i = null", "XFORM02", "IS NULL"),
         ("filter: i > 1 or", "XFORM02", "missing at the end"),
         ("filter: (i > 1", "XFORM02", ") is missing"),
         ("filter: i > 1 i < 2", "XFORM02", "AND, OR or the end"),
         ("filter: day > '2026-13-01'", "XFORM02", "date"),
         ("filter: at > '2026-01-01 00:00:00Z'", "XFORM02", "without one"),
         ("filter: \"s = 'x\"", "XFORM02", "quote"),
         ("filter: " + "(" * 60 + "b" + ")" * 60, "XFORM02", "deeply"),
         ("filter: " + "not " * 60 + "b", "XFORM02", "deeply"),
         ("filter: i in (" + "1," * 1100 + "1)", "XFORM02", "too long"),
         ("select: [id, nope]", "XFORM01", "no column 'nope'"),
         ("select: [id, id]", "XFORM01", "twice"),
         ("select: []", "XFORM01", "at least one"),
         ("rename: {nope: x}", "XFORM01", "no column 'nope'"),
         ("rename: {i: d}", "XFORM01", "two columns")]


@pytest.mark.parametrize("step,code,word", WRONG)
def test_wrong_steps_say_what_is_wrong(project, numbers, step, code, word):
    project.pipeline(numbers[0], extra=f"transformers:\n  - {step}\n")
    error = project.run(code=1).report["streams"][0]["error"]
    assert error["code"] == f"MR-E-{code}" and word in error["message"] and error["advice"]
    assert "shop.yml:4:" in error["where"]
    assert not (project.lake / "shop").exists()
