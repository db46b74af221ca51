"""The inputs and the outputs of a run, each with its last writers or readers in other runs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from prefect_lineage_events.assembler.pages import links
from prefect_lineage_events.assembler.pages.changes import change_of
from prefect_lineage_events.assembler.pages.dataset_record import DatasetRecord, DatasetUser
from prefect_lineage_events.assembler.pages.markup import bytes_, counted, listed, moment, more, shortened, table
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.escaping import code, word
from prefect_lineage_events.stitching.model import DatasetUse

MAX_DATASETS = 100
MAX_NEIGHBOURS = 3


def inputs(uses: Sequence[DatasetUse], records: Mapping[Dataset, DatasetRecord], run_id: UUID) -> list[str]:
    """The datasets that were read, with the last writers of each. `records` are the known datasets with a page."""
    neighbours = {dataset: record.writers for dataset, record in records.items()}
    return _section("Inputs", uses, neighbours, "Last written by (UTC)", run_id)


def outputs(uses: Sequence[DatasetUse], records: Mapping[Dataset, DatasetRecord], run_id: UUID) -> list[str]:
    """The datasets that were written, with the last readers of each."""
    neighbours = {dataset: record.readers for dataset, record in records.items()}
    return _section("Outputs", uses, neighbours, "Last read by (UTC)", run_id)


def _section(
    title: str,
    uses: Sequence[DatasetUse],
    neighbours: Mapping[Dataset, Sequence[DatasetUser]],
    heading: str,
    run_id: UUID,
) -> list[str]:
    if not uses:
        return []
    # One interface breaks no lines in a table: a column that says the same in all rows is left out.
    namespaces = {use.dataset.namespace for use in uses}
    where = [f"In {word(namespace)}." for namespace in namespaces] if len(namespaces) == 1 else []
    only_tables = all(use.kind == "table" for use in uses)
    rows = [
        (
            links.dataset_page(use.dataset) if use.dataset in neighbours else code(shortened(use.dataset.name)),
            "" if use.rows is None else f"{use.rows:,}",
            _size(use),
            change_of(use),
            _neighbours([user for user in neighbours.get(use.dataset, ()) if user.run_id != run_id]),
            "" if only_tables else word(use.kind),
            "" if where else word(use.dataset.namespace),
            links.events(use.dataset),
        )
        for use in uses[:MAX_DATASETS]
    ]
    shown = table(("Dataset", "Rows", "Size", "Change", heading, "Kind", "Where", "Events"), rows)
    return [f"## {title}", *where, "\n".join([shown, *more(len(uses), MAX_DATASETS, "datasets")])]


def _neighbours(users: Sequence[DatasetUser]) -> str:
    """The flows of the newest runs, each as a link to its lineage, with a link to the run."""
    named = [
        f"{links.flow_page(user.flow_name, user.flow_id)} ({links.run(moment(user.began), user.run_id, user.kind)})"
        for user in users
    ]
    return listed(named, MAX_NEIGHBOURS)


def _size(use: DatasetUse) -> str:
    """Files and bytes, as far as they are known: `12 files, 3.4 MB`."""
    known = [] if use.files is None else [counted(use.files, "file")]
    return ", ".join([*known, *([] if use.size is None else [bytes_(use.size)])])
