"""What bench/bench prints: from runs to tables. Nothing here measures."""

import statistics

from lib import Spread

WALL = lambda a, b: b["wall"] / a["wall"]
OWN_CPU = lambda a, b: b["client_cpu"] / b["server_cpu"]
CLIENT_CPU = lambda a, b: b["client_cpu"] / a["client_cpu"]
RAW_RATIOS, PEER_RATIOS = (WALL, OWN_CPU), (WALL, CLIENT_CPU)
# at most; lineitem, and the other tables
CPU_BAR, BEST_BAR, PEAK_BAR, WALL1_BAR, WALL2_BAR = (0.45, 0.6), (0.5, 0.7), (150, 120), 1.08, 1.28
HEAD = ("| | wall, x raw of as many connections | client CPU | client / server CPU | rows per client CPU s | longest statement at the source "
        "| peak memory | written | codec, durability |\n|---|---|---|---|---|---|---|---|---|")
NOTE = """
Everybody is asked for zstd level 1 who can be asked (dlt's Delta tables cannot); the codec is what the footers of the files say. Durability differs, in the peers' favour: millrace
syncs files, folders and log to disk before it is done, no peer does. Written: all files that a run leaves, a peer's working copies
with them. Longest statement: by the server's log; a COPY ends when its last row is sent. Where the quartiles are further apart than
10 % of the median, there were 9 pairs more; where they still are, it says noisy."""


class Side:
    """Runs of one program: the median of each figure."""

    def __init__(self, label, runs, variant=None, connections=1, synced=False):
        self.label, self.n, self.variant, self.connections, self.synced = label, len(runs), variant, connections, synced
        for k in ("wall", "client_cpu", "server_cpu", "peak", "bytes", "longest"):
            setattr(self, k, statistics.median(r[k] for r in runs))
        self.codec = runs[0].get("codec")

    def row(self, rows, raw):
        return (f"| {self.label} | {self.wall:.1f} s, {self.wall / raw.wall:.2f}x | {self.client_cpu:.1f} s | {self.client_cpu / self.server_cpu:.2f} "
                f"| {rows / self.client_cpu / 1e6:.2f} M | {self.longest:.1f} s | {self.peak / 1e6:.0f} MB | {self.bytes / 1e6:.0f} MB "
                f"| {self.codec}, {'synced' if self.synced else 'not synced'} |")


class Table:
    def __init__(self, name, rows, one, two, others):
        self.name, self.rows, self.one, self.two = name, rows, one, two
        self.raw = {n: Side(f"raw {n}", [p[0] for p in pairs], connections=n) for n, pairs in ((1, one), (2, two))}
        self.ours = {n: Side(f"**millrace → Delta**, {n} connection{'s' if n > 1 else ''}", [p[1] for p in pairs], None, n, True)
                     for n, pairs in ((1, one), (2, two))}
        self.others = sorted(others, key=lambda s: s.client_cpu)
        self.best = self.others[0] if others else None
        self.mine = min(self.ours.values(), key=lambda s: s.client_cpu)
        self.peer_pairs = []

    def figures(self):
        one, two = self.raw[1], self.raw[2]
        lines = [f"\n**{self.name}**, {self.rows:,} rows, {one.bytes / 1e6:,.0f} MB as COPY BINARY\n", HEAD,
                 f"| raw COPY BINARY, 1 / 2 connections | {one.wall:.1f} / {two.wall:.1f} s | {one.client_cpu:.1f} / {two.client_cpu:.1f} s "
                 f"| {one.client_cpu / one.server_cpu:.2f} / {two.client_cpu / two.server_cpu:.2f} | | {one.longest:.1f} / {two.longest:.1f} s | | | |"]
        return lines + [s.row(self.rows, self.raw[s.connections]) for s in [*self.ours.values(), *self.others]]

    def spreads(self):
        """(what, spread, bar or None): each ratio of pairs."""
        wide = self.name == "lineitem"
        at = lambda bar: bar[0 if wide else 1]
        out = [("wall, 1 connection, x raw", Spread(WALL(*p) for p in self.one), WALL1_BAR if wide else None),
               ("wall, 2 connections, x raw", Spread(WALL(*p) for p in self.two), WALL2_BAR if wide else None),
               ("client CPU / server CPU", Spread(OWN_CPU(*p) for p in self.one + self.two), at(CPU_BAR))]
        if self.peer_pairs:
            who = f"{self.best.variant}; millrace with {self.mine.connections} connection{'s' if self.mine.connections > 1 else ''}"
            out += [(f"client CPU / best peer's ({who})", Spread(CLIENT_CPU(*p) for p in self.peer_pairs), at(BEST_BAR)),
                    (f"wall / best peer's ({who})", Spread(WALL(*p) for p in self.peer_pairs), None)]
        return out

    def bars(self):
        lines = []
        for what, spread, limit in self.spreads():
            lines.append(f"| {self.name}: {what} | {spread} | {spread.n} | {limit or ''} | {verdict(spread.median, limit)} |")
        peak, limit = self.ours[2].peak / 1e6, PEAK_BAR[0 if self.name == "lineitem" else 1]
        if self.name != "text":
            lines.append(f"| {self.name}: peak memory, 2 workers, MB | {peak:.0f} | {self.ours[2].n} | {limit} | {verdict(peak, limit)} |")
        return lines


def verdict(value, limit):
    return "" if limit is None else "✓" if value <= limit else "✗"


def figures(tables):
    lines = [line for t in tables for line in t.figures()] + [NOTE]
    lines += ["\n| ratio | median of pairs [quartiles] | pairs | at most | |", "|---|---|---|---|---|"]
    return "\n".join(lines + [line for t in tables for line in t.bars()])


def appendix(commands, failed, peers):
    lines = ["\nCommand lines:\n", "```text"] + [f"{name}: {text}" for name, text in commands.items()] + ["```",
             "\nThe variants (KEY is l_orderkey, else id):\n", "```text"]
    lines += [f"{name}: {text}" for name, (_, text, _) in peers.VARIANTS.items()] + ["```", "\nNot run:\n",
             "| peer | why | known: lineitem of 5,998,941 rows on two cores, one to three runs |", "|---|---|---|"]
    lines += [f"| {who} | {why} | {known} |" for who, why, known in peers.NOT_RUN]
    if failed:
        lines += ["\nFailed:\n", "```text"] + [f"{key}: {' '.join(text.split())[-300:]}" for key, text in failed.items()] + ["```"]
    return "\n".join(lines)
