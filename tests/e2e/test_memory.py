"""The least memory that is named is enough, and a run stays inside it."""

import re
import sqlite3

import pytest
from conftest import SANITIZED


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's memory is not the program's")
@pytest.mark.parametrize("columns,rows,kind,value", [(1500, 12000, "INTEGER", "(x * {i}) % 100003"), (150, 12000, "TEXT", "hex(x * {i}) || substr('{pad}', x % 40)"),
                                                     (3, 100, "INTEGER", "x")], ids=["integers", "texts", "few"])
def test_the_least_named_is_enough(project, tmp_path, columns, rows, kind, value):
    db = sqlite3.connect(tmp_path / "w.db")
    db.execute(f"CREATE TABLE w ({', '.join(f'c{i} {kind}' for i in range(columns))})")
    cells = ", ".join(value.format(i=i + 1, pad="x" * 40) for i in range(columns))
    db.execute(f"INSERT INTO w WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {rows}) SELECT {cells} FROM n")
    db.commit()
    db.close()
    project.pipeline(tmp_path / "w.db", extra="memory: 17MB\n")
    said = project.run(code=1).err
    least = int(re.search(r"at least (\d+) MB", said)[1])
    assert f"set memory: {least}MB or more" in said
    project.pipeline(tmp_path / "w.db", extra=f"memory: {least}MB\n")
    run = project.run()
    assert run.report["rows"] == rows and run.report["peak_memory_bytes"] <= least * 1_000_000
