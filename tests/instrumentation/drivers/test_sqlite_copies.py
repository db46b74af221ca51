"""Copies of whole SQLite databases, which no statement lists."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import aiosqlite
import pytest

from prefect_lineage_events.testing import recorded_lineage


def backed_up() -> None:
    with closing(sqlite3.connect("shop.db")) as shop, closing(sqlite3.connect("copy.db")) as copy:
        shop.backup(target=copy, pages=1)


def backed_up_by_aiosqlite() -> None:
    async def copied() -> None:
        async with aiosqlite.connect("shop.db") as shop, aiosqlite.connect("copy.db") as copy:
            await shop.backup(copy)

    asyncio.run(copied())


def through_memory() -> None:
    with closing(sqlite3.connect("shop.db")) as shop, closing(sqlite3.connect(":memory:")) as memory:
        shop.backup(memory)
        with closing(sqlite3.connect("copy.db")) as copy:
            memory.backup(copy)


def vacuumed() -> None:
    with closing(sqlite3.connect("shop.db")) as shop:
        shop.execute("VACUUM INTO 'copy.db'")


def vacuumed_by_a_bind() -> None:
    with closing(sqlite3.connect("shop.db")) as shop:
        shop.cursor().execute("vacuum main into :path", {"path": "copy.db"})


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with closing(sqlite3.connect("shop.db")) as shop:
        shop.executescript("CREATE TABLE orders (id INT, amount REAL); CREATE TABLE names (id INT)")


@pytest.mark.parametrize("program", [backed_up, backed_up_by_aiosqlite, through_memory, vacuumed, vacuumed_by_a_bind])
def test_each_table_of_a_copied_database_has_its_origin(program: Callable[[], None]) -> None:
    with recorded_lineage("databases") as lineage:
        program()
    edges = {(e.source.namespace[-7:], e.source.name, e.target.namespace[-7:], e.target.name) for e in lineage.edges}
    assert edges == {("shop.db", table, "copy.db", table) for table in ("orders", "names")}
    columns = {(e.source.name, e.source_column, e.target.name, e.target_column) for e in lineage.column_edges}
    assert columns == {
        ("orders", "id", "orders", "id"),
        ("orders", "amount", "orders", "amount"),
        ("names", "id", "names", "id"),
    }


def test_a_copy_that_failed_is_none() -> None:
    Path("copy.db").write_text("no database")
    with recorded_lineage("databases") as lineage, closing(sqlite3.connect("shop.db")) as shop:
        with pytest.raises(sqlite3.DatabaseError):
            shop.execute("VACUUM INTO 'copy.db'")
        shop.execute("VACUUM")
        with closing(sqlite3.connect("copy.db")) as copy, pytest.raises(sqlite3.DatabaseError):
            shop.backup(copy)
    assert lineage.edges == ()
