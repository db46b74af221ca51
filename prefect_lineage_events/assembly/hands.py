"""What the statements of one scope handed to Python, moment by moment."""

from __future__ import annotations

import datetime as dt
from collections import deque
from dataclasses import dataclass, field

from prefect_lineage_events.assembly.lives import Placed
from prefect_lineage_events.assembly.relation import Relation

# A time, and the place of the statement among those of the run.
Moment = tuple[dt.datetime, int]


@dataclass(slots=True)
class Hands:
    """What the statements of one scope handed to Python: `all_day`, and up to `now`; `ahead` are those to come."""

    all_day: Relation = field(default_factory=Relation)
    now: Relation = field(default_factory=Relation)
    ahead: deque[tuple[Moment, Relation]] = field(default_factory=deque)

    def until(self, moment: Moment) -> Relation:
        while self.ahead and self.ahead[0][0] < moment:
            self.now.take(self.ahead.popleft()[1])
        return self.now


def hands_over(placed: Placed) -> bool:
    """Does the statement hand rows to Python: those that it reads, or those of its table that it returns?"""
    step = placed.step
    return (step.reads and not step.guessed) or (step.returns and placed.target is not None)


def passing(placed: Placed) -> bool:
    """Are some of these rows of tables that are gone when the run ends?"""
    return any(life.gone for life in ((placed.target,) if placed.target else placed.sources))
