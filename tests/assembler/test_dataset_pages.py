"""Pages of datasets on a real server: written once for many runs, by several assemblers at once, and mended."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from uuid import UUID, uuid4

import pytest
from prefect import flow, get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.runtime import flow_run

from prefect_lineage_events.assembler import dataset_pages, publishing
from prefect_lineage_events.assembler.artifact_keys import dataset_key, flow_key
from prefect_lineage_events.assembler.assemble import assemble_run
from prefect_lineage_events.assembler.batch import assemble_each
from prefect_lineage_events.assembler.dataset_pages import DatasetPages, batched
from prefect_lineage_events.assembler.options import AssemblyOptions
from prefect_lineage_events.assembler.pages.dataset_record import DatasetRecord, decode, encode
from prefect_lineage_events.assembler.sweep import sweep_runs
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.history import api
from prefect_lineage_events.history.reader import Patience
from prefect_lineage_events.history.runs import read_run
from tests.assembler.pages.samples import run_lineage, table
from tests.by_hand import emit_writes

OPTIONS = AssemblyOptions(patience=Patience(completeness=60, first_event=60))


@pytest.fixture
def setting(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    from prefect_lineage_events.settings import settings

    yield monkeypatch
    monkeypatch.undo()
    settings.cache_clear()


def limit(setting: pytest.MonkeyPatch, number: int) -> None:
    from prefect_lineage_events.settings import settings

    setting.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_DATASET_PAGES", str(number))
    settings.cache_clear()


@pytest.fixture
def name() -> str:
    """The name of a table that no other test has."""
    return f"t{uuid4().hex[:8]}"


def rows(client: SyncPrefectClient, dataset: Dataset) -> list[dict[str, object]]:
    return api.post(client, "/artifacts/filter", {"artifacts": {"key": {"any_": [dataset_key(dataset)]}}})  # type: ignore[no-any-return]


def page(client: SyncPrefectClient, dataset: Dataset) -> str:
    return str(api.get(client, f"/artifacts/{dataset_key(dataset)}/latest")["data"])


def record(client: SyncPrefectClient, dataset: Dataset) -> DatasetRecord:
    found = decode(page(client, dataset))
    assert found is not None
    return found


def writers(client: SyncPrefectClient, dataset: Dataset) -> list[str]:
    return [user.flow_name for user in record(client, dataset).writers]


def test_run_appears_on_the_pages_of_its_datasets(client, target, name):
    @flow(name=f"load {name}")
    def load() -> UUID:
        emit_writes([(f"{name}_mart", f"{name}_source")])
        return UUID(flow_run.id)

    run_id = load()
    assemble_run(client, run_id, OPTIONS)
    mart, source = table(f"{name}_mart"), table(f"{name}_source")
    assert [user.run_id for user in record(client, mart).writers] == [run_id]
    assert [user.datasets for user in record(client, source).readers] == [(mart,)]

    @flow(name=f"report {name}")
    def report() -> UUID:
        emit_writes([(f"{name}_report", f"{name}_mart")])
        return UUID(flow_run.id)

    reader = report()
    assemble_run(client, reader, OPTIONS)
    body = {"artifacts": {"flow_run_id": {"any_": [str(reader)]}, "type": {"any_": ["markdown"]}}}
    ((shown),) = [row["data"] for row in api.post(client, "/artifacts/filter", body) if "Lineage of" in row["data"]]
    flow_id = read_run(client, run_id).flow_id
    writer = f"[load {name}](../../artifacts/key/{flow_key(f'load {name}', flow_id)}) ("
    assert writer in shown
    assert f"../../runs/flow-run/{run_id}" in shown
    assert [user.run_id for user in record(client, mart).readers] == [reader]


def test_assembly_that_changes_nothing_writes_the_same_page(client, target, name):
    @flow(name=f"load {name}")
    def load() -> UUID:
        emit_writes([(name, f"{name}_source")])
        return UUID(flow_run.id)

    run_id = load()
    assemble_run(client, run_id, OPTIONS)
    (before,) = rows(client, table(name))
    assemble_run(client, run_id, AssemblyOptions(patience=OPTIONS.patience, force=True))
    (after,) = rows(client, table(name))
    assert after == before


def test_several_assemblers_at_once_lose_no_run(client, name):
    shared = [table(f"{name}_{number}") for number in range(3)]

    def assemble(number: int) -> None:
        with get_client(sync_client=True) as own, batched(own) as pages:
            pages.add(run_lineage(f"flow {number} {name}", *(f"a>{name}_{n}" for n in range(3)), hour=number))

    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(copy_context().run, assemble, number) for number in range(6)]:
            done.result()
    for dataset in shared:
        assert writers(client, dataset) == [f"flow {number} {name}" for number in reversed(range(6))]
        assert len(rows(client, dataset)) == 1


def test_later_run_stays_when_an_earlier_one_is_assembled_after_it(client, name):
    for hour in (2, 1):
        with batched(client) as pages:
            pages.add(run_lineage(f"load {name}", f"a>{name}", hour=hour))
    assert [user.run_name for user in record(client, table(name)).writers] == ["run-2"]


def test_one_run_changes_at_most_as_many_pages_as_the_setting_allows(client, setting, name):
    limit(setting, 3)
    with batched(client) as pages:
        pages.add(run_lineage(f"load {name}", *(f"a>{name}_{number}" for number in range(10))))
    assert [bool(rows(client, table(f"{name}_{number}"))) for number in range(10)] == [True] * 3 + [False] * 7


def test_no_pages_if_the_setting_is_zero(client, setting, name):
    limit(setting, 0)
    pages = DatasetPages(client)
    run = run_lineage(f"load {name}", f"a>{name}")
    pages.add(run)
    pages.flush()
    assert pages.of(run) == {}
    assert rows(client, table(name)) == []


def test_page_is_written_once_for_the_runs_of_a_batch(client, target, name, monkeypatch):
    @flow(name=f"load {name}")
    def load() -> UUID:
        emit_writes([(name, f"{name}_source")])
        return UUID(flow_run.id)

    runs = [read_run(client, load()) for _ in range(3)]
    written = []
    write = dataset_pages._write
    monkeypatch.setattr(dataset_pages, "_write", lambda *given: (written.append(given[1]), write(*given)))
    assemble_each(client, runs, OPTIONS)
    assert sorted(written) == sorted([table(name), table(f"{name}_source")])
    assert [user.run_id for user in record(client, table(name)).writers] == [max(runs, key=lambda run: run.began).id]


def test_sweep_adds_runs_that_a_killed_assembler_left_out(client, target, name, monkeypatch):
    @flow(name=f"load {name}")
    def load() -> UUID:
        emit_writes([(name, f"{name}_source")])
        return UUID(flow_run.id)

    run_id = load()
    with monkeypatch.context() as patch:
        patch.setattr(DatasetPages, "flush", lambda self: None)
        assemble_run(client, run_id, OPTIONS)
    assert rows(client, table(name)) == []
    sweep_runs(client, OPTIONS)
    assert [user.run_id for user in record(client, table(name)).writers] == [run_id]


def test_fault_of_a_page_stops_no_delivery(client, target, name, monkeypatch, caplog):
    @flow(name=f"load {name}")
    def load() -> UUID:
        emit_writes([(name, f"{name}_source")])
        return UUID(flow_run.id)

    def fails(*_: object) -> None:
        raise RuntimeError("no pages today")

    monkeypatch.setattr(dataset_pages, "_read", fails)
    run_id = load()
    assert assemble_run(client, run_id, OPTIONS).outcome == "sent"
    assert target.types(run_id) == ["START", "COMPLETE"]
    assert "no pages today" in caplog.text


def test_edited_page_is_written_again_and_deleted_one_too(client, name):
    run = run_lineage(f"load {name}", f"a>{name}")
    with batched(client) as pages:
        pages.add(run)
    first = page(client, table(name))
    (row,) = rows(client, table(name))
    publishing.update_artifact(client, UUID(str(row["id"])), data="my own notes")
    with batched(client) as pages:
        pages.add(run)
    assert page(client, table(name)) == first
    publishing.delete_artifact(client, UUID(str(row["id"])))
    with batched(client) as pages:
        pages.add(run)
    assert page(client, table(name)) == first


def test_page_of_a_later_version_stays(client, name):
    run = run_lineage(f"load {name}", f"a>{name}")
    with batched(client) as pages:
        pages.add(run)
    (row,) = rows(client, table(name))
    later = re.sub(r"\[lineage-data\].*", encode(DatasetRecord(table(name), version=99)), str(row["data"]))
    publishing.update_artifact(client, UUID(str(row["id"])), data=later)
    with batched(client) as pages:
        pages.add(run)
    assert page(client, table(name)) == later
