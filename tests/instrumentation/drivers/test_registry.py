"""The descriptions of connections, and the example in the page on adding a driver, run unchanged."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from prefect_lineage_events import instrument_connection
from prefect_lineage_events.instrumentation.driver import Driver
from prefect_lineage_events.instrumentation.drivers import registry
from tests.instrumentation.drivers.conftest import RecordingTracer

_PAGE = Path(__file__).parents[3] / "docs" / "drivers.md"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> tuple[str, str, str]:
    """The page's three blocks: a driver, its description, and their use. What they leave behind is removed."""
    monkeypatch.setattr(registry, "_registered", {})
    monkeypatch.setitem(sys.modules, "ledgerdb", ModuleType("ledgerdb"))
    driver, description, use = re.findall(r"```python\n(.*?)```", _PAGE.read_text(), re.DOTALL)
    return driver, description, use


def test_worked_example_of_the_page_works_as_described(
    example: tuple[str, str, str], tracers: list[RecordingTracer]
) -> None:
    driver, description, use = example
    exec(driver, vars(sys.modules["ledgerdb"]))
    exec(description, {"__name__": "lineage_of_ledgerdb"})
    done: dict[str, object] = {"__name__": "use"}
    exec(use, done)

    assert done["rows"] == [(1,), (2,), (3,)]
    [tracer] = tracers
    assert tracer.store.namespace == "ledgerdb://ledger.internal:7070"
    assert [(reported.sql, reported.rows, reported.query_id) for reported in tracer.reported] == [
        ("CREATE TABLE entries (amount INTEGER)", None, "stmt-1"),
        ("INSERT INTO entries VALUES (?)", None, None),
        ("DELETE FROM entries", 3, "stmt-2"),
        ("SELECT amount FROM entries", 3, "stmt-3"),
    ]
    assert [sql.split()[0] for sql in tracer.kept] == ["CREATE", "INSERT", "SELECT"]


def test_registered_description_goes_before_ours(example: tuple[str, str, str]) -> None:
    import sqlite3

    from prefect_lineage_events.instrumentation.drivers.duckdb.connections import DRIVER

    registry.register("sqlite3", DRIVER)
    assert registry.driver_for(sqlite3.connect(":memory:")) is DRIVER


@pytest.mark.parametrize("known", registry.KNOWN, ids=lambda known: known.module)
def test_each_known_driver_has_its_descriptions(known: registry.KnownDriver) -> None:
    assert isinstance(known.driver, Driver)
    assert isinstance(known.engine_driver, Driver)


@pytest.mark.parametrize("known", registry.KNOWN, ids=lambda known: known.module)
def test_instrument_connection_documents_each_known_driver(known: registry.KnownDriver) -> None:
    name = known.module.removesuffix(".connector").removesuffix(".sql").rpartition(".")[2]
    assert re.search(rf"\b{name}\b", instrument_connection.__doc__ or "", re.IGNORECASE)
