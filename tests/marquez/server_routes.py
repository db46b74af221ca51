"""The addresses of Marquez about the server as a whole: sources, tags, statistics."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

from tests.marquez import values
from tests.marquez.routes import ROUTES, Query, Refused, route
from tests.marquez.rows import Source
from tests.marquez.store import Store
from tests.marquez.values import Failed, NotFound, instant

__all__ = ["ROUTES"]

TAGS = {"PII": "Personally identifiable information", "SENSITIVE": "Contains sensitive information"}
"""Those of Marquez's own configuration file."""

# sources


@route("GET", "sources")
def list_sources(store: Store, query: Query) -> Any:
    """List the sources. One source without an address, which every dataset without a `dataSource` facet has, breaks the
    list.
    """
    return {"sources": [_source(row) for row in query.page(sorted(store.sources.values(), key=lambda row: row.name))]}


@route("GET", "sources/{source}")
def get_source(store: Store, query: Query, source: str) -> Any:
    if source not in store.sources:
        raise NotFound(f"Source '{source}' not found.")
    return _source(store.sources[source])


def _source(row: Source) -> Any:
    if not row.connection_url.strip():
        raise Failed("NullPointerException: connectionUrl is marked non-null but is null")
    return {
        "type": "POSTGRESQL",
        "name": values.not_blank(row.name),
        "createdAt": instant(row.created_at),
        "updatedAt": instant(row.updated_at),
        "connectionUrl": row.connection_url,
        "description": None,
    }


# tags


@route("GET", "tags")
def list_tags(store: Store, query: Query) -> Any:
    return {"tags": [{"name": name, "description": description} for name, description in TAGS.items()]}


# statistics

Interval = tuple[int, int]
"""Its start and its end, in microseconds since 1970."""


@route("GET", "stats/lineage-events")
def count_events(store: Store, query: Query) -> Any:
    """Count the events by type. The original counts those of past hours with a delay."""

    def count(interval: Interval) -> dict[str, int]:
        kinds = [raw.event.get("eventType") for raw in store.raw_events if interval[0] <= raw.event_time < interval[1]]
        return {kind: kinds.count(kind.upper()) for kind in ("fail", "start", "complete", "abort")}

    return _statistics(query, count)


@route("GET", "stats/jobs")
def count_jobs(store: Store, query: Query) -> Any:
    return _statistics(query, _created_before(store.jobs.values()))


@route("GET", "stats/datasets")
def count_datasets(store: Store, query: Query) -> Any:
    return _statistics(query, _created_before(store.datasets.values()))


@route("GET", "stats/sources")
def count_sources(store: Store, query: Query) -> Any:
    return _statistics(query, _created_before(store.sources.values()))


def _created_before(rows: Any) -> Callable[[Interval], dict[str, int]]:
    return lambda interval: {"count": sum(1 for row in rows if row.created_at < interval[1])}


def _statistics(query: Query, count: Callable[[Interval], dict[str, int]]) -> Any:
    return [
        {"startInterval": instant(interval[0]), "endInterval": instant(interval[1]), **count(interval)}
        for interval in _intervals(query)
    ]


def _intervals(query: Query) -> Iterator[Interval]:
    """The last 24 hours, or the last seven days (the stand-in knows UTC only), with the current one."""
    period = query.get("period")
    if period is None:
        raise Refused(400, "Invalid period")
    if period not in ("DAY", "WEEK"):
        raise Refused(400, {"code": 400, "message": "query param period must be one of [DAY, WEEK]"})
    now = dt.datetime.now(dt.timezone.utc).replace(minute=0, second=0, microsecond=0)
    step, number = (dt.timedelta(hours=1), 24) if period == "DAY" else (dt.timedelta(days=1), 7)
    end = now + step if period == "DAY" else now.replace(hour=0) + step
    for before in range(number, 0, -1):
        yield tuple(round((end - step * (before - after)).timestamp() * 1e6) for after in (0, 1))  # type: ignore[misc]
