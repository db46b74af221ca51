"""Calls that Snowflake supports and its stand-in refuses, answered in the connector: `write_pandas`, SWAP, RESULT_SCAN,
several at once.

Such a statement reaches the connector's cursor as the user sent it, and the stand-in as a query whose result has the
columns of Snowflake's own. It changes nothing in the stand-in, so a program cannot read its effect.
https://docs.snowflake.com/en/sql-reference/sql/copy-into-table#output
"""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pandas as pd
from snowflake.connector.cursor import SnowflakeCursor

_DONE = "SELECT 'Statement executed successfully.' AS \"status\""
_LOADED = (
    'SELECT \'file0.txt\' AS "file", \'LOADED\' AS "status", {rows} AS "rows_parsed", {rows} AS "rows_loaded", '
    '1 AS "error_limit", 0 AS "errors_seen"'
)
_BOUND_NAME = re.compile(r"identifier\(\?\)", re.IGNORECASE)
_PUT = re.compile(r"PUT 'file://(.+?)' ")
_execute = SnowflakeCursor.execute


class _Uploaded:
    """The frame that `write_pandas` uploaded last: the stand-in has no quoted stages to store it in."""

    frame = pd.DataFrame()


def _upload(self: SnowflakeCursor, local_file_name: str, *_: Any, **__: Any) -> None:
    """The upload of connector 4. Connector 5 executes PUT."""
    _Uploaded.frame = pd.read_parquet(local_file_name.strip("'").removeprefix("file://"))


def _answered(self: SnowflakeCursor, *args: Any, num_statements: int | None = None, **kwargs: Any) -> Any:
    """Connector 4 calls the statement `command` and its values `params`, connector 5 `operation` and `parameters`."""
    command, *values = args or (kwargs.get("command") or kwargs["operation"],)
    params = values[0] if values else kwargs.get("params") or kwargs.get("parameters")
    words = command.lower()
    if upload := _PUT.match(command):
        _Uploaded.frame = pd.read_parquet(upload[1])
        return _execute(self, _DONE)
    if "snowflake.connector.pandas_tools" in words or "infer_schema" in words or _BOUND_NAME.search(words):
        return _execute(self, _of_write_pandas(words, command, list(params)))
    if "swap with" in words or "result_scan" in words:
        return _execute(self, _DONE)
    if num_statements is not None:
        result = _execute(self, _DONE)
        _set_children(self, [f"child-{number}" for number in range(num_statements)])
        return result
    return _execute(self, *args, **kwargs)


def _set_children(cursor: Any, ids: list[str]) -> None:
    """The ids of the statements of one call, where each connector keeps them."""
    if isinstance(getattr(SnowflakeCursor, "multi_statement_savedIds", None), property):  # connector 5
        cursor._multi_statement = SimpleNamespace(parent_qid=cursor.sfqid, child_query_ids=ids)
    else:
        cursor.multi_statement_savedIds = ids


def _of_write_pandas(words: str, command: str, params: list[str]) -> str:
    if "infer_schema" in words:
        return " UNION ALL ".join(f"SELECT '{column}' AS COLUMN_NAME, 'TEXT' AS TYPE" for column in _Uploaded.frame)
    if "copy into" in words:
        return _LOADED.format(rows=len(_Uploaded.frame))
    if " stage " in words or " file format " in words:
        return _DONE
    # The stand-in takes no IF EXISTS in TRUNCATE, which connector 5 writes.
    return _BOUND_NAME.sub(lambda _: params.pop(0), command.replace("TRUNCATE TABLE IF EXISTS", "TRUNCATE TABLE"))


SnowflakeCursor.execute = _answered
SnowflakeCursor._upload = _upload
