"""What the tests of `check` share: findings by kind, and golden texts of a doctor's output with what differs by machine masked."""

import json
import os
import re

from conftest import ROOT

SCHEMA = json.loads((ROOT / "docs/reference/check.schema.json").read_text())


def findings(result, check=None, verdict=None):
    return [f for f in json.loads(result.out)["findings"]
            if (check is None or f["check"] == check) and (verdict is None or f["verdict"] == verdict)]


def masked(project, text, *more):
    for what, word in [*more, (str(project.dir), "PROJECT")]:
        text = text.replace(what, word)
    text = re.sub(r"port \d{4,5}|(PGSQL)\.\d{4,5}", lambda m: "PGSQL.PORT" if m.group(1) else "port PORT", text)
    text = re.sub(r"PostgreSQL \d+\.\d+", "PostgreSQL VERSION", text)
    text = re.sub(r"\d+(\.\d)? [kMGT]B free", "ROOM free", text)
    return re.sub(r"process \d+ on \S+ since \S+", "process N on HOST since TIME", text)


def trouble(text):
    """Only the lines that are not well, each with its fix, and the last line."""
    out, keep = [], False
    for line in text.splitlines(keepends=True):
        keep = keep if line.startswith("    ") else not line.startswith("✓")
        out += [line] if keep else []
    return "".join(out)


def compare(name, got):
    """Golden text: MR_GOLDEN=write renews it. got: {case: text}."""
    path = ROOT / "tests" / "golden" / name
    if os.environ.get("MR_GOLDEN") == "write":
        path.write_text("".join(f"=== {n}\n{t}" for n, t in got.items()))
    text = path.read_text() if path.exists() else ""
    assert got == dict(re.findall(r"^=== (.*?)\n(.*?)(?=^=== |\Z)", text, re.M | re.S))
