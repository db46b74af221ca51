"""A call that runs a statement: made on the driver's own object, and noted once it has succeeded.

Every driver's every way ends here, whether it is called or awaited.
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
from prefect_lineage_events.instrumentation.rowcount import executemany_rowcount, may_be_in_part, returns_one_row

if TYPE_CHECKING:
    from prefect_lineage_events.instrumentation.proxies import ConnectionProxy, CursorProxy
    from prefect_lineage_events.instrumentation.tracer import ConnectionTracer

T = TypeVar("T")
_OPERATION_KEYWORDS = ("operation", "query", "command", "sql", "statement")
_PARAMETERS_KEYWORDS = ("parameters", "params", "vars", "seqparams")


def answer_or_default(question: Callable[..., T], *args: Any, default: T) -> T:
    """What a driver's description answers, or the default: an answer that fails must not reach the user's program."""
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


def attempt(
    method: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    told: Callable[[Any], T],
    failed: Callable[[BaseException], None],
) -> T | Awaitable[T]:
    """`after` of a call; an error is handed to `failed` before the user's program has it."""
    try:
        result = method(*args, **kwargs)
    except BaseException as error:
        _hand_over(error, failed)
        raise
    return after(result, told, failed)


def _hand_over(error: BaseException, failed: Callable[[BaseException], None] | None) -> None:
    if failed is not None and not isinstance(error, RecursionError):
        with guarded("noting a failed statement", count_loss):
            failed(error)


def after(
    result: Any, told: Callable[[Any], T], failed: Callable[[BaseException], None] | None = None
) -> T | Awaitable[T]:
    """What `told` makes of the result: at once, or when it has been awaited, if the driver's method is a coroutine.

    What has run must not look as if it had failed: where telling fails, the result is the driver's own.
    """
    if type(result) is CoroutineType:
        return _awaited(result, told, failed)
    try:
        return told(result)
    except RecursionError:
        # The user's stack had room for the call but not for telling; nothing can be called here to say so.
        guard.overflows += 1
        return result  # type: ignore[no-any-return]
    except Exception as error:
        if raised_by_signal_handler(error.__traceback__):
            raise
        log_failure("telling of a statement", error)
        count_loss("telling of a statement failed")
        return result  # type: ignore[no-any-return]


async def _awaited(
    coroutine: Awaitable[Any], told: Callable[[Any], T], failed: Callable[[BaseException], None] | None
) -> T:
    try:
        result = await coroutine
    except BaseException as error:
        _hand_over(error, failed)
        raise
    with guarded("telling of a statement", count_loss):
        return told(result)
    return result  # type: ignore[no-any-return]


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


def is_aborted(connection: ConnectionProxy) -> bool:
    """Has a statement failed the open transaction? Asked before a call, whose success may change the answer."""
    return answer_or_default(connection._self_driver.in_failed_transaction, connection._self_own, default=False)


def notice_end(connection: ConnectionProxy) -> None:
    """Tell of a transaction that is over by now although no end of it was seen."""
    driver, tracer = connection._self_driver, connection._self_tracer
    if (
        tracer.is_open
        and driver.tells_transaction
        and answer_or_default(driver.autocommits, connection._self_own, default=False)
    ):
        tracer.commit_lost()


def runs_statement(
    cursor: CursorProxy, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """The weave of `execute` and its like: call it, and note the statement when it has succeeded."""
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
    """Call a method of the cursor that does what `operation` says, and note that when it has succeeded.

    `autocommit`: do its statements commit by themselves? None: as the driver says after them.
    """
    cursor._self_reading.ends()
    connection = cursor._self_connection
    notice_end(connection)
    aborted = is_aborted(connection)
    started, clock = dt.datetime.now(dt.timezone.utc), perf_counter()

    def told(result: Any) -> Any:
        duration = perf_counter() - clock
        parameters = parameters_of(args, kwargs)
        sets = parameters if _takes_sets(method) else None
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

    def failed(error: BaseException) -> None:
        parameters = parameters_of(args, kwargs)
        text = text_of(connection, operation, parameters, cursor._self_own) or ""
        note_failure(connection, text, error, sets=parameters if _takes_sets(method) else None)

    return attempt(method, args, kwargs, told, failed)


def _takes_sets(method: Any) -> bool:
    return getattr(method, "__name__", "") == "executemany"


def note_failure(connection: ConnectionProxy, text: str, error: BaseException, *, sets: Any = None) -> None:
    """Note a statement that failed, and whether the transaction went with it (SQLite's ON CONFLICT ROLLBACK).

    A driver that knows that a transaction has failed is asked before each statement; nothing need be noted here.
    `sets` are the parameters of an `executemany`.
    """
    driver, own = connection._self_driver, connection._self_own
    connection._self_tracer.failed(
        text,
        error,
        idle=answer_or_default(driver.autocommits, own, default=False),
        is_known=is_aborted(connection),
        goes_on=(driver.tells_failure and not answer_or_default(driver.in_failed_transaction, own, default=True))
        or answer_or_default(driver.refuses, error, default=False),
        in_part=sets is not None
        and may_be_in_part(sets)
        and not answer_or_default(driver.undoes_many, error, default=False),
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
    """Note a statement that this cursor has run, and start to count its rows where nobody knows their number yet.

    `sets` are the parameters of an `executemany`; `aborted` is what `is_aborted` answered before the call; `counted`
    says what `rows` is a number of; `autocommit` is as in `trace_execute_as`.
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
            cursor._self_reading.starts(note, cursor, 1 if sets is None and returns_one_row(text) else None)
        if rows is None or rows == 1:
            cursor._self_reading.may_be_single(note)


def ends_transaction(connection: ConnectionProxy, method: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """The weave of `commit`: what the server rolled back all the same has written nothing."""
    aborted = is_aborted(connection)
    tracer = connection._self_tracer

    def told(result: Any) -> Any:
        if not goes_on(connection):
            tracer.rollback() if aborted else tracer.commit()
        return result

    def failed(_: BaseException) -> None:
        if answer_or_default(connection._self_driver.is_lost, connection._self_own, default=False):
            tracer.commit_lost()
        elif answer_or_default(connection._self_driver.autocommits, connection._self_own, default=False):
            tracer.rollback()

    return attempt(method, args, kwargs, told, failed)


def goes_on(connection: ConnectionProxy) -> bool:
    """Has the commit or the rollback that was called done nothing?"""
    return answer_or_default(connection._self_driver.goes_on, connection._self_own, default=False)


def trace_rollback(connection: ConnectionProxy, method: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """The weave of `rollback`, and of a rollback by another name, such as `tpc_rollback`."""

    def told(result: Any) -> Any:
        if not goes_on(connection):
            connection._self_tracer.rollback()
        return result

    return after(method(*args, **kwargs), told)
