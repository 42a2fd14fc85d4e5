"""Eight partitions read by four workers while other sessions insert, update, delete, vacuum and truncate: what lands is one
snapshot, by count and checksum equal to the same SELECT in the same exported snapshot."""

import fcntl
import hashlib
import json
import os
import random
import signal
import struct
import subprocess
import termios
import threading
import time

RUNS = 50 if os.environ.get("MR_NIGHTLY") else 5
ROWS = 40000

SQL = f"""
    CREATE TABLE t (id int, v int, pad text) WITH (autovacuum_enabled = off, fillfactor = 80);
    ALTER TABLE t ALTER pad SET STORAGE PLAIN;
    INSERT INTO t SELECT i, 0, repeat('x', 1500) FROM generate_series(1, {ROWS}) i;
    CREATE INDEX ON t (id);
    CREATE TABLE side AS SELECT i AS id, 0 AS v FROM generate_series(1, 1000) i;
    ANALYZE;"""
# An update moves a row to another block; an insert after a vacuum fills the holes.
CHANGES = ["UPDATE t SET v = v + 1, pad = repeat('y', 1400 + {n} % 200) WHERE id % 97 = {n} % 97;",
           "BEGIN; DELETE FROM t WHERE id % 89 = {n} % 89; INSERT INTO t SELECT {n} * 1000 + i, {n}, repeat('z', 1500) FROM generate_series(1, 300) i; COMMIT;",
           "VACUUM t;",
           "BEGIN; TRUNCATE side; INSERT INTO side SELECT i, {n} FROM generate_series(1, 1000) i; COMMIT; ROLLBACK;"]


def change(postgres, database, kind, stop, seed):
    """One session of changes until told to stop. A TRUNCATE waits for the run's lock, and readers would queue behind it:
    so it gives up soon and tries again."""
    rng = random.Random(seed)
    with subprocess.Popen(["psql", "-Xq", "-h", postgres.socket, "-p", str(postgres.port), "-U", "postgres", database],
                          stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True) as psql:
        try:
            psql.stdin.write("SET lock_timeout = '30ms';\n")
            while not stop.wait(0.02):
                psql.stdin.write(CHANGES[kind].format(n=rng.randint(1, 10 ** 6)) + "\n")
                psql.stdin.flush()
                wait_read(psql)
        except BrokenPipeError:
            pass
        finally:
            psql.kill()


def wait_read(psql):
    """Until psql has read what it was given: nothing piles up in the pipe."""
    for _ in range(200):
        if struct.unpack("i", fcntl.ioctl(psql.stdin.fileno(), termios.FIONREAD, b"\0" * 4))[0] == 0:
            return
        time.sleep(0.005)


def digest(rows):
    """Count and a checksum that does not depend on the order."""
    lines = sorted(f"{a},{b},{c}" for a, b, c in rows)
    return len(lines), hashlib.md5("\n".join(lines).encode()).hexdigest()


def oracle(postgres, database, snapshot):
    """The same in the snapshot that the run exported, by the server: plain SELECTs, one after the other."""
    out = postgres.psql(database, f"""
        BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '{snapshot}';
        SELECT id || ',' || v || ',' || md5(pad) FROM t; \\echo --
        SELECT id || ',' || v || ',' FROM side; COMMIT;""")
    t, side = out.split("--\n")
    return [(len(x.splitlines()), hashlib.md5("\n".join(sorted(x.splitlines())).encode()).hexdigest()) for x in (t, side)]


def landed(project):
    t, side = project.rows("shop/t"), project.rows("shop/side")
    pads = {p: hashlib.md5(p.encode()).hexdigest() for p in set(t.column("pad").to_pylist())}
    return [digest((r["id"], r["v"], pads[r["pad"]]) for r in t.to_pylist()),
            digest((r["id"], r["v"], "") for r in side.to_pylist())]


def wait_stopped(proc):
    for _ in range(400):
        if open(f"/proc/{proc.pid}/stat").read().rsplit(") ", 1)[1][0] in "Tt":
            return
        time.sleep(0.025)
    proc.kill()
    raise AssertionError("the run never stopped")


def one_run(project, postgres, database, rule=""):
    """(what landed, what the server says in that snapshot). The run stands still while its snapshot is asked for, and its
    workers take their time over their batches, so that the changes come between them."""
    proc = project.start("run", "shop.yml", "--report", "json", "--progress", "none", "--fresh",
                         fault=f"pipe.planned=stop,pipe.batch=sleep:3{rule}")
    wait_stopped(proc)
    # the newest file of pg_snapshots is the one that was exported
    name = postgres.psql(database, "SELECT name FROM pg_ls_dir('pg_snapshots') AS name ORDER BY name DESC;").split()
    assert len(name) == 1, name
    want = oracle(postgres, database, name[0])
    proc.send_signal(signal.SIGCONT)
    out, err = proc.communicate(timeout=60)
    assert proc.returncode == 0, out + err
    streams = {s["stream"]: s for s in json.loads(out)["streams"]}
    return landed(project), want, streams["public.t"]["partitions"]


def stormy(project, postgres, database, runs, rule=""):
    url = postgres.database(database, SQL)
    project.pipeline(url, extra="memory: 512MB\n", consumer="  workers: 4\n")
    stop = threading.Event()
    sessions = [threading.Thread(target=change, args=(postgres, database, kind, stop, kind)) for kind in range(len(CHANGES))]
    results = []
    try:
        for s in sessions:
            s.start()
        for _ in range(runs):
            results.append(one_run(project, postgres, database, rule))
    finally:
        stop.set()
        for s in sessions:
            s.join()
    assert all(parts >= 8 for _, _, parts in results), [r[2] for r in results]
    return results


def test_what_lands_is_the_snapshot(project, postgres):
    results = stormy(project, postgres, "storm", RUNS)
    for got, want, _ in results:
        assert got == want
    assert len({str(want) for _, want, _ in results}) == len(results), "others did write all the time"


def test_with_a_snapshot_per_worker_it_is_not(project, postgres):
    """The negative control: the comparison above can fail."""
    results = stormy(project, postgres, "storm_off", 3, ",pg.snapshot-rule=off")
    assert any(got != want for got, want, _ in results)
