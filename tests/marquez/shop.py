"""A small shop on SQLite: ordinary flows over ordinary tables, run on Prefect and assembled for a Marquez."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import duckdb
import pytest
from prefect import flow, task
from prefect.client.schemas.objects import State

from prefect_lineage_events import SqlAlchemyLineage, instrument_connection, record_write
from prefect_lineage_events.assembler.options import AssemblyResult
from prefect_lineage_events.flows import assemble
from prefect_lineage_events.settings import settings


@flow(name="load-orders")
def load_orders(database: Path) -> None:
    with _connect(database) as shop:
        shop.execute("CREATE TABLE customers (id INTEGER, name TEXT)")
        shop.execute("CREATE TABLE orders (customer_id INTEGER, amount REAL)")
        shop.execute_many(
            "INSERT INTO customers VALUES (:id, :name)", [{"id": 1, "name": "Ann"}, {"id": 2, "name": "Bo"}]
        )
        shop.execute_many(
            "INSERT INTO orders VALUES (:id, :amount)", [{"id": 1, "amount": 20.0}, {"id": 2, "amount": 5.0}]
        )


@task
def sum_up(database: Path) -> None:
    with _connect(database) as shop:
        shop.execute("CREATE TABLE totals (name TEXT, total REAL)")
        shop.execute(
            "INSERT INTO totals SELECT c.name, SUM(o.amount) FROM orders o"
            " JOIN customers c ON c.id = o.customer_id GROUP BY c.name"
        )


@flow(name="pick-best")
def pick_best(database: Path) -> UUID:
    from prefect.runtime import flow_run

    with _connect(database) as shop:
        shop.execute("CREATE TABLE best (name TEXT, total REAL)")
        shop.execute("INSERT INTO best SELECT name, total FROM totals WHERE total > 10")
    return UUID(flow_run.id)


@flow(name="daily-totals")
def daily_totals(database: Path) -> UUID:
    sum_up(database)
    return pick_best(database)


@flow(name="check-totals")
def check_totals(database: Path) -> None:
    """Copy totals, then fail."""
    with _connect(database) as shop:
        shop.execute("CREATE TABLE checked AS SELECT name FROM totals")
    raise ValueError("no total may be below ten")


@flow(name="mirror-customers")
def mirror_customers(database: Path, fail: bool) -> None:
    """Fail on request, between the reads and the writes."""
    with _connect(database) as shop:
        shop.fetch_all("SELECT name FROM customers")
        if fail:
            raise ValueError("the mirror is broken")
        shop.execute("CREATE TABLE mirror (name TEXT)")
        shop.execute("INSERT INTO mirror SELECT name FROM customers")


@task
def fill_shelves(database: Path) -> None:
    with _connect(database) as shop:
        shop.execute("CREATE TABLE shelves (name TEXT)")
        shop.execute("INSERT INTO shelves SELECT name FROM customers")


@flow(name="stock-up")
def stock_up(database: Path) -> None:
    fill_shelves(database)


@flow(name="import-prices")
def import_prices(database: Path, price: str) -> None:
    """Read a file that no flow wrote, and write a table that other integrations give a second name.

    `price` is the type of a column, which differs from run to run.
    """
    with instrument_connection(duckdb.connect(str(database.with_suffix(".duckdb")))) as shop:
        shop.execute(
            f"CREATE OR REPLACE TABLE prices AS SELECT name, price FROM read_csv('{database.with_suffix('.csv')}')"
        )
    record_write(f"unitycatalog://{database.stem}/main/sales/prices", schema={"name": "STRING", "price": price})


def _connect(database: Path) -> SqlAlchemyLineage:
    return SqlAlchemyLineage(connection_info=f"sqlite:///{database}")


@dataclass(frozen=True)
class Shop:
    """The runs and the results of assembling them. `namespace` is the job namespace of all."""

    namespace: str
    loading: UUID
    totals: UUID
    best: UUID
    failed: UUID
    mirrored: UUID
    broken: UUID
    """The next run of the same flow, which failed before it wrote."""
    by_task: UUID
    """A run that was sent with granularity `task`."""
    imported: UUID
    assembled: dict[UUID, AssemblyResult]
    lists_before: tuple[str, ...]
    """Of the target, those that answered before anything was sent."""


def open_shop(database: Path, namespace: str, lists_before: tuple[str, ...]) -> Shop:
    """Run the flows in the order of their dependencies, then assemble their runs, parents first."""
    loading = load_orders(database, return_state=True)
    totals = daily_totals(database, return_state=True)
    failed = check_totals(database, return_state=True)
    mirrored = mirror_customers(database, fail=False, return_state=True)
    broken = mirror_customers(database, fail=True, return_state=True)
    stocked = stock_up(database, return_state=True)
    database.with_suffix(".csv").write_text("name,price\nchair,40\n")
    imported, again = (_run_of(import_prices(database, kind, return_state=True)) for kind in ("BIGINT", "DOUBLE"))
    runs = [_run_of(loading), _run_of(totals), totals.result(), _run_of(failed), _run_of(mirrored), _run_of(broken)]
    assembled = {run: assemble(run) for run in (*runs, imported, again)}
    by_task = _run_of(stocked)
    with _granularity("task"):
        assembled[by_task] = assemble(by_task)
    return Shop(namespace, *runs, by_task, imported, assembled, lists_before)


@contextmanager
def _granularity(granularity: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_GRANULARITY", granularity)
        settings.cache_clear()
        yield
    settings.cache_clear()


def _run_of(state: State[object]) -> UUID:
    run = state.state_details.flow_run_id
    assert run is not None
    return run
