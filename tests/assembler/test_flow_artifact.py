"""A flow's artifact shows its newest run, and is the only one of ours that makes an event."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient

from prefect_lineage_events.assembler import flow_artifact, ledger
from prefect_lineage_events.assembler.ledger import Entry, end_of
from prefect_lineage_events.history import api
from prefect_lineage_events.history.model import FlowRun
from tests.by_hand import NOON


@pytest.fixture
def client(prefect_server: object) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def run() -> FlowRun:
    return FlowRun(uuid4(), "busy-bee", uuid4(), f"nightly {uuid4()}", "COMPLETED", started=NOON, ended=NOON)


def shown(client: SyncPrefectClient, run: FlowRun) -> str:
    found = api.get(client, f"/artifacts/{flow_artifact.key(run)}/latest")
    return str(found["data"])


@pytest.mark.parametrize(
    ("flow_name", "key"),
    [("Flights nightly!", "lineage-flights-nightly"), ("übung/β", "lineage-bung"), ("流れ", f"lineage-{UUID(int=7)}")],
    ids=["a sign", "letters of other alphabets", "nothing to spell"],
)
def test_key_is_valid_for_prefect(flow_name: str, key: str) -> None:
    assert flow_artifact.key(FlowRun(UUID(int=1), "r", UUID(int=7), flow_name, "COMPLETED")) == key


def test_artifact_shows_the_run_that_began_last(client: SyncPrefectClient, run: FlowRun) -> None:
    assert not flow_artifact.exists(client, run)
    later = replace(run, id=uuid4(), started=NOON + dt.timedelta(hours=1))
    for one, text in ((run, "first"), (later, "second"), (run, "first again")):
        flow_artifact.show(client, one, text)
    assert shown(client, run) == "second"
    assert flow_artifact.exists(client, run)


def test_edited_artifact_is_replaced(client: SyncPrefectClient, run: FlowRun) -> None:
    flow_artifact.show(client, run, "first")
    latest = flow_artifact._read(client, run)
    assert latest is not None
    for metadata in ({}, {"lineage.shows": "x"}, {"lineage.shows": '{"started": "2026-01-01"}'}):
        client.request("PATCH", f"/artifacts/{latest['latest_id']}", json={"metadata_": metadata})
        text = f"after {metadata}"
        flow_artifact.show(client, run, text)
        assert shown(client, run) == text


def of_a_version_before(run: FlowRun, entry: Entry) -> dict[str, Any]:
    """The artifact as it was written when it had the flow's key."""
    return {
        "key": flow_artifact.key(run),
        "type": "markdown",
        "description": flow_artifact.description(run),
        "data": "as it was",
        "metadata_": ledger._metadata(entry),
        "flow_run_id": str(run.id),
    }


def test_record_of_an_earlier_version_is_read(client: SyncPrefectClient, run: FlowRun) -> None:
    entry = Entry(None, end_of(run), complete=True, stored_events=3)
    made = client.request("POST", "/artifacts/", json=of_a_version_before(run, entry)).json()
    assert ledger.read(client, [run.id]) == {run.id: replace(entry, artifact_id=UUID(made["id"]))}
    flow_artifact.show(client, replace(run, id=uuid4()), "of a later run")
    assert api.get(client, f"/artifacts/{made['id']}")["data"] == "as it was"
    assert shown(client, run) == "of a later run"


def test_a_runs_own_artifact_has_no_key_and_is_found_by_the_run(client: SyncPrefectClient, run: FlowRun) -> None:
    entry = ledger.write(client, run, Entry(None, end_of(run), complete=True, stored_events=3), "text")
    assert api.get(client, f"/artifacts/{entry.artifact_id}")["key"] is None
    assert ledger.read(client, [run.id, uuid4()]) == {run.id: entry}
