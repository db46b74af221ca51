"""Python's `tempfile`: the temporary files and directories that a run makes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from prefect_lineage_events import patches
from prefect_lineage_events.context.run import current_run
from prefect_lineage_events.emission import temporary_files
from prefect_lineage_events.guard import count_loss, guarded
from prefect_lineage_events.instrumentation.library import Library
from prefect_lineage_events.instrumentation.patched_function import PatchedFunction


def _makes(original: Any, is_on: Callable[[], bool]) -> Any:
    """Wrap a function that returns the path of what it made, or its descriptor and its path."""

    def wrapper(function: Callable[..., Any], _: Any, args: Any, kwargs: Any) -> Any:
        made = function(*args, **kwargs)
        with guarded("noting a temporary file", count_loss):
            path = made[-1] if isinstance(made, tuple) else made
            if isinstance(path, str | bytes) and current_run() is not None:
                temporary_files.made(os.fsdecode(path))
        return made

    return PatchedFunction(original, wrapper, enabled=is_on)


def patch(module: Any) -> None:
    """Patch the functions below TemporaryDirectory, NamedTemporaryFile and mkstemp."""
    for name in ("mkdtemp", "_mkstemp_inner" if hasattr(module, "_mkstemp_inner") else "mkstemp"):
        patches.add(module, name, _makes)


LIBRARIES = (
    Library(
        "files",
        "tempfile",
        patch,
        package="tempfile",
        captured="files that the run makes by it below `tempfile.gettempdir()`: data passes through them, and "
        "through tables of databases in them, as through a temporary table",
        not_captured="`mkdtemp` that was imported by its name before `instrument()`",
        tests=("tests/instrumentation/files/test_temporary.py",),
        against="local disk",
    ),
)
