-- Text-heavy: titles of 20 to 80 characters and bodies of 100 to 500, little of it repeated. :rows rows.
CREATE TABLE text AS
SELECT i AS id, initcap(substr(md5(i::text) || ' ' || md5((i + 1)::text) || ' ' || md5((i + 2)::text), 1, 20 + i % 60)) AS title,
       substr(repeat('the quick brown fox number ' || i || ' jumps over ' || md5((i * 31)::text) || ' and ', 8), 1, 100 + (i::bigint * 7919 % 400)::int) AS body,
       (ARRAY['en', 'de', 'fr', 'pl', 'es', 'zh'])[i % 6 + 1] AS language, 'https://example.org/' || i % 50000 || '/' || md5((i % 50000)::text) AS url,
       CASE WHEN i % 10 = 0 THEN NULL ELSE 'author ' || i % 20000 END AS author
FROM generate_series(0, :rows - 1) AS i;
VACUUM (ANALYZE, FREEZE) text;
