"""Look-ups of columns and schemas, as connections give them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol, runtime_checkable


class DescribedColumns(dict[str, str | None]):
    """A table's columns in order, with their types; `kind` is `table` or `view`, None where it is unknown."""

    def __init__(self, columns: Mapping[str, str | None] | None = None, *, kind: str | None = None) -> None:
        super().__init__(columns or {})
        self.kind = kind


class SchemaLookup(Protocol):
    """Looks up the columns of tables, in our thread, after the statements that used them were committed.

    It works on a connection of its own, never on the user's (a query there would change LAST_QUERY_ID or abort a
    transaction), and never on one that would ask a person to log in. `tables` are name parts, outermost first. It
    returns {parts: {column: type}} for the tables that it finds, as `DescribedColumns` where the store distinguishes
    views and tables. An error that it raises is logged, and the columns stay unknown.
    """

    def __call__(
        self, tables: Sequence[tuple[str, ...]]
    ) -> Mapping[tuple[str, ...], Mapping[str, str | None]]: ...  # pragma: no cover


@runtime_checkable
class SchemaNameLookup(Protocol):
    """A look-up that also returns the schema in which a connection begins; None where it is unknown.

    `search_path` are the schemas in which the store looks for names, `$user` as written, and `searched_schemas` those
    of them that exist; None where the store has no such path. `existing_schemas` are those of some names that are
    schemas, with their real names (`$user` is the login's own), `schemas_with` those that have a table of a name, both
    of a database or of the connection's own. These methods raise where the store does not answer, and return None where
    it cannot be asked any more, because it existed with the connection only. `forget` discards answers: a statement
    has changed the schema in which logins begin.
    """

    def default_schema(self) -> str | None: ...  # pragma: no cover

    def search_path(self) -> tuple[str, ...] | None: ...  # pragma: no cover

    def forget(self) -> None: ...  # pragma: no cover

    def searched_schemas(self) -> tuple[str, ...] | None: ...  # pragma: no cover

    def existing_schemas(
        self, names: tuple[str, ...], database: str | None
    ) -> Mapping[str, str] | None: ...  # pragma: no cover

    def schemas_with(
        self, table: str, schemas: tuple[str, ...], database: str | None
    ) -> Collection[str] | None: ...  # pragma: no cover


@runtime_checkable
class InstanceSchemaLookup(Protocol):
    """A look-up in a database that may end with the user's connection, before its columns are asked for.

    `observe` gets each statement soon after it ran, and returns the statements that it stands for, if it works on
    tables that it does not name (a copy of a database). `file_columns` are those of a file that a query has read, by
    its path and by the `reader` in its text (`read_csv('x.csv', header = false)`); None where they are not known,
    or may have changed after `read_before`.
    """

    def observe(self, sql: str) -> str | None: ...  # pragma: no cover

    def file_columns(
        self, path: str, reader: str, read_before: dt.datetime
    ) -> DescribedColumns | None: ...  # pragma: no cover
