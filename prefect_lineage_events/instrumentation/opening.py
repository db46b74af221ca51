"""Tracing of connections that a program opens itself: patches of the places where drivers open them.

Where a driver's connections can be traced as they are (`Driver.subclassed`), the method that connects is patched in
their class (`traces_own`): it is the same for each name under which a program has imported `connect`. Elsewhere the
function that returns a connection is patched in its module (`traces_returned`), and in the modules that imported it
before (`everywhere`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType
from typing import Any

from prefect_lineage_events import patches
from prefect_lineage_events.emission.losses import count_untraced
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation import subclasses
from prefect_lineage_events.instrumentation.connections import trace
from prefect_lineage_events.instrumentation.driver import Driver
from prefect_lineage_events.instrumentation.execution import when_done
from prefect_lineage_events.instrumentation.patched_function import PatchedFunction

Describe = Callable[[], Driver]
Patched = Callable[[Any, Callable[[], bool]], Any]

_left_alone: ContextVar[bool] = ContextVar("lineage_connections_left_alone", default=False)


@contextmanager
def left_alone() -> Iterator[None]:
    """A block whose new connections are not traced here: its code traces them itself, or they are our own."""
    token = _left_alone.set(True)
    try:
        yield
    finally:
        _left_alone.reset(token)


def traces_own(describe: Describe) -> Patched:
    """The patch of a connection's method that connects, such as `connect` or `__init__`; then `self` is traced.

    A second call of it on one connection begins a new session.
    """

    def opened(method: Any, connection: Any, args: Any, kwargs: Any) -> Any:
        def on_success(result: Any) -> Any:
            with guarded("tracing a connection", count_untraced):
                if not _left_alone.get() and trace(connection, describe()) is not connection:
                    count_untraced("the class of a connection cannot be changed")
            return result

        with guarded("tracing a connection", count_untraced):
            subclasses.forget(connection)
        return when_done(method(*args, **kwargs), on_success)

    return _patched(opened)


def traces_returned(describe: Describe) -> Patched:
    """The patch of a function that returns a connection; it returns the traced one."""

    def opened(function: Any, _: Any, args: Any, kwargs: Any) -> Any:
        def on_success(connection: Any) -> Any:
            return connection if _left_alone.get() else trace(connection, describe())

        return when_done(function(*args, **kwargs), on_success)

    return _patched(opened)


def _patched(wrapper: Any) -> Patched:
    def make(original: Any, is_on: Callable[[], bool]) -> Any:
        return PatchedFunction(original, wrapper, enabled=is_on)

    return make


def everywhere(module: ModuleType, name: str, make: Patched) -> None:
    """Patch a function in its module, and under the names by which other modules have imported it before."""
    function = getattr(module, name)
    patches.add(module, name, make)
    for other in list(sys.modules.values()):
        if isinstance(other, ModuleType) and other is not module:
            for alias, value in list(vars(other).items()):
                if value is function:
                    patches.add(other, alias, make)
