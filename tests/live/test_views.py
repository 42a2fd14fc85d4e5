"""A killed run leaves staged partitions of a snapshot that died with it: they are never used."""

import signal


def two_partition_source(postgres, name):
    return postgres.database(name, """
        CREATE TABLE t (id int, v int, pad text);
        ALTER TABLE t ALTER pad SET STORAGE PLAIN;
        INSERT INTO t SELECT i, 0, repeat('x', 1500) FROM generate_series(1, 50000) i;
        ANALYZE t;""")


def rerun_after_kill_between_partitions(project, postgres, name, fault):
    """Kill when a part is staged, move rows between blocks, run again; returns the ids that landed."""
    url = two_partition_source(postgres, name)
    project.pipeline(url, consumer="  workers: 2\n")
    killed = project.run(fault="pipe.staged@1=kill", code=None)
    assert killed.code == -signal.SIGKILL
    assert list(project.lake.rglob("_millrace/staged/*/*.json")), "one partition was staged"
    postgres.psql(name, "UPDATE t SET v = 1, pad = repeat('y', 1600) WHERE id % 7 = 0;")
    project.run(fault=fault)
    return sorted(project.rows("shop/t").column("id").to_pylist())


def test_partitions_of_two_views_are_never_mixed(project, postgres):
    assert rerun_after_kill_between_partitions(project, postgres, "views", None) == list(range(1, 50001))


def test_with_the_view_rule_off_rows_are_lost_or_doubled(project, postgres):
    """The negative control: the test above can fail."""
    ids = rerun_after_kill_between_partitions(project, postgres, "views_off", "pipe.view-rule=off")
    assert ids != list(range(1, 50001))
