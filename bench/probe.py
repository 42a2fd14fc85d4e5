"""What a run left: rows and codec of the Parquet files of a table, from their footers. probe.py FOLDER TABLE; prints JSON.

Looks where the runs of bench/bench write: a file out.parquet, a Delta table in delta/, x/TABLE or lake/b/TABLE, or files there.
"""

import collections
import json
import pathlib
import sys

import deltalake
import pyarrow.parquet as pq

folder, table = pathlib.Path(sys.argv[1]), sys.argv[2]
if (folder / "out.parquet").exists():
    files = [folder / "out.parquet"]
else:
    at = next(p for p in (folder / "delta", folder / "x" / table, folder / "lake" / "b" / table) if p.is_dir())
    files = [u.removeprefix("file://") for u in deltalake.DeltaTable(str(at)).file_uris()] if (at / "_delta_log").is_dir() else sorted(at.glob("*.parquet"))
rows, codecs = 0, collections.Counter()
for f in files:
    meta = pq.ParquetFile(f).metadata
    rows += meta.num_rows
    for g in range(meta.num_row_groups):
        for c in range(meta.num_columns):
            chunk = meta.row_group(g).column(c)
            codecs[chunk.compression] += chunk.total_compressed_size
codec = codecs.most_common(1)[0][0].lower() if codecs else "none"
print(json.dumps({"rows": rows, "codec": codec, "files": len(files)}))
