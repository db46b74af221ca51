"""Python's own functions that move, copy and remove files: `os`, `shutil` and `pathlib`.

The user's thread takes a note of the paths, with one look at the file. Whether it is data of the run is decided later
(`emission.moved_files`). A file that cannot be data is not noted: our thread has taken all notes of statements and
accesses before the call, and none of them was about it.

What a noted function calls is a part of it: `Path.rename` calls `os.rename`, `shutil.move` copies to another disk.
Links that are made or moved are no data.
"""

from __future__ import annotations

import datetime as dt
import os
import sys
from collections.abc import Callable
from functools import lru_cache
from stat import S_ISDIR, S_ISREG
from sysconfig import get_paths
from types import FrameType
from typing import Any, Literal, NamedTuple
from uuid import UUID

from prefect.context import FlowRunContext

from prefect_lineage_events import filters, patches
from prefect_lineage_events.context import running
from prefect_lineage_events.context.run import Run, current_run, in_call
from prefect_lineage_events.emission import worker
from prefect_lineage_events.emission.losses import count_loss
from prefect_lineage_events.emission.moved_files import is_data, is_known
from prefect_lineage_events.emission.notes import FileNote
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation.access import is_inside
from prefect_lineage_events.instrumentation.files.everywhere import patch_everywhere
from prefect_lineage_events.instrumentation.library import Library
from prefect_lineage_events.instrumentation.patched_function import PatchedFunction, in_file_of

_Operation = Literal["move", "copy", "remove"]
# Arguments that give paths another meaning: paths below an open directory.
_ELSEWHERE = ("dir_fd", "src_dir_fd", "dst_dir_fd")
_MAX_FRAMES = 60
_OWN = "prefect_lineage_events."
# Code between the user's and the noted function, which is neither.
_BETWEEN = frozenset(
    {"os", "posixpath", "shutil", "pathlib", "threading", "asyncio", "concurrent", "contextvars", "anyio", "wrapt"}
)
_PATH = (str, bytes, os.PathLike)
_PATHS = ("src", "dst", "path", "target", "target_dir")
# Seconds by which the times of files may be behind the clock: file systems take the time of the kernel's last tick.
_CLOCK = 0.05
# The modules of Prefect that call the functions of flows and tasks: `task(shutil.move)`.
_ENGINES = frozenset({"prefect.flow_engine", "prefect.task_engine", "prefect.utilities.callables"})
# The reason of a loss that is counted once for each run.
_TOO_MANY = "files were moved or removed faster than it could be decided whether they are data"
_MAX_LOSSY = 1_000
_lossy: set[UUID | None] = set()


class _FileCall(NamedTuple):
    """A call of a function that has succeeded; `name` is shown in the event. The paths are the first arguments."""

    name: str
    operation: _Operation
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    result: Any

    def paths(self) -> list[str]:
        """The paths that are given, absolute. A descriptor is none."""
        given = (*self.args[:2], *(self.kwargs[name] for name in _PATHS if name in self.kwargs))
        return [_absolute(path) for path in given if isinstance(path, _PATH)]

    def target(self, paths: list[str]) -> str | None:
        """The path at which the file is now: most functions return it."""
        return _absolute(self.result) if isinstance(self.result, _PATH) else paths[1] if len(paths) > 1 else None


def _noted(name: str, operation: _Operation) -> Callable[[Any, Callable[[], bool]], Any]:
    """The maker of the patch of a function; `name` is shown in the event."""

    def wrapper(function: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        if in_call.get():
            return function(*args, **kwargs)
        token = in_call.set(True)
        try:
            result = function(*args, **kwargs)
        finally:
            in_call.reset(token)
        with guarded("noting a moved file", count_loss):
            run = _run()
            if run is not None and not (kwargs and _is_elsewhere(kwargs)) and not is_inside():
                given = (instance, *args) if isinstance(instance, os.PathLike) else args
                _note(_FileCall(name, operation, given, kwargs, result), run)
        return result

    def make(original: Any, is_on: Callable[[], bool]) -> Any:
        return PatchedFunction(original, in_file_of(original, wrapper), enabled=is_on)

    return make


def _is_elsewhere(kwargs: dict[str, Any]) -> bool:
    return any(kwargs.get(one) is not None for one in _ELSEWHERE)


def _run() -> Run | None:
    if not filters.current().enabled or filters.disabled() or worker.is_worker_thread():
        return None
    run = current_run()
    return run if run is not None and run.captured else None


def _note(call: _FileCall, run: Run) -> None:
    now = dt.datetime.now(dt.timezone.utc)
    paths = call.paths()
    if not paths:
        return
    if call.operation == "remove":
        if _may_be_known(call, paths[0], run) and not os.path.lexists(paths[0]):
            worker.put(FileNote("remove", paths[0], "", run, now, call.name, run.thread))
        return
    target = call.target(paths)
    if target is None:
        return
    found = _look_at(target)
    is_directory = found is not None and S_ISDIR(found.st_mode)
    if found is not None and not (is_directory or S_ISREG(found.st_mode)):
        return  # a link
    source = os.path.realpath(paths[0]) if call.operation == "copy" else paths[0]
    looks_like_data = is_directory or is_data(source) or is_data(target)
    by_user = looks_like_data and _is_called_by_user()
    if not by_user and not _may_be_known(call, paths[0], run):
        return
    worker.put(
        FileNote(
            call.operation,
            paths[0],
            target,
            run,
            now,
            call.name,
            run.thread,
            size=found.st_size if found is not None and not is_directory else None,
            is_directory=is_directory,
            is_new=call.operation == "move" and (found is None or found.st_mtime > _began() - _CLOCK),
            by_user=by_user,
        )
    )


def _absolute(path: Any) -> str:
    return os.path.abspath(os.fsdecode(path))  # noqa: PTH100  (links are resolved later)


def _look_at(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except OSError:  # it is gone already
        return None


def _may_be_known(call: _FileCall, path: str, run: Run) -> bool:
    """Return whether a file may be data of a run: our thread knows it, or has not taken all earlier notes.

    Notes of files that are not known may not fill the queue, which statements need: a cleaner of a cache makes many.
    """
    queue = worker.queue()
    is_all_known = queue.is_processed()  # asked first: our thread learns meanwhile
    if is_known(run, call.operation, path):
        return True
    if is_all_known:
        return False
    if not queue.is_half_full():
        return True
    if run.key not in _lossy:
        if len(_lossy) >= _MAX_LOSSY:
            _lossy.clear()
        _lossy.add(run.key)
        count_loss(_TOO_MANY, run)
    return False


def _began() -> float:
    """The time at which the first run in progress began in this process; 0 where none is known."""
    contexts = [reference() for reference in running.contexts.valuerefs()]
    return min((one.start_time.timestamp() for one in contexts if one is not None), default=0.0)


def _is_called_by_user() -> bool:
    """Return whether the call is made by the user's own code, and by no library.

    The user's code is what is installed with neither Python nor packages, and the package of the running flow.
    """
    frame: FrameType | None = sys._getframe(2)
    for _ in range(_MAX_FRAMES):
        if frame is None:
            return True  # a thread or a pool was given the function itself
        module = frame.f_globals.get("__name__") or ""
        if not module.startswith(_OWN) and module.partition(".")[0] not in _BETWEEN:
            return (
                module in _ENGINES
                or not _is_installed(frame.f_code.co_filename)
                or module.partition(".")[0] == _package_of_flow()
            )
        frame = frame.f_back
    return False


@lru_cache(maxsize=4096)
def _is_installed(file: str) -> bool:
    """Return whether a file of code belongs to Python or to an installed package."""
    if "/site-packages/" in file or "/dist-packages/" in file or file.startswith("<frozen"):
        return True
    return any(file.startswith(get_paths()[name] + os.sep) for name in ("stdlib", "platstdlib"))


def _package_of_flow() -> str | None:
    context = FlowRunContext.get()
    function = getattr(getattr(context, "flow", None), "fn", None)
    return str(getattr(function, "__module__", "")).partition(".")[0] or None


_FUNCTIONS: dict[str, _Operation] = {
    "rename": "move",
    "replace": "move",
    "link": "copy",
    "remove": "remove",
    "unlink": "remove",
}
_SHUTIL: dict[str, _Operation] = {
    "move": "move",
    "copy": "copy",
    "copy2": "copy",
    "copyfile": "copy",
    "copytree": "copy",
    "rmtree": "remove",
}
# `copy` and `move` came with Python 3.14.
_METHODS: dict[str, _Operation] = {
    "rename": "move",
    "replace": "move",
    "move": "move",
    "move_into": "move",
    "copy": "copy",
    "copy_into": "copy",
    "unlink": "remove",
}


def _patch_os(module: Any) -> None:
    for name, operation in _FUNCTIONS.items():
        if hasattr(module, name):
            patch_everywhere(name, getattr(module, name), _noted(f"os.{name}", operation))


def _patch_shutil(module: Any) -> None:
    for name, operation in _SHUTIL.items():
        patch_everywhere(name, getattr(module, name), _noted(f"shutil.{name}", operation))


def _patch_pathlib(module: Any) -> None:
    for name, operation in _METHODS.items():
        owner = next((one for one in module.Path.__mro__ if name in vars(one)), None)
        if owner is not None:
            patches.add(owner, name, _noted(f"Path.{name}", operation))


_NOT_CAPTURED = (
    "files that the run has not touched, unless the user's own code moves or copies data files (`.csv`, `.parquet`, "
    "...) or a directory with them; tables of a database whose file is moved; links; paths with `dir_fd`"
)
_TESTS = ("tests/instrumentation/files/test_moves.py", "tests/flows/files_moved.py")


def _library(module: str, patch: Callable[[Any], None], captured: str) -> Library:
    return Library("files", module, patch, module, captured, _NOT_CAPTURED, _TESTS, "local disk")


LIBRARIES = (
    _library(
        "os",
        _patch_os,
        "`rename`, `renames`, `replace`, `link`, `remove`, `unlink`: a file that the run wrote by another name is the "
        "file that it is renamed to, with its sources; one that it removed is none",
    ),
    _library(
        "shutil", _patch_shutil, "`move`, `copy`, `copy2`, `copyfile`, `copytree`, `rmtree`, of files and directories"
    ),
    _library(
        "pathlib", _patch_pathlib, "`rename`, `replace`, `unlink` of `Path`; its `copy` and `move` of Python 3.14"
    ),
)
