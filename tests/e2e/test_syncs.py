"""How often a commit waits for the disk, and what happens when the disk says no."""

import random
import signal
import sqlite3


def change(db):
    with sqlite3.connect(db) as c:
        c.execute("INSERT INTO orders (customer, total, at) SELECT 1, '1.00', '2026-01-01 00:00'")


def test_five_syncs_make_a_commit_of_one_stream(project, shop_db):
    """The data file, its folder, the manifest, the log entry, its folder; the folder of a new table is made once."""
    project.pipeline(f"sqlite:{shop_db}", consumer="  tables: [orders]\n")
    project.run()
    for fault, code in (("io.synced@4=kill", 0), ("io.dirsynced@3=kill", 0), ("io.synced@3=kill", -signal.SIGKILL)):
        change(shop_db)
        assert project.run(fault=fault, code=None).code == code, fault
    project.run()
    change(shop_db)
    assert project.run(fault="io.dirsynced@2=kill", code=None).code == -signal.SIGKILL


def test_a_file_that_cannot_be_synced_fails_its_stream_alone(project, shop_db):
    project.pipeline(f"sqlite:{shop_db}")
    result = project.run(fault="io.fsync@1=eio", code=1)
    states = {s["stream"]: s for s in result.report["streams"]}
    assert sorted(s["status"] for s in states.values()) == ["done", "failed"]
    failed = next(s for s in states.values() if s["status"] == "failed")
    assert failed["error"]["code"] == "MR-E-BASE02" and ".parquet" in failed["error"]["message"]
    left = [p for p in (project.lake / failed["table"]).rglob("*") if p.is_file()]
    assert not left, left
    assert project.run().report["status"] == "done"


def test_one_of_several_files_cannot_be_synced(project, tmp_path):
    """No manifest names a file that is not durable, and the other files of the partition go too."""
    db = tmp_path / "big.db"
    rng = random.Random(8)
    c = sqlite3.connect(db)
    c.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, x BLOB)")
    c.executemany("INSERT INTO t VALUES (?, ?)", ((i, rng.randbytes(100)) for i in range(60_000)))
    c.commit()
    project.pipeline(f"sqlite:{db}", loader="  file_size: 1MB\n")
    project.run()
    live = {p.name for p in project.lake.rglob("part-*")}
    assert len(live) >= 3
    c.execute("DELETE FROM t WHERE id = 7")
    c.commit()
    for nth in (1, 2, 3):
        project.run(fault=f"io.fsync@{nth}=eio", code=1)
        assert {p.name for p in project.lake.rglob("part-*")} == live, nth
        assert not [p for p in project.lake.rglob("_millrace/staged/*/*") if p.is_file()], nth
    assert project.rows("shop/t").num_rows == 60_000
    project.run()
    assert project.rows("shop/t").num_rows == 59_999


def test_the_folder_cannot_be_synced(project, shop_db):
    project.pipeline(f"sqlite:{shop_db}", consumer="  tables: [orders]\n")
    project.run()
    live = {p.name for p in project.lake.rglob("part-*")}
    change(shop_db)
    project.run(fault="io.dirsync@1=eio", code=1)
    assert {p.name for p in project.lake.rglob("part-*")} == live
    assert project.run().report["status"] == "done"
