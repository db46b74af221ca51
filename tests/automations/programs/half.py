"""A flow that defines a table, rolls back one write and commits another: `python -m tests.automations.programs.half DATABASE`."""

from __future__ import annotations

import sqlite3
import sys

from prefect import flow
from prefect.runtime import flow_run

from prefect_lineage_events import instrument


@flow(name="half committed")
def half(database: str) -> str:
    connection = sqlite3.connect(database)
    connection.execute("CREATE TABLE IF NOT EXISTS defined (id INTEGER)")
    connection.execute("INSERT INTO taken_back SELECT id FROM source")
    connection.rollback()
    connection.execute("INSERT INTO kept SELECT id FROM source")
    connection.commit()
    connection.close()
    return str(flow_run.id)


if __name__ == "__main__":
    instrument("databases")
    print(half(sys.argv[1]))
