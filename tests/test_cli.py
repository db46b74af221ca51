"""The command line: what it prints, and its exit codes."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from uuid import uuid4

import pytest
from prefect import flow, get_client
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL, temporary_settings

from prefect_lineage_events import cli, flows
from prefect_lineage_events.assembler import assemble, outbox
from prefect_lineage_events.assembler.ledger import DeliveryState
from prefect_lineage_events.assembler.options import AssemblyResult
from prefect_lineage_events.assembler.summary import Summary
from prefect_lineage_events.cli import checks
from prefect_lineage_events.encoding import EPOCH
from prefect_lineage_events.graph import refusals
from prefect_lineage_events.graph.refusals import Refusal, Refusals
from prefect_lineage_events.history.model import FlowRun
from tests.by_hand import emit_writes

WINDOW = ("--start", "2026-01-01T00:00:00Z", "--end", "2026-01-02T00:00:00Z")
COMMAND = str(Path(sys.executable).parent / "prefect-lineage")


@flow(name="command line load")
def load() -> str:
    emit_writes([("loaded", "source")])
    return flow_run.id


def lineage(*arguments: str, environment: dict[str, str], stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *arguments], env=environment, input=stdin, capture_output=True, text=True, timeout=600, check=False
    )


def to_file(environment: dict[str, str], file: Path) -> dict[str, str]:
    transport = {"TYPE": "file", "LOG_FILE_PATH": str(file), "APPEND": "true"}
    return {**environment, **{f"OPENLINEAGE__TRANSPORT__{k}": v for k, v in transport.items()}}


def lines(file: Path) -> list[dict]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_run_is_assembled_into_the_configured_file_once(prefect_server, tmp_path):
    run_id = load()
    file = tmp_path / "lineage.jsonl"
    environment = to_file(prefect_server.environment, file)
    done = lineage("assemble", run_id, environment=environment)
    assert done.returncode == 0, done.stderr
    assert "lineage sent" in done.stdout
    assert [e["eventType"] for e in lines(file) if e["run"]["runId"] == run_id] == ["START", "COMPLETE"]
    again = lineage("assemble", run_id, environment=environment)
    assert again.returncode == 0
    assert "nothing new" in again.stdout
    assert len(lines(file)) == 2


def test_events_go_to_a_local_file_without_configuration(prefect_server, tmp_path):
    run_id = load()
    done = subprocess.run(
        [COMMAND, "assemble", run_id],
        env={**prefect_server.environment, "PREFECT_HOME": str(tmp_path)},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(lines(tmp_path / "openlineage.jsonl")) == 2


def test_unreachable_target_is_an_error_with_a_reason(prefect_server, monkeypatch, capsys):
    monkeypatch.setenv("OPENLINEAGE_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(outbox, "RETRY_DELAYS", [])
    assert cli.main(["assemble", load()]) == 1
    assert "127.0.0.1:9" in capsys.readouterr().err


def test_unreachable_target_is_reported_without_traceback(prefect_server):
    run_id = load()
    away = {**prefect_server.environment, "OPENLINEAGE_URL": "http://127.0.0.1:9", "PREFECT_LOGGING_LEVEL": "INFO"}
    code = (
        "from prefect_lineage_events import cli; from prefect_lineage_events.assembler import outbox; "
        "outbox.RETRY_DELAYS = []; cli.main(['assemble', '%s'])"
    )
    done = subprocess.run([sys.executable, "-c", code % run_id], env=away, capture_output=True, text=True, check=False)
    assert "prefect-lineage: " in done.stderr.splitlines()[-1]
    assert "Encountered exception during execution" in done.stderr
    assert "Traceback" not in done.stderr


def test_invalid_target_is_found_before_a_flow_starts(prefect_server, monkeypatch, capsys):
    monkeypatch.setenv("OPENLINEAGE_URL", "nonsense")
    assert cli.main(["sweep"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "target nonsense (http nonsense): it cannot be opened" in line


@pytest.mark.parametrize("command", [["sweep"], ["backfill", *WINDOW], ["assemble", ""]])
@pytest.mark.parametrize(
    ("path", "append", "reason"),
    [
        ("missing/lineage.jsonl", "true", "create it"),
        ("missing/lineage", "false", "create it"),
        ("file/lineage.jsonl", "true", "create it"),
        ("folder", "true", "name a file in it"),
    ],
)
def test_unwritable_file_is_found_before_a_flow_starts(
    command, path, append, reason, prefect_server, tmp_path, monkeypatch, capsys
):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "file")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__LOG_FILE_PATH", str(tmp_path / path))
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__APPEND", append)
    assert cli.main([argument or ended_run() for argument in command]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "it cannot be opened" in line
    assert reason in line


@cache
def ended_run() -> str:
    return load()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["backfill", "--start", "2026-01-02T00:00:00Z", "--end", "2026-01-01T00:00:00Z"], "is before the start"),
        (["backfill", "--start", "2026-01-02", "--end", "2026-01-03"], "no time zone"),
        (["backfill", *WINDOW, "--target", "elsewhere"], "'elsewhere': no such target"),
        (["deploy", "--image", "acme/lineage"], "--work-pool"),
    ],
)
def test_bad_input_is_named_in_one_line(arguments, message, capsys):
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        assert cli.main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    "arguments",
    [[], ["no-such-command"], ["assemble"], ["backfill", "--start", "x"], ["serve", "--limit", "0"]]
    + [["deploy", "--sweep-minutes", text] for text in ("nan", "inf", "-1", "1e400", "1e12", "soon")]
    + [["serve", "--settle", "nan"], ["serve", "--limit", "1.5"], ["serve", "--poll-seconds", "inf"]],
)
def test_wrong_arguments_exit_with_2(arguments, capsys):
    assert cli.main(arguments) == 2
    captured = capsys.readouterr()
    assert "usage: prefect-lineage" in (captured.err if arguments else captured.out.lower())


def test_unreadable_file_is_named(capsys):
    assert cli.main(["explain", "--file", "/no/such/file.sql"]) == 2
    assert "cannot read /no/such/file.sql" in capsys.readouterr().err


def test_unknown_flow_is_reported_in_one_line(prefect_server):
    done = lineage("backfill", *WINDOW, "--flow", "nope", environment=prefect_server.environment)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("prefect-lineage: there is no flow 'nope'")


@pytest.mark.parametrize("command", [["sweep"], ["backfill", *WINDOW], ["assemble", str(uuid4())]])
def test_unreachable_api_is_reported_in_one_line(command, prefect_server):
    away = {**prefect_server.environment, "PREFECT_API_URL": "http://127.0.0.1:9/api"}
    done = lineage(*command, environment=away)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "no Prefect API answers at http://127.0.0.1:9/api" in line


def test_run_is_assembled_by_its_name_its_flow_and_its_address(prefect_server, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "file")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__LOG_FILE_PATH", str(tmp_path / "lineage.jsonl"))
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__APPEND", "true")
    run_id = load()
    with get_client(sync_client=True) as client:
        name = client.read_flow_run(run_id).name
    for text in (name, "command line load", f"http://127.0.0.1:4200/runs/flow-run/{run_id}?tab=Logs"):
        assert cli.main(["assemble", text, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["run"] == run_id
    assert cli.main(["assemble", "comand line load"]) == 2
    assert "did you mean command line load" in capsys.readouterr().err


def test_unknown_run_starts_no_assembler_run(prefect_server, capsys):
    unknown = str(uuid4())
    assert cli.main(["assemble", unknown]) == 2
    assert "there is no flow run" in capsys.readouterr().err
    with get_client(sync_client=True) as client:
        body = {"flow_runs": {"name": {"any_": [f"assemble {unknown}"]}}, "limit": 10}
        assert client.request("POST", "/flow_runs/filter", json=body).json() == []


def test_missing_api_is_reported_with_a_remedy(monkeypatch, capsys):
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        assert cli.main(["assemble", str(uuid4())]) == 1
    assert "no Prefect API answers at http://127.0.0.1:9/api" in capsys.readouterr().err


def test_unset_api_is_an_error_and_starts_no_server(capsys):
    assert cli.main(["sweep"]) == 1
    assert "PREFECT_API_URL" in capsys.readouterr().err


def test_help_lists_every_command(capsys):
    assert cli.main(["--help"]) == 0
    text = capsys.readouterr().out
    for command in ("assemble", "sweep", "backfill", "deploy", "serve", "register", "doctor", "explain"):
        assert command in text


def _backfills(client) -> int:
    body = {"flows": {"name": {"any_": ["prefect-lineage-backfill"]}}}
    return client.request("POST", "/flow_runs/count", json=body).json()


def test_sweep_and_dry_backfill_print_a_summary(prefect_server, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "file")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__LOG_FILE_PATH", str(tmp_path / "lineage.jsonl"))
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__APPEND", "true")
    run_id = load()
    window = ["--start", "2020-01-01T00:00:00Z", "--end", "2100-01-01T00:00:00Z"]
    with get_client(sync_client=True) as client:
        before = _backfills(client)
        assert cli.main(["backfill", *window, "--flow", "command line load", "--dry-run"]) == 0
        assert _backfills(client) == before
    assert run_id in capsys.readouterr().out
    assert not (tmp_path / "lineage.jsonl").exists()
    assert cli.main(["sweep"]) == 0
    assert capsys.readouterr().out.strip()


def test_doctor_prints_findings_with_remedies(prefect_server, capsys):
    cli.main(["deploy"])
    capsys.readouterr()
    code = cli.main(["doctor"])
    text = capsys.readouterr().out
    assert "ok   Prefect API" in text
    assert "ok   automation: enabled" in text
    assert "NOT  deployments: no process runs" in text
    assert "prefect-lineage serve" in text
    assert code == 1


def test_printed_automation_has_the_id_of_the_deployment(prefect_server, capsys):
    import yaml

    from prefect_lineage_events import deploy

    cli.main(["deploy"])
    capsys.readouterr()
    assert cli.main(["deploy", "--print-automation"]) == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed["actions"][0]["deployment_id"] == str(deploy.registered().assembler)


@pytest.mark.parametrize("arguments", [["explain", "SELECT x FROM b"], ["explain", "--no-such-option"]])
def test_the_garbage_collector_is_as_before_a_command(arguments):
    before = gc.get_threshold()
    gc.set_threshold(701, 11, 12)
    try:
        cli.main(arguments)
        assert gc.get_threshold() == (701, 11, 12)
    finally:
        gc.set_threshold(*before)


def test_explain_prints_tables_and_columns(capsys):
    assert cli.main(["explain", "INSERT INTO a SELECT x FROM b", "--dialect", "postgres"]) == 0
    text = capsys.readouterr().out
    assert "a" in text
    assert "b" in text


def test_explain_says_which_dialect_it_took_where_none_is_given(capsys):
    statement = "INSERT INTO a SELECT x FROM b"
    assert cli.main(["explain", statement]) == 0
    assert "read as SQL of snowflake; --dialect" in capsys.readouterr().err
    assert cli.main(["explain", statement, "--dialect", "snowflake"]) == 0
    assert capsys.readouterr().err == ""


def test_explain_reads_standard_input_and_prints_json(prefect_server):
    done = lineage(
        "explain",
        "-",
        "--dialect",
        "postgres",
        "--json",
        environment=prefect_server.environment,
        stdin="SELECT x FROM b",
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)


@flow(name="nightly arrivals")
def unnamed() -> str:
    return str(flow_run.id)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nightly arrivals", "no lineage"),
        ("SELECT x FROM b", "reads b"),
        ("COMMIT", "COMMIT"),
        ("nightly arivals", "an unknown kind of statement"),
        ("CALL p('0f6b2a53-5a0e-4c9e-9b8c-1d0a3c7f2e41')", "CALL"),
        ("SET run = '0f6b2a53-5a0e-4c9e-9b8c-1d0a3c7f2e41'", "SET"),
        ("SELEC * FROM a WHERE id = '0f6b2a53-5a0e-4c9e-9b8c-1d0a3c7f2e41'", "an unknown kind of statement"),
    ],
)
def test_explain_finds_out_whether_a_text_is_a_run_or_a_statement(text, shown, prefect_server, capsys):
    unnamed()
    assert cli.main(["explain", text, "--dialect", "postgres"]) == 0
    out, err = capsys.readouterr()
    assert shown in out
    assert ("did you mean nightly arrivals?" in err) == (text == "nightly arivals")


def test_explain_of_a_statement_needs_no_api(capsys):
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        assert cli.main(["explain", "GRANT SELECT ON a TO b", "--dialect", "postgres"]) == 0
        assert cli.main(["explain", "SELECT x FROM b", "--dialect", "postgres"]) == 0
    assert capsys.readouterr().err.count("note: runs are not looked up: no Prefect API answers") == 1


NO, LATER = ("r COMPLETE: HTTP 422: no",), ("r COMPLETE: HTTP 500: later",)


@pytest.mark.parametrize(
    ("rejected", "kept", "code"), [((), (), 0), (NO, (), 3), ((), LATER, 4), (NO, LATER, 3)], ids=str
)
@pytest.mark.parametrize("command", ["assemble", "sweep", "backfill", "rejected --retry"])
def test_refused_events_exit_with_3_and_kept_ones_with_4(
    command, rejected, kept, code, prefect_server, monkeypatch, capsys
):
    result = AssemblyResult(uuid4(), "nightly", "sent", sent=1, rejected=rejected, kept=kept)
    run = FlowRun(result.flow_run_id, "r", uuid4(), "nightly", "COMPLETED")
    summary = Summary(assembled=[result], kept=[run] if kept else [])
    monkeypatch.setattr(flows, "assemble", lambda flow_run_id: result)
    monkeypatch.setattr(flows, "sweep", lambda: summary)
    monkeypatch.setattr(flows, "backfill", lambda **_: summary)
    refusal = Refusal(result.flow_run_id, "nightly", EPOCH, DeliveryState("marquez", "d", 1, 1, rejected=1))
    monkeypatch.setattr(refusals, "read", lambda *_: Refusals((refusal,)))
    monkeypatch.setattr(assemble, "assemble_run", lambda *_: result)
    for check in ("require_api_address", "require_reachable_api", "require_targets"):
        monkeypatch.setattr(checks, check, lambda *_: None)
    monkeypatch.setattr(checks, "existing_run", lambda _: result.flow_run_id)
    times = ["--start", "2026-11-01T00:00:00Z", "--end", "2026-11-02T00:00:00Z"]
    more = {"assemble": [str(result.flow_run_id)], "backfill": times}.get(command, [])
    assert cli.main([*command.split(), *more]) == code
    out = capsys.readouterr().out
    assert ("refused" in out) == bool(rejected)
    assert ("kept" in out) == bool(kept)


@pytest.mark.parametrize(("options", "hint"), [([], True), (["--target", "file"], False), (["--force"], False)])
def test_backfill_that_sends_nothing_again_says_how_to(options, hint, prefect_server, monkeypatch, capsys):
    monkeypatch.setattr(flows, "backfill", lambda **_: Summary(already_done=2))
    monkeypatch.setattr(checks, "require_targets", lambda *_: None)
    monkeypatch.setattr("prefect_lineage_events.delivery.targets.targets", lambda *_: [])
    times = ["--start", "2026-11-01T00:00:00Z", "--end", "2026-11-02T00:00:00Z"]
    assert cli.main(["backfill", *times, *options]) == 0
    assert ("--target NAME" in capsys.readouterr().out) == hint


@pytest.mark.parametrize("command", ["sweep", "backfill"])
def test_a_run_that_cannot_be_assembled_exits_with_1(command, prefect_server, monkeypatch, capsys):
    run = FlowRun(uuid4(), "r", uuid4(), "nightly", "COMPLETED")
    summary = Summary(broken=[(run, "KeyError: 'x'")])
    monkeypatch.setattr(flows, "sweep", lambda: summary)
    monkeypatch.setattr(flows, "backfill", lambda **_: summary)
    monkeypatch.setattr(checks, "require_targets", lambda *_: None)
    times = ["--start", "2026-11-01T00:00:00Z", "--end", "2026-11-02T00:00:00Z"] if command == "backfill" else []
    assert cli.main([command, *times]) == 1
    assert "1 could not be assembled" in capsys.readouterr().out
