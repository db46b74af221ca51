"""The settings of a session that decide over names: the current database and schema, the search path, the role."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

ExistingSchemas = Callable[[tuple[str, ...]], Collection[str]]
"""Which of these schemas does the store have? `$user` is the schema of the login's name."""

USER = "$user"
SETTINGS = frozenset({"database", "schema", "path", "role", "user"})
"""The names of settings in `Statement.session`; with `local ` before them they hold for the transaction."""


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """`schema` follows from `path` where there is one: the first schema of it that exists. None: nobody knows.

    `path` is a search path with `$user` in it as written; `role` is set by SET ROLE, `user` by SET SESSION
    AUTHORIZATION; None where they are the login's.
    """

    database: str | None = None
    schema: str | None = None
    path: tuple[str, ...] | None = None
    role: str | None = None
    user: str | None = None

    def changed(
        self, name: str, value: str, initial: SessionSettings, made: Collection[str], existing: ExistingSchemas | None
    ) -> SessionSettings:
        """The settings after one is set; an empty value is the one that the session began with, or unknown.

        `made` are schemas that the session has created, `existing` asks for others.
        """
        if name == "database":
            return replace(self, database=value or None)
        if name == "schema":
            return replace(self, schema=value or None, path=None)
        if name == "role":
            return replace(self, role=value or None)._resolved(initial, made, existing)
        if name == "user":
            return replace(self, user=value or None, role=None)._resolved(initial, made, existing)
        if not value:
            return replace(self, path=initial.path, schema=initial.schema)._resolved(initial, made, existing)
        return replace(self, path=tuple(json.loads(value)))._resolved(initial, made, existing)

    def _resolved(
        self, initial: SessionSettings, made: Collection[str], existing: ExistingSchemas | None
    ) -> SessionSettings:
        if self.path is None:
            return self
        acting = self.role or self.user
        if self.path == initial.path and acting is None:
            return replace(self, schema=initial.schema)
        names = tuple(acting if name == USER and acting else name for name in self.path)
        found = set(made) | {name for name in names if name.startswith("pg_temp")}
        if not found.issuperset(names[:1]) and existing is not None:
            found |= set(existing(names))
        schema = next((name for name in names if name in found), None)
        return replace(self, schema=schema or next((name for name in names if name != USER), None))


def encoded(path: tuple[str, ...]) -> str:
    """A search path as a value of `Statement.session`."""
    return json.dumps(path)
