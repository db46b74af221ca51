"""The choke point: a connection and a cursor that tell the tracer what succeeded, and are otherwise the driver's own.

They are wrapt proxies, so `isinstance`, attributes, weak references and the driver's exceptions are the user's as
before. The driver's objects only ever see each other: what a driver runs inside one of its methods (`executemany` as
many `execute`) does not come through a proxy again, so nothing is counted twice.
"""

from __future__ import annotations

import copy
import weakref
from collections.abc import AsyncIterator, Iterator, Mapping
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

import wrapt

from prefect_lineage_events.instrumentation import tracer as tracing
from prefect_lineage_events.instrumentation.driver import Driver, MethodWrapper
from prefect_lineage_events.instrumentation.execution import (
    after,
    answer_or_default,
    ends_transaction,
    goes_on,
    operation_of,
    parameters_of,
    runs_statement,
    trace_rollback,
)
from prefect_lineage_events.instrumentation.rowcount import FetchedRows
from prefect_lineage_events.stores import Store

__all__ = [
    "ConnectionProxy",
    "CursorProxy",
    "PartProxy",
    "answer_or_default",
    "connection_proxy",
    "operation_of",
    "parameters_of",
]


if TYPE_CHECKING:
    ObjectProxy = wrapt.ObjectProxy[Any]  # generic to type checkers only
else:
    ObjectProxy = wrapt.ObjectProxy


class PartProxy(ObjectProxy):
    """What a connection gives beside cursors (blocks, transactions, prepared statements); prints as the driver's."""

    def __repr__(self) -> str:
        return repr(self.__wrapped__)


class LikeOwn:
    """What all proxies share: they look, print, copy and pickle as what they stand for."""

    __slots__ = ()  # `__dict__` too is that of what it stands for
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
        return self.__wrapped__.__reduce_ex__(protocol)


class _Method(LikeOwn, wrapt.FunctionWrapper):  # type: ignore[type-arg]
    """A method of the driver's that tells the tracer when it is called: with its signature, name and documentation."""


def _wrapped(proxy: Any, method: Any, weave: MethodWrapper) -> Any:
    return _Method(method, lambda method, _, args, kwargs: weave(proxy, method, args, kwargs))


class wrapped_method:
    """A weave as a proxy's method, in the place of the driver's method of that name; absent where that is absent."""

    def __init__(self, weave: MethodWrapper) -> None:
        self._weave = weave

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, proxy: Any, owner: type | None = None) -> Any:
        return self if proxy is None else _wrapped(proxy, getattr(proxy.__wrapped__, self._name), self._weave)


class Proxy(LikeOwn, ObjectProxy):
    """Something of a driver's, whose methods a description weaves into what tells the tracer."""

    def _self_woven(self, name: str, calls: Mapping[str, MethodWrapper]) -> Any:
        """The driver's own attribute; a method that the driver's description names tells the tracer when called."""
        value = getattr(self.__wrapped__, name)
        weave = calls.get(name)
        return value if weave is None else _wrapped(self, value, weave)

    @property
    def _self_own(self) -> Any:
        """The driver's own object, which its description is asked about."""
        return self.__wrapped__

    def _self_same(self, result: Any) -> Any:
        """A driver's `return self` returns the proxy."""
        return self if result is self.__wrapped__ else result


class ConnectionSide:
    """The side of a connection that its weaves use, be it a proxy or the driver's own."""

    __slots__ = ()
    _self_own: Any
    _self_driver: Any
    _self_tracer: Any
    _self_lookup: Any

    def _self_exit_commits(self, kind: Any) -> bool:
        """Asked before a block is left: leaving it may close the connection."""
        driver, own = self._self_driver, self._self_own
        self._self_before_close()
        return (
            kind is None
            and answer_or_default(driver.commits_on_exit, own, default=False)
            and not answer_or_default(driver.in_failed_transaction, own, default=False)
        )

    def _self_closed(self, result: Any) -> Any:
        self._self_tracer.lost()
        return result

    def _self_before_close(self) -> None:
        if self._self_lookup is not None:
            answer_or_default(self._self_driver.before_close, self._self_lookup, default=None)


def _forgotten(driver: Driver, tracer: tracing.ConnectionTracer) -> None:
    """The driver's own connection may live on (it was proxied for a while), and end its open transaction either way."""
    tracer.commit_lost() if tracer.is_open and driver.tells_transaction else tracer.lost()


def closes(connection: Any, method: Any, args: Any, kwargs: Any) -> Any:
    """The weave of `close`."""
    connection._self_before_close()
    return after(method(*args, **kwargs), connection._self_closed)


def leaves(connection: Any, method: Any, args: Any, kwargs: Any) -> Any:
    """The weave of the end of a `with` block, given the error or None."""
    commits = connection._self_exit_commits(args[0] if args else None)
    tracer = connection._self_tracer

    def told(swallow: Any) -> Any:
        if not goes_on(connection):
            tracer.commit() if commits else tracer.rollback()
        return swallow

    return after(method(*args, **kwargs), told)


CONNECTION: Mapping[str, MethodWrapper] = {
    "commit": ends_transaction,
    "rollback": trace_rollback,
    "close": closes,
    "__exit__": leaves,
    "__aexit__": leaves,
}
"""The DB-API's methods of a connection, and the weaves of them."""


class ConnectionProxy(ConnectionSide, Proxy):
    """A DB-API connection whose cursors, commits and rollbacks are told to its tracer."""

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
        self._self_state: dict[str, Any] = {}  # what the driver's weaves keep
        weakref.finalize(self, _forgotten, driver, tracer).atexit = False

    def __getattr__(self, name: str) -> Any:
        return self._self_woven(name, self._self_driver.connection_wrappers)

    @wrapped_method
    def cursor(self, method: Any, args: Any, kwargs: Any) -> Any:
        weave: MethodWrapper = self._self_driver.connection_wrappers.get("cursor", _opens_cursor)
        return weave(self, method, args, kwargs)

    commit = wrapped_method(ends_transaction)
    rollback = wrapped_method(trace_rollback)

    close = wrapped_method(closes)

    def __enter__(self) -> Any:
        return self._self_same(self.__wrapped__.__enter__())

    def __exit__(self, *error: Any) -> Any:
        return leaves(self, self.__wrapped__.__exit__, error, {})

    async def __aenter__(self) -> Any:
        return self._self_same(await self.__wrapped__.__aenter__())

    async def __aexit__(self, *error: Any) -> Any:
        return await leaves(self, self.__wrapped__.__aexit__, error, {})

    def _self_cursor(self, cursor: Any) -> Any:
        return cursor_proxy(cursor, self)


def takes_one(cursor: Any, method: Any, args: Any, kwargs: Any) -> Any:
    """The weave of `fetchone`."""
    return after(method(*args, **kwargs), cursor._self_reading.took_one)


def takes_some(cursor: Any, method: Any, args: Any, kwargs: Any) -> Any:
    """The weave of `fetchmany`."""
    return after(method(*args, **kwargs), cursor._self_reading.took_some)


def takes_rest(cursor: Any, method: Any, args: Any, kwargs: Any) -> Any:
    """The weave of `fetchall`."""
    return after(method(*args, **kwargs), cursor._self_reading.fetched_all)


def gives_up(cursor: Any, method: Any, args: Any, kwargs: Any) -> Any:
    """The weave of a cursor's `close`, and of the end of its block."""
    cursor._self_reading.ends()
    return method(*args, **kwargs)


CURSOR: Mapping[str, MethodWrapper] = {
    "execute": runs_statement,
    "executemany": runs_statement,
    "fetchone": takes_one,
    "fetchmany": takes_some,
    "fetchall": takes_rest,
    "close": gives_up,
    "__exit__": gives_up,
    "__aexit__": gives_up,
}
"""The DB-API's methods of a cursor but for its iteration, and the weaves of them."""


class CursorProxy(Proxy):
    """A DB-API cursor that notes each statement that succeeded, and the number of rows read when that is known."""

    def __init__(self, cursor: Any, connection: ConnectionProxy) -> None:
        super().__init__(cursor)
        self._self_connection = connection
        self._self_reading = FetchedRows(connection._self_tracer)
        self._self_noted = False

    def __getattr__(self, name: str) -> Any:
        return self._self_woven(name, self._self_connection._self_driver.cursor_wrappers)

    @property
    def connection(self) -> Any:
        own = self.__wrapped__.connection
        return self._self_connection if own is self._self_connection._self_own else own

    execute = wrapped_method(runs_statement)
    executemany = wrapped_method(runs_statement)
    fetchone = wrapped_method(takes_one)
    fetchmany = wrapped_method(takes_some)
    fetchall = wrapped_method(takes_rest)
    close = wrapped_method(gives_up)

    def __iter__(self) -> Iterator[Any]:
        return self._self_reading.counted(iter(self.__wrapped__), self)

    def __next__(self) -> Any:
        try:
            row = next(self.__wrapped__)
        except StopIteration:
            self._self_reading.ends(exhausted=True)
            raise
        return self._self_reading.took_next(row)

    def __enter__(self) -> Any:
        return self._self_same(self.__wrapped__.__enter__())

    def __exit__(self, *error: Any) -> Any:
        self._self_reading.ends()
        return self.__wrapped__.__exit__(*error)


class AsyncCursorProxy(CursorProxy):
    """A cursor whose fetches are awaited."""

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._self_reading.counted_async(self.__wrapped__.__aiter__(), self)

    async def __anext__(self) -> Any:
        try:
            row = await self.__wrapped__.__anext__()
        except StopAsyncIteration:
            self._self_reading.ends(exhausted=True)
            raise
        return self._self_reading.took_next(row)

    async def __aenter__(self) -> Any:
        return self._self_same(await self.__wrapped__.__aenter__())

    async def __aexit__(self, *error: Any) -> Any:
        self._self_reading.ends()
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


def cursor_proxy(cursor: Any, connection: ConnectionProxy) -> CursorProxy:
    """The proxy of a cursor of that connection."""
    own: Any = type(cursor)
    made = _cursor_classes.get(own)
    if made is None:
        awaited = iscoroutinefunction(getattr(own, "execute", None))
        made = _cursor_classes[own] = _like(AsyncCursorProxy if awaited else CursorProxy, own)
    proxy: CursorProxy = made(cursor, connection)
    return proxy


# Held weakly: DuckDB complains on stderr of a class of its own that outlives the interpreter.
_classes: weakref.WeakKeyDictionary[type, dict[type, Any]] = weakref.WeakKeyDictionary()
_cursor_classes: weakref.WeakKeyDictionary[type, Any] = weakref.WeakKeyDictionary()


def _like(proxy_class: type, own: type) -> Any:
    """The proxy's class under the name of the driver's: libraries look at `type(connection).__module__`, as polars."""
    made = _classes.setdefault(own, {})
    if proxy_class not in made:
        names: dict[str, Any] = {"__module__": own.__module__, "__qualname__": own.__qualname__, "__doc__": own.__doc__}
        if any("__call__" in vars(base) for base in own.__mro__):  # sqlite3's connections can be called
            names["__call__"] = lambda proxy, *args, **kwargs: proxy.__wrapped__(*args, **kwargs)
        made[proxy_class] = type(own.__name__, (proxy_class,), names)
    return made[proxy_class]


def _opens_cursor(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    return connection._self_cursor(method(*args, **kwargs))
