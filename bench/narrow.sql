-- 6 narrow columns: an event table. :rows rows, by arithmetic alone.
CREATE TABLE narrow AS
SELECT i::bigint AS id, (i::bigint * 7919 % 1000000)::int AS user_id, (i::bigint * 15485863 % 100003) / 7.0::float8 AS score,
       timestamptz '2026-01-01 00:00:00+00' + (i::bigint * 137 % 31536000) * interval '1 second' + (i % 1000000) * interval '1 microsecond' AS at,
       i % 3 = 0 AS flag, 'category ' || lpad((i::bigint * 104729 % 1000)::text, 3, '0') AS category
FROM generate_series(0, :rows - 1) AS i;
VACUUM (ANALYZE, FREEZE) narrow;
