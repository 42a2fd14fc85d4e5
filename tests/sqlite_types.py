"""Every storage class in every declared type of SQLite, and what sqlite3's shell says of each cell; for e2e and interop."""

import datetime as dt
import decimal
import re
import sqlite3
import subprocess

D = decimal.Decimal
decimal.getcontext().prec = 400

# declared type -> what it lands as, as pyarrow prints it
DECLARED = {
    "BOOLEAN": "bool", "INTEGER": "int64", "UNSIGNED BIG INT": "int64", "REAL": "double", "DOUBLE PRECISION": "double",
    "DECIMAL(12,2)": "decimal128(12, 2)", "NUMERIC(38,0)": "decimal128(38, 0)", "NUMERIC": "decimal128(38, 18)",
    "DATE": "date32[day]", "DATETIME": "timestamp[us]", "TIMESTAMP": "timestamp[us]", "DATETIME_MS": "timestamp[us]",
    "TIMESTAMPTZ": "timestamp[us, tz=UTC]", "VARCHAR(9)": "string", "TEXT": "string", "CLOB": "string", "BLOB": "binary",
    "": "string",
}

VALUES = """
NULL; 0; 1; -1; 2; 7; 86400; -86400; 1700000000; 1700000000123; 2460000; 253402300799; 253402300800; -62135596800; -62135596801
9223372036854775807; -9223372036854775808; 9007199254740993; 12345678901; 9999999999; 10000000000
0.5; 1.5; -0.0; 0.1; 0.1+0.2; 12.34; 12.345; 1e15; 1e22; -1e300; 5e-324; 1.7976931348623157e308; 9e999; -9e999; 2460000.25
julianday('2026-02-28'); julianday('2026-02-28 10:11:12.345'); julianday('0001-01-01'); julianday('9999-12-31 23:59:59.999')
2460000.123456789; 9999999999.99; 99999999999.5; 0.30000000000000004
''; 'x'; '12'; '-12.30'; '1e3'; '0.000000000000000001'; '0.0000000000000000001'; '99999999999999999999.5'; 'true'; 'F'; 'TRUEX'
'12345678901234567890123456789012345678'; '123456789012345678901234567890123456789'; ' 12'; '0x10'; '.5'; '5.'; 'Inf'; 'NaN'
'2026-02-28'; '2026-02-30'; '0001-01-01'; '0000-12-31'; '9999-12-31'; '2026-02-28 00:00:00'; '2026-02-28 01:02'; '2026-02-28 24:00'
'2026-02-28 01:02:03'; '2026-02-28T01:02:03.5'; '2026-02-28 01:02:03.123456'; '2026-02-28 01:02:03.123456000'
'2026-02-28 01:02:03.1234567'; '2026-02-28 01:02:03Z'; '2026-02-28 01:02:03.25+05:30'; '0001-01-01 00:00:00+01:00'; '2026-2-28'
'żółć 🎈'; 'a' || char(0) || 'b'; 'quote '' " \\'; char(9) || char(10) || char(1); CAST(x'ff' AS TEXT); CAST(x'41c328' AS TEXT)
CAST(x'eda080' AS TEXT); x''; x'00'; x'00ff'; x'616263'; zeroblob(300)
"""


def literals():
    return [v.strip() for line in VALUES.strip().splitlines() for v in line.split("; ") if v.strip()]


# ---- the oracle: what the shell says of a stored cell ----

def shell(db, sql):
    out = subprocess.run(["sqlite3", "-batch", "-separator", "|", str(db), sql], capture_output=True, check=True).stdout.decode()
    return [line.split("|") for line in out.splitlines()]


def stored(db, table):
    """id -> (class, value, as printed): int, float, bytes of the text, bytes of the blob; a real as the shell prints it."""
    connection = sqlite3.connect(db)
    reals = dict(connection.execute(f"SELECT id, v FROM {table} WHERE typeof(v) = 'real'"))
    connection.close()
    cells = {}
    for key, kind, raw, whole, printed in shell(db, f"SELECT id, typeof(v), hex(CAST(v AS BLOB)), CASE typeof(v) WHEN 'integer' THEN v END,"
                                                    f" CASE typeof(v) WHEN 'real' THEN printf('%!.15g', v) END FROM {table}"):
        value = (None if kind == "null" else int(whole) if kind == "integer" else reals[int(key)] if kind == "real"
                 else bytes.fromhex(raw))
        cells[int(key)] = (kind, value, printed)
    return cells


def real_text(value, printed):
    """As the shell prints it with 15 digits; with 16 or 17, in the shell's layout, where these do not read back."""
    if value in (float("inf"), float("-inf")):
        return "Inf" if value > 0 else "-Inf"
    if value == 0:
        return str(value)  # the shell leaves out the sign of -0.0
    if float(printed) == value:
        return printed
    n = D(repr(value))
    precision = len(n.as_tuple().digits)
    if -4 <= n.adjusted() < precision:
        text = f"{n:f}"
        return text if "." in text else text + ".0"
    return f"{value:.{precision - 1}e}"


def exact_text(kind, value, printed):
    if kind == "integer":
        return str(value)
    if kind == "real":
        return real_text(value, printed)
    if kind == "blob":
        return value.hex()
    try:
        return value.decode()
    except UnicodeDecodeError:
        return "invalid-utf8:" + value.hex()


class Bad(Exception):
    pass


NUMBER = set("0123456789.+-eE")


def number(kind, value, printed):
    """The cell as a Decimal."""
    if kind == "blob":
        raise Bad
    text = exact_text(kind, value, printed)
    if kind == "text" and not (set(text) <= NUMBER and text):
        raise Bad
    try:
        n = D(text)
    except decimal.InvalidOperation:
        raise Bad from None
    if not n.is_finite():
        raise Bad
    return n


def as_bool(cell):
    if cell[0] == "text":
        word = {b"true": True, b"t": True, b"false": False, b"f": False}.get(cell[1].lower())
        if word is not None:
            return word
    n = number(*cell)
    if n not in (0, 1):
        raise Bad
    return n == 1


def as_long(cell):
    if cell[0] == "text" and not set(cell[1]) <= set(b"0123456789+-"):
        raise Bad
    n = number(*cell)
    if cell[0] == "real":
        n = D(cell[1])
    if n != int(n) or not -2**63 <= n < 2**63:
        raise Bad
    return int(n)


def as_double(cell):
    if cell[0] == "real":
        return cell[1]
    if cell[0] == "text" and cell[1] in (b"Inf", b"-Inf"):
        return float(cell[1])
    n = number(*cell)
    d = float(n)
    if cell[0] == "integer":
        if int(d) != n:
            raise Bad
    elif n and D(f"{d:.{len(n.normalize().as_tuple().digits) - 1}e}") != n:
        raise Bad
    return d


def as_decimal(precision, scale):
    def convert(cell):
        n = number(*cell).scaleb(scale)
        if n != n.to_integral_value() or abs(n) >= D(10) ** precision:
            raise Bad
        return n.scaleb(-scale)
    return convert


EPOCH = dt.datetime(1970, 1, 1)


def moment(cell, zoned, unit, db):
    kind, value, _ = cell
    if kind == "integer":
        if unit == "s" and 1721426 <= value <= 5373484:
            raise Bad
        try:
            return EPOCH + (dt.timedelta(seconds=value) if unit == "s" else dt.timedelta(milliseconds=value))
        except OverflowError:
            raise Bad from None
    if kind == "real":
        if unit != "s" or not 1721425 < value < 5373485:
            raise Bad
        text, same = shell(db, f"SELECT strftime('%Y-%m-%d %H:%M:%f', {value!r}), julianday(strftime('%Y-%m-%d %H:%M:%f', {value!r})) = {value!r}")[0]
        if same != "1":
            raise Bad
        return dt.datetime.fromisoformat(text)
    if kind != "text":
        raise Bad
    m = re.fullmatch(rb"(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d)(:\d\d)?(?:\.(\d{1,6})0*)?)?(Z|[+-]\d\d:\d\d)?", value)
    if not m or (m[5] and not zoned) or (m[4] and not m[3]):
        raise Bad
    try:
        at = dt.datetime.fromisoformat(f"{m[1].decode()} {(m[2] or b'00:00').decode()}{(m[3] or b':00').decode()}.{(m[4] or b'0').decode():0<6}")
        if m[5] and m[5] != b"Z":
            sign = -1 if m[5][:1] == b"+" else 1
            at += sign * dt.timedelta(hours=int(m[5][1:3]), minutes=int(m[5][4:6]))
    except (ValueError, OverflowError):
        raise Bad from None
    return at


def as_date(db):
    def convert(cell):
        at = moment(cell, False, "s", db)
        if at.time() != dt.time(0):
            raise Bad
        return at.date()
    return convert


def as_string(cell):
    text = exact_text(*cell)
    if cell[0] == "blob" or (cell[0] == "text" and text.encode() != cell[1]):
        raise Bad
    return text


def as_binary(cell):
    if cell[0] not in ("text", "blob"):
        raise Bad
    return cell[1]


def converter(declared, db):
    return {
        "BOOLEAN": as_bool, "INTEGER": as_long, "UNSIGNED BIG INT": as_long, "REAL": as_double, "DOUBLE PRECISION": as_double,
        "DECIMAL(12,2)": as_decimal(12, 2), "NUMERIC(38,0)": as_decimal(38, 0), "NUMERIC": as_decimal(38, 18),
        "DATE": as_date(db), "DATETIME": lambda c: moment(c, False, "s", db), "TIMESTAMP": lambda c: moment(c, False, "s", db),
        "DATETIME_MS": lambda c: moment(c, False, "ms", db), "BLOB": as_binary,
        "TIMESTAMPTZ": lambda c: moment(c, True, "s", db).replace(tzinfo=dt.timezone.utc),
    }.get(declared, as_string)


def same(a, b):
    return a == b and (not isinstance(a, float) or str(a) == str(b))


def wanted(declared, db, table):
    want = {}
    convert = converter(declared, db)
    for key, cell in stored(db, table).items():
        if cell[0] == "null":
            want[key] = (None, None)
            continue
        try:
            want[key] = (convert(cell), None)
        except Bad:
            want[key] = (None, exact_text(*cell))
    return want


def matrix_sql():
    """A table mN (id, v) for each declared type."""
    return "".join(f"CREATE TABLE m{i} (id INTEGER PRIMARY KEY, v {t});"
                   + "".join(f"INSERT INTO m{i} VALUES ({k}, {v});" for k, v in enumerate(literals())) for i, t in enumerate(DECLARED))
