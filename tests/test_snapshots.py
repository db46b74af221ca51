"""Snapshots: encoded and decoded without loss, within bounds, and safe with edited data."""

from __future__ import annotations

import base64
import datetime as dt
import gc
import weakref
import zlib
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from prefect_lineage_events import snapshot_wire, snapshots
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.history.model import Completeness, FlowRun, ParentRun
from prefect_lineage_events.snapshot_wire import UnreadableSnapshotError, decode, encode
from prefect_lineage_events.snapshots import Snapshot, flow_run_of, snapshot_of
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
    columns=(ColumnEdge(ORDERS, "amount", SALES, "total", "AGGREGATION", inferred=True, path="net.eur"),),
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


def test_tags_and_the_job_of_a_task_are_kept():
    task = replace(FOUND, run=replace(RUN, kind="task-run", job="load orders", tags=("team: a",)))
    snapshot = decode(encode(snapshot_of(task)))
    assert snapshot == snapshot_of(task)
    assert flow_run_of(snapshot).job == "load orders"
    assert flow_run_of(snapshot).tags == ("team: a",)
    # Those of runs without any are as they were, so that no assembler writes them again.
    assert not {"tags", "job"} & set(encode(snapshot_of(FOUND))["run"])


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


def test_a_shape_that_nothing_uses_is_not_kept():
    shape = weakref.ref(decode(encode(snapshot_of(FOUND))).shape)
    gc.collect()
    assert shape() is None


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


FILE_USE = DatasetUse(
    Dataset("s3://lake", "raw/orders"),
    "file",
    rows=7,
    size=1_024,
    ordered=1,
    whole=True,
    files=2,
    symlinks=(ORDERS,),
    description="Orders as they came",
)
FILES = replace(LINEAGE, inputs=(*LINEAGE.inputs, FILE_USE), outputs=(*LINEAGE.outputs, FILE_USE))


def _of_files() -> Snapshot:
    many = replace(FILES, statements=FILES.statements * (snapshots.MAX_STATEMENTS + 1))
    snapshot = snapshot_of(replace(FOUND, run=replace(RUN, kind="task-run", job="a", tags=("b",)), lineage=many))
    return replace(snapshot, shape=replace(snapshot.shape, producer="dbt"))


def _values(value: object) -> Iterator[object]:
    """The dataclasses within a value, itself included."""
    if is_dataclass(value):
        yield value
        value = [getattr(value, one.name) for one in fields(value)]
    if isinstance(value, list | tuple):
        for item in value:
            yield from _values(item)


def _default(of: Field[Any]) -> object:
    return of.default if of.default_factory is MISSING else of.default_factory()


def test_sizes_and_files_are_kept():
    snapshot = decode(encode(snapshot_of(replace(FOUND, lineage=FILES))))
    assert snapshot.lineage == FILES


def test_a_snapshot_without_files_has_no_fields_of_them():
    assert not {"sizes_read", "files_written"} & set(encode(snapshot_of(FOUND)))


def test_each_field_survives_the_wire():
    """A field that is added needs a value in this sample, and then a place on the wire."""
    snapshot = _of_files()
    assert decode(encode(snapshot)) == snapshot
    seen: dict[str, set[str]] = {}
    for value in [*_values(snapshot), *_values(snapshot.lineage)]:
        kind = type(value).__name__
        given = {one.name for one in fields(value) if getattr(value, one.name) != _default(one)}
        seen[kind] = seen.get(kind, set()) | given
    classes = {type(value) for value in _values(snapshot)}
    missing = {f"{kind.__name__}.{one.name}" for kind in classes for one in fields(kind)}
    missing -= {f"{kind}.{name}" for kind, names in seen.items() for name in names}
    assert not missing


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
        {"sizes_read": [1, 2, 3]},
        {"files_written": [1, 2]},
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
    monkeypatch.setattr(snapshot_wire, "_MAX_UNPACKED", 1000)
    with pytest.raises(UnreadableSnapshotError, match="too large"):
        decode({**encode(snapshot_of(FOUND)), "shape": _packed(" " * 5000 + "{}")})


def test_equal_snapshots_are_encoded_equally():
    again = replace(FOUND, run=replace(RUN, id=UUID(str(RUN.id))))
    assert encode(snapshot_of(again)) == encode(snapshot_of(FOUND))
