"""Threads, work of thread pools and processes remember whose code started them: Prefect's contexts do not follow there.

Nothing of what the user's code sees changes: no context is carried over and no call is wrapped around theirs, the
objects of the standard library only carry a note. A thread pool's thread works for one task after the other, so there
the note is on the piece of work, and found by looking up the stack.
"""

from __future__ import annotations

import functools
import multiprocessing
import sys
import threading
from collections.abc import Callable
from concurrent.futures.thread import _WorkItem
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from prefect_lineage_events.guard import count_loss, guarded

Start = TypeVar("Start", bound=Callable[..., Any])

_NOTE = "_prefect_lineage_starter"
_WORK = _WorkItem.run.__code__


def submitting_run() -> Any:
    """What was noted on the work of a thread pool that the calling code is a part of; None when it is of none."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code is _WORK:
            return getattr(frame.f_locals.get("self"), _NOTE, None)
        frame = frame.f_back  # type: ignore[assignment]
    return None


def thread_starter() -> Any:
    """What was noted on the calling thread when it was started."""
    return getattr(threading.current_thread(), _NOTE, None)


def process_starter() -> str | None:
    """What was noted on this process by its parent, whichever way it was started."""
    return getattr(multiprocessing.current_process(), "_config", {}).get(_NOTE)


def install(of_thread: Callable[[], Any], of_process: Callable[[], str | None]) -> None:
    """From now on note what `of_thread` and `of_process` say when something is started. For once in a process.

    A process's note is a text, for it is pickled where the process is spawned.
    """

    def note(target: Any) -> None:
        target.__dict__[_NOTE] = of_thread()

    def note_process(process: Any) -> None:
        if (starter := of_process()) is not None:
            process._config[_NOTE] = starter

    threading.Thread.start = _before(threading.Thread.start, note)  # type: ignore[method-assign]
    _WorkItem.__init__ = _after(_WorkItem.__init__, note)  # type: ignore[method-assign]
    BaseProcess.__init__ = _after(BaseProcess.__init__, note_process)  # type: ignore[method-assign]


def _before(method: Start, note: Callable[[Any], None]) -> Start:
    @functools.wraps(method)
    def noted(self: Any, *args: Any, **kwargs: Any) -> Any:
        with guarded("noting who starts a thread", count_loss):
            note(self)
        return method(self, *args, **kwargs)

    return noted  # type: ignore[return-value]


def _after(method: Start, note: Callable[[Any], None]) -> Start:
    @functools.wraps(method)
    def noted(self: Any, *args: Any, **kwargs: Any) -> Any:
        method(self, *args, **kwargs)
        with guarded("noting who asks for work", count_loss):
            note(self)

    return noted  # type: ignore[return-value]
