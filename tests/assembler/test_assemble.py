"""One run: what was sent stands when its history fades, and what its kin handed over comes later."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from prefect import flow, task
from prefect.events import emit_event
from prefect.runtime import flow_run, task_run

from prefect_lineage_events.assembler import assemble, report, sweep_state
from prefect_lineage_events.assembler.assemble import assemble_run
from prefect_lineage_events.assembler.options import AssemblyOptions, AssemblyResult
from prefect_lineage_events.assembler.sweep import sweep_runs
from prefect_lineage_events.history.model import Completeness, RunHistory
from prefect_lineage_events.history.reader import Patience
from tests.assembler.loads import daily_load, now, stored
from tests.by_hand import closing, current_run, emit_writes, read

ORDER = AssemblyOptions(patience=Patience(completeness=20, first_event=5))


def with_history(monkeypatch: pytest.MonkeyPatch, **changes: object) -> None:
    """Let runs have another history than they had."""
    read_history = assemble.read_history

    def changed(*args: object) -> RunHistory:
        return replace(read_history(*args), **changes)  # type: ignore[arg-type]

    monkeypatch.setattr(assemble, "read_history", changed)


def test_what_retention_left_of_a_run_does_not_replace_what_was_sent(target, client, monkeypatch):
    run_id = daily_load()
    assert assemble_run(client, run_id, ORDER).outcome == "sent"
    told = list(target.events)
    with_history(monkeypatch, stored_events=1, completeness=Completeness(unclosed=(run_id,)))
    assert assemble_run(client, run_id, replace(ORDER, force=True)).outcome == "events gone"
    assert target.events == told


def test_more_events_than_there_were_replace_what_was_sent(target, client, monkeypatch):
    run_id = daily_load()
    assemble_run(client, run_id, ORDER)
    with_history(monkeypatch, stored_events=9, completeness=Completeness(unclosed=(run_id,)))
    assert assemble_run(client, run_id, ORDER).outcome == "sent"
    assert len(target.of(run_id)) > 2


def test_what_retention_left_of_a_runs_kin_does_not_replace_what_was_sent(target, client, monkeypatch):
    run_id = daily_load()
    assemble_run(client, run_id, ORDER)
    told = list(target.events)
    with_history(monkeypatch, completeness=Completeness(incomplete_related_runs=(run_id,)))
    assert assemble_run(client, run_id, replace(ORDER, force=True)).outcome == "events gone"
    assert target.events == told


def test_a_subflow_is_assembled_again_when_the_parent_that_handed_it_rows_has_told_all(target, client):
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
        during.append(assemble_run(client, child, ORDER))
        for _ in range(2):
            swept.append({a.flow_run_id for a in sweep_runs(client, ORDER).assembled})
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
    sweep_runs(client, ORDER)
    assert [i["name"] for i in target.of(child)[-1]["inputs"]] == ["shop.public.source"]
    assert target.types(child) == ["START", "COMPLETE", "COMPLETE"]
    assert child not in {w.flow_run_id for w in sweep_state.read(client).waiting}


def test_the_page_of_a_run_is_rendered_once_for_each_thing_it_says(target, client, monkeypatch):
    rendered = []
    markdown = report.markdown

    def counted(*args: object) -> str:
        rendered.append(markdown(*args))  # type: ignore[arg-type]
        return rendered[-1]

    monkeypatch.setattr(report, "markdown", counted)
    assert assemble_run(client, daily_load(), ORDER).outcome == "sent"
    assert rendered
    assert len(rendered) == len(set(rendered))
