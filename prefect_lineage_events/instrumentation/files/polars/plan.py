"""The plan of a lazy frame: its sources, and the columns of each that go into a column of the result.

The plan is read from polars' own text of it, the one that `LazyFrame.explain(optimized=False)` shows. The plan as
objects (`PyLazyFrame.visit`) is no choice: polars makes it while it holds the interpreter's lock, and a plan with a
Delta or Iceberg table waits for ever for a thread that needs this lock. A serialised plan contains the data of frames.

A part of the text that is not understood leaves columns without an origin. It never leaves out a source.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from prefect_lineage_events.instrumentation.files.polars.expressions import NotUnderstood, Output, outputs

Transformation = Literal["IDENTITY", "TRANSFORMATION", "AGGREGATION"]
_LONGEST = 50_000  # characters of a plan whose columns are followed
_MOST_STEPS = 20_000  # look-ups of columns in parts of a plan
_SCAN = re.compile(
    r"^ *(?P<kind>\w+)(?:\[[^\]\n]*\])? SCAN \[(?P<first>.*?)(?:, \.\.\. (?P<others>\d+) other sources?)?\]$",
    re.MULTILINE,
)
_COLUMNS = re.compile(r"\n *PROJECT (?:[*\d]{1,12}/)?(\d{1,12}) COLUMNS")
_SINK = re.compile(r"^ *SINK\b", re.MULTILINE)
_IN_MEMORY = re.compile(r"\d{1,20} in-mem bytes")
OPEN_FILE = "open-file"


@dataclass(frozen=True, slots=True)
class Source:
    """A scan of a plan: the first of its files, the number of its files, and that of their columns.

    `kind` is polars' word: `Parquet`, `Csv`, ..., `PythonDataset` (Delta, Iceberg) or `PYTHON`.
    """

    kind: str
    first: str
    files: int = 1
    width: int | None = None

    @property
    def is_python(self) -> bool:
        """True for a source that Python code reads, whose name the plan does not show."""
        return self.kind.upper().startswith("PYTHON")


@dataclass(frozen=True, slots=True)
class Origin:
    """A column of a source (by its number) that goes into a column of the result."""

    source: int
    column: str
    transformation: Transformation


@dataclass(frozen=True, slots=True)
class Plan:
    """The sources of a plan in their order. `has_sink`: it writes its result itself."""

    text: str = field(repr=False)
    sources: tuple[Source, ...]
    has_sink: bool


def read_plan(text: str) -> Plan:
    """The plan of a text."""
    found = (_source(match) for match in _SCAN.finditer(text))
    return Plan(text, tuple(found), _SINK.search(text) is not None)


def _source(match: re.Match[str]) -> Source:
    width = _COLUMNS.match(match.string, match.end())
    return Source(match["kind"], match["first"], 1 + int(match["others"] or 0), int(width[1]) if width else None)


def is_in_memory(source: Source) -> bool:
    """Return whether a source is bytes of the program, and no file."""
    return _IN_MEMORY.fullmatch(source.first) is not None


Found = frozenset[Origin] | None
"""The origins of a column; None if they are not known."""


@dataclass(frozen=True)
class _Relation:
    """Rows in the middle of a plan."""

    def has(self, name: str) -> bool | None:
        """Return whether the rows have a column; None if that is not known."""
        raise NotImplementedError

    def lookup(self, name: str) -> Found:
        """The origins of a column that the rows have."""
        raise NotImplementedError

    def names(self) -> frozenset[str] | None:
        """The columns, if all are known."""
        return None


@dataclass(frozen=True)
class Leaf(_Relation):
    """A source by its number, None for a frame in memory, and its columns if they are known."""

    number: int | None
    schema: frozenset[str] | None

    def has(self, name: str) -> bool | None:
        return None if self.schema is None else name in self.schema

    def names(self) -> frozenset[str] | None:
        return self.schema

    def lookup(self, name: str) -> Found:
        if self.number is None or self.has(name) is False:
            return frozenset()
        return frozenset({Origin(self.number, name, "IDENTITY")})


def origins(plan: Plan, names: Sequence[str], leaves: Sequence[Leaf]) -> dict[str, tuple[Origin, ...]] | None:
    """For each column of the result, the columns of sources that go into it. A column of unknown origin has none.

    `leaves` are the sources of the plan in its order. None: the plan is not understood, or too large.
    """
    if len(plan.text) > _LONGEST:
        return None
    try:
        reader = _Reader(plan.text.split("\n"), leaves)
        relation = reader.node()
        if len(names) * max(reader.nodes, 1) > _MOST_STEPS:
            return None
        return {name: tuple(sorted(relation.lookup(name) or (), key=_order)) for name in names}
    except (NotUnderstood, RecursionError):
        return None


def _order(origin: Origin) -> tuple[int, str]:
    return origin.source, origin.column


@dataclass(frozen=True)
class _Computed(_Relation):
    """Columns that are computed from a relation. `keeps`: those of the relation stay."""

    below: _Relation
    outputs: dict[str, Output]
    keeps: bool
    aggregates: frozenset[str] = frozenset()

    def has(self, name: str) -> bool | None:
        return True if name in self.outputs else self.below.has(name) if self.keeps else False

    def names(self) -> frozenset[str] | None:
        below = self.below.names() if self.keeps else frozenset[str]()
        return None if below is None else below | self.outputs.keys()

    def lookup(self, name: str) -> Found:
        output = self.outputs.get(name)
        if output is None:
            return self.below.lookup(name) if self.keeps else None
        found: set[Origin] = set()
        for column in output.columns:
            below = self.below.lookup(column)
            if below is None:
                return None
            found.update(_through(below, output, name in self.aggregates))
        return frozenset(found)


def _through(origins: Iterable[Origin], output: Output, aggregates: bool) -> Iterator[Origin]:
    for origin in origins:
        if aggregates:
            yield Origin(origin.source, origin.column, "AGGREGATION")
        elif output.is_column or origin.transformation == "AGGREGATION":
            yield origin
        else:
            yield Origin(origin.source, origin.column, "TRANSFORMATION")


@dataclass(frozen=True)
class _Union(_Relation):
    parts: tuple[_Relation, ...]

    def has(self, name: str) -> bool | None:
        return self.parts[0].has(name)

    def names(self) -> frozenset[str] | None:
        return self.parts[0].names()

    def lookup(self, name: str) -> Found:
        found = [part.lookup(name) for part in self.parts]
        return None if None in found else frozenset[Origin]().union(*(one for one in found if one))


@dataclass(frozen=True)
class _Join(_Relation):
    """Columns of the left side, and those of the right side that the left one does not have."""

    left: _Relation
    right: _Relation

    def has(self, name: str) -> bool | None:
        left, right = self.left.has(name), self.right.has(name)
        return True if left or right else None if left is None or right is None or name.endswith("_right") else False

    def lookup(self, name: str) -> Found:
        left, right = self.left.has(name), self.right.has(name)
        if left:
            return self.left.lookup(name)
        if left is None:
            return self.left.lookup(name) if right is False and self._is_no_suffixed_name(name) else None
        if right is not False:
            return self.right.lookup(name)
        bare = name.removesuffix("_right")
        return self.right.lookup(bare) if bare != name and self.right.has(bare) else None

    def _is_no_suffixed_name(self, name: str) -> bool:
        """Return whether a name cannot be one of the right side's with a suffix, which the text does not show."""
        names = self.right.names()
        return names is not None and not any(name.startswith(one) for one in names)


class _Reader:
    """The lines of a text, from the top of the plan down."""

    def __init__(self, lines: Sequence[str], leaves: Sequence[Leaf]) -> None:
        self._lines = lines
        self._at = 0
        self._leaves = iter(leaves)
        self.nodes = 0

    def _next(self) -> str:
        if self._at >= len(self._lines):
            raise NotUnderstood
        self._at += 1
        return self._lines[self._at - 1].strip()

    def node(self) -> _Relation:
        line = self._next()
        self.nodes += 1
        for pattern, read in _NODES:
            if pattern.match(line):
                return read(self, line)
        raise NotUnderstood

    def expect(self, word: str) -> None:
        if not self._next().startswith(word):
            raise NotUnderstood

    def line(self) -> str:
        return self._next()

    def leaf(self, frame: Leaf | None = None) -> _Relation:
        """A frame in memory, or the next source, without the lines about it: they are as far to the right."""
        indent = _indent(self._lines[self._at - 1])
        while self._at < len(self._lines) and _indent(self._lines[self._at]) >= indent and self._lines[self._at]:
            self._at += 1
        one = frame or next(self._leaves, None)
        if one is None:
            raise NotUnderstood
        return one

    def parts(self, end: str) -> tuple[_Relation, ...]:
        """The children `PLAN 0:`, `PLAN 1:` and so on."""
        found: list[_Relation] = []
        while self._at < len(self._lines) and re.match(r" {0,250}PLAN \d+:$", self._lines[self._at]):
            self._at += 1
            part = self.node()
            if not (isinstance(part, Leaf) and found and found[-1] == part):  # files of one directory
                found.append(part)
        self.expect(end)
        return tuple(found)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _scan(reader: _Reader, _: str) -> _Relation:
    return reader.leaf()


_FRAME = re.compile(r'DF \["(.*)"\]; PROJECT (?:[*\d]{1,12}/)?(\d{1,12}) COLUMNS$')


def _frame(reader: _Reader, line: str) -> _Relation:
    shown = _FRAME.match(line)
    names = shown[1].split('", "') if shown else []
    is_complete = shown is not None and len(names) == int(shown[2])
    return reader.leaf(Leaf(None, frozenset(names) if is_complete else None))


def _select(reader: _Reader, line: str) -> _Relation:
    computed = outputs(line.partition(" ")[2])
    return _Computed(reader.node(), computed, keeps=False)


def _with_columns(reader: _Reader, _: str) -> _Relation:
    computed = outputs(reader.line())
    return _Computed(reader.node(), computed, keeps=True)


def _filter(reader: _Reader, _: str) -> _Relation:
    reader.expect("FROM")
    return reader.node()


def _aggregate(reader: _Reader, _: str) -> _Relation:
    aggregates, by, keys = reader.line().rpartition(" BY ")
    if not by:
        raise NotUnderstood
    reader.expect("FROM")
    computed = outputs(aggregates)
    # The column of `group_by_dynamic` and `rolling` is not shown: it is the only other one.
    return _Computed(reader.node(), {**outputs(keys), **computed}, keeps=True, aggregates=frozenset(computed))


def _same(reader: _Reader, _: str) -> _Relation:
    return reader.node()


def _row_index(reader: _Reader, line: str) -> _Relation:
    name = line.removeprefix("ROW INDEX name: ").rpartition(", offset:")[0]
    return _Computed(reader.node(), {name: Output((), is_column=False)}, keeps=True)


def _union(reader: _Reader, _: str) -> _Relation:
    parts = reader.parts("END UNION")
    if not parts:
        raise NotUnderstood
    return _Union(parts)


def _join(reader: _Reader, line: str) -> _Relation:
    kind = line.removesuffix("JOIN:").strip()
    reader.expect("LEFT PLAN")
    left = reader.node()
    reader.expect("RIGHT PLAN")
    right = reader.node()
    reader.expect("END ")
    if kind in ("SEMI", "ANTI"):
        return left
    if kind in ("RIGHT", "FULL"):  # which side a key comes from, and which side gets the suffix, is not shown
        raise NotUnderstood
    return _Join(left, right)


_NODES: tuple[tuple[re.Pattern[str], Callable[[_Reader, str], _Relation]], ...] = tuple(
    (re.compile(pattern), read)
    for pattern, read in (
        (r"\w{1,40}(?:\[[^\]]{0,80}\])? SCAN \[", _scan),
        (r"DF \[", _frame),
        (r"SELECT \[", _select),
        (r"WITH_COLUMNS:$", _with_columns),
        (r"FILTER ", _filter),
        (r"AGGREGATE\[", _aggregate),
        (r"SORT BY |SLICE\[|UNIQUE\[|CACHE\[|EXPLODE |simple π |SINK \(", _same),
        (r"ROW INDEX name: ", _row_index),
        (r"UNION\b", _union),
        (r"\w{1,40} JOIN:$", _join),
    )
)
