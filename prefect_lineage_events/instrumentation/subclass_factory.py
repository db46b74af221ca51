"""Traced subclasses of a driver's classes, which other code takes for the driver's own.

Their name, equality, hash, class attributes, `__class__`, copies and pickles are those of the driver's class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import wrapt

from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation.driver import MethodWrapper
from prefect_lineage_events.instrumentation.proxies import LikeOwn
from prefect_lineage_events.instrumentation.retype import name_as

TracedMethod = Callable[[Any, Any, tuple[Any, ...], dict[str, Any]], Any]
"""The function of a traced method: it takes the driver's bound method, the object and the arguments of the call."""


class _BoundMethod(LikeOwn, wrapt.BoundFunctionWrapper):  # type: ignore[type-arg]
    """A bound method of a driver's object."""


class _Method(LikeOwn, wrapt.FunctionWrapper):  # type: ignore[type-arg]
    """A wrapped method of the driver's class, with its signature, name and documentation."""

    __bound_function_wrapper__ = _BoundMethod


_subclasses: dict[tuple[type, tuple[str, ...]], type | None] = {}
_MAX_SUBCLASSES = 1_000  # they are never freed: in a program that makes a class per cursor, later ones get proxies


def traced_subclass(
    own: type,
    mixin: type,
    wrappers: Mapping[str, MethodWrapper],
    traced: Callable[[str, MethodWrapper], TracedMethod],
    finaliser: Callable[[Any], None] | None = None,
) -> type | None:
    """The traced subclass of a driver's class, with `mixin` as its second base. None where it cannot be made.

    `traced` makes the function of a method that has a wrapper. `finaliser` is the `__del__` of the subclass.
    """
    key = (own, tuple(wrappers))
    if key not in _subclasses:
        if len(_subclasses) >= _MAX_SUBCLASSES:
            return None
        names: dict[str, Any] = {"__slots__": (), "__module__": own.__module__, "__qualname__": own.__qualname__}
        names |= {"__doc__": own.__doc__, "__class__": _CLASS, "__dir__": _dir, "__reduce_ex__": _reduce}
        if finaliser is not None:
            names["__del__"] = finaliser
        made = None
        with guarded("making a traced subclass"):
            made = _metaclass(type(own))(own.__name__, (own, mixin), names)
            # After the class is made: a driver's `__init_subclass__` may wrap what it finds (Snowflake's connector 5).
            for name, wrapper in wrappers.items():
                if callable(attribute := getattr(own, name, None)):
                    type.__setattr__(made, name, _Method(attribute, traced(name, wrapper)))
            _made.add(id(made))
            name_as(made, own)
        _subclasses[key] = made
    return _subclasses[key]


# By id, because their `__hash__` looks here. They live as long as the process.
_made: set[int] = set()
_metaclasses: dict[Any, Any] = {}


def _metaclass(own: Any) -> Any:
    """A metaclass by which `type(cursor)` equals the driver's class, and attributes set on it are set on that class."""

    def equal(cls: Any, other: object) -> Any:
        if cls is other:
            return True
        mine = cls.__bases__[0] if id(cls) in _made else None
        return NotImplemented if mine is None else other is mine or other is STAND_INS.get(mine)

    def number(cls: Any) -> int:
        return hash(cls.__bases__[0]) if id(cls) in _made else own.__hash__(cls)

    def set_(cls: Any, name: str, value: Any) -> None:
        setattr(cls.__bases__[0], name, value) if id(cls) in _made else own.__setattr__(cls, name, value)

    def delete(cls: Any, name: str) -> None:
        delattr(cls.__bases__[0], name) if id(cls) in _made else own.__delattr__(cls, name)

    if own not in _metaclasses:
        names = {"__module__": own.__module__, "__eq__": equal, "__hash__": number}
        names |= {"__setattr__": set_, "__delattr__": delete}
        _metaclasses[own] = type(own)(own.__name__, (own,), names)
    return _metaclasses[own]


def own_class(value: Any) -> Any:
    """The driver's class of an object whose class is a traced subclass."""
    return type(value).__bases__[0]


def _set_class(value: Any, cls: type) -> None:
    vars(object)["__class__"].__set__(value, cls)


def _shown_class(value: Any) -> type:
    own: type = own_class(value)
    return STAND_INS.get(own, own)


STAND_INS: dict[type, type] = {}
"""The stand-in of a class, under its name (`cursor_classes`)."""
_CLASS = property(_shown_class, _set_class)


def _dir(value: Any) -> Any:
    own = own_class(value)
    if own.__dir__ is not object.__dir__:
        return own.__dir__(value)
    return {*dir(own), *getattr(value, "__dict__", ())}


def _reduce(value: Any, protocol: Any) -> Any:
    """Copy and pickle the object as one of the driver's class, by its name."""
    own = own_class(value)
    reduced = own.__reduce_ex__(value, protocol)
    if isinstance(reduced, tuple) and type(value) in reduced[1]:
        return (reduced[0], tuple(own if part is type(value) else part for part in reduced[1]), *reduced[2:])
    return reduced
