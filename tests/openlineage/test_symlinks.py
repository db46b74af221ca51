"""Other names of datasets: those that follow by a rule, and the meeting of our events with those of dbt's integration."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid4, uuid5

import pytest

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.delivery.profiles.marquez import MARQUEZ
from prefect_lineage_events.openlineage.events import run_events
from prefect_lineage_events.openlineage.symlinks import by_rule, symlinks
from prefect_lineage_events.stitching.model import DatasetUse
from tests.marquez.standin import Marquez
from tests.openlineage.on_marquez import REAL, InMemory, OverHttp, Server, needs_real_marquez
from tests.openlineage.validation import faults
from tests.stitching.histories import Story
from tests.stitching.lineages import run


def names(dataset: Dataset, *stated: Dataset) -> list[tuple[str, str, str]]:
    facet = symlinks(DatasetUse(dataset, symlinks=stated))
    return [(i["namespace"], i["name"], i["type"]) for i in facet["identifiers"]] if facet else []


@pytest.mark.parametrize(
    ("dataset", "others"),
    [
        (Dataset("unitycatalog://adb-1.azuredatabricks.net", "main.sales.orders"),
         [("databricks://adb-1.azuredatabricks.net", "main.sales.orders", "TABLE")]),
        (Dataset("duckdb:///data/shop.duckdb", "main.orders"),
         [("duckdb:///data/shop.duckdb", "shop.main.orders", "TABLE")]),
        (Dataset("duckdb:///data/shop.duckdb", 'main."a.b"'),
         [("duckdb:///data/shop.duckdb", 'shop.main."a.b"', "TABLE")]),
        (Dataset("mssql://db:1433", "shop.dbo.orders"), [("sqlserver://db:1433", "shop.dbo.orders", "TABLE")]),
        (Dataset("mssql://ws-1.datawarehouse.fabric.microsoft.com:1433", "shop.dbo.orders"),
         [("fabric-warehouse://ws-1.datawarehouse.fabric.microsoft.com", "shop.dbo.orders", "TABLE"),
          ("fabric-warehouse://ws-1.datawarehouse.fabric.microsoft.com:1433", "shop.dbo.orders", "TABLE"),
          ("sqlserver://ws-1.datawarehouse.fabric.microsoft.com:1433", "shop.dbo.orders", "TABLE")]),
        (Dataset("abfss://raw@acct.dfs.core.windows.net", "o.csv"),
         [("wasbs://raw@acct.blob.core.windows.net", "o.csv", "LOCATION")]),
        (Dataset("wasbs://raw@acct.dfs.core.windows.net", "o.csv"),
         [("abfss://raw@acct.dfs.core.windows.net", "o.csv", "LOCATION"),
          ("wasbs://raw@acct.blob.core.windows.net", "o.csv", "LOCATION")]),
        (Dataset("duckdb://memory/1a2b.1", "main.t"), []),
        (Dataset("abfss://raw", "o.csv"), []),
        (Dataset("postgres://db:5432", "shop.public.orders"), []),
        (Dataset("s3://bucket", "o.csv"), []),
        (Dataset("file", "/data/o.csv"), []),
    ],
)  # fmt: skip
def test_other_names_that_follow_by_a_rule(dataset: Dataset, others: list[tuple[str, str, str]]) -> None:
    assert names(dataset) == others


def test_a_rule_gives_the_name_itself_to_no_other_dataset_of_its_store() -> None:
    tables = [Dataset("duckdb:///data/shop.duckdb", f"{schema}.orders") for schema in ("main", "shop", "a")]
    found = [other for table in tables for other in by_rule(table)]
    assert len(set(found)) == len(tables)
    assert not set(found) & set(tables)


def test_names_that_a_connection_stated_stand_beside_those_of_rules() -> None:
    glue = Dataset("arn:aws:glue:eu-west-1:123456789012", "table/shop/orders")
    assert names(Dataset("s3://lake", "shop/orders"), glue) == [(glue.namespace, glue.name, "TABLE")]
    rest = Dataset("https://catalog.example.com/v1", "shop.orders")
    assert names(Dataset("s3://lake", "shop/orders"), rest) == [(rest.namespace, rest.name, "TABLE")]
    assert names(Dataset("s3://lake", "shop/orders"), Dataset("s3://lake", "shop/orders")) == []


def sent(story: Story) -> list[dict[str, Any]]:
    return run_events(run(story), namespace="prefect://acme")


def dbt_event(namespace: str, source: str, target: str) -> dict[str, Any]:
    """An event as `openlineage.common.provider.dbt.processor` makes it: the adapter's namespace, dotted names."""
    at = "https://openlineage.io/spec/facets/1-0-1/DatasourceDatasetFacet.json#/$defs/DatasourceDatasetFacet"
    facets = {"dataSource": {"_producer": "dbt", "_schemaURL": at, "name": namespace, "uri": namespace}}
    return {
        "eventType": "COMPLETE",
        "eventTime": "2026-11-02T12:00:00.000Z",
        "producer": "https://github.com/OpenLineage/OpenLineage/tree/1.54.0/integration/dbt",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": "01a196fb-1600-79e7-a0ff-724d2e82209f", "facets": {}},
        "job": {"namespace": "dbt", "name": "model", "facets": {}},
        "inputs": [{"namespace": namespace, "name": source, "facets": facets}],
        "outputs": [{"namespace": namespace, "name": target, "facets": facets}],
    }


def test_run_of_dbt_meets_a_flow_in_marquez() -> None:
    """The flow writes `orders`, dbt makes `mart` of it, and another flow reads `mart`: one graph."""
    server = InMemory(Marquez())
    ours = "unitycatalog://adb-1.azuredatabricks.net/main/sales/{}"
    orders, mart = (Dataset.from_uri(ours.format(name)) for name in ("orders", "mart"))
    for event in MARQUEZ.shape(sent(Story("load").write(orders.uri, "https://api/orders", dialect=""))):
        assert server.post(event) == 201
    for event in MARQUEZ.shape(sent(Story("report").write("s3://out/report.csv", mart.uri, dialect=""))):
        assert server.post(event) == 201
    names = ("main.sales.orders", "main.sales.mart")
    assert server.post(dbt_event("databricks://adb-1.azuredatabricks.net", *names)) == 201
    status, graph = server.get("lineage", nodeId=f"dataset:{orders.namespace}:{orders.name}", depth="20")
    assert status == 200
    jobs = {node["data"]["name"] for node in graph["graph"] if node["type"] == "JOB"}
    assert jobs == {"load", "model", "report"}
    for path in ("namespaces", "jobs", "sources"):
        assert server.get(path)[0] == 200


@pytest.fixture(params=["stand-in", pytest.param("real", marks=[pytest.mark.marquez, needs_real_marquez])])
def marquez(request: pytest.FixtureRequest) -> Server:
    return OverHttp(str(REAL)) if request.param == "real" else InMemory(Marquez())


def test_second_name_in_the_same_namespace_breaks_pages_of_datasets_in_marquez_and_is_not_sent(marquez: Server) -> None:
    shaped, with_symlinks = (
        events_of_duckdb(f"/data/f{uuid4()}.duckdb"),
        events_of_duckdb(f"/data/f{uuid4()}.duckdb", kept=True),
    )
    assert {name for event in shaped for d in event["outputs"] for name in d["facets"]} & {"symlinks"} == set()
    assert pages_of_datasets(marquez, shaped) == [200, 200, 200, 200]
    assert pages_of_datasets(marquez, with_symlinks) == [200, 200, 200, 500]


def events_of_duckdb(file: str, *, kept: bool = False) -> list[dict[str, Any]]:
    """Events that write a table from another in a DuckDB file; second names are `kept`, or as Marquez's profile has them."""
    source, target = (f"duckdb://{file}/main/{name}" for name in "ab")
    story = Story("load").write(target, source, columns=f"{source}.x>x")
    events = run_events(run(story.looked_up(source, "x:int").looked_up(target, "x:int")), namespace=f"prefect://{file}")
    shaped = MARQUEZ.shape(events)
    for event, safe in zip(events, shaped, strict=True):
        safe["run"]["runId"] = str(uuid5(NAMESPACE_URL, file))
        for side in ("inputs", "outputs"):
            for dataset, shown in zip(event[side], safe[side], strict=True):
                if kept:
                    shown["facets"]["symlinks"] = dataset["facets"]["symlinks"]
    return shaped


def pages_of_datasets(server: Server, events: list[dict[str, Any]]) -> list[int]:
    """The statuses of the pages of the datasets in the namespace, one dataset each."""
    assert [server.post(event) for event in events] == [201] * len(events)
    path = f"namespaces/{quote(events[0]['outputs'][0]['namespace'], safe='')}/datasets"
    return sorted(server.get(path, limit="1", offset=str(offset))[0] for offset in range(4))


def odd() -> Story:
    """A dataset one of whose other names has a namespace that Marquez refuses, and one its own name."""
    story = Story().write("s3://lake/orders", "https://api/orders", dialect="")
    event = story.events[-1]
    assert event.output is not None
    other = (("my catalog, eu", "2024.orders"), ("s3://lake", "orders"), ("hive://h:10000", "orders"))
    story.events[-1] = event.model_copy(update={"output": event.output.model_copy(update={"symlinks": other})})
    return story


def test_odd_names_break_none_of_marquez_lists() -> None:
    server, events = InMemory(Marquez()), MARQUEZ.shape(sent(odd()))
    assert faults(events) == []
    assert [server.post(event) for event in events] == [201, 201]
    for path in ("namespaces", "jobs", "sources"):
        assert server.get(path)[0] == 200
    identifiers = events[-1]["outputs"][0]["facets"]["symlinks"]["identifiers"]
    assert [(i["namespace"], i["name"]) for i in identifiers] == [
        ("hive://h:10000", "orders"),
        ("my+20catalog+2C+20eu", "%32024.orders"),
    ]


def test_old_names_of_spark_do_not_hide_versions_in_marquez() -> None:
    story = Story().write("abfss://raw@acct.dfs.core.windows.net/o.csv", "https://api/orders", dialect="")
    server, events = InMemory(Marquez()), MARQUEZ.shape(sent(story))
    for event in events:
        assert server.post(event) == 201
    assert "symlinks" not in events[-1]["outputs"][0]["facets"]
    namespace = "abfss%3A%2F%2Fraw%40acct.dfs.core.windows.net"
    status, found = server.get(f"namespaces/{namespace}/datasets/o.csv/versions")
    assert (status, len(found["versions"])) == (200, 1)
