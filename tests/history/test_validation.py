"""Events that cannot be read are listed, and events that are too large are cut: every user can emit any event."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from prefect_lineage_events.events import Column, EmitterInfo, EventColumnEdge, LineageEvent
from prefect_lineage_events.history import event_log, validation
from prefect_lineage_events.history.event_log import EventLog
from prefect_lineage_events.history.validation import checked
from tests.by_hand import table, write

# Their texts are part of the names of tests, which must be the same in each worker.
RUN = UUID(int=1)
EMITTER = UUID(int=2)


def raw(name: str = "lineage.write", **payload: Any) -> dict[str, Any]:
    sent = write("out", "in", emitter=EMITTER, sequence=4).to_prefect()
    return {
        "id": "e1",
        "event": name,
        "resource": sent["resource"],
        "related": sent["related"],
        "payload": {**sent["payload"], **payload},
        "received": "2026-05-01T12:00:00Z",
    }


def log_of(*events: dict[str, Any]) -> EventLog:
    log = EventLog()
    for event in events:
        event_log._add(log, event, RUN)
    event_log._sort(log)
    return log


DATASET = {"namespace": "s3://b", "name": "k"}
STATEMENT = {"id": str(UUID(int=3))}


@pytest.mark.parametrize(
    "payload",
    [
        {"output": {**DATASET, "namespace": ""}},
        {"output": {**DATASET, "name": " "}},
        {"output": "orders"},
        {"inputs": {"a": 1}},
        {"schema_version": 99},
        {"schema_version": -1},
        {"statement": {**STATEMENT, "rows": -3}},
        {"statement": {**STATEMENT, "rows": 2**64}},
        {"statement": {**STATEMENT, "executions": -1}},
        {"statement": {**STATEMENT, "duration": "NaN"}},
        {"statement": {**STATEMENT, "started": "the day before"}},
        {"statement": None},
        {"emitter": {"id": str(EMITTER), "sequence": -1}},
        {"emitter": None},
        {"run": {"flow_run_id": "none"}},
        {"task_runs": [1, 2]},
        {"columns": [{"column": "a"}]},
    ],
    ids=str,
)
def test_a_bad_event_is_rejected_with_its_reason(payload: dict[str, Any]) -> None:
    log = log_of(raw(**payload))
    assert not log.lineage
    (rejected,) = log.rejected
    assert (rejected.id, rejected.name) == ("e1", "lineage.write")
    assert 0 < len(rejected.reason) <= 300


def test_a_rejected_event_keeps_its_number() -> None:
    (rejected,) = log_of(raw(output=3)).rejected
    assert (rejected.emitter, rejected.sequence) == (EMITTER, 4)


def test_invalid_event_of_another_run_is_left_out() -> None:
    assert not log_of(raw(output=3, run={"flow_run_id": str(uuid4())})).rejected
    assert log_of(raw(output=3, run={"flow_run_id": str(RUN)})).rejected


@pytest.mark.parametrize("payload", [None, [], "text", 7])
@pytest.mark.parametrize("name", ["lineage.write", "lineage.closed", "lineage.schema", "lineage.checkpoint"])
def test_payload_that_is_no_mapping_is_rejected(name: str, payload: Any) -> None:
    assert len(log_of({**raw(name), "payload": payload}).rejected) == 1


@pytest.mark.parametrize("count", [-1, 2**63, "many", None, 1.5])
def test_invalid_count_is_rejected(count: Any) -> None:
    assert len(log_of(raw("lineage.closed", emitter_id=str(EMITTER), count=count)).rejected) == 1


def test_an_asset_event_that_cannot_be_read_is_rejected() -> None:
    related = [{"prefect.resource.id": "prefect.task-run.none", "prefect.resource.role": "task-run"}]
    event = {**raw("prefect.asset.materialization.succeeded"), "related": related}
    assert len(log_of({**event, "resource": {"prefect.resource.id": "s3://b/k"}}).rejected) == 1


OWN_ID = str(EmitterInfo(id=EMITTER, sequence=4).event_id())


def forged_schema() -> dict[str, Any]:
    return raw("lineage.schema", datasets=[DATASET])


@pytest.mark.parametrize("forged", [raw(output=DATASET), forged_schema()], ids=["statement", "schema"])
def test_second_event_of_a_number_is_rejected_unless_its_id_is_derived(forged: dict[str, Any]) -> None:
    ours = {**raw(), "id": OWN_ID}
    for order in ([forged, ours], [ours, forged]):
        log = log_of(*order)
        assert [e.output.name for e in log.lineage if e.output] == ["shop.public.out"]
        assert not log.schemas
        (rejected,) = log.rejected
        assert "another event of this number" in rejected.reason


def test_a_statement_does_not_take_the_number_of_a_schema_event() -> None:
    log = log_of(raw(output=DATASET), {**forged_schema(), "id": OWN_ID})
    assert (log.lineage, len(log.schemas), len(log.rejected)) == ([], 1, 1)


def event(**changes: Any) -> LineageEvent:
    return write("out", "in").model_copy(update=changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"inputs": (table("in"),) * 15_000}, "14,000 inputs"),
        ({"output": table("out", *(f"c{n}" for n in range(9_000)))}, "columns of the output"),
        ({"inputs": (table("in", *(f"c{n}" for n in range(9_000))),)}, "columns of inputs"),
        ({"result_columns": (Column(name="c"),) * 9_000}, "columns of the result"),
        ({"task_runs": (UUID(int=1),) * 6_000}, "1,000 task runs"),
        (
            {"columns": (EventColumnEdge(column="c", source=table("in").uri, source_column="c"),) * 10_001},
            "1 column edges",
        ),
        ({"columns": (EventColumnEdge(column="c", source="not a dataset", source_column="c"),)}, "1 column edges"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_excess_and_dangling_values_are_left_out_with_a_reason(changes: dict[str, Any], said: str) -> None:
    cut = checked(event(**changes))
    assert cut.statement.confidence == "partial"
    assert said in cut.statement.reason
    assert checked(cut).inputs == cut.inputs


def test_renames_that_name_no_dataset_are_left_out() -> None:
    renames = (("", "x"), (table("a").uri, table("b").uri))
    ours = event()
    cut = checked(ours.model_copy(update={"statement": ours.statement.model_copy(update={"renames": renames})}))
    assert cut.statement.renames == renames[1:]


def test_ordinary_event_is_unchanged() -> None:
    ours = event()
    assert checked(ours) is ours


def test_a_run_of_very_many_events_is_read_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "MAX_EVENTS", 2)
    found = [{**raw(emitter={"id": str(EMITTER), "sequence": n}), "id": f"e{n}"} for n in range(5)]
    monkeypatch.setattr(event_log, "_raw_events", lambda *_: found)
    log = event_log.read(None, RUN, None)  # type: ignore[arg-type]
    assert (len(log.lineage), len(log.rejected)) == (2, 1)


def test_a_run_of_very_many_columns_is_read_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "MAX_VALUES", 100)
    wide = {**DATASET, "columns": [{"name": f"c{n}"} for n in range(60)]}
    found = [{**raw(output=wide, emitter={"id": str(EMITTER), "sequence": n}), "id": f"e{n}"} for n in range(5)]
    monkeypatch.setattr(event_log, "_raw_events", lambda *_: found)
    log = event_log.read(None, RUN, None)  # type: ignore[arg-type]
    assert (len(log.lineage), len(log.rejected)) == (2, 1)
    assert "columns and edges" in log.rejected[0].reason


def test_names_of_any_length_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = log_of(raw(output={**DATASET, "name": "n" * 400_000})).lineage
    assert found.output is not None
    assert len(found.output.name) <= 2_000
    assert validation.MAX_SQL > 2_000
