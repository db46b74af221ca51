"""Paths into JSON documents through functions that make rows of them."""

from __future__ import annotations

import pytest

from tests.sql.columns.test_json_paths import parts

ELEMENTS = [
    ("snowflake", "f.value:sku::string", "raw r, LATERAL FLATTEN(input => r.payload:items) f", "PAYLOAD:items[].sku"),
    ("snowflake", "value:sku", "raw, TABLE(FLATTEN(raw.payload:items))", "PAYLOAD:items[].sku"),
    ("snowflake", "f.value:sku", "raw r, LATERAL FLATTEN(r.payload, 'items') f", "PAYLOAD:items[].sku"),
    ("snowflake", "f.value:sku", "raw r, LATERAL FLATTEN(input => r.payload, path => 'a.b') f", "PAYLOAD:a.b[].sku"),
    ("snowflake", "f.value:sku", "raw r, LATERAL FLATTEN(input => r.payload, outer => TRUE) f", "PAYLOAD[].sku"),
    ("snowflake", "f.value:sku", "raw r, LATERAL FLATTEN(input => parse_json(r.payload)) f", "PAYLOAD[].sku"),
    ("snowflake", "f.value", "raw r, LATERAL FLATTEN(input => r.payload:items) f", "PAYLOAD:items[]"),
    ("snowflake", "f.this:count", "raw r, LATERAL FLATTEN(input => r.payload:items) f", "PAYLOAD:items.count"),
    ("postgres", "i ->> 'sku'", "raw r, jsonb_array_elements(r.payload -> 'items') i", "payload:items[].sku"),
    ("postgres", "value ->> 'sku'", "raw r, json_array_elements(r.payload -> 'items')", "payload:items[].sku"),
    (
        "postgres",
        "i.line ->> 'sku'",
        "raw r CROSS JOIN LATERAL jsonb_array_elements(r.payload -> 'items') WITH ORDINALITY AS i (line, n)",
        "payload:items[].sku",
    ),
    ("postgres", "e.value ->> 'sku'", "raw r, jsonb_each(r.payload -> 'items') e", "payload:items[].sku"),
    ("postgres", "jsonb_array_elements(r.payload -> 'items') ->> 'sku'", "raw r", "payload:items[].sku"),
    (
        "postgres",
        "t.sku",
        "raw r, jsonb_to_recordset(r.payload -> 'items') AS t(sku text, n int)",
        "payload:items[].sku",
    ),
    ("postgres", "t.sku", "raw r, jsonb_to_record(r.payload -> 'item') AS t(sku text, n int)", "payload:item.sku"),
    (
        "postgres",
        "t.s",
        "raw r, JSON_TABLE(r.payload, '$.items[*]' COLUMNS (s text PATH '$.sku')) t",
        "payload:items[].sku",
    ),
    ("sqlite", "j.value ->> 'sku'", "raw r, json_each(r.payload, '$.items') j", "payload:items[].sku"),
    ("sqlite", "json_extract(value, '$.sku')", "raw r, json_each(r.payload -> 'items')", "payload:items[].sku"),
    ("sqlite", "value ->> 'sku'", "raw r, json_each(r.payload)", "payload[].sku"),
    ("duckdb", "j.value ->> 'sku'", "raw r, json_each(r.payload, '$.items') j", "payload:items[].sku"),
    (
        "duckdb",
        "i ->> 'sku'",
        """raw r, unnest(from_json(r.payload -> 'items', '["json"]')) t(i)""",
        "payload:items[].sku",
    ),
    ("duckdb", "i.sku", "raw r, unnest(r.items) t(i)", "items[].sku"),
    (
        "mysql",
        "t.s",
        "raw r, JSON_TABLE(r.payload, '$.items[*]' COLUMNS (n FOR ORDINALITY, s VARCHAR(20) PATH '$.sku')) t",
        "payload:items[].sku",
    ),
    (
        "mysql",
        "t.s",
        "raw r, JSON_TABLE(r.payload, '$.a[*]' COLUMNS (NESTED PATH '$.b[*]' COLUMNS (s INT PATH '$.c'))) t",
        "payload:a[].b[].c",
    ),
    (
        "tsql",
        "j.code",
        "raw r CROSS APPLY OPENJSON(r.payload, '$.items') WITH (code VARCHAR(20) '$.item.sku', n INT) j",
        "payload:items[].item.sku",
    ),
    ("tsql", "j.sku", "raw r CROSS APPLY OPENJSON(r.payload, '$.items') WITH (sku INT) j", "payload:items[].sku"),
    ("tsql", "JSON_VALUE(j.value, '$.sku')", "raw r CROSS APPLY OPENJSON(r.payload, '$.items') j", "payload:items[].sku"),
    ("bigquery", "JSON_VALUE(i, '$.sku')", "raw r, UNNEST(JSON_QUERY_ARRAY(r.payload, '$.items')) i", "payload:items[].sku"),
    ("bigquery", "JSON_VALUE(i, '$.sku')", "raw r, UNNEST(JSON_EXTRACT_ARRAY(r.payload, '$.items')) AS i WITH OFFSET n", "payload:items[].sku"),
    ("bigquery", "i", "raw r, UNNEST(JSON_VALUE_ARRAY(r.payload, '$.tags')) AS i", "payload:tags[]"),
    ("bigquery", "i.sku", "raw r, UNNEST(r.items) AS i", "items[].sku"),
    ("bigquery", "i.item.sku", "raw r CROSS JOIN r.items AS i", "items[].item.sku"),
    ("databricks", "i:sku", "raw r LATERAL VIEW explode(from_json(r.payload:items, 'array<string>')) t AS i", "payload:items[].sku"),
    ("trino", "json_extract_scalar(i, '$.sku')", "raw r CROSS JOIN UNNEST(CAST(json_extract(r.payload, '$.items') AS ARRAY(JSON))) AS t(i)", "payload:items[].sku"),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "expression", "source", "part"), ELEMENTS)
def test_path_goes_on_into_the_rows_of_a_document(dialect, expression, source, part):
    assert parts(f"SELECT {expression} AS x FROM {source}", dialect, "x") == {part}


@pytest.mark.parametrize(("dialect", "expression", "source", "part"), ELEMENTS)
def test_path_of_rows_is_written_by_every_statement(dialect, expression, source, part):
    assert parts(f"INSERT INTO mart (x) SELECT {expression} FROM {source}", dialect, "x") == {part}
    assert parts(f"CREATE TABLE mart AS SELECT {expression} AS x FROM {source}", dialect, "x") == {part}


@pytest.mark.parametrize(
    ("dialect", "expression", "source", "part"),
    [
        (
            "snowflake",
            "g.value:id",
            "raw r, LATERAL FLATTEN(input => r.payload:orders) f, LATERAL FLATTEN(input => f.value:items) g",
            "PAYLOAD:orders[].items[].id",
        ),
        (
            "postgres",
            "i ->> 'id'",
            "raw r, jsonb_array_elements(r.payload -> 'orders') o, jsonb_array_elements(o -> 'items') i",
            "payload:orders[].items[].id",
        ),
        (
            "sqlite",
            "i.value ->> 'id'",
            "raw r, json_each(r.payload, '$.orders') o, json_each(o.value, '$.items') i",
            "payload:orders[].items[].id",
        ),
        (
            "tsql",
            "i.id",
            "raw r CROSS APPLY OPENJSON(r.payload, '$.orders') WITH (items NVARCHAR(MAX) AS JSON) o "
            "CROSS APPLY OPENJSON(o.items) WITH (id INT) i",
            "payload:orders[].items[].id",
        ),
        (
            "bigquery",
            "i.id",
            "raw r, UNNEST(r.orders) o, UNNEST(o.items) i",
            "orders[].items[].id",
        ),
        (
            "snowflake",
            "s.v:sku",
            "(SELECT f.value AS v FROM raw r, LATERAL FLATTEN(input => r.payload:items) f) s",
            "PAYLOAD:items[].sku",
        ),
    ],
)
def test_path_goes_through_rows_of_rows_and_queries(dialect, expression, source, part):
    assert parts(f"SELECT {expression} AS x FROM {source}", dialect, "x") == {part}


@pytest.mark.parametrize(
    ("dialect", "expression", "source", "part"),
    [
        # rows of any depth
        ("snowflake", "f.value:sku", "raw r, LATERAL FLATTEN(input => r.payload:a, recursive => TRUE) f", "PAYLOAD:a"),
        ("sqlite", "j.value ->> 'sku'", "raw r, json_tree(r.payload, '$.items') j", "payload"),
        # keys and positions
        ("snowflake", "f.index", "raw r, LATERAL FLATTEN(input => r.payload:items) f", "PAYLOAD:items"),
        ("snowflake", "f.key", "raw r, LATERAL FLATTEN(input => r.payload:items) f", "PAYLOAD:items"),
        ("postgres", "e.key", "raw r, jsonb_each(r.payload -> 'items') e", "payload:items"),
        ("postgres", "i.n", "raw r, jsonb_array_elements(r.payload -> 'a') WITH ORDINALITY AS i (e, n)", "payload:a"),
        ("tsql", "j.[key]", "raw r CROSS APPLY OPENJSON(r.payload, '$.items') j", "payload"),
        # a path that is not known, or that may hold a value
        ("sqlite", "j.value ->> 'sku'", "raw r, json_each(r.payload, '$.' || 'a') j", "payload"),
        ("snowflake", "f.value:sku", "raw r, LATERAL FLATTEN(input => r.payload, path => $p) f", "PAYLOAD"),
        ("sqlite", "j.value ->> 'sku'", "raw r, json_each(r.payload, '$.\"ann@example.com\"') j", "payload"),
        ("sqlite", "j.value ->> 'sku'", "raw r, json_each(r.payload, '$.a[#-1].b') j", "payload:a"),
        (
            "mysql",
            "t.s",
            "raw r, JSON_TABLE(r.payload, '$.items[*]' COLUMNS (s INT PATH '$**.sku')) t",
            "payload:items[]",
        ),
        # an array that `[*]` makes, and a value that was changed
        ("duckdb", "i ->> 'sku'", "raw r, unnest(r.payload -> '$.items[*]') t(i)", "payload:items[]"),
        ("postgres", "i ->> 'sku'", "raw r, jsonb_array_elements(f(r.payload -> 'items')) i", "payload:items"),
        # elements alone
        ("duckdb", "i", "raw r, unnest(r.tags) t(i)", "tags"),
        ("bigquery", "i", "raw r, UNNEST(r.tags) i", "tags"),
    ],
)
def test_path_ends_where_the_statement_does_not_say_it(dialect, expression, source, part):
    found = parts(f"SELECT {expression} AS x FROM {source}", dialect, "x")
    assert found == {part}


def test_two_arrays_that_are_unnested_together_keep_their_columns_apart():
    source = "raw r, UNNEST(r.a, r.b) AS t (x, y)"
    assert parts(f"SELECT t.x.n AS x, t.y.m AS y FROM {source}", "trino", "x") == {"a[].n"}
    assert parts(f"SELECT t.x.n AS x, t.y.m AS y FROM {source}", "trino", "y") == {"b[].m"}
