"""Columns of local files as DuckDB's readers find them, looked up in our thread in a database of our own.

A file's header is read again, which takes a millisecond. A pipe is never opened, nor is anything remote.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import stat
from glob import has_magic, iglob
from pathlib import Path
from threading import Timer
from typing import Any

from prefect_lineage_events.emission.lookups import DescribedColumns
from prefect_lineage_events.instrumentation.drivers.duckdb.scanned_frames import columns_of
from prefect_lineage_events.instrumentation.execution import answer_or_default
from prefect_lineage_events.instrumentation.opening import left_alone

# The names of nothing outside of this machine, and no extension, are fetched for it.
_CONFIG: dict[str, Any] = {
    "threads": "1",
    "memory_limit": "500MB",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_persistent_secrets": "false",
}
_REMOTE = re.compile(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]{1,30}:", re.IGNORECASE)
# Options with which all of a file, or all files, would be read.
_LONG = re.compile(r"\b(?:union_by_name|sample_size)\b", re.IGNORECASE)
_SECONDS = 2.0
_MAX_OF_DIRECTORY = 20  # files; further ones in it count as parts of one dataset
_MAX_KNOWN = 2_000
_known: dict[tuple[Any, ...], DescribedColumns] = {}
_directories: dict[tuple[Path, str], set[str]] = {}
_own: Any = None


def file_columns(path: str, reader: str, read_before: dt.datetime) -> DescribedColumns | None:
    """The columns of a local file, or of the first file of a pattern; None if they are not known."""
    if (frame := columns_of(reader)) is not None:
        return frame or None
    if _REMOTE.match(path) or _LONG.search(reader):
        return None
    first = next(iglob(path, recursive=True), None) if has_magic(path) else path  # noqa: PTH207
    seen = None if first is None else Path(first.removeprefix("file://")).stat()
    if seen is None or not stat.S_ISREG(seen.st_mode) or seen.st_mtime > read_before.timestamp():
        return None
    here = Path.cwd()
    key = (here, path, reader, seen.st_mtime_ns, seen.st_size)
    if key not in _known:
        paths = _directories.setdefault((here, path.rpartition("/")[0]), set())
        if len(_known) >= _MAX_KNOWN or len(_directories) >= _MAX_KNOWN:
            _known.clear()
            _directories.clear()
        if path not in paths and len(paths) >= _MAX_OF_DIRECTORY:
            return None
        paths.add(path)
        _known[key] = _described(reader or "'" + path.replace("'", "''") + "'")
    return _known[key] or None


def _described(source: str) -> DescribedColumns:
    """The columns of what a query reads; empty where the query fails, or takes long."""
    connection = _connection()
    timer = Timer(_SECONDS, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        rows: list[tuple[Any, ...]] = answer_or_default(_rows, connection, source, default=[])
    finally:
        timer.cancel()
    return DescribedColumns({str(name): str(kind) for name, kind, *_ in rows})


def _rows(connection: Any, source: str) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    return rows


def _connection() -> Any:
    """Our own database in memory, made once. A fork does not use its parent's."""
    global _own
    if _own is None or _own[0] != os.getpid():
        import duckdb

        with left_alone():
            _own = (os.getpid(), duckdb.connect(":memory:", config=_CONFIG))
    return _own[1]
