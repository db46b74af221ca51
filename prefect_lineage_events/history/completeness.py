"""Is all there that a run's emitters say they sent? Judged by numbers and counts, never by silence. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from itertools import islice
from uuid import UUID

from prefect_lineage_events import encoding
from prefect_lineage_events.events import CountEvent, LineageEvent, SchemaEvent
from prefect_lineage_events.history.model import Completeness, RejectedEvent

# Missing numbers of one emitter that are named. A count is what a process says: it may be any.
MAX_NAMED = 1_000


def judge(
    numbered: Iterable[LineageEvent | SchemaEvent],
    counts: Iterable[CountEvent],
    *,
    run_ended: dt.datetime | None = None,
    silent: bool = False,
    rejected: Iterable[RejectedEvent] = (),
    running: bool = False,
) -> Completeness:
    """Which numbers are missing, per emitter, and which emitters may have sent more than is told.

    `lineage.closed` is an emitter's last word. A process that sees no flow end (a Dask worker, a pool) has only
    checkpoints: the one that it tells as it ends, or after the run had ended, is its last word too, and with `silent`
    (the run ended so long ago that whatever was sent is stored) any one that covers all its events.
    """
    seen: dict[UUID, set[int]] = {}
    for event in numbered:
        seen.setdefault(event.emitter.id, set()).add(event.emitter.sequence)
    unreadable = tuple(rejected)
    for one in unreadable:
        # It is there, so that waiting for it would bring nothing.
        if one.emitter is not None and one.sequence is not None:
            seen.setdefault(one.emitter, set()).add(one.sequence)
    told: dict[UUID, list[CountEvent]] = {}
    for count in counts:
        told.setdefault(count.emitter_id, []).append(count)
        seen.setdefault(count.emitter_id, set())

    missing: dict[UUID, tuple[int, ...]] = {}
    unclosed: list[UUID] = []
    unnamed = 0
    for emitter in sorted(seen):
        words = told.get(emitter, [])
        promised = max((w.count for w in words), default=0)
        # A gap below a number that is there is missing, whatever was counted so far.
        expected = max(promised, max(seen[emitter], default=-1) + 1)
        gaps = expected - len(seen[emitter])
        if gaps > 0:
            missing[emitter] = tuple(islice((n for n in range(expected) if n not in seen[emitter]), MAX_NAMED))
            unnamed += gaps - len(missing[emitter])
        if expected > promised or not any(_is_last(w, promised, run_ended, silent) for w in words):
            unclosed.append(emitter)
    dropped = sum(max((w.dropped + w.failed for w in words), default=0) for words in told.values())
    return Completeness(
        missing=missing,
        unclosed=tuple(unclosed),
        dropped=min(dropped, encoding.MAX_INTEGER),
        rejected=unreadable,
        unnamed=min(unnamed, encoding.MAX_INTEGER),
        running=running,
    )


def _is_last(word: CountEvent, promised: int, run_ended: dt.datetime | None, silent: bool) -> bool:
    if word.count < promised:
        return False
    told_after_the_end = bool(run_ended and word.occurred and word.occurred >= run_ended)
    return word.closed or word.final or silent or told_after_the_end
