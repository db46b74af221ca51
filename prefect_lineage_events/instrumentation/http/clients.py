"""Requests of HTTP clients: those to allow-listed endpoints are noted once their response has come.

One method of each client is patched, through which all its requests go: those of functions, sessions, subclasses, and
of clients that exist already. Redirects, retries and authentication are inside it, so that a request is noted once. It
counts if the status of the final response is 2xx. The response, and its body, are not touched.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NamedTuple

from prefect_lineage_events import patches
from prefect_lineage_events.guard import count_loss, guarded
from prefect_lineage_events.instrumentation.access import Access, is_inside, report
from prefect_lineage_events.instrumentation.http.allowed import endpoints, is_of_client, request_dataset
from prefect_lineage_events.instrumentation.patched_function import PatchedFunction


class Exchange(NamedTuple):
    """A request and the status of its final response. `final_url` is that of the response, after redirects.

    `sent` and `received` are the sizes of the bodies in bytes, where they are known.
    """

    method: str
    url: str
    status: int
    final_url: str = ""
    sent: int | None = None
    received: int | None = None


Describe = Callable[[tuple[Any, ...], dict[str, Any], Any], Exchange]

# The calling code is inside a request: what is sent there belongs to it (redirects, a second try with a new token).
_requesting: ContextVar[bool] = ContextVar("lineage_inside_request", default=False)


@dataclass(frozen=True, slots=True)
class Client:
    """The method of a client through which all its requests go. `call` names the client."""

    class_name: str
    method: str
    call: str
    describe: Describe
    is_async: bool = False

    def patch(self, module: Any) -> None:
        """Patch the method, unless nothing is allow-listed."""
        if endpoints():
            patches.add(getattr(module, self.class_name), self.method, self._patched)

    def _patched(self, original: Any, is_on: Callable[[], bool]) -> Any:
        return PatchedFunction(original, self._requested_async if self.is_async else self._requested, enabled=is_on)

    def _requested(self, function: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        if _requesting.get() or is_inside():
            return function(*args, **kwargs)
        token = _requesting.set(True)
        try:
            response = function(*args, **kwargs)
        finally:
            _requesting.reset(token)
        self._note(args, kwargs, response)
        return response

    def _requested_async(self, function: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        if _requesting.get() or is_inside():
            return function(*args, **kwargs)
        coroutine: Any = self._awaited(function, args, kwargs)
        coroutine.__qualname__ = function.__qualname__  # Python's warning about a missing `await` names it
        return coroutine

    async def _awaited(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        token = _requesting.set(True)
        try:
            response = await function(*args, **kwargs)
        finally:
            _requesting.reset(token)
        self._note(args, kwargs, response)
        return response

    def _note(self, args: tuple[Any, ...], kwargs: dict[str, Any], response: Any) -> None:
        with guarded("noting a request", count_loss):
            exchange = self.describe(args, kwargs, response)
            if not 200 <= exchange.status < 300:
                return
            found = request_dataset(exchange.url, exchange.method)
            if found is None and exchange.final_url and exchange.final_url != exchange.url:
                found = request_dataset(exchange.final_url, exchange.method)
            if found is None or is_of_client():
                return
            operation, dataset = found
            size = exchange.received if operation == "read" else exchange.sent
            report(Access(operation, dataset, self.call, size=size))


def _length(value: Any) -> int | None:
    """The length in a header `Content-Length`."""
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 19 else None


def _httpx(_: Any, __: Any, response: Any) -> Exchange:
    request = response.history[0].request if response.history else response.request
    received = response.num_bytes_downloaded if response.is_stream_consumed else None
    sent = _length(request.headers.get("content-length"))
    final = str(response.request.url) if response.history else ""
    return Exchange(request.method, str(request.url), response.status_code, final, sent, received)


def _requests(_: Any, __: Any, response: Any) -> Exchange:
    request = response.history[0].request if response.history else response.request
    content = response._content
    received = len(content) if isinstance(content, bytes) else None
    sent = _length(request.headers.get("Content-Length"))
    return Exchange(request.method, str(request.url), response.status_code, str(response.url), sent, received)


def _aiohttp(_: Any, __: Any, response: Any) -> Exchange:
    first = response.history[0] if response.history else response
    return Exchange(first.method, str(first.url), response.status, str(response.url), received=response.content_length)


def _urllib(args: tuple[Any, ...], kwargs: dict[str, Any], response: Any) -> Exchange:
    target = args[0] if args else kwargs["fullurl"]
    if isinstance(target, str):
        data = args[1] if len(args) > 1 else kwargs.get("data")
        method, url = "GET" if data is None else "POST", target
    else:
        method, url = target.get_method(), target.full_url
    status = getattr(response, "status", None)  # None of a file or FTP
    return Exchange(method, url, status or 0, response.geturl(), received=getattr(response, "length", None))


def _urllib3(args: tuple[Any, ...], kwargs: dict[str, Any], response: Any) -> Exchange:
    method, url = (*args, *(kwargs[name] for name in ("method", "url")[len(args) :]))[:2]
    return Exchange(method, url, response.status, response.geturl() or "")


_CLIENTS = {
    "httpx": (Client("Client", "send", "httpx", _httpx), Client("AsyncClient", "send", "httpx", _httpx, True)),
    "httpx2": (Client("Client", "send", "httpx2", _httpx), Client("AsyncClient", "send", "httpx2", _httpx, True)),
    "requests": (Client("Session", "send", "requests", _requests),),
    "aiohttp": (Client("ClientSession", "_request", "aiohttp", _aiohttp, True),),
    "urllib": (Client("OpenerDirector", "open", "urllib", _urllib),),
    "urllib3": (Client("PoolManager", "urlopen", "urllib3", _urllib3),),
}


def patch(module: Any) -> None:
    """Patch the clients of a module."""
    for client in _CLIENTS[module.__name__.partition(".")[0]]:
        client.patch(module)
