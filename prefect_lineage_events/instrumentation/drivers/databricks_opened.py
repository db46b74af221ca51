"""Databricks' SQL connections that a program opens itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from prefect_lineage_events import patches
from prefect_lineage_events.instrumentation.drivers import databricks
from prefect_lineage_events.instrumentation.library import Library
from prefect_lineage_events.instrumentation.opening import traces_own

DRIVER = replace(databricks.DRIVER, subclassed=True, cursor_classes=("databricks.sql.client.Cursor",))


def _patch(module: Any) -> None:
    patches.add(module.Connection, "__init__", traces_own(lambda: DRIVER))


LIBRARY = Library(
    "databases",
    "databricks.sql.client",
    _patch,
    package="databricks-sql-connector",
    captured="connections and cursors, under every name of `connect`: `executemany`, `execute_async` once its result "
    "was requested, Arrow fetches; command ids",
    not_captured="functions of the catalogue (`tables`, `columns`); Databricks jobs and Spark Connect",
    tests=("tests/instrumentation/opened/test_databricks.py",),
    against="the connector's own code over a backend that answers without a workspace",
)
