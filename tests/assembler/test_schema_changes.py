"""Changes of columns, as `lineage.schema-changed` reports them."""

from __future__ import annotations

import pytest

from prefect_lineage_events.assembler.schema_changes import ColumnChange, differences
from prefect_lineage_events.events import Column


def columns(text: str) -> list[Column]:
    """`id:int total` has a column with a type, and one without."""
    pairs = [one.partition(":") for one in text.split()]
    return [Column(name=name, type=type_.replace("_", " ") or None) for name, _, type_ in pairs]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("id:int", "id:int total:text", ["total added"]),
        ("id:int total:text", "id:int", ["total dropped"]),
        ("id:int", "id:bigint", ["id retyped from int to bigint"]),
        ("id:int old:text", "id:text new:text", ["new added", "old dropped", "id retyped from int to text"]),
        ("id:int", "ID:INT", []),
        ("amount:numeric(10,_2)", "amount:NUMERIC(10,2)", []),
        ("id", "id:int", []),
        ("id:int", "id", []),
    ],
)
def test_columns_that_were_added_dropped_or_retyped_are_found(before: str, after: str, expected: list[str]) -> None:
    assert [str(one) for one in differences(columns(before), columns(after))] == expected


def test_retyped_column_has_both_types_in_the_event() -> None:
    (change,) = differences(columns("id:int"), columns("id:bigint"))
    assert change == ColumnChange("retyped", "id", "int", "bigint")
    assert change.as_json() == {"change": "retyped", "column": "id", "before": "int", "after": "bigint"}
