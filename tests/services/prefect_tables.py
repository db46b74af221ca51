"""The tables of a Prefect server on SQLite, made once in a process and copied for its next servers.

To make them by all of Prefect's migrations takes a server three seconds of a core.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

NAME = "prefect.db"  # in the home of a server


class Tables:
    """A copy of the first server's database from before its first use, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._kept = folder / "tables.db"

    def give(self, home: Path) -> None:
        """Copy them to the home of a server that has no database yet."""
        database = home / NAME
        if self._kept.exists() and not database.exists():
            shutil.copyfile(self._kept, database)

    def keep(self, home: Path) -> None:
        """Keep the database of a server that has just started, unless one is kept or the server has another."""
        database = home / NAME
        if self._kept.exists() or not database.exists():
            return
        half = self._kept.with_suffix(".half")
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(half)) as target:
            source.backup(target)
        half.rename(self._kept)
