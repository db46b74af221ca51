"""The settings of a session that complete names: the current database and schema, the search path, the role."""

from __future__ import annotations

import json
from collections.abc import Collection, Container, Mapping
from dataclasses import dataclass, replace

from prefect_lineage_events.sql.search_path import StoreSchemas

USER = "$user"
SETTINGS = frozenset({"database", "schema", "path", "role", "user", "use"})
"""The names of settings in `Statement.session`; with `local ` before them they hold for the transaction."""
_CERTAIN = ("pg_temp", "pg_catalog")


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """Settings of a session. `schema` is the first schema of `path` that exists, if there is a path. None: unknown.

    `path` is a search path with `$user` in it as written; `role` is set by SET ROLE, `user` by SET SESSION
    AUTHORIZATION; None if they are the login's. `searched` are the schemas of the path that exist, in order.
    `is_sure`: it is known which of them exist.
    """

    database: str | None = None
    schema: str | None = None
    path: tuple[str, ...] | None = None
    role: str | None = None
    user: str | None = None
    searched: tuple[str, ...] = ()
    is_sure: bool = True

    def changed(
        self, name: str, value: str, initial: SessionSettings, made: Collection[str], store: StoreSchemas | None
    ) -> SessionSettings:
        """The settings after a change of one. An empty value means the one that the session began with, or an unknown
        one.

        `made` are schemas that the session has created, `store` is asked for others.
        """
        if name == "database":
            return replace(self, database=value or None, is_sure=True)
        if name == "schema":
            return replace(self, schema=value or None, path=None, searched=(), is_sure=True)
        if name == "role":
            return replace(self, role=value or None)._resolved(initial, made, store)
        if name == "user":
            return replace(self, user=value or None, role=None)._resolved(initial, made, store)
        if not value:
            begun = replace(self, path=initial.path, schema=initial.schema, searched=initial.searched)
            return replace(begun, is_sure=initial.is_sure)._resolved(initial, made, store)
        return replace(self, path=tuple(json.loads(value)))._resolved(initial, made, store)

    def used(
        self,
        name: str,
        initial: SessionSettings,
        attached: Container[str],
        made: Collection[str],
        store: StoreSchemas | None,
    ) -> SessionSettings:
        """DuckDB's `USE name`: a schema of the current database, or else a database (duckdb.org: USE); "" for none."""
        if not name:
            return initial
        is_database = name in attached or name in (self.database, initial.database)
        schemas: Mapping[str, str] | None = {name: name} if name in made else None
        if schemas is None and store is not None:
            schemas = store.existing((name,), self.database)
        is_sure = schemas is not None or is_database
        if schemas:
            return replace(self, schema=name, path=None, searched=(), is_sure=True)
        return replace(self, database=name, schema="main", path=None, searched=(), is_sure=is_sure)

    def _resolved(self, initial: SessionSettings, made: Collection[str], store: StoreSchemas | None) -> SessionSettings:
        if self.path is None:
            return self
        acting = self.role or self.user
        if self.path == initial.path and acting is None:
            return replace(self, schema=initial.schema, searched=initial.searched, is_sure=initial.is_sure)
        names = tuple(acting if name == USER and acting else name for name in self.path if name)
        found = {name: name for name in names if name in made or name.startswith(_CERTAIN)}
        is_sure = found.keys() >= set(names)
        if not is_sure and store is not None and (answer := store.existing(names, self.database)) is not None:
            found, is_sure = {**answer, **found}, True
        searched = tuple(found.get(name, name) for name in names if name in found or not (is_sure or name == USER))
        likeliest = searched or tuple(name for name in names if name != USER)
        alone = len(names) == 1 and len(searched) == 1  # the store would not have found a table outside of the path
        return replace(self, schema=likeliest[0] if likeliest else None, searched=searched, is_sure=is_sure or alone)


def encoded(path: tuple[str, ...]) -> str:
    """A search path as a value of `Statement.session`."""
    return json.dumps(path)
