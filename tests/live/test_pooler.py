"""Through pgbouncer: the run is right, and no session of the pool is left with settings of ours."""

import subprocess

import pytest
from conftest import PASSWORD
from pg_servers import pooler

SETTINGS = ["default_transaction_read_only", "row_security", "search_path", "statement_timeout", "lock_timeout",
            "idle_in_transaction_session_timeout"]


@pytest.fixture
def pooled(postgres):
    postgres.database("pooled", """
        CREATE TABLE t (id int, pad text);
        ALTER TABLE t ALTER pad SET STORAGE PLAIN;
        INSERT INTO t SELECT i, repeat('x', 1500) FROM generate_series(1, 50000) i;
        CREATE TABLE hidden (id int); INSERT INTO hidden VALUES (1); ALTER TABLE hidden ENABLE ROW LEVEL SECURITY;
        ANALYZE;""")


def settings(port):
    """Of three sessions at once, so of every one in the pool."""
    ask = "BEGIN; " + " ".join(f"SHOW {s};" for s in SETTINGS) + " SELECT pg_backend_pid() FROM pg_sleep(0.3); COMMIT;"
    procs = [subprocess.Popen(["psql", "-XqAt", "-h", "127.0.0.1", "-p", str(port), "-U", "mill", "pooled", "-c", ask],
                              stdout=subprocess.PIPE, text=True) for _ in range(3)]
    answers = [p.communicate(timeout=30)[0].split("\n") for p in procs]
    assert len({a[len(SETTINGS)] for a in answers}) == 3, "three server sessions"
    return [a[:len(SETTINGS)] for a in answers]


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_a_run_through_a_pooler(project, postgres, pooled, tmp_path, mode):
    with pooler(postgres, tmp_path / "pool", "pooled", mode) as port:
        before = settings(port)
        project.pipeline(f"postgresql://mill:{PASSWORD}@127.0.0.1:{port}/pooled", consumer="  workers: 2\n")
        result = project.run(code=1)
        assert "row-level security" in result.stream("public.hidden")["error"]["message"]
        assert result.stream("public.t")["partitions"] >= 2
        assert sorted(project.rows("shop/t").column("id").to_pylist()) == list(range(1, 50001))
        assert settings(port) == before


def test_a_pooler_that_knows_no_transactions_is_refused(project, postgres, pooled, tmp_path):
    with pooler(postgres, tmp_path / "pool", "pooled", "statement") as port:
        project.pipeline(f"postgresql://mill:{PASSWORD}@127.0.0.1:{port}/pooled")
        result = project.run(code=1)
        assert "transaction blocks not allowed in statement pooling mode" in str(result)
