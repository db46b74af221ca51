"""Prefect's use of storage: its own (results, code) is never noted, that of the user's code is.

Blocks of other packages (`S3Bucket`, `GcsBucket`, `AzureBlobStorageContainer`, `RemoteFileSystem`, `SMB`) use the
clients of their stores, whose calls are noted. Only `LocalFileSystem` opens files itself.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from typing import Any

from prefect_lineage_events import patches
from prefect_lineage_events.context import threads
from prefect_lineage_events.context.run import current_run
from prefect_lineage_events.datasets import Dataset, local_file
from prefect_lineage_events.guard import count_loss, guarded
from prefect_lineage_events.instrumentation.access import Access, Call, reports, unreported
from prefect_lineage_events.instrumentation.import_hooks import when_imported
from prefect_lineage_events.instrumentation.library import Library

# All that Prefect stores and loads of results, also for caches and transactions, in whichever thread and block.
_RESULT_METHODS = (
    "_read",
    "_aread",
    "_exists",
    "_aexists",
    "_persist_result_record",
    "_apersist_result_record",
)


def ignore_own_use() -> None:
    """Have nothing noted of Prefect's results, and of the code of deployments that it loads."""
    when_imported("prefect.results", _ignore_results)
    when_imported("prefect.runner.storage", _ignore_code_storage)
    when_imported("prefect.deployments.steps.core", _ignore_steps)
    when_imported("prefect.utilities.asyncutils", _know_waiting_threads)


def _ignore_results(module: Any) -> None:
    for name in _RESULT_METHODS:
        patches.add(module.ResultStore, name, unreported)


def _ignore_code_storage(module: Any) -> None:
    for class_name in ("GitRepository", "RemoteStorage", "BlockStorageAdapter"):
        patches.add(getattr(module, class_name), "pull_code", unreported)


def _ignore_steps(module: Any) -> None:
    patches.add(module, "run_step", unreported)
    patches.add(module, "run_steps", unreported)


def _know_waiting_threads(module: Any) -> None:
    """Let coroutine methods of blocks that are called without `await` belong to the thread that calls them."""
    patches.add(module, "run_coro_as_sync", _make_waiting)


def _make_waiting(original: Any, is_on: Callable[[], bool]) -> Any:
    @functools.wraps(original)
    def waiting(*args: Any, **kwargs: Any) -> Any:
        run = None
        with guarded("finding the run of a thread that waits", count_loss):
            run = current_run() if is_on() else None
        if run is None:
            return original(*args, **kwargs)
        with threads.waits(run.info.task_run_id or run.info.flow_run_id):
            return original(*args, **kwargs)

    return waiting


def _read(call: Call) -> Iterator[Access]:
    path = call.instance._resolve_path(call.argument(0, "path"))
    size = len(call.result) if isinstance(call.result, bytes) else None
    yield Access("read", local_file(str(path)), _name(call), size=size)


def _write(call: Call) -> Iterator[Access]:
    path = call.instance._resolve_path(call.argument(0, "path"))
    content = call.argument(1, "content")
    size = len(content) if isinstance(content, bytes) else None
    yield Access("write", local_file(str(path)), _name(call), size=size)


def _get_directory(call: Call) -> Iterator[Access]:
    source = call.instance._resolve_path(call.argument(0, "from_path") or None)
    yield from _copied(call, local_file(str(source)), local_file(call.argument(1, "local_path") or os.curdir))


def _put_directory(call: Call) -> Iterator[Access]:
    target = call.instance._resolve_path(call.argument(1, "to_path"))
    yield from _copied(call, local_file(call.argument(0, "local_path") or os.curdir), local_file(str(target)))


def _copied(call: Call, source: Dataset, target: Dataset) -> Iterator[Access]:
    if source != target:
        yield Access("write", target, _name(call), inputs=(source,))


def _name(call: Call) -> str:
    return f"LocalFileSystem.{call.function.__name__}"


_METHODS = {
    "read_path": _read,
    "write_path": _write,
    "get_directory": _get_directory,
    "put_directory": _put_directory,
}


def _patch_local_file_system(module: Any) -> None:
    for name, describe in _METHODS.items():
        patches.add(module.LocalFileSystem, name, reports(describe))
        patches.add(module.LocalFileSystem, f"a{name}", reports(describe))


LIBRARIES: tuple[Library, ...] = (
    Library(
        "files",
        "prefect.filesystems",
        _patch_local_file_system,
        "prefect",
        "the block `LocalFileSystem`; `RemoteFileSystem`, `SMB`, `S3Bucket`, `GcsBucket` and "
        "`AzureBlobStorageContainer` by the clients that they use",
        "Prefect's own use of storage (results, caches, transactions, code of deployments), which is no lineage",
        ("tests/instrumentation/files/test_prefect_storage.py",),
        "local files, moto's server, `memory://`, and a stand-in for Azure's and Google's storage",
    ),
)
