"""The command line: help for everything, exit codes, stdout for data and stderr for the rest, the report's schema, secrets."""

import fcntl
import json
import os
import re
import sqlite3
import struct
import subprocess
import termios

import jsonschema
import pytest
from conftest import BINARY, PASSWORD, ROOT

COMMANDS = ["copy", "init", "check", "discover", "plan", "run", "sql", "tables", "describe", "history", "status", "schema",
            "help", "version"]
SCHEMA = json.loads((ROOT / "docs/reference/report.schema.json").read_text())


def call(project, *args, **kw):
    return project.millrace(*args, code=None, **kw)


# ---- help ----

def test_help_lists_every_command_and_each_has_its_own(project):
    text = call(project, "help").out
    for c in COMMANDS:
        assert re.search(rf"^  {c}\b", text, re.M), c
        own = call(project, "help", c)
        assert own.code == 0 and own.out.startswith(f"millrace {c}"), own
        assert call(project, c, "--help").out == own.out
        assert max(map(len, own.out.splitlines())) <= 88, own.out
    assert max(map(len, call(project, "help", "consumer").out.splitlines())) <= 80
    assert call(project).code == 2 or call(project).code == 0
    assert call(project, "version").out.startswith("millrace ")
    assert call(project, "--version").code == 0


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_help_of_a_source_lists_its_keys(project, kind):
    text = call(project, "help", "consumer", kind).out
    assert "url" in text and (kind == "sqlite" or "sslmode" in text)


def test_every_error_code_is_explained(project):
    table = (ROOT / "include/millrace/errors.def").read_text()
    ids = re.findall(r"^MR_ERROR\((\w+)", table, re.M)
    listed = call(project, "help", "errors").out
    for i in ids:
        assert f"MR-E-{i}" in listed
        one = call(project, "help", "errors", f"MR-E-{i}").out
        assert f"MR-E-{i}" in one and len(one.split()) > 11, i
    assert call(project, "help", "errors", "MR-E-NOPE99").code == 2


def test_the_schema_in_docs_is_what_the_program_says(project):
    assert call(project, "schema").out == (ROOT / "docs/reference/pipeline.schema.json").read_text()
    schema = json.loads(call(project, "schema").out)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate({"pipeline": "shop", "consumer": {"url": "sqlite:x.db", "workers": 2}}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"pipeline": "shop", "consumer": {"url": "sqlite:x.db", "wrkers": 2}}, schema)


# ---- exit codes and streams ----

WRONG = [["nope"], ["rnu"], ["run"], ["run", "x.yml", "--nope"], ["run", "x.yml", "--workers", "two"], ["sql", "-c"],
         ["describe"], ["copy", "x.db"], ["help", "nope"], ["run", "shop.yml", "--report", "xml"],
         ["run", "shop.yml", "--progress", "loud"], ["run", "shop.yml", "--lake", ""], ["run", "shop.yml", "--fresh=1"], ["optimize", "t"], ["run", "missing.yml"]]


@pytest.mark.parametrize("args", WRONG, ids=" ".join)
def test_usage_errors_exit_2_and_keep_stdout_empty(project, shop_db, args):
    project.pipeline(shop_db)
    result = call(project, *args)
    assert result.code == 2 and not result.out and "error MR-E-" in result.err, result


def test_one_failed_stream_exits_1_and_the_others_are_done(project, tmp_path):
    db = sqlite3.connect(tmp_path / "s.db")
    db.executescript("CREATE TABLE good (id INTEGER); INSERT INTO good VALUES (1); CREATE VIEW bad AS SELECT id FROM gone;")
    db.close()
    project.pipeline(tmp_path / "s.db", consumer="  tables: ['*', bad]\n")
    result = project.run(code=1)
    assert {s["stream"]: s["status"] for s in result.report["streams"]} == {"good": "done", "bad": "failed"}
    error = result.stream("bad")["error"]
    assert error["code"] == "MR-E-LITE05" and "bad" in error["message"] and "main.gone" in error["message"]
    jsonschema.validate(result.report, SCHEMA)


def test_of_several_files_the_worst_counts(project, shop_db):
    project.pipeline(shop_db, name="a", ident=False)
    project.pipeline("/nonexistent.db", name="b", ident=False)
    result = call(project, "run", "a.yml", "b.yml", "--report", "json")
    lines = [json.loads(line) for line in result.out.splitlines()]
    assert [r["status"] for r in lines] == ["done", "failed"] and result.code == 1
    for r in lines:
        jsonschema.validate(r, SCHEMA)


def test_reports_follow_their_schema(project, shop_db):
    project.pipeline(shop_db)
    for want in ("done", "unchanged"):
        report = project.run().report
        assert report["status"] == want
        jsonschema.validate(report, SCHEMA)
    assert {s["status"] for s in report["streams"]} == {"unchanged"}


def test_stdout_is_data_and_stderr_is_talk(project, shop_db):
    project.pipeline(shop_db)
    result = call(project, "run", "shop.yml", "--progress", "log")
    assert result.out.splitlines()[-1].startswith("shop: done, 1,100 rows")
    assert " info  shop orders done rows=1000 version=0" in result.err
    result = call(project, "run", "shop.yml", "--report", "json", "--progress", "json")
    json.loads(result.out)
    lines = [json.loads(line) for line in result.err.splitlines()]
    assert all({"ts", "level", "pipeline", "run", "message"} <= set(line) for line in lines) and lines
    assert not call(project, "run", "shop.yml", "--progress", "none").err


def test_limit_never_touches_the_pipelines_tables(project, shop_db):
    project.pipeline(shop_db)
    project.run("shop.yml", "--limit", "3")
    assert not (project.lake / "shop").exists()
    preview = project.lake / "_millrace/preview/shop/shop/orders"
    import deltalake
    assert deltalake.DeltaTable(str(preview)).to_pyarrow_table().num_rows == 3
    project.run()
    result = call(project, "copy", shop_db, "lake/shop", "--limit", "3")
    assert result.code == 2 and "replace" in result.err
    assert project.rows("shop/orders").num_rows == 1000


def test_profile_says_where_the_time_went(project, shop_db):
    project.pipeline(shop_db)
    report = project.run("shop.yml", "--profile").report
    jsonschema.validate(report, SCHEMA)
    orders = next(s for s in report["streams"] if s["stream"] == "orders")["profile"]
    assert orders["decode"] > 0 and orders["encode"] > 0 and orders["sync"] > 0 and orders["commit"] > 0
    text = call(project, "run", "shop.yml", "--profile", "--fresh").out
    assert "where the time of orders went" in text and "is the limit" in text
    assert "profile" not in project.run().report["streams"][0]


def test_only_what_the_pipeline_reads(project, shop_db):
    project.pipeline(shop_db, consumer="  tables: [orders]\n")
    assert "does not read 'customers'" in project.run("shop.yml", "--only", "customers", code=2).err
    project.pipeline(shop_db, consumer="  tables: {'*': skip}\n")
    assert "nothing is left to read" in project.run(code=2).err


def test_only_and_the_look_at_the_lake(project, shop_db):
    project.pipeline(shop_db)
    project.run("shop.yml", "--only", "orders")
    assert [p.name for p in (project.lake / "shop").iterdir()] == ["orders"]
    for args in (["--only", "orders,cust*"], ["--only", "customers", "--only=orders"]):
        assert sorted(s["stream"] for s in project.run("shop.yml", *args).report["streams"]) == ["customers", "orders"]
    assert "did you mean 'customers'" in project.run("shop.yml", "--only", "orders,custmers", code=2).err
    assert "shop/orders" in call(project, "tables").out
    assert "decimal(12,2)" in call(project, "describe", "shop.orders").out
    assert "WRITE" in call(project, "history", "shop/orders").out
    assert "done" in call(project, "status").out
    for command in ("describe", "history"):
        wrong = call(project, command, "shop.nope")
        assert wrong.code in (1, 2) and "MR-E-CLI02" in wrong.err


def test_plan_and_check_write_nothing(project, shop_db):
    project.pipeline(shop_db)
    assert "decimal(12,2)" in call(project, "plan", "shop.yml").out
    good = call(project, "check", "shop.yml").out
    assert good.endswith("shop.yml: ready to run\n") and "✗" not in good
    assert not list(project.dir.rglob("*.parquet")) and not (project.lake / "shop").exists()
    project.pipeline("/nonexistent.db")
    result = call(project, "check", "shop.yml")
    assert result.code == 1 and "✗" in result.out


def test_init_makes_a_project_that_runs(project, shop_db, tmp_path):
    folder = tmp_path / "new"
    folder.mkdir()
    env = project.env()
    assert subprocess.run([BINARY, "init", f"sqlite:{shop_db}", "shop"], cwd=folder, env=env).returncode == 0
    assert re.search(r"^id: [0-9A-Z]{26}$", (folder / "pipelines/shop.yml").read_text(), re.M)
    assert subprocess.run([BINARY, "run", "pipelines/shop.yml"], cwd=folder, env=env).returncode == 0
    assert (folder / "lake/shop/orders/_delta_log").is_dir()
    again = subprocess.run([BINARY, "init", f"sqlite:{shop_db}", "shop"], cwd=folder, env=env, capture_output=True, text=True)
    assert again.returncode == 2 and "exists; give another name" in again.stderr


# ---- copy and secrets ----

def test_copy_prints_what_it_runs_and_what_it_prints_runs(project, shop_db):
    result = call(project, "copy", shop_db, "lake/one", "--tables", "orders", "--save", "saved.yml")
    assert result.code == 0
    yaml = result.out.split("# the pipeline that runs\n")[1].split("  orders")[0]
    assert "pipeline: one" in yaml and "- orders" in yaml
    assert (project.dir / "saved.yml").read_text().startswith("pipeline: one")
    again = project.run("saved.yml", "--lake", "lake").report
    assert again["status"] == "unchanged"


def test_a_password_in_an_argument_is_used_scrubbed_and_warned_about(project):
    url = f"postgresql://u:{PASSWORD}@127.0.0.1:1/x"
    env = project.env(fault="io.open=sleep:1")
    proc = subprocess.Popen([BINARY, "copy", url, "lake/x"], cwd=project.dir, env=env, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)
    out, err = proc.communicate(timeout=20)
    assert proc.returncode == 1 and PASSWORD not in out + err
    assert "${SOURCE_PASSWORD}" in out and "hint: a password in an argument" in err


def test_the_password_is_gone_from_the_process_list(project, tmp_path):
    """A source that accepts and never answers: the arguments are looked at while the program waits."""
    import socket
    import time
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen(1)
        proc = subprocess.Popen([BINARY, "copy", f"postgresql://u:{PASSWORD}@127.0.0.1:{s.getsockname()[1]}/x", "lake/x"],
                                cwd=project.dir, env=project.env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(0.5)
        assert proc.poll() is None
        shown = open(f"/proc/{proc.pid}/cmdline", "rb").read()
        proc.kill()
        out, err = proc.communicate()
    assert PASSWORD.encode() not in shown and b"copy" in shown
    assert PASSWORD not in out + err


def test_no_colour_and_no_terminal_codes_in_a_pipe(project, shop_db):
    project.pipeline(shop_db)
    result = call(project, "run", "shop.yml")
    assert "\x1b" not in result.out + result.err


def test_alloc_failures_are_clean(project, shop_db):
    """Any allocation that may fail, fails once: one error, no crash, nothing half-written."""
    project.pipeline(shop_db)
    env = project.env()
    for n in range(1, 40, 3):
        env["MR_ALLOC_FAIL_AT"] = str(n)
        proc = subprocess.run([BINARY, "run", "shop.yml", "--progress", "none"], cwd=project.dir, env=env, capture_output=True, text=True,
                              timeout=60)
        assert proc.returncode in (0, 1), proc
        if proc.returncode:
            assert "MR-E-" in proc.stdout + proc.stderr
    os.environ.pop("MR_ALLOC_FAIL_AT", None)
    project.run()
    assert project.rows("shop/orders").num_rows == 1000


def test_a_tables_name_cannot_write_to_the_terminal_through_the_log(project, tmp_path):
    db = sqlite3.connect(tmp_path / "odd.db")
    db.execute('CREATE TABLE "t\x1b[31m\u009b31m\nforged" (id INTEGER PRIMARY KEY)')
    db.commit()
    project.pipeline(f"sqlite:{tmp_path}/odd.db")
    err = project.millrace("run", "shop.yml", "--progress", "log").err
    assert not set(err) & {"\x1b", "\u009b"} and "\nforged" not in err and "forged" in err


def on_a_terminal(project, *args, columns=80, term="xterm"):
    """What the program shows on a terminal of its own."""
    main, side = os.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen([BINARY, *args], cwd=project.dir, env={**project.env(), "TERM": term}, stdin=side, stdout=side, stderr=side) as proc:
        os.close(side)
        shown = b""
        try:
            while part := os.read(main, 65536):
                shown += part
        except OSError:
            pass  # the other end is closed
        proc.wait(timeout=60)
    os.close(main)
    return shown


def test_names_and_values_do_not_drive_the_terminal(project, tmp_path):
    evil = "a\x1b]0;owned\x07\u009b31m\u202eb"
    db = sqlite3.connect(tmp_path / "s.db")
    db.execute(f'CREATE TABLE t (id INTEGER PRIMARY KEY, "{evil}" TEXT, d DATE)')
    db.execute("INSERT INTO t VALUES (1, ?, ?)", (evil, evil))
    db.commit()
    project.pipeline(tmp_path / "s.db")
    for args in (["plan", "shop.yml"], ["discover", "shop.yml"], ["run", "shop.yml"], ["describe", "shop.t"],
                 ["sql", "-c", "SELECT * FROM shop.t"], ["sql", "-c", "SELECT no FROM shop.t"]):
        shown = on_a_terminal(project, *args)
        assert shown and not any(c in shown for c in (b"\x1b]", b"\x07", "\u009b".encode(), "\u202e".encode())), (args, shown)
    assert evil in project.millrace("sql", "-c", "SELECT * FROM shop.t", "--format", "csv").out  # and programs get it as it is


@pytest.mark.parametrize("columns", [60, 80, 92, 104, 200])
def test_the_lines_of_a_run_fit_the_terminal(project, shop_db, columns):
    """A frame with a line that wraps is not drawn over, and a report that wraps cannot be read."""
    db = sqlite3.connect(shop_db)
    db.execute("CREATE TABLE a_rather_long_name (id INTEGER)")
    db.commit()
    project.pipeline(shop_db)
    shown = on_a_terminal(project, "run", "shop.yml", columns=columns).decode()
    lines = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", shown).split("\r\n")
    assert max(map(len, lines)) <= columns, shown
    assert any("a_rather_long_name" in line and "0 rows" in line for line in lines), shown
    orders = next(line for line in lines if "orders" in line and " v0" in line)
    assert ("/s" in orders) == (columns > 100) or 80 < columns < 200, "the rate goes first"
    assert ("shop/orders" in orders) == (columns > 80) or columns == 80, "then the place in the lake"


def test_a_dumb_terminal_gets_no_escapes(project, shop_db):
    project.pipeline(shop_db)
    assert b"\x1b[" in on_a_terminal(project, "run", "shop.yml")
    shown = on_a_terminal(project, "run", "shop.yml", "--fresh", term="dumb")
    assert b"\x1b" not in shown and b" info  shop orders" in shown


def test_the_report_counts_what_landed(project, shop_db):
    """Not what was read: a filter drops some; and a table that an interrupted run committed is not one of 0 rows."""
    project.pipeline(shop_db, extra="transformers:\n  - filter: id <= 7\n")
    for status in ("done", "unchanged"):
        out = call(project, "run", "shop.yml").out
        assert re.search(rf"shop/orders +{status} +7 rows", out), out
