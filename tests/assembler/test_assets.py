"""Datasets of runs, emitted as assets of Prefect."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from prefect_lineage_events.assembler import assets, publishing
from prefect_lineage_events.history.assets import parse
from tests.stitching.histories import Story, uri
from tests.stitching.lineages import run


@pytest.fixture
def emitted(monkeypatch) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    monkeypatch.setattr(publishing, "emit_event", lambda **event: events.append(event))
    return events


def emit(story: Story, **of_run: Any) -> None:
    found = run(story)
    assets.emit(replace(found, run=replace(found.run, **of_run)))


def keys(event: dict[str, Any], role: str) -> list[str]:
    return [r["prefect.resource.id"] for r in event["related"] if r["prefect.resource.role"] == role]


def test_an_output_is_a_materialisation_with_its_sources(emitted):
    emit(Story().write("db.s.b", "db.s.a", rows=3))
    referenced, made = emitted
    assert (referenced["event"], referenced["resource"]["prefect.resource.id"]) == (
        "prefect.asset.referenced",
        uri("db.s.a"),
    )
    assert made["event"] == "prefect.asset.materialization.succeeded"
    assert made["resource"] == {"prefect.resource.id": uri("db.s.b"), "prefect.resource.name": "db.s.b"}
    assert keys(made, "asset") == [uri("db.s.a")]
    assert made["payload"] == {"rows": 3}


def test_the_run_that_wrote_the_data_is_related_and_the_time_is_its_own(emitted):
    story = Story().write("b", "a")
    emit(story)
    assert keys(emitted[-1], "flow-run") == [f"prefect.flow-run.{story.history().run.id}"]
    assert emitted[-1]["occurred"] == story.history().run.ended


def test_failed_run_emits_failed_materialisations(emitted):
    emit(Story().write("b", "a"), state="FAILED")
    assert emitted[-1]["event"] == "prefect.asset.materialization.failed"


def test_cancelled_run_emits_nothing(emitted):
    emit(Story().write("b", "a"), state="CANCELLED")
    assert emitted == []


def test_event_ids_are_deterministic(emitted):
    for _ in range(2):
        emit(Story().write("b", "a"))
    assert len({event["id"] for event in emitted}) == 2
    assert len(emitted) == 4


def test_assets_emitted_by_prefect_are_not_repeated(emitted):
    emit(Story().task("T").asset("s3://bucket/out", "s3://bucket/in", task="T"))
    assert emitted == []


def test_dropped_table_is_no_asset(emitted):
    emit(Story().drop("b"))
    assert emitted == []


def test_a_name_that_is_no_asset_key_is_left_out(emitted):
    emit(Story().write("b", "s3://bucket/it's").write("s3://bucket/100%", "a"))
    assert [event["resource"]["prefect.resource.name"] for event in emitted] == ["b"]
    assert keys(emitted[0], "asset") == []


def test_our_asset_events_are_not_read_as_lineage(emitted):
    emit(Story().write("b", "a"))
    assert parse(emitted[-1]) is None
