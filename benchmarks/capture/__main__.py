"""Costs of capture: in the caller's thread, in CPU time, in the flow's time, in memory, at import, at the end.

    python -m benchmarks.capture [--statements 1000]

Starts a Prefect server of its own, PostgreSQL and the Snowflake stand-in if they are installed. Ratios are within this
run; microseconds depend on the machine.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from demo.services import free_port, prefect_server


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--statements", type=int, default=1_000)
    count = parser.parse_args().statements
    with tempfile.TemporaryDirectory(prefix="lineage-benchmark-") as folder:
        os.environ |= {
            "PREFECT_HOME": folder,
            "PREFECT_LOGGING_LEVEL": "ERROR",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        }
        api_port = free_port()
        os.environ["PREFECT_INTEGRATIONS_LINEAGE_EVENTS_HTTP_ENDPOINTS"] = f"http://127.0.0.1:{api_port}"
        port = free_port()
        server = prefect_server(Path(folder), port, dict(os.environ))
        os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
        try:
            measure(Path(folder), api_port, count)
        finally:
            server.stop()


def measure(folder: Path, api_port: int, count: int) -> None:
    from benchmarks.capture import against_opentelemetry, bursts, costs, ends, imports, memory, slowdown, ways_in
    from benchmarks.capture.stores import stores

    with stores(folder) as connected:
        costs.report(connected, count)
        against_opentelemetry.report(connected, rounds=max(3, count // 50))
        slowdown.report(connected)
    ways_in.report(folder, api_port)
    memory.report()
    bursts.report()
    imports.report()
    ends.report()


if __name__ == "__main__":
    main()
