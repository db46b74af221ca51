"""Answers of a store about its schemas, for names that a session looks for in several schemas."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import count

from prefect_lineage_events.emission.lookups import SchemaNameLookup
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.sql.model import Statement

_versions = count(1)
_MAX_LOOKUPS = 500  # of one connection: each opens a connection of our own
_CHANGING = frozenset({"create", "clone", "rename", "swap", "drop", "alter"})


class StoreSchemas:
    """A look-up with a cache of the schemas in which tables were found; DDL on the connection clears it.

    Only our thread uses it. `version` changes whenever another answer may be given.
    """

    def __init__(self, lookup: SchemaNameLookup) -> None:
        self._lookup = lookup
        self._found: dict[tuple[str | None, tuple[str, ...], str], frozenset[str]] = {}
        self._lookups = 0
        self.version = next(_versions)

    def existing(self, names: tuple[str, ...], database: str | None) -> Mapping[str, str] | None:
        with guarded("looking up schemas"):
            return self._lookup.existing_schemas(names, database)
        return None

    def holding(
        self, table: str, schemas: tuple[str, ...], database: str | None, *, ask: bool
    ) -> Collection[str] | None:
        key = (database, schemas, table)
        found = self._found.get(key)
        if found is None and ask and self._lookups < _MAX_LOOKUPS:
            self._lookups += 1
            with guarded("looking up the schema of a table"):
                holding = self._lookup.schemas_with(table, schemas, database)
                found = None if holding is None else frozenset(holding)
            if found:
                self._found[key] = found
                self.version = next(_versions)
        return found

    def after(self, statement: Statement) -> None:
        """Discard answers after a successful statement whose definitions may hide the tables that were found."""
        if any(name == "logins" for name, _ in statement.session):
            self._lookup.forget()
        if statement.effect in _CHANGING and self._found:
            self._found.clear()
            self.version = next(_versions)
