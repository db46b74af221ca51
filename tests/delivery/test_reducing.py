"""The client's dataset reducer, and the names of datasets in our facets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from prefect_lineage_events.delivery.transports import OpenTransport
from prefect_lineage_events.openlineage.events import run_events
from tests.openlineage.validation import faults
from tests.stitching.histories import Story
from tests.stitching.lineages import run

_COLUMNS = " ".join(f"s3://lake/in/dt=2026-11-2{day}.x>x" for day in (7, 8)) + " s3://lake/in/dt=2026-11-27.k>*:FILTER"


def sent(path: Path) -> list[dict[str, Any]]:
    """The events of a run that reads two partitions and writes two, as a file transport writes them."""
    story = Story()
    for day in (7, 8):
        sources = [f"s3://lake/in/dt=2026-11-2{one}" for one in (7, 8)]
        story.write(f"s3://lake/out/dt=2026-11-2{day}", *sources, columns=_COLUMNS, into="x:int", dialect="")
    transport = OpenTransport({"type": "file", "log_file_path": str(path), "append": True})
    for event in run_events(run(story), namespace="n"):
        transport.emit(event)
    transport.close()
    return [json.loads(line) for line in path.read_text().splitlines()]


def names(event: dict[str, Any]) -> dict[str, list[str]]:
    """The names of datasets: the event's own, and those in the facets `lineage` and `columnLineage`."""
    entries = event["job"]["facets"]["lineage"]["entries"]
    columns = [output["facets"]["columnLineage"] for output in event["outputs"]]
    return {
        "inputs": sorted({d["name"] for d in event["inputs"]}),
        "outputs": sorted({d["name"] for d in event["outputs"]}),
        "entries": [entry["name"] for entry in entries],
        "sources": [source["name"] for entry in entries for source in entry["inputs"]],
        "fields": [one["name"] for c in columns for field in c["fields"].values() for one in field["inputFields"]],
        "rows": [one["name"] for c in columns for one in c["dataset"]],
    }


def test_names_in_our_facets_are_reduced_like_those_of_inputs_and_outputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLINEAGE__DATASET__REDUCING_ENABLED", "true")
    events = sent(tmp_path / "events.jsonl")
    assert faults(events) == []
    for event in events:
        found = names(event)
        assert (found["inputs"], found["outputs"]) == (["in"], ["out"])
        assert (found["entries"], found["sources"]) == (["out"], ["in"])
        assert set(found["fields"]) == set(found["rows"]) == {"in"}
        assert len(found["fields"]) == len(event["outputs"])


def test_without_the_reducer_every_name_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENLINEAGE__DATASET__REDUCING_ENABLED", raising=False)
    for event in sent(tmp_path / "events.jsonl"):
        assert names(event)["entries"] == ["out/dt=2026-11-27", "out/dt=2026-11-28"]
        assert set(names(event)["fields"]) == {"in/dt=2026-11-27", "in/dt=2026-11-28"}


def test_edges_through_the_job_are_kept() -> None:
    from prefect_lineage_events.delivery.reducing import reduced

    entries = [
        {"type": "DATASET", "namespace": "n", "name": "a/1", "inputs": [{"type": "JOB", "runId": "r"}]},
        {"type": "JOB", "runId": "r", "inputs": [{"type": "DATASET", "namespace": "n", "name": "b/1"}]},
        {"type": "JOB", "runId": "s", "inputs": []},
    ]
    event = {"job": {"facets": {"lineage": {"entries": entries}}}, "inputs": [], "outputs": []}
    found = reduced(event, lambda name: name.partition("/")[0])["job"]["facets"]["lineage"]["entries"]
    assert [(one.get("name"), one.get("runId"), [s.get("name") for s in one["inputs"]]) for one in found] == [
        ("a", None, [None]),
        (None, "r", ["b"]),
        (None, "s", []),
    ]


def test_other_names_of_a_dataset_are_cut_where_they_are_locations() -> None:
    from prefect_lineage_events.delivery.reducing import reduced

    named = [
        {"namespace": "s3a://lake", "name": "out/1", "type": "LOCATION"},
        {"namespace": "s3a://lake", "name": "out/2", "type": "LOCATION"},
        {"namespace": "hive://h", "name": "db/1", "type": "TABLE"},
    ]
    dataset = {"namespace": "s3://lake", "name": "out/1", "facets": {"symlinks": {"identifiers": named}}}
    before = {"lifecycleStateChange": "RENAME", "previousIdentifier": {"namespace": "s3://lake", "name": "old/1"}}
    renamed = {**dataset, "facets": {**dataset["facets"], "lifecycleStateChange": before}}
    event = {"job": {"facets": {}}, "inputs": [dataset], "outputs": [renamed]}
    found = reduced(event, lambda name: name.partition("/")[0])
    for one in (*found["inputs"], *found["outputs"]):
        identifiers = one["facets"]["symlinks"]["identifiers"]
        assert [(i["namespace"], i["name"]) for i in identifiers] == [("s3a://lake", "out"), ("hive://h", "db/1")]
    (output,) = found["outputs"]
    assert output["facets"]["lifecycleStateChange"]["previousIdentifier"]["name"] == "old"
    assert named[0]["name"] == "out/1"
