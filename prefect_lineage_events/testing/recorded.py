"""`recorded_lineage()`: records what a block of code reads and writes, and asserts it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Literal

from prefect.settings import PREFECT_API_URL

from prefect_lineage_events import filters, patches
from prefect_lineage_events.context.run import run_outside
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.emission import worker
from prefect_lineage_events.instrumentation.instrument import instrument, instrumented, uninstrument
from prefect_lineage_events.lineage_values import (
    ColumnEdgeOfRun,
    DatasetOfRun,
    EdgeOfRun,
    RunLineage,
    UnknownSourceOfRun,
)
from prefect_lineage_events.naming import part_of_column
from prefect_lineage_events.settings import Family
from prefect_lineage_events.testing.memory_api import memory_api
from prefect_lineage_events.testing.names import (
    ColumnName,
    DatasetName,
    fitting,
    nearest,
    one_of,
    short_names,
    split_column,
)
from prefect_lineage_events.testing.recording import Recording

_MAX_SHOWN = 50
_NOTHING = "no lineage was recorded (connections that were opened before the recording began are not seen)"


@contextmanager
def recorded_lineage(
    *families: Family, name: str = "test", api: Literal["auto", "memory", "configured"] = "auto"
) -> Iterator[RecordedLineage]:
    """A block of code whose lineage is recorded: that of flows, of tasks and of plain functions outside of runs.

    Nothing leaves the process: the events are stitched in it, as the assembler does. Libraries of these families are
    captured as by `instrument()`, of all families if none is named; afterwards they are as before.

    Args:
        families: `blocks`, `databases`, `files`, `http`, `messages`, `children`.
        name: The name of what runs outside of flows.
        api: Where flows find Prefect's API. `memory`: a stand-in in memory, which needs no server. `configured`: the
            API of the settings, such as that of `prefect_test_harness`. `auto`: the configured one where there is one.

    Processes that the code starts are not recorded. Raises RuntimeError where the settings switch lineage off.
    """
    if not filters.current().enabled:
        raise RuntimeError(
            "lineage is switched off by PREFECT_INTEGRATIONS_LINEAGE_EVENTS_ENABLED: nothing is recorded"
        )
    before = (patches.is_on(), instrumented())
    recording = Recording(name)
    with ExitStack() as stack:
        stack.callback(_restore, *before)
        if api == "memory" or (api == "auto" and not PREFECT_API_URL.value()):
            recording.api = stack.enter_context(memory_api())
        stack.enter_context(recording.task_runs())
        stack.enter_context(worker.replaced_by(recording.worker))
        stack.enter_context(run_outside(recording.own))
        instrument(*families)
        patches.switch_on()
        stack.callback(recording.close)
        yield RecordedLineage(recording.lineage)


def _restore(was_on: bool, families: tuple[Family, ...]) -> None:
    """Capture the libraries again that were captured before, and no others."""
    if patches.is_on() == was_on and instrumented() == families:
        return
    uninstrument()
    if families:
        instrument(*families)
    if was_on:
        patches.switch_on()


class RecordedLineage:
    """The lineage that was recorded so far, with assertions about it.

    Datasets are named by their URI, by a `Dataset`, or by the end of their name where only one fits: `orders`,
    `raw.orders`, `orders.csv`. Columns are `orders.amount`, or a pair of a dataset and a name. A failed assertion is an
    AssertionError that shows what was expected, what there was, and the nearest name.
    """

    def __init__(self, find: Callable[[], tuple[RunLineage, ...]]) -> None:
        self._find = find
        self._asserted: set[Dataset] = set()
        self._asserted_edges: set[tuple[Dataset, Dataset]] = set()
        self._asserted_columns: set[ColumnEdgeOfRun] = set()

    @property
    def runs(self) -> tuple[RunLineage, ...]:
        """The lineage of each flow run that read or wrote something; of code outside of runs, under the test's name."""
        return tuple(run for run in self._find() if run.inputs or run.outputs or not run.complete)

    @property
    def inputs(self) -> tuple[DatasetOfRun, ...]:
        """The datasets that were read."""
        return tuple({use.uri: use for run in self.runs for use in run.inputs}.values())

    @property
    def outputs(self) -> tuple[DatasetOfRun, ...]:
        """The datasets that were written."""
        return tuple({use.uri: use for run in self.runs for use in run.outputs}.values())

    @property
    def edges(self) -> tuple[EdgeOfRun, ...]:
        """The edges between datasets."""
        return tuple({(e.source, e.target): e for run in self.runs for e in run.edges}.values())

    @property
    def column_edges(self) -> tuple[ColumnEdgeOfRun, ...]:
        """The edges between columns."""
        return tuple(dict.fromkeys(edge for run in self.runs for edge in run.column_edges))

    @property
    def unknown_sources(self) -> tuple[UnknownSourceOfRun, ...]:
        """The outputs of which not all sources are known."""
        return tuple(dict.fromkeys(unknown for run in self.runs for unknown in run.unknown_sources))

    def assert_reads(self, *names: DatasetName) -> None:
        """Assert that each of these datasets was read."""
        self._assert_used(names, self.inputs, "read")

    def assert_writes(self, *names: DatasetName) -> None:
        """Assert that each of these datasets was written."""
        self._assert_used(names, self.outputs, "written")

    def assert_edge(self, source: DatasetName, target: DatasetName) -> None:
        """Assert that rows of `source` went into `target`."""
        found = self._edges_between(source, target)
        if not found:
            raise AssertionError(self._without_edge(source, target))
        for edge in found:
            self._asserted_edges.add((edge.source, edge.target))
            self._asserted |= {edge.source, edge.target}

    def assert_no_edge(self, source: DatasetName, target: DatasetName) -> None:
        """Assert that no rows of `source` went into `target`."""
        if self._edges_between(source, target):
            raise AssertionError(f"there is an edge {source} -> {target}\n\n{self}")

    def assert_column_edge(
        self, source: ColumnName, target: ColumnName, *, transformation: str | None = None, inferred: bool | None = None
    ) -> None:
        """Assert that the column `source` went into the column `target`, if need be in this way.

        `transformation` is OpenLineage's word (`IDENTITY`, `AGGREGATION`, ...); `inferred`: by equal names only.
        """
        between = self._column_edges_between(source, target)
        found = [
            edge
            for edge in between
            if transformation in (None, edge.transformation) and inferred in (None, edge.inferred)
        ]
        if not found:
            wanted = ", ".join(filter(None, [transformation, {True: "inferred", False: "exact", None: ""}[inferred]]))
            raise AssertionError(self._without_column_edge(source, target, wanted))
        self._asserted_columns |= set(found)
        for edge in found:
            self._asserted |= {edge.source, edge.target}
            self._asserted_edges.add((edge.source, edge.target))

    def assert_nothing_else(self) -> None:
        """Assert that nothing was read, written or joined beside what was asserted before, and that nothing is missing.

        Edges of columns count for the targets of which some were asserted.
        """
        runs = self.runs
        names = short_names(self._datasets)
        lines = [f"read      {names[u.dataset]}" for u in self.inputs if u.dataset not in self._asserted]
        lines += [f"written   {names[u.dataset]}" for u in self.outputs if u.dataset not in self._asserted]
        lines += [
            f"edge      {names[e.source]} -> {names[e.target]}"
            for e in self.edges
            if (e.source, e.target) not in self._asserted_edges
        ]
        into = {edge.target for edge in self._asserted_columns}
        lines += [
            f"columns   {_column_edge(edge, names)}"
            for edge in self.column_edges
            if edge.target in into and edge not in self._asserted_columns
        ]
        lines += [f"missing   {line}" for run in runs for line in run.missing]
        if lines:
            raise AssertionError("there is more than was asserted\n" + _listed(lines))

    def assert_empty(self) -> None:
        """Assert that nothing was read and nothing written."""
        if self.runs:
            raise AssertionError(f"there is lineage\n\n{self}")

    def __str__(self) -> str:
        names = short_names(self._datasets)
        lines = [f"read      {names[use.dataset]}{_columns(use)}" for use in self.inputs]
        lines += [f"written   {names[use.dataset]}{_columns(use)}" for use in self.outputs]
        lines += [f"edge      {names[edge.source]} -> {names[edge.target]}  ({edge.evidence})" for edge in self.edges]
        lines += [f"columns   {_column_edge(edge, names)}" for edge in self.column_edges]
        lines += [f"unknown   {names[unknown.target]}: {_unknown(unknown)}" for unknown in self.unknown_sources]
        lines += [f"missing   {line}" for run in self.runs for line in run.missing]
        lines += [f"beside    {name}, which is not captured" for run in self.runs for name in run.not_captured]
        return "the recorded lineage:\n" + _listed(lines) if lines else _NOTHING

    __repr__ = __str__

    @property
    def _datasets(self) -> tuple[Dataset, ...]:
        found = {dataset for run in self.runs for dataset in run.datasets}
        return tuple(sorted(found | {unknown.target for unknown in self.unknown_sources}))

    def _assert_used(self, names: tuple[DatasetName, ...], used: tuple[DatasetOfRun, ...], how: str) -> None:
        datasets = [use.dataset for use in used]
        for name in names:
            found = one_of(name, datasets)
            if found is None:
                raise AssertionError(f"{name} was not {how}{self._hint(name)}\n\n{self}")
            self._asserted.add(found)

    def _edges_between(self, source: DatasetName, target: DatasetName) -> list[EdgeOfRun]:
        known = self._datasets
        ends = (one_of(source, known), one_of(target, known))
        return [edge for edge in self.edges if (edge.source, edge.target) == ends]

    def _column_edges_between(self, source: ColumnName, target: ColumnName) -> list[ColumnEdgeOfRun]:
        (source_name, source_column), (target_name, target_column) = split_column(source), split_column(target)
        known = self._datasets
        ends = (one_of(source_name, known), one_of(target_name, known))
        return [
            edge
            for edge in self.column_edges
            if (edge.source, edge.target) == ends
            and edge.source_column.casefold() == source_column.casefold()
            and edge.target_column.casefold() == target_column.casefold()
        ]

    def _without_edge(self, source: DatasetName, target: DatasetName) -> str:
        hints = "".join(self._hint(name) for name in (source, target) if not fitting(name, self._datasets))
        into = [edge for edge in self.edges if edge.target in fitting(target, self._datasets)]
        names = short_names(self._datasets)
        lines = [f"expected  {source} -> {target}"]
        lines += [f"there is  {names[edge.source]} -> {names[edge.target]}" for edge in into]
        if not into and fitting(target, [use.dataset for use in self.outputs]):
            lines.append(f"there is  nothing into {target}")
        return f"no edge {source} -> {target}{hints}\n{_listed(lines)}\n\n{self}"

    def _without_column_edge(self, source: ColumnName, target: ColumnName, wanted: str) -> str:
        target_name, target_column = split_column(target)
        targets = fitting(target_name, self._datasets)
        names = short_names(self._datasets)
        into = [
            edge
            for edge in self.column_edges
            if edge.target in targets and edge.target_column.casefold() == target_column.casefold()
        ]
        missing = [name for name in (split_column(source)[0], target_name) if not fitting(name, self._datasets)]
        hints = "".join(map(self._hint, missing))
        shown = f"{_shown(source)} -> {_shown(target)}" + (f" ({wanted})" if wanted else "")
        lines = [f"expected  {shown}"]
        lines += [f"there is  {_column_edge(edge, names)}" for edge in into]
        lines += [] if into else [f"there is  no column that goes into {_shown(target)}"]
        return f"no column edge {shown}{hints}\n{_listed(lines)}\n\n{self}"

    def _hint(self, name: DatasetName) -> str:
        """The nearest dataset of a name that fits none."""
        known = self._datasets
        near = nearest(name, known)
        if near is None:
            return f"\n  {name}: no dataset has a name like it"
        return f"\n  {name}: is {short_names(known)[near]} meant?" if near not in fitting(name, known) else ""


def _shown(column: ColumnName) -> str:
    return column if isinstance(column, str) else f"{column[0]}.{column[1]}"


def _column_edge(edge: ColumnEdgeOfRun, names: dict[Dataset, str]) -> str:
    inferred = ", inferred" if edge.inferred else ""
    source = part_of_column(edge.source_column, edge.path)
    return (
        f"{names[edge.source]}.{source} -> {names[edge.target]}.{edge.target_column}  ({edge.transformation}{inferred})"
    )


def _columns(use: DatasetOfRun) -> str:
    return f" ({', '.join(column.name for column in use.columns)})" if use.columns else ""


def _unknown(unknown: UnknownSourceOfRun) -> str:
    if unknown.rows == "known":
        return f"no source of {', '.join(unknown.columns)}"
    return "no source is known" if unknown.rows == "unknown" else "there may be more sources"


def _listed(lines: list[Any]) -> str:
    more = [f"... and {len(lines) - _MAX_SHOWN} more"] if len(lines) > _MAX_SHOWN else []
    return "\n".join(f"  {line}" for line in [*lines[:_MAX_SHOWN], *more])
