"""The official client's transports, one for each endpoint, with the response of its target.

The client is imported late, since that costs half a second.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextvars import copy_context
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from prefect_lineage_events.delivery import kafka
from prefect_lineage_events.delivery.configuration import Config, is_secret
from prefect_lineage_events.delivery.reducing import reduced, trimmer
from prefect_lineage_events.delivery.responses import LOSING_REDIRECTS, NoResponseError, is_taken
from prefect_lineage_events.openlineage.facets import Event

if TYPE_CHECKING:
    from openlineage.client.transport import Transport


_REFERENCE = re.compile(r"\{\{\s*(prefect\.(?:blocks|variables)\.[^\s}]+)")
_SHORTEST_SECRET = 4
_CLOSING_SECONDS = 60.0
# A timeout limits each step, and a target that sends a byte a second never exceeds it: an emission may last this many
# timeouts in total. Other transports have limits of their own.
_TIMEOUTS = 3
_LONGEST = 600.0
# Limits in bytes and seconds of reading a response's body.
_MAX_BODY = 65_536
_BODY_SECONDS = 10.0


class OpenTransport:
    """An open transport to one endpoint. `secrets`: values that no message about it may contain.

    `response`: that of HTTP to the last event, None for other transports.
    """

    def __init__(self, config: Config) -> None:
        from openlineage.client import OpenLineageClient
        from openlineage.client.transport import get_default_factory

        resolved = _resolved(config)
        self.secrets = tuple(secrets(resolved))
        self.response: Any = None
        transport = get_default_factory().create(resolved)
        _require_writable(_innermost(transport))
        self._seconds = _LONGEST
        self._client = OpenLineageClient(transport=transport)
        self._trim = trimmer(self._client)
        self._watch(_innermost(transport))

    def emit(self, event: Event) -> None:
        """Send an event. Raises the transport's error, unless the target responded that it has the event."""
        from prefect_lineage_events.delivery.client_events import client_event

        self.response = None
        sent = event if self._trim is None else reduced(event, self._trim)
        error: BaseException | None = None
        try:
            _within(self._seconds, lambda: self._client.emit(client_event(sent)))
        except Exception as raised:
            if self.response is None:
                raise
            # 2xx status but a truncated body: the event was accepted, so it must not be sent again. Likewise, a refused
            # event would be refused again.
            error = raised
        # The client counts some failures as success: a redirect that leads nowhere, 304, a login page.
        if self.response is not None and not is_taken(self.response):
            raise _unsuccessful(self.response) from error

    def close(self) -> None:
        self._client.close(timeout=_CLOSING_SECONDS)

    def _watch(self, transport: Transport) -> None:
        from openlineage.client.transport.http import HttpTransport
        from openlineage.client.transport.kafka import KafkaTransport

        if isinstance(transport, HttpTransport):
            self._seconds = _TIMEOUTS * transport.timeout
            # We read the body ourselves, since it may be endless.
            transport.session.stream = True
            transport.session.hooks["response"].append(self._on_response)
        elif isinstance(transport, KafkaTransport):
            kafka.raise_failures(transport)

    def _on_response(self, response: Any, *args: Any, **kwargs: Any) -> None:
        self.response = response
        _read_beginning(response)
        if response.status_code in LOSING_REDIRECTS:
            raise _unsuccessful(response)


def _within(seconds: float, call: Callable[[], object]) -> None:
    """Call in a thread, abandoned when its time is over. Raises NoResponseError then, or the error of the call."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001  (raised again in the waiting thread)
            raised.append(error)

    thread = Thread(target=copy_context().run, args=(run,), name="lineage-emit", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise NoResponseError(f"no complete response within {seconds:g} s")
    if raised:
        raise raised[0]


def _read_beginning(response: Any) -> None:
    """Read the beginning of the response's body, and let that be the whole body."""
    from urllib3.exceptions import HTTPError

    body, until = b"", time.monotonic() + _BODY_SECONDS
    try:
        while len(body) < _MAX_BODY and time.monotonic() < until:
            chunk = response.raw.read1(_MAX_BODY - len(body), decode_content=True)
            if not chunk:
                break
            body += chunk
    except (HTTPError, OSError):
        # The connection broke: the status counts.
        response.close()
    response._content, response._content_consumed = body, True


def _unsuccessful(response: Any) -> Exception:
    from requests import HTTPError

    return HTTPError(f"HTTP {response.status_code}", response=response)


def _resolved(config: Config) -> Config:
    """A copy in which each reference to a Prefect block or variable has its value, as in Prefect's own files.

    Raises ValueError with the name of the missing one.
    """
    copied = {**config}
    references = _REFERENCE.findall(str(config))
    if not references:
        return copied
    from prefect.exceptions import ObjectNotFound
    from prefect.utilities.asyncutils import run_coro_as_sync
    from prefect.utilities.templating import resolve_block_document_references, resolve_variables

    async def resolve() -> Config:
        with_blocks: Config = await resolve_block_document_references(copied)
        with_variables: Config = await resolve_variables(with_blocks)
        return with_variables

    try:
        return run_coro_as_sync(resolve()) or copied
    except ObjectNotFound as error:
        raise ValueError(f"this Prefect API has no such block or variable: {', '.join(references)}") from error


def secrets(value: Any, secret: bool = False) -> Iterator[str]:
    """Values under names of secrets, and passwords in addresses."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from secrets(item, secret or is_secret(key))
    elif isinstance(value, list):
        for item in value:
            yield from secrets(item, secret)
    elif isinstance(value, str):
        found = value if secret else urlsplit(value).password if "@" in value and "://" in value else None
        if found and len(found) >= _SHORTEST_SECRET:
            yield found


def _innermost(transport: Any) -> Transport:
    """The transport that sends, inside of transports that transform."""
    while (inner := getattr(transport, "transport", None)) is not None:
        transport = inner
    found: Transport = transport
    return found


def _require_writable(transport: Transport) -> None:
    """Raise OSError for a file that cannot be written: the client would raise at the first event only."""
    from openlineage.client.transport.file import FileTransport, LocalFileHandler

    if not isinstance(transport, FileTransport) or not isinstance(transport._file_handler, LocalFileHandler):
        return
    configured = transport.config.log_file_path
    path = Path(LocalFileHandler._to_local_path(configured))
    if not path.parent.is_dir():
        raise NotADirectoryError(f"the folder {path.parent} is missing: create it, or name another file")
    if path.is_dir() and transport.config.append:
        raise IsADirectoryError(f"{configured} is a folder: name a file in it")
    existing = path if transport.config.append and path.exists() else path.parent
    if not os.access(existing, os.W_OK):
        raise PermissionError(f"{existing} may not be written by this user: change its permissions, or name another")
