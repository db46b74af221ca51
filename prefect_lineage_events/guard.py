"""The package's logger, and the guard that keeps its own exceptions from the user's code.

The log has few lines, and none about a single statement or a user's value.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

logger = logging.getLogger("prefect_lineage_events")
_PACKAGE = f"{Path(__file__).parent}{os.sep}"
_logged: set[str] = set()
_counters: list[Callable[[str], object]] = []

overflows = 0
"""The number of statements that ran where the user's stack had no room left to note or count them."""


class guarded:
    """A block, `with guarded("tracing a connection"):`, that no `Exception` leaves: lineage must not stop a flow.

    An exception of the user's own handler of a signal leaves it (see `raised_by_signal_handler`).

    The first failure of each kind in a process, and of each line that raises, is logged as a warning. Its traceback and
    all later failures are logged at debug level. `lost` is called with the reason, to count what a run has lost by it.
    """

    __slots__ = ("_lost", "_what")

    def __init__(self, what: str, lost: Callable[[str], object] | None = None) -> None:
        self._what = what
        self._lost = lost

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        return isinstance(error, Exception) and is_suppressed(self._what, error, self._lost)


def is_suppressed(what: str, error: Exception, lost: Callable[[str], object] | None = None) -> bool:
    """Return whether an exception must not reach the user's code, after it was logged and counted as by `guarded`.

    For `except` blocks in code that runs for each statement: a `try` costs nothing where nothing is raised, a `with`
    block 0.2 microseconds.
    """
    if raised_by_signal_handler(error.__traceback__):
        return False
    log_failure(what, error)
    if lost is not None:
        with guarded("counting a loss"):
            lost(f"{what} failed")
    return True


def count_losses_with(counter: Callable[[str], object]) -> None:
    """Have `count_loss` call `counter`, which does not raise. A later counter replaces an earlier one."""
    _counters[:] = [counter]


def count_loss(reason: str) -> None:
    """Count that our own work has lost something of the calling code's run. Does nothing before anything is traced."""
    for counter in _counters:
        counter(reason)


def raised_by_signal_handler(trace: TracebackType | None) -> bool:
    """Return whether a signal handler of the user's raised this (a time limit by SIGALRM) while our code ran.

    Python calls a handler in the middle of the main thread's work, with the signal's number and the interrupted frame.
    The handler is recognised by that argument. Its exception must not be suppressed: a time limit would have no effect.
    https://docs.python.org/3/library/signal.html#execution-of-python-signal-handlers
    """
    while trace is not None and trace.tb_next is not None:
        interrupted, trace = trace.tb_frame, trace.tb_next
        for value in trace.tb_frame.f_locals.values():
            if value is interrupted or (type(value) is tuple and any(v is interrupted for v in value)):
                return True
    return False


def log_failure(what: str, error: BaseException | None = None) -> None:
    """Log that `what` failed, as `guarded` does. The default error is that of the enclosing `except` block."""
    error = error or sys.exc_info()[1]
    is_logged = not _logged.isdisjoint(kinds := {what, _origin(error) or what})
    _logged.update(kinds)
    if not is_logged:
        logger.warning("lineage: %s failed (%s); the flow is not affected", what, type(error).__name__)
    if logger.isEnabledFor(logging.DEBUG):
        logger.debug("lineage: %s failed: %s", what, described(error))


def described(error: BaseException | None) -> str:
    """An error's class and traceback, without its text: that of a driver may contain values or a password."""
    if error is None:
        return "no error"
    return f"{type(error).__name__}\n{''.join(traceback.format_tb(error.__traceback__))}"


def is_own(error: BaseException) -> bool:
    """Return whether a line of this package raised the error. The texts of such errors contain no secrets."""
    return _origin(error).startswith(_PACKAGE)


def _origin(error: BaseException | None) -> str:
    """The line that raised the error, by which failures of many callers are recognised as one."""
    trace = error.__traceback__ if error is not None else None
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else ""
