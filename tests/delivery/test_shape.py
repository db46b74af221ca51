"""Configurations of the client that have another shape, or whose file cannot be read, are refused with their place."""

from __future__ import annotations

import json
import pwd

import pytest

from prefect_lineage_events.delivery.targets import targets

pytestmark = pytest.mark.usefixtures("nothing_configured")

HTTP = {"type": "http", "url": "http://marquez:5000"}
SECRET = "hunter2hunter2"


@pytest.mark.parametrize(
    ("transport", "where"),
    [
        ("{type: http", "`transport` is not a mapping"),
        ([1], "`transport` is not a mapping"),
        ("http", "`transport` is not a mapping"),
        ({"type": 5}, "`transport.type` is not a text"),
        ({"type": "composite", "transports": [HTTP, SECRET]}, r"`transport.transports\[1\]` is not a mapping"),
        ({"type": "composite", "transports": [None, HTTP]}, r"`transport.transports\[0\]` is not a mapping"),
        (
            {"type": "composite", "transports": [{"url": f"http://u:{SECRET}@h"}]},
            r"`transport.transports\[0\]` has no type",
        ),
        ({"type": "composite", "transports": {"a": SECRET}}, "`transport.transports.a` is not a mapping"),
        ({"type": "composite", "transports": SECRET}, "`transport.transports` is neither a list nor a mapping"),
        (
            {"type": "composite", "transports": [{"type": "composite", "transports": [{}]}]},
            r"`transport.transports\[0\].transports\[0\]` has no type",
        ),
        ({"type": "transform", "transport": SECRET}, "`transport.transport` is not a mapping"),
        ({"type": "transform", "transport": {"url": "http://h"}}, "`transport.transport` has no type"),
        ({"url": "http://marquez:5000"}, "`transport` has no type"),
    ],
)
def test_another_shape_is_refused_with_its_place(monkeypatch, transport, where):
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT", json.dumps(transport))
    with pytest.raises(ValueError, match=where) as raised:
        targets()
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("a: [1\n b: {", "is not valid YAML"),
        ("- http", "holds no settings"),
        ("", "holds no settings"),
        ("# nothing\n", "holds no settings"),
        ("http", "holds no settings"),
    ],
)
def test_a_file_without_settings_is_refused_instead_of_a_fallback_to_our_file(monkeypatch, tmp_path, content, fault):
    file = tmp_path / "client.yml"
    file.write_text(content)
    monkeypatch.setenv("OPENLINEAGE_CONFIG", str(file))
    with pytest.raises(ValueError, match=f"{file} {fault}"):
        targets()


@pytest.mark.parametrize("named", ["missing.yml", "."])
def test_a_file_that_is_named_and_not_there_is_refused(monkeypatch, tmp_path, named):
    monkeypatch.setenv("OPENLINEAGE_CONFIG", str(tmp_path / named))
    with pytest.raises(ValueError, match=r"cannot be read: .* \(OPENLINEAGE_CONFIG\)"):
        targets()


def test_a_broken_file_of_the_working_directory_is_refused(tmp_path):
    (tmp_path / "openlineage.yml").write_text("transport: [")
    with pytest.raises(ValueError, match=r"openlineage\.yml is not valid YAML"):
        targets()


def test_a_file_with_other_settings_leaves_our_file_as_target(monkeypatch, tmp_path):
    file = tmp_path / "client.yml"
    file.write_text("facets:\n  environment_variables: [HOME]\n")
    monkeypatch.setenv("OPENLINEAGE_CONFIG", str(file))
    assert [target.name for target in targets()] == ["openlineage.jsonl"]


def test_a_missing_file_is_no_matter_where_the_environment_names_a_target(monkeypatch, tmp_path):
    monkeypatch.setenv("OPENLINEAGE_CONFIG", str(tmp_path / "missing.yml"))
    monkeypatch.setenv("OPENLINEAGE_URL", "http://marquez:5000")
    assert [target.name for target in targets()] == ["marquez:5000"]


def test_without_a_home_folder_the_default_target_is_our_file(monkeypatch, tmp_path):
    def no_entry(user: int) -> None:
        raise KeyError(user)

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", no_entry)
    (found,) = targets()
    assert found.id.startswith(f"file {tmp_path}")
