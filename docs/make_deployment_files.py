"""Write `automations/assemble.yaml` and `deployments/prefect.yaml` from `prefect_lineage_events/deploy.py`.

python docs/make_deployment_files.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from prefect.deployments.runner import RunnerDeployment

from prefect_lineage_events import deploy

ROOT = Path(__file__).resolve().parent.parent
# A placeholder: Prefect refuses a name here.
NO_DEPLOYMENT = "00000000-0000-0000-0000-000000000000"
_WRITTEN = "# Written by docs/make_deployment_files.py from prefect_lineage_events/deploy.py: change that, then run it again.\n"

AUTOMATION_HEAD = f"""\
{_WRITTEN}#
# This automation runs the assembler when flow runs with lineage have ended, on Prefect Server and Prefect Cloud.
# `prefect-lineage deploy` creates and updates it. To import it by hand, fill in the id of the assembler's deployment:
#
#   prefect-lineage deploy --print-automation > assemble.yaml     # prints it with the id
#   prefect automation create --from-file assemble.yaml           # run this once: each call makes another automation
"""
DEPLOYMENTS_HEAD = f"""\
{_WRITTEN}#
# The assembler's deployments for a work pool: `prefect --no-prompt deploy --all --prefect-file deployments/prefect.yaml`
# with PREFECT_LINEAGE_WORK_POOL set. `prefect-lineage deploy --work-pool NAME` makes the same, and the automation too.
#
# The worker, or the image that it starts, has this package installed, so that there is no code to pull. The target is
# the OPENLINEAGE_URL of the shell that deploys. `prefect-lineage deploy` also stores several targets, files and
# the names of Secret blocks that hold keys.
"""


def files() -> dict[Path, str]:
    """The text of each file that is written from the code."""
    return {
        ROOT / "automations" / "assemble.yaml": AUTOMATION_HEAD + deploy.automation_yaml(NO_DEPLOYMENT),
        ROOT / "deployments" / "prefect.yaml": DEPLOYMENTS_HEAD + _deployments_yaml(),
    }


def _deployments_yaml() -> str:
    content = {"name": "prefect-lineage-events", "pull": [], "deployments": list(map(_fields, deploy.deployments()))}
    return yaml.safe_dump(content, sort_keys=False, width=110)


def _fields(deployment: RunnerDeployment) -> dict[str, Any]:
    return dict(_entries(deployment))


def _entries(deployment: RunnerDeployment) -> Iterator[tuple[str, Any]]:
    yield "name", deployment.name
    yield "description", (deployment.description or "").partition("\n")[0]
    yield "entrypoint", deployment.entrypoint
    yield "tags", list(deployment.tags)
    environment = {"OPENLINEAGE_URL": "{{ $OPENLINEAGE_URL }}"}
    yield "work_pool", {"name": "{{ $PREFECT_LINEAGE_WORK_POOL }}", "job_variables": {"env": environment}}
    if deployment.concurrency_limit:
        strategy = deployment.concurrency_options.collision_strategy if deployment.concurrency_options else None
        yield "concurrency_limit", {"limit": deployment.concurrency_limit, "collision_strategy": strategy.value}
    if deployment.schedules:
        yield "schedules", [{"interval": int(one.schedule.interval.total_seconds())} for one in deployment.schedules]


if __name__ == "__main__":
    for _path, _text in files().items():
        _path.write_text(_text, encoding="utf-8")
