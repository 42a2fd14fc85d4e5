"""Every scalar type with an ordinary value, NULL and the extremes: what four foreign readers see is what the source prints."""

import sqlite3

import pytest
import readers
from readers import BOOL, DATE, FLOAT32, FLOAT64, HEX, NUMBER, TIME, TIMEZONE

D38 = "9" * 38
BYTES = "".join(f"{i:02x}" for i in range(256))

# type -> (kind, ordinary, minimum, maximum, one more that others get wrong); SQL literals of the source
POSTGRES = {
    "boolean": (BOOL, "true", "false", "true", "false"),
    "int2": (NUMBER, "7", "-32768", "32767", "0"),
    "int4": (NUMBER, "7", "-2147483648", "2147483647", "-1"),
    "int8": (NUMBER, "7", "-9223372036854775808", "9223372036854775807", "9007199254740993"),
    "float4": (FLOAT32, "1.5", "'-3.4028235e38'", "'3.4028235e38'", "'NaN'"),
    "float8": (FLOAT64, "0.1", "'-1.7976931348623157e308'", "'1.7976931348623157e308'", "'-0'"),
    "numeric(12,2)": (NUMBER, "12.34", "-9999999999.99", "9999999999.99", "0.01"),
    "numeric(18,18)": (NUMBER, "0.5", "-0.999999999999999999", "0.999999999999999999", "0.000000000000000001"),
    "numeric(19,0)": (NUMBER, "5", "-9999999999999999999", "9999999999999999999", "10000000000000000"),
    "numeric(38,0)": (NUMBER, "5", f"-{D38}", D38, "100000000000000000000"),
    "numeric(38,38)": (NUMBER, "0.5", f"-0.{D38}", f"0.{D38}", f"0.{'0' * 37}1"),
    "numeric(5,-2)": (NUMBER, "1200", "-9999900", "9999900", "100"),
    "numeric(2,4)": (NUMBER, "0.0012", "-0.0099", "0.0099", "0.0001"),
    "numeric": (NUMBER, "12.5", f"-{'9' * 20}.{'9' * 18}", f"{'9' * 20}.{'9' * 18}", "0.000000000000000001"),
    "text": (HEX, "'plain'", "''", "repeat('żółć 🎈', 20000)", r"E'tab\tquote''\\\n\x01end'"),
    "varchar(9)": (HEX, "'plain'", "''", "'ąęśćżźńół'", "'   x   '"),
    "char(5)": (HEX, "'ab'", "''", "'abcde'", "'  b'"),
    "bytea": (HEX, "'\\x00ff'", "''", f"'\\x{BYTES}'", "'\\x5c'"),
    "date": (DATE, "'2026-02-28'", "'0001-01-01'", "'9999-12-31'", "'1582-10-10'"),
    "timestamp": (TIME, "'2026-02-28 01:02:03.4'", "'0001-01-01'", "'9999-12-31 23:59:59.999999'", "'1969-12-31 23:59:59.999999'"),
    "timestamptz": (TIMEZONE, "'2026-03-29 01:30:00+01'", "'0001-01-01 00:00:00+00'", "'9999-12-31 23:59:59.999999+00'",
                    "'1900-01-01 00:00:00.000001+00'"),
    "uuid": (HEX, "'6f1d9ad0-1c6b-4a0c-9a3e-000000000001'", "'00000000-0000-0000-0000-000000000000'",
             "'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF'", "'6f1d9ad01c6b4a0c9a3e000000000001'"),
    "json": (HEX, "'{\"a\": 1 ,\"a\":2}'", "'null'", "'[\"\\u00e9\", 1e400]'", "' \"x\" '"),
    "jsonb": (HEX, "'{\"b\": 1, \"a\": [true, null]}'", "'null'", "'{\"n\": 1e400}'", "'\"\\u00e9\"'"),
}

SQLITE = {
    "BOOLEAN": (BOOL, "1", "0", "1", "'true'"),
    "INTEGER": (NUMBER, "7", "-9223372036854775808", "9223372036854775807", "9007199254740993"),
    "BIGINT": (NUMBER, "7", "-9223372036854775808", "9223372036854775807", "0"),
    "REAL": (FLOAT64, "0.1", "-1.7976931348623157e308", "1.7976931348623157e308", "5e-324"),
    "DOUBLE": (FLOAT64, "1.5", "-1e-300", "9e999", "3"),
    "DECIMAL(12,2)": (NUMBER, "12.34", "-9999999999.99", "9999999999.99", "'0.10'"),
    "DECIMAL(20,0)": (NUMBER, "5", "-9223372036854775808", "9223372036854775807", "1e15"),
    "NUMERIC(38,18)": (NUMBER, "12.5", "-99999.999999", "999999999999.999", "0.000000000000000001"),
    "DATE": (DATE, "'2026-02-28'", "'0001-01-01'", "'9999-12-31'", "'1582-10-10'"),
    "DATETIME": (TIME, "'2026-02-28 01:02:03.4'", "'0001-01-01 00:00:00'", "'9999-12-31 23:59:59.999999'", "'2026-02-28T01:02:03'"),
    "TIMESTAMP": (TIME, "'2026-02-28 01:02'", "'0001-01-01'", "'9999-12-31 23:59:59'", "'1969-12-31 23:59:59.999999'"),
    "VARCHAR(9)": (HEX, "'plain'", "''", "'longer than nine'", "12.5"),
    "TEXT": (HEX, "'plain'", "''", "replace(hex(zeroblob(60000)), '00', 'ż🎈')", "'tab' || char(9) || char(1)"),
    "CLOB": (HEX, "'plain'", "''", "'x'", "7"),
    "BLOB": (HEX, "x'00ff'", "x''", f"x'{BYTES}'", "'text'"),
    "": (HEX, "'no type'", "''", "5", "1.5"),
}

READERS = ["pyarrow_files", "delta_rs", "duckdb_delta", "spark"]


def columns_of(types):
    return [f"c{i}" for i in range(len(types))]


def kinds_of(types):
    return {c: t[0] for c, t in zip(columns_of(types), types.values())}


def parse(text, types):
    """Lines of id|value|...; NULL for NULL."""
    out = {}
    for line in text.splitlines():
        cells = line.split("|")
        out[int(cells[0])] = [readers.canonical(t[0], None if v == "NULL" else v) for t, v in zip(types.values(), cells[1:])]
    return out


@pytest.fixture(scope="module")
def postgres_matrix(postgres, tmp_path_factory):
    from conftest import Project
    names = columns_of(POSTGRES)
    rows = [", ".join(["1"] + [t[1] for t in POSTGRES.values()]), ", ".join(["2"] + ["NULL"] * len(names))]
    rows += [", ".join([str(k + 1)] + [t[k] for t in POSTGRES.values()]) for k in (2, 3, 4)]
    url = postgres.database("matrix", "SET standard_conforming_strings = on; CREATE TABLE m (id int, "
                            + ", ".join(f"{n} {t}" for n, t in zip(names, POSTGRES)) + ");"
                            + "".join(f"INSERT INTO m VALUES ({r});" for r in rows))
    project = Project(tmp_path_factory.mktemp("pgmatrix") / "project")
    project.pipeline(url)
    project.run()
    shown = ", ".join({HEX: f"encode(convert_to({n}::text, 'UTF8'), 'hex')"}.get(t[0], f"{n}::text") if name != "bytea"
                      else f"encode({n}, 'hex')" for n, (name, t) in zip(names, POSTGRES.items()))
    want = parse(postgres.psql("matrix", f"\\pset null NULL\n\\pset fieldsep '|'\nSELECT id, {shown} FROM m;"), POSTGRES)
    project.scan_for_password()
    return project.lake / "shop" / "m", want, kinds_of(POSTGRES)


@pytest.fixture(scope="module")
def sqlite_matrix(tmp_path_factory):
    from conftest import Project
    folder = tmp_path_factory.mktemp("litematrix")
    names = columns_of(SQLITE)
    db = sqlite3.connect(folder / "m.db")
    db.execute("CREATE TABLE m (id INTEGER PRIMARY KEY, " + ", ".join(f"{n} {t}" for n, t in zip(names, SQLITE)) + ")")
    db.execute(f"INSERT INTO m VALUES ({', '.join(['2'] + ['NULL'] * len(names))})")
    for k in (1, 2, 3, 4):
        db.execute(f"INSERT INTO m VALUES ({', '.join([str(1 if k == 1 else k + 1)] + [t[k] for t in SQLITE.values()])})")
    db.commit()
    db.close()
    project = Project(folder / "project")
    project.pipeline(folder / "m.db")
    project.run()
    # SQLite promises 15 digits of a decimal that it keeps as a float; floats themselves travel as the 8 bytes they are
    shown = [{HEX: f"hex({n})", NUMBER: f"CASE typeof({n}) WHEN 'real' THEN printf('%!.15g', {n}) ELSE {n} END"}.get(t[0], n)
             for n, t in zip(names, SQLITE.values())]
    db = sqlite3.connect(folder / "m.db")
    rows = db.execute("SELECT id, " + ", ".join(f"CASE WHEN {n} IS NOT NULL THEN {s} END" for n, s in zip(names, shown)) + " FROM m")
    want = {r[0]: [readers.canonical(t[0], None if v is None else str(v)) for t, v in zip(SQLITE.values(), r[1:])] for r in rows}
    db.close()
    return project.lake / "shop" / "m", want, kinds_of(SQLITE)


def check(request, reader, matrix, types):
    path, want, kinds = matrix
    read = request.getfixturevalue("spark").read if reader == "spark" else getattr(readers, reader)
    got = read(path, kinds)
    assert set(got) == set(want) == {1, 2, 3, 4, 5}
    for i, name in enumerate(types):
        for row in want:
            assert got[row][i] == want[row][i], (name, row)


@pytest.mark.parametrize("reader", READERS)
def test_postgres_types(request, reader, postgres_matrix):
    check(request, reader, postgres_matrix, POSTGRES)


@pytest.mark.parametrize("reader", READERS)
def test_sqlite_types(request, reader, sqlite_matrix):
    check(request, reader, sqlite_matrix, SQLITE)


def test_the_comparison_can_fail(postgres_matrix):
    path, want, kinds = postgres_matrix
    got = readers.delta_rs(path, kinds)
    got[1][2] = "8"
    assert got != want
