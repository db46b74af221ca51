"""Datasets have lives: created, renamed, swapped, dropped, created again. A name is only what a life is called now.

Following lives tells what was there before the run (an input), what is there after it (an output), and what came and
went inside of it (neither: what flowed through it flows past it).
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

# A temporary table may stand beside a lasting one of the same name.
_Key = tuple[Dataset, bool]


@dataclass(slots=True, eq=False)
class Lifetime:
    """A dataset from its creation in this run (`created`), or from before it, to its drop, under whatever names.

    `birth` is the name under which the run first met it, `name` its last; `replaces`: something else went by that name
    before. `effects` are what the run's statements did to it.
    """

    birth: Dataset
    name: Dataset
    kind: str
    created: bool = False
    temporary: bool = False
    dropped: bool = False
    replaces: bool = False
    read: bool = False
    effects: set[str] = field(default_factory=set)

    @property
    def gone(self) -> bool:
        """Nobody outside the run ever meets it."""
        return self.temporary or (self.created and self.dropped)

    @property
    def as_source(self) -> Dataset:
        """Its name for those who ask where data came from: what was there before the run had its name then."""
        return self.name if self.created else self.birth

    @property
    def as_target(self) -> Dataset:
        """Its name for those who ask where data went."""
        return self.birth if self.dropped else self.name

    @property
    def renamed(self) -> bool:
        return not self.created and not self.dropped and self.name != self.birth

    @property
    def lifecycle(self) -> Lifecycle | None:
        """What became of it in this run, in OpenLineage's words: the most that was done to it."""
        if self.dropped:
            return "DROP"
        if self.created or self.replaces:
            return "OVERWRITE" if self.replaces or "or replace" in self.effects else "CREATE"
        if self.renamed:
            return "RENAME"
        if "overwrite" in self.effects or {"truncate", "fill"} <= self.effects:
            return "OVERWRITE"
        if "truncate" in self.effects:
            return "TRUNCATE"
        return "ALTER" if "alter" in self.effects else None


@dataclass(frozen=True, slots=True)
class ResolvedStep:
    """A step with the lives that its datasets meant at that moment.

    `moved` got other names by it; `renews`: what the target held before is not there any more.
    """

    step: Step
    sources: tuple[Lifetime, ...] = ()
    target: Lifetime | None = None
    moved: tuple[Lifetime, ...] = ()
    by_uri: dict[str, Lifetime] = field(default_factory=dict)
    renews: bool = False


class Lifetimes:
    """Who goes by which name, statement by statement."""

    def __init__(self) -> None:
        self.all: list[Lifetime] = []
        self._live: dict[_Key, Lifetime] = {}
        self._by_name: dict[Dataset, list[Lifetime]] = defaultdict(list)
        self._known: dict[str, EventDataset] = {}
        self._renamed_by: set[UUID] = set()

    def place(self, step: Step) -> ResolvedStep:
        """The lives that a step meant; what it did to them is done."""
        for dataset in (*step.inputs, *([step.output] if step.output else [])):
            self._known[dataset.uri] = dataset
        if step.effect in ("rename", "swap") and step.info.renames:
            if step.info.id in self._renamed_by:
                # a SWAP has two outputs, and so two events, of one statement
                return ResolvedStep(step)
            self._renamed_by.add(step.info.id)
            return ResolvedStep(step, moved=self._rename(step.info.renames, swap=step.effect == "swap"))
        if step.operation == "misc":
            return ResolvedStep(step)
        sources = tuple(dict.fromkeys(self._find(i) for i in step.inputs))
        for life in sources:
            life.read = True
        by_uri = {i.uri: self._find(i) for i in step.inputs}
        if step.output is None:
            return ResolvedStep(step, sources, by_uri=by_uri)
        renews = step.effect in ("truncate", "overwrite", "create", "clone") or step.operation == "create"
        target = self._change(step, step.output)
        return ResolvedStep(step, sources, target, by_uri={step.output.uri: target, **by_uri}, renews=renews)

    def named(self, dataset: Dataset) -> Lifetime | None:
        """Who goes by a name at the end of the run, or went by it last."""
        if life := self._live.get((dataset, False)) or self._live.get((dataset, True)):
            return life
        return next(reversed(self._by_name.get(dataset, [])), None)

    def _change(self, step: Step, output: EventDataset) -> Lifetime:
        if step.operation == "create":
            life = self._create(output)
        else:
            life = self._find(output)
        if step.operation == "drop":
            self._drop(life)
            life.effects.add("drop if exists" if step.info.if_exists else "drop")
            return life
        if output.kind != "table":
            life.kind = output.kind
        life.effects |= {step.operation, step.effect or step.operation}
        if step.operation == "create" and step.effect == "overwrite":
            life.effects.add("or replace")
        if step.operation == "create" and step.inputs and not life.created:
            life.effects.add("overwrite")
        if step.operation == "write" and step.effect not in ("truncate", "delete"):
            life.effects.add("fill")
        return life

    def _find(self, dataset: EventDataset) -> Lifetime:
        """The life that goes by this name now; one from before the run when the run has not met it yet."""
        key = (dataset.dataset, dataset.temporary)
        if life := self._live.get(key):
            return life
        # Another connection or an older event may not know that the table is temporary.
        life = self._live.get((dataset.dataset, True))
        if life and not dataset.temporary and not self._met_lasting(dataset.dataset):
            return life
        return self._begin(dataset, created=False)

    def _met_lasting(self, dataset: Dataset) -> bool:
        return any(not life.temporary for life in self._by_name.get(dataset, ()))

    def _create(self, dataset: EventDataset) -> Lifetime:
        if life := self._live.get((dataset.dataset, dataset.temporary)):
            return life
        return self._begin(dataset, created=True)

    def _begin(self, dataset: EventDataset, *, created: bool) -> Lifetime:
        name = dataset.dataset
        life = Lifetime(name, name, dataset.kind, created=created, temporary=dataset.temporary)
        self.all.append(life)
        self._take_name(life, name)
        return life

    def _drop(self, life: Lifetime) -> None:
        life.dropped = True
        self._live.pop((life.name, life.temporary), None)

    def _rename(self, pairs: Iterable[tuple[str, str]], *, swap: bool) -> tuple[Lifetime, ...]:
        """All at once: in a chain of renames, as in a swap, each name means what it meant before the statement."""
        named = [(self._by_uri(old), self._by_uri(new)) for old, new in pairs]
        moves = [(old, new) for old, new in named if old and new]
        if swap:
            moves = list(dict.fromkeys(((old, new) if old.uri < new.uri else (new, old)) for old, new in moves))
            moves += [(new, old) for old, new in moves]
        moving = [(self._find(old), new) for old, new in moves]
        for life, _ in moving:
            self._live.pop((life.name, life.temporary), None)
        for life, new in moving:
            life.effects.add("rename")
            self._take_name(life, new.dataset)
        return tuple(life for life, _ in moving)

    def _take_name(self, life: Lifetime, name: Dataset) -> None:
        key = (name, life.temporary)
        if other := self._live.get(key):
            other.dropped = True
        before = self._by_name[name]
        life.replaces = any(o is not life and not o.gone for o in before) and not life.temporary
        life.name = name
        if life not in before:
            before.append(life)
        self._live[key] = life

    def _by_uri(self, uri: str) -> EventDataset | None:
        """The dataset of an event that has this URI; else what the URI says by itself, if it says anything."""
        if known := self._known.get(uri):
            return known
        try:
            dataset = parse_uri(uri)
        except ValueError:
            return None
        return EventDataset(namespace=dataset.namespace, name=dataset.name)


def place(steps: Iterable[Step]) -> tuple[list[ResolvedStep], Lifetimes]:
    """All steps with the lives they meant, in order."""
    lives = Lifetimes()
    return [lives.place(step) for step in steps], lives
