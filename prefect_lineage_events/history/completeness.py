"""Check of a run's events for completeness, by sequence numbers and counts, never by silence. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from itertools import islice
from uuid import UUID

from prefect_lineage_events import encoding
from prefect_lineage_events.events import CountEvent, LineageEvent, SchemaEvent
from prefect_lineage_events.history.model import Completeness, RejectedEvent

# Missing numbers of one emitter that are listed. A count comes from any process, so it may be of any size.
MAX_NAMED = 1_000
MAX_REASONS = 10


def judge(
    numbered: Iterable[LineageEvent | SchemaEvent],
    counts: Iterable[CountEvent],
    *,
    run_ended: dt.datetime | None = None,
    silent: bool = False,
    rejected: Iterable[RejectedEvent] = (),
    running: bool = False,
) -> Completeness:
    """The missing numbers per emitter, and the emitters that may have sent more than they counted.

    `lineage.closed` is an emitter's final count. A process without a flow's end (a Dask worker, a pool) sends only
    checkpoints. One that it sends at its exit, or after the run had ended, is final too; with `silent` (the run ended
    so long ago that all that was sent is stored) so is any that covers all its events.
    """
    seen: dict[UUID, set[int]] = {}
    for event in numbered:
        seen.setdefault(event.emitter.id, set()).add(event.emitter.sequence)
    unreadable = tuple(rejected)
    for one in unreadable:
        # It has arrived: waiting for it would bring nothing.
        if one.emitter is not None and one.sequence is not None:
            seen.setdefault(one.emitter, set()).add(one.sequence)
    counts_by_emitter: dict[UUID, list[CountEvent]] = {}
    for count in counts:
        counts_by_emitter.setdefault(count.emitter_id, []).append(count)
        seen.setdefault(count.emitter_id, set())

    missing: dict[UUID, tuple[int, ...]] = {}
    unclosed: list[UUID] = []
    unnamed = 0
    for emitter in sorted(seen):
        own = counts_by_emitter.get(emitter, [])
        counted = max((count.count for count in own), default=0)
        # A number below one that arrived is missing, even if the emitter has not counted it yet.
        expected = max(counted, max(seen[emitter], default=-1) + 1)
        gaps = expected - len(seen[emitter])
        if gaps > 0:
            missing[emitter] = tuple(islice((n for n in range(expected) if n not in seen[emitter]), MAX_NAMED))
            unnamed += gaps - len(missing[emitter])
        if expected > counted or not any(_is_final(count, counted, run_ended, silent) for count in own):
            unclosed.append(emitter)
    dropped = sum(max((c.dropped + c.failed for c in own), default=0) for own in counts_by_emitter.values())
    reasons = (c.reason for own in counts_by_emitter.values() for c in own if c.reason and (c.dropped or c.failed))
    return Completeness(
        missing=missing,
        unclosed=tuple(unclosed),
        dropped=min(dropped, encoding.MAX_INTEGER),
        reasons=tuple(islice(dict.fromkeys(reasons), MAX_REASONS)),
        rejected=unreadable,
        unnamed=min(unnamed, encoding.MAX_INTEGER),
        running=running,
        children=any(c.children for own in counts_by_emitter.values() for c in own),
        not_captured=tuple(
            sorted({name for own in counts_by_emitter.values() for c in own for name in c.not_captured})
        ),
    )


def _is_final(count: CountEvent, highest: int, run_ended: dt.datetime | None, silent: bool) -> bool:
    if count.count < highest:
        return False
    after_the_end = bool(run_ended and count.occurred and count.occurred >= run_ended)
    return count.closed or count.final or silent or after_the_end
