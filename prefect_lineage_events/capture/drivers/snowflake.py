"""Snowflake's connector, 4.x and 5.x.

https://docs.snowflake.com/en/developer-guide/python-connector/python-connector-api
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Any

from prefect_lineage_events import datasets
from prefect_lineage_events.capture.drivers.driver import Driver, statement_text
from prefect_lineage_events.capture.proxies import ConnectionProxy, CursorProxy, ask, operation_of, parameters_of
from prefect_lineage_events.datasets import Store

_HOST_SUFFIXES = (".snowflakecomputing.com", ".snowflakecomputing.cn")


def store(connection: Any) -> Store:
    """The account, by its host where that is Snowflake's own: it carries the region that a locator lacks.

    Behind a proxy or a private name the account the connector was given is all there is.
    """
    host = (connection.host or "").lower()
    account = host if host.endswith(_HOST_SUFFIXES) else connection.account
    return datasets.snowflake(account, connection.database, connection.schema)


def commits_itself(connection: Any) -> bool:
    """The session's AUTOCOMMIT, which the connector keeps as the server last told it; on unless switched off."""
    return _autocommit(connection, unset=True)


def exit_commits(connection: Any) -> bool:
    """The connector commits at the end of a `with` block unless it knows that AUTOCOMMIT is on."""
    return not _autocommit(connection, unset=False)


def _autocommit(connection: Any, *, unset: bool) -> bool:
    """Connector 4 keeps a bool, 5 may keep the server's word for it."""
    return str(connection._session_parameters.get("AUTOCOMMIT", unset)).lower() != "false"


def type_name(code: Any) -> str | None:
    from snowflake.connector.constants import FIELD_ID_TO_NAME

    return FIELD_ID_TO_NAME.get(code)


def text(operation: Any, parameters: Any, cursor: Any) -> str:
    """The statement, with the names that are bound in `IDENTIFIER(?)`: without them nobody knows what it touches.

    The connector's own `write_pandas` names its table like this. All other bind values stay out.
    https://docs.snowflake.com/en/sql-reference/identifier-literal
    """
    sql = statement_text(operation, parameters, cursor)
    if not parameters or isinstance(parameters, Mapping) or not _BOUND_NAME.search(sql):
        return sql
    values = iter(parameters)

    def filled(piece: re.Match[str]) -> str:
        if piece["placeholder"] is None:
            return piece[0]
        value = next(values, None)
        if piece["name"] is None or not isinstance(value, str):
            return piece[0]
        return "identifier('" + value.replace("'", "''") + "')"

    return _PIECES.sub(filled, sql)


_BOUND_NAME = re.compile(r"identifier\s*\(\s*(?:\?|%s)\s*\)", re.IGNORECASE)
# Literals, quoted names and comments, in which a placeholder is none; and placeholders, alone or as a name.
_PIECES = re.compile(
    r"""'(?:[^'\\]|''|\\.)*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/
      | (?P<placeholder> (?P<name> identifier \s* \( \s* (?:\?|%s) \s* \) ) | \? | %s )""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)


def quoted(parts: Sequence[str]) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


@dataclass(frozen=True, slots=True)
class DescribeLookup:
    """Columns by DESCRIBE TABLE, which needs no warehouse, over a connection opened for each batch."""

    connect: Callable[[], Any] = field(repr=False)

    def __call__(self, tables: Sequence[tuple[str, ...]]) -> Mapping[tuple[str, ...], Mapping[str, str | None]]:
        with closing(self.connect()) as connection, closing(connection.cursor()) as cursor:
            found = {table: ask(_describe, cursor, table, default=None) for table in tables}
        return {table: columns for table, columns in found.items() if columns}


def _describe(cursor: Any, table: tuple[str, ...]) -> dict[str, str | None]:
    rows = cursor.execute(f"DESCRIBE TABLE {quoted(table)}").fetchall()
    return {row[0]: row[1] for row in rows}


@dataclass(frozen=True, slots=True)
class Sent:
    """A statement sent with `execute_async`, of which nobody knows yet whether it succeeded."""

    text: str
    started: dt.datetime
    clock: float


def _sends(cursor: CursorProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """`execute_async`: remember the statement until its status is known. A status never asked for stays unknown."""
    cursor._self_reading.ends()
    sent = partial(Sent, started=dt.datetime.now(dt.timezone.utc), clock=perf_counter())
    result = method(*args, **kwargs)
    connection = cursor._self_connection
    operation, parameters = operation_of(args, kwargs), parameters_of(args, kwargs)
    text = ask(connection._self_driver.text, operation, parameters, cursor.__wrapped__, default="")
    query_id = result.get("queryId") if isinstance(result, dict) else None
    if query_id:
        connection._self_state[query_id] = sent(text)
    return result


def _asks_status(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """`get_query_status` and its raising twin: SUCCESS is when the statement counts."""
    status = method(*args, **kwargs)
    if getattr(status, "name", "") == "SUCCESS":
        _succeeded(connection, _query_id(args, kwargs))
    return status


def _takes_results(cursor: CursorProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """`get_results_from_sfqid`, `query_result`: the connector waits for the statement's end at the first fetch."""
    result = method(*args, **kwargs)
    query_id = _query_id(args, kwargs)
    if query_id in cursor._self_connection._self_state:
        cursor._self_reading.arrival = partial(_succeeded, cursor._self_connection, query_id, cursor.__wrapped__)
    return cursor._self_same(result)


def _query_id(args: Any, kwargs: Any) -> str:
    return str(args[0] if args else next(iter(kwargs.values()), ""))


def _succeeded(connection: ConnectionProxy, query_id: str, cursor: Any = None) -> None:
    sent = connection._self_state.pop(query_id, None)
    if sent is None:
        return
    driver = connection._self_driver
    connection._self_tracer.statement(
        sent.text,
        started=sent.started,
        duration=perf_counter() - sent.clock,
        autocommit=ask(driver.commits_itself, connection.__wrapped__, default=True),
        rows=ask(driver.rows, cursor, default=None),
        query_id=query_id,
        result_columns=ask(driver.columns, cursor, default=()),
    )


def _through_proxy(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """`execute_string` and `execute_stream`: the connector's own code, but with cursors of the proxy."""
    function = getattr(method, "__func__", None)
    return function(connection, *args, **kwargs) if function else method(*args, **kwargs)


def _fetches(cursor: CursorProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """`fetch_pandas_all` and its like, which may be the first to fetch the result of an asynchronous statement."""
    result = method(*args, **kwargs)
    cursor._self_reading.arrives()
    return result


DRIVER = Driver(
    store=store,
    commits_itself=commits_itself,
    exit_commits=exit_commits,
    ddl_commits=True,
    text=text,
    query_id=lambda cursor: cursor.sfqid,
    type_name=type_name,
    connection_calls={
        "execute_string": _through_proxy,
        "execute_stream": _through_proxy,
        "get_query_status": _asks_status,
        "get_query_status_throw_if_error": _asks_status,
    },
    cursor_calls={
        "execute_async": _sends,
        "get_results_from_sfqid": _takes_results,
        "query_result": _takes_results,
        "fetch_pandas_all": _fetches,
        "fetch_pandas_batches": _fetches,
        "fetch_arrow_all": _fetches,
        "fetch_arrow_batches": _fetches,
    },
)
