"""The Prefect plugin, in processes of its own: capture in programs that do not import this package."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

_PROGRAM = """
import prefect
from prefect_sqlalchemy import SqlAlchemyConnector
print(type(vars(SqlAlchemyConnector)["get_engine"]).__name__)
"""
_ON = {"PREFECT_PLUGINS_ENABLED": "true", "PREFECT_INTEGRATIONS_LINEAGE_EVENTS_INSTRUMENT": "true"}


def in_a_fresh_process(program: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **environment}, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def get_engine_in_a_fresh_process(**environment: str) -> str:
    return in_a_fresh_process(_PROGRAM, **environment)


@pytest.mark.parametrize(
    ("module", "block", "method"),
    [
        ("prefect_sqlalchemy", "SqlAlchemyConnector", "get_engine"),
        ("prefect_sqlalchemy.database", "AsyncSqlAlchemyConnector", "get_engine"),
        ("prefect_snowflake", "SnowflakeConnector", "get_connection"),
        ("prefect_gcp.bigquery", "GcpCredentials", "get_bigquery_client"),
    ],
)
def test_plugin_instruments_drivers_imported_before_prefect(module: str, block: str, method: str) -> None:
    """The block's module is half imported when it imports Prefect, which then loads its plugins."""
    pytest.importorskip(module)
    program = f"from {module} import {block}\nprint(type(vars({block})[{method!r}]).__mro__[1].__name__)"

    assert in_a_fresh_process(program, **_ON) == "FunctionWrapper"


def test_plugin_instruments_an_unchanged_program() -> None:
    assert get_engine_in_a_fresh_process(**_ON) == "PatchedFunction"


def test_plugin_instruments_beside_the_plugins_of_other_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_PLUGINS_ALLOW")  # of tests/conftest.py
    if len(entry_points(group="prefect.plugins")) < 2:
        pytest.skip("no other package with a plugin is installed")
    assert get_engine_in_a_fresh_process(**_ON) == "PatchedFunction"


@pytest.mark.parametrize(
    "environment",
    [
        {"PREFECT_PLUGINS_ENABLED": "true"},
        {"PREFECT_INTEGRATIONS_LINEAGE_EVENTS_INSTRUMENT": "true"},
        {**_ON, "PREFECT_INTEGRATIONS_LINEAGE_EVENTS_ENABLED": "false"},
    ],
)
def test_plugin_without_the_setting_instruments_nothing(environment: dict[str, str]) -> None:
    assert get_engine_in_a_fresh_process(**environment) == "function"


@pytest.mark.parametrize("name", ["instrument", "record_read", "sweep"])
def test_plugin_works_if_the_program_imports_this_package_first(name: str) -> None:
    """Prefect, and with it the plugin, is then imported by the first name of this package."""
    program = f"from prefect_lineage_events import {name}\n{_PROGRAM}"
    assert in_a_fresh_process(program, **_ON) == "PatchedFunction"
