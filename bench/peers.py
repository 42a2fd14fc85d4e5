"""One run of one peer: PostgreSQL table -> Parquet or Delta on local disk. peers.py NAME URL TABLE FOLDER

Each as its own documentation says is fastest; zstd level 1 everywhere, as millrace has it.
"""

import os
import pathlib
import sys

name, url, table, folder = sys.argv[1:]
out = str(pathlib.Path(folder) / "out.parquet")
key = {"lineitem": "l_orderkey"}.get(table, "id")


def duckdb(threads, more=""):
    import duckdb as d
    import duckdb_extension_postgres_scanner as extension
    at = f"{os.path.dirname(extension.__file__)}/extensions/v{d.__version__}/postgres_scanner.duckdb_extension"
    db = d.connect(config={"allow_unsigned_extensions": "true", "threads": threads})
    db.execute(f"LOAD '{at}'")
    db.execute("SET preserve_insertion_order = false")
    db.execute(f"ATTACH '{url}' AS pg (TYPE postgres, READ_ONLY)")
    db.execute(f"COPY (SELECT * FROM pg.public.{table}) TO '{out}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1{more})")


def connectorx(partitions):
    import connectorx as cx
    import pyarrow.parquet as pq
    more = {"partition_on": key, "partition_num": partitions} if partitions > 1 else {}
    t = cx.read_sql(url, f"SELECT * FROM {table}", return_type="arrow", protocol="binary", **more)
    pq.write_table(t, out, compression="zstd", compression_level=1)


def connectorx_stream():
    import connectorx as cx
    import pyarrow.parquet as pq
    reader = cx.read_sql(url, f"SELECT * FROM {table}", return_type="arrow_stream", protocol="binary", batch_size=131072)
    with pq.ParquetWriter(out, reader.schema, compression="zstd", compression_level=1) as w:
        for batch in reader:
            w.write_batch(batch)


def adbc(delta):
    import adbc_driver_postgresql.dbapi as dbapi
    with dbapi.connect(url) as db, db.cursor() as cur:
        cur.execute(f"SELECT * FROM {table}")
        reader = cur.fetch_record_batch()
        if delta:
            import deltalake
            deltalake.write_deltalake(folder + "/delta", reader)
            return
        import pyarrow.parquet as pq
        with pq.ParquetWriter(out, reader.schema, compression="zstd", compression_level=1) as w:
            for batch in reader:
                w.write_batch(batch)


def dlt(table_format, backend):
    os.environ.update(DLT_DATA_DIR=folder + "/dlt", RUNTIME__DLTHUB_TELEMETRY="false", DESTINATION__FILESYSTEM__BUCKET_URL=folder + "/lake",
                      NORMALIZE__DATA_WRITER__COMPRESSION="zstd")
    import dlt as d
    from dlt.sources.sql_database import sql_table
    more = {"backend_kwargs": {"return_type": "arrow_stream", "batch_size": 131072}} if backend == "connectorx" else {"chunk_size": 100000}
    resource = sql_table(credentials=url.replace("postgresql:", "postgresql+psycopg2:"), table=table, backend=backend, **more)
    if table_format:
        resource.apply_hints(table_format=table_format)
    d.pipeline("bench", destination="filesystem", dataset_name="b", pipelines_dir=folder + "/pipelines").run(
        resource, loader_file_format="parquet")


RUNS = {
    "duckdb-1": lambda: duckdb(1),
    "duckdb-2": lambda: duckdb(2),
    "duckdb-2-v2": lambda: duckdb(2, ", PARQUET_VERSION v2"),
    "connectorx-1": lambda: connectorx(1),
    "connectorx-2": lambda: connectorx(2),
    "connectorx-stream": connectorx_stream,
    "adbc": lambda: adbc(False),
    "adbc-delta": lambda: adbc(True),
    "dlt-connectorx": lambda: dlt(None, "connectorx"),
    "dlt-connectorx-delta": lambda: dlt("delta", "connectorx"),
    "dlt-pyarrow": lambda: dlt(None, "pyarrow"),
}
RUNS[name]()
