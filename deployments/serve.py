"""Serve the assembler on this machine, as `prefect-lineage serve` does. Use it as the start of a service of your own.

Run it where the Prefect API and the lineage target can be reached, under a supervisor (systemd, a container, a pod).
"""

from __future__ import annotations

from prefect_lineage_events.deploy import serve

if __name__ == "__main__":
    serve(sweep_minutes=5, settle=20, limit=4, poll_seconds=2)
