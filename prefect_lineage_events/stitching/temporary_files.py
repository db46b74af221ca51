"""Temporary files of a run, on every road that its statements took to them.

One process of a run knows that a file is temporary, another may not. And a program that writes files into a temporary
directory may read all of them by the directory or a pattern, or one after the other: they are the directory's parts.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.events import EventDataset
from prefect_lineage_events.naming import is_embedded
from prefect_lineage_events.stitching.steps import Step

_Uses = Mapping[Dataset, Sequence[tuple[dt.datetime, EventDataset]]]
_Change = Callable[[EventDataset], EventDataset]


def with_temporary_files(steps: list[Step]) -> list[Step]:
    """The steps with each temporary file marked in all of them."""
    temporary = _temporary(steps)
    return [changed(step, dict.fromkeys(temporary, mark_temporary)) for step in steps] if temporary else steps


def with_parts_of_temporary(steps: list[Step]) -> list[Step]:
    """The steps with temporary files as parts of their directories."""
    temporary = _temporary(steps)
    parts = {part: partial(_part_of, whole) for part, whole in _wholes(steps, temporary)} if temporary else {}
    return [changed(step, parts) for step in steps] if parts else steps


def _temporary(steps: list[Step]) -> set[Dataset]:
    return {d.dataset for step in steps for d in step.datasets if d.temporary and _is_in_a_file(d)}


def _is_in_a_file(dataset: EventDataset) -> bool:
    """Return whether it is a file, or a table of a database in a file. Other temporary tables are of one connection."""
    return dataset.kind == "file" or is_embedded(dataset.namespace.partition("://")[0])


def mark_temporary(dataset: EventDataset) -> EventDataset:
    return dataset.model_copy(update={"temporary": True})


def _part_of(whole: Dataset, dataset: EventDataset) -> EventDataset:
    path = path_in(whole, dataset.dataset)
    subset = tuple(f"{path}/{part}" for part in dataset.subset) or (path,)
    return dataset.model_copy(update={"name": whole.name, "subset": subset})


def path_in(whole: Dataset, part: Dataset) -> str:
    return part.name.removeprefix(whole.name).strip("/")


def _wholes(steps: Sequence[Step], temporary: Collection[Dataset]) -> Iterator[tuple[Dataset, Dataset]]:
    """Each file with its directory: it was written before the directory was read, or read after it was written."""
    read = _uses((step.started, step.inputs) for step in steps)
    written = _uses((step.started, (step.output,)) for step in steps if step.output)
    for part in temporary:
        for whole in directories(part):
            if part in written and any(
                written[part][0][0] <= time and takes(use, path_in(whole, part)) for time, use in read.get(whole, ())
            ):
                yield part, whole
                break
            if part in read and part not in written and any(
                time <= read[part][-1][0] for time, _ in written.get(whole, ())
            ):  # fmt: skip
                yield part, whole
                break


def _uses(named: Iterable[tuple[dt.datetime, Sequence[EventDataset]]]) -> _Uses:
    found: dict[Dataset, list[tuple[dt.datetime, EventDataset]]] = {}
    for time, datasets in named:
        for dataset in datasets:
            found.setdefault(dataset.dataset, []).append((time, dataset))
    return found


def directories(part: Dataset) -> Iterator[Dataset]:
    """The directories above a file, the innermost first."""
    path = part.name
    while "/" in path.strip("/"):
        path = path.rpartition("/")[0]
        if path:
            yield Dataset(part.namespace, path)


def takes(use: EventDataset, path: str) -> bool:
    """Return whether a use of a directory took a file: by a pattern, by a directory in it, or as one of all."""
    return not use.subset or any(fnmatchcase(path, one) or path.startswith(f"{one}/") for one in use.subset)


def changed(step: Step, changes: Mapping[Dataset, _Change]) -> Step:
    """The step with some of its datasets changed, in its column edges too."""
    if not any(d.dataset in changes for d in step.datasets):
        return step
    uris: dict[str, str] = {}

    def change(dataset: EventDataset) -> EventDataset:
        how = changes.get(dataset.dataset)
        changed = dataset if how is None else how(dataset)
        uris[dataset.uri] = changed.uri
        return changed

    inputs = tuple({d.uri: d for d in map(change, step.inputs)}.values())
    output = step.output and change(step.output)
    columns = dict.fromkeys(
        edge.model_copy(update={"source": uris.get(edge.source, edge.source)}) for edge in step.columns
    )
    return replace(step, inputs=inputs, output=output, columns=tuple(columns))
