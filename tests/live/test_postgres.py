"""PostgreSQL as a source, against a real server; what landed is read by pyarrow and compared with psql's own words."""

import decimal
import json
import random
import signal
import subprocess
import threading
import time

import pytest

from conftest import BINARY, PASSWORD
from filters import condition


def stopped_at(project, point, *args):
    """Start a run that stops itself (SIGSTOP) at a fault point; returns the process once it stands."""
    proc = project.start("run", "shop.yml", "--report", "json", "--progress", "none", *args, fault=f"{point}=stop")
    for _ in range(300):
        state = open(f"/proc/{proc.pid}/stat").read().rsplit(") ", 1)[1][0]
        if state in "Tt":
            return proc
        time.sleep(0.05)
    proc.kill()
    raise AssertionError("the run never came to " + point)


def go_on(proc, code=0):
    proc.send_signal(signal.SIGCONT)
    out, err = proc.communicate(timeout=60)
    assert proc.returncode == code, out + err
    assert PASSWORD not in out + err
    return out + err


# ---- one snapshot ----

def transfers(postgres, name, stop, delay):
    """Moves money between two tables until told to stop: the sum over both never changes."""
    sql = ("BEGIN; UPDATE a SET v = v - {n} WHERE id = {i}; UPDATE b SET v = v + {n} WHERE id = {i}; COMMIT;"
           "SELECT pg_sleep({d});\n")
    with subprocess.Popen(["psql", "-X", "-q", "-h", postgres.socket, "-p", str(postgres.port), "-U", "postgres", name],
                          stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as psql:
        while not stop.is_set():
            psql.stdin.write(sql.format(n=random.randint(1, 9), i=random.randint(1, 100), d=delay))
            psql.stdin.flush()
            time.sleep(delay)
        psql.stdin.close()


def sums_while_money_moves(project, postgres, name, runs, fault=None):
    url = postgres.database(name, """
        CREATE TABLE a (id int primary key, v bigint, pad text);
        CREATE TABLE b (id int primary key, v bigint, pad text);
        INSERT INTO a SELECT i, 1000, repeat('x', 200) FROM generate_series(1, 60000) i;
        INSERT INTO b SELECT i, 1000, repeat('x', 200) FROM generate_series(1, 60000) i;
        ANALYZE;""")
    project.pipeline(url, consumer="  workers: 2\n")
    stop = threading.Event()
    movers = [threading.Thread(target=transfers, args=(postgres, name, stop, 0.002)) for _ in range(2)]
    sums = []
    try:
        for m in movers:
            m.start()
        for _ in range(runs):
            project.run(fault=fault)
            sums.append(sum(sum(project.rows(f"shop/{t}").column("v").to_pylist()) for t in "ab"))
    finally:
        stop.set()
        for m in movers:
            m.join()
    return sums


def test_every_run_keeps_the_sum(project, postgres):
    assert sums_while_money_moves(project, postgres, "bank", 6) == [120_000_000] * 6


def test_with_a_snapshot_per_worker_the_sum_breaks(project, postgres):
    """The negative control."""
    sums = sums_while_money_moves(project, postgres, "bank_off", 10, fault="pg.snapshot-rule=off,pipe.planned=sleep:150")
    assert any(s != 120_000_000 for s in sums), sums


# ---- DDL between the snapshot and the read ----

DDL = {"truncate": "TRUNCATE t", "alter": "ALTER TABLE t ALTER v TYPE text", "drop": "DROP TABLE t",
       "vacuum full": "VACUUM FULL t"}


@pytest.mark.parametrize("what", DDL)
@pytest.mark.parametrize("workers", [1, 2])
def test_ddl_waits_for_the_run(project, postgres, what, workers):
    url = postgres.database("ddl", "CREATE TABLE t AS SELECT i AS id, i AS v FROM generate_series(1, 1000) i;")
    project.pipeline(url, consumer=f"  workers: {workers}\n")
    proc = stopped_at(project, "pipe.planned")
    try:
        out = subprocess.run(["psql", "-X", "-q", "-h", postgres.socket, "-p", str(postgres.port), "-U", "postgres", "ddl",
                              "-c", "SET lock_timeout = '300ms'", "-c", DDL[what]], capture_output=True, text=True,
                             timeout=30)
        assert "lock timeout" in out.stderr
    finally:
        go_on(proc)
    assert project.rows("shop/t").column("v").to_pylist() == list(range(1, 1001))


def test_a_waiting_truncate_does_not_hang_the_run(project, postgres):
    """A TRUNCATE queues behind the holder's lock; a second worker must not queue behind that for ever."""
    url = postgres.database("queue", """
        CREATE TABLE t AS SELECT i AS id, repeat('x', 900) AS pad FROM generate_series(1, 100000) i; ANALYZE;""")
    project.pipeline(url, consumer="  workers: 2\n  lock_timeout: 1s\n")
    proc = stopped_at(project, "pipe.planned")
    with subprocess.Popen(["psql", "-X", "-q", "-h", postgres.socket, "-p", str(postgres.port), "-U", "postgres", "queue",
                           "-c", "TRUNCATE t"], stdout=subprocess.DEVNULL) as truncate:
        time.sleep(0.5)
        assert truncate.poll() is None
        proc.send_signal(signal.SIGCONT)
        out, err = proc.communicate(timeout=60)
        if proc.returncode == 0:  # the first worker was done in time, and the second could read on its connection
            assert project.rows("shop/t").num_rows == 100000
        else:
            assert "MR-E-PG09" in out and "exclusive lock" in out
        assert truncate.wait(timeout=10) == 0


@pytest.mark.parametrize("sql", ["ALTER TABLE t ADD w int", "ALTER TABLE t RENAME TO t2", "DROP TABLE t",
                                 "DROP TABLE t; CREATE TABLE t (id int, v int); GRANT SELECT ON t TO mill"])
def test_a_table_changed_before_the_lock_fails_alone(project, postgres, sql):
    """Between discover and hold: stop at the first durable act, which lies between the two."""
    url = postgres.database("early", "CREATE TABLE t (id int, v int); CREATE TABLE other (id int);")
    project.pipeline(url)
    proc = stopped_at(project, "pipe.prepared")
    postgres.psql("early", sql + ";")
    text = go_on(proc, code=1)
    assert "MR-E-PG09" in text and "public.t" in text
    assert project.table("shop/other").version() == 0


def test_a_refreshed_view_is_not_read(project, postgres):
    url = postgres.database("mv", """
        CREATE TABLE t AS SELECT i AS id FROM generate_series(1, 100) i;
        CREATE MATERIALIZED VIEW m AS SELECT * FROM t;""")
    project.pipeline(url)
    proc = stopped_at(project, "pipe.planned")
    postgres.psql("mv", "INSERT INTO t VALUES (101); REFRESH MATERIALIZED VIEW m;")
    text = go_on(proc, code=1)
    assert "MR-E-PG09" in text and "refreshed" in text
    assert project.rows("shop/t").num_rows == 100
    project.run()
    assert project.rows("shop/m").num_rows == 101


# ---- what is read ----

def test_partitions_inheritance_and_ranges(project, postgres):
    url = postgres.database("kinds", """
        CREATE TABLE p (id int, k int) PARTITION BY RANGE (k);
        CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
        CREATE TABLE p2 (k int, gone int, id int);
        ALTER TABLE p2 DROP gone;
        ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20);
        INSERT INTO p SELECT i, i % 20 FROM generate_series(1, 1000) i;
        CREATE TABLE none (id int) PARTITION BY RANGE (id);
        CREATE TABLE parent (id int);
        CREATE TABLE child (extra int) INHERITS (parent);
        INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2, 3);
        CREATE TABLE wide AS SELECT i AS id, repeat(md5(i::text), 30) AS pad FROM generate_series(1, 100000) i;
        DELETE FROM wide WHERE id % 3 = 0;
        CREATE SCHEMA sales; CREATE TABLE sales.p1 (id int); INSERT INTO sales.p1 VALUES (7);
        GRANT USAGE ON SCHEMA sales TO mill; GRANT SELECT ON sales.p1 TO mill;
        ANALYZE;""")
    project.pipeline(url, consumer="  workers: 2\n")
    report = project.run().report
    tables = {s["table"]: s for s in report["streams"]}
    assert set(tables) == {"shop/p", "shop/none", "shop/parent", "shop/child", "shop/wide", "shop/sales__p1"}
    assert sorted(project.rows("shop/p").column("id").to_pylist()) == list(range(1, 1001))
    assert project.rows("shop/parent").column("id").to_pylist() == [1]
    assert project.rows("shop/none").num_rows == 0
    assert tables["shop/wide"]["partitions"] >= 4
    ids = sorted(project.rows("shop/wide").column("id").to_pylist())
    assert ids == [i for i in range(1, 100001) if i % 3]


def test_parent_without_rights_on_its_leaves(project, postgres):
    url = postgres.database("leaves", """
        CREATE TABLE p (id int) PARTITION BY RANGE (id);
        CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
        INSERT INTO p VALUES (1), (2);""")
    postgres.psql("leaves", "REVOKE ALL ON p1 FROM mill;")
    project.pipeline(url)
    project.run()
    assert sorted(project.rows("shop/p").column("id").to_pylist()) == [1, 2]


def test_a_large_value_is_refused_before_it_is_sent(project, postgres):
    """libpq would hold it in memory more than once; its neighbours and the other tables land."""
    url = postgres.database("large", """
        CREATE TABLE a_big (id int, t text, j jsonb);
        INSERT INTO a_big VALUES (1, 'x', '{}'), (2, repeat('y', 90000000), NULL);
        CREATE TABLE b_json (id int, j jsonb);
        INSERT INTO b_json SELECT 1, to_jsonb(repeat('z', 40000000));
        CREATE TABLE c_row (id int, s text, t text, u text);
        INSERT INTO c_row VALUES (7, repeat('s', 25000000), repeat('t', 25000000), repeat('u', 25000000));
        CREATE TABLE d_fits (id int, t text);
        INSERT INTO d_fits VALUES (1, repeat('w', 20000000));""")
    project.pipeline(url, consumer="  workers: 1\n")
    result = project.run(code=1)
    for table, column in (("a_big", "t"), ("b_json", "j"), ("c_row", "s")):
        error = result.stream(f"public.{table}")["error"]
        assert error["code"] == "MR-E-COL01" and f"bytes in {column};" in error["message"] and "ctid (0," in error["message"]
    assert len(project.rows("shop/d_fits").column("t").to_pylist()[0]) == 20000000
    if BINARY.parent.name == "build":  # a sanitizer's shadow is not ours
        assert result.report["peak_memory_bytes"] < 256_000_000 * 1.1


def test_row_level_security_does_not_hide_rows(project, postgres):
    url = postgres.database("rls", """
        CREATE TABLE t (id int); INSERT INTO t VALUES (1); ALTER TABLE t ENABLE ROW LEVEL SECURITY;
        CREATE TABLE u (id int);""")
    project.pipeline(url)
    result = project.run(code=1)
    assert "row-level security" in result.stream("public.t")["error"]["message"]
    assert result.stream("public.u")["status"] == "done"


def test_ten_thousand_random_numerics_land_as_psql_prints_them(project, postgres):
    rng = random.Random(7)
    values = []
    for _ in range(10000):
        digits, scale = rng.randint(1, 38), rng.randint(0, 38)
        n = rng.randint(0, 10 ** digits - 1)
        values.append(f"{'-' if rng.random() < 0.5 else ''}{n}e-{scale}")
    scales = [(38, 0), (38, 10), (38, 37), (38, 38), (18, 0), (18, 5), (18, 18), (9, 2), (4, 4), (1, 0), (19, 3), (35, 3)]
    columns = ", ".join(f"n{p}_{s} numeric({p},{s})" for p, s in scales)
    fits = ", ".join(f"CASE WHEN abs(round(x, {s})) < 1e{p - s} THEN round(x, {s}) END" for p, s in scales)
    rows = ", ".join(f"({i}, {v}::numeric)" for i, v in enumerate(values))
    url = postgres.database("num", f"""
        CREATE TABLE n (id int, {columns});
        INSERT INTO n SELECT id, {fits} FROM (VALUES {rows}) AS v(id, x);
        CREATE TABLE free (id int, x numeric);
        INSERT INTO free SELECT id, trim_scale(x) FROM (VALUES {rows}) AS v(id, x)
         WHERE abs(x) < 1e20 AND scale(trim_scale(x)) <= 18;""")
    project.pipeline(url)
    project.run()
    for table, names in (("n", [f"n{p}_{s}" for p, s in scales]), ("free", ["x"])):
        got = project.rows(f"shop/{table}").sort_by("id")
        for name in names:
            text = postgres.psql("num", f"SELECT coalesce({name}::text, 'NULL') FROM {table} ORDER BY id;").split()
            want = [None if v == "NULL" else decimal.Decimal(v) for v in text]
            have = got.column(name).to_pylist()
            assert [h == w for h, w in zip(have, want)] == [True] * len(want), name
    assert project.rows("shop/free").num_rows > 1000


# ---- only what is needed ----

def test_columns_that_are_not_selected_are_not_asked_for(project, postgres):
    """Their values cannot fail the table, and their bytes are not sent."""
    url = postgres.database("narrow", """
        CREATE TABLE t (id int, skipped inet, total numeric(10,2), wide text, status text);
        INSERT INTO t SELECT i, '10.0.0.1', CASE WHEN i % 2 = 0 THEN 'NaN'::numeric ELSE i END, repeat('x', 1000), CASE i % 3 WHEN 0 THEN 'a' ELSE 'b' END
          FROM generate_series(1, 1000) i;""")
    project.pipeline(url, extra="transformers:\n  - filter: status = 'a'\n  - select: [id]\n")
    report = project.run().report["streams"][0]
    assert project.rows("shop/t").column_names == ["id"]
    assert project.rows("shop/t").column("id").to_pylist() == [i for i in range(1, 1001) if i % 3 == 0]
    assert report["bytes_read"] < 1000 * 40


def test_random_filters_keep_what_the_server_keeps(project, postgres):
    """Conditions are pushed into the query where the server judges as we do; the filter runs again on what comes."""
    rng = random.Random(21)

    def maybe(v):
        return "NULL" if rng.random() < 0.2 else v

    rows = ", ".join("(" + ", ".join([str(n), maybe(str(rng.randint(-5, 5))), maybe(str(rng.randint(-400, 400) / 4)),
                                      maybe(rng.choice([str(rng.randint(-20, 20) / 8), "'NaN'", "'-0'", "'Infinity'"])),
                                      maybe(rng.choice(["''", "'a'", "'A'", "'ab'", "'b'", "'é'", "'z''q'"])), maybe(rng.choice(["true", "false"])),
                                      maybe(f"'20{rng.randint(20, 26)}-0{rng.randint(1, 9)}-1{rng.randint(0, 9)}'"),
                                      maybe(f"'2026-01-0{rng.randint(1, 9)} 0{rng.randint(0, 9)}:30:00'")]) + ")" for n in range(1, 401))
    url = postgres.database("filters", f"""
        CREATE TABLE t (id int, i int, d numeric(12,2), r float8, s text, b boolean, day date, at timestamp);
        INSERT INTO t VALUES {rows};""")
    pushed = 0
    for _ in range(60):
        where = condition(rng)
        project.pipeline(url, extra=f"transformers:\n  - filter: \"{where.replace(chr(34), chr(92) + chr(34))}\"\n", ident=False)
        report = project.run().report["streams"][0]
        got = sorted(project.rows("shop/t").column("id").to_pylist())
        assert got == [int(n) for n in postgres.psql("filters", f"SELECT id FROM t WHERE {where} ORDER BY id;").split()], where
        pushed += report["rows_read"] < 400
    assert pushed > 10


def test_moments_and_quotes_are_pushed_exactly(project, postgres):
    url = postgres.database("moments", """
        CREATE TABLE t (id int, at timestamptz, s varchar(20));
        INSERT INTO t VALUES (1, '2026-03-29 00:59:59.999999+00', 'it''s'), (2, '2026-03-29 01:00:00+00', 'back\\slash'), (3, NULL, NULL),
          (4, '2026-03-29 03:00:00+02', 'IT''S');
        ALTER DATABASE moments SET timezone = 'Asia/Kolkata';""")
    for where, ids in (("at >= '2026-03-29 01:00:00Z'", [2, 4]), ("at < '2026-03-29 03:00:00+02:00'", [1]), ("at = '2026-03-29'", []),
                       ("s = 'it''s'", [1]), ("s in ('back\\slash', 'x')", [2]), ("s <> 'it''s' and at is not null", [2, 4])):
        project.pipeline(url, extra="transformers:\n  - filter: " + '"' + where.replace("\\", "\\\\") + '"' + "\n")
        report = project.run("shop.yml", "--fresh").report["streams"][0]
        assert sorted(project.rows("shop/t").column("id").to_pylist()) == ids, where
        assert report["rows_read"] == len(ids), where


# ---- connections ----

def test_refusals_are_clear(project, postgres):
    url = postgres.database("conn", "CREATE TABLE t (id int);")
    project.pipeline(url.replace(PASSWORD, "wrong"))
    error = project.run(code=1)
    assert "MR-E-PG01" in error.out + error.err and "password authentication failed" in error.out + error.err
    project.pipeline(f"postgresql://mill:{PASSWORD}@127.0.0.1:1/conn")
    assert "refused" in str(project.run(code=1))
    project.pipeline(url, consumer="  sslmode: require\n")
    assert "SSL" in str(project.run(code=1))


@pytest.mark.parametrize("word", ["1", "done", "postgres", "public"])
def test_a_password_that_is_a_word_of_ours_leaves_the_output_whole(project, postgres, word):
    """Redaction looks at texts of others, not at numbers and names: "version":1 stays a number, public.t stays public.t."""
    url = postgres.database("words", "CREATE TABLE t AS SELECT g AS id FROM generate_series(1, 11) g;")
    postgres.psql("postgres", f"DROP ROLE IF EXISTS plain; CREATE ROLE plain LOGIN PASSWORD '{word}';")
    postgres.psql("words", "GRANT SELECT ON t TO plain;")
    project.pipeline(url.replace(f"mill:{PASSWORD}", f"plain:{word}"))
    report = project.run().report
    assert (report["version"], report["status"], report["source"]["kind"]) == (1, "done", "postgres")
    assert report["streams"][0]["stream"] == "public.t" and report["streams"][0]["rows_written"] == 11
    assert "*" not in project.millrace("run", "shop.yml", "--progress", "log").err
    assert json.loads(project.millrace("check", "shop.yml", "--report", "json").out)["verdict"] in ("ok", "warning")
    postgres.psql("postgres", "ALTER ROLE plain PASSWORD 'another';")
    error = project.run(code=1)
    assert "password authentication failed" in error.out + error.err and f":{word}@" not in error.out + error.err


def test_parts_of_a_url_as_keys_and_a_server_that_goes_away(project, postgres):
    postgres.database("keys", "CREATE TABLE t AS SELECT 1 AS id;")
    (project.dir / "shop.yml").write_text(f"""
pipeline: shop
consumer:
  type: postgres
  host: 127.0.0.1
  port: {postgres.port}
  database: keys
  user: mill
  password: ${{SECRET}}
""")
    import os
    os.environ["SECRET"] = PASSWORD
    assert project.run().report["streams"][0]["rows_written"] == 1
    (project.dir / "both.yml").write_text((project.dir / "shop.yml").read_text().replace(
        "type: postgres", f"url: {postgres.url}/postgres").replace("pipeline: shop", "pipeline: both"))
    assert project.run("both.yml").report["streams"][0]["stream"] == "public.t", "database: wins over the URL's"
    proc = stopped_at(project, "pipe.planned")
    postgres.psql("keys", "INSERT INTO t VALUES (2); SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'mill';")
    text = go_on(proc, code=1)
    assert "MR-E-PG01" in text or "MR-E-PG10" in text
    assert project.table("shop/t").version() == 0
    project.run()
    assert project.rows("shop/t").num_rows == 2


def test_sessions_are_read_only(project, postgres):
    """A function with side effects in a view's expression cannot write."""
    url = postgres.database("ro", """
        CREATE TABLE log (id int);
        CREATE TABLE t (id int);
        INSERT INTO t VALUES (1);""")
    project.pipeline(url)
    proc = stopped_at(project, "pipe.planned")
    seen = postgres.psql("ro", "SELECT count(*) FROM pg_stat_activity WHERE usename = 'mill' AND state = 'idle in transaction';")
    assert seen.strip() == "1", "one connection holds the snapshot"
    go_on(proc)
    again = project.run().report
    assert {s["status"] for s in again["streams"]} == {"unchanged"}


def test_a_server_that_never_answers_is_given_up(project):
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen(1)
        project.pipeline(f"postgresql://mill:{PASSWORD}@127.0.0.1:{s.getsockname()[1]}/x", consumer="  connect_timeout: 2s\n")
        start = time.time()
        result = project.run(code=1)
        assert "within 2 s" in str(result) and 1.5 < time.time() - start < 6
        project.pipeline(f"postgresql://mill:{PASSWORD}@127.0.0.1:{s.getsockname()[1]}/x", consumer="  connect_timeout: 60s\n")
        proc = project.start("run", "shop.yml")
        time.sleep(0.7)
        proc.send_signal(signal.SIGINT)
        assert proc.wait(timeout=5) == 130


# ---- TLS ----

@pytest.fixture(scope="module")
def tls_server(tmp_path_factory):
    import os
    from conftest import ROOT, Postgres, set_password
    folder = tmp_path_factory.mktemp("pgtls")
    services = str(ROOT / "tools" / "services")
    subprocess.run([services, "start", "postgres", str(folder)], check=True, env={**os.environ, "PG_TLS": "1"})
    env = dict(line.split("=", 1) for line in (folder / "env").read_text().split("\n") if "=" in line)
    pg = Postgres(env["PORT"], env["SOCKET"])
    set_password(pg)
    pg.database("tls", "CREATE TABLE t AS SELECT 1 AS id;")
    yield pg, folder / "server.crt"
    subprocess.run([services, "stop", str(folder)], check=True)


def test_tls_verifies_the_server(project, tls_server):
    pg, certificate = tls_server
    url = f"postgresql://mill:{PASSWORD}@localhost:{pg.port}/tls"
    project.pipeline(url, consumer=f"  sslmode: verify-full\n  sslrootcert: {certificate}\n")
    proc = stopped_at(project, "pipe.planned")
    assert pg.psql("tls", "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl AND usename = 'mill';").strip() == "1"
    go_on(proc)
    project.pipeline(url, consumer="  sslmode: verify-full\n  sslrootcert: /etc/ssl/certs/ca-certificates.crt\n")
    assert "certificate verify failed" in str(project.run(code=1))
    project.pipeline(url.replace("localhost", "127.0.0.1"), consumer=f"  sslmode: verify-full\n  sslrootcert: {certificate}\n")
    assert "does not match" in str(project.run(code=1))
