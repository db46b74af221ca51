"""Azure's containers whose account a statement does not name (`az://container/..` in DuckDB, whose secret has it).

Such a blob is the one of this name that the run touched in a container of this name, if there is only one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import partial

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.events import EventDataset
from prefect_lineage_events.stitching.steps import Step
from prefect_lineage_events.stitching.temporary_files import changed

_CONTAINER = re.compile(r"abfss://(?P<container>[^@/]+)(?P<account>@.+)?")


def with_accounts(steps: list[Step]) -> list[Step]:
    """The steps with the account of each container that another step of the run names."""
    bare: dict[Dataset, tuple[str, str]] = {}
    namespaces: dict[tuple[str, str], set[str]] = defaultdict(set)
    for dataset in (d for step in steps for d in step.datasets):
        found = _CONTAINER.fullmatch(dataset.namespace)
        if found is None:
            continue
        blob = (found["container"], dataset.name)
        if found["account"]:
            namespaces[blob].add(dataset.namespace)
        else:
            bare[dataset.dataset] = blob
    changes = {d: partial(_at, next(iter(namespaces[b]))) for d, b in bare.items() if len(namespaces.get(b, ())) == 1}
    return [changed(step, changes) for step in steps] if changes else steps


def _at(namespace: str, dataset: EventDataset) -> EventDataset:
    return dataset.model_copy(update={"namespace": namespace})
