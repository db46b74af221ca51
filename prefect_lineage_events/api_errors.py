"""Explanation of an error of Prefect's API, with advice: one line for a terminal."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
from prefect.client.base import ServerType
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL
from pydantic import ValidationError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

# Older versions have no events API that we can read.
OLDEST_SERVER = (3, 8)
_ADVICE = {
    400: "is PREFECT_API_URL the address of a Prefect API, and the server of version 3.8 or newer?",
    401: "check PREFECT_API_KEY (Cloud) or PREFECT_API_AUTH_STRING (a server with a password)",
    403: "this PREFECT_API_KEY may not do that: use one that may",
    407: "a proxy asks for credentials: check HTTPS_PROXY and HTTP_PROXY",
    409: "another client changes the same thing now: try again",
    422: "is the server of version 3.8 or newer?",
    429: "the API takes no more requests for now: try again later",
}
_SERVERS_LOG = "see the server's log, and try again"
_MAX_ANSWER = 300


class UnusableApiError(Exception):
    """The API responds, but cannot be used; the message gives the reason and the remedy."""


def check_version(client: SyncPrefectClient) -> str:
    """The version of the API, or `Prefect Cloud`. One request.

    Raises UnusableApiError if it is too old or no Prefect API, and the client's exception if there is no response.
    """
    if client.server_type == ServerType.CLOUD:
        if error := client.api_healthcheck():
            raise error
        return "Prefect Cloud"
    url, version = str(client.api_url), client.api_version()
    numbers = re.match(r"(\d{1,9})\.(\d{1,9})", version) if isinstance(version, str) else None
    if numbers is None:
        raise UnusableApiError(f"{url} does not respond as a Prefect API -> {address_advice(url)}")
    if tuple(map(int, numbers.groups())) < OLDEST_SERVER:
        raise UnusableApiError(f"{url} has version {version} -> use {'.'.join(map(str, OLDEST_SERVER))} or newer")
    return f"version {version}"


def explain(error: Exception) -> str:
    """The error in one line, with a remedy."""
    url = PREFECT_API_URL.value()
    if isinstance(error, UnusableApiError):
        return str(error)
    if isinstance(error, ObjectNotFound):
        return f"something is not there (any more) on the Prefect API at {url} -> see `prefect-lineage doctor`"
    if isinstance(error, PrefectHTTPStatusError):
        return f"the Prefect API at {url} answered {answered(error)} -> {advice(error)}"
    if isinstance(error, json.JSONDecodeError | ValidationError):
        return f"{url} does not respond as a Prefect API ({_line(error)}) -> {address_advice(url)}"
    if isinstance(error, httpx.TimeoutException):
        return f"the Prefect API at {url} did not answer in time ({_line(error)}) -> is it busy? Try again"
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL):
        return f"{url} is no address of an API ({_line(error)}) -> an address looks like http://127.0.0.1:4200/api"
    if isinstance(error, httpx.HTTPError):
        return f"no Prefect API answers at {url}: start it, or set PREFECT_API_URL ({_line(error)})"
    return _line(error)


def answered(error: PrefectHTTPStatusError) -> str:
    """The status of a response, and the detail in it."""
    try:
        detail = error.response.json()
    except Exception:  # noqa: BLE001  (a proxy's page, an answer that broke off)
        return str(error.response.status_code)
    detail = detail.get("detail", detail.get("exception_message")) if isinstance(detail, dict) else None
    return f"{error.response.status_code}" + (f" ({str(detail)[:_MAX_ANSWER]})" if detail else "")


def advice(error: PrefectHTTPStatusError) -> str:
    """Advice on a response of that status."""
    code = error.response.status_code
    return address_advice(PREFECT_API_URL.value()) if code in (404, 405) else _ADVICE.get(code, _SERVERS_LOG)


def address_advice(url: str | None) -> str:
    """Advice on an address at which no Prefect API responds."""
    path = urlsplit(url or "").path
    if not url or path.rstrip("/").endswith("/api") or "/workspaces/" in path:
        return "set PREFECT_API_URL to the address of a Prefect API"
    return f"a Prefect API's address ends in /api: set PREFECT_API_URL={url.rstrip('/')}/api"


def _line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
