"""A small history of a shop, and the commands that are asked about it.

`python -m tests.cli.shop` writes their outputs again.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import time
from pathlib import Path
from unittest.mock import patch

from prefect_lineage_events.cli import asking, explaining, main
from tests.graph.worlds import World, at

GOLDEN = Path(__file__).parent / "golden"
# Questions with an answer as text and as JSON, by the name of their file.
QUESTIONS = {
    "show_dataset": "show mart.sales",
    "show_run": "show run-1",
    "show_run_in_flight": "show audit",
    "show_by_flow": "show nightly",
    "explain_run": "explain run-1",
    "explain_run_in_flight": "explain audit",
    "upstream": "upstream report.csv",
    "upstream_column": "upstream mart.sales.total",
    "downstream": "downstream raw.orders",
    "downstream_hops": "downstream raw.orders --hops 1",
    "path": "path raw.orders report.csv",
    "path_back": "path report.csv raw.orders",
    "path_none": "path raw.orders lonely",
    "impact_column": "impact staging.orders.amount",
    "impact_dataset": "impact staging.orders",
    "impact_nothing": "impact lonely",
    "schema": "schema mart.sales",
    "runs": "runs",
    "runs_of_flow": "runs nightly --limit 1",
    "runs_of_dataset": "runs mart.sales",
    "runs_with_gaps": "runs --gaps",
    "runs_without_gaps": "runs load --gaps",
    "diff": "diff run-1 run-2",
    "diff_same": "diff run-1 run-1",
    "search": "search total",
    "search_nothing": "search zebra",
    "freshness": "freshness",
    "freshness_one": "freshness staging.orders",
    "unused": "unused",
    "conflicts": "conflicts",
}
# Exports, whose text is the answer.
EXPORTS = {
    "export.csv": "export",
    "export.mmd": "export --format mermaid",
    "export.dot": "export --format dot",
    "export.html": "export --format html",
    "export_around.csv": "export staging.orders --hops 1",
}


def shop() -> World:
    """Orders are loaded, joined and reported; a second flow writes the same table, one run is in flight."""
    world = World()
    world.run(
        "load", "raw.orders > staging.orders", columns="id>id amount>amount", schema="id:int amount:numeric",
        rows=1200, sql="insert into staging.orders select * from raw.orders", lifecycle="OVERWRITE",
    )  # fmt: skip
    for schema, rows in (("total:numeric day:date", 31), ("total:numeric day:date region:text", 33)):
        world.run(
            "nightly", "staging.orders > mart.sales", columns="amount>total:AGGREGATION id>*:JOIN", schema=schema,
            rows=rows, sql="create table mart.sales as select sum(amount) total from staging.orders join x",
            lifecycle="OVERWRITE", unknown="mart.sales" if rows == 33 else "",
        )  # fmt: skip
    world.run("report", "mart.sales > s3://lake/report.csv", state="FAILED")
    world.run("fix", writes="mart.sales", confidence="partial", sql="call x()")
    world.run("audit", reads="mart.sales", state="RUNNING")
    world.run("alone", writes="lonely")
    return world


def answer(command: str, world: World | None = None) -> tuple[int, str, str]:
    """The exit code, the output and the errors of a command asked about the world, 30 hours after its first run."""
    out, err = io.StringIO(), io.StringIO()
    graph = (world or shop()).graph
    names = {name for one in graph.snapshots() for name in (one.run.name, one.run.flow_name)}
    with (
        patch.object(asking, "graph_of", lambda asked: graph),
        patch.object(asking, "absent_run", lambda name, asked: None),
        patch.object(asking, "now", lambda: at(30)),
        patch.object(explaining, "_has_run", lambda name, nearest: name in names),
        patch.dict(os.environ, {"TZ": "UTC"}),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        time.tzset()
        try:
            code = main(re.findall(r"\S+", command))
        finally:
            os.environ.pop("TZ", None)
            time.tzset()
    return code, out.getvalue(), err.getvalue()


def outputs() -> dict[str, str]:
    """The content of each golden file."""
    files = {f"{name}.txt": command for name, command in QUESTIONS.items()}
    files |= {f"{name}.json": f"{command} --json" for name, command in QUESTIONS.items()}
    return {name: without_drawing(answer(command)[1]) for name, command in (files | EXPORTS).items()}


def without_drawing(text: str) -> str:
    """The text of a page without its image, which other tests check."""
    return re.sub(r"base64,[\w+/=]+", "base64,...", text)


if __name__ == "__main__":
    for name, text in outputs().items():
        (GOLDEN / name).write_text(text, encoding="utf-8")
