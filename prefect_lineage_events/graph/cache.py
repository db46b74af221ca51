"""A cache of stored snapshots on disk, so that the next load in another process does not read them again.

It is an SQLite file in `PREFECT_HOME`, may be deleted at any time and is never the truth: a load asks Prefect for the
runs that exist and for the snapshots that were written since. A file that is damaged, locked or read-only, or a full
disk, leaves the load as it is without a cache.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import sqlite3
from collections.abc import Callable, Collection, Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from prefect.settings import PREFECT_HOME

from prefect_lineage_events.assembler.snapshot_store import FoundSnapshot, decoded
from prefect_lineage_events.compression import packed, unpacked

logger = logging.getLogger(__name__)

FILE = "lineage-graph.sqlite"
_VERSION = 1
# Snapshots in the file, of all APIs together. The longest unused ones make room.
MAX_ROWS = 50_000
# A larger one is read from Prefect each time.
_MAX_DATA = 1_000_000
_MAX_UNPACKED = 64 * 1024 * 1024
_LOCKED_SECONDS = 2.0
_TABLE = """CREATE TABLE IF NOT EXISTS snapshot (api TEXT, run TEXT, updated TEXT, seen TEXT, data BLOB,
    PRIMARY KEY (api, run)) WITHOUT ROWID"""

Result = TypeVar("Result")


class SnapshotCache:
    """The snapshots of one Prefect API. No method raises."""

    def __init__(self, api_url: str, path: Path | None = None) -> None:
        self._api = api_url
        self._path = path or Path(PREFECT_HOME.value()) / FILE

    def read(self, run_ids: Collection[UUID]) -> tuple[list[FoundSnapshot], dt.datetime | None]:
        """The cached snapshots of these runs, and the time at which all of them were known to be current."""
        wanted = {str(id_) for id_ in run_ids}
        found: list[FoundSnapshot] = []
        seen: list[str] = []
        for run_id, updated, at, data in self._try(lambda connection: self._rows(connection, wanted)) or ():
            if snapshot := _unpacked(run_id, updated, data):
                found.append(snapshot)
                seen.append(at)
        try:
            return found, dt.datetime.fromisoformat(min(seen)) if seen else None
        except (ValueError, TypeError):
            return [], None

    def write(self, found: Iterable[FoundSnapshot], current: Iterable[UUID], at: dt.datetime) -> None:
        """Take over these snapshots; all that are cached of `current` runs are current at this time."""
        found = list(found)
        rows = [
            (self._api, str(one.run_id), one.updated.isoformat(), at.isoformat(), data)
            for one in found
            if one.snapshot and len(data := packed(json.dumps(one.data).encode(), 1)) <= _MAX_DATA
        ]
        seen = [(at.isoformat(), self._api, str(run_id)) for run_id in current]

        def store(connection: sqlite3.Connection) -> bool:
            # One that cannot be read any more must not stay as it was.
            gone = ((self._api, str(one.run_id)) for one in found)
            connection.executemany("DELETE FROM snapshot WHERE api = ? AND run = ?", gone)
            connection.executemany("INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?, ?, ?)", rows)
            connection.executemany("UPDATE snapshot SET seen = ? WHERE api = ? AND run = ?", seen)
            (count,) = connection.execute("SELECT count(*) FROM snapshot").fetchone()
            if count > MAX_ROWS:
                oldest = "SELECT api, run FROM snapshot ORDER BY seen LIMIT ?"
                connection.execute(f"DELETE FROM snapshot WHERE (api, run) IN ({oldest})", (count - MAX_ROWS,))
            return True

        self._try(store)

    def _rows(self, connection: sqlite3.Connection, wanted: Collection[str]) -> list[tuple[str, str, str, bytes]]:
        chosen = "SELECT run, updated, seen, data FROM snapshot WHERE api = ?"
        return [row for row in connection.execute(chosen, (self._api,)) if row[0] in wanted]

    def _try(self, work: Callable[[sqlite3.Connection], Result]) -> Result | None:
        """The result of this work with the file; None if that failed. A damaged file is removed."""
        try:
            with closing(self._open()) as connection, connection:
                return work(connection)
        except (sqlite3.Error, OSError) as error:
            logger.debug("The cache %s is not used: %s", self._path, error)
            damaged = type(error) is sqlite3.DatabaseError
            if damaged:
                with suppress(OSError):
                    self._path.unlink()
        except Exception as error:  # noqa: BLE001  (a cache is never in the way)
            logger.debug("The cache %s is not used: %s", self._path, type(error).__name__)
        return None

    def _open(self) -> sqlite3.Connection:
        # Only this user may read it: names of tables may be confidential.
        os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(self._path, timeout=_LOCKED_SECONDS)
        try:
            if _version(connection) != _VERSION:
                with connection:
                    connection.execute("BEGIN IMMEDIATE")
                    if _version(connection) != _VERSION:  # another process may have made the table meanwhile
                        connection.execute("DROP TABLE IF EXISTS snapshot")
                        connection.execute(_TABLE)
                        connection.execute(f"PRAGMA user_version = {_VERSION}")
            connection.execute(_TABLE)
        except BaseException:
            connection.close()
            raise
        return connection


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _unpacked(run_id: str, updated: str, content: bytes) -> FoundSnapshot | None:
    try:
        id_, time = UUID(run_id), dt.datetime.fromisoformat(updated)
        data = json.loads(unpacked(content, _MAX_UNPACKED))
        return FoundSnapshot(id_, time, decoded(data, id_))
    except (ValueError, TypeError, RecursionError):
        return None
