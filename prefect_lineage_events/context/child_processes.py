"""Marks of child processes whose lineage may be lost. The parent counts them when the flow ends.

A child that notes a statement creates a file for the run, and holds a lock on it. It removes the file once the Prefect
API has all its events. The kernel releases the lock of a process that ends, however it ends: a file without a lock
belongs to a child whose events did not all arrive. The run then reports their number.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from uuid import UUID, uuid4

from prefect.settings import get_current_settings

from prefect_lineage_events.guard import guarded

try:
    import fcntl
except ImportError:  # Windows has neither forks nor these locks
    fcntl = None  # type: ignore[assignment]

_FOLDER = "lineage-children"
# A mark is renamed once it is locked, so that a parent never takes an unlocked mark for a child that ended.
_UNLOCKED = ".new"
# A parent that was killed never reads the marks of its children.
_MAX_AGE_SECONDS = 7 * 86_400


class Marks:
    """The marks of this process, one for each run."""

    def __init__(self) -> None:
        self._held: dict[UUID, tuple[int, Path]] = {}
        self._failed = False

    def hold(self, run_key: UUID | None) -> None:
        """Mark this process as one with events of a run, by a file that is made at the run's first statement."""
        if run_key is None or run_key in self._held or self._failed or fcntl is None:
            return
        self._failed = True  # unless it succeeds: a folder that cannot be written is tried once
        with guarded("marking a child process"):
            folder = _folder(run_key)
            folder.mkdir(parents=True, exist_ok=True)
            file = folder / f"{os.getpid()}-{uuid4().hex[:8]}"
            unlocked = file.with_suffix(_UNLOCKED)
            descriptor = os.open(unlocked, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            unlocked.rename(file)
            self._held[run_key] = (descriptor, file)
            self._failed = False

    def remove(self) -> None:
        """Remove the marks: all events of this process have arrived."""
        while self._held:
            _, (descriptor, file) = self._held.popitem()
            with guarded("removing the mark of a child process"):
                file.unlink(missing_ok=True)
                os.close(descriptor)
                _remove_if_empty(file.parent)

    def drop(self) -> None:
        """Close the files that a fork inherited: the marks belong to the parent."""
        while self._held:
            os.close(self._held.popitem()[1][0])


def any_marks(run_key: UUID) -> bool:
    """Return whether a child of the run is at work, or has ended without having sent all its events."""
    return fcntl is not None and _folder(run_key).is_dir()


def lost(run_key: UUID) -> int:
    """The number of children of a run that ended without having sent all their events. Each is counted once."""
    if fcntl is None:
        return 0
    folder, count = _folder(run_key), 0
    if not folder.is_dir():
        return 0
    for file in folder.iterdir():
        if file.suffix == _UNLOCKED:
            continue
        try:
            descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # its child has removed it meanwhile
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue  # the child is still at work, and reports its count itself
        else:
            # a child that has just removed its mark has sent everything
            count += file.exists()
            file.unlink(missing_ok=True)
        finally:
            os.close(descriptor)
    _remove_if_empty(folder)
    _remove_old(folder.parent)
    return count


def _folder(run_key: UUID) -> Path:
    return Path(get_current_settings().home) / _FOLDER / str(run_key)


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return  # another child has a mark in it


def _remove_old(folder: Path) -> None:
    now = time.time()
    for old in folder.iterdir():
        if now - old.stat().st_mtime > _MAX_AGE_SECONDS:
            shutil.rmtree(old, ignore_errors=True)
