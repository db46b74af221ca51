"""Is all there that a run's emitters say they sent? Judged by numbers and counts, never by silence. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from uuid import UUID

from prefect_lineage_events.events import CountEvent, LineageEvent, SchemaEvent
from prefect_lineage_events.history.model import Completeness


def judge(
    numbered: Iterable[LineageEvent | SchemaEvent],
    counts: Iterable[CountEvent],
    *,
    run_ended: dt.datetime | None = None,
    silent: bool = False,
) -> Completeness:
    """Which numbers are missing, per emitter, and which emitters may have sent more than is told.

    `lineage.closed` is an emitter's last word. A process that sees no flow end (a Dask worker, a pool) has only
    checkpoints: the one that it tells as it ends, or after the run had ended, is its last word too, and with `silent`
    (the run ended so long ago that whatever was sent is stored) any one that covers all its events.
    """
    seen: dict[UUID, set[int]] = {}
    for event in numbered:
        seen.setdefault(event.emitter.id, set()).add(event.emitter.sequence)
    told: dict[UUID, list[CountEvent]] = {}
    for count in counts:
        told.setdefault(count.emitter_id, []).append(count)
        seen.setdefault(count.emitter_id, set())

    missing: dict[UUID, tuple[int, ...]] = {}
    unclosed: list[UUID] = []
    for emitter in sorted(seen):
        words = told.get(emitter, [])
        promised = max((w.count for w in words), default=0)
        # A gap below a number that is there is missing, whatever was counted so far.
        expected = range(max(promised, max(seen[emitter], default=-1) + 1))
        if gaps := tuple(sorted(set(expected) - seen[emitter])):
            missing[emitter] = gaps
        if len(expected) > promised or not any(_is_last(w, promised, run_ended, silent) for w in words):
            unclosed.append(emitter)
    dropped = sum(max((w.dropped + w.failed for w in words), default=0) for words in told.values())
    return Completeness(missing=missing, unclosed=tuple(unclosed), dropped=dropped)


def _is_last(word: CountEvent, promised: int, run_ended: dt.datetime | None, silent: bool) -> bool:
    if word.count < promised:
        return False
    told_after_the_end = bool(run_ended and word.occurred and word.occurred >= run_ended)
    return word.closed or word.final or silent or told_after_the_end
