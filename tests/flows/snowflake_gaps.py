"""Calls that Snowflake supports and its stand-in refuses, answered in the connector: `write_pandas`, SWAP, RESULT_SCAN,
several at once.

Such a statement reaches the connector's cursor as the user sent it, and the stand-in as a query whose result has the
columns of Snowflake's own. It changes nothing in the stand-in, so a program cannot read its effect.
https://docs.snowflake.com/en/sql-reference/sql/copy-into-table#output
"""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
from snowflake.connector.cursor import SnowflakeCursor

_DONE = "SELECT 'Statement executed successfully.' AS \"status\""
_LOADED = (
    'SELECT \'file0.txt\' AS "file", \'LOADED\' AS "status", {rows} AS "rows_parsed", {rows} AS "rows_loaded", '
    '1 AS "error_limit", 0 AS "errors_seen"'
)
_BOUND_NAME = re.compile(r"identifier\(\?\)")
_execute = SnowflakeCursor.execute


class _Uploaded:
    """The frame that `write_pandas` uploaded last: the stand-in has no quoted stages to store it in."""

    frame = pd.DataFrame()


def _upload(self: SnowflakeCursor, local_file_name: str, *_: Any, **__: Any) -> None:
    _Uploaded.frame = pd.read_parquet(local_file_name.strip("'").removeprefix("file://"))


def _answered(
    self: SnowflakeCursor,
    command: str,
    params: Any = None,
    *args: Any,
    num_statements: int | None = None,
    **kwargs: Any,
) -> Any:
    words = command.lower()
    if "snowflake.connector.pandas_tools" in words or "infer_schema" in words:
        return _execute(self, _of_write_pandas(words, command, list(params)))
    if "swap with" in words or "result_scan" in words:
        return _execute(self, _DONE)
    if num_statements is not None:
        result = _execute(self, _DONE)
        self.multi_statement_savedIds = [f"child-{number}" for number in range(num_statements)]
        return result
    return _execute(self, command, params, *args, **kwargs)


def _of_write_pandas(words: str, command: str, params: list[str]) -> str:
    if "infer_schema" in words:
        return " UNION ALL ".join(f"SELECT '{column}' AS COLUMN_NAME, 'TEXT' AS TYPE" for column in _Uploaded.frame)
    if "copy into" in words:
        return _LOADED.format(rows=len(_Uploaded.frame))
    if " stage " in words or " file format " in words:
        return _DONE
    return _BOUND_NAME.sub(lambda _: params.pop(0), command)


SnowflakeCursor.execute = _answered
SnowflakeCursor._upload = _upload
