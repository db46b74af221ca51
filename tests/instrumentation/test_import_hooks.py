"""Calls of import hooks: for modules that are imported, not imported, and being imported."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from prefect_lineage_events import guard
from prefect_lineage_events.instrumentation.import_hooks import when_imported

called: list[str] = []
_BEGINNING = f"from {__name__} import note\nnote(__name__)\n"


def note(name: str) -> None:
    when_imported(name, lambda module: called.append(f"{module.__name__} {module.last}"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(tmp_path)
    called.clear()
    yield tmp_path
    for name in [n for n in sys.modules if n.startswith("late_")]:
        del sys.modules[name]


def test_hook_of_an_imported_module_is_called_at_once(folder: Path) -> None:
    (folder / "late_there.py").write_text("last = 1")
    importlib.import_module("late_there")
    note("late_there")

    assert called == ["late_there 1"]


def test_hook_is_called_after_a_later_import(folder: Path) -> None:
    (folder / "late_coming.py").write_text("last = 1")
    note("late_coming")
    assert called == []
    importlib.import_module("late_coming")

    assert called == ["late_coming 1"]


def test_hook_of_an_import_in_progress_is_called_at_its_end(folder: Path) -> None:
    (folder / "late_half.py").write_text(_BEGINNING + "last = 1")
    module = importlib.import_module("late_half")

    assert called == ["late_half 1"]
    assert type(module.__spec__) is ModuleSpec
    assert vars(module.__spec__).keys() == vars(importlib.import_module("json").__spec__).keys()


@pytest.mark.parametrize("imported_before", [True, False])
def test_a_hook_that_fails_is_counted_and_raises_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, imported_before: bool
) -> None:
    (folder / "late_other.py").write_text("last = 1")
    losses: list[str] = []
    monkeypatch.setattr(guard, "_counters", [losses.append])
    if imported_before:
        importlib.import_module("late_other")
    when_imported("late_other", lambda module: module.gone_in_this_version)
    importlib.import_module("late_other")

    assert losses == ["patching an imported module failed"]


def test_hook_of_a_failed_import_is_not_called(folder: Path) -> None:
    (folder / "late_failing.py").write_text(_BEGINNING + "raise ValueError('the module is broken')")
    with pytest.raises(ValueError, match="the module is broken"):
        importlib.import_module("late_failing")

    assert called == []
