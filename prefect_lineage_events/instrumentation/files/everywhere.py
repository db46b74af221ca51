"""Patches of a function in all modules that have it by its name: where it is defined, exported, and imported early."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from prefect_lineage_events import patches
from prefect_lineage_events.instrumentation.access import Make
from prefect_lineage_events.instrumentation.import_hooks import patching
from prefect_lineage_events.instrumentation.patched_function import shared


def patch_everywhere(name: str, function: Any, make: Make) -> None:
    """Patch a function in each module that has it: a program may have imported it before (`from polars import ...`).

    The replacement is one in all of them, as the function is: it is pickled by its name in one of them.
    """
    one = shared(make)
    for module in _modules_with(name, function):
        with patching(str(getattr(function, "__module__", name))):
            patches.add(module, name, one)


def _modules_with(name: str, function: Any) -> Iterator[ModuleType]:
    for module in list(sys.modules.values()):
        if isinstance(module, ModuleType) and module.__dict__.get(name) is function:
            yield module
