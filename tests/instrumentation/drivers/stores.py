"""Connections of the drivers that run here, each to an empty store of its own."""

from __future__ import annotations

from typing import Any

import pytest

STORES = ("sqlite3", "duckdb", "psycopg", "psycopg2")


def opened(request: pytest.FixtureRequest, database: str, setup: str) -> Any:
    """A connection of the driver that `request.param` names, to a new store that `setup` has filled."""
    module = pytest.importorskip(request.param)
    if request.param in ("sqlite3", "duckdb"):
        own = module.connect(":memory:")
    else:
        server = request.getfixturevalue("postgres")
        own = module.connect(server.dsn(server.database(database)))
    (own.executescript if request.param == "sqlite3" else own.cursor().execute)(setup)
    if request.param != "duckdb":
        own.commit()
    return own
