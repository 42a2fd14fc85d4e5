"""SQLite files that others write, lock, protect or have damaged."""

import os
import pathlib
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import time

import pytest
from conftest import BINARY

ACCOUNTS = 2000


def bank(path, journal):
    db = sqlite3.connect(path)
    db.executescript(f"""PRAGMA journal_mode = {journal}; PRAGMA synchronous = OFF;
        CREATE TABLE a (id INTEGER PRIMARY KEY, amount INTEGER, pad TEXT);
        CREATE TABLE b (id INTEGER PRIMARY KEY, amount INTEGER, pad TEXT);
        CREATE VIEW both AS SELECT (SELECT sum(amount) FROM a) + (SELECT sum(amount) FROM b) AS total;""")
    for t in "ab":
        db.executemany(f"INSERT INTO {t} VALUES (?, 1000, ?)", [(i, "x" * 200) for i in range(ACCOUNTS)])
    db.commit()
    db.close()
    return path


class Writer(threading.Thread):
    """Moves amounts between the two tables, a commit each, and never waits for a lock: busy is an error here."""

    def __init__(self, path):
        super().__init__()
        self.path, self.commits, self.slowest, self.error, self.over = path, 0, 0.0, None, threading.Event()

    def run(self):
        try:
            db = sqlite3.connect(self.path, timeout=0, isolation_level=None)
            db.execute("PRAGMA synchronous = OFF")
            while not self.over.is_set():
                start = time.monotonic()
                i, n = self.commits % ACCOUNTS, self.commits % 97 + 1
                db.execute("BEGIN IMMEDIATE")
                db.execute("UPDATE a SET amount = amount - ? WHERE id = ?", (n, i))
                db.execute("UPDATE b SET amount = amount + ? WHERE id = ?", (n, (i * 7) % ACCOUNTS))
                db.execute("COMMIT")
                self.commits += 1
                self.slowest = max(self.slowest, time.monotonic() - start)
                time.sleep(0.0005)
            db.close()
        except sqlite3.Error as e:
            self.error = e


def test_all_rows_are_of_one_instant_while_somebody_writes(project, tmp_path):
    db = bank(tmp_path / "bank.db", "WAL")
    project.pipeline(db, consumer="  tables: ['*', both]\n")
    writer = Writer(db)
    writer.start()
    during = []
    try:
        for _ in range(20):
            before = writer.commits
            project.run()
            during.append(writer.commits - before)
            sums = [sum(project.rows(f"shop/{t}").column("amount").to_pylist()) for t in "ab"]
            assert sum(sums) == 2 * 1000 * ACCOUNTS, sums
            assert project.rows("shop/both").column("total").to_pylist() == [str(2 * 1000 * ACCOUNTS)]
    finally:
        writer.over.set()
        writer.join()
    assert writer.error is None, "a reader stood in the writer's way"
    assert all(n > 0 for n in during), during


def test_the_sum_breaks_without_a_snapshot(tmp_path):
    """The control: the same two tables read by two statements outside a transaction."""
    db = bank(tmp_path / "bank.db", "WAL")
    writer, broken = Writer(db), False
    writer.start()
    reader = sqlite3.connect(db, isolation_level=None)
    until = time.monotonic() + 30
    while not broken and time.monotonic() < until:
        a = reader.execute("SELECT sum(amount) FROM a").fetchone()[0]
        time.sleep(0.002)
        broken = a + reader.execute("SELECT sum(amount) FROM b").fetchone()[0] != 2 * 1000 * ACCOUNTS
    writer.over.set()
    writer.join()
    reader.close()
    assert broken


def test_a_lock_is_waited_for_no_longer_than_asked(project, tmp_path):
    db = bank(tmp_path / "bank.db", "DELETE")
    project.pipeline(db, consumer="  lock_timeout: 700ms\n")
    holder = sqlite3.connect(db, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    start = time.monotonic()
    result = project.run(code=1)
    took = time.monotonic() - start
    holder.execute("ROLLBACK")
    assert 0.6 < took < 10, took
    assert result.report["error"]["code"] == "MR-E-LITE01" and "lock" in result.report["error"]["message"]
    assert "lock_timeout" in result.report["error"]["advice"]
    project.run()
    holder.close()


def test_a_lock_that_ends_in_time_is_no_error(project, tmp_path):
    db = bank(tmp_path / "bank.db", "DELETE")
    project.pipeline(db)
    holder = sqlite3.connect(db, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN EXCLUSIVE")
    timer = threading.Timer(1, lambda: holder.execute("ROLLBACK"))
    timer.start()
    project.run()
    timer.join()
    holder.close()


# ---- rights: as somebody who is not root ----

@pytest.fixture
def shelf():
    """A folder that anybody may enter: pytest's own are for their owner alone."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="mr-shelf-"))
    folder.chmod(0o755)
    (folder / "lake").mkdir()
    (folder / "lake").chmod(0o777)
    (folder / "db").mkdir()
    shutil.copy(BINARY, folder / "millrace")
    yield folder
    (folder / "db").chmod(0o755)
    shutil.rmtree(folder)


def copy_as_nobody(shelf):
    who = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    return subprocess.run([shelf / "millrace", "copy", shelf / "db/x.db", shelf / "lake/x", "--progress", "none"], capture_output=True,
                          text=True, timeout=60, cwd=shelf / "lake", **who)


def wal_of_a_running_program(shelf):
    """x.db with a -wal and a -shm, as a program leaves them that is still there; its last row is in the -wal alone."""
    path = shelf / "db/x.db"
    db = sqlite3.connect(path, isolation_level=None)
    db.executescript("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (a INTEGER);"
                     "INSERT INTO t VALUES (1); PRAGMA wal_checkpoint(TRUNCATE); INSERT INTO t VALUES (2);")
    return db


def protect(shelf, **modes):
    for name in os.listdir(shelf / "db"):
        (shelf / "db" / name).chmod(modes.get(name.replace("x.db", "db").replace("-", "_"), 0o444))
    (shelf / "db").chmod(0o555)


def landed(shelf):
    import deltalake
    return sorted(deltalake.DeltaTable(str(shelf / "lake/x/t")).to_pyarrow_table().column("a").to_pylist())


def test_a_wal_that_may_only_be_read(shelf):
    db = wal_of_a_running_program(shelf)
    protect(shelf)
    result = copy_as_nobody(shelf)
    assert result.returncode == 0, result.stderr
    assert landed(shelf) == [1, 2], "what is in the -wal was left out"
    db.close()


def test_a_wal_without_the_right_to_make_its_shm(shelf):
    db = wal_of_a_running_program(shelf)
    other = shelf / "kept"
    shutil.copytree(shelf / "db", other)
    db.close()
    shutil.rmtree(shelf / "db")
    other.rename(shelf / "db")
    (shelf / "db/x.db-shm").unlink()
    protect(shelf)
    result = copy_as_nobody(shelf)
    assert result.returncode != 0 and result.stderr.count("MR-E-") == 1, result.stderr
    assert "MR-E-LITE01" in result.stderr and "-shm" in result.stderr, result.stderr
    (shelf / "db").chmod(0o777)  # what the advice says
    result = copy_as_nobody(shelf)
    assert result.returncode == 0 and landed(shelf) == [1, 2], result.stderr


def test_a_wal_that_may_not_be_read(shelf):
    db = wal_of_a_running_program(shelf)
    protect(shelf, db_wal=0)
    result = copy_as_nobody(shelf)
    db.close()
    assert result.returncode != 0 and result.stderr.count("MR-E-LITE01") == 1, result.stderr


# ---- damage ----

def damaged(path, how):
    data = bytearray(path.read_bytes())
    page = 4096
    if how == "no database":
        data = bytearray(b"id,name\n1,x\n" * 500)
    elif how == "encrypted":
        data = bytearray(os.urandom(len(data)))
    elif how == "empty schema page":
        data[100:page] = b"\xff" * (page - 100)
    elif how == "cut":
        data = data[: page + 100]
    elif how == "header only":
        data = data[:100]
    path.write_bytes(data)


@pytest.mark.parametrize("how", ["no database", "encrypted", "empty schema page", "cut", "header only"])
def test_a_damaged_file_is_one_clear_error(project, tmp_path, how):
    db = bank(tmp_path / "bank.db", "DELETE")
    damaged(db, how)
    project.pipeline(db)
    result = project.millrace("run", "shop.yml", "--progress", "none", code=1)
    lines = [line for line in result.err.splitlines() if "MR-E-" in line]
    assert 1 <= len(lines) <= 3 and all("MR-E-LITE" in line for line in lines), result
    assert not any(project.lake.glob("shop/*/_delta_log/*.json")), "rows of a damaged file are visible"


def test_a_damaged_table_fails_alone(project, tmp_path):
    db = bank(tmp_path / "bank.db", "DELETE")
    root = sqlite3.connect(db).execute("SELECT rootpage FROM sqlite_master WHERE name = 'a'").fetchone()[0]
    with open(db, "r+b") as f:
        f.seek(4096 * (root - 1))
        f.write(b"\xff" * 200)
    project.pipeline(db, consumer="  tables: ['*', both]\n")
    result = project.run(code=1)
    assert {s["stream"]: s["status"] for s in result.report["streams"]} == {"a": "failed", "b": "done", "both": "failed"}
    error = result.stream("a")["error"]
    assert error["code"] == "MR-E-LITE05" and "malformed" in error["message"] and "integrity_check" in error["advice"]


def test_an_empty_file_has_no_tables(project, tmp_path):
    (tmp_path / "e.db").write_bytes(b"")
    project.pipeline(tmp_path / "e.db")
    result = project.millrace("run", "shop.yml", "--progress", "none", code=None)
    assert result.code == 2 and "no tables" in result.err
