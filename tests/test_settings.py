"""Settings: read by Prefect's settings classes, refused if wrong, and documented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from prefect_lineage_events.settings import LineageSettings, settings, unknown_settings
from tests.pages import maker

PREFIX = "PREFECT_INTEGRATIONS_LINEAGE_EVENTS_"


def test_environment_sets_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PREFIX + "GRANULARITY", "task")
    monkeypatch.setenv(PREFIX + "EXCLUDE_FLOWS", '["tmp-*"]')
    assert (settings().granularity, settings().exclude_flows) == ("task", ["tmp-*"])


def test_project_file_of_the_working_directory_sets_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.prefect.integrations.lineage_events]\nsql_text = "none"\n')
    monkeypatch.chdir(tmp_path)
    assert LineageSettings().sql_text == "none"


def test_wrong_value_is_refused_with_the_allowed_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PREFIX + "SQL_TEXT", "everything")
    with pytest.raises(ValidationError, match="'sanitised', 'full' or 'none'"):
        LineageSettings()


def test_wrong_value_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PREFIX + "GRANULARITY", "column")
    with pytest.raises(ValueError, match=PREFIX + r"GRANULARITY=column: Input should be 'flow' or 'task'"):
        settings()


@pytest.mark.parametrize("name", ["{flow}", "{flow}.{deployment}", "{flow} / {deployment}", "etl {flow}"])
def test_job_name_accepts_flow_and_deployment(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(PREFIX + "JOB_NAME", name)
    assert settings().job_name == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("{flow}.{run}", "allowed placeholders are {flow} and {deployment}"),
        ("{flow!r}", "allowed placeholders are"),
        ("{flow}}", "allowed placeholders are"),
        ("{deployment}", "must contain {flow}"),
        ("", "must contain {flow}"),
    ],
)
def test_job_name_without_flow_or_with_other_placeholders_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    monkeypatch.setenv(PREFIX + "JOB_NAME", name)
    with pytest.raises(ValueError, match=re.escape(f"{PREFIX}JOB_NAME={name}: ") + ".*" + re.escape(message)):
        settings()


def test_misspelled_setting_is_reported_with_a_suggestion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PREFIX + "GRANULARTY", "task")
    assert unknown_settings() == [f"{PREFIX}GRANULARTY is no setting (is {PREFIX}GRANULARITY meant?)"]


@pytest.mark.parametrize(
    "prefix",
    ["PREFECT_INTEGRATION_LINEAGE_EVENTS_", "PREFECT_INTEGRATIONS_LINEAGE_EVENT_", "PREFECT_LINEAGE_EVENTS_"],
)
def test_misspelled_prefix_is_reported(monkeypatch: pytest.MonkeyPatch, prefix: str) -> None:
    monkeypatch.setenv(prefix + "GRANULARITY", "task")
    assert unknown_settings() == [f"{prefix}GRANULARITY is no setting (is {PREFIX}GRANULARITY meant?)"]


@pytest.mark.parametrize(
    "name",
    ["PREFECT_EXPERIMENTS_LINEAGE_EVENTS_ENABLED", "PREFECT_INTEGRATIONS_DBT_FILE", "PREFECT_LINEAGE_WORK_POOL"],
)
def test_variable_of_another_program_is_ignored(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "1")
    assert unknown_settings() == []


@pytest.mark.parametrize(("file", "root"), [("prefect.toml", ""), ("pyproject.toml", "tool.prefect.")])
@pytest.mark.parametrize(
    ("section", "name", "unknown"),
    [
        ("lineage_events", "granularty", "granularty in {file} is no setting (is granularity meant?)"),
        ("lineage_events", "GRANULARITY", "GRANULARITY in {file} is no setting (is granularity meant?)"),
        ("lineage_events", "zzz", "zzz in {file} is no setting"),
        (
            "lineage-events",
            "granularity",
            "[integrations.lineage-events] in {file} is no section (is [integrations.lineage_events] meant?)",
        ),
    ],
)
def test_misspelled_name_in_a_file_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, root: str, section: str, name: str, unknown: str
) -> None:
    (tmp_path / file).write_text(f'[{root}integrations.{section}]\n{name} = "task"\n')
    monkeypatch.chdir(tmp_path)
    assert unknown_settings() == [unknown.format(file=file)]


@pytest.mark.parametrize("text", ["not toml [", "integrations = 3", "[integrations]\nlineage_events = 3", ""])
def test_unreadable_file_raises_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (tmp_path / "prefect.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    assert unknown_settings() == []


def test_file_takes_precedence_over_the_active_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "profiles.toml").write_text(f'active = "a"\n[profiles.a]\n{PREFIX}SQL_TEXT = "full"\n')
    monkeypatch.setenv("PREFECT_PROFILES_PATH", str(tmp_path / "profiles.toml"))
    monkeypatch.chdir(tmp_path)
    before = LineageSettings().sql_text
    (tmp_path / "prefect.toml").write_text('[integrations.lineage_events]\nsql_text = "none"\n')
    assert (before, LineageSettings().sql_text) == ("full", "none")


def test_settings_page_is_up_to_date() -> None:
    script = maker("make_settings_page")
    assert script.PAGE.read_text(encoding="utf-8") == script.page(), "run `python docs/make_settings_page.py`"
