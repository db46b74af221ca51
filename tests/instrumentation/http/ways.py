"""One request by each way of each HTTP client."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import aiohttp
import httpx
import httpx2
import requests
import urllib3

Request = Callable[[str, str], int]
"""Makes a request by method and URL, follows redirects, and returns the status."""


def _httpx_function(method: str, url: str) -> int:
    return httpx.request(method, url, follow_redirects=True).status_code


def _httpx_client(method: str, url: str) -> int:
    base, path = url[: url.index("/", 8)], url[url.index("/", 8) :]
    with httpx.Client(base_url=base, follow_redirects=True) as client:
        return client.request(method, path).status_code


def _httpx_streamed(method: str, url: str) -> int:
    with httpx.stream(method, url, follow_redirects=True) as response:
        assert not response.is_stream_consumed
        response.read()
        return response.status_code


def _httpx_sent(method: str, url: str) -> int:
    class Client(httpx.Client):
        """A subclass that sends in its own way."""

        def send(self, request: httpx.Request, **more: Any) -> httpx.Response:
            return super().send(request, **more)

    with Client(follow_redirects=True, transport=httpx.HTTPTransport(retries=1)) as client:
        return client.send(client.build_request(method, url)).status_code


def _httpx_async(method: str, url: str) -> int:
    async def made() -> int:
        async with httpx.AsyncClient(follow_redirects=True) as client:
            return (await client.request(method, url)).status_code

    return asyncio.run(made())


def _httpx_async_streamed(method: str, url: str) -> int:
    async def made() -> int:
        async with httpx.AsyncClient(follow_redirects=True) as client, client.stream(method, url) as response:
            return response.status_code

    return asyncio.run(made())


def _httpx2_function(method: str, url: str) -> int:
    return httpx2.request(method, url, follow_redirects=True).status_code


def _requests_function(method: str, url: str) -> int:
    return requests.request(method, url, timeout=30).status_code


def _requests_prepared(method: str, url: str) -> int:
    with requests.Session() as session:
        session.mount("http://", requests.adapters.HTTPAdapter(max_retries=2))
        prepared = session.prepare_request(requests.Request(method, url))
        return session.send(prepared, timeout=30).status_code


def _requests_streamed(method: str, url: str) -> int:
    class Session(requests.Session):
        """A subclass that sends in its own way."""

        def send(self, request: requests.PreparedRequest, **more: Any) -> requests.Response:
            return super().send(request, **more)

    with Session() as session, session.request(method, url, stream=True) as response:
        return response.status_code


def _aiohttp_session(method: str, url: str) -> int:
    async def made() -> int:
        async with aiohttp.ClientSession() as session, session.request(method, url) as response:
            return response.status

    return asyncio.run(made())


def _aiohttp_function(method: str, url: str) -> int:
    async def made() -> int:
        async with aiohttp.request(method, url) as response:
            return response.status

    return asyncio.run(made())


def _urllib_function(method: str, url: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=30) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def _urllib3_function(method: str, url: str) -> int:
    return urllib3.request(method, url).status


CLIENTS: list[Request] = [
    _httpx_function, _httpx_client, _httpx_streamed, _httpx_sent, _httpx_async, _httpx_async_streamed,
    _httpx2_function, _requests_function, _requests_prepared, _requests_streamed, _aiohttp_session, _aiohttp_function,
    _urllib_function, _urllib3_function,
]  # fmt: skip
