"""Patches of attributes of other packages: installed by the first use of lineage, removed by `uninstrument()`.

Importing this package patches nothing. The first `record_*` or `instrument*` call, the first lineage block and the
first subclass of one switch lineage on. Modules declare here what has to be patched from then on, and add patches of
drivers and connectors when they are needed.

Callbacks of `atexit`, `os.register_at_fork` and `threading._register_atexit` cannot be removed. Those of this package
are registered on import. In a process that has not switched lineage on they only record the time of a fork.
"""

from __future__ import annotations

import ctypes
import gc
import os
import threading
from collections.abc import Callable
from typing import Any

from prefect_lineage_events import filters
from prefect_lineage_events.guard import guarded

Make = Callable[[Any, Callable[[], bool]], Any]
"""`make(original, is_on)` returns the replacement, which only passes calls on while `is_on()` is False."""

_ABSENT = object()


class Patch:
    """A replaced attribute of a class or a module. Installed and removed any number of times."""

    def __init__(self, target: Any, name: str, make: Make, needed: Callable[[], bool] | None = None) -> None:
        self._target = target
        self._name = name
        self._make = make
        self._needed = needed
        self._own: Any = _ABSENT  # the attribute of the target itself; absent where it is inherited
        self._replacement: Any = _ABSENT
        self._switch = _Switch()

    @property
    def is_on(self) -> bool:
        return self._switch.on

    def install(self) -> None:
        """Replace the attribute, unless that is done. Patches that others made since then stay in effect."""
        if self._switch.on:
            return
        current = vars(self._target).get(self._name, _ABSENT)
        if current is _ABSENT or current is not self._replacement:
            self._own, self._switch = current, _Switch()
            original = getattr(self._target, self._name) if current is _ABSENT else current
            self._replacement = self._make(original, self._switch.is_on)
            _set(self._target, self._name, self._replacement)
        self._switch.on = True

    def remove(self) -> bool:
        """Restore the attribute. Return False if it is still needed.

        If another package has patched the attribute since, our replacement stays below, and passes calls on.
        """
        if self._needed is not None and self._needed():
            return False
        self._switch.on = False
        self._restore()
        return True

    def _restore(self) -> None:
        if self._replacement is _ABSENT or vars(self._target).get(self._name) is not self._replacement:
            return
        if self._own is _ABSENT:
            delattr(self._target, self._name)
        else:
            _set(self._target, self._name, self._own)


def _set(target: Any, name: str, value: Any) -> None:
    """Set an attribute, also a method of a type of C code, which Python code cannot set.

    Such a type keeps its methods in a dictionary, as others do; `__dict__` is a read-only view of it. Special methods
    (`__init__`) are in slots of the type as well: those only change for subclasses in Python, by `super()`.
    """
    try:
        setattr(target, name, value)
    except TypeError:
        if not isinstance(target, type):
            raise
        (attributes,) = gc.get_referents(vars(target))
        attributes[name] = value
        # The interpreter caches methods by the version of their type.
        ctypes.pythonapi.PyType_Modified(ctypes.py_object(target))


class _Switch:
    """The switch of one replacement, which may outlive its removal."""

    __slots__ = ("on",)

    def __init__(self) -> None:
        self.on = False

    def is_on(self) -> bool:
        return self.on


_on = False
_lock = threading.RLock()
_declared: list[Patch] = []
_added: dict[tuple[int, str], Patch] = {}
_when_on: list[Callable[[], None]] = []
_when_off: list[Callable[[], None]] = []


def is_on() -> bool:
    """Return whether lineage is switched on in this process."""
    return _on


def switch_on() -> None:
    """Install the declared patches, unless that is done or the settings disable lineage. Never raises."""
    global _on
    if _on:
        return
    with guarded("switching lineage on"):
        if not filters.current().enabled:
            return
        with _lock:
            if _on:
                return
            _on = True
            for patch in _declared:
                with guarded("installing a patch"):
                    patch.install()
            for call in _when_on:
                with guarded("switching lineage on"):
                    call()


def switch_off() -> None:
    """Remove all patches, the newest first."""
    global _on
    with _lock:
        _on = False
        for call in _when_off:
            with guarded("switching lineage off"):
                call()
        for key, patch in reversed(list(_added.items())):
            with guarded("removing a patch"):
                if patch.remove():
                    del _added[key]
        for patch in reversed(_declared):
            with guarded("removing a patch"):
                patch.remove()


def declare(target: Any, name: str, make: Make) -> None:
    """Have `switch_on` install this patch; install it now if lineage is on."""
    with _lock:
        _declared.append(Patch(target, name, make))
        if _on:
            _declared[-1].install()


def add(target: Any, name: str, make: Make, needed: Callable[[], bool] | None = None) -> None:
    """Install a patch now, unless the attribute has one. `switch_off` keeps it while `needed()`."""
    with _lock:
        patch = _added.get((id(target), name))
        if patch is None:
            patch = _added[id(target), name] = Patch(target, name, make, needed)
        patch.install()


def is_installed(target: Any, name: str) -> bool:
    """Return whether the attribute has a patch that is in effect."""
    with _lock:
        patch = _added.get((id(target), name))
        return patch is not None and patch.is_on


def when_on(call: Callable[[], None]) -> None:
    """Have `switch_on` make this call after all patches are installed; make it now if lineage is on."""
    with _lock:
        _when_on.append(call)
        if _on:
            call()


def when_off(call: Callable[[], None]) -> None:
    """Have `switch_off` make this call before the patches are removed."""
    _when_off.append(call)


def _renew_lock() -> None:
    global _lock
    _lock = threading.RLock()


os.register_at_fork(after_in_child=_renew_lock)
