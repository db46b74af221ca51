"""The choke point: a connection and a cursor that tell the tracer what succeeded, and are otherwise the driver's own.

They are wrapt proxies, so `isinstance`, attributes, weak references and the driver's exceptions are the user's as
before. The driver's objects only ever see each other: what a driver runs inside one of its methods (`executemany` as
many `execute`) does not come through a proxy again, so nothing is counted twice.
"""

from __future__ import annotations

import copy
import datetime as dt
import weakref
from collections.abc import Callable, Iterator, Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

import wrapt

from prefect_lineage_events.capture import policy
from prefect_lineage_events.capture import tracer as tracing
from prefect_lineage_events.capture.drivers.driver import Driver, Weave
from prefect_lineage_events.capture.log import logger, softly
from prefect_lineage_events.capture.reading import Reading
from prefect_lineage_events.datasets import Store

T = TypeVar("T")
_OPERATION_KEYWORDS = ("operation", "query", "command", "sql", "statement")
_PARAMETERS_KEYWORDS = ("parameters", "params", "vars", "seqparams")


def ask(question: Callable[..., T], *args: Any, default: T) -> T:
    """What a driver's description answers, or the default: an answer that fails must not reach the user's program."""
    try:
        return question(*args)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong in a driver's object, the answer is "not known"
        logger.debug("lineage: %s did not answer: %r", getattr(question, "__qualname__", question), error)
        return default


def trace(connection: T, driver: Driver) -> T:
    """The connection as a proxy that reports; the connection itself where that is not possible. Idempotent."""
    if isinstance(connection, ConnectionProxy) or not policy.current().enabled:
        return connection
    with softly("tracing a connection"):
        lookup = ask(driver.lookup, connection, default=None)
        store = driver.store(connection)
        tracer = tracing.connection(store, ddl_commits=driver.ddl_commits, lookup=lookup)
        proxy = ConnectionProxy(connection, driver, store, tracer, lookup)
        driver.prepare(proxy)
        return proxy  # type: ignore[return-value]
    return connection


if TYPE_CHECKING:
    ObjectProxy = wrapt.ObjectProxy[Any]  # generic to type checkers only
else:
    ObjectProxy = wrapt.ObjectProxy


class Proxy(ObjectProxy):
    """What all proxies share: they look, print, copy and pickle as what they stand for."""

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

    def _self_woven(self, name: str, calls: Mapping[str, Weave]) -> Any:
        """The driver's own attribute; a method that the driver's description names tells the tracer when called."""
        value = getattr(self.__wrapped__, name)
        weave = calls.get(name)
        if weave is None:
            return value
        return wrapt.FunctionWrapper(value, lambda method, _, args, kwargs: weave(self, method, args, kwargs))

    def _self_same(self, result: Any) -> Any:
        """A driver's `return self` returns the proxy."""
        return self if result is self.__wrapped__ else result


class ConnectionProxy(Proxy):
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
        # Without a commit the server undoes what a forgotten connection had written.
        weakref.finalize(self, tracer.lost).atexit = False

    def __getattr__(self, name: str) -> Any:
        return self._self_woven(name, self._self_driver.connection_calls)

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        cursor = self.__wrapped__.cursor(*args, **kwargs)
        return (self._self_driver.traced_cursor or _traced_cursor)(self, cursor)

    def commit(self, *args: Any, **kwargs: Any) -> Any:
        return ends_transaction(self, self.__wrapped__.commit, args, kwargs)

    def rollback(self, *args: Any, **kwargs: Any) -> Any:
        result = self.__wrapped__.rollback(*args, **kwargs)
        self._self_tracer.rollback()
        return result

    def close(self, *args: Any, **kwargs: Any) -> Any:
        self._self_before_close()
        result = self.__wrapped__.close(*args, **kwargs)
        self._self_tracer.lost()
        return result

    def __enter__(self) -> Any:
        return self._self_same(self.__wrapped__.__enter__())

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> Any:
        driver, own = self._self_driver, self.__wrapped__
        commits = (
            kind is None and ask(driver.exit_commits, own, default=False) and not ask(driver.doomed, own, default=False)
        )
        self._self_before_close()
        swallow = own.__exit__(kind, error, traceback)
        self._self_tracer.commit() if commits else self._self_tracer.rollback()
        return swallow

    def _self_before_close(self) -> None:
        if self._self_lookup is not None:
            ask(self._self_driver.before_close, self._self_lookup, default=None)


class CursorProxy(Proxy):
    """A DB-API cursor that notes each statement that succeeded, and the number of rows read when that is known."""

    def __init__(self, cursor: Any, connection: ConnectionProxy) -> None:
        super().__init__(cursor)
        self._self_connection = connection
        self._self_reading = Reading(connection._self_tracer)

    def __getattr__(self, name: str) -> Any:
        return self._self_woven(name, self._self_connection._self_driver.cursor_calls)

    @property
    def connection(self) -> Any:
        own = self.__wrapped__.connection
        return self._self_connection if own is self._self_connection.__wrapped__ else own

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        return runs_statement(self, self.__wrapped__.execute, args, kwargs)

    def executemany(self, *args: Any, **kwargs: Any) -> Any:
        return runs_statement(self, self.__wrapped__.executemany, args, kwargs)

    def fetchone(self, *args: Any, **kwargs: Any) -> Any:
        row = self.__wrapped__.fetchone(*args, **kwargs)
        reading = self._self_reading
        if row is None:
            reading.ends(exhausted=True)
        elif reading.arrival is None:
            reading.rows += 1
        else:
            reading.fetched(1)
        return row

    def fetchmany(self, *args: Any, **kwargs: Any) -> Any:
        rows = self.__wrapped__.fetchmany(*args, **kwargs)
        self._self_reading.fetched(len(rows))
        if not rows:
            self._self_reading.ends(exhausted=True)
        return rows

    def fetchall(self, *args: Any, **kwargs: Any) -> Any:
        rows = self.__wrapped__.fetchall(*args, **kwargs)
        self._self_reading.fetched(len(rows))
        self._self_reading.ends(exhausted=True)
        return rows

    def __iter__(self) -> Iterator[Any]:
        return self._self_reading.counted(iter(self.__wrapped__))

    def __next__(self) -> Any:
        try:
            row = next(self.__wrapped__)
        except StopIteration:
            self._self_reading.ends(exhausted=True)
            raise
        self._self_reading.fetched(1)
        return row

    def close(self, *args: Any, **kwargs: Any) -> Any:
        self._self_reading.ends()
        return self.__wrapped__.close(*args, **kwargs)

    def __enter__(self) -> Any:
        return self._self_same(self.__wrapped__.__enter__())

    def __exit__(self, *error: Any) -> Any:
        self._self_reading.ends()
        return self.__wrapped__.__exit__(*error)

    def __del__(self) -> None:
        # A cursor that is forgotten half way has read what it has read.
        self._self_reading.ends()


def _traced_cursor(connection: ConnectionProxy, cursor: Any) -> CursorProxy:
    return CursorProxy(cursor, connection)


def operation_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a call of `execute` was given to run; drivers name the parameter differently."""
    if args:
        return args[0]
    return next((kwargs[k] for k in _OPERATION_KEYWORDS if k in kwargs), "")


def parameters_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The bind values of a call of `execute`; None without any."""
    if len(args) > 1:
        return args[1]
    return next((kwargs[k] for k in _PARAMETERS_KEYWORDS if k in kwargs), None)


def runs_statement(
    cursor: CursorProxy, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """The weave of `execute` and its like: call it, and note the statement when it has succeeded."""
    return runs_as(cursor, operation_of(args, kwargs), method, args, kwargs)


def runs_as(
    cursor: CursorProxy, operation: Any, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Call a method of the cursor that does what `operation` says, and note that when it has succeeded."""
    cursor._self_reading.ends()
    connection = cursor._self_connection
    doomed = ask(connection._self_driver.doomed, connection.__wrapped__, default=False)
    started, clock = dt.datetime.now(dt.timezone.utc), perf_counter()
    result = method(*args, **kwargs)
    duration = perf_counter() - clock
    if doomed:
        # A doomed transaction takes no statement but its end, and even a COMMIT ends it by rolling back.
        connection._self_tracer.rollback()
    note_statement(cursor, operation, started, duration, parameters=parameters_of(args, kwargs))
    return cursor._self_same(result)


def note_statement(
    cursor: CursorProxy,
    operation: Any,
    started: dt.datetime,
    duration: float,
    *,
    parameters: Any = None,
    rows: int | None = None,
) -> None:
    """Note a statement that this cursor has run, and start to count its rows where nobody knows their number yet."""
    own, connection = cursor.__wrapped__, cursor._self_connection
    driver = connection._self_driver
    rows = ask(driver.rows, own, default=None) if rows is None else rows
    has_result = ask(driver.has_result, own, default=False)
    note = connection._self_tracer.statement(
        ask(driver.text, operation, parameters, own, default=""),
        started=started,
        duration=duration,
        autocommit=ask(driver.commits_itself, connection.__wrapped__, default=True),
        rows=rows,
        query_id=ask(driver.query_id, own, default=None),
        result_columns=ask(driver.columns, own, default=()) if has_result else (),
    )
    if note is not None and rows is None and has_result:
        cursor._self_reading.starts(note)


def ends_transaction(connection: ConnectionProxy, method: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """The weave of `commit`: what the server rolled back all the same has written nothing."""
    doomed = ask(connection._self_driver.doomed, connection.__wrapped__, default=False)
    result = method(*args, **kwargs)
    tracer = connection._self_tracer
    tracer.rollback() if doomed else tracer.commit()
    return result
