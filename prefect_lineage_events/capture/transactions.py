"""What a connection's transaction does to lineage: a write that is rolled back wrote nothing.

Writes inside a transaction are held until it commits; savepoints nest; a rollback, or a connection that is lost, drops
them. A read counts at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from prefect_lineage_events.capture.coalesce import Coalescer
from prefect_lineage_events.capture.drafts import Draft
from prefect_lineage_events.capture.notes import TransactionStep

# A whole statement of transaction control, in the dialects' spellings; a block that begins with BEGIN is none.
_CONTROL = re.compile(
    r"""\s*(?:
      (?P<begin>BEGIN(?:\s+(?:TRAN|TRANSACTION|WORK|DEFERRED|IMMEDIATE|EXCLUSIVE|CONCURRENT))*(?:\s+(?:ISOLATION|READ|NAME)\b[^;]*)?
        |START\s+TRANSACTION\b[^;]*)
    | (?P<rollback_to>ROLLBACK(?:\s+(?:TRAN|TRANSACTION|WORK))?\s+TO(?:\s+SAVEPOINT)?\s+(?P<to>\S+?))
    | (?P<release>RELEASE(?:\s+SAVEPOINT)?\s+(?P<released>\S+?))
    | (?P<savepoint>(?:SAVEPOINT|SAVE\s+TRAN(?:SACTION)?)\s+(?P<name>\S+?))
    | (?P<rollback>(?:ROLLBACK|ABORT)(?:\s+(?:TRAN|TRANSACTION|WORK))?(?:\s+AND\s+(?:NO\s+)?CHAIN)?)
    | (?P<commit>(?:COMMIT|END)(?:\s+(?:TRAN|TRANSACTION|WORK))?(?:\s+AND\s+(?:NO\s+)?CHAIN)?)
    )\s*;?\s*""",
    re.IGNORECASE | re.VERBOSE,
)
_STEPS: tuple[tuple[TransactionStep, str | None], ...] = (
    ("begin", None),
    ("rollback_to", "to"),
    ("release", "released"),
    ("savepoint", "name"),
    ("rollback", None),
    ("commit", None),
)
_MAX_CONTROL = 200


def control(sql: str) -> tuple[TransactionStep, str] | None:
    """The step, and the savepoint's name, that a text is: `BEGIN`, `COMMIT`, `ROLLBACK TO x`; None for other texts."""
    match = _CONTROL.fullmatch(sql) if len(sql) <= _MAX_CONTROL else None
    if match is None:
        return None
    return next((step, match[name].strip('"`[]') if name else "") for step, name in _STEPS if match[step] is not None)


@dataclass(slots=True)
class _Segment:
    """What was done since the transaction began, or since a savepoint of it."""

    savepoint: str = ""
    held: Coalescer = field(default_factory=Coalescer)


class Transaction:
    """A connection's open work. Values only: what comes out of `commit` is what really happened."""

    def __init__(self) -> None:
        self._segments = [_Segment()]
        self._begun = False

    @property
    def begun(self) -> bool:
        """Was a transaction begun that the driver may not know of (BEGIN as a text, on an autocommit connection)?"""
        return self._begun

    @property
    def size(self) -> int:
        return sum(len(s.held) for s in self._segments)

    @property
    def held(self) -> list[Draft]:
        """What waits for the end of the transaction, in order."""
        return [draft for segment in self._segments for draft in segment.held.drafts]

    def hold(self, draft: Draft) -> Draft:
        """Keep a write until its transaction ends; the draft it is counted in."""
        return self._segments[-1].held.add(draft)

    def step(self, step: TransactionStep, name: str = "") -> list[Draft]:
        """Do a step of transaction control; the drafts that are true from now on, in order."""
        committed: list[Draft] = []
        if step == "begin":
            self._begun = True
        elif step == "commit":
            committed = self.settle()
        elif step in ("rollback", "lost"):
            self.settle()
        elif step == "savepoint":
            self._segments.append(_Segment(_folded(name)))
        else:
            self._to_savepoint(_folded(name), keep=step == "release")
        return committed

    def settle(self) -> list[Draft]:
        """All held drafts; the transaction is over."""
        held = [draft for segment in self._segments for draft in segment.held.take()]
        self._segments = [_Segment()]
        self._begun = False
        return held

    def _to_savepoint(self, name: str, keep: bool) -> None:
        """Undo what came after the savepoint, or (release) make it part of what was before.

        A savepoint that we did not see was set before anything was held, so all that is held came after it.
        """
        found = next((i for i in range(len(self._segments) - 1, -1, -1) if self._segments[i].savepoint == name), 0)
        if not keep:
            self._segments[found:] = [_Segment(name if found else "")]
        elif found:
            released = self._segments[found:]
            del self._segments[found:]
            for segment in released:
                for draft in segment.held.take():
                    self.hold(draft)


def _folded(name: str) -> str:
    return name.strip().strip('"`[]').lower()
