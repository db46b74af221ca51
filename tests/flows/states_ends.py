"""Ends of runs: failed, failed inside, cancelled by hand, retried, cached, crashed."""

from __future__ import annotations

import contextlib
import os
from typing import Any

from prefect import flow, task
from prefect.cache_policies import INPUTS
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Cancelled

from prefect_lineage_events import SqlAlchemyLineage


def shop() -> Any:
    return SqlAlchemyLineage(connection_info=os.environ["SHOP_URL"])


@flow(name="fails late")
def fails_late() -> None:
    with shop() as db:
        db.execute("INSERT INTO revenue (country, total) SELECT country, id FROM customers")
        db.execute("INSERT INTO nowhere SELECT id FROM orders")


@flow(name="inner")
def inner() -> None:
    with shop() as db:
        db.execute("INSERT INTO audit (step, rows_seen) SELECT name, id FROM customers")
    raise RuntimeError("inner broke")


@flow(name="outer")
def outer() -> None:
    with contextlib.suppress(RuntimeError):
        inner()
    with shop() as db:
        db.fetch_all("SELECT id FROM orders")


@flow(name="second try", retries=1)
def second_try() -> None:
    with shop() as db:
        db.execute("INSERT INTO revenue (country, total) SELECT 'YY', amount FROM orders")
        if flow_run.run_count == 1:
            raise RuntimeError("the first try fails")


@flow(name="cancelled")
def cancelled() -> State:
    with shop() as db:
        db.fetch_all("SELECT id FROM customers")
    return Cancelled(message="enough")


@task(cache_policy=INPUTS, persist_result=True)
def cached_total(day: str) -> int:
    with shop() as db:
        return int(db.fetch_one("SELECT SUM(amount) FROM orders")[0])


@flow(name="cached")
def cached() -> None:
    cached_total("monday")


if __name__ == "__main__":
    for failing in (fails_late, outer, second_try, cancelled):
        with contextlib.suppress(Exception):
            failing()
    cached()
    cached()
