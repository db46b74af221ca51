"""`prefect-lineage doctor`: what is set up, what is not, and what to do about it. Changes nothing."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
from prefect import get_client
from prefect.client.base import ServerType
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL

from prefect_lineage_events.health import CHECKS, Finding
from prefect_lineage_events.openlineage.configuration import is_configured
from prefect_lineage_events.openlineage.delivery import TransientDeliveryError, open_once
from prefect_lineage_events.openlineage.targets import Target, targets
from prefect_lineage_events.settings import settings, unknown_settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

# What is older has no events to read as we read them.
OLDEST_SERVER = (3, 8)
_REFUSED = {401: "check PREFECT_API_KEY", 403: "this PREFECT_API_KEY may not do that: use one that may"}
_CONFIGURATION = "see OPENLINEAGE_URL, OPENLINEAGE__TRANSPORT__* and openlineage.yml"


def examine() -> list[Finding]:
    """All findings; when no Prefect API answers, only what can be said without it."""
    return [*_prefect(), *_targets(), *_settings(), _capture()]


def _prefect() -> Iterator[Finding]:
    url = PREFECT_API_URL.value()
    if not url:
        seen = "PREFECT_API_URL is not set: each process starts a server of its own, and its events die with it"
        yield Finding(False, "Prefect API", seen, "`prefect config set PREFECT_API_URL=http://127.0.0.1:4200/api`")
        return
    try:
        with get_client(sync_client=True) as client:
            yield _api(client)
            yield from _on_the_api(client)
    except PrefectHTTPStatusError as error:
        if error.response.status_code in (404, 405):
            yield Finding(False, "Prefect API", f"{url} answers {error.response.status_code}", _api_advice(url))
        else:
            yield _refused("Prefect API", error)
    except ValueError as error:
        yield Finding(False, "Prefect API", f"{url} does not answer as a Prefect API ({error})", _api_advice(url))
    except (httpx.HTTPError, OSError) as error:
        seen = f"no answer at {url} ({error})"
        yield Finding(False, "Prefect API", seen, "start the server, or set PREFECT_API_URL")


def _api_advice(url: str) -> str:
    if urlsplit(url).path.rstrip("/").endswith("/api") or "/workspaces/" in url:
        return "set PREFECT_API_URL to the address of a Prefect API"
    return f"a Prefect API's address ends in /api: set PREFECT_API_URL={url.rstrip('/')}/api"


def _api(client: SyncPrefectClient) -> Finding:
    if client.server_type == ServerType.CLOUD:
        client.api_healthcheck()
        return Finding(True, "Prefect API", f"{client.api_url}, Prefect Cloud")
    told = client.api_version()
    if tuple(map(int, told.split(".")[:2])) < OLDEST_SERVER:
        seen = f"{client.api_url} has version {told}"
        return Finding(False, "Prefect API", seen, f"use {'.'.join(map(str, OLDEST_SERVER))} or newer")
    return Finding(True, "Prefect API", f"{client.api_url}, version {told}")


def _on_the_api(client: SyncPrefectClient) -> Iterator[Finding]:
    for what, check in CHECKS.items():
        try:
            yield check(client)
        except PrefectHTTPStatusError as error:
            yield _refused(what, error)


def _refused(what: str, error: PrefectHTTPStatusError) -> Finding:
    code = error.response.status_code
    return Finding(False, what, f"the API answered {code}", _REFUSED.get(code, "see the server's log"))


def _settings() -> list[Finding]:
    """Misspelled settings: they pass in silence otherwise."""
    return [Finding(False, "settings", unknown, "see docs/settings.md") for unknown in unknown_settings()]


def _capture() -> Finding:
    if not settings().enabled:
        advice = "unset PREFECT_INTEGRATIONS_LINEAGE_EVENTS_ENABLED"
        return Finding(False, "capture", "switched off in this environment", advice)
    plugins = os.environ.get("PREFECT_PLUGINS_ENABLED", "").lower() in ("1", "true")
    if settings().instrument and not plugins:
        seen = "the setting `instrument` is on, but Prefect does not load plugins"
        return Finding(False, "capture", seen, "set PREFECT_PLUGINS_ENABLED=true")
    plain = "of plain connectors too" if settings().instrument else "of lineage blocks; plain connectors are left alone"
    return Finding(True, "capture", f"on, {plain}")


def _targets() -> list[Finding]:
    try:
        return [_target(to) for to in targets()]
    except Exception as error:  # noqa: BLE001  (the client's configuration is the user's: any mistake is a finding)
        return [Finding(False, "lineage target", f"its configuration cannot be read: {error}", _CONFIGURATION)]


def _target(to: Target) -> Finding:
    parts = urlsplit(to.address or "")
    try:
        open_once(to)
    except TransientDeliveryError as error:
        return Finding(False, "lineage target", f"{to}: {error}", _CONFIGURATION)
    if path := to.place.get("log_file_path"):
        return _file(to, Path(str(path)))
    if parts.hostname:
        if (parts.hostname, parts.port) == _prefects_place():
            advice = "set OPENLINEAGE_URL to the address of a lineage backend, such as http://marquez:5000"
            return Finding(False, "lineage target", f"{to} is the Prefect API itself", advice)
        try:
            port = parts.port or (443 if parts.scheme == "https" else 80)
            socket.create_connection((parts.hostname, port), timeout=5).close()
        except OSError as error:
            advice = "start it, or set OPENLINEAGE_URL; what is not delivered waits for the sweep"
            return Finding(False, "lineage target", f"{to} cannot be reached ({error})", advice)
    return Finding(True, "lineage target", f"{to} (profile {to.profile})")


def _prefects_place() -> tuple[str | None, int | None]:
    parts = urlsplit(PREFECT_API_URL.value() or "")
    return parts.hostname, parts.port


def _file(to: Target, path: Path) -> Finding:
    """A file: can it be written, and did anybody ask for one?"""
    if not path.parent.is_dir():
        seen = f"{to}: the folder {path.parent} is missing"
        return Finding(False, "lineage target", seen, "make it, or set OPENLINEAGE_URL")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        return Finding(
            False, "lineage target", f"{to} cannot be written", "change its permissions, or set OPENLINEAGE_URL"
        )
    if not is_configured():
        seen = f"{to}, since none is configured in this environment"
        return Finding(True, "lineage target", seen, "to have lineage in a backend, set OPENLINEAGE_URL", True)
    return Finding(True, "lineage target", f"{to} (profile {to.profile})")
