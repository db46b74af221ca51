"""Where lineage speaks up, and where it fails softly: few lines, none about a single statement or a user's value."""

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
"""Statements that ran where the user's stack had no room left to note them, nor to call anything that counts them."""


class guarded:
    """`with guarded("what goes on"):` no Exception leaves the block, for the flow is not ours to stop.

    Unless it is the user's own: see `raised_by_signal_handler`.

    The first failure of each kind in a process, and of each line that raises, is a warning; its traceback and all later
    ones are at debug level.
    `lost` is called with the reason after a failure that loses something of a run, to count it there.
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
        if kind is None or not issubclass(kind, Exception) or raised_by_signal_handler(trace):
            return False
        log_failure(self._what, error)
        if self._lost is not None:
            with guarded("counting a loss"):
                self._lost(f"{self._what} failed")
        return True


def count_losses_with(counter: Callable[[str], object]) -> None:
    """Have `count_loss` call `counter`, which does not raise. The last one counts."""
    _counters[:] = [counter]


def count_loss(reason: str) -> None:
    """Count that our own work has lost something of the calling code's run; nothing before anything is traced."""
    for counter in _counters:
        counter(reason)


def raised_by_signal_handler(trace: TracebackType | None) -> bool:
    """Was this raised by a handler of the user's (a time limit by SIGALRM), whose signal came while our code ran?

    Python calls a handler in the middle of whatever the main thread does, with the number and the interrupted frame.
    That argument is how it is known: swallowed by us, a time limit would never be met.
    https://docs.python.org/3/library/signal.html#execution-of-python-signal-handlers
    """
    while trace is not None and trace.tb_next is not None:
        interrupted, trace = trace.tb_frame, trace.tb_next
        for value in trace.tb_frame.f_locals.values():
            if value is interrupted or (type(value) is tuple and any(v is interrupted for v in value)):
                return True
    return False


def log_failure(what: str, error: BaseException | None = None) -> None:
    """Say that `what` failed, as `guarded` does; for an `except` block, whose error is the default."""
    error = error or sys.exc_info()[1]
    is_said = not _logged.isdisjoint(kinds := {what, _origin(error) or what})
    _logged.update(kinds)
    if not is_said:
        logger.warning("lineage: %s failed (%s); the flow is not affected", what, type(error).__name__)
    if logger.isEnabledFor(logging.DEBUG):
        logger.debug("lineage: %s failed: %s", what, described(error))


def described(error: BaseException | None) -> str:
    """An error's kind and the lines where it was raised, without its text: a driver's may hold values or a password."""
    if error is None:
        return "no error"
    return f"{type(error).__name__}\n{''.join(traceback.format_tb(error.__traceback__))}"


def is_own(error: BaseException) -> bool:
    """Was the error raised by a line of this package? Texts of such errors repeat nothing that may be secret."""
    return _origin(error).startswith(_PACKAGE)


def _origin(error: BaseException | None) -> str:
    """The line that raised the error: what calls it fails in many places, for one reason."""
    trace = error.__traceback__ if error is not None else None
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else ""
