"""`lineage_of`: the lineage of a flow run in Prefect's history, as a value."""

from __future__ import annotations

from uuid import uuid4

import pydantic
import pytest
from prefect import flow, runtime

from prefect_lineage_events import Dataset, alineage_of, lineage_of, record_sql
from prefect_lineage_events.lineage_values import RunLineage, value_of
from prefect_lineage_events.stitching import model
from prefect_lineage_events.stitching.stitch import stitch
from tests.stitching.histories import Story


@flow
def sales() -> str:
    record_sql("INSERT INTO mart.sales (total) SELECT amount FROM raw.orders", on="postgresql://db/shop", rows=3)
    return str(runtime.flow_run.id)


async def test_the_lineage_of_a_run_is_read_from_its_history(prefect_server: object) -> None:
    import asyncio

    run_id = await asyncio.to_thread(sales)
    found = await alineage_of(run_id, wait=60)
    assert (str(found.flow_run_id), found.flow_name, found.state, found.complete) == (
        run_id,
        "sales",
        "COMPLETED",
        True,
    )
    (edge,) = found.edges
    assert (edge.source, edge.target) == (
        Dataset.postgres("db", "shop.raw.orders"),
        Dataset.postgres("db", "shop.mart.sales"),
    )
    assert [(e.source_column, e.target_column) for e in found.column_edges] == [("amount", "total")]
    assert [(use.uri, use.rows) for use in found.outputs] == [("postgres://db:5432/shop/mart/sales", 3)]
    assert lineage_of(run_id, wait=0) == found


def test_an_unknown_run_is_an_error(prefect_server: object) -> None:
    with pytest.raises(ValueError, match="there is no flow run"):
        lineage_of(uuid4(), wait=0)
    with pytest.raises(ValueError, match="is not a flow run id"):
        lineage_of("nightly", wait=0)


def test_the_value_is_frozen_and_serializable() -> None:
    story = Story().read("a", result="id", columns="a.id>id").write("t", "a", columns="a.id>id").write("u", binds="id")
    found = value_of(stitch(story.history()))
    with pytest.raises(pydantic.ValidationError):
        found.flow_name = "other"
    assert RunLineage.model_validate_json(found.model_dump_json()) == found
    assert found.datasets == tuple(sorted({Dataset("postgres://db:5432", name) for name in "atu"}))


def test_edges_of_bundles_are_edges() -> None:
    a, b, t = (Dataset("postgres://db:5432", name) for name in "abt")
    bundle = model.Bundle(None, ((a, "same task"), (b, "same task")), (t,))
    found = model.Lineage(edges=(model.Edge(a, t, "sql"),), bundles=(bundle,))
    edges = value_of(model.RunLineage(Story().history().run, found)).edges
    assert [(e.source, e.target, e.evidence) for e in edges] == [(a, t, "sql"), (b, t, "same task")]
