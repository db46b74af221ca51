"""Answers of a store on its schemas, for names that a session looks for in more than one of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import count

from prefect_lineage_events.emission.notes import SchemaNameLookup
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.sql.model import Statement

_versions = count(1)
_MOST_ASKED = 500  # tables of one connection: each question opens a connection of our own
_CHANGING = frozenset({"create", "clone", "rename", "swap", "drop", "alter"})


class StoreSchemas:
    """Asks a look-up, remembers where tables were found, and forgets it when the connection defines something.

    Belongs to our thread. `version` is another number whenever another answer may be given.
    """

    def __init__(self, lookup: SchemaNameLookup) -> None:
        self._lookup = lookup
        self._found: dict[tuple[str | None, tuple[str, ...], str], frozenset[str]] = {}
        self._asked = 0
        self.version = next(_versions)

    def existing(self, names: tuple[str, ...], database: str | None) -> Mapping[str, str] | None:
        with guarded("asking for schemas"):
            return self._lookup.existing_schemas(names, database)
        return None

    def holding(
        self, table: str, schemas: tuple[str, ...], database: str | None, *, ask: bool
    ) -> Collection[str] | None:
        key = (database, schemas, table)
        found = self._found.get(key)
        if found is None and ask and self._asked < _MOST_ASKED:
            self._asked += 1
            with guarded("asking for the schema of a table"):
                holding = self._lookup.schemas_with(table, schemas, database)
                found = None if holding is None else frozenset(holding)
            if found:
                self._found[key] = found
                self.version = next(_versions)
        return found

    def after(self, statement: Statement) -> None:
        """The statement has succeeded: what it defines may hide what was found before."""
        if any(name == "logins" for name, _ in statement.session):
            self._lookup.forget()
        if statement.effect in _CHANGING and self._found:
            self._found.clear()
            self.version = next(_versions)
