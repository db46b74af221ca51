"""Marquez receives parent runs before their subflows, in any order of assembly."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from prefect import flow
from prefect.runtime import flow_run

from prefect_lineage_events.assembler import assemble, ledger
from prefect_lineage_events.assembler.outbox import TargetsAwayError
from prefect_lineage_events.flows import sweep
from tests.assembler.loads import daily_load, stored
from tests.by_hand import emit_writes


@pytest.fixture
def target(target):
    target.profile = "marquez"
    return target


def ended_below(client, run_id: UUID) -> UUID:
    """A subflow of the running flow, assembled before its parent has ended, as the automation does it."""
    stored(client, run_id)
    assemble.assemble_run(client, run_id)
    return run_id


def received(target) -> list[tuple[str, str]]:
    return [(e["run"]["runId"], e["eventType"]) for e in target.events]


@pytest.fixture
def parent(client):
    """A flow that continues after its subflows were assembled, and fails on request; without earlier runs."""

    @flow(name=f"runs on {uuid4()}")
    def runs_on(children: int = 1, fail: bool = False) -> list[str]:
        emit_writes([("own", "source")])
        ids = [flow_run.id, *(str(ended_below(client, daily_load())) for _ in range(children))]
        if fail:
            raise RuntimeError(" ".join(ids))
        return ids

    return runs_on


def test_start_of_a_running_parent_is_sent_before_its_subflow_and_once(target, client, parent):
    parent_id, first, second = parent(children=2)
    assert received(target) == [
        (parent_id, "START"),
        *((child, kind) for child in (first, second) for kind in ("START", "COMPLETE")),
    ]
    assemble.assemble_run(client, UUID(parent_id))
    assert received(target)[5:] == [(parent_id, "COMPLETE")]
    assert [o["name"] for o in target.events[-1]["outputs"]] == ["shop.public.own"]
    sweep()
    assert len(received(target)) == 6


def test_a_run_with_only_its_start_sent_is_not_done(target, client, parent):
    parent_id, _ = parent()
    page = ledger.read(client, [UUID(parent_id)])[UUID(parent_id)]
    assert not page.is_done(assemble.read_run(client, UUID(parent_id)), "recording")
    sweep()
    assert target.types(parent_id) == ["START", "COMPLETE"]


def test_parents_at_every_level_are_sent_from_the_root_down(target, client):
    @flow(name="middle of three")
    def middle() -> list[str]:
        return [flow_run.id, str(ended_below(client, daily_load()))]

    @flow(name="top of three")
    def top() -> list[str]:
        return [flow_run.id, *middle()]

    root, between, leaf = top()
    assert received(target) == [(root, "START"), (between, "START"), (leaf, "START"), (leaf, "COMPLETE")]
    assert target.events[1]["job"]["name"] == "top of three.middle of three"


def test_an_ended_parent_is_sent_in_full_before_its_subflow(target, client):
    @flow(name="has ended")
    def has_ended() -> tuple[str, UUID]:
        emit_writes([("own", "source")])
        return flow_run.id, daily_load()

    parent_id, child = has_ended()
    stored(client, UUID(parent_id), child)
    assemble.assemble_run(client, child)
    assert received(target) == [(run, kind) for run in (parent_id, str(child)) for kind in ("START", "COMPLETE")]


def test_latest_run_is_restored_after_the_start_of_a_parent(target, client, parent):
    good, _ = parent()
    assemble.assemble_run(client, UUID(good))
    before = len(target.events)
    running, child = parent()
    assert received(target)[before:] == [(running, "START"), (good, "COMPLETE"), (child, "START"), (child, "COMPLETE")]
    assert target.events[before]["inputs"] == target.events[before]["outputs"] == []


def test_plain_targets_receive_a_run_only_when_it_is_assembled(target, client, parent):
    target.profile = "plain"
    parent_id, child = parent()
    assert received(target) == [(child, "START"), (child, "COMPLETE")]
    assemble.assemble_run(client, UUID(parent_id))
    assert received(target)[2:] == [(parent_id, "START"), (parent_id, "COMPLETE")]


def test_a_target_away_after_the_parents_start_receives_the_rest_later(target, client):
    children = []

    @flow(name="meets an absence")
    def meets_an_absence() -> str:
        children.append(daily_load())
        stored(client, children[0])
        target.away_after = 1
        with pytest.raises(TargetsAwayError):
            assemble.assemble_run(client, children[0])
        target.away_after = None
        assemble.assemble_run(client, children[0])
        return flow_run.id

    parent_id = meets_an_absence()
    child = str(children[0])
    assert received(target) == [(parent_id, "START"), (child, "START"), (child, "COMPLETE")]
