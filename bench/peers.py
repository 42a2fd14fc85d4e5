#!/usr/bin/env python3
"""The peers of bench/bench: one table from PostgreSQL into Parquet or Delta on local disk.

    bench/peers.py NAME URL TABLE FOLDER     run one variant
    bench/peers.py --list                    all of them, with what they do

Three variants a peer, each a way that its own documentation describes; zstd level 1 wherever a peer lets one say so. bench/bench reads
back from the files which codec it was.
"""

import os
import pathlib
import sys

KEYS = {"lineitem": "l_orderkey"}


def duckdb(p, threads, more=""):
    import duckdb as d
    import duckdb_extension_postgres_scanner as extension
    at = f"{os.path.dirname(extension.__file__)}/extensions/v{d.__version__}/postgres_scanner.duckdb_extension"
    db = d.connect(config={"allow_unsigned_extensions": "true", "threads": threads})
    db.execute(f"LOAD '{at}'")
    db.execute("SET preserve_insertion_order = false")
    db.execute(f"ATTACH '{p.url}' AS pg (TYPE postgres, READ_ONLY)")
    db.execute(f"COPY (SELECT * FROM pg.public.{p.table}) TO '{p.out}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1{more})")


def write_parquet(p, batches):
    import pyarrow.parquet as pq
    with pq.ParquetWriter(p.out, batches.schema, compression="zstd", compression_level=1) as w:
        for batch in batches:
            w.write_batch(batch)


def connectorx(p, partitions):
    import connectorx as cx
    import pyarrow.parquet as pq
    more = {"partition_on": p.key, "partition_num": partitions} if partitions > 1 else {}
    t = cx.read_sql(p.url, f"SELECT * FROM {p.table}", return_type="arrow", protocol="binary", **more)
    pq.write_table(t, p.out, compression="zstd", compression_level=1)


def connectorx_stream(p):
    import connectorx as cx
    write_parquet(p, cx.read_sql(p.url, f"SELECT * FROM {p.table}", return_type="arrow_stream", protocol="binary", batch_size=131072))


def write_delta(p, data):
    import deltalake
    deltalake.write_deltalake(p.folder + "/delta", data, writer_properties=deltalake.WriterProperties(compression="ZSTD", compression_level=1))


def adbc(p, delta, batch_bytes=None, whole=False):
    import adbc_driver_postgresql.dbapi as dbapi
    with dbapi.connect(p.url) as db, db.cursor() as cur:
        if batch_bytes:
            cur.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(batch_bytes)})
        cur.execute(f"SELECT * FROM {p.table}")
        data = cur.fetch_arrow_table() if whole else cur.fetch_record_batch()
        if delta:
            write_delta(p, data)
        elif whole:
            import pyarrow.parquet as pq
            pq.write_table(data, p.out, compression="zstd", compression_level=1)
        else:
            write_parquet(p, data)


def dlt(p, table_format, backend, **options):
    os.environ.update(DLT_DATA_DIR=p.folder + "/dlt", RUNTIME__DLTHUB_TELEMETRY="false", DESTINATION__FILESYSTEM__BUCKET_URL=p.folder + "/lake",
                      NORMALIZE__DATA_WRITER__COMPRESSION="zstd", DATA_WRITER__COMPRESSION="zstd")
    import dlt as d
    from dlt.sources.sql_database import sql_table
    resource = sql_table(credentials=p.url.replace("postgresql:", "postgresql+psycopg2:"), table=p.table, backend=backend, **options)
    if table_format:
        resource.apply_hints(table_format=table_format)
    d.pipeline("bench", destination="filesystem", dataset_name="b", pipelines_dir=p.folder + "/pipelines").run(
        resource, loader_file_format="parquet")


def dlt_stream(p, table_format):
    dlt(p, table_format, "connectorx", backend_kwargs={"return_type": "arrow_stream", "batch_size": 131072})


def dlt_two(p, table_format):
    dlt(p, table_format, "connectorx", backend_kwargs={"partition_on": p.key, "partition_num": 2})


def dlt_pyarrow(p, table_format):
    dlt(p, table_format, "pyarrow", chunk_size=100000)


COPY = "ATTACH 'URL' AS pg (TYPE postgres, READ_ONLY); COPY (SELECT * FROM pg.public.TABLE) TO 'out.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1"
CX = "connectorx.read_sql(URL, 'SELECT * FROM TABLE', protocol='binary', "
WRITE = "pyarrow.parquet.write_table(..., compression='zstd', compression_level=1)"
STREAM = "pyarrow.parquet.ParquetWriter(..., compression='zstd', compression_level=1).write_batch each"
DELTA = "deltalake.write_deltalake(..., writer_properties=WriterProperties(compression='ZSTD', compression_level=1))"
ADBC = "adbc_driver_postgresql.dbapi: cursor.execute('SELECT * FROM TABLE'), "
LARGE = "adbc.postgresql.batch_size_hint_bytes=67108864, "
DLT = "dlt.pipeline(destination='filesystem').run(sql_table(..., backend="
# name -> (connections, what it does, how); a peer's variants stand together
PEERS = {
    "DuckDB": {
        "duckdb-2-v2": (2, f"SET threads = 2; SET preserve_insertion_order = false; {COPY}, PARQUET_VERSION v2)", lambda p: duckdb(p, 2, ", PARQUET_VERSION v2")),
        "duckdb-2": (2, f"SET threads = 2; SET preserve_insertion_order = false; {COPY})", lambda p: duckdb(p, 2)),
        "duckdb-1": (1, f"SET threads = 1; SET preserve_insertion_order = false; {COPY})", lambda p: duckdb(p, 1))},
    "ConnectorX + pyarrow": {
        "connectorx-2": (2, f"{CX}return_type='arrow', partition_on=KEY, partition_num=2); {WRITE}", lambda p: connectorx(p, 2)),
        "connectorx-1": (1, f"{CX}return_type='arrow'); {WRITE}", lambda p: connectorx(p, 1)),
        "connectorx-stream": (1, f"{CX}return_type='arrow_stream', batch_size=131072); {STREAM}", connectorx_stream)},
    "ADBC + pyarrow": {
        "adbc": (1, f"{ADBC}fetch_record_batch(); {STREAM}", lambda p: adbc(p, False)),
        "adbc-64": (1, f"{ADBC}{LARGE}fetch_record_batch(); {STREAM}", lambda p: adbc(p, False, 64 << 20)),
        "adbc-whole": (1, f"{ADBC}fetch_arrow_table(); {WRITE}", lambda p: adbc(p, False, None, True))},
    "ADBC + deltalake (Delta)": {
        "adbc-delta": (1, f"{ADBC}fetch_record_batch(); {DELTA}", lambda p: adbc(p, True)),
        "adbc-delta-64": (1, f"{ADBC}{LARGE}fetch_record_batch(); {DELTA}", lambda p: adbc(p, True, 64 << 20)),
        "adbc-delta-whole": (1, f"{ADBC}fetch_arrow_table(); {DELTA}", lambda p: adbc(p, True, None, True))},
    "dlt": {
        "dlt-connectorx": (1, f"{DLT}'connectorx', return_type='arrow_stream', batch_size=131072), loader_file_format='parquet')", lambda p: dlt_stream(p, None)),
        "dlt-connectorx-2": (2, f"{DLT}'connectorx', partition_on=KEY, partition_num=2), loader_file_format='parquet')", lambda p: dlt_two(p, None)),
        "dlt-pyarrow": (1, f"{DLT}'pyarrow', chunk_size=100000), loader_file_format='parquet')", lambda p: dlt_pyarrow(p, None))},
    "dlt (Delta)": {
        "dlt-connectorx-delta": (1, f"{DLT}'connectorx', return_type='arrow_stream', batch_size=131072), table_format='delta')", lambda p: dlt_stream(p, "delta")),
        "dlt-connectorx-2-delta": (2, f"{DLT}'connectorx', partition_on=KEY, partition_num=2), table_format='delta')", lambda p: dlt_two(p, "delta")),
        "dlt-pyarrow-delta": (1, f"{DLT}'pyarrow', chunk_size=100000), table_format='delta')", lambda p: dlt_pyarrow(p, "delta"))},
}
VARIANTS = {name: v for variants in PEERS.values() for name, v in variants.items()}
# What does not run here: peer, why, and what is known of it (lineitem of 5,998,941 rows, 16 columns, two cores, zstd unless said).
NOT_RUN = [
    ("ingestr 1.1.76", "the package of PyPI has no program in it and downloads one at its first use, without a checksum",
     "its source of August 2026, built with nothing but PostgreSQL and Parquet, snappy: 10.8 s, 0.47 M rows per CPU s, 812 MB"),
    ("sling 1.5 and newer", "the same: the package downloads its program",
     "1.4.11, the last with the program in its package: 166 s, 0.027 M rows per CPU s, 223 MB; its faster way left rows out"),
    ("Airbyte, OLake, PeerDB", "container images, and no container engine is asked for here", "none"),
    ("rivet 0.32.2", "left out for time: three to four times the best peer's CPU", "16.9 s, 0.26 M rows per CPU s, 126 MB"),
    ("Spark 4.0 JDBC to Delta", "left out for time: 15 to 27 times the raw reader", "158 s on a busy machine, about 0.06 M rows per CPU s, 4 to 7 GB"),
]


class Place:
    """Where a variant reads and writes."""

    def __init__(self, url, table, folder):
        self.url, self.table, self.folder = url, table, folder
        self.out, self.key = str(pathlib.Path(folder) / "out.parquet"), KEYS.get(table, "id")


def main():
    if sys.argv[1:] == ["--list"]:
        for name, (_, text, _) in VARIANTS.items():
            print(f"{name}: {text}")
        return
    name, url, table, folder = sys.argv[1:]
    VARIANTS[name][2](Place(url, table, folder))


if __name__ == "__main__":
    main()
