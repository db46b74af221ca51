"""Write the files of `automations/`, `deployments/prefect.yaml` and the table of docs/automations.md from the code.

python docs/make_deployment_files.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from prefect.deployments.runner import RunnerDeployment

from prefect_lineage_events import deploy
from prefect_lineage_events.automations.assemble import ASSEMBLE
from prefect_lineage_events.automations.definition import Definition, Ids
from prefect_lineage_events.automations.listed import AUTOMATIONS
from prefect_lineage_events.automations.plan import as_yaml

ROOT = Path(__file__).resolve().parent.parent
_BY = "# Written by docs/make_deployment_files.py from prefect_lineage_events/{}: change that, then run it again.\n"
_WRITTEN = _BY.format("deploy.py")

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
    automations = {ROOT / "automations" / f"{one.name}.yaml": _automation_file(one) for one in AUTOMATIONS}
    guide = ROOT / "docs" / "automations.md"
    return {
        **automations,
        ROOT / "deployments" / "prefect.yaml": DEPLOYMENTS_HEAD + _deployments_yaml(),
        guide: _with_table(guide.read_text(encoding="utf-8")),
    }


def _with_table(text: str) -> str:
    """The guide with the table of the automations, which begins below a comment and ends with the first empty line."""
    head, begin, rest = text.partition(_TABLE)
    if not begin:
        raise ValueError(f"docs/automations.md has no line {_TABLE!r}")
    return f"{head}{begin}{_table()}\n\n{rest.partition(chr(10) * 2)[2]}"


_TABLE = "<!-- This table is written by docs/make_deployment_files.py. -->\n"


def _table() -> str:
    rows = ["| name | what it does | options | cost |", "|---|---|---|---|"]
    for one in AUTOMATIONS:
        default = " (default)" if one is ASSEMBLE else ""
        options = ", ".join(f"`--{name}`" for name in (*one.required, *one.optional))
        name = f"[{one.name}](../automations/{one.name}.yaml){default}"
        rows.append(f"| {name} | {one.description} | {options} | {one.cost} |")
    return "\n".join(rows)


def _automation_file(definition: Definition) -> str:
    module = f"automations/{definition.name.replace('-', '_')}.py"
    content = as_yaml(definition.build(definition.example, Ids()))
    fill = f"""\
#
# {definition.description}
# Cost: {definition.cost}
#
# This command makes and updates it:
#
#   {_command(definition)}
#
# To import it by hand instead:
"""
    return _BY.format(module) + fill + _BY_HAND[definition.group] + content


def _command(definition: Definition) -> str:
    example = {"table": definition.example.table, "run": definition.example.runs and definition.example.runs.name}
    options = "".join(f" --{option} {example[option]}" for option in definition.required)
    return f"prefect-lineage deploy --with {definition.name}{options}"


_IMPORT = "prefect automation create --from-file"
_BY_HAND = {
    "assembler": f"""\
#
#   prefect-lineage deploy --with NAME --print-automation > automation.yaml   # with the id of the deployment
#   {_IMPORT} automation.yaml                 # run this once: each call makes another one
""",
    "tables": f"""\
#
#   fill in the table, and the flow and the id of your deployment (`prefect deployment inspect FLOW/DEPLOYMENT`)
#   {_IMPORT} automation.yaml                 # run this once: each call makes another one
""",
    "people": f"""\
#
#   {_IMPORT} automation.yaml                 # run this once: each call makes another one
#
# It makes an event when it fires. To be notified, add an action in the UI, or deploy it with --notify TYPE/NAME.
""",
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
