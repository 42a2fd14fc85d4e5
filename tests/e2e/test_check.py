"""check and plan over a SQLite file: what is said of source, target, memory and state; what plan finds in a few rows."""

import json
import os
import re
import sqlite3
import subprocess
import time

import jsonschema
import pytest
from conftest import ROOT
from doctor import SCHEMA, compare, findings, masked, trouble

REPORT = json.loads((ROOT / "docs/reference/report.schema.json").read_text())


def check(project, code, *args, **kw):
    return project.millrace("check", "shop.yml", *args, code=code, **kw)


def database(path, sql="CREATE TABLE t (id INTEGER PRIMARY KEY, n INT);"):
    path.unlink(missing_ok=True)
    db = sqlite3.connect(path)
    db.executescript(sql)
    db.close()
    return path


# ---- what is wrong; each leaves the project as the next needs it: written anew ----

def all_well(p):
    return check(p, 0)


def a_file_that_is_not_there(p):
    p.pipeline("gone.db")
    return check(p, 1)


def a_file_that_is_no_database(p):
    (p.dir / "shop.db").write_text("no database, but long enough to look like one\n" * 20)
    return check(p, 1)


def a_truncated_file(p):
    database(p.dir / "shop.db", "CREATE TABLE t (id INT); WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 9999)"
                                " INSERT INTO t SELECT i FROM c;")
    os.truncate(p.dir / "shop.db", 8192)
    return check(p, 1)


def columns_without_types(p):
    database(p.dir / "shop.db", "CREATE TABLE t (id INT, x, \"y z\");")
    return check(p, 0)


def a_pattern_that_matches_nothing(p):
    p.pipeline("shop.db", consumer="  tables: [tt]\n")
    return check(p, 1)


def a_slip_in_the_file(p):
    p.pipeline("shop.db", consumer="  wokers: 2\n")
    return check(p, 2)


def two_tables_of_which_one_cannot_land(p):
    database(p.dir / "shop.db", "CREATE TABLE t (id INT); CREATE VIEW v AS SELECT nope FROM t;")
    p.pipeline("shop.db", consumer="  tables: [t, v]\n")
    return check(p, 1)


def a_lake_that_is_a_file(p):
    (p.dir / "lake").write_text("")
    return check(p, 1)


def a_lake_where_nothing_can_be_written(p):
    (p.dir / "millrace.yml").write_text("lake: /proc/lake\n")
    return check(p, 1)


def a_disk_without_links(p):
    return check(p, 1, fault="io.link=eio")


def a_state_of_the_future(p):
    (p.dir / ".millrace").mkdir()
    db = sqlite3.connect(p.dir / ".millrace" / "state.db")
    db.execute("PRAGMA user_version = 99")
    db.close()
    return check(p, 1)


def memory_for_fewer_workers(p):
    database(p.dir / "shop.db", "CREATE TABLE t (" + ", ".join(f"c{i} INT" for i in range(1500)) + ");")
    p.pipeline("shop.db", extra="memory: 1GB\n", consumer="  workers: 64\n")
    return check(p, 0)


def memory_for_none(p):
    database(p.dir / "shop.db", "CREATE TABLE t (" + ", ".join(f"c{i} INT" for i in range(1500)) + ");")
    p.pipeline("shop.db", extra="memory: 24MB\n", consumer="  workers: 1\n")
    return check(p, 1)


CASES = [all_well, a_file_that_is_not_there, a_file_that_is_no_database, a_truncated_file, columns_without_types,
         a_pattern_that_matches_nothing, a_slip_in_the_file, two_tables_of_which_one_cannot_land, a_lake_that_is_a_file,
         a_lake_where_nothing_can_be_written, a_disk_without_links, a_state_of_the_future, memory_for_fewer_workers, memory_for_none]


@pytest.fixture
def anew(tmp_path):
    from conftest import Project

    def make(name):
        p = Project(tmp_path / name)
        database(p.dir / "shop.db")
        p.pipeline("shop.db")
        return p
    return make


def numbers_masked(text):
    return re.sub(r"at least \d+ MB|memory: \d+MB(?= or|$)|enough for \d+ of", lambda m: re.sub(r"\d+", "N", m.group()), text, flags=re.M)


def test_every_finding_has_its_golden_text(anew):
    got = {}
    for case in CASES:
        p = anew(case.__name__)
        text = masked(p, case(p).out)
        got[case.__name__.replace("_", " ")] = numbers_masked(text if case is all_well else trouble(text))
        left = [x for x in p.dir.rglob("*") if ".millrace-check" in x.name or x.suffix == ".parquet"]
        assert not left and not (p.lake / "shop").exists()
    compare("check_sqlite.txt", got)
    for name, text in got.items():
        assert name == "all well" or "\n    " in text, "a finding without what to do: " + text


def test_json_has_the_same(anew):
    for case in (all_well, a_lake_that_is_a_file, columns_without_types):
        p = anew(case.__name__)
        text = case(p).out
        document = json.loads(p.millrace("check", "shop.yml", "--report", "json", code=None).out)
        jsonschema.validate(document, SCHEMA)
        marks = {"ok": "✓", "warning": "!", "wrong": "✗"}
        assert [f"{marks[f['verdict']]} {f['text']}" for f in document["findings"]] == [
            line for line in text.splitlines()[:-1] if not line.startswith("    ")]
        worst = [f["verdict"] for f in document["findings"]]
        assert document["verdict"] == ("wrong" if "wrong" in worst else "warning" if "warning" in worst else "ok")


def test_of_several_files_the_worst_counts(anew):
    p = anew("several")
    (p.dir / "bad.yml").write_text("pipeline: bad\nconsumer:\n  url: gone.db\n")
    result = p.millrace("check", "shop.yml", "bad.yml", code=1)
    assert "shop.yml: ready to run" in result.out and "bad.yml: 1 wrong" in result.out


def test_another_run_is_seen_and_check_takes_no_lock(anew):
    p = anew("locked")
    proc = p.start("run", "shop.yml", "--progress", "none", fault="pipe.planned=stop")
    try:
        for _ in range(200):
            if os.path.exists(f"/proc/{proc.pid}/stat") and open(f"/proc/{proc.pid}/stat").read().split()[2] == "T":
                break
            time.sleep(0.05)
        result = check(p, 1, "--report", "json")
        (found,) = findings(result, verdict="wrong")
        assert found["check"] == "state" and f"process {proc.pid} on" in found["text"]
    finally:
        proc.kill()
        proc.communicate()
    assert check(p, 0).out.count("✗") == 0
    subprocess.run(["true"], check=True)
    p.run()


def test_wal(anew):
    p = anew("wal")
    database(p.dir / "shop.db", "PRAGMA journal_mode = WAL; CREATE TABLE t (id INT);")
    (found,) = findings(check(p, 0, "--report", "json"), "journal_mode")
    assert found["verdict"] == "ok" and "wal" in found["text"]


# ---- plan: a few rows tried ----

ODD = """CREATE TABLE t (id INTEGER PRIMARY KEY, n INT, d DATE, total DECIMAL(6,2), "a b" REAL);
WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 20000)
INSERT INTO t SELECT i, CASE WHEN i % 1000 = 7 THEN 'seven' ELSE i END, CASE WHEN i % 2500 = 0 THEN 'soon' ELSE '2026-01-01' END, i % 999 + 0.25,
 i FROM c;"""


def plan(p, *args, code=0):
    document = json.loads(p.millrace("plan", "shop.yml", "--report", "json", *args, code=code).out)
    jsonschema.validate(document, REPORT)
    return document["streams"][0]


def bad(stream):
    return {(b["column"], b["policy"]): b["count"] for b in stream["bad_values"]}


def test_plan_tries_rows(anew):
    p = anew("plan")
    database(p.dir / "shop.db", ODD)
    stream = plan(p)
    assert stream["plan"]["rows_tried"] == 10000 and bad(stream) == {("n", "rescue"): 10, ("d", "rescue"): 4}
    assert {(e["column"], e["text"], e["row"]) for e in stream["plan"]["examples"]} == {("n", "seven", "id=7"), ("d", "soon", "id=2500")}
    few = plan(p, "--sample", "50")
    assert few["plan"]["rows_tried"] == 50 and bad(few) == {("n", "rescue"): 1}
    none = plan(p, "--sample", "0")
    assert none["plan"]["rows_tried"] == 0 and none["bad_values"] == []
    assert bad(plan(p, "--sample", "20000")) == bad(p.run().stream("t")), "what a run counts is what plan counts"
    assert not any(p.lake.rglob("preview"))


def test_the_yaml_that_plan_prints_lands_them(anew):
    p = anew("pins")
    database(p.dir / "shop.db", ODD)
    p.pipeline("shop.db", consumer=f"  tables:\n    {plan(p)['plan']['tables']}\n")
    again = plan(p)
    assert again["bad_values"] == [] and {c["name"] for c in again["plan"]["columns"] if c["pinned"]} == {"n", "d"}
    assert {c["type"] for c in again["plan"]["columns"] if c["pinned"]} == {"string"}


def test_plan_says_policies_and_a_table_that_would_fail(anew):
    p = anew("fails")
    database(p.dir / "shop.db", ODD)
    p.pipeline("shop.db", consumer="  tables:\n    t: {columns: {n: {on_bad_value: fail}, d: {on_bad_value: null}, total: {type: \"decimal(9,2)\"}}}\n")
    stream = plan(p, code=1)
    assert bad(stream) == {("n", "fail"): 10, ("d", "null"): 4} and stream["error"]["code"] == "MR-E-PIPE06"
    text = masked(p, p.millrace("plan", "shop.yml", code=1).out)
    compare("plan_sqlite.txt", {"a table that would fail": text})


def test_plan_of_a_filter_counts_what_comes_through(anew):
    p = anew("filter")
    database(p.dir / "shop.db", ODD)
    (p.dir / "shop.yml").write_text((p.dir / "shop.yml").read_text() + "transformers:\n  - filter: id > 5000\n  - select: [id, n]\n")
    assert bad(plan(p)) == {("n", "rescue"): 5}


def test_plan_ends_though_a_view_does_not(anew):
    p = anew("slow")
    database(p.dir / "shop.db", "CREATE TABLE t (id INT); INSERT INTO t VALUES (1); CREATE VIEW v AS WITH RECURSIVE c(i) AS"
                                " (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT count(*) AS n FROM c;")
    p.pipeline("shop.db", consumer="  tables: [t, v]\n")
    began = time.time()
    document = json.loads(p.millrace("plan", "shop.yml", "--report", "json").out)
    assert time.time() - began < 20
    assert [s["plan"]["rows_tried"] for s in document["streams"]] == [1, 0]
    assert document["warnings"] == ["one table was not tried with rows: it took too long"]


def test_plan_shows_the_version_and_what_has_changed(anew):
    p = anew("version")
    assert "delta_version" not in plan(p)
    p.run()
    assert plan(p)["delta_version"] == 0 and "now at version 0" in p.millrace("plan", "shop.yml").out
