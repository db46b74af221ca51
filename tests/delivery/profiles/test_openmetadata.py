"""OpenMetadata's profile, against a stand-in that is proved against the record of its published code."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from prefect_lineage_events.delivery.deliver import TransientDeliveryError, Unplaced, deliver
from prefect_lineage_events.delivery.profiles.openmetadata import OPENMETADATA
from prefect_lineage_events.delivery.targets import target_at
from prefect_lineage_events.openlineage.events import run_events
from tests.delivery.backend import running
from tests.openlineage.conftest import elt
from tests.openlineage.validation import faults
from tests.services.openmetadata import OpenMetadata
from tests.stitching.lineages import run

RECORD = json.loads(Path(__file__).with_name("recorded").joinpath("openmetadata.json").read_text())
NAMESPACE = "postgres://db:5432"
_FACET = {"_producer": "https://example.org", "_schemaURL": "https://example.org/schema.json"}


def dataset(name: str) -> dict[str, Any]:
    return {"namespace": NAMESPACE, "name": name, "facets": {}}


def event(
    inputs: list[str], outputs: list[str], kind: str = "COMPLETE", edges: dict[str, list[str]] | None = None
) -> dict[str, Any]:
    """An event; `edges`: the sources of each output, as the `lineage` facet states them."""
    entries = [
        {**dataset(target), "type": "DATASET", "inputs": [{**dataset(one), "type": "DATASET"} for one in sources]}
        for target, sources in (edges or {}).items()
    ]
    return {
        "eventType": kind,
        "eventTime": "2026-11-30T06:00:00.000Z",
        "producer": "https://example.org",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": "0f0e0d0c-0b0a-4908-8706-050403020100", "facets": {}},
        "job": {
            "namespace": "prefect",
            "name": "f",
            "facets": {"lineage": {**_FACET, "entries": entries}} if edges else {},
        },
        "inputs": [dataset(one) for one in inputs],
        "outputs": [dataset(one) for one in outputs],
    }


def column_lineage(columns: dict[str, list[tuple[str, str]]]) -> dict[str, Any]:
    return {
        **_FACET,
        "fields": {
            column: {
                "inputFields": [
                    {**dataset(table), "field": field, "transformations": [{"type": "DIRECT", "subtype": "IDENTITY"}]}
                    for table, field in sources
                ]
            }
            for column, sources in columns.items()
        },
    }


def tables() -> dict[str, set[str]]:
    return {name: set(columns) for name, columns in RECORD["tables"].items()}


@pytest.mark.parametrize(
    ("version", "case"),
    [(version, case) for case in RECORD["cases"] for version in case["versions"]],
    ids=lambda one: one if isinstance(one, str) else one["kind"],
)
def test_the_stand_in_responds_as_recorded(version, case):
    about = case["event"]
    sent = event(about["inputs"], about["outputs"], about["type"])
    if columns := about.get("columns"):
        facet = column_lineage({column: [tuple(source)] for column, source in columns.items()})
        sent["outputs"][0][about.get("columns_in", "outputFacets")] = {"columnLineage": facet}
    server = OpenMetadata(tables(), version, off=case.get("off", False))
    status, body = server.receive(sent)
    body["unresolvedDatasets"] = [one["name"] for one in body.get("unresolvedDatasets", [])]
    assert status == case["status"]
    assert {key: body[key] for key in case["body"]} == case["body"]
    assert sorted(map(list, server.edges)) == case["edges"]
    if "columns" in case:
        assert sorted(map(list, server.columns)) == case["columns"]


def test_each_output_is_joined_with_its_own_inputs_only():
    sources = {"shop.public.mart": ["shop.public.orders"], "shop.public.lines": ["shop.public.mart"]}
    whole = event(["shop.public.orders", "shop.public.mart"], ["shop.public.mart", "shop.public.lines"], edges=sources)
    server = OpenMetadata(tables())
    for one in OPENMETADATA.shape([whole]):
        assert server.receive(one)[0] == 200
    assert set(server.edges) == {
        ("shop.public.orders", "shop.public.mart"),
        ("shop.public.mart", "shop.public.lines"),
    }


def test_the_shape_is_stable_and_changes_nothing_that_is_given():
    whole = event(["a.b.c", "d.e.f"], ["g.h.i", "j.k.l"], edges={"g.h.i": ["a.b.c"], "j.k.l": ["d.e.f", "a.b.c"]})
    before = deepcopy(whole)
    first = OPENMETADATA.shape([whole])
    assert first == OPENMETADATA.shape([whole])
    assert whole == before
    assert len({json.dumps(one, sort_keys=True) for one in first}) == 2


def test_edges_that_pass_through_a_task_are_those_of_its_inputs():
    whole = event(["a.b.c", "d.e.f", "m.n.o"], ["g.h.i"])
    through = {"type": "JOB", "runId": "r1"}
    entries = [
        {**dataset("g.h.i"), "type": "DATASET", "inputs": [through]},
        {**through, "inputs": [{**dataset("a.b.c"), "type": "DATASET"}, {**dataset("d.e.f"), "type": "DATASET"}]},
        {"type": "JOB", "runId": "r2", "inputs": [{**dataset("m.n.o"), "type": "DATASET"}]},
    ]
    whole["job"]["facets"]["lineage"] = {**_FACET, "entries": entries}
    (one,) = OPENMETADATA.shape([whole])
    assert [source["name"] for source in one["inputs"]] == ["a.b.c", "d.e.f"]


def test_an_event_without_explicit_edges_keeps_all_its_inputs():
    (one,) = OPENMETADATA.shape([event(["a.b.c", "d.e.f"], ["g.h.i"])])
    assert [source["name"] for source in one["inputs"]] == ["a.b.c", "d.e.f"]


@pytest.mark.parametrize(
    "left_out",
    [
        event(["a.b.c"], ["g.h.i"], "START"),
        event(["a.b.c"], ["g.h.i"], "FAIL"),
        event(["a.b.c"], ["g.h.i"], "ABORT"),
        event(["a.b.c"], []),
        event([], ["g.h.i"]),
        event(["a.b.c"], ["g.h.i"], edges={"g.h.i": []}),
        event(["g.h.i"], ["g.h.i"], edges={"g.h.i": ["g.h.i"]}),
    ],
    ids=["START", "FAIL", "ABORT", "no output", "no input", "unknown source", "edge to itself"],
)
def test_an_event_of_which_nothing_is_drawn_is_not_sent(left_out):
    assert OPENMETADATA.shape([left_out]) == []


def test_column_edges_are_kept_with_their_kind_for_each_version():
    whole = event(["shop.public.orders"], ["shop.public.mart"])
    whole["outputs"][0]["facets"]["columnLineage"] = column_lineage({"total": [("shop.public.orders", "total")]})
    (one,) = OPENMETADATA.shape([whole])
    (into,) = one["outputs"][0]["facets"]["columnLineage"]["fields"].values()
    assert into["transformationDescription"] == "IDENTITY"
    for version in ("1.12", "main"):
        server = OpenMetadata(tables(), version)
        server.receive(one)
        assert server.columns == {("shop.public.orders.total", "shop.public.mart.total")}


def test_a_column_edge_of_another_output_is_not_kept():
    sources = {"shop.public.mart": ["shop.public.orders"]}
    whole = event(["shop.public.orders", "shop.public.lines"], ["shop.public.mart"], edges=sources)
    columns = {"id": [("shop.public.lines", "id"), ("shop.public.orders", "id")]}
    whole["outputs"][0]["facets"]["columnLineage"] = column_lineage(columns)
    (one,) = OPENMETADATA.shape([whole])
    (into,) = one["outputs"][0]["outputFacets"]["columnLineage"]["fields"].values()
    assert [field["name"] for field in into["inputFields"]] == ["shop.public.orders"]


def test_the_text_of_a_query_is_not_stated_for_outputs_of_other_queries():
    facet = {"sql": {**_FACET, "query": "INSERT INTO a.b.c SELECT 1", "dialect": "postgres"}}
    alone, several = event(["i.j.k"], ["a.b.c"]), event(["i.j.k"], ["a.b.c", "d.e.f"])
    for one in (alone, several):
        one["job"]["facets"] = facet
    assert [one["job"]["facets"].get("sql", {}).get("query") for one in OPENMETADATA.shape([alone, several])] == [
        "INSERT INTO a.b.c SELECT 1",
        None,
        None,
    ]


def test_a_column_without_a_type_is_left_out():
    whole = event(["i.j.k"], ["a.b.c"])
    whole["inputs"][0]["facets"]["schema"] = {**_FACET, "fields": [{"name": "x"}, {"name": "y", "type": "int"}]}
    (one,) = OPENMETADATA.shape([whole])
    assert one["inputs"][0]["facets"]["schema"]["fields"] == [{"name": "y", "type": "int"}]


def test_the_pipeline_is_the_job_itself_and_not_its_parent():
    whole = event(["shop.public.orders"], ["shop.public.mart"])
    whole["run"]["facets"]["parent"] = {**_FACET, "run": {"runId": "x"}, "job": {"namespace": "prefect", "name": "up"}}
    (one,) = OPENMETADATA.shape([whole])
    server = OpenMetadata(tables())
    server.receive(one)
    assert set(server.edges.values()) == {"f"}


def test_shaped_events_of_a_run_are_valid():
    shaped = OPENMETADATA.shape(run_events(run(elt()), namespace="prefect://acme"))
    assert [[output["name"] for output in one["outputs"]] for one in shaped] == [["db.s.copy"], ["db.s.mart"]]
    assert [fault for fault in faults(shaped) if not fault.startswith("run ")] == []


def send(server: OpenMetadata, *events: dict[str, Any]) -> list[str | None]:
    with running(server.answer) as backend:
        to = target_at(f"{backend.url}/api/v1/openlineage/lineage")
        assert to.profile is OPENMETADATA
        return list(deliver(to.profile.shape(events), to))


def test_an_event_is_taken_when_all_of_its_edges_are_drawn():
    assert send(OpenMetadata(tables()), event(["shop.public.orders"], ["shop.public.mart"])) == [None]


@pytest.mark.parametrize("version", ["1.12", "main"])
@pytest.mark.parametrize("inputs", [["shop.public.new"], ["shop.public.orders", "shop.public.new"]])
def test_an_event_is_kept_when_a_table_is_unknown_and_the_next_one_is_sent(version, inputs):
    edges = {"shop.public.mart": inputs, "shop.public.lines": ["shop.public.orders"]}
    whole = event([*inputs, "shop.public.orders"], ["shop.public.mart", "shop.public.lines"], edges=edges)
    server = OpenMetadata(tables(), version)
    first, second = send(server, whole)
    assert isinstance(first, Unplaced)
    assert second is None
    assert f"{len(inputs) - 1} of {len(inputs)} edges into shop.public.mart are drawn" in first
    assert ("shop.public.new" in first) == (version == "main")
    assert ("shop.public.orders", "shop.public.lines") in server.edges


def test_an_event_with_an_unknown_column_is_kept():
    whole = event(["shop.public.orders"], ["shop.public.mart"])
    whole["outputs"][0]["facets"]["columnLineage"] = column_lineage({"total": [("shop.public.orders", "amount")]})
    (kept,) = send(OpenMetadata(tables()), whole)
    assert isinstance(kept, Unplaced)


def test_an_endpoint_that_is_off_is_tried_again():
    with pytest.raises(TransientDeliveryError, match="OpenLineage API is disabled"):
        send(OpenMetadata(tables(), off=True), event(["shop.public.orders"], ["shop.public.mart"]))


@pytest.mark.parametrize("body", ["", "{}", "[]", "null", '"ok"', '{"status": 1}', "{" * 100_000])
def test_a_response_of_another_server_is_not_taken(body):
    server = OpenMetadata(tables())
    server.answer = lambda one: (200, body, {})
    (kept,) = send(server, event(["shop.public.orders"], ["shop.public.mart"]))
    assert isinstance(kept, Unplaced)


@pytest.mark.parametrize("status", [200, 202])
def test_a_login_page_before_the_server_leaves_all_events_to_the_sweep(status):
    server = OpenMetadata(tables())
    server.answer = lambda one: (status, "<!DOCTYPE html><title>Sign in</title>", {"Content-Type": "text/html"})
    with pytest.raises(TransientDeliveryError, match="responds with a web page") as caught:
        send(server, event(["shop.public.orders"], ["shop.public.mart"]))
    assert not caught.value.retry_soon


def test_a_refusal_that_names_no_table_is_final():
    server = OpenMetadata(tables())
    server.answer = lambda one: (400, '{"code": 400, "message": "Unable to process JSON"}', {})
    (refused,) = send(server, event(["shop.public.orders"], ["shop.public.mart"]))
    assert refused == 'HTTP 400: {"code": 400, "message": "Unable to process JSON"}'
    assert not isinstance(refused, Unplaced)


def test_a_reason_holds_no_credentials_and_is_bounded():
    server = OpenMetadata(tables())
    body = {"status": "failure", "message": "x" * 10_000 + " postgres://u:hunter2@db", "unresolvedDatasets": []}
    body["unresolvedDatasets"] = [{"namespace": "postgres://u:hunter2@db", "name": "n" * 5_000}] * 1_000
    server.answer = lambda one: (200, json.dumps({**body, "unresolvedDatasets": body["unresolvedDatasets"][:9]}), {})
    (kept,) = send(server, event(["shop.public.orders"], ["shop.public.mart"]))
    assert "hunter2" not in kept
    assert len(kept) < 2_500


@pytest.mark.parametrize("before", range(260, 301, 5))
def test_credentials_at_the_end_of_what_is_shown_of_an_answer_are_hidden(before):
    text = f"{'x ' * (before // 2)}postgres://u:hunter2@db"
    body = {"status": "failure", "message": text, "unresolvedDatasets": [{"namespace": "n", "name": text}]}
    server = OpenMetadata(tables())
    server.answer = lambda one: (200, json.dumps(body), {})
    (kept,) = send(server, event(["shop.public.orders"], ["shop.public.mart"]))
    assert "hunt" not in kept
