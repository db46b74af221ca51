"""`deploy --with`, `--dry-run`, `--yes`, `undeploy`, and Prefect's own command with the files of `automations/`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.events.schemas.automations import AutomationCore

from prefect_lineage_events import cli, deploy
from prefect_lineage_events.automations import plan
from prefect_lineage_events.automations.listed import AUTOMATIONS

FILES = Path(__file__).resolve().parent.parent.parent / "automations"


def ours(client: Any) -> list[str]:
    return [found.name for _, found in plan.deployed(client)]


def test_prefect_accepts_each_file(client: Any, prefect_server: Any) -> None:
    for definition in AUTOMATIONS:
        file = FILES / f"{definition.name}.yaml"
        command = [sys.executable, "-m", "prefect", "automation", "create", "--from-file", str(file)]
        done = subprocess.run(command, env=prefect_server.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        wanted = yaml.safe_load(file.read_text(encoding="utf-8"))["name"]
        assert wanted in ours(client)


def test_dry_run_names_the_deployments_and_makes_none(client: Any, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["undeploy"])
    capsys.readouterr()
    assert cli.main(["deploy", "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert all(f"create  deployment {name}" in shown for name in deploy.DEPLOYMENTS)
    assert set(deploy.planned_deployments(client).values()) == {"create"}
    deploy.deploy()
    assert cli.main(["deploy", "--dry-run", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)["deployments"]
    assert made == [{"name": name, "change": "update"} for name in deploy.DEPLOYMENTS]


def test_edited_automation_is_left_until_it_is_asked_for(client: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["deploy", "--with", "schema-changed"]) == 0
    (found,) = client.read_automations_by_name("prefect-lineage-schema-changed")
    fields = set(AutomationCore.model_fields) - {"owner_resource"}
    edited = AutomationCore.model_validate(found.model_dump(include=fields))
    edited.description = "Ours, by hand."
    client.update_automation(found.id, edited)
    capsys.readouterr()
    assert cli.main(["deploy", "--dry-run", "--json"]) == 0
    (change,) = (one for one in json.loads(capsys.readouterr().out)["automations"] if one["change"] == "update")
    assert (change["name"], change["edited"]) == ("prefect-lineage-schema-changed", True)
    assert "-description: Ours, by hand." in change["diff"]
    assert cli.main(["deploy"]) == 1
    assert "--yes replaces it" in capsys.readouterr().err
    (left,) = client.read_automations_by_name("prefect-lineage-schema-changed")
    assert left.description == "Ours, by hand."
    assert cli.main(["deploy", "--yes"]) == 0
    (replaced,) = client.read_automations_by_name("prefect-lineage-schema-changed")
    assert replaced.description.startswith("Tell people")


def test_undeploy_leaves_automations_of_people(client: Any) -> None:
    cli.main(["deploy", "--with", "lineage-rejected", "--with", "lineage-incomplete"])
    (mine,) = client.read_automations_by_name("prefect-lineage-rejected")
    own = AutomationCore.model_validate(
        {**mine.model_dump(include=set(AutomationCore.model_fields)), "name": "prefect-lineage-alerts of mine"}
    )
    id_ = client.create_automation(own)
    assert cli.main(["undeploy"]) == 0
    assert ours(client) == []
    assert client.read_automation(id_) is not None
    client.delete_automation(id_)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--with", "nothing"], "there is no automation 'nothing': use one of assemble"),
        (["--with", "table-written", "--table", "postgres://h:5432/d/s/t"], "needs --run"),
        (["--with", "table-stale", "--table", "orders"], "orders"),
        (["--hours", "3"], "--hours is an option of table-stale"),
        (["--with", "assemble", "--with", "assemble-batched"], "one automation runs the assembler"),
        (["--with", "schema-changed", "--notify", "slack-webhook/none"], "there is no block 'slack-webhook/none'"),
    ],
)
def test_wrong_choice_is_refused_in_one_line(
    client: Any, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert cli.main(["deploy", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert ours(client) == []
