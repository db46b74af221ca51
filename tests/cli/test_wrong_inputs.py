"""Wrong names, files, times and choices on the command line: one line with the nearest, exit code 2, no traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from prefect import flow, get_client
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.schemas.actions import WorkPoolCreate

from prefect_lineage_events import cli
from tests.by_hand import emit_writes
from tests.conftest import PrefectServer, as_api
from tests.markers import wait_until_stored

NO_RUN = "0199c7f0-93d2-7c31-8f0f-2f1f0e6a7b11"
WINDOW = "--start 2026-01-01T00:00:00Z --end 2026-01-02T00:00:00Z"


@flow(name="misspelled load")
def load() -> None:
    emit_writes([("misspelled", "source")])


@pytest.fixture(scope="module")
def _named(prefect_server_process: PrefectServer) -> None:
    """A flow, a deployment, a work pool and blocks on the server."""
    pytest.importorskip("prefect_sqlalchemy")
    with as_api(prefect_server_process):
        _make_names()


def _make_names() -> None:
    from prefect_sqlalchemy import SqlAlchemyConnector

    load()
    load.to_deployment("by-table").apply()  # type: ignore[union-attr]
    CustomWebhookNotificationBlock(name="ops", url="http://127.0.0.1:9").save("ops", overwrite=True)
    SqlAlchemyConnector(connection_info="sqlite://").save("warehouse", overwrite=True)
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name="containers", type="process"), overwrite=True)
        wait_until_stored(client)


@pytest.fixture
def folder(_named: None, prefect_server: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files, and the server with the things of those names."""
    for name in ("lineage.jsonl", "load.sql"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENLINEAGE_URL", "http://marquez:5000")
    return tmp_path


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        ("assemble misspeled_load", 2, "did you mean misspelled load"),
        (f"assemble {NO_RUN}", 2, "there is no flow run"),
        ("show mispelled --since 1h", 2, "did you mean shop.public.misspelled"),
        ("upstream misspelled.idd --since 1h", 2, "did you mean id?"),
        ("unused --since 2026-13-01", 2, "did you mean 2026-01-13?"),
        ("freshness --as-of yesturday", 2, "did you mean yesterday?"),
        ("rejected --since 7days", 2, "did you mean 7d?"),
        ("export --format htm", 2, "did you mean html?"),
        ("export --output nowhere/x.csv", 2, "there is no directory"),
        ("export --hops two", 2, "'two' is no whole number"),
        ("explain --file lod.sql", 2, "did you mean load.sql?"),
        ("explain SELECT --dialect snowflak", 2, "did you mean snowflake?"),
        ("explain --run misspeled_load --since 1h", 2, "did you mean misspelled load"),
        (f"backfill {WINDOW} --flow misspeled_load", 2, "did you mean 'misspelled load'?"),
        (f"backfill {WINDOW} --target markez", 2, "did you mean marquez:5000?"),
        ("backfill --start 2026-11-31T00:00:00Z --end now", 2, "did you mean 2026-11-30T00:00:00Z?"),
        ("backfill --start 7days --end now", 2, "did you mean 7d?"),
        ("replay linage.jsonl --to http://marquez:5000", 2, "did you mean lineage.jsonl?"),
        ("replay lineage.jsonl --to markez", 2, "did you mean marquez:5000?"),
        ("replay lineage.jsonl --to htp://marquez:5000", 2, "did you mean http://marquez:5000?"),
        ("replay lineage.jsonl --to localhost:5000", 2, "did you mean http://localhost:5000?"),
        ("deploy --with table-writen", 2, "did you mean table-written"),
        ("deploy --work-pool containrs", 2, "did you mean containers?"),
        (
            "deploy --with table-written --table postgres://h:5432/d/s/t --run misspelled_load/by-tabel",
            2,
            "did you mean misspelled load/by-table?",
        ),
        ("deploy --with schema-changed --notify custom-webhok/ops", 2, "did you mean custom-webhook/ops?"),
        ("convert sqlalchemy-conector/warehouse", 2, "did you mean sqlalchemy-connector/warehouse"),
        ("convert sqlalchemy-connector/warehose", 2, "did you mean sqlalchemy-connector/warehouse"),
        ("register now", 2, "too many arguments: 'now'"),
        ("completion bsh", 2, "did you mean bash"),
        ("mcp --port 99999", 2, "no port"),
        ("sho misspelled", 2, 'Did you mean "show"?'),
        ("serve --limt 3", 2, "Did you mean --limit?"),
        ("doctor --jsn", 2, "Did you mean --json?"),
    ],
)
def test_wrong_input_is_reported_with_the_nearest(
    folder: Path, capsys: pytest.CaptureFixture[str], command: str, code: int, message: str
) -> None:
    assert cli.main([word.replace("_load", " load") for word in command.split()]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert "Traceback" not in err


def test_choice_is_taken_in_any_case(prefect_server: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completion", "Bash"]) == 0
    assert "complete" in capsys.readouterr().out
    assert cli.main(["export", "--format", "CSV", "--since", "1h"]) == 0
