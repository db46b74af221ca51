"""Many files of one directory that a run touched one by one: they are parts of one dataset, the directory.

A program that reads ten thousand files in a loop names ten thousand datasets. Files of one kind (the same extension and
the same columns) count as parts once they are more than a few, or where the directory itself was read or written by
such parts, as by a pattern; others in the directory stay what they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.events import EventDataset
from prefect_lineage_events.stitching.steps import Step

# The numbers of files from which they are parts: of files whose columns are known to be the same, and of others.
MANY_ALIKE = 20
MANY = 100
MAX_PARTS = 100


def with_many_files(steps: list[Step]) -> list[Step]:
    """The steps with files as parts of their directory, where they are many."""
    groups: dict[tuple[str, str, str, frozenset[str]], dict[Dataset, None]] = {}
    known: set[tuple[str, str, str | None]] = set()
    for step in steps:
        for file in step.datasets:
            if file.kind != "file" or file.temporary:
                continue
            known.update((file.namespace, file.name, _extension(part)) for part in file.subset if "/" not in part)
            if not file.subset and (step.info.files or 0) > MANY:
                known.add((file.namespace, file.name, None))
            directory, slash, name = file.name.rpartition("/")
            if slash and directory and not file.subset:
                columns = frozenset(column.name for column in file.columns)
                group = groups.setdefault((file.namespace, directory, _extension(name), columns), {})
                group[file.dataset] = None
    wholes = {
        part: Dataset(namespace, directory)
        for (namespace, directory, extension, columns), parts in groups.items()
        if len(parts) > (MANY_ALIKE if columns else MANY)
        or not known.isdisjoint({(namespace, directory, extension), (namespace, directory, None)})
        for part in parts
    }
    return [_changed(step, wholes) for step in steps] if wholes else steps


def _extension(name: str) -> str:
    return name.partition(".")[2]


def _changed(step: Step, wholes: Mapping[Dataset, Dataset]) -> Step:
    touched = [d for d in step.datasets if d.dataset in wholes]
    if not touched:
        return step
    uris = {d.uri: wholes[d.dataset].uri for d in touched}
    columns = dict.fromkeys(
        edge.model_copy(update={"source": uris.get(edge.source, edge.source)}) for edge in step.columns
    )
    inputs = _merged(_part(d, wholes) for d in step.inputs)
    info = step.info
    if info.files is None:
        info = info.model_copy(update={"files": len(touched)})
    return replace(
        step, info=info, inputs=inputs, output=step.output and _part(step.output, wholes), columns=tuple(columns)
    )


def _part(dataset: EventDataset, wholes: Mapping[Dataset, Dataset]) -> EventDataset:
    whole = wholes.get(dataset.dataset)
    if whole is None:
        return dataset
    part = dataset.name.removeprefix(whole.name).strip("/")
    return dataset.model_copy(update={"name": whole.name, "subset": (part,), "symlinks": ()})


def _merged(datasets: Iterable[EventDataset]) -> tuple[EventDataset, ...]:
    """Each dataset once, with all its parts; more than an event names are a use of the whole."""
    found: dict[str, EventDataset] = {}
    for one in datasets:
        before = found.setdefault(one.uri, one)
        if before is not one:
            parts = tuple(dict.fromkeys((*before.subset, *one.subset))) if before.subset and one.subset else ()
            subset = parts if len(parts) <= MAX_PARTS else ()
            found[one.uri] = before.model_copy(update={"subset": subset})
    return tuple(found.values())
