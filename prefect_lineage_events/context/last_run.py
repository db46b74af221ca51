"""The contexts in which a thread has asked for its run the last time, and that run: most calls are in the same."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefect_lineage_events.context.run import Run


def _none() -> None:
    return None


class LastRun(threading.local):
    """The last run of the calling thread. Contexts are held by weak references: they have whole flows in them."""

    run: Run | None = None
    _flow: Callable[[], Any] = staticmethod(_none)
    _task: Callable[[], Any] = staticmethod(_none)

    def is_of(self, flow: Any, task: Any) -> bool:
        """Return whether these are the same contexts.

        A task's context is gone after its end, and its reference returns None: this is not the same as no task.
        """
        return self._flow() is flow and self._task() is task and (task is None) is (self._task is _none)

    def keep(self, flow: Any, task: Any, run: Run | None) -> None:
        self.run = run
        self._flow = weakref.ref(flow) if flow is not None else _none
        self._task = weakref.ref(task) if task is not None else _none
