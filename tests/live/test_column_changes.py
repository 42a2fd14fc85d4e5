"""Columns that PostgreSQL renames, swaps, drops and adds again: it numbers them, so a new name is no new column."""

import pytest

COLUMNS = "CREATE TABLE t AS SELECT 1 AS id, 'x' AS a, 'y' AS b;"


def changes(project, command="plan"):
    args = ["--report", "json"] + (["--progress", "none"] if command == "run" else [])
    (stream,) = project.millrace(command, "shop.yml", *args).report["streams"]
    return [tuple(c[k] for k in ("change", "column", "from", "to") if c.get(k)) for c in stream["schema_changes"]]


@pytest.mark.parametrize("sql,want", [
    ("ALTER TABLE t RENAME a TO c", [("column_renamed", "c", "a", "c")]),
    ("ALTER TABLE t RENAME a TO z; ALTER TABLE t RENAME b TO a; ALTER TABLE t RENAME z TO b",
     [("column_renamed", "b", "a", "b"), ("column_renamed", "a", "b", "a")]),
    ("ALTER TABLE t DROP b; ALTER TABLE t RENAME a TO b", [("column_renamed", "b", "a", "b"), ("column_dropped", "b", "string")]),
    ("ALTER TABLE t RENAME a TO c; ALTER TABLE t ADD a int", [("column_renamed", "c", "a", "c"), ("column_added", "a", "integer"),
                                                            ("type_changed", "a", "string", "integer")]),
    ("ALTER TABLE t RENAME a TO c; ALTER TABLE t ALTER c TYPE int USING 1", [("column_renamed", "c", "a", "c")]),
    # The controls: made anew its columns have other numbers, and names count.
    ("DROP TABLE t; " + COLUMNS + "GRANT SELECT ON t TO mill", []),
    ("DROP TABLE t; CREATE TABLE t AS SELECT 1 AS id, 'x' AS c, 'y' AS b; GRANT SELECT ON t TO mill",
     [("column_added", "c", "string"), ("column_dropped", "a", "string")]),
    ("ALTER TABLE t DROP a; ALTER TABLE t ADD a text", [("columns_reordered",)]),
], ids=range(8))
def test_a_number_tells_a_rename(project, postgres, sql, want):
    url = postgres.database("columns", COLUMNS)
    project.pipeline(url)
    project.run()
    assert changes(project) == []
    postgres.psql("columns", sql + ";")
    assert changes(project) == want
    assert changes(project, "run") == want
    assert changes(project) == [], "and it is said once"


def test_the_number_goes_along_with_select_and_rename(project, postgres):
    url = postgres.database("columns_steps", COLUMNS)
    project.pipeline(url, extra="transformers:\n  - select: [b, a]\n  - rename: {a: label}\n")
    project.run()
    postgres.psql("columns_steps", "ALTER TABLE t RENAME a TO c;")
    project.pipeline(url, extra="transformers:\n  - select: [b, c]\n  - rename: {c: label}\n")
    assert changes(project) == []
    project.pipeline(url, extra="transformers:\n  - select: [b, c]\n")
    assert changes(project) == [("column_renamed", "c", "label", "c")]
