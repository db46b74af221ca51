"""Datasets that end with the run or its process: temporary files, and tables of databases in memory.

Data that passes through them passes on, as through temporary tables. Temporary files are those that `tempfile` made in
this process during the run, below the temporary directory. Other files below that directory may be kept by their users,
and are ordinary files.
"""

from __future__ import annotations

import tempfile
from os import sep
from os.path import realpath

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.naming import is_embedded
from prefect_lineage_events.stores import is_in_memory

_MAX_PATHS = 10_000
_paths: dict[str, None] = {}


def made(path: str) -> None:
    """Note that `tempfile` has made a file or directory for the running flow or task. The oldest are forgotten."""
    path, directory = realpath(path), realpath(tempfile.gettempdir())
    if path.startswith(directory.rstrip(sep) + sep):
        if len(_paths) >= _MAX_PATHS:
            _paths.pop(next(iter(_paths)), None)
        _paths[path] = None


def has_temporary() -> bool:
    """Return whether any was made."""
    return bool(_paths)


def is_temporary(dataset: Dataset) -> bool:
    """Return whether a dataset ends with the run or its process.

    It is a table of a database in memory, a frame in memory, a temporary file, a file of a temporary directory, or a
    table of a database in such a file.
    """
    if is_in_memory(dataset.namespace) or dataset.namespace.startswith("temporary:"):
        return True
    if not _paths:
        return False
    store, _, file = dataset.namespace.partition("://")
    if store != "file" and not (is_embedded(store) and file.startswith("/")):
        return False
    path = dataset.name if store == "file" else file
    while len(path) > 1:
        if path in _paths:
            return True
        path = path.rpartition(sep)[0]
    return False
