"""What a server says and does in the middle of a COPY: notices, long errors, the end of the connection."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import time

import pytest
from conftest import PASSWORD
from stalling_proxy import StallingProxy

NOISY = """
    CREATE TABLE big (id bigint PRIMARY KEY, x int);
    INSERT INTO big SELECT g, g FROM generate_series(1, 100000) g;
    CREATE FUNCTION noisy(i int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
        IF i % 500 = 0 THEN RAISE NOTICE '%', repeat('z', 5000); END IF;
        IF i = 60000 THEN RAISE NOTICE '%', repeat('z', 3000000); END IF; RETURN i; END $$;
    CREATE FUNCTION wordy(i int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
        IF i = 60000 THEN RAISE EXCEPTION 'enough %', repeat('z', 3000000); END IF; RETURN i; END $$;
    CREATE FUNCTION slow(i int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
        IF i % 100 = 0 THEN PERFORM pg_sleep(0.01); END IF; RETURN i; END $$;
    CREATE VIEW v_noisy AS SELECT id, noisy(x) AS x FROM big;
    CREATE VIEW v_wordy AS SELECT id, wordy(x) AS x FROM big;
    CREATE VIEW v_slow AS SELECT id, slow(x) AS x FROM big;
"""


def test_notices_in_a_copy_do_not_end_it(project, postgres):
    url = postgres.database("notices", NOISY)
    project.pipeline(url, consumer="  tables: {public.v_noisy: }\n")
    project.run()
    assert sorted(project.rows("shop/v_noisy")["x"].to_pylist()) == list(range(1, 100001))


def test_an_error_of_megabytes_is_the_servers_word(project, postgres):
    url = postgres.database("wordy", NOISY)
    project.pipeline(url, consumer="  tables: {public.v_wordy: }\n")
    assert "the server said: enough zzz" in project.run(code=1).err


def test_a_terminated_backend_does_not_hang_the_run(project, postgres):
    url = postgres.database("terminated", NOISY)
    project.pipeline(url, consumer="  tables: {public.v_slow: }\n")
    with project.start("run", "shop.yml", "--progress", "none", "--workers", "1") as proc:
        until = time.monotonic() + 20
        while time.monotonic() < until and "t" not in postgres.psql("postgres", """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = 'terminated' AND state = 'active' AND query LIKE '%COPY (%'
                  AND clock_timestamp() - query_start > interval '1 s';"""):
            time.sleep(0.2)
        ended = time.monotonic()
        _, said = proc.communicate(timeout=20)
    assert proc.returncode == 1 and time.monotonic() - ended < 15
    assert "terminating connection due to administrator command" in said, said


@pytest.mark.parametrize("what,sql", [
    ("before its first row", "IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'enough'; END $$"),
    ("between rows", "LANGUAGE plpgsql AS $$ BEGIN IF i = 500 THEN RAISE EXCEPTION 'enough'; END IF; RETURN i; END $$")])
def test_a_server_that_hangs_behind_an_error_does_not_hang_the_run(project, postgres, what, sql):
    """That it never says to be ready for more is not waited for longer than read_timeout."""
    argument = "1" if "IMMUTABLE" in sql else "i"
    postgres.database("stalled", f"CREATE FUNCTION f(i int) RETURNS int {sql};"
                                 f"CREATE VIEW v AS SELECT f({argument}) AS x FROM generate_series(1, 1000) i;")
    with StallingProxy(postgres.port) as proxy:
        project.pipeline(f"postgresql://mill:{PASSWORD}@127.0.0.1:{proxy.port}/stalled?sslmode=disable",
                         consumer="  tables: {public.v: }\n  read_timeout: 1s\n")
        result = project.run(code=1, timeout=40)
        assert proxy.stalled and ("the server said: enough" in result.err or "the server sent nothing for 1 s" in result.err), (what, result)


@contextlib.contextmanager
def somebody_elses_snapshot(postgres, database):
    """Another session that keeps a snapshot; yields its name."""
    with subprocess.Popen(["psql", "-XqAt", "-h", postgres.socket, "-p", str(postgres.port), "-U", "postgres", database],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as psql:
        psql.stdin.write("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_export_snapshot();\n")
        psql.stdin.flush()
        yield psql.stdout.readline().strip()
        psql.stdin.close()


def wait_for(condition, seconds=20):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def test_another_snapshot_of_the_same_name_is_not_read(project, postgres):
    """After a restart a server names its snapshots from the beginning. Here the name is given away by hand."""
    url = postgres.database("names_again", NOISY.replace("100000", "20000") + "CREATE VIEW w_slow AS SELECT * FROM v_slow;")
    project.pipeline(url, consumer="  tables: {public.*_slow: }\n")
    folder = pathlib.Path(postgres.psql("postgres", "SHOW data_directory;").strip()) / "pg_snapshots"
    ours = "FROM pg_stat_activity WHERE datname = 'names_again' AND usename = 'mill' AND query LIKE '%COPY (%'"
    with project.start("run", "shop.yml", "--progress", "none", "--workers", "2") as run:
        wait_for(lambda: "2" in postgres.psql("postgres", f"SELECT count(*) {ours} AND state = 'active';"))
        (name,) = [p.name for p in folder.iterdir()]
        postgres.psql("names_again", "UPDATE big SET x = 0;")
        with somebody_elses_snapshot(postgres, "names_again") as other:
            postgres.psql("postgres", f"SELECT pg_terminate_backend(pid) {ours};")
            wait_for(lambda: not (folder / name).exists())
            shutil.copy(folder / other, folder / name)
            os.chown(folder / name, folder.stat().st_uid, folder.stat().st_gid)
            # The control: whoever trusts the name gets the other's rows.
            assert "0" == postgres.psql("names_again", "BEGIN ISOLATION LEVEL REPEATABLE READ;"
                                        f"SET TRANSACTION SNAPSHOT '{name}'; SELECT max(x) FROM big;").strip()
            _, said = run.communicate(timeout=60)
            (folder / name).unlink()
    assert run.returncode == 1 and "another has its name" in said, said
    assert not list(project.lake.rglob("_delta_log"))


def test_a_snapshot_per_table_that_is_gone_takes_no_other_table_with_it(project, postgres):
    url = postgres.database("per_table", "CREATE TABLE a AS SELECT g AS id FROM generate_series(1, 60000) g;"
                            "CREATE TABLE b AS SELECT * FROM a; CREATE TABLE c AS SELECT * FROM a;")
    project.pipeline(url, consumer="  reader: cursor\n  snapshot: table\n")
    ours = "FROM pg_stat_activity WHERE datname = 'per_table' AND usename = 'mill'"
    with project.start("run", "shop.yml", "--report", "json", "--progress", "none", "--workers", "1",
                       fault="pipe.batch@2=sleep:1500") as run:
        wait_for(lambda: postgres.psql("postgres", f"SELECT 1 {ours} AND query LIKE 'FETCH%' AND state LIKE 'idle in%'"
                                       " AND clock_timestamp() - state_change > interval '0.3 s';").strip())
        postgres.psql("postgres", f"SELECT pg_terminate_backend(pid) {ours};")
        out, said = run.communicate(timeout=60)
    assert run.returncode == 1, said
    assert sorted(s["status"] for s in json.loads(out)["streams"]) == ["done", "done", "failed"], said
