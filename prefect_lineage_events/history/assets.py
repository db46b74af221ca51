"""Prefect's asset events of a run: from `@materialize`, prefect-dbt, or emitted by hand."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from prefect_lineage_events.datasets import Dataset, parse_uri
from prefect_lineage_events.events import OWN_TOOL
from prefect_lineage_events.history.model import AssetEvent
from prefect_lineage_events.naming import SCHEMES, holds_tables, split_name
from prefect_lineage_events.settings import settings

logger = logging.getLogger(__name__)

MATERIALISED = "prefect.asset.materialization."


def parse(raw: Mapping[str, Any]) -> AssetEvent | None:
    """The asset of an event; None for a key that names no dataset, and for events that we emitted ourselves."""
    resource = raw["resource"]
    related: list[dict[str, str]] = raw.get("related") or []
    dataset = dataset_of(resource.get("prefect.resource.id", ""))
    if dataset is None or OWN_TOOL in _with_role(related, "asset-materialized-by"):
        return None
    upstream = [dataset_of(key) for key in _with_role(related, "asset")]
    task = next(iter(_with_role(related, "task-run")), None)
    return AssetEvent(
        dataset=dataset,
        upstream=tuple(d for d in upstream if d),
        task_run_id=UUID(task.rpartition(".")[2]) if task else None,
        succeeded=raw["event"].endswith(".succeeded"),
        description=resource.get("prefect.asset.description"),
        owners=_owners(resource.get("prefect.asset.owners")),
    )


def dataset_of(key: str) -> Dataset | None:
    """The dataset of an asset key: by the setting `asset_namespaces`, else by reading the key as a URI."""
    for prefix, namespace in sorted(settings().asset_namespaces.items(), key=lambda item: -len(item[0])):
        if key.startswith(prefix) and (rest := key.removeprefix(prefix).strip("/")):
            return Dataset(
                namespace.rstrip("/") or namespace, rest.replace("/", ".") if holds_tables(namespace) else rest
            )
    try:
        dataset = parse_uri(key)
    except ValueError:
        logger.debug("Asset key %r names no dataset", key)
        return None
    # prefect-dbt's keys have a database in place of a server (`snowflake://DB/SCHEMA/T`): no address to canonicalise.
    store = SCHEMES.get(dataset.namespace.partition(":")[0])
    return dataset if store and len(split_name(dataset.name)) < store.depth else dataset.canonical()


def _with_role(related: list[dict[str, str]], role: str) -> list[str]:
    return [r["prefect.resource.id"] for r in related if r.get("prefect.resource.role") == role]


def _owners(text: str | None) -> tuple[str, ...]:
    """The owners in a label: Prefect writes them as a JSON list; a plain text is one owner."""
    if not text:
        return ()
    try:
        owners = json.loads(text)
    except ValueError:
        return (text,)
    return tuple(str(o) for o in owners) if isinstance(owners, list) else (str(owners),)
