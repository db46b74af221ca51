"""Command that checks the installation: `doctor`."""

from __future__ import annotations

from prefect_lineage_events.cli.errors import FAILED, OK


def doctor() -> int:
    """Check the installation, and print findings with their remedies."""
    from prefect_lineage_events.doctor import examine

    findings = examine()
    for finding in findings:
        print(finding)
    return OK if all(f.ok for f in findings) else FAILED
