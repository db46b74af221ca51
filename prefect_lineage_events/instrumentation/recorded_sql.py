"""`record_sql`: a statement that ran elsewhere, which the analyser reads as if it had passed a connection."""

from __future__ import annotations

import datetime as dt
from typing import Any

from prefect_lineage_events import encoding, patches
from prefect_lineage_events.emission import worker
from prefect_lineage_events.emission.notes import Connection, StatementNote
from prefect_lineage_events.guard import raised_by_signal_handler
from prefect_lineage_events.instrumentation.connections import own_connection
from prefect_lineage_events.instrumentation.drivers.generic import url_store
from prefect_lineage_events.instrumentation.drivers.registry import driver_for
from prefect_lineage_events.instrumentation.record import ignored, run_to_record
from prefect_lineage_events.stores import Store

_MAX_QUERY_ID = 200


def record_sql(
    sql: str, *, on: Any, query_id: str | None = None, rows: int | None = None, raise_on_error: bool = False
) -> None:
    """Record a statement, or a script, that ran elsewhere: in a job of the warehouse, in a tool, on another machine.

    The text is analysed, and its literals are removed, as those of captured statements. It must have succeeded; it is
    taken as committed.

    Args:
        sql: The text.
        on: The database in which it ran: its URL as SQLAlchemy writes it (`"snowflake://org-account/DB/SCHEMA"`,
            `"postgresql://host/database"`), whose credentials are not used; a `Store`; or a connection or engine to it,
            on which nothing is run.
        query_id: The database's id of the statement.
        rows: The number of rows that it read or wrote, of a single statement.
        raise_on_error: Raise for mistakes: ValueError, TypeError, and RuntimeError outside a run. They are otherwise
            warnings in the log.
    """
    try:
        patches.switch_on()
        run = run_to_record(raise_on_error)
        store, text = _store(on), _text(sql)
        known = encoding.count(rows)
        if known is None and rows is not None:
            raise ValueError("rows must be a whole number from 0 to 2**63 - 1, or None")
        if query_id is not None and not isinstance(query_id, str):
            raise TypeError(f"query_id must be a str, not {type(query_id).__name__}")
        if run is None:
            return
        identity = query_id[:_MAX_QUERY_ID] if query_id else None
        worker.put(
            StatementNote(
                Connection(store),
                text,
                run,
                dt.datetime.now(dt.timezone.utc),
                0.0,
                autocommit=True,
                rows=known,
                query_id=identity,
                thread=run.thread,
            )
        )
    except Exception as error:
        if raise_on_error or raised_by_signal_handler(error.__traceback__):
            raise
        ignored("record_sql", error)


def _text(sql: object) -> str:
    if not isinstance(sql, str):
        raise TypeError(f"sql must be a str, not {type(sql).__name__}")
    if not sql.strip():
        raise ValueError("sql is empty")
    return sql


def _store(on: Any) -> Store:
    """The store of a URL, a connection or an engine. Reads attributes only."""
    if isinstance(on, Store):
        return on
    if isinstance(on, str):
        return url_store(on)
    if (url := _url_of_engine(on)) is not None:
        return url_store(url)
    try:
        return driver_for(own_connection(on)).store(own_connection(on))
    except TypeError:
        kind = f"{type(on).__module__}.{type(on).__qualname__}"
        raise TypeError(
            f"the database of {kind} is not known: pass its URL, such as 'postgresql://host:5432/database'"
        ) from None


def _url_of_engine(on: Any) -> str | None:
    """The URL of a SQLAlchemy engine, or of the engine of its connection or session, without the password."""
    get_bind = getattr(on, "get_bind", None)  # a session
    engine = get_bind() if callable(get_bind) else getattr(on, "engine", on)
    render = getattr(getattr(engine, "url", None), "render_as_string", None)
    return str(render(hide_password=True)) if callable(render) else None
