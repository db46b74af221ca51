"""Libraries that no family covers: a run that uses one says so; nothing else changes."""

from __future__ import annotations

import ftplib
import importlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest

from prefect_lineage_events import lineage_disabled, patches
from prefect_lineage_events.emission import not_captured, worker
from prefect_lineage_events.emission.notes import NotCapturedNote
from prefect_lineage_events.instrumentation.access import suppressed
from prefect_lineage_events.instrumentation.libraries import LIBRARIES
from prefect_lineage_events.instrumentation.uncovered import UNCOVERED, Uncovered
from tests.emission.conftest import Bench, bench, make_run, values

__all__ = ["bench", "values"]


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The libraries that a run would name."""
    names: list[str] = []
    run = make_run()

    def put(note: Any) -> bool:
        if isinstance(note, NotCapturedNote):
            names.append(note.library)
        return True

    monkeypatch.setattr(worker, "put", put)
    monkeypatch.setattr(not_captured, "current_run", lambda: run)
    return names


@pytest.fixture
def watched() -> Iterator[None]:
    for library in UNCOVERED:
        if library.module in ("numpy", "ftplib"):
            library.watch(importlib.import_module(library.module))
    yield
    patches.switch_off()


def test_use_is_named_once_for_a_run(named: list[str], watched: None, tmp_path: Path) -> None:
    numpy.save(tmp_path / "a.npy", numpy.arange(3))
    assert numpy.load(tmp_path / "a.npy").tolist() == [0, 1, 2]
    assert named == ["numpy"]


def test_method_of_a_class_is_watched(named: list[str], watched: None) -> None:
    with pytest.raises(OSError, match="refused"):
        ftplib.FTP().connect("127.0.0.1", 9, timeout=1)
    assert named == ["ftplib"]


@pytest.mark.parametrize("block", [suppressed, lineage_disabled])
def test_use_inside_of_a_captured_call_is_not_named(
    named: list[str], watched: None, tmp_path: Path, block: Any
) -> None:
    with block():
        numpy.save(tmp_path / "a.npy", numpy.arange(3))
    assert named == []


def test_driver_of_a_traced_engine_is_not_named(named: list[str]) -> None:
    module = SimpleNamespace(connect=lambda: "connection")
    Uncovered("driver", "driver", ("connect",), through_engines=True).watch(module)
    try:
        exec("opened = module.connect()", {"__name__": "sqlalchemy.engine.default", "module": module})
        assert named == []
        exec("opened = module.connect()", {"__name__": "users.program", "module": module})
        assert named == ["driver"]
    finally:
        patches.switch_off()


def test_patches_are_taken_back() -> None:
    before = numpy.load
    next(library for library in UNCOVERED if library.module == "numpy").watch(numpy)
    assert numpy.load is not before
    patches.switch_off()
    assert numpy.load is before


def test_no_library_is_covered_and_uncovered() -> None:
    assert not {library.module for library in LIBRARIES} & {library.module for library in UNCOVERED}


INSTALLED = [library for library in UNCOVERED if importlib.util.find_spec(library.module.partition(".")[0])]


@pytest.mark.parametrize("library", INSTALLED, ids=lambda library: library.module)
def test_uses_of_installed_libraries_exist(library: Uncovered) -> None:
    try:
        module = importlib.import_module(library.module)
    except ImportError as error:
        pytest.skip(f"{library.package} cannot be imported: {error}")
    found = {use: _attribute(module, use) for use in library.uses}
    assert any(found.values()), found
    assert all(callable(use) for use in found.values() if use is not None)


def _attribute(module: Any, use: str) -> Any:
    found: Any = module
    for part in use.split("."):
        found = getattr(found, part, None)
    return found


def test_count_of_a_run_names_its_libraries(bench: Bench) -> None:
    run = make_run()
    for library in ("pymongo", "numpy", "pymongo"):
        bench.processor.process(NotCapturedNote(library, run))
    bench.processor.finish()
    (count,) = bench.events("lineage.c")
    assert count.not_captured == ("numpy", "pymongo")
    assert count.count == 0


def test_library_used_after_a_count_is_in_a_later_one(bench: Bench) -> None:
    run = make_run()
    bench.processor.process(NotCapturedNote("pymongo", run))
    bench.advance()
    bench.processor.process(NotCapturedNote("numpy", run))
    bench.advance()
    counts = bench.events("lineage.c")
    assert counts[-1].not_captured == ("numpy", "pymongo")
    assert len({event["id"] for event in bench.sent}) == len(bench.sent)
