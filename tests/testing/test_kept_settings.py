"""Settings that are kept from one block to the next."""

from __future__ import annotations

from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_KEY, PREFECT_API_URL, get_current_settings, temporary_settings

from prefect_lineage_events.testing.kept_settings import kept_settings

URL = {PREFECT_API_URL: "http://kept.invalid/api"}


def test_second_block_has_the_same_settings() -> None:
    before = PREFECT_API_URL.value()
    with kept_settings(URL):
        first = get_current_settings()
        assert PREFECT_API_URL.value() == "http://kept.invalid/api"
    assert PREFECT_API_URL.value() == before
    with kept_settings(URL):
        assert get_current_settings() is first


def test_another_update_makes_other_settings() -> None:
    with kept_settings(URL):
        pass
    with kept_settings({PREFECT_API_URL: "http://other.invalid/api"}):
        assert PREFECT_API_URL.value() == "http://other.invalid/api"


def test_settings_around_the_block_hold_in_it() -> None:
    for key in ("one", "two"):
        with temporary_settings({PREFECT_API_KEY: key}), kept_settings(URL):
            assert get_current_settings().api.key.get_secret_value() == key


def test_restored_default_holds_in_the_block() -> None:
    with temporary_settings({PREFECT_API_KEY: "one"}), kept_settings(URL, restore_defaults={PREFECT_API_KEY}):
        assert PREFECT_API_KEY.value() is None


def test_environment_of_the_second_block_holds_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for line in ("short", "long"):
        monkeypatch.setenv("PREFECT_CLIENT_CUSTOM_HEADERS", f'{{"X-Line": "{line}"}}')
        with kept_settings(URL):
            assert get_current_settings().client.custom_headers == {"X-Line": line}


def test_settings_file_of_another_folder_holds_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for retries in (7, 8):
        folder = tmp_path / str(retries)
        folder.mkdir()
        (folder / "prefect.toml").write_text(f"[client]\nmax_retries = {retries}\n")
        monkeypatch.chdir(folder)
        with temporary_settings({}), kept_settings(URL):
            assert get_current_settings().client.max_retries == retries
