"""The rows that an `executemany` has written, where the driver does not count them."""

from __future__ import annotations

import pytest

from prefect_lineage_events.instrumentation.rowcount import executemany_rowcount, returns_one_row

SETS = [(1,), (2,), (3,)]


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t VALUES (?)",
        "insert into s.t (a, b) values ($1, 'm');",
        'INSERT INTO "S"."t"("a") VALUES (%(a)s)',
        "INSERT INTO `t` (a) VALUES (now(), coalesce(?, 0))",
    ],
)
def test_plain_insert_writes_one_row_for_each_set_of_parameters(sql: str) -> None:
    assert executemany_rowcount(sql, SETS) == 3


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t VALUES (?) ON CONFLICT DO NOTHING",
        "INSERT OR IGNORE INTO t VALUES (?)",
        "INSERT IGNORE INTO t VALUES (?)",
        "INSERT INTO t VALUES (?), (?)",
        "INSERT INTO t SELECT * FROM u WHERE a = ?",
        "INSERT INTO t VALUES (?) ON DUPLICATE KEY UPDATE a = 1",
        "UPDATE t SET a = ?",
        "INSERT INTO t VALUES (?); DELETE FROM t",
        f"INSERT INTO t VALUES ({'?, ' * 10_000}?)",
    ],
)
def test_insert_that_may_write_fewer_or_more_rows_is_not_counted(sql: str) -> None:
    assert executemany_rowcount(sql, SETS) is None


def test_parameters_from_a_generator_are_not_consumed() -> None:
    sets = iter(SETS)
    assert executemany_rowcount("INSERT INTO t VALUES (?)", sets) is None
    assert list(sets) == SETS


@pytest.mark.parametrize(
    ("sql", "is_one"),
    [
        ("insert into t values (?) returning a", True),
        ("INSERT INTO s.t (a, b) VALUES (:a, now()) RETURNING a, t.b ;", True),
        ("insert into t values (1) returning *", True),
        ("insert into t values (1)", False),
        ("insert into t values (1), (2) returning a", False),
        ("insert into t select a from u returning a", False),
        ("insert into t values (1) on conflict do nothing returning a", False),
        ("insert or ignore into t values (1) returning a", False),
        ("insert into t values ('x) returning y'), (2) returning a", False),
        ("insert into t values (1 /* ) returning */), (2) returning a", False),
        ("insert into t values (1 -- ) returning\n), (2) returning a", False),
        ("insert into t values (1) returning (select max(a) from t)", False),
        ("update t set a = 1 returning a", False),
    ],
)
def test_insert_that_returns_its_one_row_has_written_one(sql: str, is_one: bool) -> None:
    assert returns_one_row(sql) is is_one
