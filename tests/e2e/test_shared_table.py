"""Several pipelines load into one table: each row is there once, whoever dies or fails in between."""

import os
import sqlite3

import pytest


@pytest.fixture
def two(project, tmp_path):
    """Two pipelines, one table: `one` brings the ids 1 and 2, `two` the id 10; each appends unless told otherwise."""
    for name, ids in (("one", (1, 2)), ("two", (10,))):
        db = sqlite3.connect(tmp_path / f"{name}.db")
        db.execute("CREATE TABLE t (id INTEGER)")
        db.executemany("INSERT INTO t VALUES (?)", [(i,) for i in ids])
        db.commit()
        db.close()

    def write(**modes):
        for name in ("one", "two"):
            project.pipeline(f"sqlite:{tmp_path / name}.db", name=name, ident=False,
                             loader=f"  path: both/t\n  write: {modes.get(name, 'append')}\n")

    write()
    project.write = write
    return project


def ids(project, version=None):
    return sorted(project.rows("both/t", version).column("id").to_pylist())


def test_a_commit_is_known_though_another_pipeline_committed_since(two):
    two.run("one.yml", fault="pipe.committed@1=kill", code=None)
    assert ids(two) == [1, 2]
    two.run("two.yml")
    again = two.run("one.yml").stream("t")
    assert ids(two) == [1, 2, 10]
    assert again["status"] == "done" and again["delta_version"] == 0


def test_a_version_that_another_pipeline_replaced_keeps_its_files(two):
    two.write(two="overwrite")
    two.run("one.yml", fault="pipe.committed@1=kill", code=None)
    two.run("two.yml")
    two.run("one.yml", "--fresh")
    assert ids(two, 0) == [1, 2] and ids(two, 1) == [10] and ids(two) == [1, 2, 10]


def test_a_commit_that_fails_leaves_no_files(two):
    """The log entry is the last thing for which a full disk has no room: the rows must not stay on it."""
    two.run("two.yml")
    failed = two.run("one.yml", fault="io.link@2=enospc", code=1)
    assert "No space left" in failed.err and "_delta_log" in failed.err
    assert ids(two) == [10]
    live = {os.path.basename(f) for f in two.table("both/t").file_uris()}
    assert {p.name for p in two.lake.rglob("part-*")} == live
    assert not [p for p in two.lake.rglob("_millrace/staged/*/*") if p.is_file()]
    two.run("one.yml")
    assert ids(two) == [1, 2, 10]
