"""The official client's configuration, split into the endpoints it sends to, with the defaults our targets need."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from prefect.settings import PREFECT_HOME

from prefect_lineage_events.delivery import kafka, shape
from prefect_lineage_events.settings import settings

Config = dict[str, Any]

# Marquez takes 8-24 s for an event of some thousand column edges; the client's default is 5 s.
_TIMEOUT = 60.0
# The flow retries: the client's own retries turn a 500 into an error that hides the response.
_NO_RETRY = {"total": 0, "read": 0, "connect": 0, "status_forcelist": []}
_SECRET_KEY = re.compile(r"(?i)key|token|secret|password|authorization|credential")
_HTTP = frozenset({"http", "async_http"})
# Keys that distinguish two transports of one kind, where neither address nor path does.
_LOCATION_KEYS = ("projectId", "project_id", "location", "domainId", "domain_id", "region", "site")


def configuration() -> Config:
    """The transport of the client's configuration, in full; our file when it has none.

    The client merges `openlineage.yml` and `OPENLINEAGE__*` itself; `OPENLINEAGE_URL` alone means HTTP to it. Raises
    ValueError for a configuration of another shape, and for a file of it that cannot be read: the client would go on
    without it, and the lineage would go to our file unseen.
    """
    from openlineage.client import OpenLineageClient
    from openlineage.client.transport.noop import NoopConfig, NoopTransport

    if os.environ.get("OPENLINEAGE_DISABLED", "").strip().lower() == "true":
        return {"type": "noop"}
    try:
        configured = OpenLineageClient(transport=NoopTransport(NoopConfig())).config.transport or {}
    except (AttributeError, TypeError):  # its file holds a list or a text
        shape.require_readable_file()
        raise
    shape.require_transport(configured)
    if configured.get("type"):
        return configured
    if url := os.environ.get("OPENLINEAGE_URL"):
        return {"type": "http", "url": url, **_simple_http()}
    shape.require_none(configured)
    return {"type": "file", "log_file_path": str(_file()), "append": True}


def is_configured() -> bool:
    """Return whether the client's configuration names a target, or the setting `file` a file."""
    return configuration().get("log_file_path") != str(_file()) or "file" in settings().model_fields_set


def portable() -> tuple[str, bool]:
    """The configuration as one value of `OPENLINEAGE__TRANSPORT` for another process, and whether it lacks secrets.

    Keys must not be stored with a deployment. References to Secret blocks are kept; they are resolved when something is
    sent.
    """
    whole = configuration()
    if (key := _our_key()) and "{{" in key:
        whole = _with_auth(whole, key)
    kept = _without_secrets(whole)
    return json.dumps(kept), kept != whole or bool(_our_key() and "{{" not in str(_our_key()))


def endpoints(config: Config) -> list[Config]:
    """The endpoints of a configuration. A composite is split: each part takes or refuses events by itself.

    The parts of a composite that stops at the first success are one endpoint: one of them is to have the event.
    """
    fitted = [_with_defaults(endpoint) for endpoint in _endpoints(config)]
    return _with_our_key(fitted)


def fallbacks(endpoint: Config) -> list[Config]:
    """The transports of an endpoint, of which one has to take an event, in order; nearly always a single one."""
    children = _children(endpoint)
    if not children:
        return [endpoint]
    if endpoint.get("sort_transports"):
        children = sorted(children, key=lambda child: -int(child.get("priority", 0)))
    return [one for child in children for one in fallbacks(child)]


def identity(endpoint: Config) -> str:
    """The identity of an endpoint, without credentials: `http http://marquez:5000/api/v1/lineage`, `file /x/y.jsonl`.

    Another address is another endpoint; another key, timeout or name is not.
    """
    kind = "http" if endpoint["type"] in _HTTP else str(endpoint["type"])
    if children := _children(endpoint):
        return f"{kind} ({', '.join(identity(child) for child in children)})"
    if isinstance(inner := endpoint.get("transport"), dict):
        return f"{kind} ({identity(inner)})"
    if url := address(endpoint):
        return f"{kind} {url}"
    if path := endpoint.get("log_file_path"):
        return f"{kind} {path}"
    if topic := endpoint.get("topic"):
        servers = (endpoint.get("config") or {}).get("bootstrap.servers", "")
        return f"{kind} {servers}/{topic}"
    return " ".join([kind, *(str(endpoint[key]) for key in _LOCATION_KEYS if endpoint.get(key))])


def short_name(endpoint: Config) -> str:
    """The name for people: that of the configuration, or host, file, topic, kind."""
    if name := endpoint.get("name"):
        return str(name)
    if isinstance(inner := endpoint.get("transport"), dict):
        return short_name(inner)
    if url := address(endpoint):
        return urlsplit(url).netloc or url
    if path := endpoint.get("log_file_path"):
        return str(path).rstrip("/").rpartition("/")[2]
    return str(endpoint.get("topic") or endpoint["type"])


def address(endpoint: Config) -> str | None:
    """The URL that an HTTP transport posts to, without credentials; None for other transports."""
    if endpoint["type"] not in _HTTP or not endpoint.get("url"):
        return None
    parts = urlsplit(urljoin(str(endpoint["url"]).strip(), endpoint.get("endpoint") or "api/v1/lineage"))
    if not parts.netloc:
        # Not the address of a server: it is shown as configured.
        return str(endpoint["url"]).rpartition("@")[2]
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}{parts.path}"


def _simple_http() -> Config:
    """The variables that go with `OPENLINEAGE_URL` (https://openlineage.io/docs/client/python)."""
    config: Config = {"endpoint": os.environ.get("OPENLINEAGE_ENDPOINT", "api/v1/lineage")}
    if key := os.environ.get("OPENLINEAGE_API_KEY"):
        config["auth"] = {"type": "api_key", "apiKey": key}
    return config


def _endpoints(config: Config) -> Iterator[Config]:
    if isinstance(inner := config.get("transport"), dict) and config["type"] == "transform":
        yield from ({**config, "transport": endpoint} for endpoint in _endpoints(inner))
    elif (children := _children(config)) and config.get("continue_on_success", True):
        for child in children:
            yield from _endpoints(child)
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


def _with_defaults(config: Config) -> Config:
    """The configuration with defaults that our targets need, where the user set nothing."""
    if children := _children(config):
        return {**config, "transports": [_with_defaults(child) for child in children]}
    if isinstance(inner := config.get("transport"), dict):
        return {**config, "transport": _with_defaults(inner)}
    if config["type"] in _HTTP:
        # The asynchronous transport drops events that it cannot deliver, and keeps no order.
        return {"timeout": _TIMEOUT, "retry": _NO_RETRY, **config, "type": "http"}
    return kafka.with_defaults(config) if config["type"] in kafka.KINDS else config


def _with_our_key(endpoints: list[Config]) -> list[Config]:
    """Give the key of our settings to the one HTTP target without a key. Raises ValueError when there are several."""
    key = _our_key()
    keyless = [endpoint for endpoint in endpoints if endpoint["type"] == "http" and "auth" not in endpoint]
    if not key or not keyless:
        return endpoints
    if len(keyless) > 1:
        raise ValueError(
            "the settings `api_key` and `api_key_block` are for one HTTP target, and "
            f"{', '.join(map(short_name, keyless))} have no key of their own: give each an `auth`, "
            "such as {type: api_key, apiKey: '{{ prefect.blocks.secret.NAME }}'}"
        )
    keyed = {**keyless[0], "auth": {"type": "api_key", "apiKey": key}}
    return [keyed if endpoint is keyless[0] else endpoint for endpoint in endpoints]


def _file() -> Path:
    """The file for runs without another target: the same one in any working directory."""
    path = Path(settings().file).expanduser()
    return path if path.is_absolute() else Path(PREFECT_HOME.value()) / path


def _with_auth(config: Config, key: str) -> Config:
    alone = config["type"] in _HTTP and "auth" not in config
    return {**config, "auth": {"type": "api_key", "apiKey": key}} if alone else config


def _without_secrets(value: Any, secret: bool = False) -> Any:
    """A copy without values under names of secrets, and without credentials in addresses."""
    if isinstance(value, dict):
        copied = {k: _without_secrets(v, secret or is_secret(k)) for k, v in value.items()}
        return {k: v for k, v in copied.items() if v is not None}
    if isinstance(value, list):
        return [_without_secrets(item, secret) for item in value]
    if not isinstance(value, str) or "{{" in value:
        return value
    if secret:
        return None
    parts = urlsplit(value) if "://" in value and "@" in value else None
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if parts else value


def is_secret(key: object) -> bool:
    """Return whether a configuration's key is the name of a secret."""
    return _SECRET_KEY.search(str(key)) is not None


def _our_key() -> str | None:
    if key := settings().api_key:
        return key.get_secret_value()
    block = settings().api_key_block
    return f"{{{{ prefect.blocks.secret.{block} }}}}" if block else None
