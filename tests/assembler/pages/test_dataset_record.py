"""The record in a dataset's page: one run for each flow, the one that began last."""

from __future__ import annotations

import base64
import itertools
import zlib
from dataclasses import replace

import pytest

from prefect_lineage_events.assembler.pages import dataset_record
from prefect_lineage_events.assembler.pages.dataset_record import (
    MAX_FLOWS,
    DatasetRecord,
    LaterVersionError,
    decode,
    encode,
    merged,
    records_of,
)
from prefect_lineage_events.snapshots import snapshot_of
from prefect_lineage_events.stitching.model import Bundle, Lineage, UnknownSource
from tests.assembler.pages.samples import run_lineage, snapshot, table


def record(flow: str, *edges: str, hour: int = 0, state: str = "COMPLETED", of: str = "mart") -> DatasetRecord:
    return records_of(snapshot(flow, *edges, hour=hour, state=state))[table(of)]


def names(users: tuple[dataset_record.DatasetUser, ...]) -> list[tuple[str, str]]:
    return [(user.flow_name, user.run_name) for user in users]


def test_record_has_sources_targets_and_origins() -> None:
    found = records_of(snapshot("nightly", "orders.amount>mart.total", "mart.total>report.total"))
    mart = found[table("mart")]
    assert [user.datasets for user in mart.writers] == [(table("orders"),)]
    assert [user.datasets for user in mart.readers] == [(table("report"),)]
    assert [(o.column, o.source, o.source_column) for o in mart.writers[0].origins] == [
        ("total", table("orders"), "amount")
    ]


def test_outputs_come_before_inputs() -> None:
    assert list(records_of(snapshot("nightly", "a>z"))) == [table("z"), table("a")]


def test_edges_of_a_bundle_count() -> None:
    lineage = run_lineage("nightly", "a>b")
    bundle = Bundle(None, ((table("a"), "same task"),), (table("b"),))
    bundled = replace(lineage, lineage=replace(lineage.lineage, edges=(), bundles=(bundle,)))
    assert records_of(snapshot_of(bundled))[table("b")].writers[0].datasets == (table("a"),)


def test_unknown_sources_are_kept() -> None:
    lineage = run_lineage("nightly", "a>b")
    doubted: Lineage = replace(lineage.lineage, unknown=(UnknownSource(table("b"), "partly"),))
    assert records_of(snapshot_of(replace(lineage, lineage=doubted)))[table("b")].writers[0].sources == "partly"


def test_result_does_not_depend_on_the_order_in_which_runs_are_added() -> None:
    runs = [
        record("nightly", "a>mart", hour=1),
        record("nightly", "b>mart", hour=3),
        record("hourly", "c>mart", hour=2),
        record("report", "mart>", hour=4),
    ]
    results = []
    for order in itertools.permutations(runs):
        found = None
        for one in order:
            found = merged(found, one)
        results.append(found)
    assert all(result == results[0] for result in results)
    assert results[0] is not None
    assert names(results[0].writers) == [("nightly", "run-3"), ("hourly", "run-2")]
    assert names(results[0].readers) == [("report", "run-4")]


def test_run_that_is_assembled_again_replaces_its_earlier_state() -> None:
    found = merged(record("nightly", "a>mart", state="RUNNING"), record("nightly", "b>mart"))
    assert [(user.state, user.datasets) for user in found.writers] == [("COMPLETED", (table("b"),))]


def test_columns_are_those_of_the_newest_writer() -> None:
    found = merged(record("one", "a.x>mart.x", hour=1), record("two", "a.y>mart.y", hour=2))
    assert [column.name for column in found.columns] == ["y"]
    read = record("report", "mart.z>", hour=3)
    assert [column.name for column in merged(found, read).columns] == ["y"]
    assert [column.name for column in read.columns] == ["z"]


def test_oldest_flows_are_left_out() -> None:
    found = None
    for hour in range(MAX_FLOWS + 3):
        found = merged(found, record(f"flow {hour}", "a>mart", hour=hour))
    assert found is not None
    assert len(found.writers) == MAX_FLOWS
    assert found.writers[-1].flow_name == "flow 3"


def test_encoded_record_is_read_back() -> None:
    found = merged(record("nightly", "a.x>mart.x"), record("report", "mart>", hour=1))
    assert decode(f"# Lineage\n\n{encode(found)}\n") == found
    assert encode(found) == encode(found)


@pytest.mark.parametrize(
    "data",
    [
        b"not compressed",
        zlib.compress(b"{"),
        zlib.compress(b'{"dataset": {"namespace": "", "name": ""}}'),
        zlib.compress(b'{"dataset": {"namespace": "s3://b", "name": "x"}, "writers": [{"began": "2026-01-01"}]}'),
        zlib.compress(b"[" * 100_000),
    ],
)
def test_edited_record_counts_as_none(data: bytes) -> None:
    assert decode(f"[lineage-data]: data:{base64.b64encode(data).decode()}") is None
    assert decode("# A page without a record") is None


def test_record_of_a_later_version_is_named() -> None:
    later = encode(replace(record("nightly", "a>mart"), version=dataset_record.VERSION + 1))
    with pytest.raises(LaterVersionError):
        decode(later)


def test_edges_that_nothing_states_stay_inferred() -> None:
    found = run_lineage("nightly", "a>b")
    lineage = replace(found.lineage, edges=tuple(replace(edge, evidence="same task") for edge in found.lineage.edges))
    inferred = records_of(snapshot_of(replace(found, lineage=lineage)))[table("b")]
    assert inferred.writers[0].inferred == (table("a"),)
    assert decode(encode(inferred)) == inferred
    assert records_of(snapshot_of(found))[table("b")].writers[0].inferred == ()
