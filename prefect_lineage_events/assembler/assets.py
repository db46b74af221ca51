"""Datasets of assembled runs as assets of Prefect, for the asset graph of Prefect Cloud (setting `emit_assets`).

The events are those that `@materialize` emits (`prefect.context.AssetContext.emit_events`), of the run that wrote the
data. Events that Prefect emitted itself are not repeated, and ours are never read as lineage: they name us as the tool.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from uuid import uuid5

from prefect.types import ValidAssetKey
from pydantic import TypeAdapter, ValidationError

from prefect_lineage_events.assembler import publishing
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.events import MAX_RELATED_DATASETS, OWN_TOOL
from prefect_lineage_events.stitching.model import DatasetUse, RunLineage

_KEY: TypeAdapter[str] = TypeAdapter(ValidAssetKey)
_STATUS = {"COMPLETED": "succeeded", "FAILED": "failed", "CRASHED": "failed"}


def emit(run: RunLineage) -> None:
    """Emit a materialisation for each written output, a reference for each source. Repeated, this changes nothing."""
    status = _STATUS.get(run.run.state)
    if status is None:
        return
    upstream = _upstream(run)
    outputs = [use for use in run.written if use.dataset not in run.assets and _is_key(use.dataset)]
    for source in sorted({source for use in outputs for source in upstream[use.dataset]}):
        _emit(run, "prefect.asset.referenced", _resource(source), [])
    for use in outputs:
        sources = [{"prefect.resource.id": s.uri, "prefect.resource.role": "asset"} for s in upstream[use.dataset]]
        by = {"prefect.resource.id": OWN_TOOL, "prefect.resource.role": "asset-materialized-by"}
        related = [by, *sources[:MAX_RELATED_DATASETS]]
        _emit(run, f"prefect.asset.materialization.{status}", _resource(use.dataset), related, _payload(use))


def _upstream(run: RunLineage) -> dict[Dataset, list[Dataset]]:
    """The sources of each output, sorted; without the output itself and datasets that no asset key can name."""
    found: dict[Dataset, set[Dataset]] = defaultdict(set)
    for source, target in run.lineage.pairs():
        found[target].add(source)
    return defaultdict(list, {target: sorted(filter(_is_key, sources - {target})) for target, sources in found.items()})


def _is_key(dataset: Dataset) -> bool:
    """Return whether the URI is an asset key: without spaces, quotes and brackets, of at most 512 characters."""
    try:
        _KEY.validate_python(dataset.uri)
    except ValidationError:
        return False
    return True


def _resource(dataset: Dataset) -> dict[str, str]:
    return {"prefect.resource.id": dataset.uri, "prefect.resource.name": dataset.name}


def _payload(use: DatasetUse) -> dict[str, object]:
    return {"rows": use.rows} if use.rows is not None else {}


def _emit(
    run: RunLineage,
    event: str,
    resource: dict[str, str],
    related: Iterable[dict[str, str]],
    payload: dict[str, object] | None = None,
) -> None:
    of = run.run
    publishing.emit(
        event,
        # Deterministic, and another one when the run was repeated.
        id=uuid5(of.id, f"{event} {resource['prefect.resource.id']} {of.ended}"),
        occurred=of.ended,
        resource=resource,
        related=[*of.info.related(), *related],
        payload=payload,
    )
