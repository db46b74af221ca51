"""The ledger: the delivery of each run to each target, and the end of work."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import fields, replace
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_lineage_events.assembler import ledger
from prefect_lineage_events.assembler.ledger import DeliveryState, Entry, end_of
from prefect_lineage_events.encoding import digest_of
from prefect_lineage_events.history.model import FlowRun
from tests.by_hand import NOON

RUN = FlowRun(uuid4(), "busy-bee", uuid4(), "nightly", "COMPLETED", ended=NOON)
DONE = DeliveryState("marquez", "d1", 2, 2)


def entry(*sent: DeliveryState, end: str = end_of(RUN), complete: bool = True) -> Entry:
    made = Entry(uuid4(), end, complete, 10)
    for one in sent:
        made = made.with_delivery(one)
    return made


def test_a_run_is_done_where_begun_when_one_target_has_all_and_none_a_part():
    had, half = entry(DONE), entry(DONE, DeliveryState("datahub", "d1", 1, 2))
    assert had.is_done_where_begun(RUN, "marquez")
    assert had.is_done_where_begun(RUN, "datahub"), "it was added since, and is asked for by name"
    assert not half.is_done_where_begun(RUN, "marquez", "datahub")
    assert half.is_done_where_begun(RUN, "marquez"), "the other one is not configured any more"
    assert not entry().is_done_where_begun(RUN, "marquez")
    assert not entry(DONE, complete=False).is_done_where_begun(RUN, "marquez")


def test_a_run_that_the_target_has_is_done():
    assert entry(DONE).is_done(RUN, "marquez")


@pytest.mark.parametrize(
    "unfinished",
    [
        entry(),
        entry(DeliveryState("marquez", "d1", 1, 2)),
        entry(DeliveryState("marquez", "d1", 2, 2, final=False)),
        entry(DONE, complete=False),
        entry(DONE, end=end_of(FlowRun(RUN.id, "r", RUN.flow_id, "nightly", "FAILED", ended=NOON))),
        entry(DONE, end=f"COMPLETED {(NOON - dt.timedelta(hours=1)).isoformat()}"),
    ],
    ids=["never sent", "sent to half", "latest run not restored", "incomplete", "ended otherwise", "run again since"],
)
def test_a_run_with_work_left_is_not_done(unfinished):
    assert not unfinished.is_done(RUN, "marquez")


def test_another_target_has_nothing_yet():
    assert not entry(DONE).is_done(RUN, "datahub")
    assert not entry(DONE).is_done(RUN, "marquez", "datahub")


def test_run_with_refused_events_is_done():
    assert entry(DeliveryState("marquez", "d1", 2, 2, rejected=2)).is_done(RUN, "marquez")
    assert not DeliveryState("marquez", "d1", 2, 2, rejected=1).taken
    assert not entry(DeliveryState("marquez", "d1", 2, 2, rejected=2, kept=1)).is_done(RUN, "marquez")


def test_an_entry_with_a_long_target_name_survives_the_artifact():
    times = {"faulty_since": NOON.isoformat(timespec="microseconds"), "taken_at": NOON.isoformat()}
    reasons = tuple("run COMPLETE: HTTP 400: " + '"é' * 500 for _ in range(30))
    long = DeliveryState(
        "http " + "é" * 2000, digest_of([]), 12345, 99999, 12345, faults=1234, reasons=reasons, **times
    )
    page = entry(DONE, long)
    metadata = ledger._metadata(page)
    assert all(len(value) <= 500 for value in metadata.values())
    read = ledger._entry({"id": str(page.artifact_id), "metadata_": metadata})
    assert read.delivery_to("marquez") == DONE
    assert read.delivery_to(long.target).digest == long.digest
    assert read.delivery_to(long.target).reasons[0].startswith("run COMPLETE: HTTP 400")
    assert (read.end, read.complete, read.stored_events) == (page.end, page.complete, page.stored_events)


def test_an_entry_of_a_later_version_is_read():
    metadata = ledger._metadata(entry(DONE))
    key = next(k for k in metadata if k.startswith("lineage.target."))
    metadata[key] = json.dumps({**json.loads(metadata[key]), "shade": "blue"})
    assert ledger._entry({"id": str(uuid4()), "metadata_": metadata}).delivery_to("marquez") == DONE


def test_the_same_events_have_the_same_digest():
    events = [{"b": 1, "a": [1, 2]}, {"c": None}]
    assert digest_of(events) == digest_of([{"a": [1, 2], "b": 1}, {"c": None}])
    assert digest_of(events) != digest_of(list(reversed(events)))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
state_fields = st.sampled_from(["end", "complete", "events", "anew", "empty"])
line_fields = st.sampled_from([*(field.name for field in fields(DeliveryState))])
values = st.one_of(
    json_values,
    st.dictionaries(state_fields, json_values).map(json.dumps),
    st.dictionaries(line_fields, json_values).map(json.dumps),
    st.text(max_size=5),
)
names = st.sampled_from(["lineage.run", "lineage.target.x", "lineage.refused.x"])


@given(st.one_of(st.dictionaries(names, values), json_values))
def test_hostile_records_do_not_stop_the_assembler(metadata):
    found = ledger._entry({"id": str(uuid4()), "flow_run_id": str(uuid4()), "metadata_": metadata})
    for line in found.targets.values() if found else ():
        assert 0 <= line.done <= line.total
        assert not line.taken_at or dt.datetime.fromisoformat(line.taken_at) > dt.datetime.min.replace(
            tzinfo=dt.timezone.utc
        )
    if found:
        ledger._metadata(found)


def test_entry_is_read_as_written():
    line = replace(DONE, reasons=("422 no",), rejected=1, taken_at=NOON.isoformat())
    before = entry(line)
    raw = {"id": str(before.artifact_id), "flow_run_id": str(RUN.id), "metadata_": ledger._metadata(before)}
    assert ledger._entry(raw) == before
