"""Runs whose events are built."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from prefect_lineage_events.history.model import FlowRun, ParentRun
from prefect_lineage_events.history.source_code import SourceCode
from prefect_lineage_events.stitching.model import RunLineage
from prefect_lineage_events.stitching.stitch import stitch
from tests.stitching.histories import START, Story, ident


@pytest.fixture
def built() -> Callable[..., RunLineage]:
    """A story's run lineage; further arguments are the flow run's (`state="FAILED"`)."""

    def build(story: Story, **of_run: Any) -> RunLineage:
        history = story.history()
        return stitch(replace(history, run=replace(history.run, **of_run)))

    return build


def elt() -> Story:
    """Two tasks: a temporary table between, a DataFrame from task to task, a statement that was not understood."""
    story = Story().task("extract").task("load", "extract")
    story.read("db.s.orders", task="extract", columns="db.s.orders.amount>amount", result="amount", rows=6)
    story.create(
        "#tmp", "db.s.orders", task="load", columns="db.s.orders.id>oid db.s.orders.status>oid:FILTER", query_id="q-1"
    )
    story.write(
        "db.s.mart", "#tmp", task="load", columns="tmp.oid>order_id", query_id="q-2", rows=6, sql="INSERT INTO mart …"
    )
    story.create("db.s.copy", task="load", into="amount:int").write("db.s.copy", task="load", into="amount:int", rows=6)
    story.read(
        "db.s.odd", confidence="partial", reason="a word 'secret' that no grammar knows", sql="SELECT ? FROM odd ODDLY"
    )
    story.looked_up("db.s.orders", "id:int amount:int status:text").looked_up("db.s.mart", "order_id:int")
    return story


def deployed(run: FlowRun, **more: Any) -> FlowRun:
    """A run of a deployment with all its fields."""
    return replace(
        run,
        deployment_id=ident("deployment"),
        deployment_name="nightly",
        deployment_description="Builds the mart every night.",
        deployment_version="3f2a1c",
        deployment_entrypoint="flows/nightly.py:nightly",
        schedule="0 3 * * *",
        owners=("team:data",),
        source=SourceCode(
            "https://github.com/example/flows/blob/main/flows/nightly.py",
            "https://github.com/example/flows.git",
            branch="main",
            path="flows/nightly.py",
        ),
        work_pool="pool",
        work_queue="default",
        tags=("gold", "daily"),
        parameters={"day": "2026-11-01", "limit": 5, "password": "hunter2", "full": True},
        **more,
    )


def child_of(*names: str) -> tuple[ParentRun, ...]:
    """The chain of parents above a subflow, nearest first."""
    return tuple(ParentRun(ident(f"run of {name}"), name) for name in names)


def later(run: FlowRun, days: int) -> dict[str, Any]:
    """The times and the id of another run of the same flow."""
    return {
        "id": ident(f"{run.id} {days}"),
        "started": START + dt.timedelta(days=days),
        "ended": START + dt.timedelta(days=days, minutes=5),
    }
