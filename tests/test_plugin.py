"""The Prefect plugin, in processes of its own: capture for programs that do not know of us."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_PROGRAM = """
import prefect
from prefect_sqlalchemy import SqlAlchemyConnector
print(type(vars(SqlAlchemyConnector)["get_engine"]).__name__)
"""


def get_engine_in_a_fresh_process(**environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], env={**os.environ, **environment}, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_instruments_an_unchanged_program_when_asked_to() -> None:
    kind = get_engine_in_a_fresh_process(
        PREFECT_PLUGINS_ENABLED="true", PREFECT_INTEGRATIONS_LINEAGE_EVENTS_INSTRUMENT="true"
    )
    assert kind == "FunctionWrapper"


@pytest.mark.parametrize(
    "environment",
    [
        {"PREFECT_PLUGINS_ENABLED": "true"},
        {"PREFECT_INTEGRATIONS_LINEAGE_EVENTS_INSTRUMENT": "true"},
        {
            "PREFECT_PLUGINS_ENABLED": "true",
            "PREFECT_INTEGRATIONS_LINEAGE_EVENTS_INSTRUMENT": "true",
            "PREFECT_INTEGRATIONS_LINEAGE_EVENTS_ENABLED": "false",
        },
    ],
)
def test_leaves_the_connectors_alone_otherwise(environment: dict[str, str]) -> None:
    assert get_engine_in_a_fresh_process(**environment) == "function"
