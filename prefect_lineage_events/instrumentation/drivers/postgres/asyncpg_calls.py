"""Calls of asyncpg that run one statement, and the row counts in their results."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from prefect_lineage_events.emission import worker
from prefect_lineage_events.emission.notes import Counted, SampleNote, StatementNote
from prefect_lineage_events.emission.row_samples import MAX_ROWS_READ, kept_rows, of_rows
from prefect_lineage_events.emission.value_matching import store_row
from prefect_lineage_events.events import Column
from prefect_lineage_events.instrumentation import wrappers
from prefect_lineage_events.instrumentation.execution import Execution, answer_or_default
from prefect_lineage_events.instrumentation.proxies import ConnectionProxy
from prefect_lineage_events.instrumentation.rowcount import executemany_rowcount

# The server's status of a statement: "INSERT 0 3", "COPY 3", "CREATE TABLE".
_STATUS_ROWS = re.compile(r"(?:INSERT \d+|UPDATE|DELETE|MERGE|COPY|SELECT) (\d+)")
FAILED = "failed"
"""The key of a connection's state: a statement has failed in the open transaction."""


def autocommits(connection: Any) -> bool:
    """asyncpg keeps the server's transaction status of the last response."""
    return not connection.is_in_transaction()


class CoroutineExecution(Execution):
    """A statement that a coroutine of the driver runs. `parameters` are its binds.

    It keeps the proxy alive until the statement is noted: when the proxy is collected, its connection is noted as lost.
    """

    __slots__ = ("_connection", "_state")

    def __init__(self, connection: ConnectionProxy, sql: str, parameters: tuple[Any, ...] = ()) -> None:
        super().__init__(connection, sql, parameters or None)
        self._connection = connection
        self._state = connection._self_state
        self.aborted = self._state.get(FAILED, False)

    async def run(self, coroutine: Any, count: Count) -> Any:
        """Await the coroutine, and note that it has succeeded, with the rows that `count` finds in its result."""
        result = await self.attempt(coroutine)
        self.aborted = self.aborted or result == "ROLLBACK"  # the server's status of a COMMIT that it refused
        rows, counted = answer_or_default(count, result, default=_UNKNOWN)
        columns: tuple[Column, ...] = answer_or_default(_columns, result, default=())
        note = self.succeeded(rows=rows, columns=columns, counted=counted)
        if note is not None and not isinstance(result, str):
            answer_or_default(_remember, note, result, default=None)
        return result

    async def attempt(self, coroutine: Any) -> Any:
        """Await the coroutine, and keep a failure that aborts the transaction."""
        try:
            result = await coroutine
        except BaseException as error:
            if reached_the_server(error):
                self._state[FAILED] = not answer_or_default(autocommits, self._own, default=True)
            raise
        self._state[FAILED] = False  # in a failed transaction only its end or ROLLBACK TO SAVEPOINT succeeds
        return result


def reached_the_server(error: BaseException) -> bool:
    """Did the server raise the error? asyncpg itself refuses parameters of a wrong type, with the class of a server's
    error but no severity."""
    from asyncpg import InterfaceError, PostgresError

    if isinstance(error, PostgresError):
        return getattr(error, "severity", None) is not None
    return not isinstance(error, InterfaceError)


def _remember(note: StatementNote, result: Any) -> None:
    """Keep some of the rows, and the values of a single row: a record, a list of one, or the value of one."""
    if isinstance(result, list):
        if result and (sample := of_rows(kept_rows(result[:MAX_ROWS_READ]), whole=len(result) <= MAX_ROWS_READ)):
            worker.put(SampleNote(note, sample))
        if len(result) == 1:
            store_row(note, result[0])
    elif result is not None:
        store_row(note, result if hasattr(result, "keys") else (result,))


def _columns(result: Any) -> tuple[Column, ...]:
    """The column names of the fetched records; empty for a value."""
    record = result[0] if isinstance(result, list) and result else result
    names = record.keys() if hasattr(record, "keys") else ()
    return tuple(Column(name=name) for name in names)


def status_rows(status: Any) -> int | None:
    """The number of rows in the server's status of a statement; None for a status without one."""
    found = _STATUS_ROWS.match(status) if isinstance(status, str) else None
    return int(found[1]) if found else None


# The number of rows that a coroutine of that name has read or written, from its result.
Count = Callable[[Any], tuple[int | None, Counted]]
_UNKNOWN: tuple[int | None, Counted] = (None, "affected")
_COUNTS: dict[str, Count] = {
    "execute": lambda status: (status_rows(status), "affected"),
    "executemany": lambda _: (None, "affected"),
    "fetch": lambda records: (wrappers.row_count(records), "returned"),
    "fetchmany": lambda records: (wrappers.row_count(records), "returned"),
    "fetchrow": lambda record: (0 if record is None else 1, "fetched"),
    "fetchval": lambda value: (None if value is None else 1, "fetched"),  # it returns None for no row and for NULL
}
RUNNING = frozenset(_COUNTS)
"""The methods of connections and prepared statements that run a statement."""


def count_of(name: str, sql: str, sets: Any) -> Count:
    """The function that counts the rows in the method's result. `executemany` has none: `sets` are its parameters."""
    if name != "executemany":
        return _COUNTS[name]
    rows = answer_or_default(executemany_rowcount, sql, sets, default=None)
    return lambda _: (rows, "affected")
