"""Tracing of one call of a driver that runs a statement, commits or rolls back, whether it is called or awaited.

A statement is noted once it has succeeded.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Awaitable, Callable
from time import perf_counter
from types import CoroutineType
from typing import TYPE_CHECKING, Any, TypeVar

from prefect_lineage_events import guard
from prefect_lineage_events.emission.losses import count_loss
from prefect_lineage_events.emission.notes import Counted
from prefect_lineage_events.guard import described, guarded, log_failure, logger, raised_by_signal_handler
from prefect_lineage_events.instrumentation.rowcount import executemany_rowcount, may_be_partial, returns_one_row

if TYPE_CHECKING:
    from prefect_lineage_events.instrumentation.proxies import ConnectionProxy, CursorProxy
    from prefect_lineage_events.instrumentation.tracer import ConnectionTracer

T = TypeVar("T")
_OPERATION_KEYWORDS = ("operation", "query", "command", "sql", "statement")
_PARAMETERS_KEYWORDS = ("parameters", "params", "vars", "seqparams")


def answer_or_default(question: Callable[..., T], *args: Any, default: T) -> T:
    """The answer of a `Driver` function, or the default if it raises: the error must not reach the user's program."""
    try:
        return question(*args)
    except Exception as error:
        if raised_by_signal_handler(error.__traceback__):
            raise
        if logger.isEnabledFor(logging.DEBUG):
            name = getattr(question, "__qualname__", "a question")
            logger.debug("lineage: %s did not answer: %s", name, described(error))
        return default


def text_of(connection: ConnectionProxy, operation: Any, parameters: Any, cursor: Any) -> str | None:
    """The text of an operation; None, and counted as a loss, where the driver's description cannot tell it."""
    text: str | None = answer_or_default(connection._self_driver.text, operation, parameters, cursor, default=None)
    if text is None:
        connection._self_tracer.lose_step("reading the text of a statement failed")
    return text


def commits_itself(tracer: ConnectionTracer, autocommits: Callable[[Any], bool], connection: Any) -> bool:
    """Will the statement that has just run stay without a commit? Where that is not known, its writes are in doubt."""
    answer = answer_or_default(autocommits, connection, default=None)
    if answer is None:
        tracer.lose_step("asking for the state of a transaction failed")
    return bool(answer)


def traced_call(
    method: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    on_success: Callable[[Any], T],
    on_failure: Callable[[BaseException], None],
) -> T | Awaitable[T]:
    """Make a call, then `when_done`. An error is passed to `on_failure` before the user's program gets it."""
    try:
        result = method(*args, **kwargs)
    except BaseException as error:
        _report_failure(error, on_failure)
        raise
    return when_done(result, on_success, on_failure)


def _report_failure(error: BaseException, on_failure: Callable[[BaseException], None] | None) -> None:
    if on_failure is not None and not isinstance(error, RecursionError):
        with guarded("noting a failed statement", count_loss):
            on_failure(error)


def when_done(
    result: Any, on_success: Callable[[Any], T], on_failure: Callable[[BaseException], None] | None = None
) -> T | Awaitable[T]:
    """Return what `on_success` makes of the result: at once, or when a coroutine of the driver has been awaited.

    A statement that ran must not look failed: if `on_success` raises, the driver's own result is returned.
    """
    if type(result) is CoroutineType:
        return _awaited(result, on_success, on_failure)
    try:
        return on_success(result)
    except RecursionError:
        # The user's stack had room for the call but not for the note; there is none for a log line either.
        guard.overflows += 1
        return result  # type: ignore[no-any-return]
    except Exception as error:
        if raised_by_signal_handler(error.__traceback__):
            raise
        log_failure("noting a statement", error)
        count_loss("noting a statement failed")
        return result  # type: ignore[no-any-return]


async def _awaited(
    coroutine: Awaitable[Any], on_success: Callable[[Any], T], on_failure: Callable[[BaseException], None] | None
) -> T:
    try:
        result = await coroutine
    except BaseException as error:
        _report_failure(error, on_failure)
        raise
    with guarded("noting a statement", count_loss):
        return on_success(result)
    return result  # type: ignore[no-any-return]


def operation_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The statement in the arguments of `execute`; drivers name the parameter differently."""
    if args:
        return args[0]
    return next((kwargs[k] for k in _OPERATION_KEYWORDS if k in kwargs), "")


def parameters_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The bind values in the arguments of `execute`; None without any."""
    if len(args) > 1:
        return args[1]
    return next((kwargs[k] for k in _PARAMETERS_KEYWORDS if k in kwargs), None)


def is_aborted(connection: ConnectionProxy) -> bool:
    """Has a statement failed the open transaction? Called before the driver's method, which may change the answer."""
    return answer_or_default(connection._self_driver.in_failed_transaction, connection._self_own, default=False)


def note_unseen_end(connection: ConnectionProxy) -> None:
    """Note the end of a transaction that ended unseen, according to the driver."""
    driver, tracer = connection._self_driver, connection._self_tracer
    if (
        tracer.is_open
        and driver.reports_transaction
        and answer_or_default(driver.autocommits, connection._self_own, default=False)
    ):
        tracer.commit_lost()


def trace_execute(
    cursor: CursorProxy, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Trace `execute` and methods like it: note the statement when the call has succeeded."""
    return trace_execute_as(cursor, operation_of(args, kwargs), method, args, kwargs)


def trace_execute_as(
    cursor: CursorProxy,
    operation: Any,
    method: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    autocommit: bool | None = None,
) -> Any:
    """Trace a cursor's method that does the same as the statement `operation`.

    `autocommit`: do its statements commit by themselves? None: as the driver reports after them.
    """
    cursor._self_fetched.end()
    connection = cursor._self_connection
    note_unseen_end(connection)
    aborted = is_aborted(connection)
    started, clock = dt.datetime.now(dt.timezone.utc), perf_counter()

    def on_success(result: Any) -> Any:
        duration = perf_counter() - clock
        parameters = parameters_of(args, kwargs)
        sets = parameters if _is_executemany(method) else None
        note_statement(
            cursor,
            operation,
            started,
            duration,
            parameters=parameters,
            sets=sets,
            aborted=aborted,
            autocommit=autocommit,
        )
        return cursor._self_same(result)

    def on_failure(error: BaseException) -> None:
        parameters = parameters_of(args, kwargs)
        text = text_of(connection, operation, parameters, cursor._self_own) or ""
        note_failure(connection, text, error, sets=parameters if _is_executemany(method) else None)

    return traced_call(method, args, kwargs, on_success, on_failure)


def _is_executemany(method: Any) -> bool:
    return getattr(method, "__name__", "") == "executemany"


def note_failure(connection: ConnectionProxy, text: str, error: BaseException, *, sets: Any = None) -> None:
    """Note a statement that failed, and whether it rolled the transaction back (SQLite's ON CONFLICT ROLLBACK).

    A driver that reports failed transactions is asked before each statement; nothing need be noted here.
    `sets` are the parameters of an `executemany`.
    """
    driver, own = connection._self_driver, connection._self_own
    connection._self_tracer.failed(
        text,
        error,
        idle=answer_or_default(driver.autocommits, own, default=False),
        is_known=is_aborted(connection),
        stays_open=(driver.reports_failure and not answer_or_default(driver.in_failed_transaction, own, default=True))
        or answer_or_default(driver.refuses, error, default=False),
        in_part=sets is not None
        and may_be_partial(sets)
        and not answer_or_default(driver.undoes_executemany, error, default=False),
    )


def note_statement(
    cursor: CursorProxy,
    operation: Any,
    started: dt.datetime,
    duration: float,
    *,
    parameters: Any = None,
    sets: Any = None,
    rows: int | None = None,
    aborted: bool = False,
    counted: Counted = "affected",
    autocommit: bool | None = None,
) -> None:
    """Note a statement that this cursor has run, and count the rows fetched if their number is not known yet.

    `sets` are the parameters of an `executemany`; `aborted` is the result of `is_aborted` before the call; `counted`
    is the meaning of `rows`; `autocommit` is as in `trace_execute_as`.
    """
    own, connection = cursor._self_own, cursor._self_connection
    driver = connection._self_driver
    text = text_of(connection, operation, parameters, own)
    if text is None:
        return
    rows = answer_or_default(driver.rows, own, default=None) if rows is None else rows
    if rows is None and sets is not None:
        rows = answer_or_default(executemany_rowcount, text, sets, default=None)
    has_result = answer_or_default(driver.has_result, own, default=False)
    if autocommit is None:
        autocommit = commits_itself(connection._self_tracer, driver.autocommits, connection._self_own)
    note = connection._self_tracer.statement(
        text,
        started=started,
        duration=duration,
        autocommit=autocommit,
        rows=rows,
        query_id=answer_or_default(driver.query_id, own, default=None),
        result_columns=answer_or_default(driver.columns, own, default=()) if has_result else (),
        aborted=aborted,
        counted=counted,
        inlined=answer_or_default(driver.inlines, operation, default=False),
        parameters=parameters if sets is None else None,
        sets=sets,
    )
    cursor._self_noted = True
    if note is not None and has_result:
        if rows is None:
            cursor._self_fetched.start(note, cursor, 1 if sets is None and returns_one_row(text) else None)
        if rows is None or rows == 1:
            cursor._self_fetched.may_be_single(note)


def trace_commit(connection: ConnectionProxy, method: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Trace `commit`. A failed transaction, which the server rolls back instead, has written nothing."""
    aborted = is_aborted(connection)
    tracer = connection._self_tracer

    def on_success(result: Any) -> Any:
        if not stays_open(connection):
            tracer.rollback() if aborted else tracer.commit()
        return result

    def on_failure(_: BaseException) -> None:
        if answer_or_default(connection._self_driver.is_lost, connection._self_own, default=False):
            tracer.commit_lost()
        elif answer_or_default(connection._self_driver.autocommits, connection._self_own, default=False):
            tracer.rollback()

    return traced_call(method, args, kwargs, on_success, on_failure)


def stays_open(connection: ConnectionProxy) -> bool:
    """Did the commit or the rollback do nothing, so that the transaction is still open?"""
    return answer_or_default(connection._self_driver.leaves_transaction_open, connection._self_own, default=False)


def trace_rollback(connection: ConnectionProxy, method: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Trace `rollback`, and a rollback by another name, such as `tpc_rollback`."""

    def on_success(result: Any) -> Any:
        if not stays_open(connection):
            connection._self_tracer.rollback()
        return result

    return when_done(method(*args, **kwargs), on_success)
