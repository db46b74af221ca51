"""Lifetimes of datasets, which are created, renamed, swapped, dropped and created again under changing names.

A dataset that existed before the run is an input, one that exists after it an output. A transient one, which exists
only inside the run, is neither: its sources are the sources of what was written from it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from prefect_lineage_events.datasets import Dataset, parse_uri
from prefect_lineage_events.events import EventDataset
from prefect_lineage_events.stitching.model import Lifecycle
from prefect_lineage_events.stitching.steps import Step
from prefect_lineage_events.stitching.temporary_files import directories, path_in, takes

# A read of a directory has at most so many of its files beside it as sources.
_MAX_FILES = 1_000
# A temporary table may stand beside a lasting one of the same name.
_Key = tuple[Dataset, bool]


@dataclass(slots=True, eq=False)
class Lifetime:
    """A dataset from its creation in this run (`created`), or from before it, to its drop, under all its names.

    `first_name` is its name when the run first used it, `name` its last; `replaces`: another dataset had that name
    before. `effects` are the changes that the run's statements made.
    """

    first_name: Dataset
    name: Dataset
    kind: str
    created: bool = False
    temporary: bool = False
    dropped: bool = False
    replaces: bool = False
    read: bool = False
    effects: set[str] = field(default_factory=set)

    @property
    def transient(self) -> bool:
        """Return whether it exists only inside the run."""
        return self.temporary or (self.created and self.dropped)

    @property
    def as_source(self) -> Dataset:
        """Its name as a source of data: for one from before the run, its name before the run."""
        return self.name if self.created else self.first_name

    @property
    def as_target(self) -> Dataset:
        """Its name as a target of data: for a dropped one, its first name."""
        return self.first_name if self.dropped else self.name

    @property
    def renamed(self) -> bool:
        return not self.created and not self.dropped and self.name != self.first_name

    @property
    def lifecycle(self) -> Lifecycle | None:
        """Its change in this run, in OpenLineage's words: the greatest of several."""
        if self.dropped:
            return "DROP"
        if self.created or self.replaces:
            replaced = self.replaces or "or replace" in self.effects or {"empty unfilled", "fill"} <= self.effects
            return "OVERWRITE" if replaced else "CREATE"
        if self.renamed:
            return "RENAME"
        if "emptied" in self.effects:
            return "TRUNCATE"
        if not self.effects.isdisjoint({"overwrite", "or replace", "truncate"}):
            return "OVERWRITE"
        return "ALTER" if "alter" in self.effects else None


@dataclass(frozen=True, slots=True)
class ResolvedStep:
    """A step with the lifetimes that its names meant at that time.

    `renamed_lifetimes` got other names by it; `replaces_content`: it removed the target's content before.
    """

    step: Step
    sources: tuple[Lifetime, ...] = ()
    target: Lifetime | None = None
    renamed_lifetimes: tuple[Lifetime, ...] = ()
    by_uri: dict[str, Lifetime] = field(default_factory=dict)
    replaces_content: bool = False


class Lifetimes:
    """The lifetime behind each name, statement by statement."""

    def __init__(self) -> None:
        self.all: list[Lifetime] = []
        self._live: dict[_Key, Lifetime] = {}
        self._by_name: dict[Dataset, list[Lifetime]] = defaultdict(list)
        self._known: dict[str, EventDataset] = {}
        self._renamed_by: set[UUID] = set()
        self._files_in: dict[Dataset, dict[Lifetime, None]] = defaultdict(dict)

    def resolve(self, step: Step) -> ResolvedStep:
        """The step with its lifetimes; its changes of names and lifetimes are applied."""
        for dataset in step.datasets:
            self._known[dataset.uri] = dataset
        if step.effect in ("rename", "swap") and step.info.renames:
            if step.info.id in self._renamed_by:
                # a SWAP has two outputs, and so two events, of one statement
                return ResolvedStep(step)
            self._renamed_by.add(step.info.id)
            return ResolvedStep(step, renamed_lifetimes=self._rename(step.info.renames, swap=step.effect == "swap"))
        if step.operation == "misc" and step.evidence != "warehouse":
            return ResolvedStep(step)
        sources = tuple(dict.fromkeys(found for i in step.inputs for found in (self._find(i), *self._written_in(i))))
        for lifetime in sources:
            lifetime.read = True
        by_uri = {i.uri: self._find(i) for i in step.inputs}
        if step.output is None:
            return ResolvedStep(step, sources, by_uri=by_uri)
        replaces_content = step.effect in ("truncate", "overwrite", "create", "clone") or step.operation == "create"
        target = self._change(step, step.output)
        if step.output.kind == "file" and not step.output.temporary:
            for directory in directories(step.output.dataset):
                self._files_in[directory][target] = None
        return ResolvedStep(
            step, sources, target, by_uri={step.output.uri: target, **by_uri}, replaces_content=replaces_content
        )

    def named(self, dataset: Dataset) -> Lifetime | None:
        """The lifetime that has a name at the end of the run, or had it last."""
        if lifetime := self._live.get((dataset, False)) or self._live.get((dataset, True)):
            return lifetime
        return next(reversed(self._by_name.get(dataset, [])), None)

    def _change(self, step: Step, output: EventDataset) -> Lifetime:
        before = self._live.get((output.dataset, output.temporary))
        if step.operation == "create":
            lifetime = self._create(output)
        else:
            lifetime = self._find(output)
        if step.operation == "drop":
            self._drop(lifetime)
            lifetime.effects.add("drop if exists" if step.info.if_exists else "drop")
            return lifetime
        if output.kind != "table":
            lifetime.kind = output.kind
        lifetime.effects |= {step.operation, step.effect or step.operation}
        if step.effect == "truncate" and "fill" not in lifetime.effects:
            # A run does not empty a table that it has just made: its CREATE had IF NOT EXISTS, and found an older one.
            lifetime.effects.add("empty unfilled")
        replaces = step.info.or_replace or step.effect == "overwrite"
        if step.operation == "create" and replaces and not (before is lifetime and lifetime.created):
            lifetime.effects.add("or replace")
        if step.operation == "create" and step.inputs and not lifetime.created:
            lifetime.effects.add("overwrite")
        if step.effect == "truncate":
            lifetime.effects.add("emptied")
        elif (step.operation == "write" and step.effect != "delete") or step.operation == "create":
            lifetime.effects.discard("emptied")
        if (step.operation == "write" and step.effect not in ("truncate", "delete")) or (
            step.operation == "create" and step.inputs
        ):
            lifetime.effects.add("fill")
        return lifetime

    def _find(self, dataset: EventDataset) -> Lifetime:
        """The lifetime that has this name now; one from before the run if the run has not used the name yet."""
        key = (dataset.dataset, dataset.temporary)
        if lifetime := self._live.get(key):
            return lifetime
        # Another connection or an older event may not know that the table is temporary.
        lifetime = self._live.get((dataset.dataset, True))
        if lifetime and not dataset.temporary and not self._met_lasting(dataset.dataset):
            return lifetime
        return self._begin(dataset, created=False)

    def _written_in(self, directory: EventDataset) -> Iterable[Lifetime]:
        """The files that the run wrote into a directory before it was read as a whole, or by a pattern."""
        found = self._files_in.get(directory.dataset, ())
        if len(found) > _MAX_FILES:
            return ()
        return [file for file in found if not file.dropped and takes(directory, path_in(directory.dataset, file.name))]

    def _met_lasting(self, dataset: Dataset) -> bool:
        return any(not lifetime.temporary for lifetime in self._by_name.get(dataset, ()))

    def _create(self, dataset: EventDataset) -> Lifetime:
        if lifetime := self._live.get((dataset.dataset, dataset.temporary)):
            return lifetime
        return self._begin(dataset, created=True)

    def _begin(self, dataset: EventDataset, *, created: bool) -> Lifetime:
        name = dataset.dataset
        lifetime = Lifetime(name, name, dataset.kind, created=created, temporary=dataset.temporary)
        self.all.append(lifetime)
        self._take_name(lifetime, name)
        return lifetime

    def _drop(self, lifetime: Lifetime) -> None:
        lifetime.dropped = True
        self._live.pop((lifetime.name, lifetime.temporary), None)

    def _rename(self, pairs: Iterable[tuple[str, str]], *, swap: bool) -> tuple[Lifetime, ...]:
        """Rename all at once: in a chain of renames, as in a swap, each name has its meaning before the statement."""
        named = [(self._by_uri(old), self._by_uri(new)) for old, new in pairs]
        moves = [(old, new) for old, new in named if old and new]
        if swap:
            moves = list(dict.fromkeys(((old, new) if old.uri < new.uri else (new, old)) for old, new in moves))
            moves += [(new, old) for old, new in moves]
        moving = [(self._find(old), new) for old, new in moves]
        for lifetime, _ in moving:
            self._live.pop((lifetime.name, lifetime.temporary), None)
        for lifetime, new in moving:
            lifetime.effects.add("rename")
            self._take_name(lifetime, new.dataset)
        return tuple(lifetime for lifetime, _ in moving)

    def _take_name(self, lifetime: Lifetime, name: Dataset) -> None:
        key = (name, lifetime.temporary)
        if other := self._live.get(key):
            other.dropped = True
        before = self._by_name[name]
        lifetime.replaces = any(o is not lifetime and not o.transient for o in before) and not lifetime.temporary
        lifetime.name = name
        if lifetime not in before:
            before.append(lifetime)
        self._live[key] = lifetime

    def _by_uri(self, uri: str) -> EventDataset | None:
        """The dataset of this URI in an event, else the dataset that the URI names; None if it names none."""
        if known := self._known.get(uri):
            return known
        try:
            dataset = parse_uri(uri)
        except ValueError:
            return None
        return EventDataset(namespace=dataset.namespace, name=dataset.name)


def resolve(steps: Iterable[Step]) -> tuple[list[ResolvedStep], Lifetimes]:
    """All steps with their lifetimes, in order."""
    lifetimes = Lifetimes()
    return [lifetimes.resolve(step) for step in steps], lifetimes
