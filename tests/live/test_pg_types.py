"""Every type of PostgreSQL, exactly: what landed, and the text of what did not fit, against `col::text` as psql shows it."""

import datetime
import decimal
import json
import math
import re
import struct

import pytest

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
        return (f"CASE WHEN {name} IS NOT NULL THEN json_build_array((extract(year from {name}) * 12 + extract(month from {name}))::int8, extract(day from {name})::int8,"
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


def landed(project, url, table, columns="", consumer=""):
    """Rows by id: (values by name, rescued texts by name)."""
    tables = f"  tables:\n    public.{table}:\n      columns:\n{columns}" if columns else ""
    project.pipeline(url, consumer=consumer + tables)
    project.run()
    rows = {}
    for row in project.rows(f"shop/{table}").to_pylist():
        rescued = json.loads(row.pop("_rescued", None) or "{}")
        rows[row["id"]] = (row, rescued)
    return [rows[i] for i in sorted(rows)]


def check(name, value, rescued, text, want, bad):
    """bad: None when either may be, as long as nothing is lost."""
    if bad or (bad is None and name in rescued):
        assert value is None and rescued.get(name) == text, (name, value, rescued.get(name), text)
    else:
        assert name not in rescued, (name, rescued[name])
        assert same(value, want, name in ("float4", "reals")), (name, value, want)


# ---- the matrix ----

def matrix(postgres, project, db, types):
    new = {"num5_m2", "num2_4"} if int(postgres.psql("postgres", "SHOW server_version_num;")) < 150000 else set()
    names = [n for n in types if n not in new]
    rows = [[types[n][k] for n in names] for k in range(1, 8)] + [["NULL"] * len(names)]
    url = postgres.database(db, SCHEMA + "SET standard_conforming_strings = on; CREATE TABLE m (id int, "
                            + ", ".join(f"{n} {types[n][0]}" for n in names) + ");"
                            + "".join(f"INSERT INTO m VALUES ({i}, {', '.join(r)});" for i, r in enumerate(rows)))
    want = oracle(postgres, db, "m", [(n, shown(n, types[n][0])) for n in names])
    got = landed(project, url, "m")
    assert len(got) == len(want) == 8
    for i, (values, rescued) in enumerate(got):
        for k, n in enumerate(names):
            check(n, values[n], rescued, *want[i][k], isinstance(rows[i][k], Bad))


def test_scalars(postgres, project):
    assert len(SCALARS) >= 60
    matrix(postgres, project, "scalars", SCALARS)


def test_arrays(postgres, project):
    matrix(postgres, project, "arrays", ARRAYS)


def test_the_comparison_can_fail():
    assert same(D("1.50"), "1.5") and not same(D("1.50"), "1.51")
    assert not same(-0.0, "0") and same(-0.0, "-0") and not same(None, "x") and not same("", None)
    assert not same([1, None], ["1", "2"]) and not same("P1M", [1, 0, 1]) and same("P1MT-0.000001S", [1, 0, -1])
    with pytest.raises(AssertionError):
        check("a", None, {"a": "NaN "}, "NaN", None, True)


def test_composites_and_maps(postgres, project):
    values = [
        ("ROW(1, 0, '')::point3", "ROW(1, ARRAY['a', NULL, ''], 'k=>v, n=>NULL', ROW(1, 2.5, 'z'), 'sad', 1, '2026-01-01')::item",
         "ROW('[1,5)', ARRAY['a b'::tsvector, NULL], ROW(1, 2, 'q'), 'NaN')::odd", "'a=>1, b=>NULL, \"\"=>\"\"'", None),
        ("ROW(NULL, NULL, NULL)::point3", "ROW(NULL, '{}', '', ROW(NULL, NULL, NULL), NULL, NULL, NULL)::item",
         "ROW(NULL, NULL, NULL, NULL)::odd", "''", None),
        ("NULL", "NULL", "NULL", "NULL", None),
        ("ROW(1, 'NaN', 'a \"q\" \\ (x), y')::point3", "ROW(1, '{{a},{b}}', 'x=>\"q\\\"q\"', ROW(1, 1, ' '), 'so so', 2, 'infinity')::item",
         "ROW('empty', '{}', ROW(1, 'NaN', ''), 9)::odd", "'k=>\"a\\\\b\"'", {"p", "i", "o"}),
    ]
    url = postgres.database("composites", SCHEMA + "CREATE TABLE c (id int, p point3, i item, o odd, h hstore, ps point3[], e empty);" + "".join(
        f"INSERT INTO c VALUES ({n}, {p}, {i}, {o}, {h}, ARRAY[{p}, NULL, {p}]::point3[], ROW());" for n, (p, i, o, h, _) in enumerate(values)))
    point = "json_build_object('x', ({0}).x::text, 'y y', ({0}).\"y y\"::text, 'z', ({0}).z)"
    parts = [
        ("p", f"CASE WHEN p IS DISTINCT FROM NULL THEN {point.format('p')} END"),
        ("i", "CASE WHEN i IS DISTINCT FROM NULL THEN json_build_object('id', (i).id::text, 'tags', (i).tags, 'extra', hstore_to_json((i).extra), "
              f"'at', CASE WHEN (i).at IS DISTINCT FROM NULL THEN {point.format('(i).at')} END, 'feels', (i).feels::text, 'price', (i).price::text, 'day', (i).day::text) END"),
        ("o", "CASE WHEN o IS DISTINCT FROM NULL THEN json_build_object('r', (o).r::text, 'v', array_to_json((o).v::text[]), "
              f"'p', CASE WHEN (o).p IS DISTINCT FROM NULL THEN {point.format('(o).p')} END, 'n', (o).n::text) END"),
        ("h", "hstore_to_json(h)"),
        ("ps", f"(SELECT json_agg(CASE WHEN ps[k] IS DISTINCT FROM NULL THEN {point.format('ps[k]')} END) FROM generate_subscripts(ps, 1) k)"),
        ("e", "to_json(e::text)")]
    want = oracle(postgres, "composites", "c", parts)
    got = landed(project, url, "c")
    for n, (row, rescued) in enumerate(got):
        bad = values[n][-1] or set()
        for k, (name, _) in enumerate(parts):
            check(name, row[name], rescued, *want[n][k], name in bad or (name == "ps" and "p" in bad))


# ---- many at random ----

RANDOM = """
    CREATE FUNCTION digits(n int) RETURNS text LANGUAGE sql VOLATILE AS
      $$ SELECT string_agg((random() * 9)::int::text, '') FROM generate_series(1, n) $$;
    CREATE TABLE r AS SELECT i AS id,
      (CASE WHEN random() < 0.5 THEN '-' ELSE '' END || digits(1 + (random() ^ 3 * 45)::int) || '.' || digits(1 + (random() ^ 2 * 25)::int))::numeric AS num,
      ((random() - 0.5) * 10 ^ (random() * 12))::numeric(14,2) AS short,
      ('epoch'::timestamptz + ((random() - 0.5) * 4e11 || 's')::interval) AS tstz,
      (timestamp '2000-01-01' + make_interval(secs => (random() - 0.15) * 10 ^ (random() * 12)::int)) AS ts,
      (date '2000-01-01' + ((random() - 0.2) * 10 ^ (random() * 7))::int) AS day,
      make_interval(months => ((random() - 0.5) * 1000 * (random() * 3)::int)::int, days => ((random() - 0.5) * 100 * (random() * 3)::int)::int,
                    secs => (random() - 0.5) * 10 ^ (random() * 8)::int * (random() * 3)::int) AS span,
      (SELECT array_agg(CASE WHEN random() < 0.1 THEN NULL ELSE (random() * 1000)::int END) FROM generate_series(1, i % 5)) AS ints,
      CASE i % 3 WHEN 0 THEN array[[random() * 10 ^ ((random() - 0.5) * 40)::int, -random()], [i, 1 / (1 + random())]]
        ELSE array[random(), i] END::float8[] AS floats,
      CASE i % 3 WHEN 0 THEN array[[(random() * 10 ^ ((random() - 0.5) * 20)::int)::float4, i::float4]] ELSE array[random()::float4] END AS reals,
      array[[chr((random() * 90)::int + 32) || chr((random() * 90)::int + 32), chr((random() * 2000)::int + 160)]] AS texts,
      array[[make_interval(months => (random() * 40)::int - 20, days => (random() * 40)::int - 20, secs => ((random() - 0.5) * 1e5 * (i % 2))::int8)]] AS spans,
      array[[('epoch'::timestamptz + ((random() - 0.5) * 4e11 || 's')::interval)::timestamp]] AS stamps,
      array[[((random() - 0.5) * 1e7)::numeric::money]] AS cash,
      array[[(CASE WHEN i % 2 = 0 THEN (SELECT string_agg(CASE WHEN random() < 0.6 THEN '0' ELSE to_hex((random() * 65535)::int) END, ':') FROM generate_series(1, 8 + 0 * i))
        ELSE (random() * 255)::int || '.0.' || (random() * 255)::int || '.1' END || '/' || (random() * 32)::int)::inet]] AS nets
    FROM generate_series(1, 100000) i;
"""


def test_a_hundred_thousand_at_random(postgres, project):
    url = postgres.database("random", RANDOM)
    names = {"num": "numeric", "short": "numeric(14,2)", "tstz": "timestamptz", "ts": "timestamp", "day": "date", "span": "interval",
             "ints": "int[]", "floats": "float8[]", "reals": "float4[]", "texts": "text[]", "spans": "interval[]", "stamps": "timestamp[]",
             "cash": "money[]", "nets": "inet[]"}
    parts = [(n, shown(n, t)) for n, t in names.items()]
    want = oracle(postgres, "random", "r", parts)
    got = landed(project, url, "r")
    assert len(got) == len(want) == 100000
    counts = dict.fromkeys(names, 0)
    for (values, rescued), row in zip(got, want):
        for n, (text, value) in zip(names, row):
            counts[n] += n in rescued
            check(n, values[n], rescued, text, value, None)
    assert counts["short"] == counts["span"] == counts["ints"] == 0
    assert counts["texts"] == counts["spans"] == counts["stamps"] == counts["cash"] == counts["nets"] == 100000
    assert counts["floats"] == counts["reals"] == 33333
    for query, n in [("abs(num) >= 1e20 OR num <> round(num, 18)", "num"), ("tstz < '0001-01-01 00:00+00' OR tstz >= '10000-01-01 00:00+00'", "tstz"),
                     ("ts < '0001-01-01' OR ts >= '10000-01-01'", "ts"), ("day < '0001-01-01' OR day > '9999-12-31'", "day")]:
        assert counts[n] == int(postgres.psql("random", f"SELECT count(*) FROM r WHERE {query};")) > 0, n


# ---- pins ----

def test_pins(postgres, project):
    url = postgres.database("pins", """CREATE TABLE p (id int, a numeric, b int, c money, d smallint, e numeric, f numeric, g real, h timestamp,
        i timestamptz, j timestamp, k text, l int[], m int[], n interval, o numeric(50,2), q int8);
        INSERT INTO p VALUES (1, 1.25, 7, 1.5, -7, 12, 0.5, 0.1, '2026-01-01 10:00', '2026-01-01 10:00+02', '2026-01-01', 'ż', '{{1,2},{3,NULL}}', '{1}',
                              '1 day', 3.25, 9),
                             (2, 1.005, -7, -1.55, 7, 1.5, 0.1, 'NaN', 'infinity', '-infinity', '2026-01-01 00:00:01', '', '{1}', '{{1}}', NULL, 1e40, -9),
                             (3, 'NaN', 0, 0, 0, 1e18, 'Infinity', '-0', NULL, NULL, 'infinity', NULL, '{}', NULL, NULL, NULL, NULL),
                             (4, 1e10, 0, 0, 0, 1e19, 1e300, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);""")
    pins = {"a": "decimal(5,2)", "b": "long", "c": "decimal(10,1)", "d": "integer", "e": "long", "f": "double", "g": "double", "h": "timestamp",
            "i": "timestamp_ntz", "j": "date", "k": "binary", "l": "array<array<long>>", "m": "string", "n": "string", "o": "decimal(20,3)",
            "q": "decimal(20,1)"}
    utc = datetime.timezone.utc
    got = landed(project, url, "p", "".join(f'        {n}: "{t}"\n' for n, t in pins.items()))
    r = [{k: v for k, v in row.items() if k != "id"} for row, _ in got]
    bad = [rescued for _, rescued in got]
    assert r[0] == {"a": D("1.25"), "b": 7, "c": D("1.5"), "d": -7, "e": 12, "f": 0.5, "g": 0.10000000149011612,
                    "h": datetime.datetime(2026, 1, 1, 10, tzinfo=utc), "i": datetime.datetime(2026, 1, 1, 8), "j": datetime.date(2026, 1, 1),
                    "k": "ż".encode(), "l": [[1, 2], [3, None]], "m": "{1}", "n": "1 day", "o": D("3.250"), "q": D("9.0")}
    assert bad[0] == {}
    assert bad[1] == {"a": "1.005", "c": "-$1.55", "e": "1.5", "f": "0.1", "h": "infinity", "i": "-infinity", "j": "2026-01-01 00:00:01",
                      "l": "{1}", "o": "10000000000000000000000000000000000000000.00"}
    assert r[1]["m"] == "{{1}}" and math.isnan(r[1]["g"]) and r[1]["k"] == b""
    assert bad[2] == {"a": "NaN", "j": "infinity"} and r[2]["e"] == 10**18 and r[2]["f"] == math.inf and r[2]["l"] == []
    assert bad[3] == {"a": "10000000000", "e": "10000000000000000000", "f": "1" + "0" * 300}


@pytest.mark.parametrize("policy,want", [
    ("clamp", {"n": [D("1.01"), D("999.99"), D("-999.99"), None, D("1000.00") - D("0.01"), D("-1.01")],
               "d": [datetime.date(9999, 12, 31), datetime.date(1, 1, 1), datetime.date(1, 1, 1), None, None, None],
               "t": [datetime.datetime(9999, 12, 31, 23, 59, 59, 999999), datetime.datetime(1, 1, 1), datetime.datetime(1, 1, 1), None, None, None]}),
    ("round", {"n": [D("1.01"), None, None, None, None, D("-1.01")], "d": [None] * 6, "t": [None] * 6}),
    ("null", {"n": [None] * 6, "d": [None] * 6, "t": [None] * 6})])
def test_policies(postgres, project, policy, want):
    url = postgres.database("policies", """CREATE TABLE p (id int, n numeric, d date, t timestamp, l numeric[]);
        INSERT INTO p VALUES (1, 1.005, 'infinity', 'infinity', '{1.005,1e9,2}'), (2, 'Infinity', '-infinity', '-infinity', '{NaN,1}'),
                             (3, '-Infinity', '0044-03-15 BC', '0044-03-15 BC', '{{1}}'), (4, 'NaN', NULL, NULL, NULL),
                             (5, 999.995, NULL, NULL, NULL), (6, -1.0050, NULL, NULL, NULL);""")
    columns = "".join(f"        {n}: {{{t}on_bad_value: {policy}}}\n" for n, t in [("n", 'type: "decimal(5,2)", '), ("d", ""), ("t", ""), ("l", 'type: "array<decimal(5,2)>", ')]
                      if policy != "round" or n not in "dt")  # those cannot be rounded
    got = landed(project, url, "p", columns)
    for name, values in want.items():
        assert [row[name] for row, _ in got] == values
    lists = [row["l"] for row, _ in got]
    assert lists == {"clamp": [[D("1.01"), D("999.99"), D("2.00")], None, None, None, None, None], "round": [None] * 6, "null": [None] * 6}[policy]
    if policy == "round":  # what rounding does not help is rescued
        assert got[1][1]["n"] == "Infinity" and got[4][1]["n"] == "999.995" and got[0][1]["l"] == "{1.005,1000000000,2}" and "n" not in got[0][1]
    else:
        assert all(rescued == {} for _, rescued in got)


@pytest.mark.parametrize("declaration,pin,may", [
    ("int", "date", "string, integer, long, decimal(p,s)"), ("int", "short", "integer"), ("text", "long", "string, binary"),
    ("int4range", "long", "string"), ("bool", "integer", "string, boolean"), ("int[]", "array<date>", "array<integer>"),
    ("float8", "decimal(10,2)", "string, double"), ("date", "timestamp", "string, date")])
def test_a_pin_that_cannot_be_says_what_can(postgres, project, declaration, pin, may):
    url = postgres.database("badpins", f"CREATE TABLE p (id int, v {declaration});")
    project.pipeline(url, consumer=f'  tables:\n    public.p:\n      columns:\n        v: "{pin}"\n')
    error = project.run(code=1).report["streams"][0]["error"]
    assert error["code"] == "MR-E-PG20" and may in error["advice"], error


def test_char_padded(postgres, project):
    url = postgres.database("padded", "CREATE TABLE p (id int, c char(5), a char(3)[]); INSERT INTO p VALUES (1, 'ab', '{x}'), (2, '', NULL);")
    rows = [row for row, _ in landed(project, url, "p", consumer="  char: padded\n")]
    assert rows == [{"id": 1, "c": "ab   ", "a": ["x  "]}, {"id": 2, "c": "     ", "a": None}]


def test_bytes_that_are_no_utf8(postgres, project):
    postgres.psql("postgres", "DROP DATABASE IF EXISTS ascii; CREATE DATABASE ascii ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;")
    postgres.psql("ascii", r"""SET client_encoding = 'SQL_ASCII'; CREATE TABLE t (id int, v text, a text[]); GRANT SELECT ON t TO mill;
        INSERT INTO t VALUES (1, convert_from('\xc5bc', 'SQL_ASCII'), NULL), (2, convert_from('\x41ff00'::bytea || ''::bytea, 'SQL_ASCII'), NULL);""", check=False)
    postgres.psql("ascii", r"""INSERT INTO t VALUES (1, convert_from('\xc5bc', 'SQL_ASCII'), NULL), (2, convert_from('\x41ff', 'SQL_ASCII'), NULL),
                               (3, 'plain', ARRAY['a', convert_from('\xfe', 'SQL_ASCII')]);""")
    got = landed(project, f"{postgres.url}/ascii", "t")
    assert [row["v"] for row, _ in got] == ["ż", None, "plain"]
    assert [rescued for _, rescued in got] == [{}, {"v": "invalid-utf8:41ff"}, {"a": "invalid-utf8:" + b"{a,\xfe}".hex()}]


def test_geometry_is_ewkb_with_its_srid(postgres, project):
    """Without PostGIS at hand another extension's type takes its name; its bytes are what the server sends."""
    url = postgres.database("gis", """CREATE EXTENSION cube; ALTER TYPE cube RENAME TO geometry; UPDATE pg_extension SET extname = 'postgis' WHERE extname = 'cube';
        CREATE TABLE g (id int, a geometry, b geometry, c geometry[]); INSERT INTO g VALUES (1, '(1,2)', NULL, array['(3)'::geometry]);
        UPDATE pg_attribute SET atttypmod = 4326 << 8 | 4 WHERE attrelid = 'g'::regclass AND attname = 'a';""")
    want = postgres.psql("gis", "SELECT cube_send(a), cube_send(c[1]) FROM g;").strip().split("|")
    row, rescued = landed(project, url, "g")[0]
    assert ["\\x" + row["a"].hex(), "\\x" + row["c"][0].hex()] == want and row["b"] is None and rescued == {}
    fields = {f.name: f.metadata for f in project.table("shop/g").schema().fields}
    assert fields["a"]["srid"] == 4326 and "srid" not in fields["b"]


@pytest.mark.parametrize("reader", ["copy", "cursor"])
def test_views_and_queries_have_the_same_types(postgres, project, reader):
    url = postgres.database("kinds", SCHEMA + """
        CREATE TABLE t (id int, a price[], r int4range, o odd, d scores, x numeric);
        INSERT INTO t VALUES (1, '{1.5,NULL}', '[1,5)', ROW('[1,2)', '{a}', ROW(1, 2, 'z'), 3), '{{1}}', 'NaN');
        CREATE VIEW v AS SELECT *, ARRAY[r] AS rs FROM t; GRANT SELECT ON v TO mill;""")
    project.pipeline(url, consumer=f'  reader: {reader}\n  tables:\n    public.t: {{}}\n    public.v: {{}}\n'
                     '    q: {query: "SELECT *, ARRAY[r] AS rs, ROW(1, NULL::text) AS w FROM public.t"}\n')
    project.run()
    odd = {"r": "[1,2)", "v": ["'a'"], "p": {"x": 1, "y y": D("2.00"), "z": "z"}, "n": "3.00"}
    want = {"id": 1, "a": [D("1.50"), None], "r": "[1,5)", "o": odd, "d": None, "x": None, "_rescued": '{"d":"{{1}}","x":"NaN"}'}
    tables = {t: project.rows(f"shop/{t}").to_pylist() for t in ("t", "v", "q")}
    assert tables == {"t": [want], "v": [{**want, "rs": ["[1,5)"]}], "q": [{**want, "rs": ["[1,5)"], "w": "(1,)"}]}
