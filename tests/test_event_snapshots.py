"""Snapshots read from OpenLineage events: those of this project completely, those of others as far as they go."""

from __future__ import annotations

import copy
import datetime as dt
import json
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_lineage_events.assembler.run_lineage import plain_events
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.event_snapshots import NO_END, EventRuns
from prefect_lineage_events.history.model import Completeness
from prefect_lineage_events.openlineage.events import run_events
from prefect_lineage_events.snapshots import snapshot_of
from prefect_lineage_events.stitching.model import (
    Bundle,
    Column,
    ColumnEdge,
    DatasetUse,
    Edge,
    Lineage,
    StatementSummary,
    UnknownSource,
)
from prefect_lineage_events.stitching.provenance import OF_ROWS
from tests.events_read import held_by_events, read
from tests.openlineage.test_golden import SHAPES
from tests.stitching.histories import Story
from tests.stitching.lineages import run as stitched
from tests.test_snapshots import FOUND, LINEAGE, ORDERS, SALES

API = "http://127.0.0.1:4200/api"
NOON = dt.datetime(2026, 11, 29, 12, tzinfo=dt.timezone.utc)
# Without the edge of a bundle into a dataset that is no output.
OURS = replace(FOUND, lineage=replace(LINEAGE, bundles=(Bundle(UUID(int=0), ((ORDERS, "task graph"),), (SALES,)),)))
EVENTS = plain_events(OURS, API)


def test_a_run_of_ours_is_read_as_it_was_assembled():
    found = read(*EVENTS)
    assert held_by_events(found) == held_by_events(snapshot_of(OURS))
    assert found.run == snapshot_of(OURS).run
    assert found.lineage.inputs[0].rows == 7


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cc",)), min_size=1, max_size=12).filter(str.strip)
DATASETS = st.builds(lambda name: Dataset("postgres://db:5432", f"shop.public.{name}"), NAMES)
COUNTS = st.none() | st.integers(0, 2**63 - 1)
COLUMNS = st.lists(st.builds(Column, NAMES, st.none() | NAMES), max_size=3, unique_by=lambda one: one.name).map(tuple)


@st.composite
def lineages(draw) -> Lineage:
    """Lineages whose edges are between their datasets, as those that stitching makes."""
    sources = draw(st.lists(DATASETS, min_size=1, max_size=3, unique=True))
    targets = draw(st.lists(DATASETS, min_size=1, max_size=3, unique=True))
    use = st.builds(
        lambda columns, ordered, rows, size, files, kind, symlink: DatasetUse(
            ORDERS, kind, columns, min(ordered, len(columns)), rows, size, files, (), (symlink,) if symlink else ()
        ),
        COLUMNS,
        st.integers(0, 3),
        COUNTS,
        COUNTS,
        COUNTS,
        st.sampled_from(["table", "view", "file", "topic"]),
        st.none() | st.builds(lambda name: Dataset("kafka://host:9092", name), NAMES),
    )
    source, target = st.sampled_from(sources), st.sampled_from(targets)
    evidence = st.sampled_from(["sql", "warehouse", "recorded", "task graph", "same task", "same flow", "asset"])
    edges = draw(st.lists(st.builds(Edge, source, target, evidence), max_size=5))
    of_columns = st.builds(
        ColumnEdge,
        source,
        NAMES,
        target,
        NAMES,
        st.sampled_from(["IDENTITY", "TRANSFORMATION", "AGGREGATION", "CONDITIONAL", "WINDOW"]),
        st.booleans(),
        st.sampled_from(["", "customer.name", "[].sku", "a; b: c"]),
    )
    of_rows = st.builds(ColumnEdge, source, NAMES, target, st.just("*"), st.sampled_from(sorted(OF_ROWS)))
    return Lineage(
        tuple(replace(draw(use), dataset=one) for one in sources),
        tuple(replace(draw(use), dataset=one, lifecycle=draw(st.sampled_from([None, "CREATE"]))) for one in targets),
        tuple(dict.fromkeys(edges)),
        tuple(dict.fromkeys(draw(st.lists(of_columns | of_rows, max_size=6)))),
        unknown=(UnknownSource(targets[0], draw(st.sampled_from(["unknown", "partly"])), tuple(sources)),),
    )


@given(lineages(), st.booleans())
def test_any_lineage_is_read_as_it_was_assembled(lineage, is_complete):
    completeness = Completeness() if is_complete else Completeness(dropped=2, reasons=("queue full",))
    found = replace(FOUND, lineage=lineage, completeness=completeness, schema_changes={})
    assert held_by_events(read(*plain_events(found, API))) == held_by_events(snapshot_of(found))


def test_the_job_has_one_statement_with_all_texts():
    statements = tuple(
        StatementSummary(f"INSERT INTO {name} SELECT ?", "postgres", "write", query_id=name) for name in ("a", "b")
    )
    found = read(*plain_events(replace(OURS, lineage=replace(LINEAGE, statements=statements)), API))
    (one,) = found.lineage.statements
    assert one.sql == "INSERT INTO a SELECT ?;\nINSERT INTO b SELECT ?"
    assert (one.operation, one.dialect, one.query_id, one.rows) == ("write", "postgres", None, None)


def test_a_statement_that_was_understood_in_part_is_a_gap():
    partial = [one for one in read(*EVENTS).lineage.statements if one.confidence == "partial"]
    assert [one.reason for one in partial] == ["unknown syntax"]


def test_the_last_assembly_counts_and_a_start_alone_changes_nothing():
    again = plain_events(replace(OURS, lineage=replace(LINEAGE, inputs=())), API)
    assert read(*EVENTS, *again).lineage.inputs == ()
    assert read(*EVENTS, again[0]) == read(*EVENTS)


def test_a_run_whose_end_is_missing_is_incomplete():
    found = read(EVENTS[0])
    assert found.run.ended is None
    assert (found.complete, found.missing[-1]) == (False, NO_END)


def test_tasks_of_a_run_are_one_run():
    story = Story().task("extract", span=(0, 1)).task("load", "extract", span=(1, 2))
    found = stitched(story.read("src", task="extract").write("mart", task="load"))
    events = run_events(found, namespace="prefect://acme", granularity="task")
    snapshot = read(*events)
    assert len(events) > 2
    assert snapshot.run.id == found.run.id
    assert {use.dataset for use in snapshot.lineage.outputs} == {use.dataset for use in found.lineage.outputs}
    assert set(snapshot.lineage.pairs()) == set(found.lineage.pairs())


@pytest.mark.parametrize("shape", SHAPES)
def test_events_of_each_shape_are_read(shape):
    runs = EventRuns()
    for event in SHAPES[shape]():
        run_id = runs.add(json.loads(json.dumps(event)))
    assert runs.snapshot(run_id).run.id == run_id


def foreign(kind: str = "COMPLETE", **changes: Any) -> dict[str, Any]:
    """An event as dbt's integration builds it."""

    def table(name: str) -> dict[str, Any]:
        return {"namespace": "postgres://db:5432", "name": f"shop.public.{name}", "facets": {}}

    lineage = {
        "fields": {
            "total": {
                "inputFields": [
                    {
                        "namespace": "postgres://db:5432",
                        "name": "shop.public.orders",
                        "field": "amount",
                        "transformations": [{"type": "DIRECT", "subtype": "AGGREGATION", "masking": False}],
                    },
                    {"namespace": "postgres://db:5432", "name": "shop.public.orders", "field": "state"},
                ]
            }
        }
    }
    return {
        "eventType": kind,
        "eventTime": "2026-11-29T13:00:00+01:00",
        "producer": "https://github.com/OpenLineage/OpenLineage/tree/1.40.0/integration/dbt",
        "run": {"runId": "00000000-0000-4000-8000-000000000007", "facets": {}},
        "job": {
            "namespace": "dbt",
            "name": "shop.sales",
            "facets": {
                "sql": {"query": "select sum(amount) from orders where state = 'secret'", "dialect": "postgres"}
            },
        },
        "inputs": [table("orders"), table("customers")],
        "outputs": [{**table("sales"), "facets": {"columnLineage": lineage}}],
        **changes,
    }


def test_events_of_another_producer_are_read_as_far_as_they_go():
    found = read(foreign("START", outputs=[]), foreign("COMPLETE", inputs=[]))
    assert (found.run.flow_name, found.run.state, found.run.ended) == ("shop.sales", "COMPLETED", NOON)
    assert found.shape.producer == "dbt"
    customers = Dataset("postgres://db:5432", "shop.public.customers")
    assert set(found.lineage.pairs()) == {(ORDERS, SALES), (customers, SALES)}
    assert {(one.source_column, one.transformation) for one in found.lineage.columns} == {
        ("amount", "AGGREGATION"),
        ("state", "TRANSFORMATION"),
    }
    assert "secret" not in (found.lineage.statements[0].sql or "")


@pytest.mark.parametrize(("kind", "state"), [("FAIL", "FAILED"), ("ABORT", "CANCELLED"), ("RUNNING", "RUNNING")])
def test_the_end_of_another_producers_run_is_its_state(kind, state):
    found = read(foreign("START"), foreign(kind), foreign("OTHER"))
    assert (found.run.state, found.complete) == (state, True)


@pytest.mark.parametrize("value", [[], {}, 1, None])
@pytest.mark.parametrize("facet", ["lifecycleStateChange", "datasetType", "documentation", "prefect_dataset"])
def test_a_value_of_another_type_is_left_out_and_the_event_is_read(facet, value):
    event = foreign()
    keys = (facet, "sources", "description")
    event["outputs"][0]["facets"] = {facet: dict.fromkeys(keys, value)}
    assert [use.dataset for use in read(event).lineage.outputs] == [SALES]


@pytest.mark.parametrize(
    "text",
    ["13:00:00.5+01:00", "12:00:00.500000001Z", "12:00:00.5+0000", "12:00:00.5", "04:00:00.500-08:00"],
)
def test_times_of_any_zone_and_precision_are_read(text):
    assert read(foreign(eventTime=f"2026-11-29T{text}")).run.ended == NOON + dt.timedelta(seconds=0.5)


@pytest.mark.parametrize("time", [None, "", "soon", 5, "1764", {}])
def test_an_event_without_a_time_is_refused(time):
    with pytest.raises(ValueError, match="no time"):
        EventRuns().add(foreign(eventTime=time))


@pytest.mark.parametrize(
    ("namespace", "ours"),
    [
        ("postgres://user:hunter2@db:5432", "postgres://db:5432"),
        ("postgres://db?user=sa&password=hunter2", "postgres://db:5432"),
        ("sqlserver://db:1433;databaseName=shop;user=sa;password=hunter2", "mssql://db:1433"),
        ("sqlserver://db;password=hunter2", "mssql://db:1433"),
        ("vendor://user:hunter2@db", "vendor://***@db"),
        ("wasbs://raw@acct.blob.core.windows.net", "wasbs://raw@acct.dfs.core.windows.net"),
    ],
)
def test_a_password_in_another_producers_names_is_shown_nowhere(namespace, ours):
    source = {"namespace": namespace, "name": "shop.dbo.orders?sig=hunter2"}
    facets = {
        "symlinks": {"identifiers": [{"namespace": namespace, "name": "other", "type": "TABLE"}]},
        "documentation": {"description": "read with password=hunter2"},
    }
    snapshot = read(foreign(inputs=[{**source, "facets": facets}]))
    assert snapshot.lineage.inputs[0].dataset.namespace == ours
    assert "hunter2" not in repr(snapshot)


SALES_PLANNED = foreign("START")
NOTHING_WRITTEN = foreign("FAIL", outputs=[])


@pytest.mark.parametrize(
    ("events", "wrote"),
    [
        ((SALES_PLANNED, NOTHING_WRITTEN), False),
        ((NOTHING_WRITTEN, SALES_PLANNED), False),
        ((SALES_PLANNED, foreign("ABORT", outputs=[])), False),
        ((SALES_PLANNED, foreign("FAIL")), True),
        ((SALES_PLANNED, foreign("RUNNING", outputs=[]), NOTHING_WRITTEN), True),
        ((SALES_PLANNED, foreign("COMPLETE", outputs=[])), True),
    ],
    ids=["failed", "out of order", "aborted", "failed after it wrote", "went on", "completed"],
)
def test_a_failed_run_of_another_producer_wrote_nothing_that_only_its_start_announced(events, wrote):
    lineage = read(*events).lineage
    assert [use.dataset for use in lineage.outputs] == [SALES] * wrote
    assert bool(lineage.pairs()) is bool(lineage.columns) is wrote
    assert {dataset for one in lineage.statements for dataset in one.outputs} == ({SALES} if wrote else set())
    assert ORDERS in {use.dataset for use in lineage.inputs}


def test_runs_of_one_job_have_different_names_though_their_ids_begin_with_one_time():
    ids = ("01a22d03-06c3-7421-94c4-5cf225a356eb", "01a22d03-06c4-716f-adff-3130829b482e")
    names = {read(foreign(run={"runId": one})).run.name for one in ids}
    assert names == {"shop.sales-25a356eb", "shop.sales-829b482e"}


def test_a_facet_that_says_what_comes_from_what_is_believed():
    entries = [
        {
            "namespace": "postgres://db:5432",
            "name": "shop.public.sales",
            "type": "DATASET",
            "inputs": [{"namespace": "postgres://db:5432", "name": "shop.public.orders", "type": "DATASET"}],
        }
    ]
    event = foreign()
    event["job"]["facets"]["lineage"] = {"entries": entries}
    assert set(read(event).lineage.pairs()) == {(ORDERS, SALES)}


def test_very_many_pairs_are_one_bundle():
    sides = [[{"namespace": "s3://lake", "name": f"{side}{at}"} for at in range(200)] for side in ("in", "out")]
    found = read(foreign(inputs=sides[0], outputs=sides[1]))
    assert found.lineage.edges == ()
    assert len(found.lineage.pairs()) == 40_000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def _paths(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places of all values in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [*([above] if above else []), *(path for key, one in inner for path in _paths(one, (*above, key)))]


@pytest.mark.parametrize("event", [EVENTS[1], foreign()], ids=["ours", "another's"])
@given(data=st.data())
def test_an_event_with_any_value_anywhere_is_read_or_refused(event, data):
    changed = copy.deepcopy(event)
    *above, last = data.draw(st.sampled_from(_paths(changed)))
    place = changed
    for key in above:
        place = place[key]
    place[last] = data.draw(JSON)
    runs = EventRuns()
    try:
        run_id = runs.add(changed)
    except ValueError:
        return
    snapshot = runs.snapshot(run_id)
    assert len(snapshot.rows_read) == len(snapshot.lineage.inputs)
