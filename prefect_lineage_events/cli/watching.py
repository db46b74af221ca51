"""Command that shows events as they come: `watch`."""

from __future__ import annotations

import asyncio
import datetime as dt
import json as encoder
import sys
from collections import OrderedDict
from collections.abc import AsyncIterator
from itertools import islice
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from prefect_lineage_events.cli import checks
from prefect_lineage_events.cli.errors import MAX_LINE, OK
from prefect_lineage_events.cli.output import harmless
from prefect_lineage_events.cli.sentences import sentence
from prefect_lineage_events.escaping import line
from prefect_lineage_events.nearness import did_you_mean, nearest

if TYPE_CHECKING:
    from prefect.events import Event

_PREFIX = "lineage."
_LONGEST_WAIT = 30.0
# Events whose ids are kept, so that none is shown twice after a reconnection.
_KNOWN = 5_000
# Events that are read after a connection: 50 a page.
_MISSED_PAGES = 20
# Seconds after a connection, and after one reading, until the stored events are read.
_READ_AFTER = (0.0, 3.0, 10.0, 60.0)


def watch(
    *,
    flow: Annotated[str | None, Parameter(help="Only events of runs of this flow.")] = None,
    json: Annotated[bool, Parameter(help="Print one JSON object a line instead of sentences.")] = False,
) -> int:
    """Show lineage events as sentences, as they come, until Ctrl-C."""
    checks.require_api_address()
    checks.require_reachable_api()
    if flow is not None:
        _note_unknown_flow(flow)
    if sys.stderr.isatty():
        print("watching; Ctrl-C ends", file=sys.stderr)
    asyncio.run(_watch(flow, json))
    return OK


def _note_unknown_flow(name: str) -> None:
    """Report on standard error that no flow has this name: its first run may be still to come."""
    from prefect import get_client

    from prefect_lineage_events.history.runs import existing_flows

    with get_client(sync_client=True) as client:
        flows = existing_flows(client)
    if name not in flows:
        meant = did_you_mean(nearest(name, flows))
        print(f"note: there is no flow {line(repr(name))} until now{meant}", file=sys.stderr)


async def _watch(flow: str | None, as_json: bool) -> None:
    async for event in _events():
        related = [dict(one) for one in event.related]
        names = {one.get("prefect.resource.name") for one in related if one.get("prefect.resource.role") == "flow"}
        if flow is not None and flow not in names | {event.resource.get("prefect.resource.name")}:
            continue
        if as_json:
            print(harmless(encoder.dumps(event.model_dump(mode="json"), ensure_ascii=False)), flush=True)
            continue
        text = sentence(event.event, dict(event.resource), related, event.payload)
        print(f"{event.occurred.astimezone():%H:%M:%S}  {line(text, MAX_LINE)}", flush=True)


async def _events() -> AsyncIterator[Event]:
    """The events from now on, each once. A lost connection is made again, and what was missed is read."""
    from prefect.events.clients import get_events_subscriber
    from prefect.events.filters import EventFilter, EventNameFilter

    seen: OrderedDict[object, None] = OrderedDict()
    since = dt.datetime.now(dt.timezone.utc)
    wait = 1.0
    while True:
        try:
            chosen = EventFilter(event=EventNameFilter(prefix=[_PREFIX]))
            async with get_events_subscriber(chosen, reconnection_attempts=0) as subscriber:
                if wait > 1.0:
                    print("connected again", file=sys.stderr)
                async for event in _together(subscriber, _missed(since)):
                    wait = 1.0
                    since = max(since, event.occurred)
                    if _is_new(event, seen):
                        yield event
        except Exception as error:  # noqa: BLE001  (of websockets, asyncio or httpx; a refusal to authenticate as well)
            reason = " ".join(str(error).split()) or type(error).__name__
            print(f"the connection is lost ({line(reason)}); next try in {wait:.0f} s", file=sys.stderr)
        await asyncio.sleep(wait)
        wait = min(2 * wait, _LONGEST_WAIT)


async def _together(arriving: AsyncIterator[Event], missed: AsyncIterator[Event]) -> AsyncIterator[Event]:
    """The events of both, as they come, until those that arrive end; an error of either is raised."""
    found: asyncio.Queue[Event | Exception | None] = asyncio.Queue()

    async def put(events: AsyncIterator[Event], *, ends: bool) -> None:
        try:
            async for event in events:
                found.put_nowait(event)
            if ends:
                found.put_nowait(None)
        except Exception as error:  # noqa: BLE001  (the caller's)
            found.put_nowait(error)

    tasks = [asyncio.create_task(put(arriving, ends=True)), asyncio.create_task(put(missed, ends=False))]
    try:
        while (event := await found.get()) is not None:
            if isinstance(event, Exception):
                raise event
            yield event
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _is_new(event: Event, seen: OrderedDict[object, None]) -> bool:
    if event.id in seen:
        return False
    seen[event.id] = None
    if len(seen) > _KNOWN:
        seen.popitem(last=False)
    return True


async def _missed(since: dt.datetime) -> AsyncIterator[Event]:
    """The stored events since a time, read several times.

    The server sends what it receives once it has taken notice of the connection, and stores each event some seconds
    after it has received it.
    """
    for number, pause in enumerate(_READ_AFTER):
        await asyncio.sleep(pause)
        events, cut = await asyncio.to_thread(_stored, since)
        for event in events:
            yield event
        if cut and not number:
            print(f"more than {len(events):,} events were missed; the others are not shown", file=sys.stderr)


def _stored(since: dt.datetime) -> tuple[list[Event], bool]:
    """The stored events since a time, oldest first, and whether there are more of them."""
    from prefect import get_client
    from prefect.events.schemas.events import Event as PrefectEvent

    from prefect_lineage_events.history.assembler_events import pages

    with get_client(sync_client=True) as client:
        stored = pages(client, {"prefix": [_PREFIX]}, since, "ASC")
        found = [PrefectEvent.model_validate(one) for page in islice(stored, _MISSED_PAGES) for one in page]
        return found, bool(next(stored, []))
