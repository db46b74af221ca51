"""Runs that stop and continue: paused and resumed by another, and run again under the same id."""

from __future__ import annotations

import os
import threading
import time
from typing import Any
from uuid import UUID

from prefect import flow, get_client, pause_flow_run, resume_flow_run, task
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.flow_engine import run_flow
from prefect.runtime import flow_run
from prefect.states import Scheduled

from prefect_lineage_events import SqlAlchemyLineage


def shop() -> Any:
    return SqlAlchemyLineage(connection_info=os.environ["SHOP_URL"])


@task
def before() -> None:
    with shop() as db:
        db.execute("INSERT INTO audit SELECT name, id FROM customers")


@task
def after() -> None:
    with shop() as db:
        db.execute("INSERT INTO revenue SELECT status, amount FROM orders")


@flow(name="paused")
def paused() -> None:
    before()
    threading.Thread(target=go_on, args=(UUID(flow_run.id),)).start()
    pause_flow_run(timeout=60, poll_interval=1)
    after()


def go_on(run_id: UUID) -> None:
    with get_client(sync_client=True) as client:
        while client.read_flow_run(run_id).state_type != StateType.PAUSED:
            time.sleep(0.2)
    resume_flow_run(run_id)


@flow(name="run again")
def again() -> None:
    before() if flow_run.run_count == 1 else after()


def run_twice() -> None:
    with get_client(sync_client=True) as client:
        created: FlowRun = client.create_flow_run(again)
        run_flow(again, flow_run=created)
        client.set_flow_run_state(created.id, Scheduled(), force=True)
        run_flow(again, flow_run=client.read_flow_run(created.id))


if __name__ == "__main__":
    paused()
    run_twice()
