"""What the benchmarks share: a PostgreSQL of their own, CPU of its processes, runs measured from outside, figures of pairs."""

import os
import pathlib
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TICK = os.sysconf("SC_CLK_TCK")
PASSWORD = "bench"
NOISY = 0.1  # quartiles further apart than this part of the median

signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are stopped and folders removed


class Server:
    """PostgreSQL with its tables in shared memory; `with` stops it and removes its folder. Its log has every statement's duration."""

    def __enter__(self):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="mr-bench-"))
        self.services = str(ROOT / "tools" / "services")
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self):
        env = {**os.environ, "PG_OPTIONS": "-c shared_buffers=4GB -c max_wal_size=16GB -c autovacuum=off -c wal_level=minimal -c max_wal_senders=0 "
                                           "-c log_min_duration_statement=0"}
        subprocess.run([self.services, "start", "postgres", str(self.work / "pg")], check=True, env=env)
        pg = dict(line.split("=", 1) for line in (self.work / "pg" / "env").read_text().split("\n") if "=" in line)
        self.psql = ["psql", "-X", "-q", "-h", pg["SOCKET"], "-p", pg["PORT"], "-U", "postgres", "-v", "ON_ERROR_STOP=1"]
        subprocess.run(self.psql + ["-c", f"ALTER ROLE postgres PASSWORD '{PASSWORD}'"], check=True)
        os.environ["PGPASSWORD"] = PASSWORD
        self.url = f"postgresql://postgres@127.0.0.1:{pg['PORT']}/postgres"
        self.url_with_password = f"postgresql://postgres:{PASSWORD}@127.0.0.1:{pg['PORT']}/postgres"
        self.postmaster = int((self.work / "pg" / "data" / "postmaster.pid").read_text().split()[0])
        self.log = self.work / "pg" / "data" / "server.log"

    def __exit__(self, *_):
        subprocess.run([self.services, "stop", str(self.work / "pg")], check=False)
        shutil.rmtree(self.work, ignore_errors=True)

    def load(self, table, rows):
        subprocess.run(self.psql + ["-v", f"rows={rows}", "-f", str(ROOT / "bench" / f"{table}.sql")], check=True)
        subprocess.run(self.psql + ["-c", f"SELECT count(*) FROM {table}"], check=True, stdout=subprocess.DEVNULL)

    def drop(self, table):
        self.execute(f"DROP TABLE {table}")

    def execute(self, sql):
        subprocess.run(self.psql + ["-c", sql], check=True)

    def value(self, sql):
        return subprocess.run(self.psql + ["-A", "-t", "-c", sql], check=True, capture_output=True, text=True).stdout.strip()

    def binary(self, table, path):
        """The table's rows as COPY BINARY in a file; the OID:TYPMOD of its columns, as bench-writer wants them."""
        subprocess.run(self.psql + ["-c", f"\\copy {table} TO '{path}' (FORMAT binary)"], check=True)
        return self.value(f"SELECT string_agg(atttypid || ':' || atttypmod, ' ' ORDER BY attnum) FROM pg_attribute "
                          f"WHERE attrelid = '{table}'::regclass AND attnum > 0").split()

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

    def longest(self, since):
        """Seconds of the longest statement in the log from byte `since` on; a COPY ends when its last row is sent."""
        with open(self.log, "rb") as f:
            f.seek(since)
            found = re.findall(rb"LOG:  duration: ([0-9.]+) ms", f.read())
        return max((float(ms) for ms in found), default=0.0) / 1000

    @property
    def idle_children(self):
        if not hasattr(self, "_idle"):
            self._idle = len(open(f"/proc/{self.postmaster}/task/{self.postmaster}/children").read().split())
        return self._idle


def run_limited(command, limit):
    """Run it in a group of its own, which is killed after `limit` seconds; output, wall, resources of the tree, exit code."""
    start = time.monotonic()
    with tempfile.TemporaryFile("w+") as err:
        proc = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=err, text=True, start_new_session=True)
        timer = threading.Timer(limit, lambda: os.killpg(proc.pid, signal.SIGKILL))
        timer.start()
        try:
            out = proc.stdout.read()
            _, status, usage = os.wait4(proc.pid, 0)
        except BaseException:
            os.killpg(proc.pid, signal.SIGKILL)
            raise
        finally:
            timer.cancel()
        proc.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - start
        if proc.returncode:
            err.seek(0)
            why = f"not finished within {limit} s" if wall >= limit else f"exit {proc.returncode}\n{out[-2000:]}{err.read()[-2000:]}"
            raise RuntimeError(f"{' '.join(command)}: {why}")
    return out, wall, usage


def measured(server, command, limit=240):
    """Wall, CPU of the process and its children, peak memory of its largest process, CPU and longest statement of the server.

    The peak is never below that of this Python, for ru_maxrss survives exec: millrace's is taken from its report."""
    server.idle_children
    before, log = server.cpu(), server.log.stat().st_size
    out, wall, usage = run_limited(command, limit)
    server.settle()
    return {"wall": wall, "client_cpu": usage.ru_utime + usage.ru_stime, "peak": usage.ru_maxrss * 1024,
            "server_cpu": max(server.cpu() - before, 1 / TICK), "longest": server.longest(log), "out": out}


def folder_bytes(path):
    return sum(p.stat().st_size for p in pathlib.Path(path).rglob("*") if p.is_file())


def machine():
    lines = open("/proc/cpuinfo").read().split("\n")
    cpu = next((line.split(": ")[1] for line in lines if line.startswith("model name")), "unknown")
    return f"{cpu}, {sum(line.startswith('processor') for line in lines)} cores, {platform.release()}"


class Spread:
    """Median and quartiles of the ratios of pairs."""

    def __init__(self, values):
        values = list(values)
        self.n, self.median = len(values), statistics.median(values)
        self.low, _, self.high = statistics.quantiles(values, n=4) if self.n > 1 else (values[0],) * 3

    @property
    def noisy(self):
        return (self.high - self.low) / self.median > NOISY

    def __str__(self):
        return f"{self.median:.2f} [{self.low:.2f}, {self.high:.2f}]{' (noisy)' if self.noisy else ''}"
