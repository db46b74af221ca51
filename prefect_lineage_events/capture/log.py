"""Where lineage speaks up, and where it fails softly: few lines, none about a single statement or a user's value."""

from __future__ import annotations

import logging
import sys
from types import TracebackType

logger = logging.getLogger("prefect_lineage_events")
_said: set[str] = set()


class softly:
    """`with softly("what goes on"):` no Exception leaves the block, for the flow is not ours to stop.

    The first failure of each kind in a process is a warning, its traceback and all later ones are at debug level.
    """

    __slots__ = ("_what",)

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if kind is None or not issubclass(kind, Exception):
            return False
        failed_softly(self._what, error)
        return True


def failed_softly(what: str, error: BaseException | None = None) -> None:
    """Say that `what` failed, as `softly` does; for an `except` block, whose error is the default."""
    error = error or sys.exc_info()[1]
    if what not in _said:
        _said.add(what)
        logger.warning("lineage: %s failed (%s); the flow is not affected", what, type(error).__name__)
    logger.debug("lineage: %s failed", what, exc_info=error)
