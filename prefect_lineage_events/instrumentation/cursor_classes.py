"""Tracing of cursors that a user makes from a class, `sqlite3.Cursor(connection)`, of a traced connection.

The `__init__` of a class written in Python is wrapped. A class written in C is replaced under its name by a stand-in,
which makes instances of the driver's own class and behaves like it in `isinstance`. `uninstrument()` undoes both.
"""

from __future__ import annotations

import sys
import types
from abc import ABCMeta
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import wrapt

from prefect_lineage_events import patches
from prefect_lineage_events.emission.losses import count_loss
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation.proxies import LikeOwn
from prefect_lineage_events.instrumentation.retype import is_immutable
from prefect_lineage_events.instrumentation.subclass_factory import STAND_INS
from prefect_lineage_events.instrumentation.subclasses import CursorMixin, trace_cursor

_lock = Lock()
# The classes with a wrapped `__init__`, and whether they had inherited the method.
_inherits: WeakKeyDictionary[type, bool] = WeakKeyDictionary()


def trace_cursor_classes(names: Sequence[str]) -> None:
    """Trace cursors made from these classes, each `module.name`, and from the user's subclasses of them."""
    with guarded("tracing cursors", count_loss), _lock:
        for name in names:
            module, _, attribute = name.rpartition(".")
            cls: type = getattr(import_module(module), attribute)
            own: type = cls.__bases__[0] if isinstance(cls, _StandIn) else cls
            if "__init__" in vars(own) and isinstance(vars(own)["__init__"], types.FunctionType | _Init):
                _wrap(own)
                continue
            if own not in STAND_INS:
                STAND_INS[own] = made = _stand_in(own)
                _rename(own, made)
            subclass: type
            for subclass in own.__subclasses__():
                if not issubclass(subclass, CursorMixin) and subclass is not STAND_INS[own]:
                    _wrap(subclass)


def restore_cursor_classes() -> None:
    """Restore the classes of drivers and users; the next traced connection patches them again."""
    with guarded("restoring the classes of cursors"), _lock:
        while STAND_INS:
            own, made = STAND_INS.popitem()
            _rename(made, own)
        for cls, inherits in list(_inherits.items()):
            init = vars(cls).get("__init__")
            if inherits and isinstance(init, _Init):
                del cls.__init__  # type: ignore[misc]
            elif isinstance(init, _Init):
                cls.__init__ = init.__wrapped__  # type: ignore[misc]
        _inherits.clear()


patches.when_off(restore_cursor_classes)


class _Init(LikeOwn, wrapt.FunctionWrapper):  # type: ignore[type-arg]
    """The `__init__` of a cursor class; afterwards the cursor is traced."""


def _wrap(cls: type) -> None:
    if not (isinstance(vars(cls).get("__init__"), _Init) or is_immutable(cls)):
        _inherits[cls] = "__init__" not in vars(cls)
        cls.__init__ = _Init(cls.__init__, _initialised)  # type: ignore[misc]


def _initialised(method: Any, cursor: Any, args: Any, kwargs: Any) -> None:
    method(*args, **kwargs)
    trace_cursor(cursor)


class _StandIn(ABCMeta):
    """The metaclass of stand-ins for a driver's class. An `ABCMeta`, so that a stand-in can have abstract siblings."""

    def __new__(mcs, name: str, bases: tuple[type, ...], names: dict[str, Any], **more: Any) -> Any:
        if not any(isinstance(base, _StandIn) for base in bases):
            return super().__new__(mcs, name, bases, names, **more)
        own = tuple(base.__bases__[0] if isinstance(base, _StandIn) else base for base in bases)
        made = types.new_class(name, own, more, lambda body: body.update(names))
        _wrap(made)
        return made

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        cursor = cls.__bases__[0](*args, **kwargs)
        trace_cursor(cursor)
        return cursor

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, cls.__bases__[0])

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, cls.__bases__[0])

    def __eq__(cls, other: object) -> bool:
        return cls is other or other is cls.__bases__[0]

    def __hash__(cls) -> int:
        return hash(cls.__bases__[0])

    def __repr__(cls) -> str:
        return repr(cls.__bases__[0])


@cache
def _stand_in(own: type) -> type:
    names = {"__slots__": (), "__module__": own.__module__, "__qualname__": own.__qualname__, "__doc__": own.__doc__}
    made: type = _StandIn(own.__name__, (own,), names)
    return made


def _rename(known: type, made: type) -> None:
    """Replace one class by the other in all modules, because `from sqlite3 import Cursor` makes another name for it."""
    for module in list(sys.modules.values()):
        if isinstance(module, types.ModuleType):
            for name, value in list(vars(module).items()):
                if value is known:
                    setattr(module, name, made)
