"""The official client's configuration, made fit for the targets, and its transports.

The client is imported late, since it costs half a second, and by this file and `client_events` only.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from prefect_lineage_events.openlineage.facets import Event
from prefect_lineage_events.settings import settings

if TYPE_CHECKING:
    from openlineage.client import OpenLineageClient
    from openlineage.client.transport import Transport

Config = dict[str, Any]
Profile = Literal["plain", "marquez"]

# Marquez takes 8-24 s for an event of some thousand column edges; the client's default is 5 s.
_TIMEOUT = 60.0
# Retries are the flow's: with the client's own, a 500 ends in an error that hides the answer.
_NO_RETRY = {"total": 0, "read": 0, "connect": 0, "status_forcelist": []}
# DataHub takes OpenLineage at an address of its own, and takes it as it is.
_DATAHUB = "openapi/openlineage"


@dataclass(frozen=True, slots=True)
class Outlet:
    """One place that events go to, with a client for it alone."""

    id: str
    client: OpenLineageClient
    profile: Profile = "plain"

    def emit(self, event: Event) -> None:
        """Raises whatever the transport raises."""
        from prefect_lineage_events.openlineage.client_events import client_event

        self.client.emit(client_event(event))


def configuration() -> Config:
    """The transport that the client's configuration names, in full; our file when it names none.

    The client merges `openlineage.yml` and `OPENLINEAGE__*` itself; `OPENLINEAGE_URL` alone means HTTP to it.
    """
    from openlineage.client import OpenLineageClient
    from openlineage.client.transport.noop import NoopConfig, NoopTransport

    if os.environ.get("OPENLINEAGE_DISABLED", "").strip().lower() == "true":
        return {"type": "noop"}
    configured = OpenLineageClient(transport=NoopTransport(NoopConfig())).config.transport or {}
    if configured.get("type"):
        return _fit(configured)
    if url := os.environ.get("OPENLINEAGE_URL"):
        return _fit({"type": "http", "url": url, **_simple_http()})
    return {"type": "file", "log_file_path": str(Path(settings().file).absolute()), "append": True}


def outlets(config: Config) -> list[Outlet]:
    """The places that a configuration sends to. A composite is taken apart: each part takes or refuses by itself.

    Only where a composite stops at the first success does the client decide among its parts.
    """
    from openlineage.client import OpenLineageClient
    from openlineage.client.transport import get_default_factory

    def transport(part: Config) -> Transport:
        return get_default_factory().create(dict(part))

    return [
        Outlet(identity(part), OpenLineageClient(transport=transport(part)), profile(part)) for part in _parts(config)
    ]


def profile(config: Config) -> Profile:
    """HTTP means Marquez, or what speaks as it does; anything else takes events as they are."""
    if config["type"] in ("http", "async_http"):
        address = f"{config.get('url', '')}/{config.get('endpoint', '')}"
        return "plain" if _DATAHUB in address else "marquez"
    return "marquez" if any(profile(part) == "marquez" for part in _children(config)) else "plain"


def identity(config: Config) -> str:
    """Tells targets apart, without credentials: `http http://marquez:5000/api/v1/lineage`, `file /x/y.jsonl`."""
    kind = str(config["type"])
    if children := _children(config):
        return f"{kind} ({', '.join(identity(child) for child in children)})"
    if url := config.get("url"):
        return f"{kind} {_address(str(url), config.get('endpoint'))}"
    if path := config.get("log_file_path"):
        return f"{kind} {path}"
    if topic := config.get("topic"):
        servers = (config.get("config") or {}).get("bootstrap.servers", "")
        return f"{kind} {servers}/{topic}"
    return kind


def _simple_http() -> Config:
    """What goes with `OPENLINEAGE_URL` (https://openlineage.io/docs/client/python)."""
    config: Config = {"endpoint": os.environ.get("OPENLINEAGE_ENDPOINT", "api/v1/lineage")}
    if key := os.environ.get("OPENLINEAGE_API_KEY"):
        config["auth"] = {"type": "api_key", "apiKey": key}
    return config


def _fit(config: Config) -> Config:
    """What the user left open is set as our targets need it."""
    if config.get("type") == "http":
        return {"timeout": _TIMEOUT, "retry": _NO_RETRY, **config}
    if isinstance(inner := config.get("transport"), dict):
        return {**config, "transport": _fit(inner)}
    if children := _children(config):
        return {**config, "transports": [_fit(child) for child in children]}
    return config


def _parts(config: Config) -> list[Config]:
    children = _children(config)
    if not children or not config.get("continue_on_success", True):
        return [config]
    if config.get("sort_transports"):
        children = sorted(children, key=lambda child: -int(child.get("priority", 0)))
    return [part for child in children for part in _parts(child)]


def _children(config: Config) -> list[Config]:
    """The transports of a composite, which may be a list or named; a transform has one inside."""
    transports = config.get("transports") or []
    if isinstance(transports, dict):
        return [{"name": name, **child} for name, child in transports.items() if child]
    return list(transports)


def _address(url: str, endpoint: str | None) -> str:
    parts = urlsplit(url)
    where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")
    return f"{where}/{endpoint or 'api/v1/lineage'}"
