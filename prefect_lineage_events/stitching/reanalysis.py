"""Reanalysis of stored statements by the current analyser: for a backfill with a better parser.

The first analysis still gives what the text does not have: the connection and its store, the state of the session
(variables, the result of an earlier query, temporary tables), and the datasets that a rule leaves out.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from prefect_lineage_events.datasets import location
from prefect_lineage_events.events import STAR, Column, EventColumnEdge, EventDataset, StatementInfo
from prefect_lineage_events.naming import holds_tables, join_name, split_name
from prefect_lineage_events.sql import Statement, TableRef, analyze
from prefect_lineage_events.stitching.column_resolution import CONFIDENCE, column_edges, dataset_named
from prefect_lineage_events.stitching.model import Reanalysis
from prefect_lineage_events.stitching.steps import Step
from prefect_lineage_events.stores import table_at

# The end of a text that was cut when it was emitted.
_CUT = "…"
# Returns whether a dataset of this URI may be shown, by the rules of `filters`.
MayShow = Callable[[str], bool]


def reanalyse_steps(steps: Sequence[Step], may_show: MayShow) -> tuple[list[Step], Reanalysis]:
    """The steps by the current analysis of their texts, in the same order, and the counts of statements.

    A statement keeps its first analysis if its text was cut or not stored, or if the current analysis is no better.
    """
    by_statement: dict[object, list[Step]] = defaultdict(list)
    for step in steps:
        by_statement[step.info.id].append(step)
    locations = _Locations(steps)
    result: list[Step] = []
    counts = Reanalysis()
    for group in by_statement.values():
        reanalysed, of_group = _reanalyse(group, locations, may_show)
        result += reanalysed
        counts = counts + of_group
    return result, counts


def _reanalyse(group: list[Step], locations: _Locations, may_show: MayShow) -> tuple[list[Step], Reanalysis]:
    info = group[0].info
    if group[0].evidence != "sql":
        return group, Reanalysis()
    if not info.sql:
        return group, Reanalysis(textless=1)
    if info.sql.endswith(_CUT):
        return group, Reanalysis(cut=1)
    reanalysed = _understood(group, info.sql, locations, may_show)
    if reanalysed is None or _signature(reanalysed) == _signature(group):
        return group, Reanalysis(again=1)
    return reanalysed, Reanalysis(again=1, changed=1)


def _understood(group: list[Step], text: str, locations: _Locations, may_show: MayShow) -> list[Step] | None:
    """The statement's steps by its text; None if the first analysis is as good, or if a new table has no known name."""
    info = group[0].info
    found = analyze(text, dialect=info.dialect, database=info.database, schema=info.schema_name)
    if len(found) != 1 or CONFIDENCE[found[0].confidence] > CONFIDENCE[info.confidence]:
        return None
    statement = found[0]
    names = _Names(group, text, locations)
    inputs, outputs = names.all(statement.inputs, names.read), names.all(statement.outputs, names.written)
    if inputs is None or outputs is None:
        return None
    inputs, outputs = ([d for d in some if may_show(d.uri)] for some in (inputs, outputs))
    analysed = info.model_copy(
        update={
            **statement.facts,
            **{flag: True for flag in statement.facts if getattr(info, flag) is True},
            "renames": names.renames(statement) or info.renames,
        }
    )
    targets: list[EventDataset | None] = [*outputs] or [None]
    return [_step(group, statement, analysed, inputs, target) for target in targets]


def _step(
    group: list[Step],
    statement: Statement,
    info: StatementInfo,
    inputs: list[EventDataset],
    output: EventDataset | None,
) -> Step:
    before = next((s for s in group if s.output and output and s.output.uri == output.uri), group[0])
    operation = statement.kind if output or statement.kind in ("read", "misc") else "misc"
    if output and not output.columns:
        output = output.model_copy(update={"columns": _declared(statement, output)})
    tables = {d.uri: d for d in (*inputs, *([output] if output else []))}
    columns = column_edges(statement, output, tables.values())
    return replace(
        before,
        info=info,
        operation=operation,
        output=output,
        inputs=tuple(inputs),
        columns=_better(before, columns, tables),
        result_columns=before.result_columns or tuple(Column(name=name) for name in statement.result_columns),
    )


def _better(
    before: Step, columns: tuple[EventColumnEdge, ...], tables: Mapping[str, EventDataset]
) -> tuple[EventColumnEdge, ...]:
    """The column edges; those of the first analysis if the text alone gives `*`, and for tables not in the text."""
    of_these = tuple(edge for edge in before.columns if edge.source in tables)
    if _has_star(columns) and of_these and not _has_star(of_these):
        return of_these
    sources = {edge.source for edge in columns}
    return (*columns, *(edge for edge in of_these if edge.source not in sources))


def _has_star(columns: Iterable[EventColumnEdge]) -> bool:
    return any(edge.column == STAR == edge.source_column for edge in columns)


def _declared(statement: Statement, output: EventDataset) -> tuple[Column, ...]:
    table = next((t for t in statement.outputs if dataset_named(t, [output])), None)
    declared = statement.declared.get(table.name, {}) if table else {}
    return tuple(Column(name=name, type=type_ or None) for name, type_ in declared.items())


def _signature(steps: Iterable[Step]) -> object:
    """The parts of steps that determine the lineage, sorted."""
    return sorted(
        (
            step.operation,
            step.effect or "",
            step.output.uri if step.output else "",
            sorted(d.uri for d in step.inputs),
            sorted((e.source, e.source_column, e.column, e.transformation, e.path) for e in step.columns),
            step.info.confidence,
        )
        for step in steps
    )


class _Names:
    """The datasets of the tables in a text: those of the first analysis, and new ones beside them."""

    def __init__(self, group: Sequence[Step], text: str, locations: _Locations) -> None:
        self.read = list({d.uri: d for step in group for d in step.inputs}.values())
        self.written = list({d.uri: d for step in group if (d := step.output)}.values())
        self._info = group[0].info
        self._text = text.casefold()
        self._locations = locations

    def all(self, tables: Iterable[TableRef], before: Sequence[EventDataset]) -> list[EventDataset] | None:
        """The datasets of these tables, and those of `before` that the text does not name; None if one has no name."""
        found: dict[str, EventDataset] = {}
        for table in tables:
            dataset = self._dataset(table)
            if dataset is None:
                return None
            found[dataset.uri] = dataset
        # A dataset named in the text was an alias taken for a table; one not named is a table of the session.
        found |= {d.uri: d for d in before if d.uri not in found and not self._in_text(d)}
        return list(found.values())

    def renames(self, statement: Statement) -> tuple[tuple[str, str], ...]:
        pairs = [(self._dataset(old), self._dataset(new)) for old, new in statement.renames]
        return tuple((old.uri, new.uri) for old, new in pairs if old and new)

    def _dataset(self, table: TableRef) -> EventDataset | None:
        return dataset_named(table, [*self.read, *self.written]) or self._locations.dataset(
            table, self._info, [*self.read, *self.written]
        )

    def _in_text(self, dataset: EventDataset) -> bool:
        last = re.split(r"[./@]", dataset.name)[-1].strip('"').casefold()
        return last in self._text


@dataclass(frozen=True, slots=True)
class _Location:
    """The location of tables of a connection: their namespace, and the beginning of a full name."""

    namespace: str
    head: tuple[str, ...]

    def dataset(self, table: TableRef) -> EventDataset | None:
        depth = len(self.head) + 1
        if len(table.parts) > depth:  # in an attached database, which is only in the state of the session
            return None
        name = join_name([*self.head[: depth - len(table.parts)], *table.parts])
        if table.kind == "stage":
            return EventDataset(namespace=self.namespace, name=f"@{name}", kind="stage")
        return EventDataset(namespace=self.namespace, name=name, kind=table.kind)


class _Locations:
    """The locations of tables of the connections of the run, by dialect, default database and schema."""

    def __init__(self, steps: Iterable[Step]) -> None:
        self._locations: dict[tuple[str, str | None, str | None], set[_Location]] = defaultdict(set)
        for step in steps:
            info = step.info
            self._locations[info.dialect, info.database, info.schema_name].update(_locations_of(step.datasets))

    def dataset(self, table: TableRef, info: StatementInfo, beside: Iterable[EventDataset]) -> EventDataset | None:
        """The dataset of a table that the first analysis did not have; None if that cannot be known."""
        if table.temporary or (table.kind == "file" and "://" not in table.path):
            return None
        if table.namespace:
            named = table_at(table.namespace, table.parts)
            return EventDataset(namespace=named.namespace, name=named.name, kind=table.kind)
        if table.kind == "file":
            named = location(table.path)
            return EventDataset(namespace=named.namespace, name=named.name, kind="file")
        near = _locations_of(beside) or self._locations[info.dialect, info.database, info.schema_name]
        namespaces = {resolve.namespace for resolve in near}
        if len(namespaces) != 1 or not table.parts:
            return None
        found = {d.uri: d for resolve in near if (d := resolve.dataset(table))}
        return next(iter(found.values())) if len(found) == 1 else None


def _locations_of(datasets: Iterable[EventDataset]) -> set[_Location]:
    return {
        _Location(d.namespace, tuple(split_name(d.name)[:-1]))
        for d in datasets
        if not d.temporary and holds_tables(d.namespace) and not d.name.startswith("@")
    }
