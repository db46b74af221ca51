"""Tracing of connections that a program opens itself: patches of the places where drivers open them.

Where a driver's connections can be traced as they are (`Driver.subclassed`), the method that connects is patched in
their class (`traces_own`): it is the same for each name under which a program has imported `connect`. Elsewhere the
function that returns a connection is patched in its module (`traces_returned`), and in the modules that imported it
before (`everywhere`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from types import FrameType, ModuleType
from typing import Any
from weakref import WeakSet

from prefect_lineage_events import patches
from prefect_lineage_events.emission import worker
from prefect_lineage_events.emission.losses import count_untraced
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation import subclasses
from prefect_lineage_events.instrumentation.connections import is_traced, trace
from prefect_lineage_events.instrumentation.driver import Driver
from prefect_lineage_events.instrumentation.execution import when_done
from prefect_lineage_events.instrumentation.import_hooks import patching
from prefect_lineage_events.instrumentation.patched_function import PatchedFunction
from prefect_lineage_events.instrumentation.tracer import ConnectionTracer

Describe = Callable[[], Driver]
Patched = Callable[[Any, Callable[[], bool]], Any]

_left_alone: ContextVar[bool] = ContextVar("lineage_connections_left_alone", default=False)
_SERVER = "prefect.server"
_MAX_FRAMES = 200
_MAX_FRAMES_OF_CURSOR = 16


@contextmanager
def left_alone() -> Iterator[None]:
    """A block whose new connections are not traced here: its code traces them itself, or they are our own."""
    token = _left_alone.set(True)
    try:
        yield
    finally:
        with suppress(ValueError):  # a coroutine that is collected may end in another context
            _left_alone.reset(token)


def is_left_alone() -> bool:
    """Return whether a connection that the calling code opens stays the driver's own.

    That are those of our thread, and those of Prefect's server, which may run in the same process.
    """
    return _left_alone.get() or worker.is_worker_thread() or _is_of_server()


def _is_of_server() -> bool:
    if _SERVER not in sys.modules:
        return False
    frame: FrameType | None = sys._getframe(1)
    for _ in range(_MAX_FRAMES):
        if frame is None:
            return False
        if str(frame.f_globals.get("__name__")).startswith(f"{_SERVER}."):
            return True
        frame = frame.f_back
    return False


def is_by_traced_cursor(package: str) -> bool:
    """Does a traced cursor of a DB-API, whose modules are in `package`, make the call? It notes its statement itself.

    For clients whose methods are patched in their class, and that the cursors use.
    """
    frame: FrameType | None = sys._getframe(1)
    inside = False
    for _ in range(_MAX_FRAMES_OF_CURSOR):
        if frame is None:
            return False
        module = str(frame.f_globals.get("__name__"))
        if inside and not module.startswith(package):
            return module.startswith("prefect_lineage_events.")
        inside = inside or module.startswith(package)
        frame = frame.f_back
    return False


# Tracers of connections that a program opened while `instrument()` was in effect.
_opened: WeakSet[ConnectionTracer] = WeakSet()


def traced(connection: Any, driver: Driver) -> Any:
    """The connection that a program has opened, traced until it is closed, or until `uninstrument()`."""
    if is_traced(connection):
        return connection
    found = trace(connection, driver)
    with guarded("tracing a connection", count_untraced):
        if is_traced(found):
            found._self_tracer.is_muted = False
            _opened.add(found._self_tracer)
    return found


def _mute() -> None:
    for tracer in list(_opened):
        tracer.is_muted = True


def resume() -> None:
    """Report the connections again that were opened before an `uninstrument()`."""
    for tracer in list(_opened):
        tracer.is_muted = False


patches.when_off(_mute)


def traces_own(describe: Describe) -> Patched:
    """The patch of a connection's method that connects, such as `connect` or `__init__`; then `self` is traced.

    A second call of it on one connection begins a new session.
    """

    def opened(method: Any, connection: Any, args: Any, kwargs: Any) -> Any:
        def on_success(result: Any) -> Any:
            with guarded("tracing a connection", count_untraced):
                if not is_left_alone() and traced(connection, describe()) is not connection:
                    count_untraced("the class of a connection cannot be changed")
            return result

        with guarded("tracing a connection", count_untraced):
            subclasses.forget(connection)
        return when_done(method(*args, **kwargs), on_success)

    return patched(opened)


def traces_returned(describe: Describe) -> Patched:
    """The patch of a function that returns a connection; it returns the traced one."""

    def opened(function: Any, _: Any, args: Any, kwargs: Any) -> Any:
        def on_success(connection: Any) -> Any:
            return connection if is_left_alone() else traced(connection, describe())

        return when_done(function(*args, **kwargs), on_success)

    return patched(opened)


def patched(wrapper: Any) -> Patched:
    """The patch of a function or method: `wrapper(function, instance, args, kwargs)` is called instead of it."""

    def make(original: Any, is_on: Callable[[], bool]) -> Any:
        return PatchedFunction(original, wrapper, enabled=is_on)

    return make


def everywhere(module: ModuleType, name: str, make: Patched) -> None:
    """Patch a function in its module, and in the modules that have imported it before."""
    all_everywhere(module, {name: make})


def all_everywhere(module: ModuleType, makers: Mapping[str, Patched], needed: Callable[[], bool] | None = None) -> None:
    """Patch functions of a module, and the names under which other modules have imported them before.

    A function has one replacement in all modules, so that it is pickled by any of them. `uninstrument()` keeps the
    patches while they are `needed()`.
    """
    known = vars(module)
    functions = {name: known[name] for name in makers if name in known and not patches.is_installed(module, name)}
    if not functions:
        return
    names: dict[int, str] = {}
    for name, function in functions.items():
        first = names.setdefault(id(function), name)  # the module may have several names of one function
        patches.add(module, name, makers[name] if name == first else _same(known[first]), needed)
    for other in list(sys.modules.values()):
        # Most of the thousands of modules have none of them: comparing the ids in C takes a tenth of the time.
        if isinstance(other, ModuleType) and other is not module and _may_have(names, other):
            with patching(module.__name__):  # another thread may import it just now
                for alias, value in list(vars(other).items()):
                    if id(value) in names:
                        patches.add(other, alias, _same(known[names[id(value)]]), needed)


def _may_have(ids: Mapping[int, str], module: ModuleType) -> bool:
    """Return whether a module has one of these objects; false for one that fails to say."""
    try:
        return not ids.keys().isdisjoint(map(id, list(vars(module).values())))
    except Exception:  # noqa: BLE001  (the module is the user's)
        return False


def _same(replacement: Any) -> Patched:
    return lambda _, is_on: replacement
