"""Paths into JSON documents: the part of a column that a statement reads."""

from __future__ import annotations

import pytest

from prefect_lineage_events.sql import analyze


def parts(sql: str, dialect: str, target: str = "") -> set[str]:
    """The parts of columns that go into a column of the result, or that decide over rows (`*`)."""
    (statement,) = analyze(sql, dialect=dialect)
    edges = (*statement.columns, *statement.indirect)
    return {edge.source_part for edge in edges if not target or edge.target_column.lower() == target}


@pytest.mark.parametrize(
    ("dialect", "expression", "part"),
    [
        ("snowflake", "payload:state", "PAYLOAD:state"),
        ("snowflake", "payload:customer.name::string", "PAYLOAD:customer.name"),
        ("snowflake", "payload['customer']['name']", "PAYLOAD:customer.name"),
        ("snowflake", "payload:items[0].price", "PAYLOAD:items[0].price"),
        ("snowflake", "r.payload:state", "PAYLOAD:state"),
        ("snowflake", "get_path(payload, 'customer.name')", "PAYLOAD:customer.name"),
        ("snowflake", "parse_json(payload):customer.name", "PAYLOAD:customer.name"),
        ("duckdb", "json_extract(payload, '$.items[*].price')", "payload:items[].price"),
        ("postgres", "payload -> 'customer' ->> 'name'", "payload:customer.name"),
        ("postgres", "payload #>> '{items,0,price}'", "payload:items[0].price"),
        ("postgres", "payload::jsonb ->> 'state'", "payload:state"),
        ("postgres", "(payload ->> 'doc')::jsonb ->> 'name'", "payload:doc.name"),
        ("postgres", "jsonb_extract_path_text(payload, 'customer', 'name')", "payload:customer.name"),
        ("postgres", "payload['customer']['name']", "payload:customer.name"),
        ("duckdb", "json_extract(payload, '$.customer.name')", "payload:customer.name"),
        ("duckdb", "json_extract_string(payload, '$.items[0].price')", "payload:items[0].price"),
        ("duckdb", "payload ->> '$.state'", "payload:state"),
        ("duckdb", "unnest(payload -> '$.items')", "payload:items"),
        ("sqlite", "json_extract(payload, '$.customer.name')", "payload:customer.name"),
        ("sqlite", "payload ->> 'state'", "payload:state"),
        ("bigquery", "JSON_VALUE(payload, '$.customer.name')", "payload:customer.name"),
        ("bigquery", "JSON_QUERY(payload, '$.items')", "payload:items"),
        ("bigquery", "JSON_VALUE(PARSE_JSON(payload), '$.state')", "payload:state"),
        ("mysql", "payload ->> '$.customer.name'", "payload:customer.name"),
        ("mysql", "JSON_UNQUOTE(JSON_EXTRACT(payload, '$.state'))", "payload:state"),
        ("tsql", "JSON_VALUE(payload, '$.customer.name')", "payload:customer.name"),
        ("databricks", "payload:items[0]:price", "payload:items[0].price"),
        ("databricks", "get_json_object(payload, '$.customer.name')", "payload:customer.name"),
        ("redshift", "json_extract_path_text(payload, 'customer', 'name')", "payload:customer.name"),
        ("trino", "json_extract_scalar(payload, '$.customer.name')", "payload:customer.name"),
        ("clickhouse", "JSONExtractString(payload, 'customer', 'name')", "payload:customer.name"),
        ("oracle", "JSON_VALUE(payload, '$.customer.name')", "PAYLOAD:customer.name"),
    ],
)
def test_the_path_of_each_dialect_is_read(dialect, expression, part):
    assert parts(f"SELECT {expression} AS x FROM raw r", dialect, "x") == {part}


@pytest.mark.parametrize(
    ("expression", "part"),
    [
        ("upper(payload ->> 'name')", "payload:name"),
        ("sum((payload ->> 'amount')::numeric)", "payload:amount"),
        ("CASE WHEN payload ->> 'kind' = 'a' THEN 1 END", "payload:kind"),
        ("row_number() OVER (ORDER BY payload ->> 'at')", "payload:at"),
        ("coalesce(payload ->> 'name', '?')", "payload:name"),
        ("f(payload -> 'items')", "payload:items"),
        ("f(1, payload -> 'items' ->> 'sku')", "payload:items.sku"),
        ("jsonb_array_elements(payload -> 'items') ->> 'sku'", "payload:items[].sku"),
        ("count(payload -> 'items')", "payload:items"),
    ],
)
def test_a_path_stays_through_what_is_made_of_its_value(expression, part):
    assert parts(f"SELECT {expression} AS x FROM raw", "postgres", "x") == {part}


@pytest.mark.parametrize(
    ("dialect", "expression"),
    [
        ("duckdb", "list_transform(l, x -> 'a')"),
        ("spark", "transform(l, x -> 1)"),
        ("snowflake", "transform(l, x -> 'q')"),
        ("trino", "transform(l, x -> 'q')"),
    ],
)
def test_a_lambda_opens_nothing(dialect, expression):
    assert {part.lower() for part in parts(f"SELECT {expression} AS y FROM t", dialect, "y")} == {"l"}


def test_paths_decide_over_rows():
    sql = "SELECT a FROM raw JOIN u ON u.id = raw.payload ->> 'id' WHERE raw.payload ->> 'kind' = 'x'"
    assert parts(sql, "postgres", "*") >= {"payload:kind", "payload:id"}


def test_two_paths_of_a_column_are_two_edges():
    sql = "SELECT payload:first || ' ' || payload:last AS name FROM raw"
    assert parts(sql, "snowflake", "name") == {"PAYLOAD:first", "PAYLOAD:last"}


@pytest.mark.parametrize(
    ("inner", "outer", "part"),
    [
        ("payload:customer", "c:name", "PAYLOAD:customer.name"),
        ("payload:items", "c[0].price", "PAYLOAD:items[0].price"),
        ("payload", "c:customer.name", "PAYLOAD:customer.name"),
        ("payload:customer", "parse_json(c:doc):name", "PAYLOAD:customer.doc.name"),
        ("payload:customer", "c", "PAYLOAD:customer"),
        ("upper(payload:customer)", "c:name", "PAYLOAD:customer"),
        ("upper(payload)", "c:name", "PAYLOAD"),
        ("coalesce(payload:customer, payload:client)", "c:name", "PAYLOAD:customer|PAYLOAD:client"),
    ],
)
def test_a_path_goes_on_through_a_query_as_far_as_the_value_is_unchanged(inner, outer, part):
    sql = f"WITH s AS (SELECT {inner} AS c FROM raw) SELECT {outer} AS x FROM s"
    assert parts(sql, "snowflake", "x") == set(part.split("|"))


@pytest.mark.parametrize(
    ("dialect", "expression", "part"),
    [
        ("postgres", "payload -> key", "payload"),
        ("postgres", "payload -> 'customer' -> key", "payload:customer"),
        ("postgres", "payload ->> 'ann@example.com'", "payload"),
        ("postgres", "payload ->> '4711000123'", "payload"),
        ("postgres", "payload -> 'customers' ->> 'id-123456789'", "payload:customers"),
        ("postgres", "payload -> 'urls' ->> 'https://x.y/z?sig=abc'", "payload:urls"),
        ("postgres", f"payload ->> '{'k' * 65}'", "payload"),
        ("sqlite", "json_extract(payload, '$.a', '$.b')", "payload"),
        ("duckdb", "(payload -> '$.items[*]') -> 'price'", "payload:items[]"),
        ("duckdb", "json_extract(payload, '$..price')", "payload"),
        ("duckdb", "tags[1]", "tags"),
        ("postgres", "f(payload) ->> 'name'", "payload"),
    ],
)
def test_a_path_ends_before_what_is_not_known_or_may_be_a_value(dialect, expression, part):
    assert part in parts(f"SELECT {expression} AS x FROM raw", dialect, "x")
    assert all(found in (part, "key") for found in parts(f"SELECT {expression} AS x FROM raw", dialect, "x"))


def test_a_long_path_ends():
    steps = " -> ".join(f"'step {chr(97 + n)}'" for n in range(26))
    (part,) = parts(f"SELECT payload -> {steps} AS x FROM raw", "postgres", "x")
    assert part.startswith("payload:step a.step b.")
    assert len(part) <= 210


def test_field_of_a_struct_stays_a_part_of_the_columns_name():
    assert parts("SELECT address.city AS x FROM raw", "bigquery", "x") == {"address.city"}


def test_a_value_of_the_program_has_no_path():
    (statement,) = analyze("INSERT INTO t (a) SELECT %s::jsonb ->> 'a'", dialect="postgres")
    assert statement.columns == ()
    assert dict(statement.bound) == {statement.outputs[0]: ("a",)}


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO m (x) SELECT payload ->> 'a' FROM raw",
        "UPDATE m SET x = raw.payload ->> 'a' FROM raw",
        "CREATE VIEW m AS SELECT payload ->> 'a' AS x FROM raw",
        "MERGE INTO m USING raw ON m.id = raw.id WHEN MATCHED THEN UPDATE SET x = raw.payload ->> 'a'",
        "INSERT INTO m (x) VALUES (1) ON CONFLICT (x) DO UPDATE SET x = excluded.x RETURNING 1",
    ],
)
def test_every_write_has_its_paths(sql):
    expected = {"payload:a"} if "payload" in sql else set()
    assert {part for part in parts(sql, "postgres", "x") if part.startswith("payload")} == expected
