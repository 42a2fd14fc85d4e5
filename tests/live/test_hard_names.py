"""What PostgreSQL allows and people do: names, kinds of tables, rights, encodings. The oracle is the server's own text."""

import os
import time

import pytest
from conftest import SANITIZED, memory
from pg_servers import landed, rows_as_json

NIGHTLY = os.environ.get("MR_NIGHTLY")


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def tables(report):
    return {s["stream"]: s["table"] for s in report["streams"]}


# ---- names ----

# name -> its folder; reserved words, case, and what a path, a glob, a shell, YAML or SQL could stumble over
NAMES = {
    "select": "select", "User": "User", "order by": "order_by", 'quo"te': "quo_te", "it's": "it's", "a.b": "a.b", "..": "t_.", "...": "t_..",
    "sla/sh": "sla_sh", "back\\slash": "back_slash", "🎈": "🎈", "żółć": "żółć", "_hidden": "t_hidden", ".dot": "t_dot", "%s%n": "t_s_n",
    "$HOME": "$HOME", "${HOME}": "$_HOME_", "{table}": "t_table_", "st*r": "st_r", "a=b": "a_b", "line\nbreak": "line_break", "tab\there": "tab_here", "x" * 63: "x" * 63,
    "ż" * 31: "ż" * 31, "--": "--", "-rf": "-rf", "_delta_log": "t_delta_log", "_millrace": "t_millrace", "NULL": "NULL", "1": "1",
    "a#b": "a#b", "a&b": "a&b", "~": "~", " ": "t_", "trailing ": "trailing_", "ﬁ": "ﬁ", "e\u0301": "e\u0301", "\u202egnp": "\u202egnp",
}


def test_names_of_tables(project, postgres):
    """Every name arrives, in a folder of its own below the lake, and SQL finds it there."""
    sql = "".join(f"CREATE TABLE {quoted(n)} (id int); INSERT INTO {quoted(n)} VALUES ({i});" for i, n in enumerate(NAMES))
    project.pipeline(postgres.database("names", sql))
    found = tables(project.run().report)
    assert set(found) == {f"public.{n}" for n in NAMES}
    for i, (name, folder) in enumerate(NAMES.items()):
        path = found[f"public.{name}"]
        assert path == "shop/" + folder, name
        assert path.count("/") == 1 and project.rows(path).column("id").to_pylist() == [i], name
    assert {p.name for p in project.lake.iterdir()} == {"shop"}
    again = project.run().report
    assert {s["status"] for s in again["streams"]} == {"unchanged"}


def test_a_name_like_a_percent_escape(project, postgres):
    project.pipeline(postgres.database("percent", 'CREATE TABLE "%41" (id int); INSERT INTO "%41" VALUES (1);'))
    path = project.run().stream("public.%41")["table"]
    assert project.rows(path).column("id").to_pylist() == [1]


COLUMNS = ["select", "User", 'quo"te', "it's", "a.b", "sla/sh", "back\\slash", "🎈", "x" * 63, "ż" * 31, "ctid2", "oid", "true", "%s", "-", "`", "[0]",
           "$1", "#", "e\u0301"]
UNSAFE = ["order by", "a,b", "a;b", "{c}", "(d)", "e=f", "line\nbreak", "tab\t"]


def test_names_of_columns(project, postgres):
    names = COLUMNS + UNSAFE
    made = ", ".join(f"{quoted(n)} int" for n in names)
    url = postgres.database("columns", f"CREATE TABLE t ({made}); INSERT INTO t VALUES ({', '.join(map(str, range(len(names))))});")
    project.pipeline(url)
    project.run()
    got = project.rows("shop/t")
    assert got.column_names[:len(COLUMNS)] == COLUMNS
    assert list(got.to_pylist()[0].values()) == list(range(len(names))), "in the source's order"
    assert not any(c in name for name in got.column_names for c in " ,;{}()\n\t=")


def test_names_that_differ_by_case_only(project, postgres):
    url = postgres.database("cases", """
        CREATE TABLE "Users" (id int); CREATE TABLE users (id int); CREATE TABLE other (id int);
        CREATE TABLE wide ("Id" int, id int, "ID" int); INSERT INTO wide VALUES (1, 2, 3);""")
    project.pipeline(url)
    result = project.run(code=2)
    assert "MR-E-SPEC11" in result.err and "public.Users and public.users would both land in shop/users" in result.err
    assert not list(project.lake.rglob("*.json"))
    project.pipeline(url, consumer="  tables: [public.users, other, wide]\n")
    report = project.run().report
    assert set(tables(report)) == {"public.users", "public.other", "public.wide"}
    row = project.rows("shop/wide").to_pylist()[0]
    assert list(row.values()) == [1, 2, 3] and len({n.lower() for n in row}) == 3, row


def test_names_that_become_one_folder(project, postgres):
    project.pipeline(postgres.database("same", 'CREATE TABLE "a b" (id int); CREATE TABLE "a/b" (id int);'))
    assert "public.a b and public.a/b would both land in shop/a_b" in project.run(code=2).err


def test_schemas(project, postgres):
    """public.users beside auth.users, an empty schema, and a path that keeps schemas apart."""
    url = postgres.database("schemas", """
        CREATE TABLE users (id int); INSERT INTO users VALUES (1);
        CREATE SCHEMA auth; CREATE TABLE auth.users (id int, secret text); INSERT INTO auth.users VALUES (2, 's');
        CREATE SCHEMA nothing; CREATE SCHEMA "Mixed.Case"; CREATE TABLE "Mixed.Case"."a.b" (id int); INSERT INTO "Mixed.Case"."a.b" VALUES (3);
        GRANT USAGE ON SCHEMA auth, nothing, "Mixed.Case" TO mill;
        GRANT SELECT ON ALL TABLES IN SCHEMA auth, "Mixed.Case" TO mill;""")
    project.pipeline(url)
    assert tables(project.run().report) == {"public.users": "shop/users", "auth.users": "shop/auth__users",
                                            "Mixed.Case.a.b": "shop/Mixed.Case__a.b"}
    assert [project.rows(f"shop/{t}").column("id").to_pylist() for t in ("users", "auth__users", "Mixed.Case__a.b")] == [[1], [2], [3]]
    project.pipeline(url, name="deep", loader='  path: "{pipeline}/{schema}/{table}"\n')
    deep = tables(project.run("deep.yml").report)
    assert deep["public.users"] == "deep/public/users" and deep["auth.users"].startswith("deep/auth/")


def test_a_database_without_tables_says_so(project, postgres):
    project.pipeline(postgres.database("bare", "CREATE SCHEMA nothing;"))
    assert "MR-E-SPEC10" in project.run(code=2).err


# ---- sizes ----

def test_a_table_of_1600_columns(project, postgres):
    made = ", ".join(f"c{i} int" for i in range(1600))
    values = ", ".join(str(i) if i % 7 else "NULL" for i in range(1600))
    url = postgres.database("wide", f"CREATE TABLE w ({made}); INSERT INTO w VALUES ({values}); INSERT INTO w SELECT * FROM w;")
    project.pipeline(url, extra=memory(256))
    run = project.run()
    assert SANITIZED or run.report["peak_memory_bytes"] <= 256_000_000, "a batch has room for more rows than it will get"
    got = project.rows("shop/w")
    assert got.column_names == [f"c{i}" for i in range(1600)]
    assert [list(r.values()) for r in got.to_pylist()] == [[i if i % 7 else None for i in range(1600)]] * 2


MANY = 2000 if NIGHTLY else 300


def test_many_tables(project, postgres):
    url = postgres.database("many", "")
    for start in range(0, MANY, 100):  # a statement's locks are held to its end
        postgres.psql("many", f"""
            DO $$ BEGIN FOR i IN {start}..{start + 99} LOOP
              EXECUTE format('CREATE TABLE t%s (id int, n text)', i); EXECUTE format('GRANT SELECT ON t%s TO mill', i);
              EXECUTE format('INSERT INTO t%s SELECT k, k::text FROM generate_series(1, %s) k', i, i % 5);
            END LOOP; END $$;""")
    project.pipeline(url, consumer="  workers: 2\n")
    start = time.time()
    report = project.run().report
    assert {s["status"] for s in report["streams"]} == {"done"} and len(report["streams"]) == MANY
    assert {s["stream"]: s["rows_written"] for s in report["streams"]} == {f"public.t{i}": i % 5 for i in range(MANY)}
    assert project.rows(f"shop/t{MANY - 1}").num_rows == (MANY - 1) % 5
    print(f"{MANY} tables in {time.time() - start:.1f} s")


# ---- kinds of tables and columns ----

def test_columns_dropped_generated_and_identity(project, postgres):
    url = postgres.database("made", """
        CREATE TABLE t (gone1 int, id int GENERATED BY DEFAULT AS IDENTITY, gone2 text, a int, twice int GENERATED ALWAYS AS (a * 2) STORED, s serial);
        INSERT INTO t (gone1, gone2, a) SELECT i, 'x', i * 10 FROM generate_series(1, 100) i;
        ALTER TABLE t DROP gone1, DROP gone2; ALTER TABLE t ADD late text DEFAULT 'later', ADD later int;
        CREATE TABLE bare (gone int); INSERT INTO bare VALUES (1); ALTER TABLE bare DROP gone;
        CREATE TABLE never (); INSERT INTO never DEFAULT VALUES;
        CREATE TYPE pair AS (x int, y text); CREATE TABLE typed OF pair; INSERT INTO typed VALUES (1, 'one');""")
    project.pipeline(url)
    result = project.run()
    assert landed(project, "shop/t") == rows_as_json(postgres, "made", "t")
    assert project.rows("shop/t").column_names == ["id", "a", "twice", "s", "late", "later"]
    assert landed(project, "shop/typed") == [{"x": 1, "y": "one"}]
    for empty in ("public.bare", "public.never"):
        assert result.stream(empty)["status"] == "skipped"
        assert any(f"{empty} (table) has no columns" in w for w in result.report["warnings"])


def test_inheritance_gives_each_table_its_own_rows(project, postgres):
    url = postgres.database("family", """
        CREATE TABLE cities (name text, people int);
        CREATE TABLE capitals (country text) INHERITS (cities);
        CREATE TABLE old_capitals (until int) INHERITS (capitals);
        INSERT INTO cities VALUES ('Gdynia', 250); INSERT INTO capitals VALUES ('Warszawa', 1860, 'PL');
        INSERT INTO old_capitals VALUES ('Kraków', 800, 'PL', 1596);""")
    project.pipeline(url)
    project.run()
    for table in ("cities", "capitals", "old_capitals"):
        assert landed(project, f"shop/{table}") == rows_as_json(postgres, "family", f"ONLY {table}")
        assert project.rows(f"shop/{table}").num_rows == 1


def test_partitions_of_partitions(project, postgres):
    """One stream through all leaves, whatever the leaves' own order of columns, schema or rights."""
    url = postgres.database("parts", '''
        CREATE SCHEMA "Cold ""store""";
        CREATE TABLE p (id int, region text, note text) PARTITION BY LIST (region);
        CREATE TABLE p_eu PARTITION OF p FOR VALUES IN ('eu') PARTITION BY HASH (id);
        CREATE TABLE p_eu_0 PARTITION OF p_eu FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        CREATE TABLE "Cold ""store"""."p eu 1" (note text, gone int, region text, id int);
        ALTER TABLE "Cold ""store"""."p eu 1" DROP gone;
        ALTER TABLE p_eu ATTACH PARTITION "Cold ""store"""."p eu 1" FOR VALUES WITH (MODULUS 2, REMAINDER 1);
        CREATE TABLE p_us PARTITION OF p FOR VALUES IN ('us') PARTITION BY RANGE (id);
        CREATE TABLE p_rest PARTITION OF p DEFAULT;
        INSERT INTO p SELECT i, CASE i % 4 WHEN 0 THEN 'pl' WHEN 1 THEN NULL ELSE 'eu' END, 'n' || i FROM generate_series(1, 1000) i;
        CREATE TABLE alone (id int) PARTITION BY RANGE (id);''')
    project.pipeline(url)
    assert set(tables(project.run().report)) == {"public.p", "public.alone"}
    assert landed(project, "shop/p") == rows_as_json(postgres, "parts", "p")
    assert project.rows("shop/p").num_rows == 1000 and project.rows("shop/alone").num_rows == 0


# ---- rights ----

def test_row_level_security_is_never_a_filter(project, postgres):
    """Refused where a policy would leave rows out; read where none applies to the user."""
    url = postgres.database("policies", """
        CREATE TABLE mine (id int, owner text); INSERT INTO mine VALUES (1, 'mill'), (2, 'other');
        ALTER TABLE mine ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON mine USING (owner = current_user);
        CREATE TABLE off (id int); INSERT INTO off VALUES (3); CREATE POLICY p ON off USING (false);
        CREATE TABLE p (id int) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
        INSERT INTO p VALUES (4); ALTER TABLE p ENABLE ROW LEVEL SECURITY;
        CREATE TABLE q (id int) PARTITION BY RANGE (id); CREATE TABLE q1 PARTITION OF q FOR VALUES FROM (0) TO (10);
        INSERT INTO q VALUES (5); ALTER TABLE q1 ENABLE ROW LEVEL SECURITY;
        CREATE TABLE r (id int) PARTITION BY RANGE (id); CREATE TABLE r1 PARTITION OF r FOR VALUES FROM (0) TO (10);
        INSERT INTO r VALUES (6); ALTER TABLE r ENABLE ROW LEVEL SECURITY; ALTER TABLE r1 ENABLE ROW LEVEL SECURITY;""")
    project.pipeline(url, consumer="  workers: 2\n")
    result = project.run(code=1)
    assert "row-level security" in result.stream("public.mine")["error"]["message"]
    assert landed(project, "shop/off") == [{"id": 3}], "a policy that is not enabled"
    # Partitions are read by their own names, or through their parent's, whichever has no policies.
    assert landed(project, "shop/p") == [{"id": 4}] and landed(project, "shop/q") == [{"id": 5}]
    for name in ("mine", "r"):
        assert result.stream(f"public.{name}")["error"]["code"] == "MR-E-PG11"
    postgres.psql("policies", "ALTER ROLE mill BYPASSRLS;")
    try:
        project.run()
        assert landed(project, "shop/mine") == rows_as_json(postgres, "policies", "mine")
    finally:
        postgres.psql("policies", "ALTER ROLE mill NOBYPASSRLS;")


def test_rights_on_columns_and_schemas(project, postgres):
    url = postgres.database("rights", """
        CREATE TABLE part (id int, open text, secret text); INSERT INTO part VALUES (1, 'a', 'b');
        CREATE TABLE nil (id int); CREATE TABLE good (id int); INSERT INTO good VALUES (1);
        CREATE SCHEMA "Shut in"; CREATE TABLE "Shut in".t (id int); GRANT SELECT ON "Shut in".t TO mill;""")
    postgres.psql("rights", "REVOKE ALL ON part, nil FROM mill; GRANT SELECT (id, open) ON part TO mill;")
    project.pipeline(url)
    result = project.run(code=1)
    assert landed(project, "shop/part") == [{"id": 1, "open": "a"}]
    for table in ("public.nil", "Shut in.t"):
        error = result.stream(table)["error"]
        assert error["code"] == "MR-E-PG08" and f"may not read {table}" in error["message"] and "GRANT USAGE" in error["advice"]
    assert landed(project, "shop/good") == [{"id": 1}]
    # What it advises can be typed as it stands.
    warning = next(w for w in result.report["warnings"] if "public.part" in w)
    assert "secret" in warning and "open" not in warning
    for advice in (result.stream("Shut in.t")["error"]["advice"].split("; or skip")[0],
                   warning[warning.index("GRANT"):].split(" gives all")[0]):
        postgres.psql("rights", advice + ";")
    project.pipeline(url, consumer="  tables: {public.nil: skip}\n")
    assert set(tables(project.run().report)) == {"public.part", "public.good", "Shut in.t"}
    assert landed(project, "shop/part") == rows_as_json(postgres, "rights", "part")


# ---- encodings ----

def other_database(postgres, name, encoding, sql):
    postgres.psql("postgres", f"DROP DATABASE IF EXISTS {name} WITH (FORCE);")
    postgres.psql("postgres", f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0;")
    postgres.psql(name, sql + "GRANT SELECT ON ALL TABLES IN SCHEMA public TO mill;")
    return f"{postgres.url}/{name}"


def test_latin1_arrives_as_utf8(project, postgres):
    url = other_database(postgres, "latin", "LATIN1", """
        CREATE TABLE "Zürich" (id int, "Straße" text, c char(3));
        INSERT INTO "Zürich" VALUES (1, 'Bahnhofstraße', 'é'), (2, 'naïve £ ÿ', NULL);
        COMMENT ON TABLE "Zürich" IS 'größte';
        INSERT INTO "Zürich" SELECT 1000 + i, chr(i), chr(i) FROM generate_series(161, 255) i;""")
    project.pipeline(url)
    assert tables(project.run().report) == {"public.Zürich": "shop/Zürich"}
    got = project.rows("shop/Zürich")
    assert got.column_names == ["id", "Straße", "c"]
    rows = {r["id"]: r for r in got.to_pylist()}
    assert rows[1]["Straße"] == "Bahnhofstraße" and rows[2]["Straße"] == "naïve £ ÿ" and rows[1]["c"] == "é"
    assert [rows[1000 + i]["Straße"] for i in range(161, 256)] == [bytes([i]).decode("latin-1") for i in range(161, 256)]
    project.pipeline(url, name="some", extra="transformers:\n  - filter: \"\\\"Straße\\\" = 'Bahnhofstraße'\"\n")
    project.run("some.yml")
    assert project.rows("some/Zürich").column("id").to_pylist() == [1]


def test_sql_ascii_is_checked_here(project, postgres):
    """The server keeps any bytes: those that are UTF-8 arrive, others are rescued as hex, never as they are."""
    url = other_database(postgres, "ascii", "SQL_ASCII", r"""
        CREATE TABLE good (id int, t text); INSERT INTO good VALUES (1, 'plain'), (2, 'żółć 🎈');
        CREATE TABLE bad (id int, t text); INSERT INTO bad VALUES (1, 'fine'), (2, E'caf\xe9');
        CREATE TABLE cut (id int, t text); INSERT INTO cut VALUES (1, E'\xc5');
        CREATE TABLE surrogate (id int, t text); INSERT INTO surrogate VALUES (1, E'\xed\xa0\x80');
        CREATE TABLE raw (id int, b bytea); INSERT INTO raw VALUES (1, '\xe9');""")
    project.pipeline(url)
    project.run()
    assert [r["t"] for r in sorted(project.rows("shop/good").to_pylist(), key=lambda r: r["id"])] == ["plain", "żółć 🎈"]
    assert project.rows("shop/raw").column("b").to_pylist() == [b"\xe9"]
    for table, hexed in ("bad", "636166e9"), ("cut", "c5"), ("surrogate", "eda080"):
        cells = [(r["t"], r["_rescued"]) for r in project.rows(f"shop/{table}").to_pylist() if r["_rescued"]]
        assert cells == [(None, f'{{"t":"invalid-utf8:{hexed}"}}')]


# ---- what is not read ----

def test_views_and_foreign_tables_are_read_when_named(project, postgres):
    url = postgres.database("views", """
        CREATE TABLE t (id int); INSERT INTO t VALUES (1); CREATE VIEW v AS SELECT * FROM t;
        CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER s FOREIGN DATA WRAPPER nowhere; CREATE FOREIGN TABLE f (id int) SERVER s;
        CREATE TABLE p (id int) PARTITION BY RANGE (id); CREATE FOREIGN TABLE pf PARTITION OF p FOR VALUES FROM (0) TO (9) SERVER s;
        CREATE TEMPORARY TABLE gone (id int); CREATE SEQUENCE seq; CREATE INDEX i ON t (id);""")
    project.pipeline(url)
    result = project.run(code=1)
    assert set(tables(result.report)) == {"public.t", "public.p"}
    assert "has no handler" in result.stream("public.p")["error"]["message"]
    project.pipeline(url, consumer="  tables: [v, public.f]\n")
    result = project.run(code=1)
    assert landed(project, "shop/v") == [{"id": 1}]
    assert "has no handler" in result.stream("public.f")["error"]["message"]
    for name in ("gone", "seq", "i"):
        project.pipeline(url, consumer=f"  tables: [{name}]\n")
        assert "MR-E-SPEC10" in project.run(code=2).err, "asked for by name it is refused, not left out"
