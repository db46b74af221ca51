"""Temporary files of a run are known by `tempfile` having made them, and by nothing else."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from prefect_lineage_events import Dataset, instrument, uninstrument
from prefect_lineage_events.datasets import local_file
from prefect_lineage_events.emission import temporary_files
from prefect_lineage_events.emission.records import from_record
from prefect_lineage_events.emission.temporary_files import is_temporary
from prefect_lineage_events.instrumentation.files import temporary
from tests.emission.conftest import make_run
from tests.instrumentation.files.touched import Touched, recorded, touched

__all__ = ["recorded", "touched"]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    instrument("files")
    monkeypatch.setattr(temporary, "current_run", make_run)
    monkeypatch.setattr(temporary_files, "_paths", {})
    yield
    uninstrument()


def _named() -> Path:
    with tempfile.NamedTemporaryFile(suffix=".csv", delete=False) as file:
        return Path(file.name)


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    "make",
    [
        lambda: Path(tempfile.mkdtemp()) / "x.csv",
        lambda: Path(tempfile.mkdtemp()) / "t" / "dt=1" / "x.parquet",
        lambda: Path(tempfile.TemporaryDirectory().name) / "x.csv",
        lambda: Path(tempfile.mkstemp()[1]),
        lambda: Path(tempfile.mkdtemp(prefix="é").encode().decode()) / "x.csv",
        _named,
    ],
)
def test_file_that_tempfile_made_in_the_run_is_temporary(make: Callable[[], Path]) -> None:
    assert is_temporary(local_file(str(make())))


@pytest.mark.usefixtures("run")
def test_other_files_are_not_temporary(tmp_path: Path) -> None:
    tempfile.mkdtemp()
    assert not is_temporary(local_file(f"{tempfile.gettempdir()}/x.csv"))
    assert not is_temporary(local_file(str(tmp_path / "x.csv")))
    assert not is_temporary(Dataset("s3://b", "tmp/x.csv"))


@pytest.mark.usefixtures("run")
def test_file_that_is_made_elsewhere_or_outside_of_a_run_is_not_temporary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    assert not is_temporary(local_file(tempfile.mkdtemp(dir=kept)))
    monkeypatch.setattr(temporary, "current_run", lambda: None)
    assert not is_temporary(local_file(tempfile.mkdtemp()))


@pytest.mark.usefixtures("run")
def test_the_newest_paths_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporary_files, "_MAX_PATHS", 2)
    first, *others = (local_file(tempfile.mkdtemp()) for _ in range(3))
    assert not is_temporary(first)
    assert all(map(is_temporary, others))


@pytest.mark.usefixtures("run")
def test_write_of_a_temporary_file_replaces_its_content(touched: Touched) -> None:
    import pandas as pd

    path = tempfile.mkdtemp()
    frame = pd.DataFrame({"a": [1]})
    frame.to_csv(f"{path}/x.csv")
    frame.to_csv(f"{path}/x.csv", mode="a")
    frame.to_csv("/dev/null")
    events = [pending.event for note in touched.notes for pending in from_record(note)]
    assert [(e.output and e.output.temporary, e.statement.effect) for e in events] == [
        (True, "overwrite"),
        (True, "append"),
    ]
