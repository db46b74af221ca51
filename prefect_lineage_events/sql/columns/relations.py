"""Relations of tables, subqueries and CTEs: named columns, and the origins of each.

- An **origin** is a column of a table with the transformation of its value: `(base, column, transformation)`.
- The **lineage** of an output is all of its origins.
- A **relation** is a list of outputs. An output named `*` stands for columns that cannot be listed: those of a table
  whose schema is unknown (its origins are `*` then, or `s.*` for the fields of a struct), or of a
  function (it has none).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from prefect_lineage_events.sql.columns.transformations import COMPOSED
from prefect_lineage_events.sql.model import TableRef, Transformation

IDENTITY: Transformation = "IDENTITY"
# Behind the column of an origin, a path into its value; `json_paths` has the rules.
PATH_MARK = "\x1f"
PATH_OPEN = "\x1e"


class Base:
    """A table as an origin: one per table and statement, so that comparing two is comparing identities."""

    __slots__ = ("_by_lower", "columns", "ref")

    def __init__(self, ref: TableRef, columns: Mapping[str, object] | None) -> None:
        self.ref = ref
        self.columns = columns
        self._by_lower: dict[str, str] | None = None

    def own(self, name: str, lower: str) -> str | None:
        """The column's name in the schema's spelling; None if the schema has no such column."""
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

# The origin of the values of binds: the program, which is no table.
PROGRAM = Base(TableRef(kind="other", path="?"), None)


class Output(NamedTuple):
    """One column of a relation. If the name is not certain, it is "", and `label` is our name for it.

    `row` are its fields, where its value is known to be a struct (or an array of such).
    """

    name: str
    lineage: Lineage
    label: str = ""
    row: Row | None = None


class Relation:
    """Outputs in order.

    `hidden` names (in lower case) are not included in its `*`. `filler` is the lineage of every name that it does not
    list. `value` is the lineage of its own name, if that is used like a column: a function's rows are values
    (PostgreSQL: `FROM jsonb_array_elements(d.body) AS item`).
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
        """True if all of its columns are known."""
        return self.filler is None and not any(o.name == "*" for o in self.outputs)

    def find(self, name: str, lower: str) -> Lineage | None:
        """The lineage of a column it lists."""
        index = self._index
        if index is None:
            index = self._index = self._indexed()
        found = index.get(name)
        return index.get(lower) if found is None else found

    def row(self, name: str, lower: str) -> Row | None:
        """The fields of a column that it lists, if they are known."""
        rows = self._rows
        if rows is None:
            rows = self._rows = {}
            for output in self.outputs:
                if output.row is not None:
                    rows.setdefault(output.name or output.label, output.row)
                    rows.setdefault((output.name or output.label).lower(), output.row)
        return (rows.get(name) or rows.get(lower)) if rows else None

    def _indexed(self) -> dict[str, Lineage]:
        """Lineages by name; a lower-case name also finds a column of another spelling."""
        index: dict[str, Lineage] = {}
        named = [(o.name or o.label, o.lineage) for o in self.outputs if o.name != "*"]
        for name, lineage in named:
            index.setdefault(name, lineage)
        for name, lineage in named:
            index.setdefault(name.lower(), lineage)
        return index

    def guess(self, name: str, lower: str) -> Lineage | None:
        """The lineage of a column that it does not list, if it can come from one source only."""
        if self.filler is None and len(self.rest) == 1 and lower not in self.hidden:
            return tuple((base, column[:-1] + name, how) for base, column, how in self.rest[0])
        return self.filler

    def renamed(self, names: Sequence[str]) -> Relation:
        """The same columns under other names, by position; after a `*` no position is known."""
        outputs = list(self.outputs)
        star = next((i for i, o in enumerate(outputs) if o.name == "*"), len(outputs))
        head = [
            outputs[i]._replace(name=name, label="") if i < star else Output(name, self.filler or ())
            for i, name in enumerate(names)
        ]
        return Relation(head + outputs[min(len(names), star) :], self.hidden, self.filler, self.value)


class TableRelation(Relation):
    """Relation of a table. Its outputs are listed only on demand: most statements use few columns of a table."""

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


def closed_path(column: str) -> str:
    """The column of an origin whose value is changed: a further step does not go into the part that it reads."""
    return column[:-1] if column.endswith(PATH_OPEN) else column


def is_open(lineage: Lineage) -> bool:
    """Return whether a further step goes into the parts that the origins read."""
    return any(column.endswith(PATH_OPEN) for _, column, _ in lineage)


def column_and_path(column: str) -> tuple[str, str]:
    """The column of an origin, and the path into its value; "" for all of it, and for elements of an array alone."""
    name, _, path = column.partition(PATH_MARK)
    names_part = any(letter.isalpha() for letter in path)
    return name, path.replace(PATH_OPEN, "") if names_part else ""


def fields_of(lineage: Lineage, tail: str) -> Lineage:
    """The lineage with fields (`.a.b`) of a value: a part of the column's name while the value itself is unchanged."""
    return tuple(
        (base, column + tail if how == IDENTITY else f"{column[:-1]}{tail}{PATH_OPEN}", how)
        if how == IDENTITY or column.endswith(PATH_OPEN)
        else (base, column, how)
        for base, column, how in lineage
    )


def changed(lineages: Iterable[Lineage], how: Transformation) -> Lineage:
    """Several lineages as one, each origin with the transformation `how`."""
    table = COMPOSED[how]
    ends = closed_path if how != IDENTITY else str
    found = {(base, ends(column), table[inner]): None for lineage in lineages for base, column, inner in lineage}
    return tuple(found)


Step = str | int  # a field by its name, or by its position (from 0): of an array, one of its elements
UNKNOWN = -1  # a step that is not known: some element, or a key that a column holds
EACH = -2  # each element of an array, of which a function makes a row
ALL = -3  # all elements of an array, of which `[*]` makes another one


class Row:
    """`fields` of a struct, or of the structs in so many `arrays` around it.

    `how` is the transformation of the fields' values, `decides` the lineage that chose this row of several. With
    `ordered` the row was chosen by comparing its fields in order (MAX): a field's value depends on those before it.
    """

    __slots__ = ("arrays", "decides", "fields", "how", "ordered")

    def __init__(
        self,
        fields: Relation,
        arrays: int = 0,
        how: Transformation = IDENTITY,
        decides: Lineage = (),
        ordered: bool = False,
    ) -> None:
        self.fields = fields
        self.arrays = arrays
        self.how = how
        self.decides = decides
        self.ordered = ordered

    def through(
        self, how: Transformation, decides: Lineage = (), *, arrays: int = 0, ordered: bool = False
    ) -> Row | None:
        """The same row after one more step, `arrays` more (or fewer) arrays around it."""
        if self.arrays + arrays < 0:
            return None
        becomes, all_decide = COMPOSED[how][self.how], (*self.decides, *decides)
        return Row(self.fields, self.arrays + arrays, becomes, all_decide, self.ordered or ordered)

    def field(self, step: Step) -> Output | None:
        """The field after one step; None if it is not known."""
        if isinstance(step, int):
            known = self.fields.outputs[: step + 1] if step >= 0 else ()
            return self._made(step, known[step]) if len(known) > step >= 0 and _closed(known) else None
        lower = step.lower()
        lineage = self.fields.find(step, lower)
        if lineage is None:
            guessed = self.fields.guess(step, lower)
            return None if guessed is None else Output(step, self._transformed(guessed))
        names = [(o.name or o.label) for o in self.fields.outputs]
        at = names.index(step) if step in names else [n.lower() for n in names].index(lower)
        return self._made(at, self.fields.outputs[at])

    def at(self, path: Sequence[Step]) -> Output | None:
        """The value at the end of a path of fields and elements."""
        row: Row | None = self
        found: Output | None = None
        for position, step in enumerate(path):
            if row is None:
                return found if isinstance(step, int) else _path(found, path[position:])
            if isinstance(step, int) and row.arrays:
                row = row.through(IDENTITY, arrays=-1)
                found = None if row is None else Output("", row.everything(), row=row)
                continue
            found = row.field(step)
            if found is None:
                return None
            row = found.row
        return found

    def everything(self) -> Lineage:
        """The lineage of the row as one value."""
        return changed([o.lineage for o in self.outputs() if o.name != "*"], "TRANSFORMATION")

    def outputs(self) -> list[Output]:
        """All fields, as the columns of `row.*`."""
        return [self._made(at, output) for at, output in enumerate(self.fields.outputs)]

    def _made(self, at: int, output: Output) -> Output:
        before = [o.lineage for o in self.fields.outputs[:at] if o.name != "*"] if self.ordered else []
        inner = output.row.through(self.how, self.decides) if output.row is not None else None
        return output._replace(lineage=self._transformed(output.lineage, before), row=inner)

    def _transformed(self, lineage: Lineage, before: Sequence[Lineage] = ()) -> Lineage:
        chosen_by = (*changed(before, "SORT"), *self.decides) if before else self.decides
        return tuple(dict.fromkeys((*changed([lineage], self.how), *chosen_by)))


def _closed(outputs: Sequence[Output]) -> bool:
    return not any(o.name == "*" for o in outputs)


def _path(output: Output | None, path: Sequence[Step]) -> Output | None:
    """A path into a column that is itself a struct with unknown fields."""
    if output is None:
        return None
    names = [step for step in path if isinstance(step, str)]
    tail = "".join(f".{name}" for name in names)
    return Output(names[-1] if names else output.name, fields_of(output.lineage, tail) if tail else output.lineage)
