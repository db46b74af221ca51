"""A server process that a test session starts, and stops again."""

from __future__ import annotations

import atexit
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# Seconds. Beside many busy processes a server gets a twentieth of a core, and needs fifteen seconds of one.
STARTS_WITHIN = 600


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(
    command: Sequence[str],
    log: Path,
    ready: Callable[[], bool],
    end: signal.Signals = signal.SIGINT,  # PostgreSQL's fast shutdown; uvicorn's too
    **popen: Any,
) -> subprocess.Popen[bytes]:
    """Start a server and wait until it is ready; it is stopped by `end` when the test session's process ends."""
    with log.open("w") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT, start_new_session=True, **popen)
    atexit.register(stop, process, end)
    deadline = time.monotonic() + STARTS_WITHIN
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{command[0]} did not start:\n{log.read_text()[-2000:]}")
        time.sleep(0.1)
    return process


def stop(process: subprocess.Popen[bytes], end: signal.Signals = signal.SIGINT) -> None:
    if process.poll() is not None:
        return
    process.send_signal(end)
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)
