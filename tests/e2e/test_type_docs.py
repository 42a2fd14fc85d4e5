"""docs/types.md has the tables of types that the program makes of its decoders' own: `millrace help types`."""

import os
import re

from conftest import ROOT

PAGE = ROOT / "docs" / "types.md"
TABLE = re.compile(r"^\| (?:type|declared) \| in Delta \|.*\n(?:\|.*\n)+", re.M)


def tables(text):
    return TABLE.findall(text)


def test_the_tables_are_what_the_program_says(project):
    lite, pg = tables(project.millrace("help", "types").out)
    assert len(lite.splitlines()) > 10 and len(pg.splitlines()) > 35
    if os.environ.get("MR_UPDATE_DOCS"):
        new = iter([pg, lite])
        PAGE.write_text(TABLE.sub(lambda _: next(new), PAGE.read_text()))
    assert tables(PAGE.read_text()) == [pg, lite], "docs/types.md is stale: make docs writes it anew"


def test_a_table_that_is_stale_is_seen():
    pg = tables(PAGE.read_text())[0]
    assert tables(PAGE.read_text().replace("| bytea | binary |", "| bytea | string |"))[0] != pg
