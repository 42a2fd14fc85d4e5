"""Every type of PostgreSQL with values, the oracle (`col::text` as psql shows it) and the comparison; for live and interop."""

import datetime
import decimal
import json
import math
import re
import struct

D = decimal.Decimal


class Bad(str):
    """A literal that its column cannot hold: the cell is NULL and its text is rescued."""


# ---- the types: name -> (declaration, eight values but for NULL, which every column has) ----

BIG = "9" * 100
SCALARS = {
    "bool": ("boolean", "true", "false", "'t'", "'no'", "'1'", "'off'", "true"),
    "int2": ("smallint", "0", "1", "-1", "32767", "-32768", "7", "256"),
    "int4": ("integer", "0", "1", "-1", "2147483647", "-2147483648", "7", "65536"),
    "int8": ("bigint", "0", "1", "-1", "9223372036854775807", "-9223372036854775808", "9007199254740993", "4294967296"),
    "float4": ("real", "'NaN'", "'Infinity'", "'-Infinity'", "'-0'", "0.1", "'3.4028235e38'", "'1e-45'"),
    "float8": ("double precision", "'NaN'", "'Infinity'", "'-Infinity'", "'-0'", "0.1", "'1.7976931348623157e308'", "'5e-324'"),
    "num": ("numeric", "0", "-12.500", f"{'9' * 20}.{'9' * 18}", Bad("'NaN'"), Bad("'-Infinity'"), Bad(BIG), Bad("0.0000000000000000001")),
    "num12_2": ("numeric(12,2)", "0", "-0.01", "9999999999.99", "-9999999999.99", Bad("'NaN'"), "1.005", "10000"),
    "num38_0": ("numeric(38,0)", "0", "9" * 38, "-" + "9" * 38, "10000", "123456789012345678901234567890", Bad("'NaN'"), "1e37"),
    "num38_38": ("numeric(38,38)", "0", "0." + "9" * 38, "-0." + "9" * 38, "0.5", "1e-38", Bad("'NaN'"), "-1e-20"),
    "num5_m2": ("numeric(5,-2)", "0", "9999900", "-9999900", "149", "150", Bad("'NaN'"), "-1250"),
    "num2_4": ("numeric(2,4)", "0", "0.0099", "-0.0099", "0.0012", "0.00005", Bad("'NaN'"), "0.00004"),
    "num60_2": ("numeric(60,2)", "0", "'NaN'", "9" * 58 + ".99", "-0.01", "12345", "0.1", "1e57"),
    "text": ("text", "''", "'NULL'", "repeat('żółć 🎈', 3000)", r"E'tab\tq\'\"\\\n\x01end'", "'{a,b}'", "'(x)'", "' x '"),
    "varchar": ("varchar(9)", "''", "'ąęśćżźńół'", "'   x   '", "'a'", "'null'", r"E'\\'", "'123456789'"),
    "char5": ("char(5)", "''", "'a'", "' b'", "'abcde'", "'ab '", "'żó'", "'     '"),
    "name": ("name", "''", "'a'", "'pg_class'", "'Q\"q'", "'żółć'", "repeat('x', 63)", "'a b'"),
    "ichar": ('"char"', "''", "'a'", "' '", "'\"'", "'~'", "'0'", "'\\'"),
    "bytea": ("bytea", "''", r"'\x00ff'", r"'\x5c'", "decode(repeat('00ff10', 1000), 'hex')", "'abc'", r"'\x0a0d'", r"'\x22'"),
    "date": ("date", "'2026-02-28'", "'0001-01-01'", "'9999-12-31'", Bad("'infinity'"), Bad("'-infinity'"), Bad("'4714-11-24 BC'"), Bad("'5874897-12-31'")),
    "time": ("time", "'00:00'", "'24:00:00'", "'23:59:59.999999'", "'01:02:03.4'", "'12:00:00.000001'", "'10:20'", "'05:06:07.100'"),
    "time3": ("time(3)", "'00:00'", "'24:00:00'", "'23:59:59.999999'", "'01:02:03.4567'", "'12:00:00.001'", "'10:20'", "'05:06:07.1'"),
    "timetz": ("timetz", "'00:00+00'", "'24:00:00-15:59'", "'23:59:59.999999+15:59:59'", "'01:02:03.4+05:30'", "'12:00-08'", "'10:20:00.5+00:00:01'", "'00:00-00:30'"),
    "ts": ("timestamp", "'2026-02-28 01:02:03.4'", "'0001-01-01'", "'9999-12-31 23:59:59.999999'", Bad("'infinity'"), Bad("'0001-12-31 23:59:59.999999 BC'"), Bad("'294276-12-31 23:59:59.999999'"), Bad("'4714-11-24 00:00:00.5 BC'")),
    "tstz": ("timestamptz", "'2026-03-29 01:30:00+01'", "'0001-01-01 00:00:00+00'", "'9999-12-31 23:59:59.999999+00'", Bad("'-infinity'"), Bad("'0001-12-31 00:00:00+00 BC'"), Bad("'294276-12-31 23:59:59.999999+00'"), Bad("'10000-01-01 00:00:00.120+00'")),
    "uuid": ("uuid", "'6f1d9ad0-1c6b-4a0c-9a3e-000000000001'", "'00000000-0000-0000-0000-000000000000'", "'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF'", "'{a0eebc999c0b4ef8bb6d6bb9bd380a11}'", "'6f1d9ad01c6b4a0c9a3e000000000001'", "md5('a')::uuid", "md5('b')::uuid"),
    "json": ("json", "'{\"a\": 1 ,\"a\":2}'", "'null'", r"""'{"z": "\u0000"}'""", "' [1e400] '", "'\"\\u00e9\"'", "'{}'", "'[[],{}]'"),
    "jsonb": ("jsonb", "'{\"b\": 1, \"a\": [true, null]}'", "'null'", "'{\"n\": 1e400}'", "'\"\\u00e9\"'", "'[]'", "'{\"a\":{\"b\":[1,2]}}'", "'1.50'"),
    "jsonpath": ("jsonpath", "'$.a'", "'$.a[*] ? (@ > 1)'", "'strict $'", "'$.\"x y\"'", "'$[0]'", "'$.**'", "'$.a + 1'"),
    "xml": ("xml", "'<a/>'", "'<a b=\"c\">ż</a>'", "'text'", "'<a>&amp;</a>'", "'<!-- c -->'", "''", "'<x><y/></x>'"),
    "money": ("money", "0", "1.5", "-1234567.89", "'92233720368547758.07'", "'-92233720368547758.08'", "0.01", "-0.99"),
    "oid": ("oid", "0", "1", "4294967295", "2147483648", "16384", "26", "3"),
    "xid": ("xid", "'0'", "'1'", "'4294967295'", "'2147483648'", "'3'", "'7'", "'9'"),
    "xid8": ("xid8", "'0'", "'1'", "'9223372036854775807'", Bad("'18446744073709551615'"), Bad("'9223372036854775808'"), "'7'", "'9'"),
    "regclass": ("regclass", "'pg_class'", "'pg_catalog.pg_type'", "'0'", "'4294967295'", "'pg_toast.pg_toast_1255'", "'information_schema.tables'", "'pg_proc'"),
    "inet": ("inet", "'10.0.0.1'", "'10.0.0.1/8'", "'::1'", "'::ffff:1.2.3.4'", "'2001:db8::/33'", "'::1.2.3.4'", "'1:0:0:2:0:0:0:3'"),
    "cidr": ("cidr", "'10.0.0.0/8'", "'10.1.2.3/32'", "'::/0'", "'2001:db8::/32'", "'0.0.0.0/0'", "'ff::1/128'", "'1:2:3:4:5:6:7:0/127'"),
    "macaddr": ("macaddr", "'08:00:2b:01:02:03'", "'ff:ff:ff:ff:ff:ff'", "'00:00:00:00:00:00'", "'0800.2b01.0203'", "'08-00-2b-01-02-04'", "'08002b:010205'", "'aa:bb:cc:dd:ee:ff'"),
    "macaddr8": ("macaddr8", "'08:00:2b:01:02:03:04:05'", "'ff:ff:ff:ff:ff:ff:ff:ff'", "'08:00:2b:01:02:03'", "'00:00:00:00:00:00:00:00'", "'08002b:0102030405'", "'aa:bb:cc:dd:ee:ff:00:11'", "'01:02:03:04:05:06:07:08'"),
    "bit5": ("bit(5)", "B'00000'", "B'11111'", "B'10101'", "B'01010'", "B'10000'", "B'00001'", "B'11000'"),
    "varbit": ("varbit", "B''", "B'1'", "B'10101010'", "B'101010101'", "B'0'", "repeat('01', 500)::varbit", "B'1111111'"),
    "lsn": ("pg_lsn", "'0/0'", "'FFFFFFFF/FFFFFFFF'", "'1/A'", "'0/16B3748'", "'ABC/DEF'", "'10/0'", "'0/1'"),
    "tsvector": ("tsvector", "''", "'a fat cat'", "'a:1A b:2,3'", "'''it''''s'''", "to_tsvector('english', 'cats and dogs')", "'x'", "'ż'"),
    "tsquery": ("tsquery", "'a'", "'a & b'", "'a | !b'", "'a <-> b'", "'a:*'", "'(a | b) & c'", "'ż'"),
    "int4range": ("int4range", "'empty'", "'[1,5)'", "'(,)'", "'[1,]'", "'(,3]'", "'[1,1]'", "'[-2147483648,0)'"),
    "numrange": ("numrange", "'empty'", "'[1.50,5.0)'", "'(,)'", "'[1,]'", "'(1,2]'", "'[-0.001,100000000000000000000000000000000000000000]'", "'[1,1]'"),
    "tsrange": ("tsrange", "'empty'", "'[2026-01-01,2026-01-02 00:00:00.5)'", "'(,)'", "'[-infinity,infinity]'", "'(,2026-01-01]'", "'[0044-03-15 BC,]'", "'[294276-01-01,)'"),
    "tstzrange": ("tstzrange", "'empty'", "'[2026-01-01 00:00+02,)'", "'(,)'", "'[-infinity,infinity]'", "'(,2026-01-01]'", "'[2026-01-01,2026-01-01]'", "'[2026-01-01,2027-01-01)'"),
    "daterange": ("daterange", "'empty'", "'[2026-01-01,2026-01-31]'", "'(,)'", "'[-infinity,infinity)'", "'(,2026-01-01]'", "'[2026-01-01,2026-01-02)'", "'[0044-03-15 BC,]'"),
    "int8multi": ("int8multirange", "'{}'", "'{[1,3),[5,9)}'", "'{(,)}'", "'{[1,2),[2,3)}'", "'{(,0),[7,)}'", "'{[1,1]}'", "'{[9223372036854775807,]}'"),
    "point": ("point", "'(0,0)'", "'(1.5,-2)'", "'(NaN,Infinity)'", "'(1e300,1e-300)'", "'(0.1,0.2)'", "'(-0,0)'", "'(1,2)'"),
    "line": ("line", "'{1,2,3}'", "'{0.1,-1,0}'", "'[(0,0),(1,1)]'", "'{1,0,0}'", "'{0,1,0}'", "'{1,1,1}'", "'{-1,1,0}'"),
    "lseg": ("lseg", "'[(0,0),(1,1)]'", "'[(0.1,0),(1,1)]'", "'[(0,0),(0,0)]'", "'[(1,2),(3,4)]'", "'((1,2),(3,4))'", "'1,2,3,4'", "'[(-1,-1),(1,1)]'"),
    "box": ("box", "'((0,0),(1,1))'", "'(1,1),(0,0)'", "'0,0,2,2'", "'((0.1,0.2),(3,4))'", "'(0,0),(0,0)'", "'(-1,-1),(1,1)'", "'(5,5),(6,6)'"),
    "path": ("path", "'[(0,0),(1,1)]'", "'((0,0),(1,1),(2,0))'", "'(0,0)'", "'[(1,1)]'", "'0,0,1,1'", "'[(0.1,0.2),(3,4)]'", "'((1,2),(3,4))'"),
    "polygon": ("polygon", "'((0,0),(1,1),(2,0))'", "'(0,0)'", "'((1,2),(3,4))'", "'0,0,1,1'", "'((0.1,0.2),(3,4))'", "'((1,1),(2,2),(3,3))'", "'((-1,-1),(1,1))'"),
    "circle": ("circle", "'<(0,0),1>'", "'<(0.1,0.2),3>'", "'<(0,0),0>'", "'((1,2),3)'", "'1,2,3'", "'<(-1,-1),1>'", "'<(1e10,0),1>'"),
    "snapshot": ("pg_snapshot", "'10:20:10,14,15'", "'1:1:'", "'100:200:150'", "'10:20:'", "'5:9:5'", "'7:8:7'", "'1:2:1'"),
    "tid": ("tid", "'(0,1)'", "'(4294967295,65535)'", "'(1,2)'", "'(0,0)'", "'(7,7)'", "'(8,1)'", "'(9,1)'"),
    "i2vector": ("int2vector", "''", "'1'", "'1 2 3'", "'-1 0'", "'32767'", "'5 5'", "'7'"),
    "oidvector": ("oidvector", "''", "'1'", "'1 2 3'", "'4294967295'", "'0'", "'5 5'", "'7'"),
    "mood": ("mood", "'sad'", "'so so'", "'żółty'", "'sad'", "'so so'", "'NULL'", "'a,b'"),
    "price": ("price", "0", "12.34", "99999999.99", Bad("'NaN'"), "1.005", "-1", "7"),
    "citext": ("citext", "''", "'Abc'", "'żÓłć'", "'NULL'", "'x y'", "'{'", "'\"'"),
    "ltree": ("ltree", "''", "'Top.Science'", "'a.b.c'", "'x'", "'A_1'", "'a.b'", "'z'"),
    "lquery": ("lquery", "'*.a'", "'a.*{1,2}.b'", "'a|b'", "'*'", "'!a'", "'a%'", "'A@'"),
    "cube": ("cube", "'(1,2)'", "'(0),(1)'", "'1'", "'(0.1,0.2),(3,4)'", "'(1,2,3)'", "'()'", "'5'"),
    "isbn": ("isbn", "'978-0-393-04002-9'", "'0-393-04002-X'", "'978-0-393-04002-9'", "'978-0-306-40615-7'", "NULL", "NULL", "NULL"),
    "forever": ("interval", Bad("'infinity'"), Bad("'-infinity'"), "'1 day'", Bad("'infinity'"), "'178956970 years 7 mons'", "'-1 mons'", "'0'"),
    "interval": ("interval", "'0'", "'1 year 2 months 3 days 04:05:06.789'", "'-1 mons +3 days -04:05:06.5'", "'178000000 years'", "'-1 us'", "'123456:00:54.775807'", "'1 mon -1 day'"),
}

ARRAYS = {
    "bools": ("bool[]", "'{}'", "'{t,f,NULL}'", "'{NULL}'", Bad("'{{t,f},{f,NULL}}'"), Bad("'[0:1]={t,f}'"), "'{f}'", "'{t}'"),
    "ints": ("int[]", "'{}'", "'{1,NULL,-3}'", "'{NULL,NULL}'", Bad("'{{1,2},{3,4}}'"), Bad("'[0:2]={1,2,3}'"), "'{2147483647,-2147483648}'", Bad("'[1:1][-2:-1]={{5,6}}'")),
    "longs": ("int8[]", "'{}'", "array(select generate_series(1, 1000))", "'{NULL}'", Bad("'{{{1}},{{NULL}}}'"), "'{9223372036854775807}'", "'{0}'", "'{-1}'"),
    "floats": ("float8[]", "'{}'", "'{0.1,NULL,-0,NaN,Infinity,-Infinity}'", "'{1e300}'", Bad("'{{0.1,1e15},{123456.789,1e-5}}'"), Bad("'[5:5]={-0}'"), "'{5e-324}'", "'{1}'"),
    "reals": ("float4[]", "'{}'", "'{0.1,NULL,-0,NaN,Infinity}'", "'{3.4028235e38}'", Bad("'{{0.1,1e6},{123456.7,1e-5}}'"), Bad("'[5:5]={NaN}'"), "'{1e-45}'", "'{1}'"),
    "nums": ("numeric[]", "'{}'", "'{1.50,NULL,-3}'", Bad("'{1,NaN}'"), Bad("'{{1.10,2},{-0.0,1e30}}'"), Bad(f"'{{{BIG}}}'"), "'{0.000000000000000001}'", Bad("'{NULL,Infinity}'")),
    "nums2": ("numeric(6,2)[]", "'{}'", "'{1.50,NULL,-3}'", "'{9999.99}'", Bad("'{NaN}'"), Bad("'{{1.005}}'"), "'{0}'", "'{-9999.99}'"),
    "texts": ("text[]", "'{}'", r"""'{"",NULL,"NULL","a,b","{x}","q\"q","back\\slash"," pad "}'""", "'{ż}'", Bad(r"""'{{"",NULL,"null","a,b"},{"{x}","q\"q","back\\slash"," pad "}}'"""), Bad(r"""E'[0:1]={"a\tb","c\nd"}'"""), "'{a}'", "'{1,2}'"),
    "chars": ("char(3)[]", "'{}'", "'{a,bc,NULL}'", "'{abc}'", Bad("'{{a},{bc}}'"), Bad("'[0:0]={a}'"), "'{\"\"}'", "'{\" x\"}'"),
    "byteas": ("bytea[]", "'{}'", r"""'{"\\x00ff",NULL,"\\x"}'""", r"""'{"\\x22"}'""", Bad(r"""'{{"\\x00"},{NULL}}'"""), Bad(r"""'[2:2]={"\\x5c"}'"""), r"""'{"\\x01"}'""", r"""'{"\\x02"}'"""),
    "dates": ("date[]", "'{}'", "'{2026-01-01,NULL}'", Bad("'{infinity,2026-01-01}'"), Bad("'{{2026-01-01}}'"), Bad("'{0044-03-15 BC}'"), "'{9999-12-31}'", "'{0001-01-01}'"),
    "tss": ("timestamp[]", "'{}'", "'{2026-01-01 01:02:03.5,NULL}'", Bad("'{infinity}'"), Bad("'{{2026-01-01 10:00}}'"), Bad("'{\"0044-03-15 12:00 BC\"}'"), "'{9999-12-31}'", "'{0001-01-01}'"),
    "tstzs": ("timestamptz[]", "'{}'", "'{2026-01-01 01:02:03.5+05,NULL}'", Bad("'{-infinity}'"), Bad("'{{2026-01-01 10:00+00}}'"), Bad("'{\"0044-03-15 12:00+00 BC\"}'"), "'{9999-12-31 00:00+00}'", "'{0001-01-01 00:00+00}'"),
    "times": ("time[]", "'{}'", "'{24:00,NULL}'", "'{01:02:03.4}'", Bad("'{{01:02}}'"), Bad("'[0:0]={00:00:00.5}'"), "'{00:00}'", "'{12:00}'"),
    "timetzs": ("timetz[]", "'{}'", "'{24:00+00,NULL}'", "'{01:02:03.4-05:30}'", Bad("'{{01:02+01}}'"), Bad("'[0:0]={00:00:00.5-08}'"), "'{00:00+00}'", "'{12:00+00}'"),
    "intervals": ("interval[]", "'{}'", "NULL", "NULL", Bad("'{{1 year 2 mons -3 days 04:05:06.789},{-1 mon +2 days -00:00:00.5}}'"), Bad("'[0:1]={00:00:00,1 day}'"), Bad("'{{-1 years -1 mons}}'"), Bad("'{{1 mon -1 day 00:00:01}}'")),
    "forevers": ("interval[]", Bad("'{infinity}'"), Bad("'{1 day,NULL,-infinity}'"), Bad("'{{infinity},{-infinity}}'"), "NULL", "NULL", "NULL", "NULL"),
    "uuids": ("uuid[]", "'{}'", "'{6f1d9ad0-1c6b-4a0c-9a3e-000000000001,NULL}'", "'{NULL}'", Bad("'{{6f1d9ad0-1c6b-4a0c-9a3e-000000000001}}'"), "array[md5('a')::uuid]", "'{}'", "'{NULL,NULL}'"),
    "jsons": ("json[]", "'{}'", r"""'{"{\"a\": 1}",NULL,"null"}'""", "'{1}'", Bad(r"""'{{"{\"a\": \"q\"}"},{"[1, 2]"}}'"""), "'{NULL}'", "'{2}'", "'{3}'"),
    "jsonbs": ("jsonb[]", "'{}'", r"""'{"{\"a\": 1}",NULL,"null"}'""", "'{1}'", Bad(r"""'{{"{\"a\": \"q\"}"},{"[1, 2]"}}'"""), "'{NULL}'", "'{2}'", "'{3}'"),
    "moneys": ("money[]", "'{}'", "NULL", "NULL", Bad("'{{1234567.89,-0.05},{0,-92233720368547758.08}}'"), Bad("'[0:0]={1}'"), Bad("'{{-1000}}'"), Bad("'{{999.5}}'")),
    "oids": ("oid[]", "'{}'", "'{4294967295,NULL}'", "'{0}'", Bad("'{{1,2}}'"), "'{1}'", "'{2}'", "'{3}'"),
    "inets": ("inet[]", "'{}'", "'{10.0.0.1,10.0.0.1/8,NULL,::1}'", "'{::/0}'", Bad("'{{10.0.0.1,::ffff:1.2.3.4},{1::/64,::}}'"), Bad("'[0:0]={10.0.0.1}'"), "'{1.2.3.4}'", "'{5.6.7.8}'"),
    "cidrs": ("cidr[]", "'{}'", "'{10.0.0.0/8,NULL}'", "'{::/0}'", Bad("'{{10.0.0.1/32,1::/64}}'"), "'{1.2.3.4}'", "'{5.6.7.8}'", "'{0.0.0.0/0}'"),
    "macs": ("macaddr[]", "'{}'", "'{08:00:2b:01:02:03,NULL}'", "'{00:00:00:00:00:00}'", Bad("'{{08:00:2b:01:02:03}}'"), "'{NULL}'", "'{}'", "'{}'"),
    "bits": ("bit(3)[]", "'{}'", "'{101,NULL}'", "'{000}'", Bad("'{{101},{010}}'"), "'{111}'", "'{}'", "'{}'"),
    "moods": ("mood[]", "'{}'", "'{sad,NULL,\"so so\",\"NULL\",\"a,b\"}'", "'{żółty}'", Bad("'{{sad,\"so so\",\"NULL\",\"a,b\"}}'"), "'{sad}'", "'{NULL}'", "'{}'"),
    "prices": ("price[]", "'{}'", "'{1.50,NULL}'", Bad("'{NaN}'"), Bad("'{{1,2}}'"), "'{99999999.99}'", "'{0}'", "'{-1}'"),
    "scores": ("scores", "'{}'", "'{1,2,NULL}'", "'{0}'", Bad("'{{1,2}}'"), Bad("'[3:4]={1,2}'"), "'{5}'", "'{6}'"),
    "boxes": ("box[]", "'{}'", "'{((0,0),(1,1));NULL}'", "'{(1,1),(0,0)}'", "'{((0,0),(1,1));((2,2),(3,3))}'", Bad("'{{(1,1),(0,0)};{(3,3),(2,2)}}'"), "NULL", "NULL"),
    "ranges": ("int4range[]", "'{}'", "'{\"[1,5)\",NULL,empty}'", "'{\"(,)\"}'", Bad("'{{\"[1,5)\"},{empty}}'"), "'{empty}'", "NULL", "NULL"),
    "vectors": ("tsvector[]", "'{}'", "'{\"a:1 b\",NULL}'", "'{\"\"}'", Bad("'{{a},{b}}'"), "'{x}'", "NULL", "NULL"),
    "citexts": ("citext[]", "'{}'", "'{Abc,NULL}'", "'{\"\"}'", Bad("'{{A},{b c}}'"), "'{x}'", "NULL", "NULL"),
    "trees": ("ltree[]", "'{}'", "'{a.b,NULL}'", "'{\"\"}'", Bad("'{{A},{b.c}}'"), "'{x}'", "NULL", "NULL"),
    "hstores": ("hstore[]", "NULL", "NULL", "NULL", Bad(r"""array[['a=>1'::hstore], ['b=>"q\"q", c=>NULL'::hstore]]"""), Bad("array[array[''::hstore]]"), "NULL", "NULL"),
}

# columns that older servers cannot have: scales below 0 or above the precision, infinite intervals
SINCE = {"num5_m2": 150000, "num2_4": 150000, "forever": 170000, "forevers": 170000}

# ---- oracle ----

SCHEMA = """
    CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree; CREATE EXTENSION cube; CREATE EXTENSION isn;
    CREATE TYPE mood AS ENUM ('sad', 'so so', 'żółty', 'NULL', 'a,b');
    CREATE DOMAIN price AS numeric(10,2);
    CREATE DOMAIN scores AS int[];
    CREATE TYPE point3 AS (x int, "y y" numeric(6,2), z text);
    CREATE TYPE item AS (id bigint, tags text[], extra hstore, at point3, feels mood, price price, day date);
    CREATE TYPE odd AS (r int4range, v tsvector[], p point3, n numeric(60,2));
    CREATE TYPE empty AS ();
"""


def oracle(postgres, db, table, columns):
    """Rows of [text of the cell, what the cell should land as]; shown: SQL for the latter, as JSON."""
    exprs = ", ".join(f"{c}::text, ({shown})::text" for c, shown in columns)
    out = postgres.psql(db, f"SELECT to_json(ARRAY[{exprs}]) FROM {table} ORDER BY id;")
    rows = []
    for line in out.splitlines():
        cells = json.loads(line)
        rows.append([(cells[i], None if cells[i + 1] is None else json.loads(cells[i + 1])) for i in range(0, len(cells), 2)])
    return rows


def shown(name, declaration):
    if declaration == "interval":
        return (f"CASE WHEN {name}::text NOT LIKE '%infinity' THEN json_build_array((extract(year from {name}) * 12 + extract(month from {name}))::int8, extract(day from {name})::int8,"
                f" (extract(hour from {name}) * 3600000000 + extract(minute from {name}) * 60000000 + extract(microsecond from {name}))::int8) END")
    if declaration == "money":
        return f"to_json({name}::numeric::text)"
    array = declaration.endswith("[]") or declaration == "scores"
    return f"array_to_json({name}::text[])" if array else f"to_json({name}::text)"


def bits(v, width):
    return struct.pack({4: ">f", 8: ">d"}[width], v)


def text_of_time(v, zoned):
    text = v.strftime("%H:%M:%S") + (f".{v.microsecond:06d}".rstrip("0") if v.microsecond else "")
    return f"{v.year:04d}-{v.month:02d}-{v.day:02d} {text}" + ("+00" if zoned else "")


def parts_of_interval(iso):
    m = re.fullmatch(r"P(?:(-?\d+)M)?(?:(-?\d+)D)?(?:T(?:(-?\d+)H)?(?:(-?\d+)M)?(?:(-?)(\d+)(?:\.(\d{1,6}))?S)?)?", iso)
    assert m and iso not in ("P", "PT"), iso
    mon, d, h, mi, sign, s, f = m.groups()
    us = int(s or 0) * 10**6 + int((f or "0").ljust(6, "0"))
    return [int(mon or 0), int(d or 0), int(h or 0) * 3600 * 10**6 + int(mi or 0) * 60 * 10**6 + (-us if sign else us)]


def same(value, want, narrow=False):
    """A landed value is what the server's text says. narrow: float4, which readers hand over as a double."""
    if value is None or want is None:
        return value is None and want is None
    if isinstance(value, dict):
        return value.keys() == want.keys() and all(same(v, want[k]) for k, v in value.items())
    if isinstance(value, list) and value and isinstance(value[0], tuple):
        return same(dict(value), want)
    if isinstance(want, dict):
        return value == [] and want == {}
    if isinstance(value, list):
        return len(value) == len(want) and all(same(v, w, narrow) for v, w in zip(value, want))
    if isinstance(value, bool):
        return want == ("true" if value else "false")
    if isinstance(value, D):
        return value == D(want)
    if isinstance(value, float):
        if math.isnan(value):
            return want == "NaN"
        return bits(value, 4) == bits(float(want), 4) if narrow else bits(value, 8) == bits(float(want), 8)
    if isinstance(value, datetime.datetime):
        return text_of_time(value, value.tzinfo is not None) == want
    if isinstance(value, datetime.date):
        return f"{value.year:04d}-{value.month:02d}-{value.day:02d}" == want
    if isinstance(value, bytes):
        return "\\x" + value.hex() == want
    if isinstance(want, list) and isinstance(value, str):
        return parts_of_interval(value) == want
    return str(value) == want


def check(name, value, rescued, text, want, bad):
    """bad: None when either may be, as long as nothing is lost."""
    if bad or (bad is None and name in rescued):
        assert value is None and rescued.get(name) == text, (name, value, rescued.get(name), text)
    else:
        assert name not in rescued, (name, rescued[name])
        assert same(value, want, name in ("float4", "reals")), (name, value, want)


# ---- composites and maps ----

# literals of the columns p, i, o and h, and the names of those that do not fit; then (column, SQL that shows it as JSON)
POINT = "json_build_object('x', ({0}).x::text, 'y y', ({0}).\"y y\"::text, 'z', ({0}).z)"
COMPOSITES = [
    ("ROW(1, 0, '')::point3", "ROW(1, ARRAY['a', NULL, ''], 'k=>v, n=>NULL', ROW(1, 2.5, 'z'), 'sad', 1, '2026-01-01')::item",
     "ROW('[1,5)', ARRAY['a b'::tsvector, NULL], ROW(1, 2, 'q'), 'NaN')::odd", "'a=>1, b=>NULL, \"\"=>\"\"'", None),
    ("ROW(NULL, NULL, NULL)::point3", "ROW(NULL, '{}', '', ROW(NULL, NULL, NULL), NULL, NULL, NULL)::item",
     "ROW(NULL, NULL, NULL, NULL)::odd", "''", None),
    ("NULL", "NULL", "NULL", "NULL", None),
    ("ROW(1, 'NaN', 'a \"q\" \\ (x), y')::point3", "ROW(1, '{{a},{b}}', 'x=>\"q\\\"q\"', ROW(1, 1, ' '), 'so so', 2, 'infinity')::item",
     "ROW('empty', '{}', ROW(1, 'NaN', ''), 9)::odd", "'k=>\"a\\\\b\"'", {"p", "i", "o"}),
]
COMPOSITE_PARTS = [
    ("p", f"CASE WHEN p IS DISTINCT FROM NULL THEN {POINT.format('p')} END"),
    ("i", "CASE WHEN i IS DISTINCT FROM NULL THEN json_build_object('id', (i).id::text, 'tags', (i).tags, 'extra', hstore_to_json((i).extra), "
          f"'at', CASE WHEN (i).at IS DISTINCT FROM NULL THEN {POINT.format('(i).at')} END, 'feels', (i).feels::text, 'price', (i).price::text, 'day', (i).day::text) END"),
    ("o", "CASE WHEN o IS DISTINCT FROM NULL THEN json_build_object('r', (o).r::text, 'v', array_to_json((o).v::text[]), "
          f"'p', CASE WHEN (o).p IS DISTINCT FROM NULL THEN {POINT.format('(o).p')} END, 'n', (o).n::text) END"),
    ("h", "hstore_to_json(h)"),
    ("ps", f"(SELECT json_agg(CASE WHEN ps[k] IS DISTINCT FROM NULL THEN {POINT.format('ps[k]')} END) FROM generate_subscripts(ps, 1) k)"),
    ("e", "to_json(e::text)")]
COMPOSITE_TABLE = "CREATE TABLE c (id int, p point3, i item, o odd, h hstore, ps point3[], e empty);"


def composite_rows():
    """SQL that fills COMPOSITE_TABLE."""
    return "".join(f"INSERT INTO c VALUES ({n}, {p}, {i}, {o}, {h}, ARRAY[{p}, NULL, {p}]::point3[], ROW());" for n, (p, i, o, h, _) in enumerate(COMPOSITES))


def composite_bad(n, name):
    """The cell does not fit."""
    bad = COMPOSITES[n][-1] or set()
    return name in bad or (name == "ps" and "p" in bad)


# ---- a table of many types ----

def matrix_rows(postgres, types):
    """Names of the columns that this server can have, and eight rows of literals; the last is all NULL."""
    version = int(postgres.psql("postgres", "SHOW server_version_num;"))
    names = [n for n in types if version >= SINCE.get(n, 0)]
    return names, [[types[n][k] for n in names] for k in range(1, 8)] + [["NULL"] * len(names)]


def matrix_sql(table, names, rows, types):
    columns = ", ".join(f"{n} {types[n][0]}" for n in names)
    return (f"SET standard_conforming_strings = on; CREATE TABLE {table} (id int, {columns});"
            + "".join(f"INSERT INTO {table} VALUES ({i}, {', '.join(r)});" for i, r in enumerate(rows)))
