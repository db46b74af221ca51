"""A library whose patch fails, at any moment: each run of the process that may use it says so."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec.spec
import pytest
from prefect import flow, task

from prefect_lineage_events import doctor, instrument, lineage_disabled, patches, uninstrument
from prefect_lineage_events.emission import not_captured, worker
from prefect_lineage_events.emission.notes import LossNote, NotCapturedNote
from prefect_lineage_events.instrumentation import libraries, opening
from prefect_lineage_events.instrumentation.files import everywhere, filesystems
from prefect_lineage_events.instrumentation.library import Library
from prefect_lineage_events.instrumentation.uncovered import Uncovered
from tests.conftest import PrefectServer

NAMED = "changed-library (its patch failed)"


def _fails(module: Any) -> None:
    module.gone_in_this_version()


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[tuple[str | None, str]]]:
    """The names of flows, each with what it names; `instrument()` does not know `changed_library` as it is."""
    notes: list[tuple[str | None, str]] = []

    def put(note: Any) -> bool:
        if isinstance(note, NotCapturedNote | LossNote) and note.run is not None:
            said = note.library if isinstance(note, NotCapturedNote) else note.reason
            notes.append((note.run.info.flow_name, said))
        return True

    monkeypatch.setattr(worker, "put", put)
    changed = Library("files", "changed_library", _fails, "changed-library", "")
    monkeypatch.setattr(libraries, "LIBRARIES", (changed,))
    monkeypatch.setattr(libraries, "UNCOVERED", ())
    (tmp_path / "changed_library.py").write_text("def load(): pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield notes
    uninstrument()
    sys.modules.pop("changed_library", None)


def _imports() -> None:
    importlib.import_module("changed_library")


def _does_nothing() -> None:
    pass


def _run(name: str, program: Any) -> None:
    flow(name=name)(program)()


def test_library_that_was_imported_before_the_switch_on_is_named_by_each_run(
    named: list[Any], prefect_server: PrefectServer
) -> None:
    _imports()
    instrument("files")
    _run("first", _does_nothing)
    _run("second", _does_nothing)
    assert named == [("first", NAMED), ("second", NAMED)]


def test_library_that_is_imported_between_runs_is_named_by_each_later_run(
    named: list[Any], prefect_server: PrefectServer
) -> None:
    instrument("files")
    _run("before", _does_nothing)
    _imports()
    _run("first", _does_nothing)
    _run("second", lambda: task(_does_nothing)())
    assert named == [("first", NAMED), ("second", NAMED)]


def test_library_that_is_imported_in_a_run_is_named_by_it_and_by_later_ones(
    named: list[Any], prefect_server: PrefectServer
) -> None:
    instrument("files")
    _run("first", lambda: task(_imports)())
    _run("second", _does_nothing)
    assert named == [("first", "patching an imported module failed"), ("first", NAMED), ("second", NAMED)]


def test_run_in_progress_names_what_another_thread_imports(named: list[Any], prefect_server: PrefectServer) -> None:
    instrument("files")

    def program() -> None:
        with lineage_disabled():
            _imports()

    _run("first", program)
    assert named == [("first", NAMED)]


def test_libraries_of_no_family_are_named_too(
    named: list[Any], prefect_server: PrefectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Changed(Uncovered):
        watch = staticmethod(_fails)  # type: ignore[assignment]

    monkeypatch.setattr(libraries, "LIBRARIES", ())
    monkeypatch.setattr(libraries, "UNCOVERED", (Changed("changed-library", "changed_library", ()),))
    _imports()
    instrument()
    _run("first", _does_nothing)
    assert named == [("first", NAMED)]


def _raises(*_: Any, **__: Any) -> None:
    raise TypeError("the attribute cannot be set")


def test_failure_in_a_part_of_a_library_is_one_of_the_library(
    named: list[Any], prefect_server: PrefectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    instrument("files")
    _imports()
    module = sys.modules["changed_library"]
    monkeypatch.setattr(sys.modules[__name__], "load", module.load, raising=False)
    monkeypatch.setattr(patches, "add", lambda target, *_: _raises() if target is not module else None)
    for patch in (
        lambda: everywhere.patch_everywhere("load", module.load, _raises),
        lambda: opening.everywhere(module, "load", opening.patched(_raises)),
    ):
        not_captured._in_each_run.clear()
        patch()
        assert not_captured.named_in_each_run() == (NAMED,)


def test_failure_in_a_class_of_filesystems_is_one_of_its_library(
    named: list[Any], prefect_server: PrefectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    instrument("files")
    filesystems._patch_spec(fsspec.spec)
    monkeypatch.setattr(filesystems, "_patch_class", _raises)

    class Own(fsspec.spec.AbstractFileSystem):
        __module__ = "changed_library.files"

    _run("first", lambda: Own() and None)
    assert named == [("first", NAMED)]


def test_names_end_with_uninstrument(named: list[Any], prefect_server: PrefectServer) -> None:
    _imports()
    instrument("files")
    assert [f.observed for f in doctor._libraries() if not f.ok] == [NAMED]
    uninstrument()
    assert [f.observed for f in doctor._libraries() if not f.ok] == []


@pytest.mark.parametrize(
    ("module", "package"),
    [
        ("google.cloud.storage.fileio", "google-cloud-storage"),
        ("fsspec.asyn", "fsspec"),
        ("psycopg2.pool", "psycopg2"),
        ("_sqlite3", "sqlite3"),
        ("numpy", "numpy"),
        ("users.own", "users.own"),
    ],
)
def test_package_of_a_module_is_that_of_its_library(module: str, package: str) -> None:
    assert libraries._package_of(module) == package
