"""Files that a run wrote under a temporary name, and then moved, or removed: data has passed through them.

A move is a copy after which the source is gone. A file that the run itself wrote, as the first thing that it did with
it, and that is gone at the end, is transient, as a temporary table is: what was written to `orders.csv.tmp` is the
content of `orders.csv`, to which it was renamed. A file that the run found and moved (an inbox, an archive) stays an
input, and the target has an edge from it.

A directory takes along the files that the run wrote into it. A moved file that no step of the run has touched and that
is new has no name to be shown: the move counts as a write of the target by Python.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from uuid import uuid5

from prefect_lineage_events.datasets import Dataset, located, parse_uri
from prefect_lineage_events.events import (
    COPY,
    MOVE,
    MOVE_OF_NEW,
    STAR,
    Column,
    EventColumnEdge,
    EventDataset,
    StatementInfo,
)
from prefect_lineage_events.stitching.steps import Step
from prefect_lineage_events.stitching.temporary_files import changed, directories, mark_temporary, path_in

_EFFECTS = frozenset({MOVE, MOVE_OF_NEW, COPY})
# A directory that is moved or copied takes along at most so many files by their own names.
_MAX_FILES = 1_000
_Change = Callable[[EventDataset], EventDataset]


@dataclass(slots=True)
class _Life:
    """A file from the run's first use of it to its move or removal.

    `own`: the run wrote it first. `parts` are those of a dataset of several files that are written and not moved away.
    `read`: a step read it; otherwise code that is not seen may have used what the run wrote, and it stays an output.
    `rows` and `columns` are those of its only write.
    """

    own: bool
    uses: list[int] = field(default_factory=list)
    writes: list[Step] = field(default_factory=list)
    parts: set[str] = field(default_factory=set)
    whole: bool = False
    read: bool = False

    def content(self) -> tuple[int | None, tuple[Column, ...]]:
        """The rows and columns that it holds, as far as its writes state them."""
        if not self.own or not self.writes or self.writes[0].output is None:
            return None, ()
        columns = {step.output.columns for step in self.writes if step.output is not None}
        only = self.writes[0] if len(self.writes) == 1 and self.writes[0].info.executions == 1 else None
        return only.info.rows if only is not None else None, columns.pop() if len(columns) == 1 else ()


def with_moved_files(steps: list[Step]) -> list[Step]:
    """The steps with copies in place of moves, and with files that were gone in the end marked as temporary."""
    if not any(step.effect in _EFFECTS or _removes(step) for step in steps):
        return steps
    return _Moves().apply(steps)


def _removes(step: Step) -> bool:
    return step.operation == "drop" and step.output is not None and step.output.kind == "file"


class _Moves:
    """The lives of files, step by step."""

    def __init__(self) -> None:
        self._steps: list[Step] = []
        self._lives: dict[Dataset, _Life] = {}
        self._below: dict[Dataset, dict[Dataset, None]] = defaultdict(dict)
        self._changes: dict[int, dict[Dataset, _Change]] = defaultdict(dict)

    def apply(self, steps: list[Step]) -> list[Step]:
        for step in steps:
            if step.effect in _EFFECTS and step.output is not None:
                self._copy(step, step.output)
            elif not (_removes(step) and step.output is not None and self._remove(step, step.output)):
                self._add(step)
        return [
            changed(step, self._changes[number]) if number in self._changes else step
            for number, step in enumerate(self._steps)
        ]

    def _add(self, step: Step) -> None:
        """Add a step, and note which files it uses."""
        number = len(self._steps)
        self._steps.append(step)
        for dataset in step.inputs:
            life = self._life(dataset, own=False)
            life.uses.append(number)
            life.read = True
        if step.output is None or step.operation == "drop" or step.output.kind != "file":
            return
        # COPY TO of SQL replaces a file, though its effect is that of an INSERT
        own = step.effect != "append" or step.is_sql
        life = self._life(step.output, own=own and step.operation in ("write", "create"))
        life.uses.append(number)
        life.writes.append(step)
        life.parts.update(step.output.subset)
        life.whole = life.whole or not step.output.subset

    def _life(self, dataset: EventDataset, *, own: bool) -> _Life:
        life = self._lives.get(dataset.dataset)
        if life is None:
            life = self._lives[dataset.dataset] = _Life(own)
            for directory in directories(dataset.dataset):
                self._below[directory][dataset.dataset] = None
        return life

    def _within(self, directory: Dataset, part: str = "") -> list[Dataset]:
        """The files below a directory that the run has used and not moved; those with a file in a partition of it."""
        found = [one for one in self._below.get(directory, ()) if one in self._lives]
        if part:  # `t/orders.csv` is the name of `t/dt=1/orders.csv`
            found = [one for one in found if part in self._lives[one].parts and "/" not in path_in(directory, one)]
        return found if len(found) <= _MAX_FILES else []

    def _copy(self, step: Step, output: EventDataset) -> None:
        """Add a move or a copy: as a copy of the file, or of each file that the run has used in the directory."""
        effect = "overwrite" if output.temporary and not output.subset else None
        plain = replace(step, info=step.info.model_copy(update={"effect": effect, "renames": ()}))
        if len(step.inputs) != 1:
            self._add(plain)
            return
        source, part = step.inputs[0], _moved_part(step)
        if source.dataset == output.dataset:
            self._rename_parts(source.dataset, _path_of_part(step), output.subset)
            return
        life = self._lives.get(source.dataset)
        within = self._within(source.dataset, part)
        if life is None and not within and (step.effect == MOVE_OF_NEW or source.temporary):
            self._add(replace(plain, inputs=(), columns=()))
            return
        if life is not None or not within:
            self._add(_with_content(plain, life))
        for number, file in enumerate(within):
            one = _of_file(plain, number, file, _place_in(output, path_in(source.dataset, file)))
            self._add(_with_content(one, self._lives[file]))
        if step.effect != COPY:
            self._gone(source.dataset, part, step)

    def _remove(self, step: Step, output: EventDataset) -> bool:
        """Remove a file or directory. Return whether nothing is gone but what the run had made."""
        if output.subset:
            return False
        life, within = self._lives.get(output.dataset), self._within(output.dataset)
        self._gone(output.dataset, "", step)
        return life.own if life is not None else bool(within)

    def _gone(self, dataset: Dataset, part: str, step: Step) -> None:
        """End the lives of a dataset, or of all in a directory; of a dataset of parts when its last one is gone."""
        for name in self._within(dataset, part) if part else ():
            self._gone(name, part, step)
        life = self._lives.get(dataset)
        if part and life is not None:
            life.parts -= {one for one in life.parts if one == part or one.startswith(f"{part}/")}
            if life.parts or life.whole:
                return
        for name in (dataset, *(() if part else self._within(dataset))):
            ended = self._lives.pop(name, None)
            for directory in directories(name):
                self._below[directory].pop(name, None)
            if ended is not None and ended.own:
                ended.uses.append(len(self._steps))
                self._steps.append(_dropped(name, step))
            for number in ended.uses if ended is not None and ended.own and ended.read else ():
                self._changes[number][name] = mark_temporary

    def _rename_parts(self, dataset: Dataset, old: str, new: tuple[str, ...]) -> None:
        """Name parts of a dataset as they are named in the end: `x.csv.tmp` is `x.csv`."""
        life = self._lives.get(dataset)
        if life is None or not new:
            return
        names = {part: one for one in new for part in life.parts if part == old or part.startswith(f"{one}.")}
        life.parts = {names.get(part, part) for part in life.parts}
        for number in life.uses if names else ():
            before = self._changes[number].get(dataset)
            self._changes[number][dataset] = partial(_with_parts, before, names)


def _path_of_part(step: Step) -> str:
    """The path of what was moved, from its dataset."""
    return step.info.renames[0][0].removeprefix(step.inputs[0].uri).strip("/") if step.info.renames else ""


def _moved_part(step: Step) -> str:
    """The part of the source that was moved; "" for all of it."""
    if not step.info.renames:
        return ""
    return located(parse_uri(step.info.renames[0][0])).part


def _dropped(dataset: Dataset, step: Step) -> Step:
    """The end of a file that the run had made, by a step that moved or removed it."""
    info = StatementInfo(id=uuid5(step.info.id, dataset.uri), started=step.info.started, reason=step.info.reason)
    output = EventDataset(namespace=dataset.namespace, name=dataset.name, kind="file")
    return replace(step, info=info, operation="drop", output=output, inputs=(), columns=())


def _with_parts(before: _Change | None, names: Mapping[str, str], dataset: EventDataset) -> EventDataset:
    changed = before(dataset) if before is not None else dataset
    subset = dict.fromkeys(names.get(part, part) for part in changed.subset)
    return changed.model_copy(update={"subset": tuple(subset)})


def _with_content(copy: Step, life: _Life | None) -> Step:
    """The copy with the rows and columns that its source has."""
    rows, columns = life.content() if life is not None else (None, ())
    info, output = copy.info, copy.output
    if rows is not None and info.executions == 1:
        info = info.model_copy(update={"rows": rows})
    if columns and output is not None:
        output = output.model_copy(update={"columns": columns})
    return replace(copy, info=info, output=output)


def _place_in(directory: EventDataset, path: str) -> EventDataset:
    """The file at a path in a directory."""
    found = located(Dataset(directory.namespace, "/".join((directory.name, *directory.subset, path))))
    subset = (found.part,) if found.part else ()
    return directory.model_copy(update={"name": found.dataset.name, "subset": subset, "columns": ()})


def _of_file(copy: Step, number: int, file: Dataset, output: EventDataset) -> Step:
    """The copy of one file of a directory."""
    source = EventDataset(namespace=file.namespace, name=file.name, kind="file")
    edge = EventColumnEdge(column=STAR, source=source.uri, source_column=STAR)
    unknown = {"id": uuid5(copy.info.id, str(number)), "size": None, "files": None, "rows": None}
    info = copy.info.model_copy(update=unknown)
    return replace(copy, info=info, inputs=(source,), output=output, columns=(edge,))
