"""Three flows of one chain, of which none knows another: the second and the third are served, and run by tables alone.

`python -m tests.automations.programs.chain FOLDER` serves them. Each writes what it was given into the folder.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from prefect import flow, serve
from prefect.runtime import flow_run

from tests.by_hand import emit_writes


@flow(name="chain load")
def load() -> str:
    emit_writes([("chain_orders", "source")])
    return str(flow_run.id)


@flow(name="chain summarise")
def summarise(folder: str, dataset: str = "", schema: list[Any] | None = None) -> None:
    emit_writes([("chain_totals", "chain_orders")])
    _note(folder, "summarise", dataset, schema)


@flow(name="chain report")
def report(folder: str, dataset: str = "", schema: str = "") -> None:
    emit_writes([("chain_report", "chain_totals")])
    _note(folder, "report", dataset, schema)


def _note(folder: str, name: str, dataset: str, schema: object) -> None:
    text = json.dumps({"dataset": dataset, "schema": schema})
    (Path(folder) / f"{name}.{flow_run.id}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    given = {"folder": sys.argv[1]}
    serve(
        summarise.to_deployment("by-table", parameters=given),
        report.to_deployment("by-table", parameters=given),
        query_seconds=1,
    )
