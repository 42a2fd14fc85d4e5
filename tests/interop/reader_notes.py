"""What readers.json says of each reader and feature, and docs/readers.md made of it."""

import json
import os

from conftest import ROOT

STORE, PAGE = ROOT / "tests/interop/readers.json", ROOT / "docs/readers.md"
HEAD = """# Who reads what

Made by `tests/interop` from what readers did; a test fails when this page is stale, and `make docs` writes it anew
(`MR_UPDATE_DOCS=1 make nightly` for Spark 3.5). *yes*: every value came back as the source prints
it. A number: the reader refused, in the words below, or is known to be wrong where they say so; any other wrong value is a failed
test. Every file has a page index, and every table of types a column `_rescued`, which all of them read.

"""


def stored():
    return json.loads(STORE.read_text()) if STORE.exists() else {}


def page(notes):
    """The page as text."""
    readers = sorted(notes)
    features = sorted({f for n in notes.values() for f in n["features"]})
    heads = [f"{r} {notes[r]['version']}".strip() for r in readers]
    refusals, lines = [], [f"| | {' | '.join(heads)} |", "|---" * (len(readers) + 1) + "|"]
    for f in features:
        cells = []
        for r in readers:
            said = notes[r]["features"].get(f, "not asked")
            if said not in ("yes", "not asked"):
                refusals.append(f"{len(refusals) + 1}. {r}, {f}: `{said}`")
                said = f"{'partly' if said.startswith('wrong') else 'refuses'} ({len(refusals)})"
            cells.append(said)
        lines.append(f"| {f} | {' | '.join(cells)} |")
    text = HEAD + "\n".join(lines) + "\n"
    return text + ("\n## What they said\n\n" + "\n".join(refusals) + "\n" if refusals else "")


def settle(ran):
    """ran: {reader: {version, features}} of this session. Writes with MR_UPDATE_DOCS; else '' or what is stale."""
    notes = {**stored(), **ran}
    if os.environ.get("MR_UPDATE_DOCS"):
        STORE.write_text(json.dumps(notes, indent=1, sort_keys=True) + "\n")
        PAGE.write_text(page(notes))
        return ""
    stale = [r for r in ran if stored().get(r) != ran[r]]
    if stale or not PAGE.exists() or PAGE.read_text() != page(notes):
        return f"docs/readers.md is stale ({', '.join(stale) or 'the page'}): make docs writes it anew"
    return ""
