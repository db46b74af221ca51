"""What a table, a subquery or a CTE offers to the query around it: named columns, and where each comes from.

- An **origin** is a column of a table and the way from it: `(base, column, transformation)`.
- The **lineage** of an output is all of its origins.
- A **relation** is a list of outputs. An output named `*` stands for columns that nobody could list: those of a table
  whose
  schema is unknown (its origins are `*` then, or `s.*` for the fields of a struct), or of a function (it has none).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from prefect_lineage_events.sql.columns.transformations import COMPOSED
from prefect_lineage_events.sql.model import TableRef, Transformation

if TYPE_CHECKING:
    from prefect_lineage_events.sql.columns.rows import Row

IDENTITY: Transformation = "IDENTITY"


class Base:
    """A table as an origin: one per table and statement, so that comparing two is comparing identities."""

    __slots__ = ("_by_lower", "columns", "ref")

    def __init__(self, ref: TableRef, columns: Mapping[str, object] | None) -> None:
        self.ref = ref
        self.columns = columns
        self._by_lower: dict[str, str] | None = None

    def own(self, name: str, lower: str) -> str | None:
        """The column's name as the schema spells it; None when the schema has none like it."""
        columns = self.columns
        if columns is None:
            return None
        if name in columns:
            return name
        if self._by_lower is None:
            self._by_lower = {c.lower(): c for c in columns}
        return self._by_lower.get(lower)


Origin = tuple[Base, str, Transformation]
Lineage = tuple[Origin, ...]

# Where the values of binds come from: the program, which is no table.
PROGRAM = Base(TableRef(kind="other", path="?"), None)


class Output(NamedTuple):
    """One column of a relation. Where nobody can tell its name, that is "", and `label` is our word for it.

    `row` are its fields, where its value is known to be a struct (or an array of such).
    """

    name: str
    lineage: Lineage
    label: str = ""
    row: Row | None = None


class Relation:
    """Outputs in order.

    `hidden` names (in lower case) are not behind its `*`. `filler` is the lineage of every name that it does not list.
    `value` is the lineage of its own name where that is used like a column: a function's rows are values (PostgreSQL:
    `FROM jsonb_array_elements(d.body) AS item`).
    """

    __slots__ = ("_index", "_rows", "filler", "hidden", "outputs", "rest", "value")

    def __init__(
        self,
        outputs: Sequence[Output],
        hidden: frozenset[str] = frozenset(),
        filler: Lineage | None = None,
        value: Lineage | None = None,
    ) -> None:
        self.outputs = outputs
        self.hidden = hidden
        self.filler = filler
        self.value = filler if value is None else value
        self.rest: tuple[Lineage, ...] = tuple(o.lineage for o in outputs if o.name == "*" and o.lineage)
        self._index: dict[str, Lineage] | None = None
        self._rows: dict[str, Row] | None = None

    @property
    def closed(self) -> bool:
        """Are all of its columns known?"""
        return self.filler is None and not any(o.name == "*" for o in self.outputs)

    def find(self, name: str, lower: str) -> Lineage | None:
        """The lineage of a column it lists."""
        index = self._index
        if index is None:
            index = self._index = self._indexed()
        found = index.get(name)
        return index.get(lower) if found is None else found

    def row(self, name: str, lower: str) -> Row | None:
        """The fields of a column it lists, where they are known."""
        rows = self._rows
        if rows is None:
            rows = self._rows = {}
            for output in self.outputs:
                if output.row is not None:
                    rows.setdefault(output.name or output.label, output.row)
                    rows.setdefault((output.name or output.label).lower(), output.row)
        return (rows.get(name) or rows.get(lower)) if rows else None

    def _indexed(self) -> dict[str, Lineage]:
        """Lineages by name; a name in lower case finds any spelling that has no column of its own."""
        index: dict[str, Lineage] = {}
        named = [(o.name or o.label, o.lineage) for o in self.outputs if o.name != "*"]
        for name, lineage in named:
            index.setdefault(name, lineage)
        for name, lineage in named:
            index.setdefault(name.lower(), lineage)
        return index

    def guess(self, name: str, lower: str) -> Lineage | None:
        """The lineage of a column it does not list, if there is just one place it can come from."""
        if self.filler is None and len(self.rest) == 1 and lower not in self.hidden:
            return tuple((base, column[:-1] + name, how) for base, column, how in self.rest[0])
        return self.filler

    def renamed(self, names: Sequence[str]) -> Relation:
        """The same columns under other names, by position; behind a `*` no position is known."""
        outputs = list(self.outputs)
        star = next((i for i, o in enumerate(outputs) if o.name == "*"), len(outputs))
        head = [
            outputs[i]._replace(name=name, label="") if i < star else Output(name, self.filler or ())
            for i, name in enumerate(names)
        ]
        return Relation(head + outputs[min(len(names), star) :], self.hidden, self.filler, self.value)


class TableRelation(Relation):
    """A table. Its outputs are listed only when somebody asks for all of them: most tables are wider than their use."""

    __slots__ = ("_listed", "base")

    def __init__(self, base: Base) -> None:
        self.base = base
        self.hidden = frozenset()
        self.filler = self.value = None
        self.rest = () if base.columns is not None else (((base, "*", IDENTITY),),)
        self._listed: list[Output] | None = None

    @property
    def outputs(self) -> list[Output]:  # type: ignore[override]
        if self._listed is None:
            columns = self.base.columns
            names: Iterable[str] = ("*",) if columns is None else columns
            self._listed = [Output(name, ((self.base, name, IDENTITY),)) for name in names]
        return self._listed

    @property
    def closed(self) -> bool:
        return self.base.columns is not None

    def find(self, name: str, lower: str) -> Lineage | None:
        own = self.base.own(name, lower)
        return None if own is None else ((self.base, own, IDENTITY),)

    def row(self, name: str, lower: str) -> Row | None:
        return None


NOTHING = Relation([])


def changed(lineages: Iterable[Lineage], how: Transformation) -> Lineage:
    """Several lineages as one, each origin seen through the transformation `how`."""
    table = COMPOSED[how]
    found = {(base, column, table[inner]): None for lineage in lineages for base, column, inner in lineage}
    return tuple(found)
