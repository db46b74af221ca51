"""Rows that passed through Python: no source by chance, and the true ones where frames or values show them."""

from __future__ import annotations

import pickle
import sqlite3
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


def groups_by_polars() -> None:
    six, _ = pl.read_csv("six.csv"), pl.read_csv("two.csv")
    six.group_by(pl.col("id") % 2).agg(pl.col("v").sum()).write_csv("out.csv")


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (semi_join, {"six.csv > out.csv"}),
        (groups_as_many_as_another_file_has_rows, {"six.csv > out.csv"}),
        (groups_by_polars, {"six.csv > out.csv"}),
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


FIRST, SECOND = "six.csv", "a.csv"
WITH_ANOTHER: dict[str, Callable[[pd.DataFrame, pd.DataFrame], Any]] = {
    "map": lambda a, b: a.assign(w=a["id"].map(b.set_index("id")["v"])),
    "map of groups": lambda a, b: a.assign(w=a["id"].map(b.groupby("id")["v"].sum()).fillna(0)),
    "insert": lambda a, b: a.insert(1, "w", b["v"]),
    "where": lambda a, b: a.where(a["v"] > 2, b["v"], axis=0),
    "mask of a column": lambda a, b: a.assign(w=a["v"].mask(a["v"] > 2, b["v"])),
    "clip": lambda a, b: a.assign(w=a["v"].clip(upper=b["v"])),
    "update": lambda a, b: a.update(b[["v"]] + 7),
    "combine": lambda a, b: a["v"].combine(b["v"], max).to_frame("w"),
    "combine_first": lambda a, b: a.combine_first(b.rename(columns={"v": "w"})),
    "dot": lambda a, b: a[["v"]].head(2).T.dot(b[["v"]].head(2)),
    "str.cat": lambda a, b: a.assign(w=a["v"].astype(str).str.cat([b["v"].astype(str)], na_rep="-")),
    "join of a column": lambda a, b: a.join(b["v"].rename("w")),
    "merge_asof": lambda a, b: pd.merge_asof(a, b.rename(columns={"v": "w"}), on="id"),
    "merge_ordered": lambda a, b: pd.merge_ordered(a, b.rename(columns={"v": "w"}), on="id"),
}


@pytest.mark.parametrize("call", WITH_ANOTHER.values(), ids=WITH_ANOTHER)
def test_a_frame_with_values_of_another_one_has_the_sources_of_both(
    call: Callable[[pd.DataFrame, pd.DataFrame], Any],
) -> None:
    if call is WITH_ANOTHER["update"] and pd.__version__.startswith("2."):
        pytest.skip("pandas 2 updates a frame from arrays, which are not followed")

    def program() -> None:
        first, second = pd.read_csv(FIRST), pd.read_csv(SECOND)
        made = call(first, second)
        (first if made is None else made).to_csv("out.csv", index=False)

    assert edges_of(program) == {f"{FIRST} > out.csv", f"{SECOND} > out.csv"}


DERIVED: dict[str, Callable[[pd.DataFrame], Any]] = {
    "named aggregates": lambda a: a.groupby("v").agg(n=("id", "size")),
    "sizes": lambda a: a.groupby("v", as_index=False).size(),
    "distinct": lambda a: a.groupby("v").nunique(),
    "shares": lambda a: (a["v"] / a.groupby("id")["v"].transform("sum")).to_frame("share"),
    "running totals": lambda a: a.groupby("id")["v"].cumsum().to_frame("total"),
    "a function of groups": lambda a: a.groupby("v").apply(lambda group: group["id"].sum()).to_frame("total"),
    "one group": lambda a: next(group for _, group in a.groupby("v")).sum().to_frame("total"),
    "counts": lambda a: a["v"].value_counts().reset_index(),
    "counts of rows": lambda a: a.value_counts().reset_index(),
    "a rolling mean": lambda a: a["v"].rolling(2).mean().to_frame("mean"),
    "a rolling sum of groups": lambda a: a.groupby("id")["v"].rolling(1).sum().reset_index(),
    "an expanding sum": lambda a: a["v"].expanding().sum().to_frame("total"),
    "an exponential mean": lambda a: a["v"].ewm(1).mean().to_frame("mean"),
    "days": lambda a: a.set_index(pd.to_datetime(a["id"], unit="D")).resample("D").size().to_frame("n"),
}


@pytest.mark.parametrize("call", DERIVED.values(), ids=DERIVED)
def test_a_frame_derived_from_one_of_two_has_no_other_source(call: Callable[[pd.DataFrame], Any]) -> None:
    def program() -> None:
        first, second = pd.read_csv(FIRST), pd.read_csv(SECOND)
        assert len(second) == 3
        call(first).to_csv("out.csv", index=False)

    assert edges_of(program) == {f"{FIRST} > out.csv"}


CHAINED: dict[str, Callable[[pd.DataFrame], object]] = {
    "fillna": lambda a: a["v"].fillna(0, inplace=True),
    "where": lambda a: a["v"].where(a["v"] > 1, 0, inplace=True),
    "mask": lambda a: a["v"].mask(a["v"] > 1, 0, inplace=True),
    "clip": lambda a: a["v"].clip(0, 1, inplace=True),
    "replace": lambda a: a["v"].replace(1, 2, inplace=True),
    "update": lambda a: a["v"].update(pd.Series([7])),
    "update of a frame": lambda a: a[["v"]].update(a[["v"]] + 1),
    "item": lambda a: a[["v"]].__setitem__("v", 1),
}


@pytest.mark.parametrize("call", CHAINED.values(), ids=CHAINED)
def test_warnings_of_chained_assignments_are_as_without_lineage(call: Callable[[pd.DataFrame], object]) -> None:
    def warned() -> list[tuple[type[Warning], str]]:
        frame = pd.read_csv("six.csv")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call(frame)
        return [(one.category, one.filename) for one in caught]

    plain = warned()
    with recorded_lineage():
        assert warned() == plain


def test_chunks_that_a_query_returned_keep_their_source() -> None:
    def program() -> None:
        connection = sqlite3.connect("shop.db")
        chunks = pd.read_sql("SELECT id, name FROM people", connection, chunksize=2)
        assert type(chunks).__name__ == "generator" and chunks.__name__ == "_query_iterator"
        people = pd.concat(chunks)
        chunks.close()
        connection.close()
        people.merge(pd.read_csv("a.csv"), how="cross").groupby("v").agg(n=("name", "size")).to_csv("out.csv")

    found = {edge.rpartition("main.")[2] for edge in edges_of(program)}
    assert found == {"people > out.csv", "a.csv > out.csv"}


def test_a_frame_that_was_unpickled_is_not_left_out_beside_one_that_was_read() -> None:
    def program() -> None:
        six = pickle.loads(pickle.dumps(pd.read_csv("six.csv")))
        six.merge(pd.read_csv("a.csv"), on="id").groupby("id").size().to_frame("n").to_csv("out.csv")

    assert edges_of(program) == {"six.csv > out.csv", "a.csv > out.csv"}


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
