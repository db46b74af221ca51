"""What the statements of one scope handed to Python, moment by moment."""

from __future__ import annotations

import datetime as dt
from collections import deque
from dataclasses import dataclass, field

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
