"""The calls of BigQuery's client as equivalent statements of its dialect.

https://cloud.google.com/bigquery/docs/reference/standard-sql/other-statements
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

_REPLACES = "WRITE_TRUNCATE"
_APPENDS = "WRITE_APPEND"


def query(sql: str, destination: Any, disposition: str | None) -> str:
    """A query, as a statement that writes the destination table if there is one."""
    if destination is None:
        return sql
    if disposition == _APPENDS:
        return f"INSERT INTO {table(destination)} {sql}"
    return f"{_create(disposition)} {table(destination)} AS {sql}"


def load(destination: Any, sources: str | Sequence[str], disposition: str | None) -> str:
    """A load of files, or (without sources) of rows in Python's memory, into a table."""
    uris = [sources] if isinstance(sources, str) else sources
    listed = ", ".join(_literal(uri) for uri in uris)
    into = "OVERWRITE" if disposition == _REPLACES else "INTO"
    return f"LOAD DATA {into} {table(destination)} FROM FILES (uris = [{listed}])"


def file_of(stream: Any) -> list[str]:
    """The URI of an opened file; empty for a stream without a name."""
    name = getattr(stream, "name", None)
    return [Path(name).absolute().as_uri()] if isinstance(name, str) else []


def copy(sources: Any, destination: Any, disposition: str | None) -> str:
    """A copy of one table or several, as a statement that writes the destination."""
    tables = sources if isinstance(sources, list | tuple) else [sources]
    rows = " UNION ALL ".join(read(source) for source in tables)
    return query(rows, destination, disposition)


def extract(source: Any, uris: str | Sequence[str]) -> str:
    """An export of a table to files, a statement for each URI."""
    listed = [uris] if isinstance(uris, str) else uris
    return "; ".join(f"EXPORT DATA OPTIONS (uri = {_literal(uri)}) AS {read(source)}" for uri in listed)


def insert(destination: Any) -> str:
    """An insert of rows in Python's memory, whose values and columns stay out."""
    return f"INSERT INTO {table(destination)} VALUES (?)"


def read(source: Any, fields: Iterable[Any] = ()) -> str:
    """A read of a table, of all columns or of some fields."""
    names = ", ".join(f"`{field.name}`" for field in fields)
    return f"SELECT {names or '*'} FROM {table(source)}"


def create(new: Any) -> str:
    """The statement of `create_table`: a table with its columns, or a view with its query."""
    if getattr(new, "view_query", None):
        return f"CREATE VIEW {table(new)} AS {new.view_query}"
    columns = ", ".join(f"`{field.name}` {_type(field)}" for field in getattr(new, "schema", None) or ())
    return f"CREATE TABLE IF NOT EXISTS {table(new)}" + (f" ({columns})" if columns else "")


def drop(old: Any) -> str:
    """The statement of `delete_table`."""
    return f"DROP TABLE IF EXISTS {table(old)}"


def table(given: Any) -> str:
    """The quoted name of a table, from `project.dataset.table` or from any object of the client for a table."""
    name = given if isinstance(given, str) else f"{given.project}.{given.dataset_id}.{given.table_id}"
    return f"`{name.partition('$')[0]}`"  # without the partition in `table$20260101`


def _create(disposition: str | None) -> str:
    return "CREATE OR REPLACE TABLE" if disposition == _REPLACES else "CREATE TABLE"


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _type(field: Any) -> str:
    kind = field.field_type
    if kind in ("RECORD", "STRUCT"):
        kind = "STRUCT<" + ", ".join(f"`{inner.name}` {_type(inner)}" for inner in field.fields) + ">"
    return f"ARRAY<{kind}>" if field.mode == "REPEATED" else kind
