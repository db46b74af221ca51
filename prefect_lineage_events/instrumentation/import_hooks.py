"""Post-import hooks that can be removed, and that also work for a module whose import is in progress.

An import in progress is the ordinary case for Prefect's plugins: the first line of a flow is
`from prefect_sqlalchemy import ...`, which imports part of Prefect, which calls its plugins. wrapt's hooks take a
partially imported module for a complete one, and stay in `sys.meta_path`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from threading import local
from typing import Any

from prefect_lineage_events import patches
from prefect_lineage_events.guard import count_loss, guarded

Hook = Callable[[Any], None]

_hooks: dict[str, dict[Hook, None]] = {}
_when_failed: list[Callable[[str], object]] = []
_searching = local()


def when_imported(name: str, hook: Hook) -> None:
    """Call `hook(module)` once: now, or right after the module's import. A failed import does not call it.

    An exception of the hook is logged and counted as a loss. `uninstrument()` removes the hooks that have not been
    called. A hook that is registered already is not added again.
    """
    module = sys.modules.get(name)
    spec = getattr(module, "__spec__", None)
    if module is not None and not getattr(spec, "_initializing", False):
        _call(hook, module)
        return
    _hooks.setdefault(name, {})[hook] = None
    if module is not None:
        _watch(spec)
    elif _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def _remove_hooks() -> None:
    _hooks.clear()
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)


patches.when_off(_remove_hooks)


class _Finder(MetaPathFinder):
    """A finder of the modules that have hooks. It takes their specs from the other finders, and watches them."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name not in _hooks or getattr(_searching, "name", None) == name:
            return None
        _searching.name = name
        try:
            spec = _found(sys.meta_path, name, path, target)
        finally:
            _searching.name = None
        _watch(spec)
        return spec


_finder = _Finder()


def _found(finders: Iterable[Any], name: str, path: Any, target: Any) -> ModuleSpec | None:
    for finder in list(finders):
        find = getattr(finder, "find_spec", None) if finder is not _finder else None
        spec: ModuleSpec | None = find(name, path, target) if find is not None else None
        if spec is not None:
            return spec
    return None


def _watch(spec: Any) -> None:
    own = type(spec)
    with guarded("watching an import", count_loss):
        if isinstance(spec, ModuleSpec) and not isinstance(spec, _ImportingSpec):
            spec.__class__ = type(own.__name__, (_ImportingSpec, own), {})


class _ImportingSpec(ModuleSpec):
    """The spec of a module whose import is in progress. The import system shows the end of it only here."""

    @property
    def _initializing(self) -> bool:
        return bool(self.__dict__.get("_initializing"))

    @_initializing.setter
    def _initializing(self, value: bool) -> None:
        self.__dict__["_initializing"] = value
        if not value:
            self.__class__ = type(self).__bases__[1]
            module = sys.modules.get(self.name)
            for hook in _hooks.pop(self.name, ()) if module is not None else ():
                _call(hook, module)


def when_failed(call: Callable[[str], object]) -> None:
    """Have `call(name)` made when a module could not be patched, or not all of it."""
    if call not in _when_failed:
        _when_failed.append(call)


def patching(name: str) -> guarded:
    """A block that patches a part of a module: its failure is counted as a loss, and reported by `when_failed`."""

    def failed(reason: str) -> None:
        count_loss(reason)
        for call in _when_failed:
            call(name)

    return guarded("patching an imported module", failed)


def _call(hook: Hook, module: Any) -> None:
    """A version of a library that differs from those we know must not end the import, or `instrument()`."""
    with patching(str(getattr(module, "__name__", ""))):
        hook(module)
