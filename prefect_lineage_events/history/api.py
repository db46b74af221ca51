"""Prefect's API as this room reads it: raw JSON, page by page, with the patience a busy server needs.

Prefect's own client retries 408, 429 (as long as its Retry-After says), 502 and 503, and broken connections. A server
on SQLite also answers 500 or 504 when its database is busy; everything here only reads, so asking again is safe.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from prefect.exceptions import PrefectHTTPStatusError
from pydantic import TypeAdapter

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

JSON = dict[str, Any]

PAGE = 200
_BUSY = frozenset({500, 504})
_ATTEMPTS = 4
_TIME: TypeAdapter[dt.datetime] = TypeAdapter(dt.datetime)


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


def time_of(value: str | None) -> dt.datetime | None:
    """An API time; None stays None."""
    return _TIME.validate_python(value) if value else None


def _request(client: SyncPrefectClient, method: str, path: str, **kwargs: Any) -> Any:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            # The client's routes are a closed list of literals; newer routes than its version knows are as good.
            return client.request(cast(Any, method), cast(Any, path), **kwargs).json()
        except PrefectHTTPStatusError as error:
            if error.response.status_code not in _BUSY or attempt == _ATTEMPTS:
                raise
            time.sleep(0.25 * 2**attempt)
    raise AssertionError("the last attempt returns or raises")
