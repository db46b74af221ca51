"""`record_sql`: statements that ran elsewhere, analysed as captured ones."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from prefect_lineage_events import instrument_connection, lineage_disabled, record_sql, stores
from prefect_lineage_events.emission import worker
from prefect_lineage_events.testing import RecordedLineage
from prefect_lineage_events.testing.plugin import lineage

__all__ = ["lineage"]

COPY = "INSERT INTO sales (total) SELECT amount FROM orders WHERE secret = 'hunter2'"


@pytest.mark.parametrize(
    ("on", "source", "target"),
    [
        ("postgresql://user:hunter2@db/shop", "postgres://db:5432/shop/public/orders", "postgres://db:5432/shop/public/sales"),
        ("snowflake://org-account/SHOP/RAW", "snowflake://org-account/SHOP/RAW/ORDERS", "snowflake://org-account/SHOP/RAW/SALES"),
        ("bigquery://project/sales", "bigquery://project/sales/orders", "bigquery://project/sales/sales"),
        ("sqlite:////data/shop.db", "sqlite:///data/shop.db/orders", "sqlite:///data/shop.db/sales"),
        (stores.server("postgres", "db", None, "shop"), "postgres://db:5432/shop/public/orders", "postgres://db:5432/shop/public/sales"),
        (create_engine("postgresql+psycopg2://user:hunter2@db/shop"), "postgres://db:5432/shop/public/orders", "postgres://db:5432/shop/public/sales"),
    ],
)  # fmt: skip
def test_a_statement_is_analysed_for_its_database(lineage: RecordedLineage, on: Any, source: str, target: str) -> None:
    record_sql(COPY, on=on, query_id="q1", rows=7, raise_on_error=True)
    lineage.assert_edge(source, target)
    lineage.assert_column_edge((source, "amount"), (target, "total"))
    assert lineage.outputs[0].rows == 7
    recorded = lineage._find.__self__._runs.values()  # type: ignore[attr-defined]
    events = [event.model_dump_json(exclude={"run"}) for run in recorded for event in run.found]
    assert any("secret = ?" in event.lower() for event in events)
    assert "hunter2" not in "".join(events)


@pytest.mark.parametrize("open_it", ["sqlite", "traced", "duckdb", "engine", "connection", "session"])
def test_a_connection_names_its_database_and_runs_nothing(
    lineage: RecordedLineage, tmp_path: Path, open_it: str
) -> None:
    path = tmp_path / "shop.db"
    engine = create_engine(f"sqlite:///{path}")
    opened: Any = {
        "sqlite": lambda: sqlite3.connect(path),
        "traced": lambda: instrument_connection(sqlite3.connect(path)),
        "duckdb": lambda: duckdb.connect(str(path)),
        "engine": lambda: engine,
        "connection": engine.connect,
        "session": lambda: Session(engine),
    }[open_it]()
    # no such table exists: to run the statement would fail
    record_sql(COPY, on=opened, raise_on_error=True)
    lineage.assert_edge("orders", "sales")
    assert lineage.edges[0].target.namespace.partition("://")[2] == str(path.resolve())


def test_a_script_is_several_statements(lineage: RecordedLineage) -> None:
    record_sql(
        "USE DATABASE other; CREATE TEMP TABLE t AS SELECT a FROM raw.s; INSERT INTO raw.out (a) SELECT a FROM t",
        on="snowflake://org-account/SHOP",
    )
    lineage.assert_edge("OTHER.RAW.S", "OTHER.RAW.OUT")
    lineage.assert_nothing_else()


def test_statements_do_not_share_a_session(lineage: RecordedLineage) -> None:
    record_sql("USE DATABASE other", on="snowflake://org-account/SHOP")
    record_sql("INSERT INTO raw.out SELECT a FROM raw.s", on="snowflake://org-account/SHOP")
    lineage.assert_edge("SHOP.RAW.S", "SHOP.RAW.OUT")


def test_a_query_is_a_read(lineage: RecordedLineage) -> None:
    record_sql("SELECT a FROM s", on="postgresql://db/shop", rows=3)
    lineage.assert_reads("s")
    lineage.assert_nothing_else()


def test_nothing_is_noted_inside_lineage_disabled(lineage: RecordedLineage) -> None:
    with lineage_disabled():
        record_sql(COPY, on="postgresql://db/shop", raise_on_error=True)
    lineage.assert_empty()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sql": "", "on": "postgresql://db/shop"}, "sql is empty"),
        ({"sql": 7, "on": "postgresql://db/shop"}, "sql must be a str"),
        ({"sql": COPY, "on": "shop"}, "pass the database's URL"),
        ({"sql": COPY, "on": object()}, "the database of builtins.object is not known"),
        ({"sql": COPY, "on": None}, "is not known"),
        ({"sql": COPY, "on": "postgresql://db/shop", "rows": -1}, "rows must be a whole number"),
        ({"sql": COPY, "on": "postgresql://db/shop", "query_id": 7}, "query_id must be a str"),
        ({"sql": COPY, "on": "postgresql://db:hunter2/shop"}, None),
    ],
)
def test_a_mistake_is_a_warning_or_an_error(
    lineage: RecordedLineage, caplog: pytest.LogCaptureFixture, given: dict[str, Any], message: str | None
) -> None:
    with caplog.at_level(logging.DEBUG, "prefect_lineage_events"):
        record_sql(**given)
    assert "record_sql is ignored" in caplog.text
    assert message is None or message in caplog.text
    assert "hunter2" not in caplog.text
    lineage.assert_empty()
    with pytest.raises((ValueError, TypeError), match=message):
        record_sql(**given, raise_on_error=True)


def test_outside_a_run_nothing_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    notes: list[Any] = []
    monkeypatch.setattr(worker, "put", notes.append)
    record_sql(COPY, on="postgresql://db/shop")
    assert not notes
    with pytest.raises(RuntimeError, match="no flow run"):
        record_sql(COPY, on="postgresql://db/shop", raise_on_error=True)
