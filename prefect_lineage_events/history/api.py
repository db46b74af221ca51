"""Reading from Prefect's API: raw JSON, page by page, with retries for a busy server.

Prefect's own client retries 408, 429 (after its Retry-After), 502 and 503, and broken connections. A server
on SQLite also answers 500 or 504 when its database is busy. All requests here only read, so they are safe to retry.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID
from weakref import WeakKeyDictionary

from prefect.exceptions import PrefectHTTPStatusError
from pydantic import TypeAdapter

if TYPE_CHECKING:
    import httpx
    from prefect.client.orchestration import SyncPrefectClient

JSON = dict[str, Any]

PAGE = 200
_BUSY = frozenset({500, 504})
_ATTEMPTS = 4
_TIME: TypeAdapter[dt.datetime] = TypeAdapter(dt.datetime)
# The Date header has whole seconds, and a response takes time to arrive: a smaller difference is no clock difference.
_SAME_TIME = dt.timedelta(seconds=3)
# The API's clock minus ours, by client.
_clock_offset: WeakKeyDictionary[SyncPrefectClient, dt.timedelta] = WeakKeyDictionary()


def get(client: SyncPrefectClient, path: str, params: Mapping[str, Any] | None = None) -> Any:
    """The JSON of `GET path`; None for 404. Raises PrefectHTTPStatusError for other errors after the retries."""
    try:
        return _request(client, "GET", path, params=dict(params or {}))
    except PrefectHTTPStatusError as error:
        if error.response.status_code == 404:
            return None
        raise


def post(client: SyncPrefectClient, path: str, body: Mapping[str, Any]) -> Any:
    """The JSON of `POST path`, a filter. Raises PrefectHTTPStatusError for errors after the retries."""
    return _request(client, "POST", path, json=body)


def pages(client: SyncPrefectClient, path: str, body: Mapping[str, Any], size: int = PAGE) -> Iterator[list[JSON]]:
    """The rows of a filter route, up to `size` at a time, until a page is not full."""
    offset = 0
    while True:
        rows: list[JSON] = post(client, path, {**body, "limit": size, "offset": offset})
        yield rows
        if len(rows) < size:
            return
        offset += size


def now(client: SyncPrefectClient) -> dt.datetime:
    """The time by the API's clock, as of its last response to this client; before a first response, by ours.

    Ends of runs and leases are timed by that one clock: an assembler whose own clock is off would miss runs.
    """
    return dt.datetime.now(dt.timezone.utc) + _clock_offset.get(client, dt.timedelta(0))


def time_of(value: str | None) -> dt.datetime | None:
    """An API time; None stays None."""
    return _TIME.validate_python(value) if value else None


def id_of(value: object) -> UUID | None:
    """An API id; None for anything else. Every user of the API can emit an event with anything in place of an id."""
    try:
        return UUID(str(value))
    except ValueError:
        return None


def _request(client: SyncPrefectClient, method: str, path: str, **kwargs: Any) -> Any:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            # The client's routes are a closed list of literals, which lacks routes newer than its version.
            response = client.request(cast(Any, method), cast(Any, path), **kwargs)
            _compare_clocks(client, response)
            return response.json()
        except PrefectHTTPStatusError as error:
            if error.response.status_code not in _BUSY or attempt == _ATTEMPTS:
                raise
            time.sleep(0.25 * 2**attempt)
    raise AssertionError("the last attempt returns or raises")


def _compare_clocks(client: SyncPrefectClient, response: httpx.Response) -> None:
    """Store the offset of the API's clock, by the response's Date (RFC 9110, 6.6.1). Without a Date it stays."""
    try:
        offset = parsedate_to_datetime(response.headers["Date"]) - dt.datetime.now(dt.timezone.utc)
    except (KeyError, ValueError, TypeError):
        return
    _clock_offset[client] = offset if abs(offset) > _SAME_TIME else dt.timedelta(0)
