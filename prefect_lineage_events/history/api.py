"""Prefect's API as this room reads it: raw JSON, page by page, with the patience a busy server needs.

Prefect's own client retries 408, 429 (as long as its Retry-After says), 502 and 503, and broken connections. A server
on SQLite also answers 500 or 504 when its database is busy; everything here only reads, so asking again is safe.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, cast
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
# HTTP tells the time in whole seconds, and an answer takes its way: less than this is no difference of clocks.
_SAME_TIME = dt.timedelta(seconds=3)
_ahead: WeakKeyDictionary[SyncPrefectClient, dt.timedelta] = WeakKeyDictionary()


def get(client: SyncPrefectClient, path: str, params: Mapping[str, Any] | None = None) -> Any:
    """The JSON that `GET path` answers; None for 404. Raises PrefectHTTPStatusError for what stays refused."""
    try:
        return _request(client, "GET", path, params=dict(params or {}))
    except PrefectHTTPStatusError as error:
        if error.response.status_code == 404:
            return None
        raise


def post(client: SyncPrefectClient, path: str, body: Mapping[str, Any]) -> Any:
    """The JSON that a reading `POST path` (a filter) answers. Raises PrefectHTTPStatusError for what stays refused."""
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
    """The time by the API's clock, as its last answer to this client told it; before a first answer, by ours.

    Runs end, and claims are made, by that one clock: an assembler whose own is off would pass over runs by it.
    """
    return dt.datetime.now(dt.timezone.utc) + _ahead.get(client, dt.timedelta(0))


def time_of(value: str | None) -> dt.datetime | None:
    """An API time; None stays None."""
    return _TIME.validate_python(value) if value else None


def _request(client: SyncPrefectClient, method: str, path: str, **kwargs: Any) -> Any:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            # The client's routes are a closed list of literals; newer routes than its version knows are as good.
            response = client.request(cast(Any, method), cast(Any, path), **kwargs)
            _compare_clocks(client, response)
            return response.json()
        except PrefectHTTPStatusError as error:
            if error.response.status_code not in _BUSY or attempt == _ATTEMPTS:
                raise
            time.sleep(0.25 * 2**attempt)
    raise AssertionError("the last attempt returns or raises")


def _compare_clocks(client: SyncPrefectClient, response: httpx.Response) -> None:
    """Its clock against ours, by the answer's Date (RFC 9110, 6.6.1); one that tells no time changes nothing."""
    try:
        ahead = parsedate_to_datetime(response.headers["Date"]) - dt.datetime.now(dt.timezone.utc)
    except (KeyError, ValueError, TypeError):
        return
    _ahead[client] = ahead if abs(ahead) > _SAME_TIME else dt.timedelta(0)
