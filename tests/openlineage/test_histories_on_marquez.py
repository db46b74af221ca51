"""Random sequences of runs: Marquez's lists and graphs respond, and each job shows its latest completed run.

Against the stand-in; against a real one with MARQUEZ_URL (make test-marquez).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prefect_lineage_events.delivery.profiles.base import events_to_restore
from prefect_lineage_events.delivery.profiles.marquez import MARQUEZ
from prefect_lineage_events.history.model import ParentRun
from prefect_lineage_events.openlineage.events import run_events
from prefect_lineage_events.openlineage.facets import Event
from tests.marquez.standin import Marquez
from tests.openlineage.on_marquez import REAL, InMemory, OverHttp, Server, failing, needs_real_marquez
from tests.stitching.histories import NAMESPACE, START, Story, ident
from tests.stitching.lineages import run

# Spellings of one type each, and an unknown type; a column keeps its list for good.
SPELLINGS = (("int", "INTEGER", "int4", ""), ("varchar(9)", "VARCHAR", ""), ("STRUCT(a INT)", ""), ("weird type!", ""))
# As a story calls a dataset, and what it is.
DATASETS = {
    "a": (NAMESPACE, "db.s.a"),
    "b": (NAMESPACE, "db.s.b"),
    "c": ("s3://bucket", "2024/01/x.csv"),
    "d": ("kafka://h1:9092,h2:9092", "a topic"),
    "e": ("sqlite:///my db.sqlite", "t#1:x"),
}
TABLES = tuple(DATASETS)
FLOWS = ("nightly", "2 b", "my.rec")
ENDS = ("COMPLETED", "FAILED", "CANCELLED", "CRASHED")


@dataclass(frozen=True)
class Ran:
    """One run of a history. `day` is the day on which it ran; runs arrive in any order, as in a backfill."""

    flow: str
    parents: tuple[str, ...]
    day: int
    state: str
    statements: tuple[tuple[str, str, int, int], ...]
    """Source, target, and the spellings of their columns' types in this run."""


def runs() -> st.SearchStrategy[list[Ran]]:
    statement = st.tuples(st.sampled_from(TABLES), st.sampled_from(TABLES), st.integers(0, 3), st.integers(0, 3))
    one = st.builds(
        Ran,
        flow=st.sampled_from(FLOWS),
        parents=st.sampled_from([(), (), ("nightly",), ("my.rec",), ("2 b", "nightly"), ("nightly", "nightly")]),
        day=st.integers(0, 30),
        state=st.sampled_from(ENDS + ENDS[:1] * 3),
        statements=st.lists(statement, min_size=1, max_size=3).map(tuple),
    )
    return st.lists(one, min_size=1, max_size=7, unique_by=lambda ran: (ran.flow, ran.parents, ran.day))


def events_of(ran: Ran, namespace: str, granularity: str) -> list[Event]:
    story = Story().task("load")
    story.tasks = {id_: replace(task, state=ran.state) for id_, task in story.tasks.items()}
    for source, target, at_source, at_target in ran.statements:
        story.write(target, source, task="load", columns=f"{source}.x>x {source}.y>y")
        story.looked_up(source, columns_of(source, at_source)).looked_up(target, columns_of(target, at_target))
    found = run(story)
    name = " ".join([namespace, ran.flow, *ran.parents, str(ran.day)])
    of_run = replace(
        found.run,
        id=ident(name),
        flow_name=ran.flow,
        state=ran.state,
        parents=tuple(ParentRun(ident(f"{name} above {level}"), above) for level, above in enumerate(ran.parents)),
        started=START + dt.timedelta(days=ran.day),
        ended=START + dt.timedelta(days=ran.day, minutes=5),
    )
    events = run_events(replace(found, run=of_run), namespace=namespace, granularity=granularity)
    for event in events:
        if event["run"]["runId"] != str(of_run.id):
            event["run"]["runId"] = str(ident(f"task of {name}"))
    return MARQUEZ.shape([placed(event, namespace.rpartition("/")[2]) for event in events])


def placed(value: Any, at: str) -> Any:
    """Datasets with real names in place of those of the story; `at` distinguishes them from those of others."""
    if isinstance(value, dict):
        reported = {key: placed(item, at) for key, item in value.items()}
        if value.get("namespace") == NAMESPACE:
            namespace, name = DATASETS[value["name"]]
            reported |= {"namespace": namespace.replace("://", f"://{at}"), "name": name}
        return reported
    return [placed(item, at) for item in value] if isinstance(value, list) else value


def columns_of(table: str, spelling: int) -> str:
    """Columns `x` and `y`, in the story's notation, which has spaces between columns."""
    reported = []
    for column, offset in (("x", 0), ("y", 1)):
        spellings = SPELLINGS[(TABLES.index(table) + offset) % len(SPELLINGS)]
        spelled = spellings[spelling % len(spellings)].replace(" ", "_")
        reported.append(f"{column}:{spelled}" if spelled else column)
    return " ".join(reported)


def job_of(event: Event) -> tuple[str, str]:
    return event["job"]["namespace"], event["job"]["name"]


def latest_completed(sent: Iterable[tuple[Ran, list[Event]]], ran: Ran) -> tuple[Ran, list[Event]] | None:
    good = [
        (other, events)
        for other, events in sent
        if (other.flow, other.parents) == (ran.flow, ran.parents) and other.state == "COMPLETED"
    ]
    return max(good, key=lambda pair: pair[0].day, default=None)


def deliver(server: Server, history: Sequence[Ran], namespace: str, granularity: str) -> dict[tuple[str, str], Event]:
    """Send run after run as the assembler does. Returns, by job, the end of its latest completed run, or of its last run."""
    sent: list[tuple[Ran, list[Event]]] = []
    for ran in history:
        events = events_of(ran, namespace, granularity)
        sent.append((ran, events))
        good = latest_completed(sent, ran)
        for event in (*events, *(events_to_restore(events, good[1]) if good else [])):
            assert server.post(event) == 201
    last = {job_of(event): event for _, events in sent for event in events}
    by_day = sorted(sent, key=lambda pair: pair[0].day)
    good_ends = {job_of(event): event for _, events in by_day for event in events if event["eventType"] == "COMPLETE"}
    return last | good_ends


def edges(server: Server, job: tuple[str, str]) -> set[tuple[str, str]]:
    status, graph = server.get("lineage", nodeId=f"job:{job[0]}:{job[1]}")
    assert status == 200
    name = f"job:{job[0]}:{job[1]}"
    found = {(e["origin"], e["destination"]) for node in graph["graph"] for e in (*node["inEdges"], *node["outEdges"])}
    return {edge for edge in found if name in edge}


def expected_edges(event: Event) -> set[tuple[str, str]]:
    job = f"job:{event['job']['namespace']}:{event['job']['name']}"
    return {(f"dataset:{d['namespace']}:{d['name']}", job) for d in event["inputs"]} | {
        (job, f"dataset:{d['namespace']}:{d['name']}") for d in event["outputs"]
    }


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=runs(), granularity=st.sampled_from(["flow", "task"]))
def test_after_any_history_all_requests_respond_and_each_job_shows_its_latest_run(history, granularity):
    check(InMemory(Marquez()), history, "prefect://acme", granularity)


@pytest.mark.marquez
@needs_real_marquez
@pytest.mark.timeout(1200)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(history=runs(), granularity=st.sampled_from(["flow", "task"]))
def test_the_same_holds_on_a_real_marquez(history, granularity):
    check(OverHttp(str(REAL)), history, f"prefect://history-{uuid4().hex[:8]}", granularity)


def check(server: Server, history: Sequence[Ran], namespace: str, granularity: str) -> None:
    shown = deliver(server, history, namespace, granularity)
    assert failing(server, shown.values()) == []
    for job, event in shown.items():
        assert edges(server, job) == expected_edges(event)
