"""Assembly of one run: events sent stay when its history expires, and rows of related runs arrive later."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from prefect import flow, task
from prefect.events import emit_event
from prefect.runtime import flow_run, task_run

from prefect_lineage_events.assembler import assemble, sweep_state
from prefect_lineage_events.assembler.assemble import assemble_run
from prefect_lineage_events.assembler.options import AssemblyOptions, AssemblyResult
from prefect_lineage_events.assembler.pages import run_page
from prefect_lineage_events.assembler.sweep import sweep_runs
from prefect_lineage_events.history.model import Completeness, RunHistory
from prefect_lineage_events.history.reader import Patience
from tests.assembler.loads import daily_load, now, stored
from tests.by_hand import closing, current_run, emit_writes, read

OPTIONS = AssemblyOptions(patience=Patience(completeness=20, first_event=5))


def with_history(monkeypatch: pytest.MonkeyPatch, **changes: object) -> None:
    """Let runs have another history than they had."""
    read_history = assemble.read_history

    def changed(*args: object) -> RunHistory:
        return replace(read_history(*args), **changes)  # type: ignore[arg-type]

    monkeypatch.setattr(assemble, "read_history", changed)


def test_events_left_by_retention_do_not_replace_those_sent(target, client, monkeypatch):
    run_id = daily_load()
    assert assemble_run(client, run_id, OPTIONS).outcome == "sent"
    before = list(target.events)
    with_history(monkeypatch, stored_events=1, completeness=Completeness(unclosed=(run_id,)))
    assert assemble_run(client, run_id, replace(OPTIONS, force=True)).outcome == "events deleted"
    assert target.events == before


def test_more_events_than_before_replace_those_sent(target, client, monkeypatch):
    run_id = daily_load()
    assemble_run(client, run_id, OPTIONS)
    with_history(monkeypatch, stored_events=9, completeness=Completeness(unclosed=(run_id,)))
    assert assemble_run(client, run_id, OPTIONS).outcome == "sent"
    assert len(target.of(run_id)) > 2


def test_events_left_of_related_runs_do_not_replace_those_sent(target, client, monkeypatch):
    run_id = daily_load()
    assemble_run(client, run_id, OPTIONS)
    before = list(target.events)
    with_history(monkeypatch, completeness=Completeness(incomplete_related_runs=(run_id,)))
    assert assemble_run(client, run_id, replace(OPTIONS, force=True)).outcome == "events deleted"
    assert target.events == before


def test_a_subflow_is_assembled_again_when_its_parents_events_are_complete(target, client):
    during: list[AssemblyResult] = []
    swept: list[set[UUID]] = []

    @task
    def extract() -> list[str]:
        return [task_run.id]

    @flow(name="handed rows", validate_parameters=False)
    def handed_rows(rows: list[str]) -> UUID:
        emit_writes([("handed_down",)])
        return UUID(flow_run.id)

    @flow(name="handing rows")
    def handing_rows() -> tuple[UUID, UUID]:
        rows = extract()
        child = handed_rows(rows)
        during.append(assemble_run(client, child, OPTIONS))
        for _ in range(2):
            swept.append({a.flow_run_id for a in sweep_runs(client, OPTIONS).assembled})
        run = current_run()
        reading = read("source", run=run.model_copy(update={"task_run_id": UUID(rows[0])}), at=now())
        emit_event(**reading.to_prefect())
        emit_event(**closing(reading.emitter.id, 1, run=run, at=now()).to_prefect())
        return UUID(flow_run.id), child

    parent, child = handing_rows()
    assert during[0].waits_for == (parent,)
    assert target.of(child)[-1]["inputs"] == []
    assert [child in runs for runs in swept] == [True, False]

    stored(client, parent)
    sweep_runs(client, OPTIONS)
    assert [i["name"] for i in target.of(child)[-1]["inputs"]] == ["shop.public.source"]
    assert target.types(child) == ["START", "COMPLETE", "COMPLETE"]
    assert child not in {w.flow_run_id for w in sweep_state.read(client).waiting}


def test_the_runs_page_is_rendered_once_for_each_state(target, client, monkeypatch):
    rendered = []
    markdown = run_page.markdown

    def counted(*args: object) -> str:
        rendered.append(markdown(*args))  # type: ignore[arg-type]
        return rendered[-1]

    monkeypatch.setattr(run_page, "markdown", counted)
    assert assemble_run(client, daily_load(), OPTIONS).outcome == "sent"
    assert rendered
    assert len(rendered) == len(set(rendered))
