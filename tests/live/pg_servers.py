"""PostgreSQL servers of chosen versions, and a pooler in front of one."""

import contextlib
import json
import os
import socket
import subprocess
import time

from conftest import ROOT, Postgres, set_password

SERVICES = str(ROOT / "tools" / "services")


@contextlib.contextmanager
def server(folder, major):
    subprocess.run([SERVICES, "start", "postgres", str(folder)], check=True, env={**os.environ, "PG_MAJOR": str(major)})
    try:
        env = dict(line.split("=", 1) for line in (folder / "env").read_text().split("\n") if "=" in line)
        pg = Postgres(env["PORT"], env["SOCKET"])
        set_password(pg)
        yield pg
    finally:
        subprocess.run([SERVICES, "stop", str(folder)], check=True)


def rows_as_json(pg, database, source):
    """Rows of a table or query as the server itself spells them: [{column: value}], sorted."""
    lines = pg.psql(database, f"SELECT row_to_json(t) FROM {source} t;").splitlines()
    return sorted((json.loads(line) for line in lines), key=repr)


def landed(project, path):
    """The same of what landed; for columns of numbers without fractions, text and booleans."""
    return sorted(project.rows(path).to_pylist(), key=repr)


@contextlib.contextmanager
def pooler(pg, folder, database, mode):
    """pgbouncer in front of one database; yields the port. Everybody comes in as mill, without a password."""
    folder.mkdir()
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    ini = folder / "pgbouncer.ini"
    ini.write_text(f"""[databases]
{database} = host={pg.socket} port={pg.port} user=mill
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = 3
""")
    owner = ["-u", "postgres"] if os.getuid() == 0 else []  # it refuses to run as root
    for up in [folder, *folder.parents] if owner else []:
        if not up.stat().st_mode & 1:
            up.chmod(up.stat().st_mode | 1)
    with open(folder / "log", "w") as log, subprocess.Popen(["pgbouncer", *owner, str(ini)], stderr=log, stdout=log) as proc:
        try:
            for _ in range(100):
                with socket.socket() as s:
                    if s.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            else:
                raise AssertionError((folder / "log").read_text())
            yield port
        finally:
            proc.terminate()
