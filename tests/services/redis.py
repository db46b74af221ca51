"""A throw-away Redis server: an installed one, or Debian's package unpacked (`tests/services/debian.py`)."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from functools import cache
from pathlib import Path

import pytest

from tests.services.debian import FOLDER, library_path
from tests.services.process import free_port, start


@pytest.fixture(scope="session")
def redis_server() -> int:
    """The port of a server without data, which a test may fill with keys of its own."""
    port = _port()
    if port is None:
        pytest.skip("needs redis-server, or Debian's packages")
    return port


@cache
def _port() -> int | None:
    unpacked = FOLDER / "usr/bin/redis-server"
    program = shutil.which("redis-server") or (str(unpacked) if unpacked.exists() else None)
    if program is None:
        return None
    port, folder = free_port(), Path(tempfile.mkdtemp(prefix="lineage-redis-"))
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    environment = {**os.environ, "LD_LIBRARY_PATH": library_path()}
    start([*command, "--maxmemory", "64mb"], folder / "redis.log", lambda: _answers(port), env=environment)
    return port


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as probe:
            probe.sendall(b"PING\r\n")
            return probe.recv(7).startswith(b"+PONG")
    except OSError:
        return False
