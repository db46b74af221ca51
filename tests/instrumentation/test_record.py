"""Recording by hand: its notes, and errors that do not reach the flow."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from prefect_lineage_events import (
    Dataset,
    LineageBlock,
    filters,
    lineage_disabled,
    record_misc,
    record_read,
    record_write,
)
from prefect_lineage_events.context.run import Run
from prefect_lineage_events.emission import worker
from prefect_lineage_events.emission.notes import Note, RecordNote
from prefect_lineage_events.instrumentation import access, record
from prefect_lineage_events.settings import settings
from tests.emission.conftest import make_run


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Notes that would have gone to our thread, of a run that is always the current one."""
    notes: list[Note] = []
    current = make_run(task="load")
    # Connections of other tests may be garbage collected meanwhile, and say so.
    monkeypatch.setattr(worker, "put", lambda note: isinstance(note, RecordNote) and (notes.append(note) or True))
    for module in (access, record):
        monkeypatch.setattr(module, "current_run", lambda: current)
    return notes


@pytest.fixture
def no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (access, record):
        monkeypatch.setattr(module, "current_run", lambda: None)


def test_a_read_is_noted_with_its_rows_and_run(noted: list[RecordNote]) -> None:
    record_read("s3://b/in.csv", rows=3)
    (note,) = noted
    assert (note.operation, note.output, note.inputs, note.rows) == ("read", None, (Dataset("s3://b", "in.csv"),), 3)
    assert note.run.info.task_run_name == "load-0"


def test_a_write_is_noted_with_its_inputs_as_uris_or_datasets(noted: list[RecordNote]) -> None:
    record_write(Dataset("s3://b", "out"), inputs=["s3://b/in", Dataset("gs://c", "k")])
    (note,) = noted
    assert note.output == Dataset("s3://b", "out")
    assert note.inputs == (Dataset("s3://b", "in"), Dataset("gs://c", "k"))


def test_a_single_input_need_not_be_in_a_list(noted: list[RecordNote]) -> None:
    record_write("s3://b/out", inputs="s3://b/in")
    assert noted[0].inputs == (Dataset("s3://b", "in"),)


def test_misc_has_its_description(noted: list[RecordNote]) -> None:
    record_misc("postgres://h:5432/db/s/t", description="refreshed")
    assert noted[0].operation == "misc"
    assert noted[0].description == "refreshed"


async def test_recording_works_in_coroutines(noted: list[RecordNote]) -> None:
    record_read("s3://b/in.csv")
    assert len(noted) == 1


@pytest.mark.parametrize("call", [record_read, record_write, record_misc])
@pytest.mark.parametrize("wrong", ["no uri", "s3://", 7, None])
def test_invalid_dataset_is_one_warning(
    noted: list[RecordNote], caplog: pytest.LogCaptureFixture, call: Callable[..., None], wrong: Any
) -> None:
    with caplog.at_level(logging.WARNING, "prefect_lineage_events"):
        call(wrong)
    assert noted == []
    assert len(caplog.records) == 1


@pytest.mark.parametrize(("wrong", "error"), [("no uri", ValueError), (7, TypeError)])
def test_invalid_dataset_raises_with_raise_on_error(
    noted: list[RecordNote], wrong: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        record_read(wrong, raise_on_error=True)


def test_outside_a_run_nothing_happens(no_run: None, caplog: pytest.LogCaptureFixture) -> None:
    record_write("s3://b/out", inputs=["s3://b/in"])
    assert caplog.records == []


def test_outside_a_run_raises_with_raise_on_error(no_run: None) -> None:
    with pytest.raises(RuntimeError, match="no flow run"):
        record_read("s3://b/in", raise_on_error=True)


def test_nothing_is_noted_inside_lineage_disabled(noted: list[RecordNote]) -> None:
    with lineage_disabled():
        record_read("s3://b/in", raise_on_error=True)
    assert noted == []


def test_nothing_is_noted_when_switched_off(noted: list[RecordNote], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_ENABLED", "false")
    settings.cache_clear()
    filters.current.cache_clear()
    record_read("s3://b/in", raise_on_error=True)
    assert noted == []


def test_excluded_run_notes_nothing(noted: list[RecordNote], monkeypatch: pytest.MonkeyPatch) -> None:
    run: Run = make_run()
    run.captured = False
    monkeypatch.setattr(access, "current_run", lambda: run)
    monkeypatch.setattr(record, "current_run", lambda: run)
    record_read("s3://b/in", raise_on_error=True)
    assert noted == []


class PartnerDrop(LineageBlock):
    """A block for files that a partner drops."""

    bucket: str = "drop"

    def prices(self) -> None:
        self.record_read(f"s3://{self.bucket}/prices.csv", rows=2)

    def publish(self) -> None:
        self.record_write("s3://out/report.pdf", inputs=[f"s3://{self.bucket}/prices.csv"])
        self.record_misc("s3://out/report.pdf", description="announced")


def test_a_blocks_own_methods_record(noted: list[RecordNote]) -> None:
    block = PartnerDrop(bucket="mine")
    block.prices()
    block.publish()
    assert [(n.operation, [d.uri for d in n.inputs]) for n in noted] == [
        ("read", ["s3://mine/prices.csv"]),
        ("write", ["s3://mine/prices.csv"]),
        ("misc", ["s3://out/report.pdf"]),
    ]


def test_a_subclass_is_a_block_type_of_its_own_that_pickles() -> None:
    import cloudpickle

    copy = cloudpickle.loads(cloudpickle.dumps(PartnerDrop(bucket="mine")))
    assert copy == PartnerDrop(bucket="mine")
    assert PartnerDrop.get_block_type_slug() == "partnerdrop"
    assert PartnerDrop.get_description() == "A block for files that a partner drops."


def test_the_base_presents_itself_as_a_block_does() -> None:
    block_type = LineageBlock._to_block_type()
    assert all((block_type.logo_url, block_type.documentation_url))
    assert (block_type.description or "").startswith("A base for blocks whose own methods report")
    assert "@lineage(reads=" in (block_type.code_example or "")


@pytest.mark.parametrize("rows", [-1, float("nan"), float("inf"), 2**63, "3", 1.5, True, object()])
def test_invalid_row_count_is_left_out_with_a_warning(
    noted: list[RecordNote], caplog: pytest.LogCaptureFixture, rows: Any
) -> None:
    with caplog.at_level(logging.WARNING):
        record_write("s3://b/out", rows=rows)
    assert noted[0].rows is None
    assert "record_write is kept without its rows: rows must be a whole number" in caplog.text


@pytest.mark.parametrize(("rows", "kept"), [(3.0, 3), (0, 0), (2**63 - 1, 2**63 - 1)])
def test_a_whole_number_of_rows_is_kept(noted: list[RecordNote], rows: Any, kept: int) -> None:
    record_read("s3://b/in", rows=rows)
    assert noted[0].rows == kept


@pytest.mark.parametrize("rows", [-1, float("nan")])
def test_invalid_row_count_raises_with_raise_on_error(noted: list[RecordNote], rows: Any) -> None:
    with pytest.raises(ValueError, match="rows must be a whole number"):
        record_write("s3://b/out", rows=rows, raise_on_error=True)
    assert not noted


def test_endless_inputs_are_an_error(noted: list[RecordNote]) -> None:
    with pytest.raises(ValueError, match="more than 10,000 inputs"):
        record_write("s3://b/out", inputs=iter(lambda: "s3://b/in", None), raise_on_error=True)
    assert not noted


def test_the_text_of_an_error_that_is_not_ours_is_not_logged(
    noted: list[RecordNote], caplog: pytest.LogCaptureFixture
) -> None:
    def inputs() -> Iterator[str]:
        yield "s3://bucket/key"
        raise ValueError("password=hunter2")

    with caplog.at_level(logging.DEBUG):
        record_write("s3://bucket/out", inputs=inputs())
    assert "record_write is ignored: ValueError" in caplog.text
    assert "hunter2" not in caplog.text
