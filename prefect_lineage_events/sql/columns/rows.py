"""A value that is a struct: its fields, and where each comes from.

A whole row of a table (`any_value(t)`), a struct of the text's own (`STRUCT(a AS b)`, `{'b': a}`, a JSON object), and
an array of either are all a `Row`. So a field that is taken out of one is that column alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from prefect_lineage_events.sql.columns.relations import IDENTITY, Lineage, Output, Relation, changed
from prefect_lineage_events.sql.columns.transformations import COMPOSED
from prefect_lineage_events.sql.model import Transformation

Step = str | int  # a field by its name, or by its position (from 0): of an array, one of its elements


class Row:
    """`fields` of a struct, or of the structs in so many `arrays` around it.

    `how` is what became of the fields' values on the way, `decides` what chose this row of several. With `ordered` the
    row was chosen by comparing its fields in order (MAX): a field's value depends on those before it.
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
        """The field that one step leads to; None where nobody can tell."""
        if isinstance(step, int):
            known = self.fields.outputs[: step + 1] if step >= 0 else ()
            return self._made(step, known[step]) if len(known) > step >= 0 and _closed(known) else None
        lower = step.lower()
        lineage = self.fields.find(step, lower)
        if lineage is None:
            guessed = self.fields.guess(step, lower)
            return None if guessed is None else Output(step, self._seen(guessed))
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
        return output._replace(lineage=self._seen(output.lineage, before), row=inner)

    def _seen(self, lineage: Lineage, before: Sequence[Lineage] = ()) -> Lineage:
        chosen_by = (*changed(before, "SORT"), *self.decides) if before else self.decides
        return tuple(dict.fromkeys((*changed([lineage], self.how), *chosen_by)))


def _closed(outputs: Sequence[Output]) -> bool:
    return not any(o.name == "*" for o in outputs)


def _path(output: Output | None, path: Sequence[Step]) -> Output | None:
    """Fields of a column that is itself a struct, of which the text says no more."""
    if output is None:
        return None
    names = [step for step in path if isinstance(step, str)]
    tail = "".join(f".{name}" for name in names)
    lineage = tuple((base, column + tail if how == IDENTITY else column, how) for base, column, how in output.lineage)
    return Output(names[-1] if names else output.name, lineage)
