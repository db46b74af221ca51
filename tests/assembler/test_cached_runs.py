"""Runs whose tasks were all cached: they have an end, no datasets, and the job's edges stay."""

from __future__ import annotations

from uuid import UUID, uuid4

from prefect import flow, task
from prefect.cache_policies import INPUTS
from prefect.runtime import flow_run

from prefect_lineage_events.flows import assemble, backfill
from tests.assembler.loads import now, stored
from tests.by_hand import emit_writes


@task(cache_policy=INPUTS, persist_result=True)
def load_of(day: str) -> int:
    emit_writes([("loaded", "source")])
    return 7


@task(cache_policy=INPUTS, persist_result=True)
def length_of(day: str) -> int:
    return len(day)


@flow(name="cached load")
def cached_load(day: str) -> UUID:
    load_of(day)
    return UUID(flow_run.id)


@flow(name="cached sums")
def cached_sums(day: str) -> UUID:
    length_of(day)
    return UUID(flow_run.id)


def loaded_and_cached(client) -> tuple[UUID, UUID]:
    day = str(uuid4())
    first, second = cached_load(day), cached_load(day)
    stored(client, first)
    return first, second


def test_a_run_all_of_whose_tasks_were_cached_has_its_end_and_no_inputs_and_outputs(target, client):
    first, second = loaded_and_cached(client)
    assemble(first)
    assert assemble(second).outcome == "sent"
    assert target.types(second) == ["START", "COMPLETE"]
    assert [(event["inputs"], event["outputs"]) for event in target.of(second)] == [([], []), ([], [])]
    assert assemble(second).outcome == "nothing new"


def test_edges_of_a_cached_job_stay_at_targets_that_show_the_last_event(target, client):
    target.profile = "marquez"
    first, second = loaded_and_cached(client)
    assemble(first)
    assemble(second)
    arrived = [(UUID(e["run"]["runId"]), e["eventType"]) for e in target.events]
    assert arrived[-3:] == [(second, "START"), (second, "COMPLETE"), (first, "COMPLETE")]


def test_edges_of_a_cached_job_stay_after_a_backfill(target, client):
    target.profile = "marquez"
    start = now()
    first, second = loaded_and_cached(client)
    assemble(first)
    backfill(start=start, end=now(), flows=["cached load"])
    assert target.types(second) == ["START", "COMPLETE"]
    assert UUID(target.events[-1]["run"]["runId"]) == first


def test_a_cached_run_of_a_flow_that_never_had_lineage_is_not_sent(target, client):
    day = str(uuid4())
    cached_sums(day)
    assert assemble(cached_sums(day)).outcome == "no lineage"
    assert not target.events
