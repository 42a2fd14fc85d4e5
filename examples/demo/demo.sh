#!/usr/bin/env bash
# The main job, on a shop that is made up and three million flights that are real. Everything lands in build/demo.
set -euo pipefail
cd "$(dirname "$0")/../.."
M=build/millrace
D=build/demo
P=examples/demo/pipelines
bold() { if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' "$*"; else printf '\n%s\n' "$*"; fi; }
show() { bold "\$ millrace $*"; "$M" "$@"; }

rm -rf "$D" examples/demo/.millrace
mkdir -p "$D"
bold "A SQLite shop: customers, orders, order lines; and 3,000,000 US flights of 2001"
python3 examples/demo/make-shop "$D/shop.db"
build/load-flights .deps/flights-3m.parquet "$D/shop.db"
ls -lh "$D/shop.db" | awk '{print "  " $5, $9}'

show run "$P/shop.yml" "$P/flights.yml"
cd examples/demo
M=../../$M
bold "Questions over both"
show sql -c "SELECT c.country, count(*) AS orders, sum(o.total) AS revenue
FROM shop.orders o JOIN shop.customers c ON c.id = o.customer_id
WHERE o.status = 'paid' GROUP BY ALL ORDER BY revenue DESC LIMIT 5"
show sql -c "SELECT origin, count(*) AS flights, round(avg(delay), 1) AS mean_delay
FROM travel.flights GROUP BY origin HAVING count(*) > 50000 ORDER BY mean_delay DESC LIMIT 5"

bold "Some rows change in the source: 1,000 orders are returned, one customer is new"
sqlite3 ../../$D/shop.db "UPDATE orders SET status = 'returned' WHERE id <= 1000;
INSERT INTO customers (id, name, country, vip, joined) VALUES (20001, 'Ada ლაველეისი', 'GE', 1, '2026-11-24 10:00:00');"
show run pipelines/shop.yml
show history shop.orders
bold "Both versions can be asked"
show sql -c "SELECT 'now' AS at, count(*) AS returned FROM shop.orders WHERE status = 'returned'
UNION ALL SELECT 'before', count(*) FROM shop.orders AT (VERSION => 0) WHERE status = 'returned'"
bold "Nothing changed since: nothing is written"
show run pipelines/shop.yml pipelines/flights.yml
show tables
cat <<END

The lake is in $D/lake: Parquet files and a Delta log, which Spark, DuckDB, polars and pandas open too.
Try next, in examples/demo:
  ../../build/millrace sql -c "FROM shop.customers LIMIT 10"
  ../../build/millrace copy YOUR.db lake/yours
  ../../build/millrace help
END
