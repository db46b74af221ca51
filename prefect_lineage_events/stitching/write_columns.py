"""Columns of a write: those of its target, and those that take values of the program."""

from __future__ import annotations

from prefect_lineage_events.events import STAR
from prefect_lineage_events.stitching.columns import Schemas
from prefect_lineage_events.stitching.lifetimes import ResolvedStep


class WriteColumns:
    """The columns of writes, by the statements and by the schemas of the run."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas

    def target(self, resolved: ResolvedStep) -> list[str]:
        """All columns that the write fills, in order; for a read, those of its result."""
        step = resolved.step
        if resolved.target is None:
            return [c.name for c in step.result_columns if c.name != STAR]
        named = [c.name for c in step.output.columns] if step.output else []
        return named or self._schemas.names(resolved.target)

    def bound(self, resolved: ResolvedStep) -> list[str]:
        """The columns of the target that take values of the program; all columns if none are named."""
        bound = resolved.step.bound
        if bound is None:
            constant = {column.casefold() for column in resolved.step.constant}
            return [name for name in self.target(resolved) if name.casefold() not in constant]
        return [name for column in bound if column != STAR and (name := self._named(resolved, column))]

    def identifying(self, resolved: ResolvedStep) -> list[str]:
        """The columns that identify the rows of a write: those that take its values, or select the rows it changes."""
        if resolved.target is None:
            return self.target(resolved)
        if resolved.step.values_stand_in_text:
            return [name for column in resolved.step.constant if (name := self._named(resolved, column))]
        names = self.bound(resolved)
        if names or resolved.step.bound is None or resolved.step.output is None:
            return list(dict.fromkeys(column for name in names for column in self.of_program(resolved, name)))
        own = resolved.step.output.uri
        return [edge.source_column for edge in resolved.step.columns if edge.source == own and edge.column == STAR]

    def of_program(self, resolved: ResolvedStep, name: str) -> list[str]:
        """The columns of the program's own rows that go into a column of the target; there may be several."""
        pairs = resolved.step.program_columns
        key = name.casefold()
        own = [own for column, own in pairs if (self._named(resolved, column) or column).casefold() == key]
        return own or [name]

    def _named(self, resolved: ResolvedStep, column: str) -> str | None:
        """A column's name; for `_2` that of the target's second column, None if it is not known."""
        number = column.removeprefix("_")
        if column.startswith("_") and number.isdigit():
            known = self._schemas.names(resolved.target) if resolved.target else []
            if column not in known:
                return known[int(number) - 1] if 0 < int(number) <= len(known) else None
        return column
