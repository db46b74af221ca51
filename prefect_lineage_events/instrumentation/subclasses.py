"""Traced subclasses of a driver's connections and cursors, whose instances are the driver's own for all other code.

The user keeps the object that the driver made: its C functions accept it, its pools recognise it, `isinstance`, `with`
and cursors made from a class work as before, and calls by other code (a pool's commit) are traced. A subclass has no
slots, so that the class of an existing object can be changed to it (`retype`). The data of an instance is kept in a
dictionary by the object's id.
"""

from __future__ import annotations

import asyncio
import sys
import weakref
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import CoroutineType
from typing import Any

from prefect_lineage_events.emission.losses import count_loss
from prefect_lineage_events.guard import is_suppressed
from prefect_lineage_events.instrumentation.dbapi import CONNECTION_WRAPPERS, CURSOR_WRAPPERS, FETCH_WRAPPERS
from prefect_lineage_events.instrumentation.driver import Driver, MethodWrapper
from prefect_lineage_events.instrumentation.proxies import cursor_proxy
from prefect_lineage_events.instrumentation.retype import retype
from prefect_lineage_events.instrumentation.rowcount import FetchedRows
from prefect_lineage_events.instrumentation.subclass_factory import TracedMethod, own_class, traced_subclass
from prefect_lineage_events.instrumentation.tracer import ConnectionTracer, SchemaLookup
from prefect_lineage_events.stores import Store


@dataclass(slots=True, eq=False)
class Tracing:
    """The data of a traced connection. While it is not `active`, its class only passes calls on."""

    driver: Driver
    store: Store
    tracer: ConnectionTracer
    lookup: SchemaLookup | None
    wrappers: Mapping[str, MethodWrapper]
    state: dict[str, Any] = field(default_factory=dict)
    cursor_classes: dict[type, type | None] = field(default_factory=dict)
    active: bool = True

    def cursor_class(self, own: type) -> type | None:
        if own not in self.cursor_classes:
            wrappers = {**_CURSOR_WRAPPERS, **self.driver.cursor_wrappers}
            self.cursor_classes[own] = traced_subclass(own, CursorMixin, wrappers, _cursor_method)
        return self.cursor_classes[own]


# By the object's id. Not all drivers' connections allow weak references, so `__del__` removes the entries.
_connections: dict[int, Tracing] = {}
# Where a cycle is collected, an object's `__del__` may use a connection that was finalised before it.
_finalised: deque[tuple[int, Tracing]] = deque()
_MAX_FINALISED = 16


class ConnectionMixin:
    """The second base of a connection's subclass, with the `_self_` attributes of a proxy, which wrappers use."""

    __slots__ = ()

    _self_own = property(lambda self: self)
    _self_driver = property(lambda self: _connections[id(self)].driver)
    _self_store = property(lambda self: _connections[id(self)].store)
    _self_tracer = property(lambda self: _connections[id(self)].tracer)
    _self_lookup = property(lambda self: _connections[id(self)].lookup)
    _self_state = property(lambda self: _connections[id(self)].state)

    def _self_same(self, result: Any) -> Any:
        return result

    def _self_cursor(self, cursor: Any) -> Any:
        """The cursor, traced; a proxy of it where its class cannot be subclassed."""
        trace_cursor(cursor)
        if issubclass(type(cursor), CursorMixin) or not hasattr(cursor, "execute"):
            return cursor
        return cursor_proxy(cursor, self)


class _CursorState(weakref.ref):  # type: ignore[type-arg]
    """The data of a cursor, which is also the weak reference that reports when the cursor is collected."""

    __slots__ = ("connection_key", "fetched", "inside", "key", "noted", "task")
    key: int
    connection_key: int
    fetched: FetchedRows
    inside: bool  # a method of the cursor is running, and may call other methods of it
    task: Any  # the asyncio task that awaits a method of the cursor, which may call others
    noted: bool  # a statement of the cursor has been noted


_cursors: dict[int, _CursorState] = {}
# No code of ours runs where a cursor is finalised: see `AbandonedResultNote`.
_collected: deque[_CursorState] = deque()


@lru_cache(maxsize=256)
def _holder(cls: Any) -> str:
    """The attribute in which a cursor keeps its connection. The property of some drivers prints a warning."""
    own = {base.__module__.partition(".")[0] for base in cls.__mro__}
    return "connection" if own.isdisjoint(("redshift_connector", "pg8000")) else "_c"


def _connection_of(cursor: Any) -> Any:
    """The cursor's connection; None where it is closed or gone. mysql-connector's cursors have only a weak proxy."""
    cls = type(cursor)
    # A traced subclass has a hash written in Python, which would cost more than the rest of the look-up.
    connection = getattr(cursor, _holder(cls.__bases__[0] if issubclass(cls, CursorMixin) else cls), None)
    if connection is not None:
        return connection
    connection = getattr(cursor, "_connection", None)
    if type(connection) not in weakref.ProxyTypes:
        return connection
    try:
        return connection.__repr__.__self__  # type: ignore[union-attr]
    except ReferenceError:
        return None


class CursorMixin:
    """The second base of a cursor's subclass."""

    __slots__ = ()

    _self_own = property(lambda self: self)
    _self_connection = property(_connection_of)
    _self_fetched = property(lambda self: _cursors[id(self)].fetched)

    @property
    def _self_noted(self) -> bool:
        return _cursors[id(self)].noted

    @_self_noted.setter
    def _self_noted(self, noted: bool) -> None:
        _cursors[id(self)].noted = noted

    def _self_same(self, result: Any) -> Any:
        return result


def trace_connection(connection: Any, tracing: Tracing) -> bool:
    """Trace a driver's own connection by changing its class. Return False if that is not possible."""
    own = type(connection)
    if issubclass(own, ConnectionMixin):
        _connections[id(connection)] = tracing
        return True
    cls = traced_subclass(own, ConnectionMixin, tracing.wrappers, _connection_method, _finalise)
    _connections[id(connection)] = tracing
    if cls is not None and retype(connection, cls):
        return True
    del _connections[id(connection)]
    return False


def connection_wrappers(driver: Driver) -> Mapping[str, MethodWrapper]:
    """The wrappers of a connection's methods, by name."""
    return {**CONNECTION_WRAPPERS, **driver.connection_wrappers}


def tracing_of(connection: Any) -> Tracing | None:
    """The data of a traced connection, active or not; None for any other."""
    return _connections.get(id(connection)) if isinstance(connection, ConnectionMixin) else None


def forget(connection: Any) -> None:
    """End the session of a traced connection that has connected again: what it had not committed is undone."""
    known = tracing_of(connection)
    if known is not None:
        known.tracer.lost()
        _connections.pop(id(connection), None)


def set_active(connection: Any, *, active: bool) -> None:
    """Switch the reports of a traced connection on or off."""
    known = tracing_of(connection)
    if known is not None:
        known.active = active


def trace_cursor(cursor: Any) -> None:
    """Trace a cursor if its connection is traced, however the cursor was made."""
    try:
        own = type(cursor)
        connection = _connection_of(cursor)
        if issubclass(own, CursorMixin) or not issubclass(type(connection), ConnectionMixin):
            return
        key, connection_key = id(cursor), id(connection)
        known = _connections.get(connection_key)
        if known is None or not known.active:
            return
        cls = known.cursor_classes[own] if own in known.cursor_classes else known.cursor_class(own)
        _register(cursor, connection_key, known)
        if cls is None or not retype(cursor, cls):
            del _cursors[key]
    except Exception as error:
        if not is_suppressed("tracing a cursor", error, count_loss):
            raise


def _register(cursor: Any, connection_key: int, known: Tracing) -> None:
    if _collected:
        _drop_collected()
    state = _CursorState(cursor, _collected.append)
    state.key = key = id(cursor)
    state.connection_key, state.fetched = connection_key, FetchedRows(known.tracer)
    state.inside = state.noted = False
    state.task = None
    _cursors[key] = state


def made_traced(connection: Any, method: Callable[[type], Any], own: type) -> Any:
    """A cursor that the driver makes of the traced subclass of `own`, which is cheaper than to change its class later.

    None, before the driver is called, where there is no such subclass. `method` takes the class of a new cursor.
    """
    known = _connections.get(id(connection))
    cls = known.cursor_classes.get(own) if known is not None else None
    if known is None or cls is None or not known.active:
        return None
    cursor = method(cls)
    try:
        _register(cursor, id(connection), known)
    except Exception as error:
        if not is_suppressed("tracing a cursor", error, count_loss):
            raise
    return cursor


def _drop_collected() -> None:
    while _collected:
        try:
            old = _collected.popleft()
        except IndexError:  # another thread has taken it
            return
        if _cursors.get(old.key) is old:
            _cursors.pop(old.key, None)


def _trace_next(cursor: Any, method: Any, args: Any, kwargs: Any) -> Any:
    try:
        row = method(*args, **kwargs)
    except StopIteration:
        cursor._self_fetched.end(exhausted=True)
        raise
    return cursor._self_fetched.after_next(row)


def _trace_anext(cursor: Any, method: Any, args: Any, kwargs: Any) -> Any:
    return _awaited_next(cursor, method(*args, **kwargs))


async def _awaited_next(cursor: Any, coming: Any) -> Any:
    try:
        row = await coming
    except StopAsyncIteration:
        cursor._self_fetched.end(exhausted=True)
        raise
    return cursor._self_fetched.after_next(row)


def _trace_iter(cursor: Any, method: Any, args: Any, kwargs: Any) -> Any:
    rows = method(*args, **kwargs)
    if rows is cursor:
        return cursor._self_fetched.counted(_rest(cursor, super(type(cursor), cursor).__next__), cursor)
    # The iterator of a user's subclass calls `__next__` of the cursor for each row.
    if hasattr(type(cursor), "__next__"):
        return rows
    return cursor._self_fetched.counted(_rest(cursor, iter(rows).__next__), cursor)


def _trace_aiter(cursor: Any, method: Any, args: Any, kwargs: Any) -> Any:
    rows = method(*args, **kwargs)
    if rows is cursor:
        return cursor._self_fetched.counted_async(_rest_async(cursor, super(type(cursor), cursor).__anext__), cursor)
    return rows if hasattr(type(cursor), "__anext__") else cursor._self_fetched.counted_async(rows, cursor)


def _rest(cursor: Any, advance: Callable[[], Any]) -> Iterator[Any]:
    state = _cursors[id(cursor)]
    while True:
        state.inside = True  # in Python, the iteration calls `fetchone`, which would count the row as well
        try:
            row = advance()
        except StopIteration:
            return
        finally:
            state.inside = False
        yield row


async def _rest_async(cursor: Any, advance: Callable[[], Any]) -> AsyncIterator[Any]:
    state = _cursors[id(cursor)]
    while True:
        try:
            row = await _awaited_inside(state, advance())
        except StopAsyncIteration:
            return
        yield row


_CURSOR_WRAPPERS: Mapping[str, MethodWrapper] = {
    **CURSOR_WRAPPERS,
    "__iter__": _trace_iter,
    "__next__": _trace_next,
    "__aiter__": _trace_aiter,
    "__anext__": _trace_anext,
}


def _connection_method(name: str, _: MethodWrapper) -> TracedMethod:
    def call(method: Any, connection: Any, args: Any, kwargs: Any) -> Any:
        known = _connections.get(id(connection))
        wrapper = known.wrappers.get(name) if known is not None and known.active else None
        return method(*args, **kwargs) if wrapper is None else wrapper(connection, method, args, kwargs)

    return call


def _cursor_method(_: str, wrapper: MethodWrapper) -> TracedMethod:
    fetches = wrapper in FETCH_WRAPPERS

    def call(method: Any, cursor: Any, args: Any, kwargs: Any) -> Any:
        state = _cursors.get(id(cursor))
        if state is None or state.inside:
            return method(*args, **kwargs)
        # A cursor that fetches needs no connection, which some drivers find by a search.
        key = state.connection_key if fetches else id(_connection_of(cursor))
        known = _connections.get(key)
        if known is None or not known.active or (state.task is not None and _is_awaited(state)):
            return method(*args, **kwargs)
        state.inside = True
        try:
            result = wrapper(cursor, method, args, kwargs)
        finally:
            state.inside = False
        return _awaited_inside(state, result) if type(result) is CoroutineType else result

    return call


async def _awaited_inside(state: _CursorState, coroutine: Any) -> Any:
    state.task = asyncio.current_task()
    try:
        return await coroutine
    finally:
        state.task = None


def _is_awaited(state: _CursorState) -> bool:
    """Does the calling task await a method of the cursor, which makes this call? Other tasks are no part of it."""
    try:
        return state.task is not None and state.task is asyncio.current_task()
    except RuntimeError:  # a thread without an event loop
        return False


def _finalise(connection: Any) -> None:
    own = getattr(own_class(connection), "__del__", None)
    if own is not None:
        own(connection)
    known = _connections.get(id(connection))
    if known is None:
        return
    if not sys.is_finalizing():
        # Without a commit the server undoes what a collected connection had written.
        known.tracer.lost()
    _finalised.append((id(connection), known))
    if len(_finalised) > _MAX_FINALISED:
        try:
            key, old = _finalised.popleft()
        except IndexError:  # other threads have taken them
            return
        if _connections.get(key) is old:
            _connections.pop(key, None)
