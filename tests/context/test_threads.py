"""Paths of threads, work items and asyncio tasks within a run, whose root has the empty path."""

from __future__ import annotations

import asyncio
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest

from prefect_lineage_events.context import propagation, running, threads


@pytest.fixture
def run_id() -> UUID:
    run_id = uuid4()
    threads.note_root(run_id)
    return run_id


def store_starters(monkeypatch: pytest.MonkeyPatch, run_id: UUID) -> None:
    """Have threads and work items store the path that started them, as in a flow run."""

    def note(target: object) -> None:
        target.__dict__[propagation._NOTE] = SimpleNamespace(run=None, path=threads.path_below(run_id))

    start, init = (getattr(f, "__wrapped__", f) for f in (threading.Thread.start, propagation._WorkItem.__init__))
    monkeypatch.setattr(threading.Thread, "start", propagation._before(note, start, lambda: True))
    monkeypatch.setattr(propagation._WorkItem, "__init__", propagation._after(note, init, lambda: True))


def test_the_runs_own_thread_has_the_empty_path(run_id: UUID) -> None:
    assert threads.path(run_id) == ""


def test_a_copy_of_its_context_is_no_root(run_id: UUID) -> None:
    thread = threading.Thread(target=threads.note_root, args=(run_id,))
    thread.start()
    thread.join()
    assert threads.path(run_id) == ""


def test_a_flow_keeps_its_root_beyond_the_limit_of_roots(monkeypatch: pytest.MonkeyPatch, run_id: UUID) -> None:
    monkeypatch.setattr(threads, "_MAX_ROOTS", 3)
    tasks = [uuid4() for _ in range(10)]
    for task in tasks:
        threads.note_root(task, within=run_id)
    assert threads.path(run_id) == ""
    assert tasks[0] not in threads._roots


def test_coroutines_that_are_gathered_are_distinguished() -> None:
    async def path(run_id: UUID) -> str:
        await asyncio.sleep(0)
        return threads.path(run_id)

    async def flow() -> tuple[str, list[str], str]:
        run_id = uuid4()
        threads.note_root(run_id)
        return threads.path(run_id), await asyncio.gather(path(run_id), path(run_id)), await path(run_id)

    own, gathered, awaited = asyncio.run(flow())
    assert (own, awaited) == ("", "")
    assert len({*gathered, ""}) == 3


def test_work_items_of_a_pool_with_one_thread_are_distinguished(monkeypatch: pytest.MonkeyPatch, run_id: UUID) -> None:
    store_starters(monkeypatch, run_id)
    with ThreadPoolExecutor(1) as pool:
        paths = [pool.submit(threads.path, run_id).result() for _ in range(2)]
    assert len({*paths, ""}) == 3


def test_a_thread_is_below_the_one_that_started_it(monkeypatch: pytest.MonkeyPatch, run_id: UUID) -> None:
    store_starters(monkeypatch, run_id)
    paths = []

    def outer() -> None:
        paths.append(threads.path(run_id))
        inner = threading.Thread(target=lambda: paths.append(threads.path(run_id)))
        inner.start()
        inner.join()

    thread = threading.Thread(target=outer)
    thread.start()
    thread.join()
    assert paths[1].startswith(f"{paths[0]}.")


def test_work_that_a_coroutine_gives_to_a_thread_is_below_the_coroutine(monkeypatch: pytest.MonkeyPatch) -> None:
    async def coroutine(run_id: UUID) -> tuple[str, list[str]]:
        return threads.path(run_id), [await asyncio.to_thread(threads.path, run_id) for _ in range(2)]

    async def flow() -> list[tuple[str, list[str]]]:
        run_id = uuid4()
        threads.note_root(run_id)
        store_starters(monkeypatch, run_id)
        return await asyncio.gather(coroutine(run_id), coroutine(run_id))

    for own, below in asyncio.run(flow()):
        assert own
        assert all(path.startswith(f"{own}.") for path in below)


def test_a_context_that_cannot_be_tracked_is_entered() -> None:
    assert running._watching_entry(lambda entered: entered, lambda: True)(None) is None


def test_a_stack_that_changes_while_it_is_read_hides_no_run(monkeypatch: pytest.MonkeyPatch, run_id: UUID) -> None:
    """A thread that goes on leaves frames behind that know none below them."""
    real, readings = sys._current_frames, iter([{threading.get_ident(): None}])
    monkeypatch.setattr(sys, "_current_frames", lambda: next(readings, None) or real())
    engine: dict[str, Any] = {"__name__": "prefect.flow_engine"}
    exec("def run(self, asked): return asked()", engine)
    found = engine["run"](SimpleNamespace(flow_run=SimpleNamespace(id=run_id)), threads.running_roots)
    assert found[run_id].thread == threading.get_ident()
