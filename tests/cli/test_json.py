"""`--json` of all commands: documented keys, also of empty answers and of errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.runtime import flow_run

from prefect_lineage_events import cli
from prefect_lineage_events.cli.answers import ANSWERS, ERROR, WITHOUT
from prefect_lineage_events.cli.app import application
from prefect_lineage_events.cli.commands import COMMANDS
from tests.by_hand import emit_writes
from tests.cli.shop import GOLDEN, QUESTIONS

LONG_AGO = ["--start", "2020-01-01T00:00:00Z", "--end", "2020-01-02T00:00:00Z"]


@flow(name="json load")
def load() -> str:
    emit_writes([("json_orders", "source")])
    return str(flow_run.id)


def has_documented_keys(command: str, answer: Any) -> bool:
    forms = ANSWERS[command]
    if answer == []:
        return any(form.startswith("[") for form in forms)
    is_list = isinstance(answer, list)
    keys = {frozenset(one) for one in answer} if is_list else {frozenset(answer)}
    documented = {frozenset(form.strip("[]").split()) for form in forms if form.startswith("[") == is_list}
    return keys <= documented


def test_each_command_takes_json_except_those_that_serve() -> None:
    for command in COMMANDS:
        chain = application()[command.name]
        names = [name for one in chain.assemble_argument_collection() for name in one.names]
        assert ("--json" in names) == (command.name not in WITHOUT), command.name
    assert ANSWERS.keys() | set(WITHOUT) == {command.name for command in COMMANDS}


@pytest.mark.parametrize("name", QUESTIONS)
def test_recorded_answer_has_the_documented_keys(name: str) -> None:
    answer = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    assert has_documented_keys(QUESTIONS[name].split()[0], answer)


def test_answer_of_each_command_has_the_documented_keys(
    prefect_server: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("prefect_sqlalchemy")
    from prefect_sqlalchemy import SqlAlchemyConnector

    SqlAlchemyConnector(connection_info="sqlite://").save("json-warehouse", overwrite=True)
    for name, value in (("TYPE", "file"), ("LOG_FILE_PATH", str(tmp_path / "out.jsonl")), ("APPEND", "true")):
        monkeypatch.setenv(f"OPENLINEAGE__TRANSPORT__{name}", value)
    (tmp_path / "empty.jsonl").touch()
    run_id = load()
    capsys.readouterr()
    for command in (
        ["undeploy"],  # twice: the second has nothing to delete
        ["undeploy"],
        ["deploy", "--dry-run"],
        ["deploy"],
        ["deploy", "--print-automation"],
        ["deploy", "--print-automation", "--with", "schema-changed", "--with", "lineage-rejected"],
        ["undeploy"],
        ["register"],
        ["convert", "sqlalchemy-connector/json-warehouse", "--overwrite"],
        ["assemble", run_id],
        ["sweep"],
        ["backfill", *LONG_AGO],
        ["backfill", *LONG_AGO, "--dry-run"],
        ["status"],
        ["doctor"],
        ["rejected"],
        ["rejected", "--retry"],
        ["replay", str(tmp_path / "empty.jsonl"), "--to", "http://127.0.0.1:9", "--dry-run"],
        ["export", "--since", "1h", "--output", str(tmp_path / "graph.csv")],
        ["show", run_id, "--since", "1h"],
        ["explain", run_id, "--since", "1h"],
        ["explain", "INSERT INTO a SELECT x FROM b"],
        ["search", "nothing-has-this", "--since", "1h"],
        ["runs", "--since", "1h"],
        ["unused", "--since", "2020-01-01", "--as-of", "2020-01-02"],
        ["freshness", "--late", "--since", "2020-01-01", "--as-of", "2020-01-02"],
        ["conflicts", "--since", "2020-01-01", "--as-of", "2020-01-02"],
    ):
        code = cli.main([*command, "--json"])
        out = capsys.readouterr().out
        assert code in (0, 1), (command, out)
        answer = json.loads(out)
        assert "error" not in answer, command
        assert has_documented_keys(command[0], answer), (command, answer)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["show", "nothing-has-this"], 2),
        (["unused", "--since", "yesturday"], 2),
        (["export"], 2),
        (["export", "--format", "htm", "--output", "x"], 2),
        (["assemble", "nothing-has-this"], 2),
        (["convert", "sqlalchemy-connector/none"], 2),
        (["replay", "no-such-file", "--to", "http://127.0.0.1:9"], 2),
        (["backfill", "--start", "x"], 2),
        (["deploy", "--with", "nothing"], 2),
        (["rejected", "--target", "nothing"], 2),
        (["explain", "--file", "no-such-file\x1b[2J"], 2),
        (["explain", "--file", "."], 1),
    ],
)
def test_error_is_json_too(
    prefect_server: object, capsys: pytest.CaptureFixture[str], command: list[str], code: int
) -> None:
    assert cli.main([*command, "--json"]) == code
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found.keys() == set(ERROR.split())
    assert found["exit_code"] == code
    assert err.startswith("prefect-lineage: ")
    assert all(c.isprintable() or c == "\n" for c in out)


def test_unreachable_api_is_json_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        assert cli.main(["status", "--json"]) == 1
    assert "no Prefect API answers" in json.loads(capsys.readouterr().out)["error"]
