"""Verdicts on the rows of a write beside those that its run has read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from prefect_lineage_events.context.run import Run
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.emission import row_comparison
from prefect_lineage_events.emission.notes import RecordNote
from prefect_lineage_events.emission.row_comparison import RowComparison
from prefect_lineage_events.emission.row_samples import Origins, RowSample, full_runs
from prefect_lineage_events.events import RunInfo

NOW = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.timezone.utc)
PEOPLE = [(4_711, "Ada Lovelace"), (4_712, "Alan Turing"), (4_713, "Grace Hopper")]
CITIES = [(9_001, "Paris"), (9_002, "London")]


class Story:
    """Reads and one write of a run: `verdicts` are those on the reads, by their names."""

    def __init__(self, key: UUID | None = None) -> None:
        self.rows = RowComparison()
        self.run = Run(RunInfo(flow_run_id=key or uuid4()))
        self.reads: dict[str, RecordNote] = {}

    def note(self, operation: Any, table: str = "t") -> RecordNote:
        dataset = Dataset("duckdb", table)
        reads = operation == "read"
        return RecordNote(operation, None if reads else dataset, (dataset,) if reads else (), self.run, NOW)

    def read(self, name: str, rows: Sequence[Sequence[Any]] | None, *, whole: bool = True, table: str = "") -> Story:
        """A read with these rows; without any, one of which there is no sample."""
        self.reads[name] = note = self.note("read", table or name)
        note.pending_events.append(object())
        self.rows.expect(note)
        if rows is not None:
            self.rows.store(note, RowSample(lambda: rows, whole, by_row=True))
        return self

    def verdicts(
        self, rows: Sequence[Sequence[Any]] | None, origins: Origins | None = None, *, selecting: bool = False
    ) -> dict[str, str]:
        note = self.note("write")
        note.sample = None if rows is None else RowSample(lambda: rows, by_row=True, selecting=selecting)
        note.origins = origins
        self.rows.compare(note)
        names = {id(read): name for name, read in self.reads.items()}
        return {names[key]: verdict for key, (_, verdict) in note.compared.items()}


def test_rows_of_one_read_are_equal_and_those_of_the_other_different():
    story = Story().read("people", PEOPLE).read("cities", CITIES)
    assert story.verdicts(PEOPLE) == {"people": "equal", "cities": "different"}


def test_rows_of_two_equal_reads_may_be_of_either():
    story = Story().read("people", PEOPLE).read("copy", PEOPLE)
    assert story.verdicts(PEOPLE) == {"people": "alike", "copy": "alike"}


def test_rows_of_two_reads_of_one_table_are_of_that_table():
    story = Story().read("people", PEOPLE).read("again", PEOPLE, table="people").read("cities", CITIES)
    assert story.verdicts(PEOPLE) == {"people": "equal", "again": "equal", "cities": "different"}


def test_rows_of_python_are_different_from_all_that_were_read():
    assert Story().read("people", PEOPLE).verdicts([(31_337, "made up")]) == {"people": "different"}


def test_values_that_may_only_select_rows_are_no_proof_of_a_source():
    story = Story().read("people", PEOPLE).read("cities", CITIES)
    assert story.verdicts([("Paris",)], selecting=True) == {"people": "different"}
    assert story.verdicts([("closed", "open")], selecting=True) == {"people": "different", "cities": "different"}


def test_some_columns_of_a_read_are_equal():
    assert Story().read("people", PEOPLE).verdicts([(name,) for _, name in PEOPLE]) == {"people": "equal"}


def test_values_are_compared_in_the_forms_of_other_libraries():
    read = [(Decimal("4711.50"), NOW, "ADA lovelace"), (Decimal("4712.50"), NOW, "alan TURING")]
    written = [(4711.5, NOW.isoformat(), "Ada Lovelace"), (4712.5, NOW.isoformat(), "Alan Turing")]
    assert Story().read("people", read).verdicts(written) == {"people": "equal"}


def test_a_read_without_a_sample_may_have_the_rows_too():
    story = Story().read("people", PEOPLE).read("unseen", None)
    assert story.verdicts(PEOPLE) == {"people": "alike", "unseen": "alike"}


def test_a_read_without_rows_has_none_of_them():
    story = Story().read("people", PEOPLE).read("empty", None)
    story.rows.without_rows(story.reads["empty"])
    assert story.verdicts(PEOPLE) == {"people": "equal"}


def test_small_numbers_decide_nothing():
    assert Story().read("flags", [(1,), (0,)], whole=False).verdicts([(1,)]) == {}


@pytest.mark.parametrize("rows", [PEOPLE, None])
def test_derived_objects_need_no_comparison(rows):
    story = Story().read("people", CITIES).read("cities", CITIES)
    assert story.verdicts(rows, Origins((story.reads["people"],))) == {"people": "derived"}


def test_origins_of_another_run_are_no_source():
    other = Story().read("people", PEOPLE)
    assert Story().verdicts(PEOPLE, Origins((other.reads["people"],))) == {}


def test_runs_are_compared_with_their_own_reads_only_and_discarded_at_their_end():
    story, other = Story().read("people", PEOPLE), Story()
    other.rows, other.reads = story.rows, story.reads
    assert other.verdicts(PEOPLE) == {}
    story.rows.discard(story.run.key)
    assert story.verdicts(PEOPLE) == {}


def test_a_sample_that_raises_leaves_the_write_without_a_verdict():
    story = Story().read("people", PEOPLE)
    note = story.note("write")
    note.sample = RowSample(lambda: 1 // 0, by_row=True)  # type: ignore[arg-type, return-value]
    story.rows.compare(note)
    assert note.compared == {}
    assert note.sample is None


def test_run_is_full_until_it_has_ended(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(row_comparison, "_MAX_READS", 2)
    story = Story().read("people", PEOPLE)
    assert story.run.key not in full_runs
    story.read("cities", CITIES)
    assert story.run.key in full_runs
    story.rows.discard(story.run.key)
    assert story.run.key not in full_runs
