"""Rows that passed through Python: no source by chance, and the true ones where frames or values show them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest

from prefect_lineage_events.testing import recorded_lineage

Program = Callable[[], object]


def edges_of(program: Program) -> set[str]:
    with recorded_lineage() as lineage:
        program()
    names = {(Path(edge.source.name).name, Path(edge.target.name).name) for edge in lineage.edges}
    return {f"{source} > {target}" for source, target in names}


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, rows in (("a", 3), ("b", 3), ("six", 6), ("two", 2)):
        pd.DataFrame({"id": range(rows), "v": range(rows)}).to_csv(f"{name}.csv", index=False)
    pd.DataFrame({"id": [71, 72, 73], "name": ["Ada", "Ben", "Cyd"]}).to_csv("people.csv", index=False)
    connection = sqlite3.connect("shop.db")
    connection.executescript(
        "CREATE TABLE t (id int, v int); INSERT INTO t VALUES (1, 1), (2, 2); CREATE TABLE log (id int, v int);"
        "CREATE TABLE people (id int, name text); CREATE TABLE copy (id int, name text);"
        "INSERT INTO people VALUES (71, 'Ada'), (72, 'Ben'), (73, 'Cyd')"
    )
    connection.close()


def semi_join() -> None:
    six, a = pd.read_csv("six.csv"), pd.read_csv("a.csv")
    six[six.id.isin(a.id)].to_csv("out.csv", index=False)


def groups_as_many_as_another_file_has_rows() -> None:
    six, _ = pd.read_csv("six.csv"), pd.read_csv("two.csv")
    six.groupby(six.id % 2).agg(id=("id", "max"), v=("v", "sum")).to_csv("out.csv", index=False)


def a_file_that_is_read_back() -> None:
    a = pd.read_csv("a.csv")
    a.to_csv("first.csv", index=False)
    assert len(pd.read_csv("first.csv")) == 3
    a.to_csv("out.csv", index=False)


def duplicates_of_two_files_dropped() -> None:
    pd.concat([pd.read_csv("a.csv"), pd.read_csv("b.csv")]).drop_duplicates().to_csv("out.csv", index=False)


def a_column_of_another_frame() -> None:
    a, b = pd.read_csv("a.csv"), pd.read_csv("b.csv")
    a["w"] = b["v"]
    a.to_csv("out.csv", index=False)


def a_table_through_pandas() -> None:
    connection = sqlite3.connect("shop.db")
    frame = pd.read_sql("SELECT id, name FROM people", connection)
    frame.assign(name="x", id=1).to_csv("out.csv", index=False)
    connection.close()


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (semi_join, {"six.csv > out.csv"}),
        (groups_as_many_as_another_file_has_rows, {"six.csv > out.csv"}),
        (a_file_that_is_read_back, {"a.csv > out.csv", "a.csv > first.csv"}),
        (duplicates_of_two_files_dropped, {"a.csv > out.csv", "b.csv > out.csv"}),
        (a_column_of_another_frame, {"a.csv > out.csv", "b.csv > out.csv"}),
        (a_table_through_pandas, {"shop.db/people > out.csv", "people > out.csv", "main.people > out.csv"}),
    ],
)
def test_a_frame_has_the_sources_that_it_was_derived_from(program: Program, expected: set[str]) -> None:
    found = edges_of(program)
    assert found
    assert found <= expected
    assert len(found) == len({edge.rpartition("/")[2].rpartition("main.")[2] for edge in expected})


def constants_of_the_same_shape() -> None:
    assert len(pd.read_csv("a.csv")) == 3
    pd.DataFrame({"id": [7, 8, 9], "v": [1, 1, 1]}).to_csv("out.csv", index=False)


def rows_of_an_api() -> None:
    assert len(pd.read_csv("a.csv")) == 3
    pd.DataFrame([{"id": 9, "v": number} for number in range(3)]).head(2).to_csv("out.csv", index=False)


def a_report_of_the_number() -> None:
    pd.DataFrame({"rows": [len(pd.read_csv("a.csv"))]}).to_csv("out.csv", index=False)


def constants_by_polars() -> None:
    assert pl.read_csv("people.csv").height == 3
    pl.DataFrame({"id": [7, 8, 9], "name": ["Dan", "Eve", "Fay"]}).write_csv("out.csv")


def groups_by_polars() -> None:
    six, _ = pl.read_csv("six.csv"), pl.read_csv("two.csv")
    six.group_by(pl.col("id") % 2).agg(pl.col("v").sum()).write_csv("out.csv")


def constants_bound_by_statements() -> None:
    connection = sqlite3.connect("shop.db")
    assert len(connection.execute("SELECT id, v FROM t").fetchall()) == 2
    connection.executemany("INSERT INTO log VALUES (?, ?)", [(5, 5), (6, 6)])
    connection.execute("INSERT INTO log (id) VALUES (?)", (100,))
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    "program",
    [
        constants_of_the_same_shape,
        rows_of_an_api,
        a_report_of_the_number,
        constants_by_polars,
        groups_by_polars,
        constants_bound_by_statements,
    ],
)
def test_rows_that_were_not_read_have_no_source(program: Program) -> None:
    assert edges_of(program) == set()


def test_rows_of_a_driver_are_recognised_by_their_values() -> None:
    def program() -> None:
        connection = sqlite3.connect("shop.db")
        connection.execute("SELECT id, v FROM t").fetchall()
        rows = connection.execute("SELECT id, name FROM people").fetchall()
        connection.executemany("INSERT INTO copy VALUES (?, ?)", [(key, name.upper()) for key, name in rows])
        connection.commit()
        connection.close()

    (edge,) = edges_of(program)
    assert "people > " in edge
    assert edge.endswith("copy")


@pytest.mark.parametrize("other", ["PRAGMA table_info(people)", "SELECT * FROM log"])
def test_statements_without_rows_of_a_dataset_are_no_possible_source(other: str) -> None:
    def program() -> None:
        connection = sqlite3.connect("shop.db")
        connection.execute("CREATE TABLE strangers (id int, name text)")
        connection.execute("INSERT INTO strangers VALUES (71, 'Ada'), (78, 'Sofya'), (79, 'Emmy')")
        connection.execute(other).fetchall()
        rows = connection.execute("SELECT id, name FROM people").fetchall()
        connection.execute("SELECT id, name FROM strangers").fetchall()
        connection.executemany("INSERT INTO copy VALUES (?, ?)", rows)
        connection.commit()
        connection.close()

    (edge,) = edges_of(program)
    assert "people > " in edge


def test_a_file_that_is_read_back_without_a_sample_is_a_possible_source() -> None:
    def program() -> None:
        pd.read_csv("people.csv").to_parquet("middle.parquet", index=False)
        batches = list(pq.ParquetFile("middle.parquet").iter_batches())
        pl.DataFrame([row for batch in batches for row in batch.to_pylist()]).write_csv("out.csv")

    assert "people.csv > out.csv" not in edges_of(program)
