"""check and plan against PostgreSQL: every finding has its golden text, and what puts it right does so."""

import contextlib
import json
import os
import re
import subprocess
import time

import jsonschema
import pytest
from conftest import PASSWORD, ROOT, Postgres, Project, set_password
from doctor import SCHEMA, compare, findings, masked, trouble
from pg_servers import pooler
from stub_server import Stub, error

TABLES = """
CREATE TABLE orders (id int PRIMARY KEY, total numeric(12,2), note text); INSERT INTO orders SELECT i, i, 'n' FROM generate_series(1, 100) i;
CREATE TABLE "Odd Name" (id int, "a b" text);
ANALYZE; GRANT SELECT ON ALL TABLES IN SCHEMA public TO mill;"""


def start(folder, **env):
    services = str(ROOT / "tools" / "services")
    subprocess.run([services, "start", "postgres", str(folder)], check=True, env={**os.environ, **env})
    words = dict(line.split("=", 1) for line in (folder / "env").read_text().split("\n") if "=" in line)
    pg = Postgres(words["PORT"], words["SOCKET"])
    pg.bin, pg.folder = words["BIN"], folder
    set_password(pg)
    return pg


@contextlib.contextmanager
def running(folder, **env):
    pg = start(folder, **env)
    try:
        yield pg
    finally:
        subprocess.run([str(ROOT / "tools" / "services"), "stop", str(folder)], check=True)


@pytest.fixture
def shop(postgres, tmp_path):
    """A database as it should be, and a project over it; what is done to role and database is undone."""
    class Shop:
        pg = postgres
        p = Project(tmp_path / "project")

        def admin(self, sql, database="checked"):
            postgres.psql(database, sql)

        def check(self, code, *args, **kw):
            return self.p.millrace("check", "shop.yml", *args, code=code, **kw)

        def text(self, code, **kw):
            return masked(self.p, self.check(code, **kw).out)
    s = Shop()
    undo(s)
    s.url = postgres.database("checked", TABLES)
    s.p.pipeline(s.url)
    yield s
    undo(s)
    s.admin("ALTER DATABASE checked ALLOW_CONNECTIONS true; DROP DATABASE checked WITH (FORCE);", "postgres")


def undo(shop):
    shop.admin("ALTER ROLE mill RESET ALL; ALTER ROLE mill NOBYPASSRLS NOSUPERUSER LOGIN CONNECTION LIMIT -1;", "postgres")


# statements of an administrator -> exit; what they leave is undone by the fixture's new database
DONE_TO_IT = {
    "all well": ("", 0),
    "no right on a table": ("REVOKE SELECT ON orders FROM mill;", 1),
    "no right on a schema": ('CREATE SCHEMA "Hid den"; CREATE TABLE "Hid den".t (id int);', 1),
    "a column that may not be read": ("REVOKE SELECT ON orders FROM mill; GRANT SELECT (id, note) ON orders TO mill;", 0),
    "row-level security": ("ALTER TABLE orders ENABLE ROW LEVEL SECURITY;", 1),
    "time-outs of role and database": ("ALTER ROLE mill SET statement_timeout = '30s'; ALTER DATABASE checked SET lock_timeout = '2s';"
                                       "ALTER ROLE mill IN DATABASE checked SET idle_in_transaction_session_timeout = '1min';", 0),
    "a time-out that cannot be overridden": ("ALTER ROLE mill SET idle_session_timeout = '5s';", 0),
    "a role of few connections": ("ALTER ROLE mill CONNECTION LIMIT 1;", 0),
    "a database of few connections": ("ALTER DATABASE checked CONNECTION LIMIT 1;", 0),
    "a superuser": ("ALTER ROLE mill SUPERUSER;", 0),
    "a table that was never analysed": ("CREATE TABLE fresh (id int); GRANT SELECT ON fresh TO mill;", 0),
    "a disk that is too small": ("UPDATE pg_class SET relpages = 1000000000, reltuples = 1 WHERE relname = 'orders';", 1),
    "a role that may not log in": ("ALTER ROLE mill NOLOGIN;", 1),
    "a database that lets nobody in": ("ALTER DATABASE checked ALLOW_CONNECTIONS false;", 1),
    "a table that somebody drops the schema of": ("DROP SCHEMA public CASCADE;", 1),
}


@pytest.mark.parametrize("name", DONE_TO_IT)
def test_what_an_administrator_does(shop, name):
    sql, code = DONE_TO_IT[name]
    shop.admin(sql, "postgres" if "ALLOW" in sql else "checked")
    text = shop.text(code)
    got = text if name in ("all well", "time-outs of role and database") else trouble(text)
    compare_one("check_postgres.txt", name, got)
    jsonschema.validate(json.loads(shop.check(code, "--report", "json").out), SCHEMA)
    for block in re.split(r"\n(?! )", trouble(text).strip())[:-1]:
        assert "\n    " in block or "GRANT" in block, "a finding without what to do: " + block


def compare_one(file, name, got):
    """As compare, for one case of a file that several tests share."""
    path = ROOT / "tests" / "golden" / file
    text = path.read_text() if path.exists() else ""
    known = dict(re.findall(r"^=== (.*?)\n(.*?)(?=^=== |\Z)", text, re.M | re.S))
    if os.environ.get("MR_GOLDEN") == "write":
        known[name] = got
        path.write_text("".join(f"=== {n}\n{t}" for n, t in known.items()))
    assert got == known.get(name)


def fixed(shop, sql, code_before):
    """The statements under ✗ and ! are run by the administrator as they stand; then nothing is left of them."""
    shop.admin(sql)
    before = findings(shop.check(code_before, "--report", "json"))
    fixes = [f["fix"] for f in before if f["verdict"] != "ok"]
    for fix in fixes:
        for line in fix.splitlines():
            line = re.sub(r"^or: |; or skip.*|, read as the owner.*", lambda m: "" if m.group() == "or: " else ";", line)
            if re.match(r"ALTER|GRANT|ANALYZE", line):
                shop.admin(line)
    return [f for f in findings(shop.check(0, "--report", "json")) if f["verdict"] != "ok"]


@pytest.mark.parametrize("sql, code", [
    ("REVOKE SELECT ON orders FROM mill;", 1), ('CREATE SCHEMA "Hid den"; CREATE TABLE "Hid den"."T t" (id int); ANALYZE;', 1),
    ("ALTER TABLE orders ENABLE ROW LEVEL SECURITY;", 1), ("ALTER ROLE mill SET idle_session_timeout = '5s';", 0),
    ('CREATE TABLE "never analysed" (id int); GRANT SELECT ON "never analysed" TO mill;', 0),
    ("ALTER ROLE mill CONNECTION LIMIT 1;", 0), ("ALTER DATABASE checked CONNECTION LIMIT 1;", 0),
])
def test_what_it_says_puts_it_right(shop, sql, code):
    assert fixed(shop, sql, code) == []
    assert shop.p.run().report["status"] == "done"


def test_a_time_out_that_it_calls_harmless_is_harmless(shop):
    shop.admin("ALTER ROLE mill SET statement_timeout = '300ms'; ALTER ROLE mill SET lock_timeout = '300ms';"
               "ALTER ROLE mill SET idle_in_transaction_session_timeout = '300ms';")
    assert shop.check(0).out.count("millrace's own transactions are free of it") == 2
    assert shop.p.run(fault="pipe.planned=sleep:900").report["status"] == "done"


# ---- connections that are not had ----

def test_no_connection(shop, tmp_path):
    got = {}

    def case(name, url, consumer=""):
        shop.p.pipeline(url, consumer=consumer)
        got[name] = trouble(shop.text(1))
    port = shop.pg.port
    case("a wrong password", f"postgresql://mill:not-it@127.0.0.1:{port}/checked")
    case("no password", f"postgresql://mill@127.0.0.1:{port}/checked", "  connect_timeout: 5s\n")
    case("no such role", f"postgresql://nobody@/checked?host={shop.pg.socket}&port={port}")
    case("no such database", f"{shop.pg.url}/nope")
    case("nobody listens", "postgresql://mill@127.0.0.1:1/x")
    case("no such socket", "postgresql:///x?host=/nonexistent&port=5432")
    case("TLS where there is none", f"{shop.pg.url}/checked", "  sslmode: require\n")
    with Stub(startup=b"", end="silent") as stub:
        case("nobody answers", f"postgresql://mill@127.0.0.1:{stub.port}/x", "  connect_timeout: 2s\n")
    for words, state in (("the database system is starting up", "57P03"), ("sorry, too many clients already", "53300"),
                         ("too many connections for role \"mill\"", "53300"), ("permission denied for database \"x\"", "42501"),
                         ("no pg_hba.conf entry for host \"10.0.0.7\", user \"mill\", database \"x\", no encryption", "28000")):
        with Stub(startup=error("FATAL", state, words)) as stub:
            case(words, f"postgresql://mill@127.0.0.1:{stub.port}/x")
    for name, version, number in (("PostgreSQL 13", "PostgreSQL 13.14 on x86_64-pc-linux-gnu", "13.14"),
                                  ("CockroachDB", "CockroachDB CCL v23.1.11", "13.0.0")):
        with Stub(version, number) as stub:
            case(name, f"postgresql://mill@127.0.0.1:{stub.port}/x")
    got = {name: text.replace(shop.pg.socket, "SOCKET") for name, text in got.items()}
    compare("check_no_connection.txt", got)
    for name, text in got.items():
        assert "check host, port, user" not in text, "the advice that fits everything: " + name


def test_a_clock_that_is_wrong_and_a_server_that_is_newer(shop):
    def facts():
        return ["mill", "f", "-1", "-1", "21.1", "100", "3", "1", "1", "1", "f", "30s", "off", str(int((time.time() - 3600) * 1e6)), "1", "x"]
    with Stub("PostgreSQL 21.1", "21.1", answers={"rolsuper": facts}) as stub:
        shop.p.pipeline(f"postgresql://mill@127.0.0.1:{stub.port}/x")
        result = shop.check(1, "--report", "json")
    (clock,), (version,) = findings(result, "clock"), findings(result, "version")
    assert clock["verdict"] == "warning" and re.search(r"the server's clock is (3599|3600) s behind this one", clock["text"])
    assert version["verdict"] == "warning" and "21.1 is newer" in version["text"]


# ---- TLS ----

def test_tls(tmp_path):
    p, got = Project(tmp_path / "project"), {}
    with running(tmp_path / "tls", PG_TLS="1") as pg:
        pg.database("tls", "CREATE TABLE t AS SELECT 1 AS id; ANALYZE;")
        certificate = tmp_path / "tls" / "server.crt"
        other = tmp_path / "other.crt"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=other", "-keyout",
                        str(tmp_path / "other.key"), "-out", str(other)], check=True, capture_output=True)
        for name, host, code, consumer in (
                ("verified", "localhost", 0, f"  sslmode: verify-full\n  sslrootcert: {certificate}\n"),
                ("not verified", "localhost", 0, "  sslmode: require\n"),
                ("signed by somebody else", "localhost", 1, f"  sslmode: verify-full\n  sslrootcert: {other}\n"),
                ("another name", "127.0.0.1", 1, f"  sslmode: verify-full\n  sslrootcert: {certificate}\n")):
            p.pipeline(f"postgresql://mill:{PASSWORD}@{host}:{pg.port}/tls", consumer=consumer)
            text = p.millrace("check", "shop.yml", code=code).out
            got[name] = trouble(masked(p, text, (str(tmp_path), "FOLDER"))) if code else next(x for x in text.splitlines(True) if "TLSv1" in x)
    compare("check_tls.txt", got)


# ---- poolers ----

@pytest.mark.parametrize("mode", ["session", "transaction", "statement"])
def test_a_pooler(shop, tmp_path, mode):
    with pooler(shop.pg, tmp_path / "pool", "checked", mode) as port:
        shop.p.pipeline(f"postgresql://mill:{PASSWORD}@127.0.0.1:{port}/checked")
        result = shop.check(1 if mode == "statement" else 0, "--report", "json")
        (found,) = findings(result, "pooler")
        assert found["verdict"] == ("wrong" if mode == "statement" else "ok")
        assert {"session": "by client", "transaction": "by transaction", "statement": "begin a transaction"}[mode] in found["text"]
        if mode != "statement":
            assert findings(result, "snapshot")[0]["verdict"] == "ok"
        jsonschema.validate(json.loads(result.out), SCHEMA)
    shop.p.pipeline(shop.url)
    assert findings(shop.check(0, "--report", "json"), "pooler") == [], "the control: there is none in front of the server itself"


# ---- a server with little room ----

def many_tables(pg, n):
    pg.psql("small", f"DO $$ BEGIN FOR i IN 1..{n} LOOP EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY)', i); "
                     f"EXECUTE format('GRANT SELECT ON t%s TO mill', i); END LOOP; END $$; ANALYZE;")


def test_a_small_server(tmp_path):
    p, got = Project(tmp_path / "project"), {}
    with running(tmp_path / "small", PG_OPTIONS="-c max_connections=8 -c max_locks_per_transaction=10 -c superuser_reserved_connections=3") as pg:
        pg.database("small")
        many_tables(pg, 30)
        p.pipeline(f"{pg.url}/small", consumer="  workers: 4\n")

        def case(name, code):
            got[name] = trouble(masked(p, p.millrace("check", "shop.yml", code=code).out))
        case("locks that may not suffice", 0)
        with contextlib.ExitStack() as stack:
            def take(n):
                for _ in range(n):
                    proc = subprocess.Popen(["psql", "-X", "-h", pg.socket, "-p", str(pg.port), "-U", "mill", "small"], stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, text=True)
                    stack.callback(proc.communicate)
                    proc.stdin.write("SELECT 1;\n")
                    proc.stdin.flush()
                    proc.stdout.readline()
            take(3)
            case("room for two", 0)
            take(2)
            case("every connection is taken", 1)
        pg.psql("small", "DROP OWNED BY mill;")
        for i in range(0, 400, 50):
            pg.psql("small", f"DO $$ BEGIN FOR i IN {1000 + i}..{1049 + i} LOOP EXECUTE format('CREATE TABLE t%s (id int)', i); "
                             f"EXECUTE format('GRANT SELECT ON t%s TO mill', i); END LOOP; END $$;")
        pg.psql("small", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO mill; ANALYZE;")
        case("fewer locks than tables", 1)
        assert "out of shared memory" in str(p.run(code=1)), "what it calls wrong is"
    got = {n: re.sub(r"\d+ in use", "N in use", t) for n, t in got.items()}
    compare("check_small_server.txt", got)


def test_a_database_without_an_encoding(shop):
    shop.admin("DROP DATABASE IF EXISTS raw;", "postgres")
    shop.admin("CREATE DATABASE raw ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C';", "postgres")
    shop.admin("CREATE TABLE t (id int); ANALYZE; GRANT SELECT ON t TO mill;", "raw")
    shop.p.pipeline(f"{shop.pg.url}/raw")
    compare("check_encoding.txt", {"SQL_ASCII": trouble(shop.text(0))})


def test_a_hot_standby(tmp_path):
    p, got = Project(tmp_path / "project"), {}
    with running(tmp_path / "primary") as pg:
        url = pg.database("copied", TABLES)
        owner = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        home = tmp_path / "primary"
        copy = home / "data" / ".." / "standby"
        if owner:
            subprocess.run(["chown", "postgres", str(home)], check=True)
        subprocess.run([*owner, f"{pg.bin}/pg_basebackup", "-h", pg.socket, "-p", str(pg.port), "-U", "postgres", "-D", str(copy), "-R", "-X",
                        "stream", "--no-sync", "-c", "fast"], check=True, cwd="/")
        import socket as sockets
        with sockets.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        settings = " ".join(w.strip('"') for w in (home / "data" / "postmaster.opts").read_text().split() if w.startswith('"max_'))
        settings = " ".join(f"-c {w}" for w in settings.split())
        command = [*owner, f"{pg.bin}/pg_ctl", "-D", str(copy), "-l", str(copy / "log"), "-w", "-t", "60"]
        subprocess.run([*command, "-o", f"-p {port} -k {pg.socket} {settings}", "start"], check=True, cwd="/", stdout=subprocess.DEVNULL)
        try:
            p.pipeline(url.replace(f":{pg.port}/", f":{port}/"))
            got["a standby"] = trouble(masked(p, p.millrace("check", "shop.yml").out))
            run = p.run().report
            assert run["status"] == "done"
            subprocess.run(["psql", "-XqAt", "-h", pg.socket, "-p", str(port), "-U", "postgres", "postgres", "-c",
                            "ALTER SYSTEM SET hot_standby_feedback = on", "-c", "SELECT pg_reload_conf()"], check=True, stdout=subprocess.DEVNULL)
            time.sleep(0.5)
            document = p.millrace("check", "shop.yml", "--report", "json")
            assert findings(document, "standby")[0]["verdict"] == "ok", "what it says puts it right"
        finally:
            subprocess.run([*command, "-m", "immediate", "stop"], check=True, cwd="/", stdout=subprocess.DEVNULL)
    compare("check_standby.txt", got)


# ---- plan ----

def test_plan_tries_rows_and_leaves_nothing_open(shop):
    shop.admin("INSERT INTO orders SELECT i, i, 'n' FROM generate_series(101, 30000) i; ANALYZE;")
    document = json.loads(shop.p.millrace("plan", "shop.yml", "--report", "json").out)
    by_name = {s["stream"]: s["plan"] for s in document["streams"]}
    assert by_name["public.orders"]["rows_tried"] == 10000 and by_name["public.Odd Name"]["rows_tried"] == 0
    assert by_name["public.orders"]["est_rows"] == 30000 and by_name["public.orders"]["est_bytes"] > 1000000
    assert shop.pg.psql("postgres", "SELECT count(*) FROM pg_stat_activity WHERE usename = 'mill';").strip() == "0"


@contextlib.contextmanager
def held(shop, table):
    """Another session has locked the table exclusively."""
    command = ["psql", "-Xq", "-h", shop.pg.socket, "-p", str(shop.pg.port), "-U", "postgres", "checked"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        holder.stdin.write(f"BEGIN; LOCK TABLE {table}; SELECT 'held';\n")
        holder.stdin.flush()
        while "held" not in holder.stdout.readline():
            pass
        yield
        holder.communicate("ROLLBACK;\n")


def test_a_table_that_somebody_holds(shop):
    """plan goes on with the others and says why; a run fails it alone."""
    shop.admin("CREATE TABLE other AS SELECT 1 AS id; GRANT SELECT ON other TO mill;")
    shop.p.pipeline(shop.url, consumer="  lock_timeout: 1s\n")
    with held(shop, "orders"):
        began = time.time()
        document = json.loads(shop.p.millrace("plan", "shop.yml", "--report", "json").out)
        assert time.time() - began < 20
        assert {s["stream"]: s["plan"]["rows_tried"] for s in document["streams"]} == {
            "public.orders": 0, "public.Odd Name": 0, "public.other": 1}
        assert "orders cannot be locked" in document["warnings"][0]
        report = shop.p.run(code=1).report
    assert {s["stream"]: s["status"] for s in report["streams"]} == {
        "public.orders": "failed", "public.Odd Name": "done", "public.other": "done"}


def test_plan_ends_though_a_view_does_not_and_tables_come_first(shop):
    shop.admin("CREATE VIEW a_slow_one AS SELECT pg_sleep(60)::text AS x; GRANT SELECT ON a_slow_one TO mill;")
    shop.p.pipeline(shop.url, consumer="  tables: [\"*\", a_slow_one]\n")
    began = time.time()
    document = json.loads(shop.p.millrace("plan", "shop.yml", "--report", "json").out)
    assert time.time() - began < 20
    assert {s["stream"]: s["plan"]["rows_tried"] for s in document["streams"]} == {
        "public.orders": 100, "public.Odd Name": 0, "public.a_slow_one": 0}
    assert document["warnings"] == ["one table was not tried with rows: it took too long"]


def test_plan_of_a_view_that_fails(shop):
    shop.admin("CREATE VIEW v AS SELECT 1 / (id - 50) AS z FROM orders; GRANT SELECT ON v TO mill;")
    shop.p.pipeline(shop.url, consumer="  tables: [v]\n")
    result = shop.p.millrace("plan", "shop.yml", code=1)
    assert "division by zero" in result.out


def test_plan_counts_what_does_not_fit_and_its_yaml_lands_it(shop):
    shop.admin("""CREATE TABLE odd (id int PRIMARY KEY, n numeric, at timestamp, d date);
        INSERT INTO odd SELECT i, CASE WHEN i % 100 = 0 THEN 'NaN'::numeric ELSE i END, CASE WHEN i = 7 THEN 'infinity'::timestamp ELSE 'now' END,
          '2026-01-01' FROM generate_series(1, 2000) i; ANALYZE; GRANT SELECT ON odd TO mill;""")
    shop.p.pipeline(shop.url, consumer="  tables: [odd]\n")

    def plan(code=0):
        return json.loads(shop.p.millrace("plan", "shop.yml", "--report", "json", code=code).out)["streams"][0]
    stream = plan()
    assert {(b["column"], b["policy"]): b["count"] for b in stream["bad_values"]} == {("n", "rescue"): 20, ("at", "rescue"): 1}
    assert [(e["column"], e["text"], e["row"]) for e in stream["plan"]["examples"]] == [("n", "NaN", "id=100"), ("at", "infinity", "id=7")]
    assert shop.p.run().stream("public.odd")["bad_values"] == stream["bad_values"], "what a run counts is what plan counts"
    shop.p.pipeline(shop.url, name="text", ident=False, consumer=f"  tables:\n    {stream['plan']['tables']}\n")
    report = shop.p.run("text.yml").report
    assert report["streams"][0]["bad_values"] == []
    assert shop.p.rows("text/odd").column("n").to_pylist().count("NaN") == 20
