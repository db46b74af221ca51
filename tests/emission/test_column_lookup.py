"""Look-ups of unknown columns: in batches, after commit, once, and again after DDL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prefect_lineage_events.context.run import Run
from prefect_lineage_events.events import CountEvent, SchemaEvent
from tests.emission.conftest import Bench, ConnectionDriver, statement, table


class Catalog:
    """A look-up that has every table, and records its calls."""

    def __init__(self, broken: bool = False) -> None:
        self.asked: list[list[str]] = []
        self.broken = broken

    def __call__(self, tables: Sequence[tuple[str, ...]]) -> Mapping[tuple[str, ...], Mapping[str, str | None]]:
        self.asked.append([".".join(t) for t in tables])
        if self.broken:
            raise ConnectionError("no route")
        return {t: {"id": "int4", "name": "text"} for t in tables}


def connect(bench: Bench, run: Run, catalog: Catalog) -> ConnectionDriver:
    db = bench.connection(lookup=catalog)
    db.run = run
    return db


def schemas(bench: Bench) -> list[list[str]]:
    return [[d.name for d in e.datasets] for e in bench.events() if isinstance(e, SchemaEvent)]


def test_unknown_columns_are_looked_up_in_one_batch_and_sent_in_a_numbered_event(bench: Bench, run: Run) -> None:
    catalog = Catalog()
    connect(bench, run, catalog).execute("write a from b c", autocommit=True)
    bench.advance()
    assert catalog.asked == [["a", "b", "c"]]
    assert schemas(bench) == [["shop.public.a", "shop.public.b", "shop.public.c"]]
    count = [e for e in bench.events() if isinstance(e, CountEvent)][-1]
    assert count.count == 2


def test_nothing_is_looked_up_before_the_commit_or_after_a_rollback(bench: Bench, run: Run) -> None:
    catalog = Catalog()
    db = connect(bench, run, catalog)
    db.execute("write a from b")
    bench.advance()
    db.step("rollback")
    bench.advance()
    assert catalog.asked == []


def test_each_dataset_is_looked_up_once_and_again_after_ddl(bench: Bench, run: Run) -> None:
    catalog = Catalog()
    db = connect(bench, run, catalog)
    for sql in ("read from a", "read from a", "alter a", "read from a"):
        db.execute(sql, autocommit=True)
        bench.advance()
    assert catalog.asked == [["a"], ["a"]]


def test_declared_columns_with_types_need_no_lookup(bench: Bench, run: Run) -> None:
    catalog = Catalog()
    bench.script["ddl"] = statement("create", "a", declared={"a": {"id": "int"}})
    connect(bench, run, catalog).execute("ddl", autocommit=True)
    bench.advance()
    assert catalog.asked == []


def test_dropped_and_temporary_tables_are_not_looked_up(bench: Bench, run: Run) -> None:
    catalog = Catalog()
    db = connect(bench, run, catalog)
    temporary = statement("create")
    bench.script["temp"] = type(temporary)("create", outputs=(table("tmp", temporary=True),), fingerprint="t")
    for sql in ("temp", "write gone", "drop gone"):
        db.execute(sql, autocommit=True)
    bench.advance()
    assert catalog.asked == []


def test_a_lookup_that_failed_once_is_repeated(bench: Bench, run: Run) -> None:
    catalog = Catalog(broken=True)
    db = connect(bench, run, catalog)
    db.execute("read from a", autocommit=True)
    bench.advance()
    catalog.broken = False
    db.execute("read from b", autocommit=True)
    bench.advance()
    assert schemas(bench) == [["shop.public.a", "shop.public.b"]]


def test_a_lookup_that_always_fails_is_given_up_and_loses_nothing_else(bench: Bench, run: Run) -> None:
    catalog = Catalog(broken=True)
    db = connect(bench, run, catalog)
    for name in "abcdef":
        db.execute(f"read from {name}", autocommit=True)
        bench.advance()
    assert len(catalog.asked) == 3
    assert len(bench.statements()) == 6
