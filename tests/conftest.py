"""What every pytest suite shares: the program, a scratch project, a PostgreSQL of our own, one planted password."""

import json
import os
import pathlib
import random
import sqlite3
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = ROOT / os.environ.get("MR_BUILD", "build") / "millrace"
SANITIZED = BINARY.parent.name != "build"  # a sanitizer's shadow memory is not the program's
# Stands in every URL of the tests; the runner below fails a test in whose output it appears.
PASSWORD = "pl4nted-s3cret"
sys.path.insert(0, str(ROOT / "tests" / "interop"))


def memory(mb):
    """The line `memory:` of a pipeline; more in a sanitizer's build."""
    return f"memory: {mb * (4 if SANITIZED else 1)}MB\n"


class Result:
    def __init__(self, proc):
        self.code, self.out, self.err = proc.returncode, proc.stdout, proc.stderr

    @property
    def report(self):
        return json.loads(self.out)

    def stream(self, name):
        return next(s for s in self.report["streams"] if s["stream"] == name)

    def __repr__(self):
        return f"exit {self.code}\n--- out\n{self.out}\n--- err\n{self.err}"


class Project:
    """A project folder with one pipeline; each has an odd locale, time zone and umask."""

    def __init__(self, folder):
        self.dir = pathlib.Path(folder)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.lake = self.dir / "lake"
        (self.dir / "millrace.yml").write_text("lake: ./lake\n")

    def pipeline(self, url, name="shop", extra="", consumer="", loader="", ident=True):
        text = f"pipeline: {name}\n"
        if ident:
            text += "id: 01JD0ZTEST0000000000000000\n"
        text += f"{extra}consumer:\n  url: {url}\n{consumer}"
        if loader:
            text += f"loader:\n{loader}"
        path = self.dir / f"{name}.yml"
        path.write_text(text)
        return path

    def env(self, fault=None):
        env = dict(os.environ)
        env.update(TZ=random.choice(["UTC", "Asia/Kolkata", "America/St_Johns", "Pacific/Apia"]),
                   LC_ALL=random.choice(["C", "C.UTF-8", "POSIX"]), NO_COLOR="1")
        env.pop("MR_FAULT", None)
        if fault:
            env["MR_FAULT"] = fault
        return env

    def start(self, *args, fault=None, **kw):
        return subprocess.Popen([str(BINARY), *map(str, args)], cwd=self.dir, env=self.env(fault),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                umask=random.choice([0o022, 0o077]), **kw)

    def millrace(self, *args, fault=None, code=0, timeout=120, **kw):
        with self.start(*args, fault=fault, **kw) as proc:
            try:
                proc.stdout_text, proc.stderr_text = proc.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                proc.kill()
                raise
        proc.stdout, proc.stderr = proc.stdout_text, proc.stderr_text
        result = Result(proc)
        assert PASSWORD not in result.out + result.err, "the password was printed"
        if code is not None:
            assert result.code == code, result
        return result

    def run(self, file="shop.yml", *args, **kw):
        return self.millrace("run", file, "--report", "json", "--progress", "none", *args, **kw)

    def table(self, path, version=None):
        import deltalake
        return deltalake.DeltaTable(str(self.lake / path), version=version)

    def rows(self, path, version=None):
        return self.table(path, version).to_pyarrow_table()

    def scan_for_password(self):
        for path in self.dir.rglob("*"):
            if path.is_file() and path.suffix != ".yml":
                assert PASSWORD.encode() not in path.read_bytes(), path


@pytest.fixture
def project(tmp_path):
    p = Project(tmp_path / "project")
    yield p
    p.scan_for_password()


@pytest.fixture
def shop_db(tmp_path):
    """A small SQLite shop."""
    path = tmp_path / "shop.db"
    db = sqlite3.connect(path)
    db.executescript("""
        CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, vip BOOLEAN);
        CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER, total DECIMAL(12,2), at DATETIME);
    """)
    db.executemany("INSERT INTO customers VALUES (?,?,?)",
                   [(i, f"Ä name {i}", i % 2) for i in range(1, 101)])
    db.executemany("INSERT INTO orders VALUES (?,?,?,?)",
                   [(i, i % 100 + 1, f"{i}.25", f"2026-01-{i % 28 + 1:02d} 10:00:00.5") for i in range(1, 1001)])
    db.commit()
    db.close()
    return path


class Postgres:
    def __init__(self, port, socket):
        self.port, self.socket = port, socket
        self.url = f"postgresql://mill:{PASSWORD}@127.0.0.1:{port}"

    def psql(self, database, sql, user="postgres", check=True):
        proc = subprocess.run(
            ["psql", "-X", "-q", "-A", "-t", "-h", self.socket, "-p", str(self.port), "-U", user, "-d", database,
             "-v", "ON_ERROR_STOP=1", "-f", "-"], input=sql, capture_output=True, text=True,
            env={**os.environ, "PGCLIENTENCODING": "UTF8", "PGTZ": "UTC"}, timeout=600)
        if check:
            assert proc.returncode == 0, proc.stderr
        return proc.stdout

    def database(self, name, sql=""):
        self.psql("postgres", f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE);')
        self.psql("postgres", f'CREATE DATABASE "{name}";')
        self.psql(name, f'{sql}\nGRANT SELECT ON ALL TABLES IN SCHEMA public TO mill;')
        return f"{self.url}/{name}"


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """A PostgreSQL of this session's own; MR_TEST_PG_PORT and MR_TEST_PG_SOCKET name one that runs already."""
    if "MR_TEST_PG_PORT" in os.environ:
        pg = Postgres(os.environ["MR_TEST_PG_PORT"], os.environ["MR_TEST_PG_SOCKET"])
        set_password(pg)
        yield pg
        return
    folder = tmp_path_factory.mktemp("pg")
    services = str(ROOT / "tools" / "services")
    subprocess.run([services, "start", "postgres", str(folder)], check=True)
    env = dict(line.split("=", 1) for line in (folder / "env").read_text().split("\n") if "=" in line)
    pg = Postgres(env["PORT"], env["SOCKET"])
    set_password(pg)
    yield pg
    subprocess.run([services, "stop", str(folder)], check=True)


def set_password(pg):
    pg.psql("postgres", f"""
        DO $$ BEGIN CREATE ROLE mill LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
        ALTER ROLE mill PASSWORD '{PASSWORD}';""")


@pytest.fixture(scope="session")
def spark(tmp_path_factory):
    import readers
    s = readers.Spark(tmp_path_factory.mktemp("spark"))
    yield s
    s.close()
