"""The MCP server over stdio and over HTTP, asked by the SDK's own client from another process."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest

mcp = pytest.importorskip("mcp")

from prefect_lineage_events.assistants.server import serve_http  # noqa: E402

SERVING = ["-m", "tests.assistants.serving"]


async def names(server: object) -> list[str]:
    async with mcp.Client(server) as client:
        result = await client.call_tool("search_datasets", {"word": "shop"})
    return [item["dataset"]["name"] for item in result.structured_content["answer"]["datasets"]]


async def test_stdio():
    server = mcp.StdioServerParameters(command=sys.executable, args=[*SERVING, "stdio"])
    assert await names(server) == ["shop.mart.sales", "shop.raw.orders"]


@pytest.fixture
def port() -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, *SERVING, str(number)], stderr=subprocess.DEVNULL)
    try:
        _wait_for(number, process)
        yield number
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError("the server does not listen")


async def test_http_on_loopback_refuses_foreign_hosts_and_origins(port):
    address = f"http://127.0.0.1:{port}/mcp"
    assert await names(address) == ["shop.mart.sales", "shop.raw.orders"]
    # A page in a browser must not reach it by a name that leads to this machine (DNS rebinding).
    for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
        response = httpx.post(address, headers=headers, json={}, trust_env=False)
        assert response.status_code in (403, 421), headers


def test_a_taken_port_is_an_error(port):
    with pytest.raises(ValueError, match=f"port {port} cannot be used"):
        serve_http(lambda: pytest.fail("it does not serve"), port)
