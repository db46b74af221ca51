"""Files that a run writes under one name and moves to another: whole programs without a server, by the testing kit."""

# These functions are what programs call.
# ruff: noqa: PTH100, PTH104, PTH105, PTH211

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import fsspec
import pandas as pd
import pytest
from prefect import flow, task

from prefect_lineage_events.stitching.stitch import stitch
from prefect_lineage_events.testing import RecordedLineage, recorded_lineage
from tests.stitching.histories import Story

LONG_AGO = 1_000_000_000


@pytest.fixture
def lineage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordedLineage]:
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"id": [1, 2], "amount": [1.5, 2.5]}).to_csv("orders.csv", index=False)
    pd.DataFrame({"k": [1, 2, 3], "v": [1, 2, 3]}).to_csv("other.csv", index=False)
    for name in ("inbox", "archive", "out"):
        Path(name).mkdir()
    shutil.copy("orders.csv", "inbox/new.csv")
    for path in Path().rglob("*"):
        os.utime(path, (LONG_AGO, LONG_AGO))
    with recorded_lineage() as found:
        yield found


def _copy(target: str | Path, source: str = "orders.csv") -> None:
    pd.read_csv(source).to_csv(target, index=False)


def _edges(lineage: RecordedLineage) -> set[tuple[str, str]]:
    here = f"{Path.cwd()}/"
    return {(e.source.name.removeprefix(here), e.target.name.removeprefix(here)) for e in lineage.edges}


def _used(lineage: RecordedLineage) -> tuple[set[str], set[str]]:
    here = f"{Path.cwd()}/"
    return (
        {use.dataset.name.removeprefix(here) for use in lineage.inputs},
        {use.dataset.name.removeprefix(here) for use in lineage.outputs},
    )


def _through_tempfile() -> None:
    descriptor, name = tempfile.mkstemp(suffix=".csv")
    os.close(descriptor)
    _copy(name)
    shutil.move(name, "new.csv")


def _through_link() -> None:
    _copy("new.tmp")
    os.link("new.tmp", "new.csv")
    Path("new.tmp").unlink()


def _through_tasks() -> None:
    @task
    def write() -> str:
        _copy("new.tmp")
        return "new.tmp"

    @task
    def publish(path: str) -> None:
        os.replace(path, "new.csv")

    publish(write())


def _twice() -> None:
    _copy("a.csv")
    os.rename("a.csv", "b.csv")
    shutil.move("b.csv", "new.csv")


def _by_fsspec() -> None:
    _copy("new.tmp")
    fsspec.filesystem("file").mv(os.path.abspath("new.tmp"), os.path.abspath("new.csv"))


def _after_a_look() -> None:
    _copy("new.tmp")
    assert len(pd.read_csv("new.tmp")) == 2
    os.replace("new.tmp", "new.csv")


def _in_place_of_another() -> None:
    _copy("new.tmp")
    Path("new.csv").touch()
    Path("new.csv").unlink()
    os.rename("new.tmp", "new.csv")


def _replaced() -> None:
    _copy("new.csv.tmp")
    Path("new.csv.tmp").replace("new.csv")


@pytest.mark.parametrize(
    "program",
    [
        _through_tempfile, _through_link, _through_tasks, _twice, _by_fsspec, _after_a_look, _in_place_of_another,
        _replaced,
    ],
)  # fmt: skip
def test_file_under_a_temporary_name_is_the_file_that_it_becomes(
    program: Callable[[], None], lineage: RecordedLineage
) -> None:
    flow(program)()
    assert _used(lineage) == ({"orders.csv"}, {"new.csv"})
    assert _edges(lineage) == {("orders.csv", "new.csv")}
    lineage.assert_column_edge("orders.csv.amount", "new.csv.amount")


def test_moved_file_has_the_rows_and_types_of_what_was_written(lineage: RecordedLineage) -> None:
    _replaced()
    (output,) = lineage.outputs
    assert output.rows == 2
    assert [(column.name, column.type) for column in output.columns] == [("id", "int64"), ("amount", "float64")]


def test_one_temporary_name_for_several_files_gives_each_its_own_source(lineage: RecordedLineage) -> None:
    for source, target in (("orders.csv", "a.csv"), ("other.csv", "b.csv")) * 6:
        _copy("work.tmp", source)
        os.replace("work.tmp", target)
    assert _edges(lineage) == {("orders.csv", "a.csv"), ("other.csv", "b.csv")}


def test_name_that_is_written_again_is_another_file(lineage: RecordedLineage) -> None:
    _copy("current.csv")
    os.rename("current.csv", "previous.csv")
    _copy("current.csv", "other.csv")
    assert _edges(lineage) == {("orders.csv", "previous.csv"), ("other.csv", "current.csv")}


def test_files_of_a_moved_directory_keep_their_names(lineage: RecordedLineage) -> None:
    Path("stage").mkdir()
    _copy("stage/a.csv")
    _copy("stage/b.csv", "other.csv")
    os.rename("stage", "final")
    assert _used(lineage) == ({"orders.csv", "other.csv"}, {"final/a.csv", "final/b.csv"})
    assert _edges(lineage) == {("orders.csv", "final/a.csv"), ("other.csv", "final/b.csv")}


def test_partitioned_dataset_is_moved_as_one(lineage: RecordedLineage) -> None:
    duckdb.sql("COPY (SELECT * FROM 'orders.csv') TO 'stage' (FORMAT parquet, PARTITION_BY (id))")
    shutil.rmtree("final", ignore_errors=True)
    shutil.move("stage", "final")
    assert _used(lineage) == ({"orders.csv"}, {"final"})


def test_partition_is_moved_into_its_dataset(lineage: RecordedLineage) -> None:
    Path("stage/dt=1").mkdir(parents=True)
    Path("table").mkdir()
    pd.read_csv("orders.csv").to_parquet("stage/dt=1/part-0.parquet")
    os.rename("stage/dt=1", "table/dt=1")
    assert _used(lineage) == ({"orders.csv"}, {"table"})


def test_files_of_a_moved_partition_stay_datasets_by_their_words(lineage: RecordedLineage) -> None:
    Path("stage/dt=1").mkdir(parents=True)
    Path("raw").mkdir()
    _copy("stage/dt=1/orders.csv")
    _copy("stage/dt=1/customers.csv", "other.csv")
    os.rename("stage/dt=1", "raw/dt=1")
    assert _edges(lineage) == {("orders.csv", "raw/orders.csv"), ("other.csv", "raw/customers.csv")}
    assert _used(lineage)[1] == {"raw/orders.csv", "raw/customers.csv"}


def test_many_renamed_files_of_a_directory_are_its_parts(lineage: RecordedLineage) -> None:
    for number in range(130):
        _copy(f"out/{number}.csv.tmp")
        os.replace(f"out/{number}.csv.tmp", f"out/{number}.csv")
    assert _used(lineage) == ({"orders.csv"}, {"out"})
    assert _edges(lineage) == {("orders.csv", "out")}


def test_copied_directory_stays_beside_its_copy(lineage: RecordedLineage) -> None:
    Path("stage").mkdir()
    _copy("stage/a.csv")
    shutil.copytree("stage", "public")
    assert _edges(lineage) == {("orders.csv", "stage/a.csv"), ("stage/a.csv", "public/a.csv")}
    lineage.assert_column_edge("stage/a.csv.id", "public/a.csv.id")


def test_removed_file_of_the_run_is_passed_through(lineage: RecordedLineage) -> None:
    _copy("scratch.csv")
    pd.read_csv("scratch.csv").to_parquet("new.parquet")
    Path("scratch.csv").unlink()
    assert _used(lineage) == ({"orders.csv"}, {"new.parquet"})
    lineage.assert_column_edge("orders.csv.id", "new.parquet.id")


def test_removed_file_that_no_captured_call_has_read_stays_an_output(lineage: RecordedLineage) -> None:
    """Its content may have gone where nothing is seen: into an archive made with Python's `open`."""
    _copy("new.csv")
    Path("new.csv").unlink()
    assert _used(lineage) == ({"orders.csv"}, {"new.csv"})


def test_subflow_that_moves_a_file_of_its_parent_has_it_as_its_source(lineage: RecordedLineage) -> None:
    @flow
    def publish(path: str) -> None:
        os.replace(path, "new.csv")

    @flow
    def program() -> None:
        _copy("new.tmp")
        publish("new.tmp")

    program()
    assert _edges(lineage) == {("orders.csv", "new.tmp"), ("new.tmp", "new.csv")}


def test_removed_directory_of_the_run_is_passed_through(lineage: RecordedLineage) -> None:
    Path("scratch").mkdir()
    _copy("scratch/a.csv")
    pd.read_csv("scratch/a.csv").to_parquet("new.parquet")
    shutil.rmtree("scratch")
    assert _used(lineage) == ({"orders.csv"}, {"new.parquet"})


def test_file_that_the_run_found_is_a_source_of_where_it_moves_it(lineage: RecordedLineage) -> None:
    pd.read_csv("inbox/new.csv").to_parquet("out/new.parquet")
    shutil.move("inbox/new.csv", "archive")
    assert _used(lineage) == ({"inbox/new.csv"}, {"out/new.parquet", "archive/new.csv"})
    lineage.assert_column_edge("inbox/new.csv.id", "archive/new.csv.id")


def test_file_that_the_run_does_not_read_is_a_source_of_where_it_moves_it(lineage: RecordedLineage) -> None:
    flow(os.rename)("inbox/new.csv", "archive/new.csv")
    assert _edges(lineage) == {("inbox/new.csv", "archive/new.csv")}


def test_file_that_plain_open_made_is_named_when_it_is_moved(lineage: RecordedLineage) -> None:
    @flow
    def program() -> None:
        Path("rows.json.tmp").write_text(pd.read_csv("orders.csv").to_json())
        os.replace("rows.json.tmp", "rows.json")

    program()
    assert _used(lineage) == ({"orders.csv"}, {"rows.json"})


def test_backup_and_replacement_are_two_files(lineage: RecordedLineage) -> None:
    pd.concat([pd.read_csv("orders.csv"), pd.read_csv("orders.csv")]).to_csv("orders.csv.new", index=False)
    os.rename("orders.csv", "orders.csv.bak")
    os.rename("orders.csv.new", "orders.csv")
    assert _used(lineage) == ({"orders.csv"}, {"orders.csv", "orders.csv.bak"})
    assert _edges(lineage) == {("orders.csv", "orders.csv"), ("orders.csv", "orders.csv.bak")}


def test_failed_move_is_nothing(lineage: RecordedLineage) -> None:
    _copy("new.csv")
    with pytest.raises(FileNotFoundError):
        os.rename("new.csv", "missing/new.csv")
    assert _used(lineage) == ({"orders.csv"}, {"new.csv"})


def test_files_that_are_no_data_are_left_out(lineage: RecordedLineage) -> None:
    Path("job.lock.tmp").touch()
    os.replace("job.lock.tmp", "job.lock")
    Path("job.lock").unlink()
    shutil.copy(__file__, "code.py")
    lineage.assert_empty()


def test_moved_link_is_no_data(lineage: RecordedLineage) -> None:
    _copy("v2.csv")
    os.symlink("v2.csv", "current.tmp")
    os.replace("current.tmp", "current.csv")
    assert _used(lineage) == ({"orders.csv"}, {"v2.csv"})


def test_removal_of_a_file_has_the_name_of_its_call() -> None:
    removed = "s3://landing/in/clicks.csv"
    story = Story().write(removed, task="T", reason="s3.PutObject").drop(removed, task="T", reason="s3.DeleteObject")
    statements = stitch(story.history()).lineage.statements
    assert [(one.operation, one.reason) for one in statements][-1] == ("drop", "s3.DeleteObject")


def test_rows_of_a_file_that_python_made_and_removed_are_a_source_that_is_not_known() -> None:
    made, known, written = "s3://landing/in/clicks.csv", "s3://landing/in/users.csv", "s3://landing/out.parquet"
    story = Story()
    story.task("READ")
    story.task("WRITE", "READ")
    story.write(made, task="READ", reason="s3.PutObject").read(made, task="READ", reason="s3.GetObject")
    story.read(known, task="READ", reason="pandas.read_csv", rows=2, result="user country")
    story.write(written, task="WRITE", reason="s3.PutObject").drop(made, task="WRITE", reason="s3.DeleteObject")
    lineage = stitch(story.history()).lineage
    assert [(one.source.uri, one.target.uri) for one in lineage.edges] == [(known, written)]
    assert [(one.target.uri, one.rows) for one in lineage.unknown] == [(written, "partly")]
