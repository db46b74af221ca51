"""Random names, types and texts of a run: no event of ours makes one of Marquez's lists or graphs fail.

Against the stand-in that answers as the real one did in its recordings.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.delivery.profiles.base import events_to_restore
from prefect_lineage_events.delivery.profiles.marquez import MARQUEZ
from prefect_lineage_events.openlineage.events import run_events
from prefect_lineage_events.openlineage.facets import Event
from tests.delivery.profiles.test_marquez import events, later, run
from tests.marquez.standin import Marquez
from tests.openlineage.on_marquez import InMemory, OverHttp, Server, failing
from tests.stitching.histories import Story

REAL = os.environ.get("MARQUEZ_URL")


WORDS = st.one_of(
    st.text(min_size=1, max_size=8),
    st.text("ab1/ :#%+~.\n\0é日=,;?[]\"'", min_size=1, max_size=10),
    st.sampled_from(["x" * 300, "日" * 900, "1", "//", "2024/01/x.csv", "a:1", ":memory:", "C:/data", "h1:1,h2:2"]),
).filter(str.strip)
COLUMNS = st.one_of(
    st.text(min_size=1, max_size=6), st.sampled_from(["1A", "a#b", "a:b", "x" * 400, "a\nb", "%31A"])
).filter(lambda name: name.strip() and name != "*")


def send(server: Server, sent: Iterable[Event]) -> list[int]:
    return [server.post(event) for event in sent]


def any_runs(test: Callable[..., None]) -> Callable[..., None]:
    return given(
        flow=WORDS,
        parents=st.lists(WORDS, max_size=3),
        job_namespace=WORDS,
        source=st.tuples(WORDS, WORDS),
        target=st.tuples(WORDS, WORDS),
        columns=st.lists(st.tuples(COLUMNS, COLUMNS), min_size=1, max_size=3),
        message=st.text(max_size=20),
    )(test)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@any_runs
def test_no_event_of_ours_makes_a_list_or_graph_fail(**drawn):
    check(InMemory(Marquez()), **drawn)


@pytest.mark.marquez
@pytest.mark.skipif(not REAL, reason="MARQUEZ_URL names no Marquez")
@pytest.mark.timeout(1200)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@any_runs
def test_no_event_of_ours_makes_a_list_or_graph_of_a_real_marquez_fail(**drawn):
    """Each example also shows in its lists whatever an earlier one broke."""
    check(OverHttp(str(REAL)), **drawn)


def check(server: Server, flow, parents, job_namespace, source, target, columns, message) -> None:
    sent = []
    for number in range(2):
        chain = tuple(later_parent(name, level) for level, name in enumerate(parents))
        of_run = {"flow_name": flow, "parents": chain, "message": message, "state": "FAILED" if number else "COMPLETED"}
        sent += MARQUEZ.shape(
            events(reported(source, target, columns), namespace=job_namespace, **of_run, **later(FIRST, number))
        )
    assert set(send(server, sent)) == {201}
    assert failing(server, sent) == []


def reported(source, target, columns) -> Story:
    """An INSERT ... SELECT between two datasets of any names, with columns of any names and a type each."""
    story = Story().write("b", "a", columns="a.x>y").looked_up("a", "x:int").looked_up("b", "y:int")
    read, written = Dataset(*source), Dataset(*target)
    event = story.events[0]
    edge = event.columns[0]
    story.events[0] = event.model_copy(
        update={
            "inputs": (event.inputs[0].model_copy(update={"namespace": read.namespace, "name": read.name}),),
            "output": event.output.model_copy(update={"namespace": written.namespace, "name": written.name}),
            "columns": tuple(
                edge.model_copy(update={"source": read.uri, "source_column": x, "column": y}) for x, y in columns
            ),
        }
    )
    for number, (dataset, names) in enumerate(((read, [x for x, _ in columns]), (written, [y for _, y in columns]))):
        looked_up = story.schemas[number].datasets[0]
        of_type = looked_up.columns[0]
        known = looked_up.model_copy(
            update={
                "namespace": dataset.namespace,
                "name": dataset.name,
                "columns": tuple(of_type.model_copy(update={"name": name}) for name in names),
            }
        )
        story.schemas[number] = story.schemas[number].model_copy(update={"datasets": (known,)})
    return story


FIRST = run(Story()).run


def later_parent(name: str, level: int):
    from prefect_lineage_events.history.model import ParentRun
    from tests.stitching.histories import ident

    return ParentRun(ident(f"parent {level}"), name)


def edges_of(server: Server, job: str) -> set[tuple[str, str]]:
    status, graph = server.get("lineage", nodeId=f"job:prefect://acme:{job}")
    assert status == 200
    return {(e["origin"], e["destination"]) for node in graph["graph"] for e in (*node["inEdges"], *node["outEdges"])}


def good_story() -> Story:
    return Story().write("b", "a", columns="a.x>y").looked_up("a", "x:int").looked_up("b", "y:int")


def test_graph_after_a_failed_run_is_that_of_the_latest_successful_run():
    server = InMemory(Marquez())
    good = MARQUEZ.shape(events(good_story()))
    send(server, good)
    drawn = edges_of(server, "nightly")
    failed = MARQUEZ.shape(events(Story().read("a"), state="FAILED", **later(FIRST, 1)))
    send(server, failed)
    assert edges_of(server, "nightly") != drawn
    send(server, events_to_restore(failed, good))
    assert edges_of(server, "nightly") == drawn


def test_an_older_run_of_a_backfill_leaves_the_graph_of_the_newest_one():
    server = InMemory(Marquez())
    newest = MARQUEZ.shape(events(good_story(), **later(FIRST, 1)))
    send(server, newest)
    drawn = edges_of(server, "nightly")
    older = MARQUEZ.shape(events(Story().write("b_old", "a_old")))
    send(server, older)
    send(server, events_to_restore(older, newest))
    assert edges_of(server, "nightly") == drawn


def test_every_table_that_a_task_wrote_in_a_loop_has_its_writer():
    server = InMemory(Marquez())
    story = Story()
    for number in range(3):
        story.task(f"copy-{number}").write(f"to{number}", f"from{number}", task=f"copy-{number}")
    send(server, MARQUEZ.shape(events(story, granularity="task")))
    prefix, job = "dataset:postgres://db:5432:", "job:prefect://acme:nightly.copy"
    assert edges_of(server, "nightly.copy") == {
        edge for n in range(3) for edge in ((f"{prefix}from{n}", job), (job, f"{prefix}to{n}"))
    }
    assert edges_of(server, "nightly") == set()


def test_the_deployments_of_a_flow_stand_side_by_side():
    server = InMemory(Marquez())
    for day, deployment in enumerate(("one", "other")):
        found = run(Story().write(f"to_{deployment}", f"from_{deployment}"))
        of_run = replace(found.run, deployment_name=deployment, **later(FIRST, day))
        full = replace(found, run=of_run)
        send(server, MARQUEZ.shape(run_events(full, namespace="prefect://acme", job_template="{flow}.{deployment}")))
    for deployment in ("one", "other"):
        assert {edge for edge in edges_of(server, f"nightly.{deployment}") if f"to_{deployment}" in edge[1]}


def test_columns_are_drawn_as_they_were_sent():
    server = InMemory(Marquez())
    send(server, MARQUEZ.shape(events(good_story())))
    status, graph = server.get("column-lineage", nodeId="datasetField:postgres://db:5432:b:y")
    assert status == 200
    (node,) = [n for n in graph["graph"] if n["id"].endswith(":b:y")]
    assert [(f["dataset"], f["field"]) for f in node["data"]["inputFields"]] == [("a", "x")]
