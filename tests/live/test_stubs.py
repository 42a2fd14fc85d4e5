"""Servers that are not PostgreSQL 14 or later, and servers that break off: one clear error, an exit code, never a hang."""

import random
import struct
import subprocess

import pytest
import stub_server
from conftest import PASSWORD
from stub_server import AUTH_OK, READY, Stub, error, message

# What each says to version(), its server_version, and settings that it does not have.
OTHERS = {
    "cockroach": ("CockroachDB CCL v23.1.11 (x86_64-pc-linux-gnu, built 2023/09/27 01:53:43, go1.19.10)", "13.0.0", (),
                  "is CockroachDB, not PostgreSQL: CockroachDB CCL v23.1.11"),
    "redshift": ("PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2 20041017 (Red Hat 3.4.2-6.fc3), Redshift 1.0.61191",
                 "8.0.2", ("row_security", "lock_timeout", "idle_in_transaction_session_timeout"), "is Redshift, not PostgreSQL: PostgreSQL 8.0.2"),
    "13": ("PostgreSQL 13.14 on x86_64-pc-linux-gnu, compiled by gcc", "13.14", (), "too old: PostgreSQL 13.14"),
    "9.4": ("PostgreSQL 9.4.26 on x86_64-pc-linux-gnu", "9.4.26", ("row_security", "idle_in_transaction_session_timeout"),
            "too old: PostgreSQL 9.4.26"),
    "nameless": ("something", "", (), "too old: something"),
}


def try_run(project, stub, seconds=10):
    """A run against the stub ends by itself, with one error; returns its text."""
    project.pipeline(f"postgresql://mill:{PASSWORD}@127.0.0.1:{stub.port}/stub",
                     consumer="  connect_timeout: 2s\n  read_timeout: 1s\n")
    result = project.millrace("run", "shop.yml", "--progress", "none", code=1, timeout=seconds, errors="replace")
    assert result.err.count("error MR-E-") == 1, result
    assert not project.lake.exists() or not list(project.lake.rglob("*.parquet"))
    return result.err


@pytest.mark.parametrize("who", OTHERS)
def test_other_servers_are_refused_by_name(project, who):
    version, number, unknown, words = OTHERS[who]
    with Stub(version, number, unknown) as stub:
        text = try_run(project, stub)
        assert "MR-E-PG07" in text and words in text
        for command in ("check", "plan"):
            again = project.millrace(command, "shop.yml", code=1)
            assert words in again.out + again.err
        assert all("version()" in s for s in stub.said), "nothing is set on a server that is not ours to read"


def test_the_same_stub_as_fifteen_comes_further(project):
    """The control: it is the version that refuses, not the stub."""
    with Stub("PostgreSQL 15.4 on x86_64-pc-linux-gnu") as stub:
        text = try_run(project, stub)
        assert "MR-E-PG02" in text and "the stub does not do that" in text
        assert any(s.startswith("BEGIN") for s in stub.said)


# ---- what a pooler says ----

def test_a_pooler_without_a_server_behind_it(project):
    with Stub(query=error("FATAL", "08P01", "server login failed: wrong password type")) as stub:
        text = try_run(project, stub)
        assert "server login failed" in text and "08P01" in text
    with Stub(startup=error("FATAL", "08P01", "unsupported startup parameter: client_encoding")) as stub:
        text = try_run(project, stub)
        assert "MR-E-PG01" in text and "unsupported startup parameter" in text


def test_a_server_without_a_free_connection(project):
    with Stub(startup=error("FATAL", "53300", "sorry, too many clients already")) as stub:
        text = try_run(project, stub)
        assert "MR-E-PG01" in text and "too many clients" in text


# ---- breaking off ----

NOISE = random.Random(5).randbytes(4096)
HALF = message(b"R", struct.pack("!i", 0))[:6]
BROKEN = {
    "closed at once": dict(startup=b""),
    "closed within a message": dict(startup=HALF),
    "closed after the password was accepted": dict(startup=AUTH_OK),
    "closed at the first statement": dict(query=b""),
    "closed within an answer": dict(query=b"T\0\0\0\x20\0"),
    "closed within rows": dict(query=stub_server.row(["PostgreSQL 15", "stub"])[:-12]),
    "a web server": dict(startup=b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
    "noise": dict(startup=NOISE),
    "noise, and silence": dict(startup=NOISE, end="silent"),
    "a login, and noise": dict(startup=b"R" + NOISE, end="silent"),
    "an error, and noise": dict(startup=b"E" + NOISE, end="silent"),
    "noise for an answer": dict(query=NOISE),
    "noise for an answer, and silence": dict(query=NOISE, end="silent"),
    "an answer of 2 GB": dict(query=b"T\x7f\xff\xff\xff\0\1", end="silent"),
    "an answer of minus one": dict(query=b"T\xff\xff\xff\xff\0\1", end="silent"),
    "an unknown way to log in": dict(startup=message(b"R", struct.pack("!i", 99))),
    "no rows": dict(query=message(b"C", stub_server.text("SELECT 0")) + READY, end="silent"),
    "an empty result": dict(query=message(b"T", b"\0\0") + message(b"C", stub_server.text("SELECT 0")) + READY, end="silent"),
    "another number of columns": dict(query=stub_server.row(["PostgreSQL 15"]) + READY, end="silent"),
    "silence before the login": dict(startup=b"", end="silent"),
    "silence within the login": dict(startup=HALF, end="silent"),
    "silence after the login": dict(query=b"", end="silent"),
    "a byte now and then": dict(startup=AUTH_OK + stub_server.parameter("server_version", "15"), end="silent", pause=0.4),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_server_that_breaks_off(project, how):
    with Stub("PostgreSQL 15.4", **BROKEN[how]) as stub:
        text = try_run(project, stub)
        assert "MR-E-PG" in text


def test_a_copy_for_an_answer(project):
    with Stub(query=message(b"H", b"\1\0\0"), end="silent") as stub:
        assert "MR-E-PG" in try_run(project, stub, seconds=5)


def test_noise_is_not_printed_as_it_came(project):
    with Stub(startup=b"\x9b31m" + NOISE) as stub:
        assert "\ufffd" not in try_run(project, stub)
