"""Command that checks the installation: `doctor`."""

from __future__ import annotations

from dataclasses import asdict

from prefect_lineage_events.cli.errors import FAILED, OK
from prefect_lineage_events.cli.output import print_json
from prefect_lineage_events.cli.parameters import AsJson
from prefect_lineage_events.cli.progress import working


def doctor(*, json: AsJson = False) -> int:
    """Check the installation, and print findings with their remedies."""
    from prefect_lineage_events.doctor import examine

    with working("checking the installation"):
        findings = examine()
    if json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            print(finding)
    return OK if all(f.ok for f in findings) else FAILED
