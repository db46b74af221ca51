"""Asset events of Prefect, as the server stores them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.history.assets import dataset_of, parse
from prefect_lineage_events.settings import settings

NAMESPACES = "PREFECT_INTEGRATIONS_LINEAGE_EVENTS_ASSET_NAMESPACES"


def event(key: str, *upstream: str, status: str = "succeeded", **labels: str) -> dict[str, Any]:
    related = [{"prefect.resource.id": u, "prefect.resource.role": "asset"} for u in upstream]
    return {
        "event": f"prefect.asset.materialization.{status}",
        "resource": {"prefect.resource.id": key, **labels},
        "related": related,
    }


def test_an_asset_with_its_upstream_and_its_task():
    task = uuid4()
    raw = event("s3://lake/clean.csv", "s3://lake/raw.csv")
    raw["related"].append({"prefect.resource.id": f"prefect.task-run.{task}", "prefect.resource.role": "task-run"})
    found = parse(raw)
    assert found
    assert (found.dataset, found.upstream) == (Dataset("s3://lake", "clean.csv"), (Dataset("s3://lake", "raw.csv"),))
    assert (found.task_run_id, found.succeeded) == (task, True)


def test_failed_materialisation_is_marked():
    found = parse(event("s3://lake/clean.csv", status="failed"))
    assert found and not found.succeeded


def test_a_key_that_names_no_dataset_is_left_out():
    assert parse(event("odd:thing")) is None


@pytest.mark.parametrize(("label", "owners"), [('["a", "b"]', ("a", "b")), ("team", ("team",)), ('"a"', ("a",))])
def test_owners_are_read_from_json_and_from_text(label, owners):
    found = parse(event("s3://lake/x", **{"prefect.asset.owners": label}))
    assert found and found.owners == owners


@pytest.mark.parametrize(
    ("key", "dataset"),
    [
        ("snowflake://DB/S/T", Dataset("snowflake://org-account", "DB.S.T")),
        ("snowflake://EU/S/T", Dataset("snowflake://org-eu", "S.T")),
        ("lake://2026/x.csv", Dataset("s3://lake", "2026/x.csv")),
        ("gs://bucket/x.csv", Dataset("gs://bucket", "x.csv")),
    ],
)
def test_longest_prefix_of_the_setting_decides(monkeypatch, key, dataset):
    setting = (
        '{"snowflake://": "snowflake://org-account", "snowflake://EU/": "snowflake://org-eu", "lake://": "s3://lake"}'
    )
    monkeypatch.setenv(NAMESPACES, setting)
    settings.cache_clear()
    assert dataset_of(key) == dataset
