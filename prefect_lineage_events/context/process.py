"""Facts of this process, and ends at which Python runs no exit calls: `os._exit`, and SIGTERM in a child process.

`Pool.__exit__` terminates its children with SIGTERM and then waits for them. A child that was forked or spawned must
send its events before it ends, without an interruption.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn
from uuid import uuid4

from prefect_lineage_events import patches
from prefect_lineage_events.guard import guarded


class _Process:
    """The token of this process, and the time of the fork that it comes from."""

    token = uuid4().hex[:12]
    forked_at: float | None = None

    @classmethod
    def renew(cls) -> None:
        cls.token, cls.forked_at = uuid4().hex[:12], time.time()


os.register_at_fork(after_in_child=_Process.renew)


def process_token() -> str:
    """The token in the names of databases in memory and of temporary tables, which other processes do not share."""
    return _Process.token


def forked_at() -> float | None:
    """The time, in seconds since the epoch, of the fork that this process comes from; None for any other process."""
    return _Process.forked_at


def is_child() -> bool:
    """Return whether another process that may have a run started this one."""
    return _Process.forked_at is not None or multiprocessing.parent_process() is not None


def before_hard_exit(stop: Callable[[], None]) -> None:
    """Declare a patch of `os._exit` that calls `stop` first. To be called once in a process."""

    def replacement(exit_: Callable[[int], NoReturn], is_on: Callable[[], bool]) -> Callable[[int], NoReturn]:
        def exit_after(status: int) -> NoReturn:
            with guarded("ending before os._exit"):
                if is_on():
                    stop()
            exit_(status)

        exit_after.__wrapped__ = exit_  # type: ignore[attr-defined]
        for name in ("__name__", "__qualname__", "__doc__"):
            setattr(exit_after, name, getattr(exit_, name))
        return exit_after

    patches.declare(os, "_exit", replacement)


def before_termination(stop: Callable[[], None]) -> None:
    """Call `stop` before SIGTERM ends this child of `multiprocessing`, if nothing else handles the signal.

    The process then ends by the signal as it would have: its exit code is the same.
    """
    if not _may_handle() or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return
    process = os.getpid()

    def terminate(number: int, _: Any) -> None:
        if os.getpid() == process:
            with guarded("ending by SIGTERM"):
                stop()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def restore() -> None:
        if _may_handle() and signal.getsignal(signal.SIGTERM) is terminate:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    signal.signal(signal.SIGTERM, terminate)
    patches.when_off(restore)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ignore SIGTERM during the block in a child of `multiprocessing`, which is about to end anyway.

    Without lineage the child would have ended before the signal, with its own exit code.
    """
    if not _may_handle():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before if before is not None else signal.SIG_DFL)


def _may_handle() -> bool:
    """Return whether this is the main thread, which can set handlers, of a child of `multiprocessing`."""
    return multiprocessing.parent_process() is not None and threading.current_thread() is threading.main_thread()
