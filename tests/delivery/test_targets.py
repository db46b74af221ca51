"""The targets of the official client's configuration, in each of its forms."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from prefect_lineage_events.delivery.targets import Target, targets
from prefect_lineage_events.settings import settings

pytestmark = pytest.mark.usefixtures("nothing_configured")

MARQUEZ = {"type": "http", "url": "http://marquez:5000"}
FILE = {"type": "file", "log_file_path": "/data/out.jsonl", "append": True}
KAFKA = {"type": "kafka", "topic": "lineage", "config": {"bootstrap.servers": "k1:9092,k2:9092"}}


PAGE = Path(__file__).parents[2] / "docs" / "targets.md"


def test_configuration_in_the_docs_is_valid(tmp_path):
    (yaml,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "openlineage.yml").write_text(yaml)
    assert {(t.name, t.profile.name) for t in targets()} == {
        ("marquez", "marquez"),
        ("archive", "plain"),
        ("bus", "plain"),
    }


@pytest.fixture
def configured(monkeypatch):
    """The targets when the client is configured so."""

    def configure(transport) -> tuple[Target, ...]:
        monkeypatch.setenv("OPENLINEAGE__TRANSPORT", json.dumps(transport))
        return targets()

    return configure


def composite(*parts, **more):
    return {"type": "composite", "transports": list(parts), **more}


def reported(found) -> list[tuple[str, str, str]]:
    return [(target.id, target.name, target.profile.name) for target in found]


def test_each_part_of_a_composite_is_a_target_with_its_own_profile(configured):
    assert reported(configured(composite(MARQUEZ, FILE, KAFKA, {"type": "console"}))) == [
        ("http http://marquez:5000/api/v1/lineage", "marquez:5000", "marquez"),
        ("file /data/out.jsonl", "out.jsonl", "plain"),
        ("kafka k1:9092,k2:9092/lineage", "lineage", "plain"),
        ("console", "console", "plain"),
    ]


def test_targets_have_the_names_of_the_configuration(configured):
    by_name = {"type": "composite", "transports": {"catalog": MARQUEZ, "archive": {**FILE, "name": "mine"}}}
    assert [target.name for target in configured(by_name)] == ["catalog", "mine"]


def test_a_composite_of_single_variables_and_the_address_variable(monkeypatch):
    monkeypatch.setenv("OPENLINEAGE_URL", "http://marquez:5000")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "composite")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TRANSPORTS__ARCHIVE__TYPE", "file")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TRANSPORTS__ARCHIVE__LOG_FILE_PATH", "/data/out.jsonl")
    assert {target.name for target in targets()} == {"archive", "default_http"}


def test_another_transport_beside_the_address_variable_is_the_only_target(monkeypatch):
    monkeypatch.setenv("OPENLINEAGE_URL", "http://marquez:5000")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "file")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__LOG_FILE_PATH", "/data/out.jsonl")
    assert [target.id for target in targets()] == ["file /data/out.jsonl"]


@pytest.mark.parametrize("where", ["here", "home", "named"])
def test_the_clients_file_in_each_of_its_places(where, tmp_path, monkeypatch):
    folders = {"here": tmp_path, "home": tmp_path / "home" / ".openlineage", "named": tmp_path / "elsewhere"}
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folders[where].mkdir(parents=True, exist_ok=True)
    file = folders[where] / "openlineage.yml"
    file.write_text("transport: {type: http, url: 'http://from-the-file:5000'}")
    if where == "named":
        monkeypatch.setenv("OPENLINEAGE_CONFIG", str(file))
    assert [target.name for target in targets()] == ["from-the-file:5000"]


def test_the_file_and_the_variables_together(tmp_path, monkeypatch):
    (tmp_path / "openlineage.yml").write_text("transport: {type: http, url: 'http://marquez:5000'}")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__ENDPOINT", "proxy/api/v1/lineage")
    assert [target.id for target in targets()] == ["http http://marquez:5000/proxy/api/v1/lineage"]


def test_a_part_named_twice_is_one_target(configured):
    assert len(configured(composite(MARQUEZ, {**MARQUEZ, "name": "again"}))) == 1


def test_targets_of_one_name_are_named_by_their_ids(configured):
    found = configured(composite(FILE, {**FILE, "log_file_path": "/other/out.jsonl"}))
    assert [target.name for target in found] == ["file /data/out.jsonl", "file /other/out.jsonl"]


@pytest.mark.parametrize(
    "other",
    [
        {"auth": {"type": "api_key", "apiKey": "hunter2"}},
        {"timeout": 7},
        {"name": "catalog"},
        {"url": "http://etl:hunter2@MARQUEZ:5000"},
        {"url": "http://marquez:5000/?key=hunter2"},
        {"type": "async_http"},
        {"compression": "gzip", "custom_headers": {"X-Token": "hunter2"}},
    ],
    ids=str,
)
def test_another_key_timeout_or_name_makes_no_other_target(configured, other):
    (before,) = configured(MARQUEZ)
    (after,) = configured({**MARQUEZ, **other})
    assert after.id == before.id
    assert "hunter2" not in f"{after!r} {after}"


@pytest.mark.parametrize("other", [{"url": "http://marquez:5001"}, {"endpoint": "v2/lineage"}], ids=str)
def test_another_address_is_another_target(configured, other):
    assert configured({**MARQUEZ, **other}) != configured(MARQUEZ)


def test_alternatives_are_one_target(configured):
    (found,) = configured(composite(FILE, MARQUEZ, continue_on_success=False))
    assert found.id == "composite (file /data/out.jsonl, http http://marquez:5000/api/v1/lineage)"
    assert found.profile.name == "marquez"


def test_composite_inside_a_transformer_is_split(configured):
    transform = {"type": "transform", "transformer_class": "a.B", "transport": composite(MARQUEZ, FILE)}
    assert reported(configured(transform)) == [
        ("transform (http http://marquez:5000/api/v1/lineage)", "marquez:5000", "marquez"),
        ("transform (file /data/out.jsonl)", "out.jsonl", "plain"),
    ]


@pytest.mark.parametrize(
    ("endpoint", "profile"),
    [
        ("api/v1/lineage", "marquez"),
        ("/marquez/api/v1/lineage/", "marquez"),
        ("openapi/openlineage/api/v1/lineage", "datahub"),
        ("api/v1/openlineage/lineage", "openmetadata"),
    ],
    ids=["Marquez", "behind a proxy", "DataHub", "OpenMetadata"],
)
def test_the_profile_is_chosen_by_the_address(configured, endpoint, profile):
    (found,) = configured({**MARQUEZ, "endpoint": endpoint})
    assert found.profile.name == profile


def test_the_profile_can_be_set(configured, monkeypatch):
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_PROFILE", "plain")
    settings.cache_clear()
    assert [target.profile.name for target in configured(composite(MARQUEZ, FILE))] == ["plain", "plain"]


@pytest.mark.parametrize(
    "name", ["catalog", "http http://marquez:5000/api/v1/lineage", "http://marquez:5000/api/v1/lineage"]
)
def test_a_target_is_chosen_by_name_id_or_address(configured, name):
    configured(composite({**MARQUEZ, "name": "catalog"}, FILE))
    assert [target.name for target in targets([name])] == ["catalog"]


def test_unknown_target_raises_with_the_known_ones(configured):
    configured(composite(MARQUEZ, FILE))
    with pytest.raises(ValueError, match=r"'markez': no such target; configured are marquez:5000 \(http .*; out.jsonl"):
        targets(["marquez:5000", "markez"])


def test_credentials_in_an_address_are_hidden(monkeypatch):
    monkeypatch.setenv("OPENLINEAGE_URL", "http://etl:hunter2@marquez:5000")
    (found,) = targets()
    assert (found.id, found.name) == ("http http://marquez:5000/api/v1/lineage", "marquez:5000")
