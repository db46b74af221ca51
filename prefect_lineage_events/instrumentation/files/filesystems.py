"""fsspec's filesystems, whatever the address: local, memory, S3, Google, Azure and others, sync and async.

Methods are patched in each class that defines them, also in classes that are defined later. The patches are plain
functions: fsspec compares the methods of a class with those of its base, which a wrapper object would not pass. A
filesystem that was made before keeps the coroutine methods of then; its calls pass `fsspec.asyn.sync`.

Filesystems within others (directories, references) are passed on: the inner one is noted. HTTP belongs to the family
`http`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from inspect import iscoroutinefunction
from types import FunctionType, MethodType
from typing import Any

from prefect_lineage_events import patches
from prefect_lineage_events.context.propagation import is_foreign
from prefect_lineage_events.instrumentation.access import Call, call_and_report, suppressed
from prefect_lineage_events.instrumentation.files import filesystem_files
from prefect_lineage_events.instrumentation.files.filesystem_calls import await_call, is_operation, make_call
from prefect_lineage_events.instrumentation.import_hooks import patching, when_imported
from prefect_lineage_events.instrumentation.library import Library

# Protocols whose files are those of another filesystem, or of no dataset.
_PASSED_ON = frozenset(
    {"http", "https", "dir", "reference", "generic", "data", "async_wrapper", "dask", "jupyter", "jlab"}
)
_PASSED_ON_CLASSES = frozenset({"DirFileSystem", "ReferenceFileSystem", "GenericFileSystem", "AsyncFileSystemWrapper"})
_noted: dict[type, bool] = {}
_ARROW_METHODS = (
    "open_input_stream",
    "open_input_file",
    "open_output_stream",
    "open_append_stream",
    "copy_file",
    "move",
)


def _is_noted(kind: type) -> bool:
    found = _noted.get(kind)
    if found is None:
        found = _noted[kind] = _has_own_files(kind)
    return found


def _has_own_files(kind: type) -> bool:
    protocol = getattr(kind, "protocol", ())
    protocols = (
        {protocol} if isinstance(protocol, str) else set(protocol) if isinstance(protocol, tuple | list) else set()
    )
    return protocols.isdisjoint(_PASSED_ON) and _PASSED_ON_CLASSES.isdisjoint(one.__name__ for one in kind.__mro__)


def _patch_spec(module: Any) -> None:
    filesystem_files.patch_base(module.AbstractBufferedFile)
    patches.add(module._Cached, "__init__", _make_class)
    _patch_classes(module.AbstractFileSystem)
    when_imported("fsspec.asyn", _patch_asyn)
    when_imported("fsspec.core", _patch_core)
    when_imported("pyarrow.fs", _patch_arrow_handler)


def _patch_classes(kind: type) -> None:
    _patch_class(kind)
    heirs: list[type] = type.__subclasses__(kind)
    for one in heirs:
        _patch_classes(one)


def _patch_class(kind: type) -> None:
    for attribute, method in list(vars(kind).items()):
        name = attribute.removeprefix("_")
        if isinstance(method, FunctionType) and (is_operation(name) or attribute == "_open"):
            patches.add(kind, attribute, functools.partial(_make_method, name))


def _make_class(original: Any, is_on: Callable[[], bool]) -> Any:
    @functools.wraps(original)
    def made(cls: Any, *args: Any, **kwargs: Any) -> None:
        original(cls, *args, **kwargs)
        with patching(cls.__module__):
            if is_on():
                _patch_class(cls)

    return made


def _make_method(name: str, original: Any, is_on: Callable[[], bool]) -> Any:
    """The patch of a method; `name` is that of the operation, without the underscore of its coroutine."""
    if iscoroutinefunction(original):

        @functools.wraps(original)
        async def awaited(self: Any, *args: Any, **kwargs: Any) -> Any:
            if not is_on() or not _is_noted(type(self)):
                return await original(self, *args, **kwargs)
            return await await_call(name, Call(original.__get__(self), self, args, kwargs))

        return awaited

    @functools.wraps(original)
    def called(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not is_on() or not _is_noted(type(self)):
            return original(self, *args, **kwargs)
        call = Call(original.__get__(self), self, args, kwargs)
        if name == "open":
            return _open(call)
        return make_call(name, call)

    return called


_scanned: set[type] = set()


def _open(call: Call) -> Any:
    kind = type(call.instance)
    if kind not in _scanned:  # its class of files may have been imported since
        _scanned.add(kind)
        with patching(kind.__module__):
            filesystem_files.patch_new_classes()
    return call_and_report(filesystem_files.opened, call)


def _patch_asyn(module: Any) -> None:
    patches.add(module, "sync", _make_sync)


def _make_sync(original: Any, is_on: Callable[[], bool]) -> Any:
    """The patch of `sync`, which calls coroutines of filesystems in another thread. They are noted in this one."""

    @functools.wraps(original)
    def sync(loop: Any, func: Any, *args: Any, timeout: Any = None, **kwargs: Any) -> Any:
        if not (is_on() and isinstance(func, MethodType)):
            return original(loop, func, *args, timeout=timeout, **kwargs)
        name, filesystem = func.__name__.removeprefix("_"), func.__self__
        if not (is_operation(name) and _is_filesystem(filesystem)):
            return original(loop, func, *args, timeout=timeout, **kwargs)
        # the current method of the class: the given one may be older than its patch
        current = getattr(filesystem, func.__name__, func)
        call = functools.partial(original, loop, current, timeout=timeout)
        return make_call(name, Call(call, filesystem, args, kwargs))

    return sync


def _is_filesystem(thing: Any) -> bool:
    return hasattr(thing, "_strip_protocol") and _is_noted(type(thing))


def _patch_core(module: Any) -> None:
    patches.add(module.OpenFile, "__exit__", _make_exit)


def _make_exit(original: Any, is_on: Callable[[], bool]) -> Any:
    @functools.wraps(original)
    def exited(self: Any, *args: Any) -> Any:
        if is_on() and args and args[0] is not None:
            for file in getattr(self, "fobjects", ()):
                filesystem_files.forget(file)
        return original(self, *args)

    return exited


def _patch_arrow_handler(module: Any) -> None:
    """Arrow opens files of fsspec in its own threads; the functions of pyarrow that do so are noted as a whole."""
    for name in _ARROW_METHODS:
        patches.add(module.FSSpecHandler, name, _make_arrow_method)


def _make_arrow_method(original: Any, is_on: Callable[[], bool]) -> Any:
    @functools.wraps(original)
    def called(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not is_on() or not is_foreign():
            return original(self, *args, **kwargs)
        with suppressed():
            return original(self, *args, **kwargs)

    return called


patches.when_off(_scanned.clear)
patches.when_off(_noted.clear)

_CAPTURED = (
    "files opened, read, written, copied and removed by a filesystem, by `fsspec.open` and by `open_files`, whatever "
    "the address; sync and async; caches by the address behind them; a write when the file is closed"
)
_TESTS = ("tests/instrumentation/files/test_filesystems.py",)
LIBRARIES: tuple[Library, ...] = (
    Library(
        "files",
        "fsspec.spec",
        _patch_spec,
        "fsspec",
        _CAPTURED,
        "the removal of more than 50 files by one call; files that were opened before the run or the switch-on",
        _TESTS,
        "local files, `memory://`, moto's server by s3fs",
    ),
)
