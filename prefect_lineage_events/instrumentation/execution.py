"""`Execution`, a statement in progress, and guarded calls of a driver's methods, which return at once or are awaited.

A statement is noted once it has succeeded.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from types import CoroutineType
from typing import Any, Protocol, TypeVar

from prefect_lineage_events import guard
from prefect_lineage_events.emission.lookups import SchemaLookup
from prefect_lineage_events.emission.losses import count_loss
from prefect_lineage_events.emission.notes import Counted, StatementNote
from prefect_lineage_events.events import Column
from prefect_lineage_events.guard import described, guarded, log_failure, logger, raised_by_signal_handler
from prefect_lineage_events.instrumentation.driver import Driver, statement_text
from prefect_lineage_events.instrumentation.rowcount import (
    FetchedRows,
    executemany_rowcount,
    may_be_partial,
    returns_one_row,
)
from prefect_lineage_events.instrumentation.tracer import ConnectionTracer

T = TypeVar("T")
_OPERATION_KEYWORDS = ("operation", "query", "command", "sql", "statement")
_PARAMETERS_KEYWORDS = ("parameters", "params", "vars", "seqparams")


class Traced(Protocol):
    """An object whose statements are reported, on its own connection of the driver."""

    @property
    def _self_own(self) -> Any: ...  # pragma: no cover

    @property
    def _self_driver(self) -> Driver: ...  # pragma: no cover

    @property
    def _self_tracer(self) -> ConnectionTracer: ...  # pragma: no cover


class TracedConnection(Traced, Protocol):
    """A traced connection: a proxy, or an object of a traced subclass.

    Its attributes are for wrappers of the driver's methods, and begin with `_self_` as those of wrapt's proxies do.
    """

    @property
    def _self_lookup(self) -> SchemaLookup | None: ...  # pragma: no cover

    @property
    def _self_state(self) -> dict[str, Any]: ...  # pragma: no cover

    def _self_cursor(self, cursor: Any) -> Any: ...  # pragma: no cover

    def _self_same(self, result: Any) -> Any: ...  # pragma: no cover


class TracedCursor(Protocol):
    """A traced cursor: a proxy, or an object of a traced subclass."""

    _self_noted: bool

    @property
    def _self_own(self) -> Any: ...  # pragma: no cover

    @property
    def _self_connection(self) -> TracedConnection: ...  # pragma: no cover

    @property
    def _self_fetched(self) -> FetchedRows: ...  # pragma: no cover

    def _self_same(self, result: Any) -> Any: ...  # pragma: no cover


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
    if args or not kwargs:
        return args[0] if args else ""
    return next((kwargs[k] for k in _OPERATION_KEYWORDS if k in kwargs), "")


def parameters_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The bind values in the arguments of `execute`; None without any."""
    if len(args) > 1 or not kwargs:
        return args[1] if len(args) > 1 else None
    return next((kwargs[k] for k in _PARAMETERS_KEYWORDS if k in kwargs), None)


def argument(args: tuple[Any, ...], kwargs: dict[str, Any], position: int, *names: str, default: Any = None) -> Any:
    """The argument of a call at a position, or the one with one of these names; the default without either.

    Names matter: in `append(df=frame, table_name="t")` the first argument by order is the second by position.
    """
    if len(args) > position:
        return args[position]
    return next((kwargs[name] for name in names if name in kwargs), default)


class Execution:
    """A statement in progress: made right before the driver's call, and ended by `succeeded` or by `failed`.

    A statement whose outcome stays unknown is ended by neither, and is not noted.

    `operation` and `parameters` are the arguments of `execute`, or with `many` those of `executemany`. The operation
    may be set later, where only the result shows what has run. `autocommit`: do the statements commit by themselves?
    None: as the driver reports after them. `aborted`: had an error ended the transaction before? The driver is asked
    before its call, which may change the answer.

    A connection may keep its executions, so they have no reference to the proxy of a connection or cursor: a cycle
    would delay its collection, and with it the rollback of what it has not committed.
    """

    __slots__ = (
        "_autocommit",
        "_clock",
        "_driver",
        "_many",
        "_own",
        "_parameters",
        "_started",
        "_tracer",
        "aborted",
        "operation",
    )

    def __init__(
        self,
        connection: Traced,
        operation: Any = "",
        parameters: Any = None,
        *,
        many: bool = False,
        autocommit: bool | None = None,
    ) -> None:
        self._driver, self._tracer, self._own = driver, tracer, own = (
            connection._self_driver,
            connection._self_tracer,
            connection._self_own,
        )
        self.operation, self._parameters = operation, parameters
        self._many, self._autocommit = many, autocommit
        if tracer.is_open and driver.reports_transaction and answer_or_default(driver.autocommits, own, default=False):
            tracer.commit_lost()  # the transaction has ended unseen
        self.aborted = driver.reports_failure and answer_or_default(driver.in_failed_transaction, own, default=False)
        self._started, self._clock = dt.datetime.now(dt.timezone.utc), perf_counter()

    def resolve_text(self, cursor: Any) -> bool:
        """Replace the operation by its text, and forget the parameters. Return False if the text cannot be read.

        For a statement whose outcome is known much later: its parameters may be large, or may change until then.
        """
        self.operation, self._parameters = self._text(cursor), None
        return self.operation is not None

    def succeeded(
        self,
        cursor: TracedCursor | None = None,
        *,
        rows: int | None = None,
        counted: Counted = "affected",
        query_id: str | None = None,
        columns: Sequence[Column] = (),
    ) -> StatementNote | None:
        """Note that the statement has succeeded. Return the note; None where the statement is not reported.

        The facts of the statement are read from `cursor`, and the rows fetched from it are counted if their
        number is not known yet. `counted` is the meaning of `rows`.
        """
        duration = perf_counter() - self._clock
        driver, tracer = self._driver, self._tracer
        parameters, sets = (None, self._parameters) if self._many else (self._parameters, None)
        own = self._own if cursor is None else cursor._self_own
        is_plain = type(self.operation) is str and driver.text is statement_text
        text = self.operation if is_plain else self._text(own)
        if text is None:
            return None
        if driver.after_success is not None:
            answer_or_default(driver.after_success, text, parameters, own, default=None)
        if driver.reads_inside and driver.reads_inside in text:
            text = answer_or_default(driver.with_readers, text, default=text)
            self._started = dt.datetime.now(dt.timezone.utc)
        has_result = False
        if cursor is not None:
            rows = answer_or_default(driver.rows, own, default=None) if rows is None else rows
            has_result = answer_or_default(driver.has_result, own, default=False)
            columns = answer_or_default(driver.columns, own, default=()) if has_result else ()
            if driver.has_query_ids:
                query_id = answer_or_default(driver.query_id, own, default=None)
        if rows is None and sets is not None:
            rows = answer_or_default(executemany_rowcount, text, sets, default=None)
        note = tracer.statement(
            text,
            started=self._started,
            duration=duration,
            autocommit=self._commits_itself(),
            rows=rows,
            query_id=query_id,
            result_columns=columns,
            aborted=self.aborted,
            counted=counted,
            inlined=driver.may_inline and answer_or_default(driver.inlines, self.operation, default=False),
            parameters=parameters,
            sets=sets,
        )
        if cursor is None:
            return note
        cursor._self_noted = True
        if note is not None and has_result:
            fetched = cursor._self_fetched
            if rows is None:
                fetched.start(note, cursor, 1 if sets is None and returns_one_row(text) else None)
            else:
                fetched.start_sample(note)
            if rows is None or rows == 1:
                fetched.may_be_single(note)
        return note

    def failed(self, error: BaseException, cursor: TracedCursor | None = None) -> None:
        """Note that the statement has failed, and whether it rolled the transaction back (SQLite's ON CONFLICT).

        A driver that reports failed transactions is asked before each statement; nothing need be noted here.
        """
        driver, own = self._driver, self._own
        text = self._text(own if cursor is None else cursor._self_own) or ""
        self._tracer.failed(
            text,
            error,
            idle=answer_or_default(driver.autocommits, own, default=False),
            is_known=answer_or_default(driver.in_failed_transaction, own, default=False),
            stays_open=(
                driver.reports_failure and not answer_or_default(driver.in_failed_transaction, own, default=True)
            )
            or answer_or_default(driver.refuses, error, default=False),
            in_part=self._many
            and self._parameters is not None
            and may_be_partial(self._parameters)
            and not answer_or_default(driver.undoes_executemany, error, default=False),
        )

    def _text(self, cursor: Any) -> str | None:
        """The text of the operation; None, and counted as a loss, where the driver's description cannot read it."""
        text: str | None = answer_or_default(self._driver.text, self.operation, self._parameters, cursor, default=None)
        if text is None:
            self._tracer.lose_step("reading the text of a statement failed")
        return text

    def _commits_itself(self) -> bool:
        """Will the work of the statement persist without a commit? Where that is not known, its writes are in doubt."""
        if self._autocommit is not None:
            return self._autocommit
        answer = answer_or_default(self._driver.autocommits, self._own, default=None)
        if answer is None:
            self._tracer.lose_step("asking for the state of a transaction failed")
        return bool(answer)
