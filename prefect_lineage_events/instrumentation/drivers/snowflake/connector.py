"""Snowflake's connector, 4.x and 5.x.

https://docs.snowflake.com/en/developer-guide/python-connector/python-connector-api
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from prefect_lineage_events import stores
from prefect_lineage_events.instrumentation.driver import Driver, rowcount, statement_text
from prefect_lineage_events.instrumentation.drivers.snowflake.lookup import lookup
from prefect_lineage_events.instrumentation.execution import (
    Execution,
    TracedConnection,
    TracedCursor,
    answer_or_default,
    operation_of,
    parameters_of,
    when_done,
)
from prefect_lineage_events.instrumentation.wrappers import trace_connection_call_as
from prefect_lineage_events.stores import Store
from prefect_lineage_events.windowed import search

_HOST_SUFFIXES = (".snowflakecomputing.com", ".snowflakecomputing.cn")


def store(connection: Any) -> Store:
    """The account, from the host where that is Snowflake's own: it has the region that a locator lacks.

    Behind a proxy or a private name, only the connector's account setting is known. Where both are, the account may
    have two names (a host with the locator, a setting `org-account`).
    """
    host = (connection.host or "").lower()
    account = host if host.endswith(_HOST_SUFFIXES) else connection.account
    return stores.snowflake(account, connection.database, connection.schema, also=connection.account)


def autocommits(connection: Any) -> bool:
    """The session's AUTOCOMMIT in the server's last response, which the connector keeps; on unless switched off."""
    return _autocommit(connection, unset=True)


def commits_on_exit(connection: Any) -> bool:
    """Does the connector commit at the end of a `with` block? It does unless AUTOCOMMIT is known to be on."""
    return not _autocommit(connection, unset=False)


def _autocommit(connection: Any, *, unset: bool) -> bool:
    """The session's AUTOCOMMIT. Connector 4 keeps a bool, 5 may keep the server's text."""
    return str(connection._session_parameters.get("AUTOCOMMIT", unset)).lower() != "false"


def type_name(code: Any) -> str | None:
    """Snowflake's name of the connector's type code."""
    from snowflake.connector.constants import FIELD_ID_TO_NAME

    return FIELD_ID_TO_NAME.get(code)


def text(operation: Any, parameters: Any, cursor: Any) -> str:
    """The statement, with the names that are bound in `IDENTIFIER(?)`, without which its tables are unknown.

    The connector's own `write_pandas` names its table like this. All other bind values stay out. The file with which
    connector 5 uploads a DataFrame is left out: it is deleted before `write_pandas` returns.
    https://docs.snowflake.com/en/sql-reference/identifier-literal
    """
    sql = statement_text(operation, parameters, cursor)
    if _OWN_UPLOAD.match(sql):
        return ""
    if not parameters or isinstance(parameters, Mapping) or not search(_BOUND_NAME, sql, _LONGEST_BOUND_NAME):
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


_OWN_UPLOAD = re.compile(r"\s{0,99}PUT\s.{0,5000}?(?:SNOWPARK_TEMP|__WRITE_PANDAS)_STAGE_", re.IGNORECASE | re.DOTALL)
_BOUND_NAME = re.compile(r"identifier\s{0,99}\(\s{0,99}(?:\?|%s)\s{0,99}\)", re.IGNORECASE)
_LONGEST_BOUND_NAME = 320
# Literals, quoted names and comments, which hide placeholders; and placeholders, alone or as a name.
_PIECES = re.compile(
    r"""'[^'\\]*(?:\\.[^'\\]*)*(?:'|\\?\Z) | "[^"]*(?:"|\Z) | --[^\n]* | /\*.*?(?:\*/|\Z)
      | (?P<placeholder> (?P<name> identifier \s{0,99} \( \s{0,99} (?:\?|%s) \s{0,99} \) ) | \? | %s )""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)


def rows(cursor: Any) -> int | None:
    """The number of rows that the statement read or wrote; None where the connector counts something else.

    Its `rowcount` is right for queries and DML. DDL and COPY return a report, one line for each table or file: the
    rows they wrote are in `stats`, if the connector has it (4.0 does not) and the server reports them.
    """
    if cursor.is_file_transfer or _statements(cursor):
        return None
    if _is_report(cursor):
        return getattr(getattr(cursor, "stats", None), "num_rows_inserted", None)
    return rowcount(cursor)


def has_result(cursor: Any) -> bool:
    """Has the cursor rows of a query? Reports are none, and of several statements only one shows its result."""
    return cursor.description is not None and not (_statements(cursor) or cursor.is_file_transfer or _is_report(cursor))


def query_id(cursor: Any) -> str | None:
    """The server's id; None for several statements sent at once, which have one each while the note has them all."""
    return None if _statements(cursor) else cursor.sfqid


def _statements(cursor: Any) -> Sequence[str]:
    """The ids of the statements, when several were sent at once (`num_statements`)."""
    ids: Sequence[str] = getattr(cursor, "multi_statement_savedIds", ())
    return ids


def _is_report(cursor: Any) -> bool:
    """Is the result a report? Its column names are in lower case; those of queries in upper case, unless quoted."""
    names = [entry[0] for entry in cursor.description or ()]
    return names == ["status"] or not _REPORTS.isdisjoint(names)


_REPORTS = frozenset({"rows_loaded", "rows_unloaded"})


def _trace_execute_async(cursor: TracedCursor, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `execute_async`: keep the statement until its status is known. Without a status check it stays unknown."""
    cursor._self_fetched.end()
    execution = Execution(cursor._self_connection, operation_of(args, kwargs), parameters_of(args, kwargs))

    def on_success(result: Any) -> Any:
        query_id = result.get("queryId") if isinstance(result, dict) else None
        if execution.resolve_text(cursor._self_own) and query_id:
            cursor._self_connection._self_state[query_id] = execution
        return result

    return when_done(method(*args, **kwargs), on_success)


def _trace_status(connection: TracedConnection, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `get_query_status` and its raising variant: the statement counts on SUCCESS."""

    def on_success(status: Any) -> Any:
        if getattr(status, "name", "") == "SUCCESS":
            _note_success(connection, _query_id(args, kwargs))
        return status

    return when_done(method(*args, **kwargs), on_success)


def _trace_results(cursor: TracedCursor, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `get_results_from_sfqid`, `query_result`: the connector waits for the statement at the first fetch."""

    def on_success(result: Any) -> Any:
        query_id = _query_id(args, kwargs)
        if query_id in cursor._self_connection._self_state:
            cursor._self_fetched.on_first_fetch = partial(
                _note_success, cursor._self_connection, query_id, cursor._self_own
            )
        return cursor._self_same(result)

    return when_done(method(*args, **kwargs), on_success)


def _query_id(args: Any, kwargs: Any) -> str:
    return str(args[0] if args else next(iter(kwargs.values()), ""))


def _note_success(connection: TracedConnection, query_id: str, cursor: Any = None) -> None:
    execution: Execution | None = connection._self_state.pop(query_id, None)
    if execution is not None:
        execution.succeeded(
            rows=answer_or_default(_rows_found, cursor, default=None),
            query_id=query_id,
            columns=answer_or_default(connection._self_driver.columns, cursor, default=()),
        )


def _rows_found(cursor: Any) -> int | None:
    """The rows that a query found. For an asynchronous write, connector 4 has only a report, a query of one row."""
    return None if cursor is None or cursor.description[0][0].startswith("number of ") else rows(cursor)


def _trace_autocommit(connection: TracedConnection, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `autocommit(mode)`, which runs this statement on a cursor of the connector's own.

    The connector learns the new value from the response, if that has the session's parameters in it.
    """
    mode = args[0] if args else kwargs.get("mode", True)
    return trace_connection_call_as(connection, f"ALTER SESSION SET AUTOCOMMIT = {mode}", method, args, kwargs)


def _run_on_proxy(connection: TracedConnection, method: Any, args: Any, kwargs: Any) -> Any:
    """Run the connector's own code of `execute_string` and `execute_stream` with cursors of the proxy."""
    function = getattr(method, "__func__", None)
    return function(connection, *args, **kwargs) if function else method(*args, **kwargs)


def _trace_first_fetch(cursor: TracedCursor, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `fetch_pandas_all` and its like, which may be the first fetch from an asynchronous statement."""

    def on_success(result: Any) -> Any:
        cursor._self_fetched.call_on_first_fetch()
        return result

    return when_done(method(*args, **kwargs), on_success)


DRIVER = Driver(
    store=store,
    autocommits=autocommits,
    commits_on_exit=commits_on_exit,
    lookup=lookup,
    text=text,
    rows=rows,
    has_result=has_result,
    query_id=query_id,
    type_name=type_name,
    connection_wrappers={
        "autocommit": _trace_autocommit,
        "execute_string": _run_on_proxy,
        "execute_stream": _run_on_proxy,
        "get_query_status": _trace_status,
        "get_query_status_throw_if_error": _trace_status,
    },
    cursor_wrappers={
        "execute_async": _trace_execute_async,
        "get_results_from_sfqid": _trace_results,
        "query_result": _trace_results,
        "fetch_pandas_all": _trace_first_fetch,
        "fetch_pandas_batches": _trace_first_fetch,
        "fetch_arrow_all": _trace_first_fetch,
        "fetch_arrow_batches": _trace_first_fetch,
    },
)
