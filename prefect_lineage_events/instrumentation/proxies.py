"""Proxies of connections and cursors that report to the tracer, and otherwise behave as the driver's own.

They are wrapt proxies, so `isinstance`, attributes, weak references and the driver's exceptions work as before. The
driver's objects only refer to each other: what a driver runs inside one of its methods (`executemany` as many
`execute`) does not pass a proxy again, so nothing is counted twice.
"""

from __future__ import annotations

import copy
import weakref
from collections.abc import AsyncIterator, Iterator, Mapping
from inspect import iscoroutinefunction
from types import FunctionType
from typing import TYPE_CHECKING, Any

import wrapt

from prefect_lineage_events.instrumentation import tracer as tracing
from prefect_lineage_events.instrumentation.dbapi import (
    trace_close,
    trace_commit,
    trace_cursor_close,
    trace_execute,
    trace_exit,
    trace_fetchall,
    trace_fetchmany,
    trace_fetchone,
    trace_new_cursor,
    trace_rollback,
)
from prefect_lineage_events.instrumentation.driver import Driver, MethodWrapper
from prefect_lineage_events.instrumentation.execution import TracedConnection
from prefect_lineage_events.instrumentation.rowcount import FetchedRows
from prefect_lineage_events.stores import Store

if TYPE_CHECKING:
    ObjectProxy = wrapt.ObjectProxy[Any]  # generic to type checkers only
else:
    ObjectProxy = wrapt.ObjectProxy


class PartProxy(ObjectProxy):
    """The proxy of an object that a connection returns beside cursors (block, transaction, prepared statement)."""

    def __repr__(self) -> str:
        return repr(self.__wrapped__)


class LikeOwn:
    """The base of all proxies: `repr`, copies and pickles are those of the wrapped object."""

    __slots__ = ()  # `__dict__` too is that of the wrapped object
    __wrapped__: Any

    def __repr__(self) -> str:
        return repr(self.__wrapped__)

    def __copy__(self) -> Any:
        return copy.copy(self.__wrapped__)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return copy.deepcopy(self.__wrapped__, memo)

    def __reduce__(self) -> Any:
        return self.__wrapped__.__reduce__()

    def __reduce_ex__(self, protocol: Any) -> Any:
        if isinstance(self.__wrapped__, FunctionType):  # pickled by name, which no method of it does
            return self.__wrapped__.__qualname__
        return self.__wrapped__.__reduce_ex__(protocol)


class _Method(LikeOwn, wrapt.FunctionWrapper):  # type: ignore[type-arg]
    """A wrapped method of the driver's object, with its signature, name and documentation."""


def _wrapped(proxy: Any, method: Any, wrapper: MethodWrapper) -> Any:
    return _Method(method, lambda method, _, args, kwargs: wrapper(proxy, method, args, kwargs))


class wrapped_method:
    """A descriptor that wraps the driver's method of the same name; absent where the driver has no such method."""

    def __init__(self, wrapper: MethodWrapper) -> None:
        self._wrapper = wrapper

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, proxy: Any, owner: type | None = None) -> Any:
        return self if proxy is None else _wrapped(proxy, getattr(proxy.__wrapped__, self._name), self._wrapper)


class Proxy(LikeOwn, ObjectProxy):
    """The proxy of a driver's object, some of whose methods a `Driver` wraps."""

    def _self_attribute(self, name: str, wrappers: Mapping[str, MethodWrapper]) -> Any:
        """The driver's own attribute, wrapped if `wrappers` has a wrapper for it."""
        value = getattr(self.__wrapped__, name)
        wrapper = wrappers.get(name)
        return value if wrapper is None else _wrapped(self, value, wrapper)

    @property
    def _self_own(self) -> Any:
        """The driver's own object, the argument of the functions of its `Driver`."""
        return self.__wrapped__

    def _self_same(self, result: Any) -> Any:
        """Return the proxy where a driver's method did `return self`."""
        return self if result is self.__wrapped__ else result


def _connection_collected(driver: Driver, tracer: tracing.ConnectionTracer) -> None:
    """Report a proxy that was collected. Its connection may outlive it, and may commit or roll back."""
    tracer.commit_lost() if tracer.is_open and driver.reports_transaction else tracer.lost()


class ConnectionProxy(Proxy):
    """The proxy of a DB-API connection, which reports its cursors, commits and rollbacks to a tracer."""

    def __init__(
        self,
        connection: Any,
        driver: Driver,
        store: Store,
        tracer: tracing.ConnectionTracer,
        lookup: tracing.SchemaLookup | None,
    ) -> None:
        super().__init__(connection)
        self._self_lookup = lookup
        self._self_driver = driver
        self._self_store = store
        self._self_tracer = tracer
        self._self_state: dict[str, Any] = {}  # values that the driver's wrappers keep
        weakref.finalize(self, _connection_collected, driver, tracer).atexit = False

    def __getattr__(self, name: str) -> Any:
        return self._self_attribute(name, self._self_driver.connection_wrappers)

    @wrapped_method
    def cursor(self, method: Any, args: Any, kwargs: Any) -> Any:
        wrapper: MethodWrapper = self._self_driver.connection_wrappers.get("cursor", trace_new_cursor)
        return wrapper(self, method, args, kwargs)

    commit = wrapped_method(trace_commit)
    rollback = wrapped_method(trace_rollback)

    close = wrapped_method(trace_close)

    def __enter__(self) -> Any:
        return self._self_same(self.__wrapped__.__enter__())

    def __exit__(self, *error: Any) -> Any:
        return trace_exit(self, self.__wrapped__.__exit__, error, {})

    async def __aenter__(self) -> Any:
        return self._self_same(await self.__wrapped__.__aenter__())

    async def __aexit__(self, *error: Any) -> Any:
        return await trace_exit(self, self.__wrapped__.__aexit__, error, {})

    def _self_cursor(self, cursor: Any) -> Any:
        return cursor_proxy(cursor, self)


class CursorProxy(Proxy):
    """The proxy of a DB-API cursor, which notes each statement that succeeded, and the number of rows read."""

    def __init__(self, cursor: Any, connection: TracedConnection) -> None:
        super().__init__(cursor)
        self._self_connection = connection
        self._self_fetched = FetchedRows(connection._self_tracer)
        self._self_noted = False

    def __getattr__(self, name: str) -> Any:
        return self._self_attribute(name, self._self_connection._self_driver.cursor_wrappers)

    @property
    def connection(self) -> Any:
        own = self.__wrapped__.connection
        return self._self_connection if own is self._self_connection._self_own else own

    execute = wrapped_method(trace_execute)
    executemany = wrapped_method(trace_execute)
    fetchone = wrapped_method(trace_fetchone)
    fetchmany = wrapped_method(trace_fetchmany)
    fetchall = wrapped_method(trace_fetchall)
    close = wrapped_method(trace_cursor_close)

    def __iter__(self) -> Iterator[Any]:
        return self._self_fetched.counted(iter(self.__wrapped__), self)

    def __next__(self) -> Any:
        try:
            row = next(self.__wrapped__)
        except StopIteration:
            self._self_fetched.end(exhausted=True)
            raise
        return self._self_fetched.after_next(row)

    def __enter__(self) -> Any:
        return self._self_same(self.__wrapped__.__enter__())

    def __exit__(self, *error: Any) -> Any:
        self._self_fetched.end()
        return self.__wrapped__.__exit__(*error)


class AsyncCursorProxy(CursorProxy):
    """The proxy of a cursor whose fetches are awaited."""

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._self_fetched.counted_async(self.__wrapped__.__aiter__(), self)

    async def __anext__(self) -> Any:
        try:
            row = await self.__wrapped__.__anext__()
        except StopAsyncIteration:
            self._self_fetched.end(exhausted=True)
            raise
        return self._self_fetched.after_next(row)

    async def __aenter__(self) -> Any:
        return self._self_same(await self.__wrapped__.__aenter__())

    async def __aexit__(self, *error: Any) -> Any:
        self._self_fetched.end()
        return await self.__wrapped__.__aexit__(*error)


def connection_proxy(
    connection: Any,
    driver: Driver,
    store: Store,
    tracer: tracing.ConnectionTracer,
    lookup: tracing.SchemaLookup | None,
) -> ConnectionProxy:
    """The proxy of a connection."""
    proxy: ConnectionProxy = _like(ConnectionProxy, type(connection))(connection, driver, store, tracer, lookup)
    return proxy


def cursor_proxy(cursor: Any, connection: TracedConnection) -> CursorProxy:
    """The proxy of a cursor of that connection."""
    own: Any = type(cursor)
    made = _cursor_classes.get(own)
    if made is None:
        awaited = iscoroutinefunction(getattr(own, "execute", None))
        made = _cursor_classes[own] = _like(AsyncCursorProxy if awaited else CursorProxy, own)
    proxy: CursorProxy = made(cursor, connection)
    return proxy


# Weak keys: DuckDB prints a complaint on stderr for a class of its own that outlives the interpreter.
_classes: weakref.WeakKeyDictionary[type, dict[type, Any]] = weakref.WeakKeyDictionary()
_cursor_classes: weakref.WeakKeyDictionary[type, Any] = weakref.WeakKeyDictionary()


def _like(proxy_class: type, own: type) -> Any:
    """The proxy's class under the name of the driver's: libraries such as polars read `type(connection).__module__`."""
    made = _classes.setdefault(own, {})
    if proxy_class not in made:
        names: dict[str, Any] = {"__module__": own.__module__, "__qualname__": own.__qualname__, "__doc__": own.__doc__}
        if any("__call__" in vars(base) for base in own.__mro__):  # sqlite3's connections can be called
            names["__call__"] = lambda proxy, *args, **kwargs: proxy.__wrapped__(*args, **kwargs)
        made[proxy_class] = type(own.__name__, (proxy_class,), names)
    return made[proxy_class]
