"""What the benchmarks share: a PostgreSQL of their own, CPU of its processes, runs measured from outside."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TICK = os.sysconf("SC_CLK_TCK")
PASSWORD = "bench"


class Server:
    """PostgreSQL with its tables in shared memory; `with` stops it and removes its folder."""

    def __enter__(self):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="mr-bench-"))
        env = {**os.environ, "PG_OPTIONS": "-c shared_buffers=4GB -c max_wal_size=16GB -c autovacuum=off -c wal_level=minimal -c max_wal_senders=0"}
        self.services = str(ROOT / "tools" / "services")
        subprocess.run([self.services, "start", "postgres", str(self.work / "pg")], check=True, env=env)
        pg = dict(line.split("=", 1) for line in (self.work / "pg" / "env").read_text().split("\n") if "=" in line)
        self.psql = ["psql", "-X", "-q", "-h", pg["SOCKET"], "-p", pg["PORT"], "-U", "postgres", "-v", "ON_ERROR_STOP=1"]
        subprocess.run(self.psql + ["-c", f"ALTER ROLE postgres PASSWORD '{PASSWORD}'"], check=True)
        os.environ["PGPASSWORD"] = PASSWORD
        self.url = f"postgresql://postgres@127.0.0.1:{pg['PORT']}/postgres"
        self.url_with_password = f"postgresql://postgres:{PASSWORD}@127.0.0.1:{pg['PORT']}/postgres"
        self.postmaster = int((self.work / "pg" / "data" / "postmaster.pid").read_text().split()[0])
        return self

    def __exit__(self, *_):
        subprocess.run([self.services, "stop", str(self.work / "pg")], check=True)
        shutil.rmtree(self.work, ignore_errors=True)

    def load(self, table, rows):
        subprocess.run(self.psql + ["-v", f"rows={rows}", "-f", str(ROOT / "bench" / f"{table}.sql")], check=True)
        subprocess.run(self.psql + ["-c", f"SELECT count(*) FROM {table}"], check=True, stdout=subprocess.DEVNULL)

    def cpu(self):
        """CPU seconds of the postmaster, of its children that ended, and of those that live."""
        def of(p, with_children):
            fields = open(f"/proc/{p}/stat").read().rsplit(") ", 1)[1].split()
            return sum(int(x) for x in fields[11:15 if with_children else 13])
        total = of(self.postmaster, True)
        for child in open(f"/proc/{self.postmaster}/task/{self.postmaster}/children").read().split():
            try:
                total += of(child, False)
            except FileNotFoundError:
                pass
        return total / TICK

    def settle(self):
        """Wait until the backends of the last run are gone, so that their CPU is counted where it belongs."""
        for _ in range(100):
            n = len(open(f"/proc/{self.postmaster}/task/{self.postmaster}/children").read().split())
            if n <= self.idle_children:
                return
            time.sleep(0.02)

    @property
    def idle_children(self):
        if not hasattr(self, "_idle"):
            self._idle = len(open(f"/proc/{self.postmaster}/task/{self.postmaster}/children").read().split())
        return self._idle


def measured(server, command, env=None, limit=900):
    """Run it; wall, CPU of the process and its children, peak memory of its largest process, CPU of the server."""
    server.idle_children
    before, start = server.cpu(), time.monotonic()
    proc = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **(env or {})}, text=True)
    out, err = proc.stdout.read(), proc.stderr.read()
    _, status, usage = os.wait4(proc.pid, 0)
    proc.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - start
    server.settle()
    if proc.returncode:
        raise RuntimeError(f"{command}: exit {proc.returncode}\n{out[-2000:]}{err[-2000:]}")
    if wall > limit:
        raise RuntimeError(f"{command}: {wall:.0f} s")
    return {"wall": wall, "client_cpu": usage.ru_utime + usage.ru_stime, "peak": usage.ru_maxrss * 1024,
            "server_cpu": server.cpu() - before, "out": out}


def folder_bytes(path):
    return sum(p.stat().st_size for p in pathlib.Path(path).rglob("*") if p.is_file())
