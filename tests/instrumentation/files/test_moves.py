"""Python's functions that move, copy and remove files: what is noted of them, and that they behave as before."""

# These functions are what programs call.
# ruff: noqa: PTH104, PTH105, PTH107, PTH108, PTH211

from __future__ import annotations

import asyncio
import copy
import os
import pickle
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from prefect import flow, task

from prefect_lineage_events import instrument, lineage_disabled, uninstrument
from prefect_lineage_events.emission import losses, moved_files, worker
from prefect_lineage_events.emission.notes import FileNote, LossNote
from prefect_lineage_events.emission.queue import NoteQueue
from prefect_lineage_events.instrumentation.access import suppressed
from prefect_lineage_events.instrumentation.files import moves
from tests.conftest import PrefectServer
from tests.emission.conftest import make_run

FUNCTIONS: list[tuple[Any, str]] = [
    *((os, name) for name in ("rename", "replace", "link", "remove", "unlink")),
    *((shutil, name) for name in ("move", "copy", "copy2", "copyfile", "copytree", "rmtree")),
]


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[Any]]:
    """The notes of calls in flows; the working directory has a data file."""
    found: list[Any] = []
    monkeypatch.setattr(worker, "put", lambda note: found.append(note) if isinstance(note, FileNote | LossNote) else 0)
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text("id\n1\n")
    instrument("files")
    yield found
    uninstrument()


@pytest.fixture
def in_run(notes: list[Any], monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The notes of the test's own code, which counts as a flow. Our thread has not taken all earlier notes."""
    run = make_run(task="load")
    monkeypatch.setattr(NoteQueue, "is_processed", lambda _: False)
    monkeypatch.setattr(moves, "current_run", lambda: run)
    return notes


def _taken(notes: list[Any]) -> list[tuple[str, ...]]:
    here = f"{Path.cwd()}/"
    taken = [
        (note.description, note.source.removeprefix(here), note.target.removeprefix(here))
        if isinstance(note, FileNote)
        else ("loss", note.reason)
        for note in notes
    ]
    notes.clear()
    return taken


def _in_thread(call: Callable[[], Any]) -> None:
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("os.rename", lambda: os.rename("a.csv", "b.csv")),
        ("os.rename", lambda: os.rename(src=b"a.csv", dst=Path("b.csv"))),
        ("os.rename", lambda: os.renames("a.csv", "b.csv")),
        ("os.replace", lambda: os.replace("a.csv", dst="b.csv")),
        ("os.link", lambda: os.link("a.csv", "b.csv")),
        ("Path.rename", lambda: Path("a.csv").rename("b.csv")),
        ("Path.rename", lambda: Path("a.csv").rename(target="b.csv")),
        ("Path.replace", lambda: Path("a.csv").replace(Path("b.csv"))),
        ("shutil.move", lambda: shutil.move("a.csv", "b.csv")),
        ("shutil.copy", lambda: shutil.copy("a.csv", dst="b.csv")),
        ("shutil.copy2", lambda: shutil.copy2(Path("a.csv"), "b.csv")),
        ("shutil.copyfile", lambda: shutil.copyfile("a.csv", "b.csv")),
        ("os.replace", lambda: asyncio.run(asyncio.to_thread(os.replace, "a.csv", "b.csv"))),
        ("Path.rename", lambda: asyncio.run(_renamed_by_anyio())),
        ("os.replace", lambda: _in_thread(lambda: os.replace("a.csv", "b.csv"))),
    ],
)
def test_call_is_noted_once_by_the_outermost_function(name: str, call: Callable[[], Any], in_run: list[Any]) -> None:
    call()
    (note,) = in_run
    assert (note.by_user, note.size, note.is_directory) == (True, 5, False)
    assert _taken(in_run) == [(name, "a.csv", "b.csv")]


async def _renamed_by_anyio() -> None:
    await anyio.Path("a.csv").rename("b.csv")


def test_target_is_where_the_file_is_afterwards(in_run: list[Any]) -> None:
    Path("d").mkdir()
    assert shutil.copy("a.csv", "d") == "d/a.csv"
    assert shutil.move("a.csv", "d/b") == "d/b"
    assert _taken(in_run) == [("shutil.copy", "a.csv", "d/a.csv"), ("shutil.move", "a.csv", "d/b")]


def test_directories_are_noted_as_such(in_run: list[Any]) -> None:
    Path("d").mkdir()
    shutil.move("a.csv", "d/a.csv")
    shutil.copytree("d", "e")
    os.rename("d", "f")
    shutil.rmtree("f")
    assert [note.is_directory for note in in_run] == [False, True, True, False]
    assert [note[0] for note in _taken(in_run)] == ["shutil.move", "shutil.copytree", "os.rename", "shutil.rmtree"]


@pytest.mark.parametrize(
    "remove", [lambda path: os.remove(path), lambda path: os.unlink(path), lambda path: Path(path).unlink()]
)
def test_removal_is_noted(remove: Callable[[str], None], in_run: list[Any]) -> None:
    remove("a.csv")
    assert [note.operation for note in in_run] == ["remove"]


def test_removal_that_left_the_file_is_not_noted(in_run: list[Any]) -> None:
    Path("missing.csv").unlink(missing_ok=True)
    in_run.clear()
    shutil.rmtree("a.csv", ignore_errors=True)
    assert in_run == []


@pytest.mark.parametrize(
    "call",
    [
        lambda: os.rename("missing.csv", "b.csv"),
        lambda: shutil.move("a.csv", "missing/b.csv"),
        lambda: shutil.copy("a.csv", "a.csv"),
        lambda: Path("missing").rename("b.csv"),
        lambda: os.rename("a.csv"),  # type: ignore[call-arg]
        lambda: os.remove(),  # type: ignore[call-arg]
    ],
)
def test_failed_call_raises_as_without_us_and_is_nothing(call: Callable[[], Any], in_run: list[Any]) -> None:
    with pytest.raises((OSError, TypeError)) as ours:
        call()
    assert in_run == []
    uninstrument()
    with pytest.raises(type(ours.value)) as plain:
        call()
    assert str(plain.value) == str(ours.value)


def test_nothing_is_noted_outside_of_runs_and_within_other_calls(notes: list[Any], in_run: list[Any]) -> None:
    with suppressed():
        shutil.copy("a.csv", "b.csv")
    with lineage_disabled():
        shutil.copy("a.csv", "b.csv")
    assert notes == []


def test_code_without_a_run_is_not_noted(notes: list[Any]) -> None:
    shutil.copy("a.csv", "b.csv")
    os.replace("a.csv", "c.csv")
    assert notes == []


@pytest.mark.parametrize("make", [flow, task])
def test_function_may_be_the_flow_or_task_itself(
    make: Callable[[Any], Any], notes: list[Any], prefect_server: PrefectServer
) -> None:
    program = make(shutil.copy)
    flow(lambda: program("a.csv", "b.csv"), name="copies")()
    assert _taken(notes) == [("shutil.copy", "a.csv", "b.csv")]


def test_links_and_paths_below_descriptors_are_not_noted(in_run: list[Any]) -> None:
    os.symlink("a.csv", "link.csv")
    os.rename("link.csv", "other.csv")
    directory = os.open(".", os.O_RDONLY)
    os.rename("a.csv", "b.csv", src_dir_fd=directory, dst_dir_fd=directory)
    os.close(directory)
    assert in_run == []


def test_file_from_before_the_run_is_not_new(notes: list[Any], prefect_server: PrefectServer) -> None:
    os.utime("a.csv", (1_000_000_000, 1_000_000_000))

    @flow
    def program() -> None:
        Path("b.csv").touch()
        os.rename("a.csv", "old.csv")
        os.rename("b.csv", "new.csv")

    program()
    assert [note.is_new for note in notes] == [False, True]


def test_calls_of_libraries_are_known_as_such(
    in_run: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "site-packages"
    installed.mkdir()
    (installed / "some_library.py").write_text("import os\ndef go(a, b): os.replace(a, b)\n")
    monkeypatch.syspath_prepend(str(installed))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # an import moves the file of its bytecode
    import some_library  # type: ignore[import-not-found]

    some_library.go("a.csv", "b.csv")
    assert [note.by_user for note in in_run] == [False]


def test_files_that_cannot_be_data_are_not_noted(in_run: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NoteQueue, "is_processed", lambda _: True)
    Path("x.lock").touch()
    os.rename("x.lock", "y.lock")
    os.remove("y.lock")
    assert in_run == []
    os.symlink("a.csv", "latest")
    shutil.copy("latest", "b")
    os.replace("a.csv", "c")
    assert [note[0] for note in _taken(in_run)] == ["shutil.copy", "os.replace"]


def test_known_files_are_noted_whatever_their_names_are(
    in_run: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(NoteQueue, "is_processed", lambda _: True)
    linked = tmp_path / "linked"
    linked.symlink_to(tmp_path / "d")
    (tmp_path / "d").mkdir()
    known = moved_files._Known()
    known.add(f"{tmp_path}/d/x.lock")
    monkeypatch.setitem(moved_files._known, make_run(task="load").key, known)
    for name in ("x.lock", "other.lock"):
        (linked / name).touch()
        shutil.copyfile(linked / name, linked / "copied")
        os.remove(linked / name)
    assert [note[:2] for note in _taken(in_run)] == [
        ("shutil.copyfile", "linked/x.lock"),
        ("os.remove", "linked/x.lock"),
    ]


def test_unknown_files_leave_half_of_the_queue_to_statements_and_are_counted_once(
    in_run: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NoteQueue, "is_half_full", lambda _: True)
    monkeypatch.setattr(moves, "_lossy", set())
    monkeypatch.setattr(losses, "current_run", lambda run: run)
    for number in range(10):
        Path(f"{number}.lock").touch()
        os.remove(f"{number}.lock")
    assert _taken(in_run) == [("loss", moves._TOO_MANY)]
    shutil.copy("a.csv", "b.csv")
    assert _taken(in_run) == [("shutil.copy", "a.csv", "b.csv")]


@pytest.mark.usefixtures("notes")
@pytest.mark.parametrize(("module", "name"), FUNCTIONS)
def test_patched_function_is_pickled_copied_and_found_as_before(module: Any, name: str) -> None:
    function = getattr(module, name)
    assert pickle.loads(pickle.dumps(function)) is function
    assert copy.deepcopy(function) is function
    assert function.__name__ == name
    assert isinstance(function, type(function.__wrapped__))
    if module is os:
        assert (function in os.supports_dir_fd) == (function.__wrapped__ in os.supports_dir_fd)


@pytest.mark.usefixtures("notes")
def test_function_as_an_attribute_of_a_class_is_not_bound() -> None:
    class Tools:
        remove = os.remove

    Tools().remove("a.csv")
    assert not Path("a.csv").exists()


def test_function_that_was_imported_by_its_name_is_replaced_and_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = os.replace
    monkeypatch.setattr(sys.modules[__name__], "replace", plain, raising=False)
    instrument("files")
    assert vars(sys.modules[__name__])["replace"] is os.replace is not plain
    uninstrument()
    assert vars(sys.modules[__name__])["replace"] is os.replace is plain
