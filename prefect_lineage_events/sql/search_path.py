"""The search path of a session: the schemas in which a store looks for a table that is named without one.

The store searches the schemas in order. So the text alone identifies the table only if there is one schema, or if the
session itself made the table in the first one. Otherwise the store is asked.
https://www.postgresql.org/docs/current/ddl-schemas.html, https://duckdb.org/docs/stable/sql/statements/use
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from prefect_lineage_events.dialects import dialect_of

Parts = tuple[str, ...]

TEMPORARY = "pg_temp"  # tables in it are known before any other
GUESSED = "which schema of the search path has a table is known only to the store"


class StoreSchemas(Protocol):
    """A store's answers about its schemas, over a connection of our own. None: it did not answer.

    `version` changes whenever an answer may differ from an earlier one.
    """

    @property
    def version(self) -> int: ...  # pragma: no cover

    def existing(self, names: tuple[str, ...], database: str | None) -> Mapping[str, str] | None:
        """The names that are schemas, with the schemas' names: `$user` is the login's own."""
        ...  # pragma: no cover

    def holding(
        self, table: str, schemas: tuple[str, ...], database: str | None, *, ask: bool
    ) -> Collection[str] | None:
        """The schemas that have a table of that name. Without `ask`, only earlier answers are used."""
        ...  # pragma: no cover


def schemas_in_order(searched: tuple[str, ...], schema: str | None, dialect: str) -> tuple[str, ...]:
    """The schemas of a path, or the current one; behind them the one that is always searched."""
    schemas = searched or (schema or "",)
    last = dialect_of(dialect).always_searched
    return tuple(dict.fromkeys((*schemas, last))) if last and schema is not None else schemas


@dataclass(frozen=True, slots=True)
class SearchPath:
    """The schemas that are searched, in order. `is_known`: all of them exist, and no other is searched.

    `made` and `created` are the tables and the schemas that the session made. `asks`: the store may be
    asked for the tables of a statement; not after the statement has dropped or renamed them.
    """

    schemas: tuple[str, ...]
    is_known: bool = True
    made: frozenset[Parts] = frozenset()
    created: frozenset[str] = frozenset()
    store: StoreSchemas | None = None
    database: str | None = None
    asks: bool = True

    @property
    def first(self) -> SearchPath:
        """The schema in which a new table is made."""
        return replace(self, schemas=self.schemas[:1], is_known=self.is_known or self.schemas[0] in self.created)

    def without_asking(self) -> SearchPath:
        return replace(self, asks=False)

    def schema_of(self, table: str, complete: Callable[[Parts], Parts]) -> tuple[str, bool]:
        """The schema of a table, and whether it is a guess."""
        schemas = tuple(s for s in self.schemas if not s.startswith(TEMPORARY)) or self.schemas
        first = schemas[0]
        own = next((schema for schema in schemas if complete((schema, table)) in self.made), None)
        if own == first or len(schemas) == 1:
            return first, not self.is_known and own is None
        held = None
        if self.store is not None:
            held = self.store.holding(table, schemas, self.database, ask=self.asks)
        if held is None:
            return own or first, True
        found = next((schema for schema in schemas if schema in held or schema == own), None)
        return (found, False) if found is not None else (first, True)
