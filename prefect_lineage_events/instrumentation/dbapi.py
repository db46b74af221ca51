"""Wrappers of the DB-API's methods of connections and cursors, for proxies and subclasses.

A wrapper takes the traced object, the driver's bound method and the arguments, and returns the result of the call.
https://peps.python.org/pep-0249/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from prefect_lineage_events.instrumentation.driver import MethodWrapper
from prefect_lineage_events.instrumentation.execution import (
    Execution,
    TracedConnection,
    TracedCursor,
    answer_or_default,
    operation_of,
    parameters_of,
    traced_call,
    when_done,
)


def trace_execute(
    cursor: TracedCursor, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Trace `execute` and methods like it: note the statement when the call has succeeded."""
    return trace_execute_as(cursor, operation_of(args, kwargs), method, args, kwargs)


def trace_execute_as(
    cursor: TracedCursor,
    operation: Any,
    method: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    autocommit: bool | None = None,
) -> Any:
    """Trace a cursor's method that does the same as the statement `operation`. `autocommit` is as in `Execution`."""
    cursor._self_fetched.end()
    execution = Execution(
        cursor._self_connection,
        operation,
        parameters_of(args, kwargs),
        many=is_executemany(method),
        autocommit=autocommit,
    )

    def on_success(result: Any) -> Any:
        execution.succeeded(cursor)
        return cursor._self_same(result)

    return traced_call(method, args, kwargs, on_success, lambda error: execution.failed(error, cursor))


def is_executemany(method: Any) -> bool:
    """Is it the driver's `executemany`, whose second argument is a sequence of parameters?"""
    return getattr(method, "__name__", "") == "executemany"


def trace_new_cursor(connection: TracedConnection, method: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Trace the cursor that `cursor` returns."""
    return connection._self_cursor(method(*args, **kwargs))


def trace_commit(connection: TracedConnection, method: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Trace `commit`. A failed transaction, which the server rolls back instead, has written nothing."""
    driver, tracer, own = connection._self_driver, connection._self_tracer, connection._self_own
    aborted = answer_or_default(driver.in_failed_transaction, own, default=False)

    def on_success(result: Any) -> Any:
        if not _stays_open(connection):
            tracer.rollback() if aborted else tracer.commit()
        return result

    def on_failure(_: BaseException) -> None:
        if answer_or_default(driver.is_lost, own, default=False):
            tracer.commit_lost()
        elif answer_or_default(driver.autocommits, own, default=False):
            tracer.rollback()

    return traced_call(method, args, kwargs, on_success, on_failure)


def _stays_open(connection: TracedConnection) -> bool:
    """Did the commit or the rollback do nothing, so that the transaction is still open?"""
    return answer_or_default(connection._self_driver.leaves_transaction_open, connection._self_own, default=False)


def trace_rollback(connection: TracedConnection, method: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Trace `rollback`, and a rollback by another name, such as `tpc_rollback`."""

    def on_success(result: Any) -> Any:
        if not _stays_open(connection):
            connection._self_tracer.rollback()
        return result

    return when_done(method(*args, **kwargs), on_success)


def trace_close(connection: TracedConnection, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `close` of a connection."""
    before_close(connection)

    def on_success(result: Any) -> Any:
        connection._self_tracer.lost()
        return result

    return when_done(method(*args, **kwargs), on_success)


def before_close(connection: TracedConnection) -> None:
    """Let the look-up of columns use the user's database for the last time, if a statement of a run was noted."""
    if connection._self_lookup is not None and connection._self_tracer.has_reported:
        answer_or_default(connection._self_driver.before_close, connection._self_lookup, default=None)


def trace_exit(connection: TracedConnection, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace the end of a connection's `with` block; `args` are the error or None."""
    before_close(connection)
    commits = _commits_on_exit(connection, args[0] if args else None)
    tracer = connection._self_tracer

    def on_success(swallow: Any) -> Any:
        if not _stays_open(connection):
            tracer.commit() if commits else tracer.rollback()
        return swallow

    return when_done(method(*args, **kwargs), on_success)


def _commits_on_exit(connection: TracedConnection, kind: Any) -> bool:
    """Does the end of the block commit? Called before the block is left, which may close the connection."""
    driver, own = connection._self_driver, connection._self_own
    return (
        kind is None
        and answer_or_default(driver.commits_on_exit, own, default=False)
        and not answer_or_default(driver.in_failed_transaction, own, default=False)
    )


CONNECTION_WRAPPERS: Mapping[str, MethodWrapper] = {
    "cursor": trace_new_cursor,
    "commit": trace_commit,
    "rollback": trace_rollback,
    "close": trace_close,
    "__exit__": trace_exit,
    "__aexit__": trace_exit,
}
"""The wrappers of the DB-API's methods of a connection."""


def trace_fetchone(cursor: TracedCursor, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `fetchone`."""
    return when_done(method(*args, **kwargs), cursor._self_fetched.after_fetchone)


def trace_fetchmany(cursor: TracedCursor, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `fetchmany`."""
    return when_done(method(*args, **kwargs), cursor._self_fetched.after_fetchmany)


def trace_fetchall(cursor: TracedCursor, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `fetchall`."""
    return when_done(method(*args, **kwargs), cursor._self_fetched.after_fetchall)


def trace_cursor_close(cursor: TracedCursor, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `close` of a cursor, and the end of its `with` block."""
    cursor._self_fetched.end()
    return method(*args, **kwargs)


FETCH_WRAPPERS = frozenset({trace_fetchone, trace_fetchmany, trace_fetchall, trace_cursor_close})
"""The wrappers that need no connection."""
CURSOR_WRAPPERS: Mapping[str, MethodWrapper] = {
    "execute": trace_execute,
    "executemany": trace_execute,
    "fetchone": trace_fetchone,
    "fetchmany": trace_fetchmany,
    "fetchall": trace_fetchall,
    "close": trace_cursor_close,
    "__exit__": trace_cursor_close,
    "__aexit__": trace_cursor_close,
}
"""The wrappers of the DB-API's methods of a cursor, without its iteration."""
