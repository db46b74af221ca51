"""Services of the demo: a Prefect server of its own and the served assembler, both child processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path


class ServiceError(RuntimeError):
    """A service did not start; the message names its log file."""


class Service:
    """A child process in a group of its own, so that `stop` also ends its children."""

    def __init__(self, name: str, command: list[str], log: Path, environment: dict[str, str]):
        self.name, self.log = name, log
        with log.open("w") as sink:
            self.process = subprocess.Popen(
                command,
                stdout=sink,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not ready():
            if self.process.poll() is not None:
                raise ServiceError(f"{self.name} ended with code {self.process.returncode}; its log is {self.log}")
            if time.monotonic() > deadline:
                raise ServiceError(f"{self.name} was not ready after {seconds:.0f} s; its log is {self.log}")
            time.sleep(0.3)

    def stop(self) -> None:
        for signal_, patience in ((signal.SIGTERM, 20), (signal.SIGKILL, 10)):
            if not self._signal(signal_):
                break
            try:
                self.process.wait(patience)
            except subprocess.TimeoutExpired:
                continue
        self._signal(signal.SIGKILL)

    def _signal(self, signal_: signal.Signals) -> bool:
        try:
            os.killpg(self.process.pid, signal_)
        except ProcessLookupError:
            return False
        return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def prefect_server(folder: Path, port: int, environment: dict[str, str]) -> Service:
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    # Without it, the server's pages call the API on the default port.
    own = {**environment, "PREFECT_SERVER_UI_API_URL": f"http://127.0.0.1:{port}/api"}
    server = Service("the Prefect server", command, folder / "server.log", own)
    server.wait_until(lambda: _answers(f"http://127.0.0.1:{port}/api/health"), 120)
    return server


def assembler(folder: Path, environment: dict[str, str]) -> Service:
    command = [str(Path(sys.executable).parent / "prefect-lineage"), "serve"]
    return Service("the assembler", command, folder / "assembler.log", environment)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False
