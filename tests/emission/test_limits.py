"""Limits of events, far below what Prefect refuses; an event reports what it leaves out."""

from __future__ import annotations

from uuid import UUID

from prefect_lineage_events.emission.limits import MAX_BYTES, MAX_EDGES, MAX_RENAMES, truncated
from prefect_lineage_events.events import (
    Column,
    EmitterInfo,
    EventColumnEdge,
    EventDataset,
    LineageEvent,
    StatementInfo,
)


def event(edges: int = 0, columns: int = 0, width: int = 10) -> LineageEvent:
    wide = tuple(Column(name=f"c{i}".ljust(width, "x")) for i in range(columns))
    source = EventDataset(namespace="sqlite:///x", name="s", columns=wide)
    return LineageEvent(
        operation="write",
        output=EventDataset(namespace="sqlite:///x", name="t", columns=wide),
        inputs=(source,),
        columns=tuple(EventColumnEdge(column=f"c{i}", source=source.uri, source_column=f"c{i}") for i in range(edges)),
        statement=StatementInfo(id=UUID(int=1), reason="as it was"),
        emitter=EmitterInfo(id=UUID(int=2), sequence=0),
    )


def test_an_ordinary_event_is_unchanged() -> None:
    ordinary = event(edges=20, columns=20)
    assert truncated(ordinary) is ordinary


def test_edges_beyond_the_limit_are_left_out_and_counted() -> None:
    cut = truncated(event(edges=MAX_EDGES + 7))
    assert len(cut.columns) == MAX_EDGES
    assert cut.statement.confidence == "partial"
    assert cut.statement.reason.startswith("as it was; ")
    assert "7 column edges" in cut.statement.reason


def test_columns_are_left_out_of_an_event_that_is_too_large() -> None:
    cut = truncated(event(columns=1_500, width=300))
    assert cut.output is not None
    assert cut.output.columns == ()
    assert len(cut.model_dump_json()) < MAX_BYTES


def test_datasets_and_statement_are_never_cut() -> None:
    before = event(edges=MAX_EDGES + 1, columns=9_000, width=200)
    after = truncated(before)
    assert [d.uri for d in after.inputs] == [d.uri for d in before.inputs]
    assert after.statement.id == before.statement.id


def test_a_text_is_cut_before_columns() -> None:
    before = event(edges=20, columns=20)
    long = before.statement.model_copy(update={"sql": "SELECT '" + "é" * MAX_BYTES})
    after = truncated(before.model_copy(update={"statement": long}))
    assert after.columns == before.columns
    assert "most of the statement's text" in after.statement.reason
    assert len(after.model_dump_json().encode()) < MAX_BYTES


def test_renames_beyond_the_limit_are_left_out_and_counted() -> None:
    before = event()
    many = before.statement.model_copy(update={"renames": (("s3://b/a", "s3://b/b"),) * (MAX_RENAMES + 3)})
    after = truncated(before.model_copy(update={"statement": many}))
    assert len(after.statement.renames) == MAX_RENAMES
    assert "3 renames" in after.statement.reason
