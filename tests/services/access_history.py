"""Snowflake's view ACCESS_HISTORY, by its documented rows: a stand-in for a connection of the connector.

The shape is that of docs.snowflake.com/en/sql-reference/account-usage/access_history and
docs.snowflake.com/en/user-guide/access-history. No real account was asked.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

STARTED = dt.datetime(2026, 11, 30, 3, 0, tzinfo=dt.timezone.utc)


def accessed(name: str, *columns: str, domain: str = "Table") -> dict[str, Any]:
    """An object that was read, as in `direct_objects_accessed`."""
    named = [{"columnId": number, "columnName": column} for number, column in enumerate(columns, 68_610)]
    return {"columns": named, "objectDomain": domain, "objectId": 66_564, "objectName": name}


def modified(name: str, columns: dict[str, Sequence[tuple[str, str]]] | None = None, domain: str = "Table") -> Any:
    """An object that was written, as in `objects_modified`: by column, the tables and columns it came from."""
    described = [
        {
            "columnId": number,
            "columnName": column,
            "baseSources": [],
            "directSources": [
                {"columnName": source, "objectDomain": "Table", "objectId": 66_566, "objectName": table}
                for table, source in sources
            ],
        }
        for number, (column, sources) in enumerate((columns or {}).items(), 68_611)
    ]
    return {"columns": described, "objectDomain": domain, "objectId": 66_570, "objectName": name}


def row(query_id: str, read: Sequence[Any] = (), written: Sequence[Any] = (), root: str | None = None) -> tuple:
    """A row, with ARRAY columns as the JSON text that the connector returns."""
    return query_id, root, STARTED, json.dumps(list(read)), json.dumps(list(written))


@dataclass
class AccessHistory:
    """A connection to an account with these rows. `fault`: raised by each query."""

    rows: list[tuple] = field(default_factory=list)
    fault: Exception | None = None
    asked: list[tuple[str, tuple]] = field(default_factory=list)
    opened: dict[str, Any] = field(default_factory=dict)
    closed: bool = False

    def cursor(self) -> AccessHistory:
        return self

    def __enter__(self) -> AccessHistory:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def execute(self, text: str, binds: tuple) -> None:
        self.asked.append((text, binds))
        if self.fault:
            raise self.fault

    def fetchmany(self, limit: int) -> list[tuple]:
        ids = set(self.asked[-1][1][1:])
        return [one for one in self.rows if one[0] in ids or one[1] in ids][:limit]

    def close(self) -> None:
        self.closed = True
