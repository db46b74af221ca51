"""All events of a run, one file for each shape of a run: `tests/golden/NAME.json`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from prefect_lineage_events.delivery.profiles.marquez import MARQUEZ
from prefect_lineage_events.history.model import ParentRun
from prefect_lineage_events.openlineage.events import run_events
from prefect_lineage_events.stitching.stitch import stitch
from tests.marquez.standin import Marquez
from tests.marquez.walk import walk
from tests.openlineage.conftest import child_of, deployed, elt
from tests.openlineage.on_marquez import InMemory
from tests.openlineage.templates import differences
from tests.openlineage.validation import faults
from tests.stitching.histories import Story, ident
from tests.stitching.lineages import run

GOLDEN = Path(__file__).parents[1] / "golden"


def built(story: Story, granularity: str = "flow", **of_run: Any) -> list[dict[str, Any]]:
    found = run(story)
    return run_events(
        replace(found, run=replace(found.run, **of_run)),
        namespace="prefect://acme",
        granularity=granularity,  # type: ignore[arg-type]
        prefect_url="http://127.0.0.1:4200",
    )


def deployment() -> list[dict[str, Any]]:
    found = run(elt())
    return run_events(replace(found, run=deployed(found.run)), namespace="prefect://acme")


def odd_names() -> list[dict[str, Any]]:
    story = Story().write("kafka://h1:9092,h2:9092/topic", "s3://bucket/2024/01/x.csv", dialect="")
    return MARQUEZ.shape(built(story, flow_name="3 o'clock", parents=child_of("top")))


def lives() -> list[dict[str, Any]]:
    """A table replaced by a new one, another renamed, a third dropped, a fourth emptied."""
    story = Story().create("fresh", "src", columns="src.x>x").drop("mart").rename("fresh", "mart")
    return built(story.rename("old", "archive").drop("gone").write("emptied", effect="truncate"))


def python() -> list[dict[str, Any]]:
    """Rows from task to task, through the flow's body, and out of a subflow."""
    story = Story().task("extract", span=(0, 1)).task("load", "extract", span=(1, 2))
    story.read("a", task="extract", columns="a.x>x", result="x").write("b", task="load", into="x:int")
    story.task("fetch", span=(2, 3)).task("store", span=(9, 10), untracked=True)
    story.read("c", task="fetch", result="y").write("d", task="store", into="y:int", rows=2)
    subflow = Story("subflow").read("e")
    story.task("subflow", span=(3, 4), subflow=subflow.history().run.id)
    story.task("put", "subflow", span=(5, 6)).write("f", task="put")
    history = story.history()
    whole = stitch(replace(history, subflows={subflow.history().run.id: subflow.history()}))
    return run_events(whole, namespace="prefect://acme")


def assets() -> list[dict[str, Any]]:
    """An asset of a table that a statement wrote, and one that is only in Prefect's events."""
    story = Story().task("T").write("shop.s.t", "shop.s.x", task="T")
    story.asset("postgres://db:5432/shop/s/t", task="T", description="The T.", owners=("team:x",))
    return built(story.asset("s3://lake/report.csv", "postgres://db:5432/shop/s/t", task="T"))


def staging() -> list[dict[str, Any]]:
    """A staging table that stays, a dropped one, and a table that is its own source."""
    story = Story().create("stage", "src", columns="src.x>x", into="x:int").write("mart", "stage", columns="stage.x>x")
    story.create("scratch", "src", columns="src.x>z").write("other", "scratch", columns="scratch.z>z").drop("scratch")
    return built(story.write("mart", "mart", columns="mart.x>x:AGGREGATION"))


def mapped() -> list[dict[str, Any]]:
    """A task in a loop of two, one run of which failed, in a flow whose body writes as well."""
    story = Story().write("report", "a", columns="a.x>x", into="x:int")
    for number, (source, target) in enumerate((("a", "a_copy"), ("b", "b_copy"))):
        run_id = f"copy-{number}"
        story.task(run_id, span=(number, number + 1)).write(target, source, task=run_id, columns=f"{source}.x>x")
    story.tasks[ident("copy-1")] = replace(story.tasks[ident("copy-1")], state="FAILED", message="disk full")
    return built(story, "task")


def by_deployment() -> list[dict[str, Any]]:
    found = run(Story().task("load").write("b", "a", task="load"))
    of_run = deployed(found.run, parents=(ParentRun(ident("top"), "top", "hourly"),))
    return run_events(
        replace(found, run=of_run),
        namespace="prefect://acme",
        granularity="task",
        job_template="{flow}.{deployment}",
    )


def unknown() -> list[dict[str, Any]]:
    """Rows out of Python of which no source is known, and a table one of whose columns has none."""
    story = Story().task("fetch", span=(0, 1)).task("load", span=(2, 3), untracked=True)
    story.write("made", task="fetch", binds="x y", into="x:int y:int", rows=5)
    story.read("a", task="load", columns="a.x>x", result="x", rows=9)
    return built(story.write("b", task="load", binds="x total", into="x:int total:int", rows=9), "task")


def files() -> list[dict[str, Any]]:
    """Parts of a dataset of files, read twice and written to another one, and a table of a catalog."""
    story = Story()
    for day in ("dt=2026-11-28", "dt=2026-11-29"):
        story.read(
            "s3://lake/orders", dialect="", rows=2, size=100, files=1, columns="s3://lake/orders.id>id", result="id"
        )
        known(story, subset=(day,))
        story.write("s3://lake/mart", dialect="", rows=2, size=50, files=1, into="id:int64")
        known(story, subset=(f"{day}.parquet",), symlinks=(("arn:aws:glue:eu-west-1:123456789012", "table/shop/mart"),))
    return built(story.write("duckdb:///data/shop.duckdb/main/mart", "s3://lake/mart"))


def known(story: Story, **more: Any) -> None:
    """Say more of the dataset of the last event."""
    event = story.events[-1]
    dataset = (event.output or event.inputs[0]).model_copy(update=more)
    story.events[-1] = event.model_copy(update={"output": dataset} if event.output else {"inputs": (dataset,)})


SHAPES: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "flow": lambda: built(elt()),
    "tasks": lambda: built(elt(), "task"),
    "failed": lambda: built(elt(), state="FAILED", message="ValueError: 'hunter2' is no number"),
    "cancelled": lambda: built(elt(), state="CANCELLED", message="Cancelled by the user"),
    "subflow": lambda: built(elt(), parents=child_of("middle", "top")),
    "states only": lambda: built(Story()),
    "deployment": deployment,
    "lives": lives,
    "odd names for Marquez": odd_names,
    "task outside any flow": lambda: built(Story().write("b", "a"), "task", kind="task-run", flow_name="load orders"),
    "python": python,
    "assets": assets,
    "staging": staging,
    "mapped": mapped,
    "by deployment": by_deployment,
    "unknown": unknown,
    "files": files,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_events_match_the_golden_file(shape):
    sent = SHAPES[shape]()
    template = json.loads((GOLDEN / f"{shape.replace(' ', '_')}.json").read_text())
    assert list(differences(template, sent)) == []
    assert faults(sent) == []


def test_every_golden_file_has_its_shape():
    assert {path.stem for path in GOLDEN.glob("*.json")} == {shape.replace(" ", "_") for shape in SHAPES}


@pytest.mark.parametrize(
    ("template", "found", "reported"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, []),
        ({"a": 1}, {"b": 2}, ["/a is missing"]),
        ([{"a": "<any>"}], [{"a": "x"}], []),
        ([1], [1, 2], [" has 2 items, not 1"]),
        ("<uuid>", "x", [" is 'x', no <uuid>"]),
        ("<time>", "2026-11-01T12:00:00.000Z", []),
        (1, 2, [" is 2, not 1"]),
    ],
)
def test_templates_name_what_differs(template, found, reported):
    assert list(differences(template, found)) == reported


@pytest.mark.parametrize("shape", SHAPES)
def test_marquez_shows_each_shape_without_an_error(shape):
    server = InMemory(Marquez())
    assert {server.post(event) for event in MARQUEZ.shape(SHAPES[shape]())} == {201}
    assert [str(fault) for fault in walk(server).unknown] == []


_DIGESTS = """
import hashlib, json
from tests.openlineage.test_golden import SHAPES
for shape, build in SHAPES.items():
    print(shape, hashlib.sha256(json.dumps(build()).encode()).hexdigest())
"""


def test_every_process_gives_the_same_bytes():
    seeds = ("0", "1", "4711")
    reported = [
        subprocess.run(
            [sys.executable, "-c", _DIGESTS],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=GOLDEN.parents[1],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in seeds
    ]
    assert len(reported[0].splitlines()) == len(SHAPES)
    assert len(set(reported)) == 1
