"""The official client's configuration, made fit for the targets, taken apart into places, and its transports.

The client is imported late, since it costs half a second, and by this file and `client_events` only.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from prefect_lineage_events.openlineage import kafka
from prefect_lineage_events.openlineage.answers import LOSING_REDIRECTS
from prefect_lineage_events.openlineage.facets import Event
from prefect_lineage_events.settings import settings

if TYPE_CHECKING:
    from openlineage.client.transport import Transport

Config = dict[str, Any]

# Marquez takes 8-24 s for an event of some thousand column edges; the client's default is 5 s.
_TIMEOUT = 60.0
# Retries are the flow's: with the client's own, a 500 ends in an error that hides the answer.
_NO_RETRY = {"total": 0, "read": 0, "connect": 0, "status_forcelist": []}
_HTTP = frozenset({"http", "async_http"})
# What tells two transports of one kind apart, where neither address nor path does.
_PLACE_KEYS = ("projectId", "project_id", "location", "domainId", "domain_id", "region", "site")
_REFERENCE = re.compile(r"\{\{\s*prefect\.(?:blocks|variables)\.")
_SECRET_KEY = re.compile(r"(?i)key|token|secret|password|authorization|credential")
_SHORTEST_SECRET = 4
_CLOSING_SECONDS = 60.0


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
        return configured
    if url := os.environ.get("OPENLINEAGE_URL"):
        return {"type": "http", "url": url, **_simple_http()}
    return {"type": "file", "log_file_path": str(Path(settings().file).absolute()), "append": True}


def places(config: Config) -> list[Config]:
    """The places that a configuration sends to. A composite is taken apart: each part takes or refuses by itself.

    Only where a composite stops at the first success its parts are one place: one of them is to have the event.
    """
    fitted = [_fit(place) for place in _places(config)]
    return _with_our_key(fitted)


def alternatives(place: Config) -> list[Config]:
    """The transports of a place, of which the first that takes an event is enough; nearly always one."""
    children = _children(place)
    if not children:
        return [place]
    if place.get("sort_transports"):
        children = sorted(children, key=lambda child: -int(child.get("priority", 0)))
    return [one for child in children for one in alternatives(child)]


def identity(place: Config) -> str:
    """Tells places apart, without credentials: `http http://marquez:5000/api/v1/lineage`, `file /x/y.jsonl`.

    Another address is another place; another key, timeout or name is not.
    """
    kind = "http" if place["type"] in _HTTP else str(place["type"])
    if children := _children(place):
        return f"{kind} ({', '.join(identity(child) for child in children)})"
    if isinstance(inner := place.get("transport"), dict):
        return f"{kind} ({identity(inner)})"
    if url := address(place):
        return f"{kind} {url}"
    if path := place.get("log_file_path"):
        return f"{kind} {path}"
    if topic := place.get("topic"):
        servers = (place.get("config") or {}).get("bootstrap.servers", "")
        return f"{kind} {servers}/{topic}"
    return " ".join([kind, *(str(place[key]) for key in _PLACE_KEYS if place.get(key))])


def short_name(place: Config) -> str:
    """What people call it: its name in the configuration, or host, file, topic, kind."""
    if name := place.get("name"):
        return str(name)
    if isinstance(inner := place.get("transport"), dict):
        return short_name(inner)
    if url := address(place):
        return urlsplit(url).netloc
    if path := place.get("log_file_path"):
        return str(path).rstrip("/").rpartition("/")[2]
    return str(place.get("topic") or place["type"])


def address(place: Config) -> str | None:
    """Where an HTTP transport posts to, without credentials; None for other transports."""
    if place["type"] not in _HTTP or not place.get("url"):
        return None
    parts = urlsplit(urljoin(str(place["url"]).strip(), place.get("endpoint") or "api/v1/lineage"))
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}{parts.path}"


class Outlet:
    """A transport of its own. `secrets` are the values that no message about it may tell."""

    def __init__(self, config: Config) -> None:
        from openlineage.client import OpenLineageClient
        from openlineage.client.transport import get_default_factory

        resolved = _resolved(config)
        self.secrets = tuple(secrets(resolved))
        self._answer: Any = None
        transport = get_default_factory().create(resolved)
        self._client = OpenLineageClient(transport=transport)
        self._watch(_innermost(transport))

    def emit(self, event: Event) -> None:
        """Raises whatever the transport raises, unless the target said that it has the event."""
        from prefect_lineage_events.openlineage.client_events import client_event

        self._answer = None
        try:
            self._client.emit(client_event(event))
        except Exception:
            # An answer that broke off behind a good status: sending it again would be once too often.
            if self._answer is None or not 200 <= self._answer.status_code < 300:
                raise

    def close(self) -> None:
        self._client.close(timeout=_CLOSING_SECONDS)

    def _watch(self, transport: Transport) -> None:
        from openlineage.client.transport.http import HttpTransport
        from openlineage.client.transport.kafka import KafkaTransport

        if isinstance(transport, HttpTransport):
            transport.session.hooks["response"].append(self._answered)
        elif isinstance(transport, KafkaTransport):
            kafka.tell_failures(transport)

    def _answered(self, response: Any, *args: Any, **kwargs: Any) -> None:
        from requests import HTTPError

        self._answer = response
        if response.status_code in LOSING_REDIRECTS:
            raise HTTPError("redirected", response=response)


def _simple_http() -> Config:
    """What goes with `OPENLINEAGE_URL` (https://openlineage.io/docs/client/python)."""
    config: Config = {"endpoint": os.environ.get("OPENLINEAGE_ENDPOINT", "api/v1/lineage")}
    if key := os.environ.get("OPENLINEAGE_API_KEY"):
        config["auth"] = {"type": "api_key", "apiKey": key}
    return config


def _places(config: Config) -> Iterator[Config]:
    if isinstance(inner := config.get("transport"), dict) and config["type"] == "transform":
        yield from ({**config, "transport": place} for place in _places(inner))
    elif (children := _children(config)) and config.get("continue_on_success", True):
        for child in children:
            yield from _places(child)
    else:
        yield config


def _children(config: Config) -> list[Config]:
    """The transports of a composite, which may be a list or named."""
    if config["type"] != "composite":
        return []
    transports = config.get("transports") or []
    if isinstance(transports, dict):
        return [{"name": name, **child} for name, child in transports.items() if child]
    return list(transports)


def _fit(config: Config) -> Config:
    """What the user left open is set as our targets need it."""
    if children := _children(config):
        return {**config, "transports": [_fit(child) for child in children]}
    if isinstance(inner := config.get("transport"), dict):
        return {**config, "transport": _fit(inner)}
    if config["type"] in _HTTP:
        # The asynchronous one drops what it cannot deliver, and keeps no order.
        return {"timeout": _TIMEOUT, "retry": _NO_RETRY, **config, "type": "http"}
    return kafka.fit(config) if config["type"] in kafka.KINDS else config


def _with_our_key(places: list[Config]) -> list[Config]:
    """The key of our settings goes to the one HTTP target that has none. Raises ValueError when there are several."""
    key = _our_key()
    keyless = [place for place in places if place["type"] == "http" and "auth" not in place]
    if not key or not keyless:
        return places
    if len(keyless) > 1:
        raise ValueError(
            "the settings `api_key` and `api_key_block` are for one HTTP target, and "
            f"{', '.join(map(short_name, keyless))} have no key of their own: give each an `auth`, "
            "such as {type: api_key, apiKey: '{{ prefect.blocks.secret.NAME }}'}"
        )
    keyed = {**keyless[0], "auth": {"type": "api_key", "apiKey": key}}
    return [keyed if place is keyless[0] else place for place in places]


def _our_key() -> str | None:
    if key := settings().api_key:
        return key.get_secret_value()
    block = settings().api_key_block
    return f"{{{{ prefect.blocks.secret.{block} }}}}" if block else None


def _resolved(config: Config) -> Config:
    """A copy in which each reference to a Prefect block or variable has its value, as in Prefect's own files.

    Raises ValueError that says which is missing.
    """
    copied = {**config}
    if not _REFERENCE.search(str(config)):
        return copied
    from prefect.utilities.asyncutils import run_coro_as_sync
    from prefect.utilities.templating import resolve_block_document_references, resolve_variables

    async def resolve() -> Config:
        with_blocks: Config = await resolve_block_document_references(copied)
        with_variables: Config = await resolve_variables(with_blocks)
        return with_variables

    return run_coro_as_sync(resolve()) or copied


def secrets(value: Any, secret: bool = False) -> Iterator[str]:
    """Values under names that speak of secrets, and passwords of addresses."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from secrets(item, secret or _SECRET_KEY.search(str(key)) is not None)
    elif isinstance(value, list):
        for item in value:
            yield from secrets(item, secret)
    elif isinstance(value, str):
        found = value if secret else urlsplit(value).password if "@" in value and "://" in value else None
        if found and len(found) >= _SHORTEST_SECRET:
            yield found


def _innermost(transport: Any) -> Transport:
    """The one that sends, inside of those that transform."""
    while (inner := getattr(transport, "transport", None)) is not None:
        transport = inner
    found: Transport = transport
    return found
