"""A flow whose process gets SIGTERM before its end, as from an operator or an orchestrator."""

from __future__ import annotations

import os
import signal

from prefect import flow

from prefect_lineage_events import record_read


@flow(name="ways-interrupted")
def interrupted() -> None:
    record_read("s3://bucket/before the signal")
    os.kill(os.getpid(), signal.SIGTERM)
    record_read("s3://bucket/never")


if __name__ == "__main__":
    interrupted()
