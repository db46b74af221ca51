"""Lineage events as Prefect's pages and later versions read them."""

from __future__ import annotations

from uuid import UUID

import pytest

from prefect_lineage_events.events import (
    CountEvent,
    EmitterInfo,
    EventDataset,
    LineageEvent,
    SchemaEvent,
    StatementInfo,
    parse,
)
from tests.by_hand import create, read, table

EMITTER = EmitterInfo(id=UUID(int=7), sequence=3)
ORDERS = EventDataset(namespace="sqlite:///shop.db", name="orders")
REVENUE = EventDataset(namespace="sqlite:///shop.db", name="revenue")
WRITE = LineageEvent(
    operation="write",
    output=REVENUE,
    inputs=(ORDERS,),
    statement=StatementInfo(id=UUID(int=1), sql="INSERT INTO revenue SELECT ? FROM orders", rows=2, fingerprint="f"),
    emitter=EMITTER,
)


def name_of(event: CountEvent | SchemaEvent | LineageEvent) -> str:
    return str(event.to_prefect()["resource"]["prefect.resource.name"])


def test_payload_begins_with_statement_and_tables() -> None:
    payload = WRITE.to_prefect()["payload"]
    assert list(payload)[:5] == ["summary", "operation", "statement", "output", "inputs"]
    assert list(payload["statement"]) == ["sql", "rows", "fingerprint", "id"]


def test_primary_and_related_datasets_have_their_names() -> None:
    event = WRITE.to_prefect()
    assert event["resource"]["prefect.resource.name"] == "revenue"
    assert [r["prefect.resource.name"] for r in event["related"]] == ["orders"]


@pytest.mark.parametrize(("rows", "label"), [(None, "none"), (0, "none"), (3, "written")])
def test_create_says_whether_rows_may_have_come(rows: int | None, label: str) -> None:
    assert create(table("revenue", "id"), rows).to_prefect()["resource"]["lineage.rows"] == label


def test_write_says_that_rows_came_and_a_read_says_nothing_of_them() -> None:
    assert WRITE.to_prefect()["resource"]["lineage.rows"] == "written"
    assert "lineage.rows" not in read("orders").to_prefect()["resource"]


@pytest.mark.parametrize(
    ("count", "name"),
    [
        (CountEvent(closed=True, emitter_id=EMITTER.id, count=6), "6 lineage events"),
        (CountEvent(closed=False, emitter_id=EMITTER.id, count=1), "1 lineage event so far"),
        (
            CountEvent(closed=True, emitter_id=EMITTER.id, count=2, dropped=9, failed=1),
            "2 lineage events, 9 statements dropped, 1 event not taken",
        ),
    ],
)
def test_name_of_a_count_event_contains_the_count(count: CountEvent, name: str) -> None:
    assert name_of(count) == name


def test_name_of_a_schema_event_contains_its_first_tables() -> None:
    datasets = tuple(EventDataset(namespace="s3://b", name=f"t{i}") for i in range(7))
    assert name_of(SchemaEvent(datasets=datasets[:2], emitter=EMITTER)) == "columns of t0, t1"
    assert name_of(SchemaEvent(datasets=datasets, emitter=EMITTER)) == "columns of t0, t1, t2, t3, t4 and 2 more"


def test_event_survives_sending_and_reading() -> None:
    event = WRITE.to_prefect()
    assert parse(event["event"], event["payload"]) == WRITE


def test_fields_of_a_later_version_are_ignored() -> None:
    payload = WRITE.to_prefect()["payload"] | {"colour": "blue", "schema_version": 1}
    assert parse("lineage.write", payload) == WRITE
