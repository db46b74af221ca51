"""DataHub's profile, against a stand-in that is proved against the record of its published code."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from prefect_lineage_events.delivery.profiles.datahub import DATAHUB
from prefect_lineage_events.delivery.profiles.datahub_types import type_name
from prefect_lineage_events.openlineage.events import run_events
from tests.delivery.profiles.test_openmetadata import _FACET, column_lineage, event
from tests.openlineage.conftest import elt
from tests.openlineage.validation import faults
from tests.services.datahub import DataHub, Version
from tests.stitching.lineages import run

RECORD = json.loads(Path(__file__).with_name("recorded").joinpath("datahub.json").read_text())
VERSIONS: tuple[Version, ...] = ("old", "main")
ENGINE = {**_FACET, "name": "Prefect", "version": "3"}


def of(namespace: str, name: str, **facets: Any) -> dict[str, Any]:
    return {"namespace": namespace, "name": name, "facets": facets}


def of_run(*datasets: dict[str, Any], job: str = "f", outputs: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    """An event of a Prefect run with these inputs and outputs."""
    made = event([], [])
    made["job"]["name"] = job
    made["run"]["facets"]["processing_engine"] = ENGINE
    return {**made, "inputs": list(datasets), "outputs": list(outputs)}


def received(*events: dict[str, Any], version: Version = "main") -> DataHub:
    """A server that took the shaped events."""
    server = DataHub(version)
    for one in DATAHUB.shape(events):
        assert server.receive(one) in (200, 202)
    return server


@pytest.mark.parametrize("case", RECORD["datasets"], ids=lambda case: f"{case['kind']}: {case['namespace']}")
@pytest.mark.parametrize("version", VERSIONS)
def test_the_stand_in_makes_urns_as_recorded(case, version):
    dataset = of(case["namespace"], case["name"])
    if symlink := case.get("symlink"):
        identifier = {"namespace": symlink[0], "name": symlink[1], "type": "TABLE"}
        dataset["facets"]["symlinks"] = {**_FACET, "identifiers": [identifier]}
    assert DataHub(version).urn(dataset) == case["urn"]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_stand_in_reads_types_as_recorded(version):
    assert {name: DataHub(version).type_of(name) for name in RECORD["types"][version]} == RECORD["types"][version]


@pytest.mark.parametrize("case", RECORD["jobs"], ids=lambda case: case["name"])
def test_the_stand_in_reads_job_names_as_recorded(case):
    server = DataHub()
    sent = of_run(job=case["name"])
    assert server.receive(sent) == (202 if case["job"] else 500)
    if case["job"]:
        assert server.job(sent) == (case["flow"], case["job"])


def test_the_older_version_refuses_a_run_without_an_engine():
    sent = event(["a.b.c"], ["d.e.f"])
    assert (DataHub("old").receive(sent), DataHub("main").receive(sent)) == (500, 202)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("namespace", "name", "urn"),
    [
        ("postgres://db:5432", "shop.public.orders", "postgres,shop.public.orders"),
        ("postgres://db:5432", "shop.public.my orders", "postgres,shop.public.my orders"),
        ("postgres://db:5432", "shop.public.100%", "postgres,shop.public.100%"),
        ("postgres://db:5432", 'shop.public."x"', 'postgres,shop.public."x"'),
        ("postgres://db:5432", "shop.public.a,b(c)", "postgres,shop.public.a%2Cb%28c%29"),
        ("postgres://db:5432", "shop.public.größe", "postgres,shop.public.größe"),
        ("postgres://[::1]:5432", "shop.public.t", "postgres,shop.public.t"),
        ("snowflake://org-acc", "DB.S.T", "snowflake,db.s.t"),
        ("snowflake://org-acc", "DB.S.My Table", "snowflake,db.s.my table"),
        ("sqlserver://db:1433", "shop.dbo.t t", "mssql,shop.dbo.t t"),
        ("kafka://a:9092,b:9092", "orders", "kafka,orders"),
        ("bigquery", "p.d.t(1)", "bigquery,p.d.t%281%29"),
        ("s3://bucket", "a/b.csv", "s3,bucket/a/b.csv"),
        ("s3://bucket", "a b/c (1).csv", "s3,bucket/a b/c %281%29.csv"),
        ("gs://bucket", "a{b}.csv", "gcs,bucket/a{b}.csv"),
        ("abfss://c@a.dfs.core.windows.net", "a b", "abs,c@a.dfs.core.windows.net/a b"),
    ],
)
def test_each_dataset_has_the_urn_that_datahubs_own_source_gives_it(version, namespace, name, urn):
    server = received(of_run(of(namespace, name), outputs=(of("postgres://db:5432", "x.y.z"),)), version=version)
    ((inputs, _),) = server.edges.values()
    assert inputs == {f"urn:li:dataset:(urn:li:dataPlatform:{urn},PROD)"}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("column", ["total", "a,b", "COUNT(*)", "f(", ")", "größe", "a b", "(a,b)", "\u241f"])
def test_each_column_edge_arrives_whatever_its_names(version, column):
    target = of("snowflake://org-acc", "DB.S.T")
    target["facets"]["columnLineage"] = column_lineage({column: [("shop.public.o", column)]})
    server = received(of_run(outputs=(target,)), version=version)
    ((source, into),) = server.columns
    marks = str.maketrans({",": "%2C", "(": "%28", ")": "%29", "\u241f": "%E2%90%9F"})
    assert source == f"postgres,shop.public.o.{column.translate(marks)}"
    assert into == f"snowflake,db.s.t.{column.lower().translate(marks)}"


def test_columns_of_snowflake_are_in_lower_case_and_each_once():
    fields = [{"name": "A", "type": "NUMBER"}, {"name": "a", "type": "VARCHAR(3)"}, {"name": "B"}]
    server = received(of_run(of("snowflake://org-acc", "DB.S.T", schema={**_FACET, "fields": fields})))
    assert server.schemas == {"snowflake,db.s.t": {"a": ("decimal", "Number"), "b": ("unknown", "Null")}}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_column_without_a_type_fails_no_event(version):
    fields = [{"name": "x"}, {"name": "y", "type": "int4"}]
    server = received(of_run(of("postgres://db", "a.b.c", schema={**_FACET, "fields": fields})), version=version)
    assert server.schemas["postgres,a.b.c"] == {"x": ("unknown", "Null"), "y": ("int", "Number")}


@pytest.mark.parametrize(
    ("spelled", "old", "main"),
    [
        ("VARCHAR(16)", "String", "String"),
        ("character varying", "String", "String"),
        ("TEXT", "String", "String"),
        ("INTEGER", "Number", "Number"),
        ("bigint", "Number", "Number"),
        ("TIMESTAMP_NTZ(9)", "Time", "Time"),
        ("timestamp(3) with time zone", "Time", "Time"),
        ("NUMBER(38,0)", "Null", "Number"),
        ("BOOLEAN", "Null", "Boolean"),
        ("bytea", "Null", "Bytes"),
        ("DATE", "Null", "Time"),
        ("int[]", "Null", "Array"),
        ("ARRAY<STRING>", "Null", "Array"),
        ("STRUCT<a INT64>", "Map", "Map"),
        ("geography", "Null", "Null"),
    ],
)
def test_each_type_has_a_word_that_datahub_knows(spelled, old, main):
    word = type_name(spelled)
    assert word == word.lower()
    assert (DataHub("old").type_of(word), DataHub("main").type_of(word)) == (old, main)


def test_nothing_that_datahubs_own_sources_know_is_overwritten():
    source = {**_FACET, "name": "mssql://db:1433", "uri": "mssql://db:1433"}
    symlinks = {**_FACET, "identifiers": [{"namespace": "sqlserver://db:1433", "name": "s.dbo.t", "type": "TABLE"}]}
    storage = {**_FACET, "storageLayer": "delta"}
    server = received(of_run(of("mssql://db:1433", "s.dbo.t", dataSource=source, symlinks=symlinks, storage=storage)))
    ((inputs, _),) = server.edges.values()
    assert inputs == {"urn:li:dataset:(urn:li:dataPlatform:mssql,s.dbo.t,PROD)"}
    assert (server.instances, server.properties) == ({}, set())


def test_a_table_of_glue_is_found_by_its_symlink():
    identifiers = [
        {"namespace": "hive://metastore:9083", "name": "db.t", "type": "TABLE"},
        {"namespace": "arn:aws:glue:eu-west-1:1", "name": "table/db/t", "type": "TABLE"},
    ]
    server = received(of_run(of("s3://bucket", "db/t", symlinks={**_FACET, "identifiers": identifiers})))
    ((inputs, _),) = server.edges.values()
    assert inputs == {"urn:li:dataset:(urn:li:dataPlatform:glue,db.t,PROD)"}


def test_the_parent_is_no_job_of_an_unknown_orchestrator():
    sent = of_run(job="up.down")
    sent["run"]["facets"]["parent"] = {**_FACET, "run": {"runId": "x"}, "job": {"namespace": "prefect", "name": "up"}}
    assert received(sent).parents == set()


@pytest.mark.parametrize("name", [".hidden", "...", "f (task)", "a,b", "etl)", "up.f(x).t"])
def test_any_name_of_a_flow_arrives(name):
    assert len(received(of_run(job=name)).edges) == 1


def test_any_tag_arrives():
    sent = of_run()
    sent["run"]["facets"]["tags"] = {**_FACET, "tags": [{"key": "a,(b", "value": "true"}]}
    assert received(sent).tags == {"urn:li:tag:a%2C%28b"}


def test_dependencies_have_the_names_that_their_own_events_have():
    sent = of_run()
    dependency = {"job": {"namespace": "prefect", "name": "f (task)"}}
    sent["run"]["facets"]["jobDependencies"] = {**_FACET, "upstream": [dependency], "downstream": []}
    (shaped,) = DATAHUB.shape([sent])
    (upstream,) = shaped["run"]["facets"]["jobDependencies"]["upstream"]
    assert upstream["job"]["name"] == DATAHUB.shape([of_run(job="f (task)")])[0]["job"]["name"]


@pytest.mark.parametrize("key", ["prefect_run", "prefect"])  # the second is that of an earlier version
@pytest.mark.parametrize("namespace", ["s3://bucket", "postgres://db:5432"])
def test_a_dataset_with_a_urn_too_long_is_left_out_and_counted(namespace, key):
    target = of("postgres://db", "a.b.c")
    target["facets"]["columnLineage"] = column_lineage({"x": [("ö" * 300, "x"), ("a.b.o", "x")]})
    sent = of_run(of(namespace, "ü" * 300), of(namespace, "short"), outputs=(target,))
    sent["run"]["facets"][key] = {**_FACET}
    server = received(sent)
    ((inputs, outputs),) = server.edges.values()
    assert (len(inputs), len(outputs), len(server.columns)) == (1, 1, 1)
    (shaped,) = DATAHUB.shape([sent])
    assert shaped["run"]["facets"][key]["leftOut"] == {"datasets": 1}


@pytest.mark.parametrize("version", VERSIONS)
def test_the_events_of_a_run_are_valid_and_arrive(version):
    events = run_events(run(elt()), namespace="prefect://acme")
    before = deepcopy(events)
    shaped = DATAHUB.shape(events)
    assert events == before
    assert faults(shaped) == []
    server = DataHub(version)
    assert {server.receive(one) for one in shaped} == {200 if version == "old" else 202}
    ((inputs, outputs),) = server.edges.values()
    assert (len(inputs), len(outputs)) == (len(events[-1]["inputs"]), len(events[-1]["outputs"]))
