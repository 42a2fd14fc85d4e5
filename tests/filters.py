"""Random filters over columns i, d, r, s, b, day, at; SQLite and PostgreSQL understand them as millrace does."""

COLUMNS = ["i", "d", "r", "s", "b", "day", "at"]


def literal(rng, column):
    if column == "i":
        return rng.choice(["0", "3", "-2", "2.5", "1e0", "-5.000", "99999999999999999999"])
    if column == "d":
        return rng.choice(["0", "12.25", "-50.5", "1e1", "0.125", "100.001"])
    if column == "r":
        return rng.choice(["0", "0.125", "-1.5", "2"])
    if column == "s":
        return rng.choice(["''", "'a'", "'A'", "'é'", "'z''q'", "'zz'"])
    if column == "b":
        return rng.choice(["true", "false"])
    if column == "day":
        return rng.choice(["'2023-05-15'", "'2020-01-10'", "'2026-09-19'"])
    return rng.choice(["'2026-01-05 05:30:00'", "'2026-01-01 00:30:00'"])


def condition(rng, depth=0):
    kind = rng.random()
    if depth < 3 and kind < 0.45:
        left, right = condition(rng, depth + 1), condition(rng, depth + 1)
        return f"({left} {rng.choice(['and', 'OR'])} {right})" if rng.random() < 0.7 else f"not ({left})"
    c = rng.choice(COLUMNS)
    op = rng.choice(["=", "<>", "!=", "<", "<=", ">", ">="])
    if kind < 0.6:
        return f"{c} is {rng.choice(['', 'not '])}null"
    if kind < 0.75:
        return f"{c} {rng.choice(['', 'NOT '])}in ({', '.join(literal(rng, c) for _ in range(rng.randint(1, 4)))})"
    if kind < 0.8:
        return "b"
    if kind < 0.9:
        return f"{literal(rng, c)} {op} {c}"
    return f'"{c}" {op} {literal(rng, c)}'
