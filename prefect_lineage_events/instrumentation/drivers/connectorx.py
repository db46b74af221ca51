"""connectorx, which reads a query by its own clients in Rust: also polars' `read_database_uri`.

It has no connection to trace. Each query is noted as a statement, on the store of its address, when the frame is there.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from time import perf_counter
from typing import Any
from urllib.parse import unquote

from prefect_lineage_events.emission.lookups import SchemaLookup
from prefect_lineage_events.emission.losses import count_loss, count_untraced
from prefect_lineage_events.events import Column
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation import tracer as tracing
from prefect_lineage_events.instrumentation import wrappers
from prefect_lineage_events.instrumentation.execution import answer_or_default, argument
from prefect_lineage_events.instrumentation.library import Library
from prefect_lineage_events.instrumentation.opening import everywhere, is_left_alone, patched
from prefect_lineage_events.stores import Store

_MAX_COLUMNS = 2_000


def _read(function: Callable[..., Any], _: Any, args: Any, kwargs: Any) -> Any:
    started, clock = dt.datetime.now(dt.timezone.utc), perf_counter()
    frame = function(*args, **kwargs)
    duration = perf_counter() - clock
    with guarded("noting a query of connectorx", count_loss):
        if not is_left_alone():
            _note(args, kwargs, frame, started, duration)
    return frame


def _note(args: Any, kwargs: Any, frame: Any, started: dt.datetime, duration: float) -> None:
    address, query = argument(args, kwargs, 0, "conn"), argument(args, kwargs, 1, "query")
    if not isinstance(address, str):  # several stores in one query, whose tables begin with the name of a store
        count_untraced("a federated query of connectorx is not captured")
        return
    queries = [query] if isinstance(query, str) else list(query)
    store, lookup = _store(str(address))
    tracer = tracing.connection(store, lookup=lookup)
    rows = wrappers.row_count(frame) if len(queries) == 1 else None  # the rows of several are in one frame
    none: tuple[Column, ...] = ()
    columns = answer_or_default(_columns, frame, default=none)
    before = kwargs.get("pre_execution_query") or ()
    for sql in [before] if isinstance(before, str) else before:
        tracer.statement(sql, started=started, duration=0.0, autocommit=True)
    for sql in queries:
        tracer.statement(
            sql,
            started=started,
            duration=duration,
            autocommit=True,
            rows=rows,
            result_columns=columns,
            counted="returned",
        )


def _store(address: str) -> tuple[Store, SchemaLookup | None]:
    """The store of an address, and a look-up in it.

    Paths begin behind `sqlite://`, not behind a third slash as SQLAlchemy's; BigQuery's are those of a file of
    credentials. https://sfu-db.github.io/connector-x/databases.html
    """
    from prefect_lineage_events import stores
    from prefect_lineage_events.instrumentation.drivers import generic, sqlite

    scheme, _, rest = address.partition("://")
    if scheme == "sqlite":
        path = unquote(rest.partition("?")[0])
        return sqlite.file_store(path), sqlite.file_lookup(path)
    if scheme == "bigquery":
        return stores.bigquery(None), None
    return generic.url_store(address), None


def _columns(frame: Any) -> tuple[Column, ...]:
    """The columns of a frame of pandas, polars or Arrow, without a scan of it. A stream of batches has a schema too."""
    schema = getattr(frame, "schema", None)
    names = schema.names if schema is not None else frame.columns
    names = names() if callable(names) else names
    return tuple(Column(name=str(name)) for name in list(names)[:_MAX_COLUMNS])


def _patch(module: Any) -> None:
    everywhere(module, "read_sql", patched(_read))


LIBRARIES = (
    Library(
        "databases",
        "connectorx",
        _patch,
        package="connectorx",
        captured="`read_sql` of a query or a list of queries, also by polars' `read_database_uri`: the query's tables, "
        "the frame's columns and rows",
        not_captured="federated queries (a dict of addresses)",
        tests=("tests/instrumentation/opened/test_connectorx.py",),
        against="SQLite, PostgreSQL",
    ),
)
