"""Ends of processes at which Python runs no exit calls: `os._exit`, and SIGTERM in a child of `multiprocessing`.

`Pool.__exit__` terminates its children with SIGTERM and then waits for them. A child that was forked or spawned must
send its events before it ends, without an interruption.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from prefect_lineage_events.guard import guarded

_exit = os._exit


def before_hard_exit(stop: Callable[[], None]) -> None:
    """Call `stop` before `os._exit` ends the process, from now on. To be called once in a process."""

    def exit_after(status: int) -> NoReturn:
        with guarded("ending before os._exit"):
            stop()
        _exit(status)

    exit_after.__wrapped__ = _exit  # type: ignore[attr-defined]
    exit_after.__name__, exit_after.__qualname__, exit_after.__doc__ = _exit.__name__, _exit.__qualname__, _exit.__doc__
    os._exit = exit_after


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

    signal.signal(signal.SIGTERM, terminate)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ignore SIGTERM during the block in a child of `multiprocessing`, which is about to end anyway.

    Without us the child would have ended before the signal, with its own exit code.
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
    """Is this the main thread, which can set handlers, of a child of `multiprocessing`, which its parent terminates?"""
    return multiprocessing.parent_process() is not None and threading.current_thread() is threading.main_thread()
