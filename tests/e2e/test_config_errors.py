"""Every configuration error has a golden text with file:line:column and advice. MR_GOLDEN=write renews tests/golden/."""

import os
import pathlib
import re
import sqlite3

import pytest
from conftest import PASSWORD, ROOT

GOLDEN = ROOT / "tests" / "golden" / "config_errors.txt"
OK = "pipeline: shop\nconsumer:\n  url: shop.db\n"

# name -> (expected id, text of shop.yml, arguments after `run shop.yml`)
CASES = {
    "not YAML": ("SPEC01", "pipeline: shop\nconsumer: {url: x\n", []),
    "a tab": ("SPEC01", "pipeline: shop\nconsumer:\n\turl: x\n", []),
    "an anchor": ("SPEC01", "pipeline: &a shop\nconsumer:\n  url: x\n", []),
    "an alias": ("SPEC01", "pipeline: shop\nconsumer:\n  url: *a\n", []),
    "a tag": ("SPEC01", "pipeline: !!str shop\nconsumer:\n  url: x\n", []),
    "two documents": ("SPEC01", "pipeline: shop\n---\npipeline: b\n", []),
    "a key twice": ("SPEC01", "pipeline: shop\npipeline: b\nconsumer:\n  url: x\n", []),
    "nested too deeply": ("SPEC01", "pipeline: shop\nconsumer:\n  url: " + "[" * 80 + "]" * 80 + "\n", []),
    "not UTF-8": ("SPEC01", b"pipeline: sh\xff\nconsumer:\n  url: x\n", []),
    "a slip at the top": ("SPEC02", OK.replace("consumer:", "consumers:"), []),
    "a slip in consumer": ("SPEC02", OK + "  worker: 2\n", []),
    "a slip in loader": ("SPEC02", OK + "loader:\n  wirte: append\n", []),
    "nothing near": ("SPEC02", OK + "xyzzy: 1\n", []),
    "a slip in transformers": ("SPEC02", OK + "transformers:\n  - selct: [a]\n", []),
    "planned at the top": ("SPEC03", OK + "models: []\n", []),
    "planned in consumer": ("SPEC03", OK + "  consistency: range\n", []),
    "planned in loader": ("SPEC03", OK + "loader:\n  keep: 7d\n", []),
    "planned transformer": ("SPEC03", OK + "transformers:\n  - json: x\n", []),
    "planned value": ("SPEC03", OK + "  read: incremental\n", []),
    "planned write": ("SPEC03", OK + "loader:\n  write: merge\n", []),
    "settings of a table": ("SPEC03", OK + "  tables:\n    orders: {read: full}\n", []),
    "a slip in a table": ("SPEC02", OK + "  tables:\n    orders: {wher: id > 1}\n", []),
    "a slip in a column": ("SPEC02", OK + "  tables:\n    orders:\n      columns:\n        id: {typ: long}\n", []),
    "a planned write of a table": ("SPEC03", OK + "  tables:\n    orders: {write: merge}\n", []),
    "not skip": ("SPEC04", OK + "  tables:\n    orders: skp\n", []),
    "a map in a list of tables": ("SPEC04", OK + "  tables:\n    - orders: skip\n", []),
    "a policy of a table": ("SPEC04", OK + "  tables:\n    orders: {on_bad_value: drop}\n", []),
    "a policy of the loader": ("SPEC04", OK + "loader:\n  on_bad_value: drop\n", []),
    "an empty condition": ("SPEC04", OK + "  tables:\n    orders: {where: \"\"}\n", []),
    "a key without a query": ("SPEC04", OK + "  tables:\n    orders: {key: [id]}\n", []),
    "a key that is no list": ("SPEC04", OK + "  tables:\n    recent: {query: SELECT 1, key: id}\n", []),
    "a query of many tables": ("SPEC04", OK + "  tables:\n    \"rec*\": {query: SELECT 1}\n", []),
    "a query and a condition": ("SPEC04", OK + "  tables:\n    recent: {query: SELECT 1, where: id > 1}\n", []),
    "columns as a list": ("SPEC04", OK + "  tables:\n    orders: {columns: [id]}\n", []),
    "nothing said of a column": ("SPEC04", OK + "  tables:\n    orders:\n      columns:\n        id:\n", []),
    "a type that is not one": ("SPEC04", OK + "  tables:\n    orders: {columns: {id: lnog}}\n", []),
    "a decimal of 40 digits": ("SPEC04", OK + "  tables:\n    orders: {columns: {id: \"decimal(40,2)\"}}\n", []),
    "a decimal without quotes": ("SPEC04", OK + "  tables:\n    orders: {columns: {id: decimal(12,2)}}\n", []),
    "a query without quotes": ("SPEC02", OK + "  tables:\n    recent: {query: SELECT id, note FROM orders}\n", []),
    "a decimal without digits": ("SPEC04", OK + "  tables:\n    orders: {columns: {id: {type: numeric}}}\n", []),
    "required and null": ("SPEC04", OK + "  tables:\n    orders: {columns: {id: {required: true, on_bad_value: null}}}\n", []),
    "not a field id": ("SPEC04", OK + "  tables:\n    orders: {columns: {id: {field_id: 0}}}\n", []),
    "one order twice": ("SPEC04", OK + "  tables:\n    orders: {columns: {id: {order: 1}, at: {order: 1}}}\n", []),
    "one field id twice": ("SPEC04", OK + "  tables:\n    orders: {columns: {id: {field_id: 7}, at: {field_id: 7}}}\n", []),
    "int96 pinned to text": ("SPEC12", OK + "  tables:\n    orders: {columns: {id: {type: string, parquet: int96}}}\n", []),
    "int96 without a zone": ("SPEC12", OK + "  tables:\n    orders: {columns: {at: {parquet: int96}}}\n", []),
    "millis of a number": ("SPEC12", OK + "  tables:\n    orders: {columns: {id: {parquet: millis}}}\n", []),
    "fixed of a number": ("SPEC12", OK + "  tables:\n    orders: {columns: {id: {type: long, parquet: fixed}}}\n", []),
    "clamp of a text": ("SPEC12", OK + "  tables:\n    orders: {columns: {note: {on_bad_value: clamp}}}\n", []),
    "round of a list": ("SPEC12", OK + "  tables:\n    orders: {columns: {id: {type: array<text>, on_bad_value: round}}}\n", []),
    "a column that is not there": ("SPEC10", OK + "  tables:\n    orders:\n      columns:\n        nte: skip\n", []),
    "a slip in defaults": ("SPEC02", OK + "defaults:\n  memroy: 1GB\n", []),
    "a slip below defaults": ("SPEC02", OK + "defaults:\n  loader: {wirte: append}\n", []),
    "tables in defaults": ("SPEC04", OK + "defaults:\n  consumer: {tables: [orders]}\n", []),
    "defaults as text": ("SPEC04", OK + "defaults: none\n", []),
    "no unit": ("SPEC04", OK + "memory: 256\n", []),
    "too little": ("SPEC04", OK + "memory: 1MB\n", []),
    "not a number": ("SPEC04", OK + "  workers: two\n", []),
    "too many": ("SPEC04", OK + "  workers: 1000\n", []),
    "not a choice": ("SPEC04", OK + "  read: ful\n", []),
    "a list where text is wanted": ("SPEC04", OK.replace("shop.db", "[a]"), []),
    "text where a map is wanted": ("SPEC04", "pipeline: shop\nconsumer: shop.db\n", []),
    "a bad name": ("SPEC04", OK.replace("shop\n", "my shop\n", 1), []),
    "a version of the future": ("SPEC04", "version: 2\n" + OK, []),
    "a duration without unit": ("SPEC04", OK + "resume_window: 5\n", []),
    "tables as text": ("SPEC04", OK + "  tables: orders\n", []),
    "a bad placeholder": ("SPEC04", OK + "loader:\n  path: \"{tabel}\"\n", []),
    "a path that leads out": ("SPEC04", OK + "loader:\n  path: ../{table}\n", []),
    "a step with two keys": ("SPEC04", OK + "transformers:\n  - select: [id]\n    rename: {a: b}\n", []),
    "a bad memory on the command line": ("SPEC04", OK, ["--memory", "lots"]),
    "a variable that is not set": ("SPEC05", OK.replace("shop.db", "${NOT_SET_ANYWHERE}"), []),
    "a variable that is not closed": ("SPEC05", OK.replace("shop.db", "${NOT"), []),
    "a file that is not there": ("SPEC05", OK.replace("shop.db", "${file:/nonexistent/secret}"), []),
    "an empty file": ("SPEC06", "", []),
    "no name": ("SPEC06", "consumer:\n  url: shop.db\n", []),
    "no consumer": ("SPEC06", "pipeline: shop\n", []),
    "no url": ("SPEC06", "pipeline: shop\nconsumer:\n  workers: 2\n", []),
    "an unknown source": ("SPEC07", OK.replace("shop.db", "oracle://x"), []),
    "an unknown type": ("SPEC07", "pipeline: shop\nconsumer:\n  type: oracle\n", []),
    "an unknown target": ("SPEC07", OK + "loader:\n  type: iceberg\n", []),
    "no such file": ("SPEC08", None, []),
    "no such environment": ("SPEC09", OK, ["--env", "prod"]),
    "a pattern that matches nothing": ("SPEC10", OK + "  tables: [order]\n", []),
    "only what is not there": ("SPEC10", OK, ["--only", "Orders"]),
    "two tables in one": ("SPEC11", OK + "loader:\n  path: all\n", []),
    "a Bloom filter of no column": ("LOAD03", OK + "loader:\n  bloom_filters: [id, idd]\n", []),
    "a Bloom filter of nothing near": ("LOAD03", OK + "loader:\n  bloom_filters: [xyzzy]\n", []),
    "a Bloom filter that is no list": ("SPEC04", OK + "loader:\n  bloom_filters: id\n", []),
    "a key of another source": ("SPEC02", OK + "  sslmode: require\n", []),
    "a bad enum of postgres": ("SPEC04", f"pipeline: shop\nconsumer:\n  url: postgresql://u:{PASSWORD}@127.0.0.1:1/x\n  sslmode: yes\n", []),
    "a password and a slip": ("SPEC02", f"pipeline: shop\nconsumer:\n  url: postgresql://u:{PASSWORD}@127.0.0.1:1/x\n  pasword: y\n", []),
}


def shown(project, name):
    _, text, args = CASES[name]
    path = project.dir / "shop.yml"
    path.unlink(missing_ok=True)
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    result = project.millrace("run", "shop.yml", "--progress", "none", *args, code=2)
    assert not result.out or (CASES[name][0] in ("SPEC10", "SPEC11", "SPEC12", "LOAD03") and "shop: failed, 0 rows" in result.out)
    assert not (project.dir / "lake").exists() or not list((project.dir / "lake").rglob("*.parquet"))
    return re.sub(re.escape(str(project.dir)), "PROJECT", result.err)


@pytest.fixture
def with_source(project):
    db = sqlite3.connect(project.dir / "shop.db")
    db.executescript("CREATE TABLE orders (id INTEGER, note TEXT, at DATETIME); CREATE TABLE customers (id INTEGER);")
    db.close()
    return project


def golden():
    text = GOLDEN.read_text() if GOLDEN.exists() else ""
    return dict(re.findall(r"^=== (.*?)\n(.*?)(?=^=== |\Z)", text, re.M | re.S))


def test_every_error_has_its_golden_text(with_source):
    got = {name: shown(with_source, name) for name in CASES}
    if os.environ.get("MR_GOLDEN") == "write":
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text("".join(f"=== {n}\n{t}" for n, t in got.items()))
    for name, text in got.items():
        assert f"MR-E-{CASES[name][0]}" in text, (name, text)
        assert "advice:" in text, (name, text)
        if CASES[name][1] and not CASES[name][2] and CASES[name][0] not in ("SPEC11",):
            assert re.search(r"shop\.yml:\d+:\d+", text), (name, text)
    assert got == golden()


def test_every_code_of_spec_is_there():
    table = (pathlib.Path(ROOT) / "include/millrace/errors.def").read_text()
    assert set(re.findall(r"MR_ERROR\((SPEC\d+)", table)) == {case[0] for case in CASES.values() if case[0].startswith("SPEC")}


# Text that is no valid URL, each with the planted password in it; the runner fails a test in whose output it appears.
CUT_URLS = [
    "u:{0}@h/d", "host=127.0.0.1 password={0} dbname=x", "postgresql://u:{0}/x@127.0.0.1:1/d",
    "postgresql://u:x/{0}@127.0.0.1:1/d", "postgresql://u:pa@{0}@127.0.0.1:1/d", "postgresql://me@corp:{0}@127.0.0.1:1/d",
    "postgresql://127.0.0.1:{0}/d", "postgresql://u:{0}%zz@127.0.0.1:1/d", "postgresql://u:{0}?@127.0.0.1:1/d",
    "postgresql://u:{0}#x@127.0.0.1:1/d", "postgresql://[::1/d?password={0}", "postgresql://127.0.0.1:1/d?x=y&password={0}",
    "postgresql://u:p@127.0.0.1:1/d?sslpassword={0}&sslkey=/nope&sslcert=/nope", "mysql://u:{0}/x@h/d", "x://u:{0}@h/d",
]


@pytest.mark.parametrize("url", CUT_URLS)
def test_no_word_of_a_password_is_printed_from_a_url_that_is_wrong(project, url):
    url = url.format(PASSWORD)
    for kind in ("", "  type: postgres\n"):
        project.pipeline(f'"{url}"', consumer=kind)
        for command in ("run", "plan", "check"):
            assert project.millrace(command, "shop.yml", code=None).code in (1, 2)
    said = project.millrace("copy", url, "lake/copied", code=None)
    assert said.code in (1, 2), said
    saved = project.millrace("copy", url, "lake/copied", "--save", "copied.yml", code=None)
    assert saved.code in (1, 2), saved
    assert not [p for p in project.dir.glob("copied.yml") if PASSWORD in p.read_text()]


def test_a_password_that_ends_early_is_told_what_to_write(project):
    project.pipeline("postgresql://u:a/b@127.0.0.1:1/d")
    said = project.run(code=2).err
    assert "shop.yml:4:8" in said and "%2F" in said and "a/b" not in said
    project.pipeline("postgresql://u:a%2Fb%40@127.0.0.1:1,[::1]:1/d?user=x")
    assert "MR-E-PG01" in project.run(code=1).err
