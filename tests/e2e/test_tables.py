"""tables, columns and policies of a pipeline file: what lands is read by delta-rs and compared with the file's words."""

import copy
import json
import sqlite3

import jsonschema
import pyarrow.parquet as pq
import pytest
from conftest import ROOT


def test_columns_are_skipped_ordered_and_required(project, shop_db):
    project.pipeline(shop_db, consumer="""  tables:
    customers:
    orders:
      columns:
        customer: skip
        at: {order: 2}
        total: {order: 1, required: true}
""")
    project.run()
    table = project.table("shop/orders")
    assert [(f.name, f.nullable) for f in table.schema().fields] == [("total", False), ("at", True), ("id", True)]
    rows = project.rows("shop/orders")
    assert rows.num_rows == 1000
    first = rows.sort_by("id").slice(0, 1).to_pylist()[0]
    assert (str(first["total"]), first["id"], first["at"].isoformat()) == ("1.25", 1, "2026-01-02T10:00:00.500000")
    assert project.rows("shop/customers").column_names == ["id", "name", "vip"]


def test_order_follows_the_source_s_names_through_transformers(project, shop_db):
    project.pipeline(shop_db, consumer="  tables: {orders: {columns: {at: {order: 1}}}}\n",
                     extra="transformers:\n  - rename: {at: \"day, time\", id: at}\n  - filter: at > 990\n")
    project.run()
    rows = project.rows("shop/orders")
    assert rows.column_names == ["day__time", "at", "customer", "total"]
    assert sorted(rows.column("at").to_pylist()) == list(range(991, 1001))


def test_a_table_s_own_write(project, shop_db):
    project.pipeline(shop_db, consumer="  tables:\n    customers: {write: append}\n    orders:\n")
    plan = project.millrace("plan", "shop.yml").out
    assert "shop/customers, appended," in plan and "shop/orders, protocol" in plan
    project.run()
    project.run()
    assert project.rows("shop/customers").num_rows == 200
    assert project.rows("shop/orders").num_rows == 1000


def test_defaults_of_the_project(project, shop_db):
    """millrace.yml's defaults hold for each pipeline that says nothing else; keys of other sources are not for it."""
    (project.dir / "millrace.yml").write_text("""lake: ./lake
defaults:
  memory: 64MB
  consumer: {workers: 1, sslmode: require}
  loader: {path: "all/{table}", write: append}
""")
    project.pipeline(shop_db)
    project.run()
    project.run()
    assert project.rows("all/orders").num_rows == 2000
    assert "1 workers, memory 64 MB" in project.millrace("plan", "shop.yml").out
    project.pipeline(shop_db, name="own", ident=False, loader="  path: own/{table}\n  write: overwrite\n")
    project.run("own.yml")
    project.run("own.yml")
    assert project.rows("own/orders").num_rows == 1000


def test_an_interrupted_run_is_not_continued_under_other_defaults(project, shop_db):
    project.pipeline(shop_db)

    def killed_then_run():
        assert project.millrace("run", "shop.yml", fault="pipe.staged@1=kill", code=None).code < 0
        return project.millrace("run", "shop.yml", "--progress", "log").err

    (project.dir / "millrace.yml").write_text("lake: ./lake\n# no defaults\n")
    assert "configuration has changed" not in killed_then_run()
    assert project.millrace("run", "shop.yml", fault="pipe.staged@1=kill", code=None).code < 0
    (project.dir / "millrace.yml").write_text("lake: ./lake\ndefaults: {loader: {file_size: 64MB}}\n")
    assert "configuration has changed" in project.millrace("run", "shop.yml", "--progress", "log").err


def test_strict_is_an_option_of_run(project, shop_db):
    project.pipeline(shop_db)
    project.run("shop.yml", "--strict")
    assert "--strict" in project.millrace("help", "run").out


@pytest.mark.parametrize("topic, words", [
    ("tables", ["where", "query", "key", "on_bad_value", "write", "columns"]),
    ("columns", ["type", "required", "on_bad_value", "parquet", "field_id", "order"]),
    ("loader", ["on_bad_value", "names", "on_schema_change", "timestamps", "compression"]),
    ("consumer", ["url", "workers", "tables"]),
    ("pipeline", ["memory", "defaults", "consumer"])])
def test_help_and_schema_know_the_keys(project, topic, words):
    text = project.millrace("help", topic).out
    schema = json.loads((ROOT / "docs/reference/pipeline.schema.json").read_text())["properties"]
    entry = schema["consumer"]["properties"]["tables"]["anyOf"][1]["additionalProperties"]["anyOf"][1]["properties"]
    place = {"tables": entry, "columns": entry["columns"]["additionalProperties"]["anyOf"][1]["properties"],
             "loader": schema["loader"]["properties"], "consumer": schema["consumer"]["properties"], "pipeline": schema}[topic]
    for word in words:
        assert f"\n  {word} " in text and word in place, word
    assert "incremental" not in text and "merge" not in text


def test_where_pins_queries_and_utc_together(project, shop_db):
    """The file's own schema is read by pyarrow, the table by delta-rs, and the rows by sqlite3."""
    project.pipeline(shop_db, consumer="""  tables:
    orders:
      where: id <= 3
      columns: {customer: text, at: {parquet: int96, order: 1, required: true}}
    late: {query: "SELECT id AS k, at FROM orders WHERE id > 998", key: [k]}
""", loader="  timestamps: utc\n")
    project.run()
    fields = {f.name: (f.type.type, f.nullable) for f in project.table("shop/orders").schema().fields}
    assert fields == {"at": ("timestamp", False), "id": ("long", True), "customer": ("string", True), "total": ("decimal(12,2)", True)}
    file, = (project.lake / "shop/orders").glob("*.parquet")
    assert pq.ParquetFile(file).schema.column(0).physical_type == "INT96"
    want = [(f"{at}+00:00".replace(" ", "T").replace(".5", ".500000"), i, str(c))
            for at, i, c in sqlite3.connect(shop_db).execute("SELECT at, id, customer FROM orders WHERE id <= 3 ORDER BY id")]
    got = project.rows("shop/orders").sort_by("id").to_pylist()
    assert [(r["at"].isoformat(), r["id"], r["customer"]) for r in got] == want
    assert sorted(project.rows("shop/late").column("k").to_pylist()) == [999, 1000]


def pins(*lines):
    return "  tables:\n    orders:\n      columns:\n" + "".join(f"        {line}\n" for line in lines)


def parquet(project):
    file = max((project.lake / "shop/orders").glob("*.parquet"), key=lambda f: f.stat().st_mtime_ns)
    return pq.ParquetFile(file)


@pytest.mark.parametrize("lines, want", [
    ([], {"id": 1, "customer": 2, "total": 3, "at": 4}),
    (["total: {field_id: 77}"], {"id": 1, "customer": 2, "total": 77, "at": 4}),
    (["total: {field_id: 1}", "at: {field_id: 5}"], {"id": 6, "customer": 2, "total": 1, "at": 5}),
    (["total: {field_id: 4, order: 1}", "at: {field_id: 3}"], {"total": 4, "id": 2, "customer": 5, "at": 3})])
def test_field_ids_are_the_pinned_ones_and_no_two_are_one(project, shop_db, lines, want):
    project.pipeline(shop_db, consumer=pins(*lines) if lines else "")
    project.run()
    schema = parquet(project).schema_arrow
    assert {f.name: int(f.metadata[b"PARQUET:field_id"]) for f in schema} == want


def test_a_null_in_a_required_column_fails_its_table(project, shop_db):
    project.pipeline(shop_db, consumer=pins("customer: {required: true}"))
    project.run()
    column = parquet(project).schema.column(1)
    assert (column.name, column.max_definition_level) == ("customer", 0) and parquet(project).schema.column(0).max_definition_level == 1
    with sqlite3.connect(shop_db) as db:
        db.execute("UPDATE orders SET customer = NULL WHERE id = 7")
    db.close()
    error = project.run(code=1).stream("orders")["error"]
    assert error["code"] == "MR-E-PQ02" and "customer is required, and row 7" in error["message"] and "required: true" in error["advice"]
    assert project.table("shop/orders").version() == 0 and project.rows("shop/orders").column("customer").null_count == 0
    project.pipeline(shop_db, consumer=pins("customer: {required: false}"))
    project.run()
    assert project.rows("shop/orders").column("customer").null_count == 1, "the control"


@pytest.mark.parametrize("topic", ["tables", "columns"])
def test_the_examples_of_help_are_read(project, topic):
    """Up to the source, which is not there."""
    text = project.millrace("help", topic).out
    example = text[text.index(f"  {topic}:\n"):text.index(f"\n{topic}: settings")]
    if topic == "columns":
        example = "  tables:\n    orders:\n" + "".join(f"    {line}\n" for line in example.splitlines())
    project.pipeline("gone.db", consumer=example.rstrip() + "\n")
    assert "LITE" in project.millrace("plan", "shop.yml", code=None).err


FULL = {"pipeline": "shop", "defaults": {"memory": "64MB", "loader": {"write": "append"}},
        "consumer": {"url": "shop.db", "tables": {
            "*": None, "customers": "skip",
            "orders": {"where": "id > 1", "on_bad_value": "null", "write": "overwrite", "columns": {
                "customer": "skip", "total": "decimal(12,2)",
                "at": {"type": "timestamp", "parquet": "int96", "required": True, "on_bad_value": "clamp", "order": 1, "field_id": 7}}},
            "recent": {"query": "SELECT 1 AS id", "key": ["id"]}}},
        "loader": {"on_bad_value": "round", "names": "exact", "on_schema_change": "freeze", "timestamps": "utc"}}


def test_the_schema_takes_what_the_program_takes(project):
    """JSON is YAML: one document for both. The program is asked up to the source, which is not there."""
    schema = json.loads((ROOT / "docs/reference/pipeline.schema.json").read_text())
    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)

    def both(doc):
        (project.dir / "shop.yml").write_text(json.dumps(doc))
        return validator(schema).is_valid(doc), project.millrace("plan", "shop.yml", code=None)

    valid, said = both(FULL)
    assert valid and "LITE" in said.err, said
    for path, value in [("at.parquet", "int97"), ("at.required", "yes"), ("at.ordr", 1), ("orders.write", "merge"),
                        ("orders.filter", "x"), ("customers", 5), ("loader.names", "odd"), ("defaults.pipeline", "x")]:
        doc = copy.deepcopy(FULL)
        tables = doc["consumer"]["tables"]
        places = {"at": tables["orders"]["columns"]["at"], "orders": tables["orders"], "loader": doc["loader"], "defaults": doc["defaults"]}
        where, _, key = path.partition(".")
        (places[where] if key else tables)[key or where] = value
        valid, said = both(doc)
        assert not valid and "MR-E-SPEC0" in said.err and said.code == 2, (path, said)
