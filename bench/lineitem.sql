-- A table like TPC-H's lineitem: 16 columns; :rows rows, made by arithmetic alone, so that every run has the same.
CREATE TABLE lineitem AS
SELECT i / 4 + 1 AS l_orderkey, (i::bigint * 7919 % 200000 + 1)::int AS l_partkey, (i::bigint * 104729 % 10000 + 1)::int AS l_suppkey,
       i % 4 + 1 AS l_linenumber, (i % 50 + 1)::numeric(15, 2) AS l_quantity,
       ((i::bigint * 15485863 % 9500000 + 90000) / 100.0)::numeric(15, 2) AS l_extendedprice,
       (i % 11 / 100.0)::numeric(15, 2) AS l_discount, (i % 9 / 100.0)::numeric(15, 2) AS l_tax,
       (ARRAY['R', 'A', 'N'])[i % 3 + 1]::char(1) AS l_returnflag, (ARRAY['O', 'F'])[i % 2 + 1]::char(1) AS l_linestatus,
       date '1992-01-01' + (i::bigint * 31 % 2526)::int AS l_shipdate, date '1992-01-01' + (i::bigint * 37 % 2526)::int AS l_commitdate,
       date '1992-01-01' + (i::bigint * 41 % 2526)::int AS l_receiptdate,
       (ARRAY['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'])[i % 4 + 1]::char(25) AS l_shipinstruct,
       (ARRAY['REG AIR', 'AIR', 'RAIL', 'SHIP', 'TRUCK', 'MAIL', 'FOB'])[i % 7 + 1]::char(10) AS l_shipmode,
       substr(md5((i % 1500007)::text) || ' requests sleep furiously ' || md5((i % 99991)::text), 1, 10 + i % 34)::varchar(44) AS l_comment
FROM generate_series(0, :rows - 1) AS i;
VACUUM (ANALYZE, FREEZE) lineitem;
