"""Snapshots: encoded and decoded without loss, within bounds, and safe with edited data."""

from __future__ import annotations

import base64
import datetime as dt
import zlib
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from prefect_lineage_events import snapshots
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.history.model import Completeness, FlowRun, ParentRun
from prefect_lineage_events.snapshots import UnreadableSnapshotError, decode, encode, snapshot_of
from prefect_lineage_events.stitching.model import (
    Bundle,
    Column,
    ColumnEdge,
    DatasetUse,
    Edge,
    Lineage,
    RunLineage,
    StatementSummary,
    UnknownSource,
)

NOON = dt.datetime(2026, 11, 29, 12, tzinfo=dt.timezone.utc)
ORDERS, SALES, OLD = (Dataset("postgres://db:5432", f"shop.public.{name}") for name in ("orders", "sales", "old"))
RUN = FlowRun(
    uuid4(),
    "busy-bee",
    uuid4(),
    "nightly",
    "COMPLETED",
    started=NOON,
    ended=NOON + dt.timedelta(minutes=3),
    deployment_id=uuid4(),
    deployment_name="prod",
    parents=(ParentRun(uuid4(), "main"),),
)
LINEAGE = Lineage(
    inputs=(DatasetUse(ORDERS, columns=(Column("id", "bigint"), Column("amount")), rows=7, subset=("dt=1",)),),
    outputs=(DatasetUse(SALES, "view", rows=3, lifecycle="OVERWRITE", renamed_from=OLD, owners=("ada",)),),
    edges=(Edge(ORDERS, SALES, "same task"),),
    columns=(ColumnEdge(ORDERS, "amount", SALES, "total", "AGGREGATION", inferred=True),),
    statements=(
        StatementSummary(
            "INSERT INTO sales SELECT ?",
            "postgres",
            "write",
            query_id="q-1",
            source="postgres://db:5432",
            executions=2,
            confidence="partial",
            reason="unknown syntax",
            rows=3,
            started=NOON,
            duration=0.25,
            inputs=(ORDERS,),
            outputs=(SALES,),
        ),
    ),
    bundles=(Bundle(None, ((ORDERS, "task graph"),), (SALES, OLD)),),
    unknown=(UnknownSource(OLD, "partly", (ORDERS,), ("a",)),),
)
FOUND = RunLineage(
    RUN,
    LINEAGE,
    completeness=Completeness(dropped=2, reasons=("queue full",), not_captured=("numpy",)),
    schema_changes={SALES: "column total added"},
)


def test_a_snapshot_is_read_as_it_was_written():
    snapshot = snapshot_of(FOUND)
    assert decode(encode(snapshot)) == snapshot
    assert decode(encode(snapshot)).lineage == LINEAGE
    assert snapshot.run.parent_id == RUN.parents[0].flow_run_id
    assert not snapshot.complete
    assert snapshot.not_captured == ("numpy",)
    assert "queue full" in " ".join(snapshot.missing)


def test_runs_of_one_shape_share_it():
    other = replace(
        FOUND,
        run=replace(RUN, id=uuid4(), name="calm-cat"),
        lineage=replace(LINEAGE, inputs=(replace(LINEAGE.inputs[0], rows=9),)),
    )
    first, second = encode(snapshot_of(FOUND)), encode(snapshot_of(other))
    assert first["shape"] == second["shape"]
    assert decode(first).shape is decode(second).shape
    assert decode(second).lineage.inputs[0].rows == 9


def test_a_large_snapshot_is_cut_and_says_so():
    statement = replace(LINEAGE.statements[0], sql="x" * 5000)
    large = replace(FOUND, lineage=replace(LINEAGE, statements=(statement,) * 600))
    snapshot = decode(encode(snapshot_of(large)))
    assert len(snapshot.statements) == snapshots.MAX_STATEMENTS
    assert snapshot.shape.left_out == (("statements", 100),)
    assert len(snapshot.lineage.statements[0].sql or "") == snapshots.MAX_SQL + 1


def test_fields_of_later_versions_are_ignored():
    data = encode(snapshot_of(FOUND))
    assert decode({**data, "version": 7, "mood": "good", "run": {**data["run"], "mood": "good"}}) == snapshot_of(FOUND)


def _packed(text: str) -> str:
    return base64.b64encode(zlib.compress(text.encode())).decode()


@pytest.mark.parametrize(
    "change",
    [
        {"shape": None},
        {"shape": "%%%"},
        {"shape": base64.b64encode(b"no zlib").decode()},
        {"shape": _packed("[]")},
        {"shape": _packed('{"edges": [[0, 1, "sql"]]}')},
        {"shape": _packed('{"datasets": [["a", "b"]], "edges": [[0, -1, "sql"]]}')},
        {"shape": _packed("{}")},
        {"rows_read": [1, 2, 3]},
        {"rows_read": "many"},
        {"run": {}},
    ],
)
def test_edited_data_is_refused(change):
    with pytest.raises(UnreadableSnapshotError):
        decode({**encode(snapshot_of(FOUND)), **change})


@pytest.mark.parametrize("data", [None, "text", [], {}])
def test_other_data_is_refused(data):
    with pytest.raises(UnreadableSnapshotError):
        decode(data)


def test_a_shape_that_unpacks_to_too_much_is_refused(monkeypatch):
    monkeypatch.setattr(snapshots, "_MAX_UNPACKED", 1000)
    with pytest.raises(UnreadableSnapshotError, match="too large"):
        decode({**encode(snapshot_of(FOUND)), "shape": _packed(" " * 5000 + "{}")})


def test_equal_snapshots_are_encoded_equally():
    again = replace(FOUND, run=replace(RUN, id=UUID(str(RUN.id))))
    assert encode(snapshot_of(again)) == encode(snapshot_of(FOUND))
