"""The inputs and the outputs of a run, each with its last writers or readers in other runs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from prefect_lineage_events.assembler.pages import links
from prefect_lineage_events.assembler.pages.changes import change_of
from prefect_lineage_events.assembler.pages.dataset_record import DatasetRecord, DatasetUser
from prefect_lineage_events.assembler.pages.markup import bytes_, moment, more, place, shortened, table
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.escaping import code, word
from prefect_lineage_events.sentences import counted, listed
from prefect_lineage_events.stitching.model import DatasetUse

MAX_DATASETS = 100
MAX_NEIGHBOURS = 3
# Of more, each dataset names its own.
MAX_NAMESPACES = 5


def inputs(uses: Sequence[DatasetUse], records: Mapping[Dataset, DatasetRecord], run_id: UUID) -> list[str]:
    """The datasets that were read, with the last writers of each. `records` are the known datasets with a page."""
    neighbours = {dataset: record.writers for dataset, record in records.items()}
    return _section("Inputs", uses, neighbours, "Last written by", run_id)


def outputs(uses: Sequence[DatasetUse], records: Mapping[Dataset, DatasetRecord], run_id: UUID) -> list[str]:
    """The datasets that were written, with the last readers of each."""
    neighbours = {dataset: record.readers for dataset, record in records.items()}
    return _section("Outputs", uses, neighbours, "Last read by", run_id)


def _section(
    title: str,
    uses: Sequence[DatasetUse],
    neighbours: Mapping[Dataset, Sequence[DatasetUser]],
    heading: str,
    run_id: UUID,
) -> list[str]:
    if not uses:
        return []
    shown = uses[:MAX_DATASETS]
    namespaces = dict.fromkeys(use.dataset.namespace for use in shown)
    parts = [f"## {title}"]
    if len(namespaces) <= MAX_NAMESPACES:
        for namespace in namespaces:
            of_it = [use for use in shown if use.dataset.namespace == namespace]
            parts += [f"{place(namespace, 'In')}.", _table(of_it, neighbours, several=False)]
    else:
        parts.append(_table(shown, neighbours, several=True))
    parts += [line for line in more(len(uses), MAX_DATASETS, "datasets") if line]
    others = [
        f"- {_name(use, neighbours)}: {named}"
        for use in shown
        if (named := _neighbours([user for user in neighbours.get(use.dataset, ()) if user.run_id != run_id]))
    ]
    return [*parts, f"{heading} (UTC):", "\n".join(others)] if others else parts


def _table(uses: Sequence[DatasetUse], neighbours: Mapping[Dataset, Sequence[DatasetUser]], *, several: bool) -> str:
    """The datasets of one namespace, or of `several` in a column of their own."""
    only_tables = all(use.kind == "table" for use in uses)
    rows = [
        (
            _name(use, neighbours),
            "" if use.rows is None else f"{use.rows:,}",
            _size(use),
            change_of(use),
            "" if only_tables else word(use.kind),
            word(shortened(use.dataset.namespace)) if several else "",
            links.events(use.dataset),
        )
        for use in uses
    ]
    return table(("Dataset", "Rows", "Size", "Change", "Kind", "Where", "Events"), rows)


def _name(use: DatasetUse, neighbours: Mapping[Dataset, Sequence[DatasetUser]]) -> str:
    """The dataset's name; a link where it has a page."""
    return links.dataset_page(use.dataset) if use.dataset in neighbours else code(shortened(use.dataset.name))


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
