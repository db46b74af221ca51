"""HTTP: the clients whose requests to allow-listed endpoints are captured."""

from __future__ import annotations

from prefect_lineage_events.instrumentation.http import clients
from prefect_lineage_events.instrumentation.library import Library

_TESTS = (
    "tests/instrumentation/http/test_requests.py",
    "tests/instrumentation/http/test_clients.py",
    "tests/flows/api_to_table.py",
)
_AGAINST = "an HTTP server of the tests"

LIBRARIES: tuple[Library, ...] = (
    Library(
        "http",
        "httpx._client",
        clients.patch,
        package="httpx",
        captured="requests of functions, `Client` and `AsyncClient`, streamed ones too, over any transport",
        not_captured="calls of a transport itself; columns and rows of a response",
        tests=_TESTS,
        against=_AGAINST,
    ),
    Library(
        "http",
        "httpx2._client",
        clients.patch,
        package="httpx2",
        captured="as httpx",
        not_captured="as httpx; WebSockets",
        tests=_TESTS,
        against=_AGAINST,
    ),
    Library(
        "http",
        "requests.sessions",
        clients.patch,
        package="requests",
        captured="requests of functions and `Session`, prepared and streamed ones too, over any adapter",
        not_captured="calls of an adapter itself; columns and rows of a response",
        tests=_TESTS,
        against=_AGAINST,
    ),
    Library(
        "http",
        "aiohttp.client",
        clients.patch,
        package="aiohttp",
        captured="requests of `ClientSession` and `aiohttp.request`",
        not_captured="WebSockets; columns and rows of a response; the size of what is sent",
        tests=_TESTS,
        against=_AGAINST,
    ),
    Library(
        "http",
        "urllib3.poolmanager",
        clients.patch,
        package="urllib3",
        captured="requests of `PoolManager`, `ProxyManager` and `urllib3.request`",
        not_captured="calls of a connection pool itself; columns, rows and sizes",
        tests=_TESTS,
        against=_AGAINST,
    ),
    Library(
        "http",
        "urllib.request",
        clients.patch,
        package="urllib",
        captured="`urlopen` and openers",
        not_captured="`http.client`; columns and rows of a response",
        tests=_TESTS,
        against=_AGAINST,
    ),
)
