"""python-oracledb, thin and thick, sync and async, and its pools. https://python-oracledb.readthedocs.io"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sized
from typing import Any

from prefect_lineage_events import patches, stores
from prefect_lineage_events.emission.losses import count_untraced
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation import wrappers
from prefect_lineage_events.instrumentation.driver import Driver, rowcount, statement_text
from prefect_lineage_events.instrumentation.execution import (
    Execution,
    TracedConnection,
    TracedCursor,
    answer_or_default,
    argument,
    traced_call,
    when_done,
)
from prefect_lineage_events.instrumentation.library import Library
from prefect_lineage_events.instrumentation.opening import is_left_alone, patched, traced, traces_own
from prefect_lineage_events.naming import quote
from prefect_lineage_events.stores import Store

_LONGEST_ADDRESS = 4_000
# docs.oracle.com: Local Naming Parameters (descriptors), Easy Connect Plus
_HOST = re.compile(r"\(\s{0,9}HOST\s{0,9}=\s{0,9}([^\s)]{1,255})", re.IGNORECASE)
_PORT = re.compile(r"\(\s{0,9}PORT\s{0,9}=\s{0,9}(\d{1,5})", re.IGNORECASE)
_SERVICE = re.compile(r"\(\s{0,9}(?:SERVICE_NAME|SID)\s{0,9}=\s{0,9}([^\s)]{1,255})", re.IGNORECASE)
_EASY = re.compile(r"(?:\w{0,9}://|//)?([^\s:/?()]{1,255})(?::(\d{1,5}))?(?:/([^\s:/?()]{1,255}))?")


def store(connection: Any) -> Store:
    """The address of the listener and the service, by which the login's schema is found.

    The thin driver keeps them; of the thick one only the text is known with which it connected.
    """
    host, port, service = _of_text(connection.dsn)
    service = str(answer_or_default(lambda: connection.service_name, default="") or "") or service
    host = str(answer_or_default(lambda: connection.host, default="") or "") or host
    port = answer_or_default(lambda: connection.port, default=None) or port
    user = str(answer_or_default(lambda: connection.username, default="") or "")
    _, bracket, proxied = user.partition("[")  # `proxy[target]`
    return stores.server("oracle", host, port, service.upper(), user=proxied.rstrip("]") if bracket else user)


def _of_text(text: str | None) -> tuple[str, int | None, str]:
    """The host, port and service of a descriptor, or of a text of Easy Connect."""
    text = (text or "")[:_LONGEST_ADDRESS]
    if "(" in text:
        found = [pattern.search(text) for pattern in (_HOST, _PORT, _SERVICE)]
        host, number, service = (match[1] if match else "" for match in found)
    else:
        match = _EASY.match(text)
        host, number, service = (part or "" for part in match.groups()) if match else ("", "", "")
    return host, int(number) if number else None, service


def autocommits(connection: Any) -> bool:
    """Read the driver's setting, and the state of the transaction in the server's last response."""
    return connection.autocommit or not connection.transaction_in_progress


def text(operation: Any, parameters: Any, cursor: Any) -> str:
    """The statement; `execute(None, ...)` runs the one that is prepared, and a template's values become binds."""
    return statement_text(operation if isinstance(operation, str) else cursor.statement, parameters, cursor)


def rows(cursor: Any) -> int | None:
    """The rows written; of a query the driver counts those that it has fetched."""
    return rowcount(cursor) if cursor.description is None else None


def type_name(code: Any) -> str | None:
    """Oracle's name of a type: `DB_TYPE_VARCHAR` is `VARCHAR`."""
    return str(code.name).removeprefix("DB_TYPE_")


def _trace_call(cursor: TracedCursor, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `callproc(name, parameters)` and `callfunc(name, type, parameters)`."""
    position = 2 if method.__name__ == "callfunc" else 1
    given = argument(args, kwargs, position, "parameters", default=())
    binds = ", ".join("?" * len(given)) if isinstance(given, Sized) else ""
    operation = f"CALL {argument(args, kwargs, 0, 'name', default='')}({binds})"
    return wrappers.trace_execute_as(cursor, operation, method, args, kwargs)


def _trace_frame(connection: TracedConnection, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `fetch_df_all(statement)`, which runs the statement without a cursor of the user's."""
    operation = argument(args, kwargs, 0, "statement")
    if operation is None:  # the handle of a cursor that ran elsewhere
        return method(*args, **kwargs)
    execution = Execution(connection, operation, argument(args, kwargs, 1, "parameters"))

    def on_success(frame: Any) -> Any:
        execution.succeeded(rows=answer_or_default(frame.num_rows, default=None), counted="returned")
        return frame

    return traced_call(method, args, kwargs, on_success, execution.failed)


def _trace_batches(connection: TracedConnection, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `fetch_df_batches(statement)`: a generator, which runs the statement for its first batch."""
    operation = argument(args, kwargs, 0, "statement")
    batches = method(*args, **kwargs)
    if operation is None:
        return batches
    execution = Execution(connection, operation, argument(args, kwargs, 1, "parameters"))
    return _batches_async(execution, batches) if hasattr(batches, "__anext__") else _batches(execution, batches)


def _batches(execution: Execution, batches: Any) -> Iterator[Any]:
    seen = _Batches(execution)
    try:
        for batch in batches:
            seen.add(batch)
            yield batch
        seen.exhausted = True
    finally:
        seen.end()


async def _batches_async(execution: Execution, batches: Any) -> Any:
    seen = _Batches(execution)
    try:
        async for batch in batches:
            seen.add(batch)
            yield batch
        seen.exhausted = True
    finally:
        seen.end()


class _Batches:
    """The batches of a result that were taken. A statement that failed gave none, and is not noted."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._any, self._rows = False, 0
        self.exhausted = False

    def add(self, batch: Any) -> None:
        self._any = True
        self._rows += answer_or_default(lambda: int(batch.num_rows()), default=0)

    def end(self) -> None:
        if self._any or self.exhausted:
            self._execution.succeeded(rows=self._rows, counted="returned" if self.exhausted else "fetched")


def _trace_load(connection: TracedConnection, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `direct_path_load`, which does the same as an INSERT that is committed at once."""
    schema, table = argument(args, kwargs, 0, "schema_name"), argument(args, kwargs, 1, "table_name")
    names = argument(args, kwargs, 2, "column_names", default=())
    name = ".".join(quote(str(part)) for part in (schema, table) if part)
    listed = wrappers.column_list(names)
    binds = ", ".join("?" * max(1, len(names) if isinstance(names, Sized) else 1))
    execution = Execution(connection, f"INSERT INTO {name}{listed} VALUES ({binds})", autocommit=True)
    data = argument(args, kwargs, 3, "data")

    def on_success(result: Any) -> Any:
        execution.succeeded(rows=len(data) if isinstance(data, list) else None)
        return result

    return traced_call(method, args, kwargs, on_success, execution.failed)


def _trace_pipeline(connection: TracedConnection, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `run_pipeline(pipeline)`: its operations that have succeeded, in order."""
    operations: list[Any] = answer_or_default(
        lambda: list(argument(args, kwargs, 0, "pipeline").operations), default=[]
    )
    executions = [Execution(connection, operation.statement) for operation in operations]

    def on_success(results: Any) -> Any:
        for result, operation, execution in zip(results, operations, executions, strict=False):
            if result.error is None and operation.op_type.name == "COMMIT":
                connection._self_tracer.commit()
            elif result.error is None and operation.statement:
                found = len(result.rows) if result.rows is not None else None
                execution.succeeded(rows=found, counted="returned")
        return results

    return when_done(method(*args, **kwargs), on_success)


DRIVER = Driver(
    store=store,
    autocommits=autocommits,
    text=text,
    rows=rows,
    type_name=type_name,
    connection_wrappers={
        "fetch_df_all": _trace_frame,
        "fetch_df_batches": _trace_batches,
        "direct_path_load": _trace_load,
        "run_pipeline": _trace_pipeline,
        "tpc_rollback": wrappers.trace_rollback,
        "tpc_commit": wrappers.trace_commit,
    },
    cursor_wrappers={"callproc": _trace_call, "callfunc": _trace_call},
    reports_transaction=True,
    subclassed=True,
    cursor_classes=("oracledb.cursor.BaseCursor",),
)


def _awaited(method: Callable[..., Any], connection: Any, args: Any, kwargs: Any) -> Any:
    """Trace an asynchronous connection when `await connect_async(...)` has connected it."""
    return _connected(method(*args, **kwargs), connection)


def _connected(steps: Any, connection: Any) -> Any:
    result = yield from steps
    with guarded("tracing a connection", count_untraced):
        if not is_left_alone() and traced(connection, DRIVER) is not connection:
            count_untraced("the class of a connection cannot be changed")
    return result


def _patch(module: Any) -> None:
    patches.add(module.Connection, "__init__", traces_own(lambda: DRIVER))
    patches.add(module.AsyncConnection, "__await__", patched(_awaited))


LIBRARY = Library(
    "databases",
    "oracledb.connection",
    _patch,
    package="oracledb",
    captured="connections and pools, sync and async, under every name of `connect`; cursors, `callproc`, `callfunc`, "
    "DataFrames, direct path loads, pipelines",
    not_captured="advanced queues, SODA documents; the body of a PL/SQL block is parsed, that of a procedure is not",
    tests=("tests/instrumentation/opened/test_oracledb.py",),
    against="the driver's own classes over a stub of its network layer",
)
