"""A real Prefect server that a test kills and starts again, on the same port and over the same database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from tests.services.process import free_port, start


class KillableServer:
    """A server with default settings: it stores events up to five seconds after it received them."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.api_url = f"http://127.0.0.1:{free_port()}/api"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None

    def start(self, **settings: str) -> None:
        """Start the server. `settings`: additional environment variables until it ends."""
        port = httpx.URL(self.api_url).port
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
        environment = {**os.environ, "PREFECT_HOME": str(self.home), "PREFECT_UI_ENABLED": "false", **settings}
        environment.pop("PREFECT_API_URL", None)
        self._process = start(command, self.home / "server.log", self._healthy, env=environment)

    def kill(self, how: signal.Signals) -> None:
        """End the server by this signal. Requests that it answered are in its database; events that it only received
        may be lost.
        """
        assert self._process is not None
        os.killpg(self._process.pid, how)
        self._process.wait(60)
        self._process = None

    def stop(self) -> None:
        if self._process is not None:
            self.kill(signal.SIGKILL)

    def _healthy(self) -> bool:
        try:
            return httpx.get(f"{self.api_url}/health", timeout=120).is_success
        except httpx.HTTPError:
            return False
