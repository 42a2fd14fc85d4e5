"""Tables that are dropped, renamed or made anew between two runs: plan and the report say so, and what landed stays."""

import sqlite3

TABLES = """CREATE TABLE a AS SELECT 1 AS id; CREATE TABLE b AS SELECT 2 AS id; CREATE TABLE c AS SELECT 3 AS id;
    CREATE TABLE p (id int) PARTITION BY RANGE (id); CREATE VIEW v AS SELECT 5 AS id; CREATE MATERIALIZED VIEW m AS SELECT 6 AS id;"""
ANEW = "dropped and made anew at the source since it was last read: "
GONE = "no longer at the source: "


def warnings(project, command, code=0):
    args = ["--report", "json"] + (["--progress", "none"] if command == "run" else [])
    return project.millrace(command, "shop.yml", *args, code=code).report["warnings"]


def said(project):
    """plan says what the next run says, and that run says it once."""
    planned = warnings(project, "plan")
    assert warnings(project, "plan") == planned == warnings(project, "run")
    assert warnings(project, "plan") == warnings(project, "run") == []
    return planned


def test_postgres(project, postgres):
    url = postgres.database("tables_change", TABLES)
    project.pipeline(url, consumer='  tables:\n    "*":\n    "q": {query: "SELECT 1 AS id"}\n')
    assert said(project) == [], "nothing is known before the first run"
    postgres.psql("tables_change", """DROP TABLE a; ALTER TABLE b RENAME TO "b 2"; DROP TABLE c; CREATE TABLE c AS SELECT 4 AS id;
        DROP TABLE p; CREATE TABLE p (id int) PARTITION BY RANGE (id); DROP VIEW v; CREATE VIEW v AS SELECT 7 AS id;
        REFRESH MATERIALIZED VIEW m; GRANT SELECT ON c, p, v TO mill;""")
    assert "public.c (in shop/c)" in project.millrace("plan", "shop.yml").out
    assert said(project) == [f"{GONE}public.a (in shop/a), public.b (in shop/b; now public.b 2); what landed stays as it is",
                             f"{ANEW}public.c (in shop/c), public.p (in shop/p)"]
    assert project.rows("shop/a").to_pylist() == [{"id": 1}] and project.rows("shop/c").to_pylist() == [{"id": 4}]
    assert project.rows("shop/b_2").to_pylist() == [{"id": 2}]


def test_what_changes_nothing_about_which_table_it_is(project, postgres):
    """The control: other rows, files and columns; a table that is left out; a query that is; a right that is taken."""
    url = postgres.database("tables_stay", TABLES)
    project.pipeline(url, consumer='  tables:\n    "*":\n    "q": {query: "SELECT 1 AS id"}\n')
    project.run()
    postgres.psql("tables_stay", "TRUNCATE a; VACUUM FULL b; ALTER TABLE c ADD v int; ALTER TABLE c ALTER id TYPE int8; REVOKE SELECT ON b FROM mill;")
    assert not [w for w in warnings(project, "run", 1) if w.startswith((GONE, ANEW))]
    project.pipeline(url, consumer="  tables: [a]\n")
    assert warnings(project, "plan") == warnings(project, "run") == []


def test_many_are_counted(project, postgres):
    url = postgres.database("tables_many", "".join(f"CREATE TABLE t{i} (id int);" for i in range(12)))
    project.pipeline(url)
    project.run()
    postgres.psql("tables_many", "".join(f"DROP TABLE t{i};" for i in range(3, 12)))
    names = ", ".join(f"public.t{i} (in shop/t{i})" for i in (10, 11, 3, 4, 5))
    assert said(project) == [f"{GONE}{names} and 4 more; what landed stays as it is"]


def test_sqlite(project, tmp_path):
    """It has no name of its own for a table: made anew it is seen through its columns only."""
    db = sqlite3.connect(tmp_path / "s.db")
    db.executescript("CREATE TABLE a (id INTEGER); CREATE TABLE b (id INTEGER); INSERT INTO a VALUES (1);")
    project.pipeline(tmp_path / "s.db")
    assert said(project) == []
    db.executescript("DROP TABLE a; DROP TABLE b; CREATE TABLE b (id INTEGER);")
    db.close()
    assert said(project) == [f"{GONE}a (in shop/a); what landed stays as it is"]
    assert project.rows("shop/a").to_pylist() == [{"id": 1}]


def test_an_interrupted_run_has_said_nothing(project, tmp_path):
    db = sqlite3.connect(tmp_path / "s.db")
    db.executescript("CREATE TABLE a (id INTEGER); CREATE TABLE b (id INTEGER);")
    project.pipeline(tmp_path / "s.db")
    project.run()
    db.executescript("DROP TABLE a; INSERT INTO b VALUES (1);")
    db.close()
    project.run(fault="pipe.committed=kill", code=-9)
    assert warnings(project, "run") == [f"{GONE}a (in shop/a); what landed stays as it is"]


def test_a_history_of_the_first_layout(project, tmp_path):
    """One made before tables were remembered goes on, and knows none."""
    db = sqlite3.connect(tmp_path / "s.db")
    db.executescript("CREATE TABLE a (id INTEGER); CREATE TABLE b (id INTEGER);")
    project.pipeline(tmp_path / "s.db")
    project.run()
    with sqlite3.connect(project.dir / ".millrace/state.db") as state:
        assert state.execute("SELECT stream, landed FROM sources ORDER BY 1").fetchall() == [("a", "shop/a"), ("b", "shop/b")]
        state.executescript("DROP TABLE sources; PRAGMA user_version = 1;")
    state.close()
    db.executescript("DROP TABLE a;")
    assert said(project) == []
    db.executescript("DROP TABLE b; CREATE TABLE c (id INTEGER);")
    db.close()
    assert said(project) == [f"{GONE}b (in shop/b); what landed stays as it is"]
