"""Other people's readers of a table, each giving {id: [canonical text, ...]}; none of them uses our code or our file list."""

import base64
import datetime
import decimal
import json
import os
import struct
import subprocess
import sys

from conftest import ROOT

# How a column's text is made comparable. Text and binary travel as hex.
HEX, NUMBER, FLOAT32, FLOAT64, BOOL, DATE, TIME, TIMEZONE = "hex", "number", "f32", "f64", "bool", "date", "time", "timetz"
EPOCH = datetime.datetime(1970, 1, 1)


def canonical(kind, text):
    """The one spelling of a value that a source or reader printed in its own way; None stays None."""
    if text is None:
        return None
    if kind == HEX:
        return text.lower()
    if kind == BOOL:
        return {"t": "true", "f": "false", "1": "true", "0": "false"}.get(text.lower(), text.lower())
    if kind == NUMBER:
        return format(decimal.Decimal(text).normalize(decimal.Context(prec=60)), "f")
    if kind == FLOAT64:
        return struct.pack(">d", float(text)).hex()
    if kind == FLOAT32:
        return struct.pack(">f", float(text)).hex()
    if kind == DATE:
        return text
    text = text.replace("T", " ").removesuffix("Z").removesuffix("+00:00").removesuffix("+00")
    day, _, clock = text.partition(" ")
    whole, _, fraction = (clock or "00:00:00").partition(".")
    return f"{day} {whole + ':00' if len(whole) == 5 else whole}.{fraction:0<6}"


def from_python(kind, value):
    """As canonical(), for values of pyarrow; integers of days and microseconds are formatted here, by datetime."""
    if value is None:
        return None
    if kind == HEX:
        return (value.encode() if isinstance(value, str) else value).hex()
    if kind == BOOL:
        return "true" if value else "false"
    if kind == FLOAT64:
        return struct.pack(">d", value).hex()
    if kind == FLOAT32:
        return struct.pack(">f", value).hex()
    if kind == DATE:
        return str((EPOCH + datetime.timedelta(days=value)).date())
    if kind in (TIME, TIMEZONE):
        return canonical(kind, (EPOCH + datetime.timedelta(microseconds=value)).isoformat(sep=" "))
    return canonical(kind, str(value))


def arrow_rows(table, kinds):
    import pyarrow as pa
    columns = []
    for name, kind in kinds.items():
        c = table.column(name)
        if kind == DATE:
            c = c.cast(pa.int32())
        elif kind in (TIME, TIMEZONE):
            assert c.type == pa.timestamp("us", tz="UTC" if kind == TIMEZONE else None), c.type
            c = c.cast(pa.int64())
        columns.append([from_python(kind, v) for v in c.to_pylist()])
    return {int(row[0]): list(row[1:]) for row in zip(table.column("id").to_pylist(), *columns)}


def pyarrow_files(path, kinds):
    """The Parquet files themselves; only for tables with one version."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    tables = [pq.ParquetFile(f, page_checksum_verification=True).read() for f in sorted(path.glob("*.parquet"))]
    return arrow_rows(pa.concat_tables(tables), kinds)


def delta_rs(path, kinds):
    import deltalake
    return arrow_rows(deltalake.DeltaTable(str(path)).to_pyarrow_table(), kinds)


def duckdb_with_delta():
    import duckdb
    import duckdb_extension_delta
    db = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    folder = os.path.dirname(duckdb_extension_delta.__file__)
    db.execute(f"LOAD '{folder}/extensions/v{duckdb.__version__}/delta.duckdb_extension'")
    db.execute("SET TimeZone = 'UTC'")
    return db


def duckdb_delta(path, kinds):
    db = duckdb_with_delta()
    columns = ", ".join(f'lower(hex("{n}"))' if k == HEX else f'"{n}"::VARCHAR' for n, k in kinds.items())
    rows = db.execute(f"SELECT id, {columns} FROM delta_scan('{path}')").fetchall()
    return {r[0]: [canonical(k, v) for k, v in zip(kinds.values(), r[1:])] for r in rows}


def polars(path, kinds):
    """polars' own Parquet reader, over the files (its Delta reader is delta-rs); only for tables with one version."""
    import polars as pl
    return arrow_rows(pl.read_parquet(sorted(path.glob("*.parquet"))).to_arrow(), kinds)


# ---- nested values, as Python has them: {column: value} a row ----

def plain(value, kind):
    """A value as Python has it: of Spark's JSON, or of Arrow, where readers hand over maps in three ways. kind: Delta's schema of it."""
    name = kind if isinstance(kind, str) else kind["type"]
    if value is None:
        return None
    if name == "struct":
        return {f["name"]: plain(value[f["name"]], f["type"]) for f in kind["fields"]}
    if name == "array":
        return [plain(v, kind["elementType"]) for v in value]
    if name == "map":
        pairs = value.items() if isinstance(value, dict) else [tuple(p.values()) if isinstance(p, dict) else p for p in value]
        return [(plain(k, kind["keyType"]), plain(v, kind["valueType"])) for k, v in pairs]
    if not isinstance(value, str) or name == "string":
        return value
    return scalar(value, name)


def scalar(text, name):
    if name == "binary":
        return base64.b64decode(text)
    if name in ("float", "double"):
        return float(text)
    if name == "date":
        return datetime.date.fromisoformat(text)
    if name.startswith("timestamp"):
        zone = datetime.timezone.utc if name == "timestamp" else None
        return datetime.datetime.fromisoformat(text).replace(tzinfo=zone)
    return decimal.Decimal(text) if name.startswith("decimal") else int(text)


def arrow_of(reader, path, columns):
    """The columns as another reader hands them over in Arrow."""
    import deltalake
    if reader == "pyarrow":
        import pyarrow as pa
        import pyarrow.parquet as pq
        return pa.concat_tables(pq.read_table(f, columns=columns) for f in sorted(path.glob("*.parquet")))
    if reader == "delta-rs":
        return deltalake.DeltaTable(str(path)).to_pyarrow_table(columns=columns)
    if reader == "polars":
        import polars as pl
        return pl.scan_delta(str(path)).select(columns).collect().to_arrow()
    names = ", ".join('"' + c.replace('"', '""') + '"' for c in columns)
    return duckdb_with_delta().execute(f"SELECT {names} FROM delta_scan('{path}')").to_arrow_table()


def trees_of(reader, spark, path, columns):
    """Rows of the columns as any reader sees them."""
    import deltalake
    if reader == "spark":
        return spark.trees(path, columns)
    schema = json.loads(deltalake.DeltaTable(str(path)).schema().to_json())
    kinds = {f["name"]: f["type"] for f in schema["fields"]}
    return [{n: plain(v, kinds[n]) for n, v in row.items()} for row in arrow_of(reader, path, columns).to_pylist()]


# MR_TEST_SPARK chooses; each folder is made by tools/setup.
SPARKS = {"4.1": "spark", "3.5": "spark-3.5"}


class Spark:
    """Spark with its Delta, one JVM for the whole session: 4.1 with 4.3, or 3.5 with 3.3."""

    def __init__(self, warehouse):
        self.version = os.environ.get("MR_TEST_SPARK", "4.1")
        spark = ROOT / ".deps" / SPARKS[self.version]
        env = {**os.environ, "SPARK_HOME": str(spark / "deps"), "SPARK_LOCAL_IP": "127.0.0.1",
               "SPARK_LOCAL_HOSTNAME": "localhost", "TZ": "UTC",
               "PYTHONPATH": f"{spark}:{next((spark / 'lib').glob('py4j*.zip'))}"}
        self.log = open(warehouse / "spark.log", "w+")
        self.proc = subprocess.Popen([sys.executable, str(ROOT / "tests/interop/spark_worker.py"), str(spark / "delta"),
                                      str(warehouse)], env=env,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True)
        assert self.proc.stdout.readline() == "ready\n", open(self.log.name).read()[-3000:]
        assert self.sql("SELECT version()")[0][0].startswith(self.version + ".")

    def sql(self, text):
        self.proc.stdin.write(json.dumps(text) + "\n")
        self.proc.stdin.flush()
        answer = json.loads(self.proc.stdout.readline())
        assert "error" not in answer, answer["error"]
        self.columns, self.schema = answer["columns"], answer["schema"]
        return answer["rows"]

    def dicts(self, text):
        return [dict(zip(self.columns, row)) for row in self.sql(text)]

    def read(self, path, kinds):
        columns = ", ".join(f"lower(hex(`{n}`))" if k == HEX else f"cast(`{n}` as string)" for n, k in kinds.items())
        rows = self.sql(f"SELECT id, {columns} FROM delta.`{path}`")
        return {int(r[0]): [canonical(k, v) for k, v in zip(kinds.values(), r[1:])] for r in rows}

    def trees(self, path, columns):
        """As trees_of(): Spark's own JSON of the rows, by Spark's own schema."""
        wanted = ", ".join(f"`{c}`" for c in columns)
        self.sql(f"SELECT {wanted} FROM delta.`{path}` LIMIT 0")
        schema = self.schema
        options = ("'ignoreNullFields', 'false', 'timestampFormat', 'yyyy-MM-dd HH:mm:ss.SSSSSS', "
                   "'timestampNTZFormat', 'yyyy-MM-dd HH:mm:ss.SSSSSS'")
        rows = self.sql(f"SELECT to_json(struct({wanted}), map({options})) FROM delta.`{path}`")
        return [plain(json.loads(r[0], parse_float=str, parse_int=str), schema) for r in rows]

    def close(self):
        self.proc.stdin.close()
        self.proc.wait(timeout=60)
        self.log.close()
