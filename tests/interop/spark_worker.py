"""spark_worker.py JARS WAREHOUSE: a Spark session that answers SQL from stdin, a JSON string a line, with a JSON list of rows of
strings a line."""

import json
import pathlib
import sys

JARS, WAREHOUSE = ",".join(str(p) for p in pathlib.Path(sys.argv[1]).glob("*.jar")), sys.argv[2]


def main():
    from pyspark.sql import SparkSession
    spark = (SparkSession.builder.master("local[2]").appName("interop")
             .config("spark.jars", JARS)
             .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
             .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
             .config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
             .config("spark.ui.enabled", "false").config("spark.driver.memory", "1g")
             .config("spark.sql.shuffle.partitions", "2")
             .config("spark.databricks.delta.snapshotPartitions", "2")
             .config("spark.sql.session.timeZone", "UTC")
             .config("spark.sql.warehouse.dir", WAREHOUSE)
             .getOrCreate())
    spark.sparkContext.setLogLevel("ERROR")
    print("ready", flush=True)
    for line in sys.stdin:
        try:
            frame = spark.sql(json.loads(line))
            rows = [[None if v is None else str(v) for v in row] for row in frame.collect()]
            print(json.dumps({"columns": frame.columns, "rows": rows, "schema": frame.schema.jsonValue()}), flush=True)
        except Exception as e:  # the test shows it
            print(json.dumps({"error": str(e)[:2000]}), flush=True)


main()
