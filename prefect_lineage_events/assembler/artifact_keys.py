"""Keys of artifacts: of flows and of datasets. Pure."""

from __future__ import annotations

import re
from hashlib import sha256
from uuid import UUID

from prefect_lineage_events.datasets import Dataset

FLOW_PREFIX = "lineage-"
DATASET_PREFIX = "dataset-"
_MAX_SLUG = 80
_DIGEST = 12


def flow_key(flow_name: str, flow_id: UUID) -> str:
    """The key of a flow's artifact, of characters that Prefect accepts."""
    return f"{FLOW_PREFIX}{_slug(flow_name)[:_MAX_SLUG] or flow_id}"


def dataset_key(dataset: Dataset) -> str:
    """The key of a dataset's artifact. It ends in a digest of the URI: names that differ in case only, or in signs that
    no key can have, are of different datasets.
    """
    digest = sha256(dataset.uri.encode()).hexdigest()[:_DIGEST]
    # The end of a long name says more than its beginning.
    slug = _slug(dataset.name)[-_MAX_SLUG:].strip("-")
    return f"{DATASET_PREFIX}{slug}-{digest}" if slug else f"{DATASET_PREFIX}{digest}"


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
