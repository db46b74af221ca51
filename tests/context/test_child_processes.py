"""Marks of child processes: a child that ends without removing its mark is lost."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest
from prefect.settings import PREFECT_HOME, temporary_settings

from prefect_lineage_events.context import child_processes
from prefect_lineage_events.context.child_processes import Marks, any_marks, lost

RUN = uuid4()


@pytest.fixture(autouse=True)
def home(tmp_path: Path):
    with temporary_settings({PREFECT_HOME: tmp_path}):
        yield tmp_path


def child(work) -> None:
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)


def test_child_that_ends_with_its_mark_is_lost_once(home: Path) -> None:
    child(lambda: Marks().hold(RUN))
    child(lambda: Marks().hold(RUN))

    assert any_marks(RUN)
    assert (lost(RUN), lost(RUN)) == (2, 0)
    assert not (home / "lineage-children" / str(RUN)).exists()


def test_child_that_has_sent_all_is_not_lost() -> None:
    def work() -> None:
        marks = Marks()
        marks.hold(RUN)
        marks.remove()

    child(work)
    assert (lost(RUN), any_marks(RUN)) == (0, False)


def test_child_at_work_is_not_lost() -> None:
    marks = Marks()
    marks.hold(RUN)
    assert lost(RUN) == 0
    marks.remove()
    assert lost(RUN) == 0


def test_child_that_is_about_to_lock_its_mark_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []

    def flock(descriptor: int, how: int) -> None:
        if not counts:
            counts.append(-1)
            counts[0] = lost(RUN)
        fcntl.flock(descriptor, how)

    monkeypatch.setattr(
        child_processes, "fcntl", SimpleNamespace(flock=flock, LOCK_EX=fcntl.LOCK_EX, LOCK_NB=fcntl.LOCK_NB)
    )
    marks = Marks()
    marks.hold(RUN)
    assert (counts, lost(RUN)) == ([0], 0)
    marks.remove()


def test_a_childs_own_child_does_not_inherit_its_mark(home: Path) -> None:
    marks = Marks()
    marks.hold(RUN)
    child(marks.drop)
    assert lost(RUN) == 0
    marks.remove()


def test_run_without_children_has_no_marks() -> None:
    assert lost(uuid4()) == 0


def test_folder_that_cannot_be_written_is_ignored(home: Path) -> None:
    (home / "lineage-children").write_text("")
    marks = Marks()
    marks.hold(RUN)
    marks.remove()
