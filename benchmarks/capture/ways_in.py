"""Costs of ways in other than SQL: a call of a library, plain and captured, in blocks in turns."""

from __future__ import annotations

import contextlib
import http.server
import sqlite3
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from prefect import flow

from prefect_lineage_events import instrument, uninstrument
from prefect_lineage_events.emission import worker

BLOCK = 50


def report(folder: Path, port: int, rounds: int = 8) -> None:
    print(f"\n{'a call of a library, captured':<48}{'x plain':>12}{'added us':>12}{'plain us':>12}")

    @flow(name="benchmark-ways-in")
    def measure() -> None:
        with _server(port) as url:
            for name, call in _calls(folder, url).items():
                plain, captured = _in_turns(call, rounds)
                print(f"{name:<48}{captured / plain:12.2f}{captured - plain:12.0f}{plain:12.0f}")

    measure()


def _in_turns(call: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Microseconds of a call, plain and captured: medians of the blocks' medians."""
    found: dict[bool, list[float]] = {False: [], True: []}
    for turn in range(rounds):
        for is_captured in (False, True) if turn % 2 else (True, False):
            instrument() if is_captured else uninstrument()
            call()
            found[is_captured].append(_block(call))
            worker.flush(60)
    instrument()
    return statistics.median(found[False]), statistics.median(found[True])


def _block(call: Callable[[], object]) -> float:
    spent = []
    for _ in range(BLOCK):
        started = time.perf_counter_ns()
        call()
        spent.append((time.perf_counter_ns() - started) / 1_000)
    return statistics.median(spent)


def _calls(folder: Path, url: str) -> dict[str, Callable[[], object]]:
    import fsspec
    import httpx
    import pandas as pd
    import polars as pl
    import requests

    path, database, parquet = str(folder / "few.csv"), folder / "few.db", str(folder / "few.parquet")
    Path(path).write_text("id,amount\n1,2\n3,4\n")
    frame = pl.DataFrame({"id": [1, 3], "amount": [2, 4]})
    frame.write_parquet(parquet)
    client, session = httpx.Client(), requests.Session()

    def opened() -> None:
        with fsspec.open(path, "rb") as file:
            file.read()

    return {
        "pandas.read_csv": lambda: pd.read_csv(path),
        "polars.scan_parquet(...).collect()": lambda: pl.scan_parquet(parquet).collect(),
        "fsspec.open, read, close": opened,
        "sqlite3.connect, close": lambda: sqlite3.connect(database).close(),
        "httpx GET of a listed host": lambda: client.get(url),
        "requests GET of a listed host": lambda: session.get(url),
    }


@contextlib.contextmanager
def _server(port: int) -> Iterator[str]:
    """A server that the setting `http_endpoints` allows to be captured."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet: the second one would wait for an acknowledgement

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}/orders/7"
    finally:
        server.shutdown()
        thread.join()
