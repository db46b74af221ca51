"""Values of a single row that are found among those that a later statement binds."""

from __future__ import annotations

import datetime as dt
import sqlite3
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from prefect_lineage_events import stores
from prefect_lineage_events.context.run import Run
from prefect_lineage_events.emission import value_matching
from prefect_lineage_events.emission.notes import Connection, StatementNote
from prefect_lineage_events.events import RunInfo

NOW = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.timezone.utc)
KEY = UUID(int=7)


def read(key: UUID) -> StatementNote:
    connection = Connection(stores.sqlite("/shop.db"))
    return StatementNote(connection, "SELECT 1", Run(RunInfo(flow_run_id=key)), NOW, 0.0, autocommit=True)


def is_found(row: object, parameters: object, sets: object = None) -> bool:
    key = uuid4()
    note = read(key)
    value_matching.store_row(note, row)
    found = value_matching.origins(key, parameters, sets)
    value_matching.discard(key)
    assert found in ((), (note,))
    return bool(found)


@pytest.mark.parametrize(
    ("row", "parameters"),
    [
        ((412,), ("load", 412)),
        ((Decimal("10.50"),), ("day", 10.5)),
        ((412,), {"step": "load", "seen": "412"}),
        ({"n": 412}, [412]),
        ((NOW,), ("load", NOW.isoformat())),
        ((NOW.date(),), (str(NOW.date()),)),
        (("2026-03-04",), ("2026-03-04",)),
        ((KEY,), (str(KEY),)),
        ((b"digest",), (b"digest",)),
        ((1,), (1,)),
        ((0, "a"), ("a", 0)),
    ],
)
def test_a_value_is_found_in_the_forms_in_which_programs_pass_it_on(row, parameters):
    assert is_found(row, parameters)


@pytest.mark.parametrize(
    ("row", "parameters"),
    [
        ((412,), ("load", 413)),
        ((NOW,), (NOW + dt.timedelta(seconds=1), "ok")),
        ((1,), (1, "ok")),
        ((100, 1, 49), (1,)),
        ((100, 1, 49), (1, 1)),
        ((0, None, "", True), (0, None, "", True)),
        ((None,), (None,)),
        ((0,), (0, None)),
        ((float("nan"),), (float("nan"),)),
        ((Decimal("sNaN"),), (Decimal("sNaN"),)),
        ((dt.date.today(),), (dt.date.today(), "ok")),
        ((dt.date.today().isoformat(),), (dt.date.today().isoformat(), "ok")),
        (("x" * 5_000,), ("x" * 5_000,)),
        ((object(),), (object(),)),
    ],
)
def test_values_that_are_equal_by_chance_are_not_found(row, parameters):
    assert not is_found(row, parameters)


def test_the_only_parameter_set_of_an_executemany_is_compared():
    assert is_found((412,), None, [("load", 412)])
    assert not is_found((412,), None, [("load", 412), ("load", 5)])


def test_rows_of_a_driver_are_read():
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    assert is_found(connection.execute("SELECT 412").fetchone(), (412,))
    connection.close()


def test_reading_a_row_and_its_values_runs_no_code_of_the_user():
    class Loud(tuple):
        def __iter__(self):
            raise AssertionError

    class Number(int):
        def __hash__(self):
            raise AssertionError

    assert is_found(Loud((412,)), Loud((412,)))
    assert not is_found((Number(412),), (Number(412),))
    assert not is_found(iter([412]), (412,))


def test_rows_of_another_run_and_of_an_ended_run_are_not_compared():
    key = uuid4()
    value_matching.store_row(read(key), (412,))
    assert value_matching.origins(uuid4(), (412,)) == ()
    value_matching.discard(key)
    assert value_matching.origins(key, (412,)) == ()


def test_no_value_is_kept():
    key = uuid4()
    value_matching.store_row(read(key), ("s3cr3t value", 412))
    kept = value_matching._runs[key]
    value_matching.discard(key)
    assert not {"s3cr3t value", 412, hash("s3cr3t value")} & {*kept.by_value, *kept.whole[0][1]}


def test_a_value_that_two_statements_read_has_no_origin():
    key = uuid4()
    for table in ("orders", "customers"):
        note = read(key)
        note.sql = f"SELECT count(*) FROM {table}"
        value_matching.store_row(note, (412,))
    assert value_matching.origins(key, ("load", 412)) == value_matching.origins(key, (412,)) == ()
    value_matching.discard(key)


def test_comparisons_of_one_run_are_bounded():
    key = uuid4()
    for number in range(500):
        value_matching.store_row(read(key), (number + 1_000,))
    assert value_matching.origins(key, (1_000,)) == ()
    assert len(value_matching.origins(key, (1_499,))) == 1
    for _ in range(1_000):
        value_matching.origins(key, (5,))
    assert value_matching.origins(key, (1_499,)) == ()
    for number in range(1_000):
        value_matching.store_row(read(key), (number + 5_000,))
    assert len(value_matching._runs[key].by_value) <= 400
    value_matching.discard(key)
