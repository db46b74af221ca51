"""A Prefect server of the benchmark's own, with a history that was written before it started."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from demo import services

Written = TypeVar("Written")


@dataclass(frozen=True)
class BenchServer:
    """A running server. `environment` has the variables of its clients; their lineage goes to the file `target`."""

    folder: Path
    environment: dict[str, str]

    @property
    def target(self) -> Path:
        return self.folder / "openlineage.jsonl"


@contextmanager
def server_with(folder: Path, write: Callable[[Path], Written]) -> Iterator[tuple[BenchServer, Written]]:
    """A server whose database `write` filled before the start. It is stopped at the end."""
    port = services.free_port()
    own = {
        "PREFECT_HOME": str(folder / "home"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
        "PREFECT_LOGGING_LEVEL": "ERROR",
        # The runs of the history ended hours ago, so the server deletes none of its events meanwhile, as in a real one.
        "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P365D",
    }
    environment = {**{k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "OPENLINEAGE"))}, **own}
    services.prefect_server(folder, port, environment).stop()  # this created the tables
    written = write(folder / "home" / "prefect.db")
    server = services.prefect_server(folder, port, environment)
    try:
        target = {
            "OPENLINEAGE__TRANSPORT__TYPE": "file",
            "OPENLINEAGE__TRANSPORT__LOG_FILE_PATH": str(folder / "openlineage.jsonl"),
            "OPENLINEAGE__TRANSPORT__APPEND": "true",
        }
        api = {"PREFECT_API_URL": f"http://127.0.0.1:{port}/api"}
        yield BenchServer(folder, {**environment, **target, **api}), written
    finally:
        server.stop()
