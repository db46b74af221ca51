"""The code that a client's call belongs to: the user's, or another client's that uses it (Prefect's own, a store's)."""

from __future__ import annotations

import sys
from types import FrameType

_MAX_FRAMES = 40
# Blocks whose requests are the user's.
_BLOCKS = ("prefect.blocks.", "prefect._experimental.")
_OWN = "prefect_lineage_events.instrumentation."


def is_called_by(clients: frozenset[str], between: frozenset[str], modules: tuple[str, ...] = ()) -> bool:
    """Return whether one of these clients (packages, or beginnings of modules) makes the call.

    That is the innermost caller which belongs neither to a package `between` nor to our instrumentation.
    """
    frame: FrameType | None = sys._getframe(1)
    for _ in range(_MAX_FRAMES):
        if frame is None:
            return False
        module = frame.f_globals.get("__name__") or ""
        package = module.partition(".")[0]
        if not module.startswith(_OWN):
            if package in clients:
                return not module.startswith(_BLOCKS)
            if modules and module.startswith(modules):
                return True
            if package not in between:
                return False
        frame = frame.f_back
    return False
