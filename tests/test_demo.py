"""The demo's environment; `make demo` runs the demo itself."""

from __future__ import annotations

from demo.run import child_environment
from prefect_lineage_events.settings import PREFIX


def test_demos_have_one_job_namespace_whatever_their_ports() -> None:
    first, second = (child_environment(f"http://127.0.0.1:{port}/api") for port in (4201, 4202))
    assert first[f"{PREFIX}JOB_NAMESPACE"] == second[f"{PREFIX}JOB_NAMESPACE"]
    assert first["PREFECT_API_URL"] != second["PREFECT_API_URL"]
