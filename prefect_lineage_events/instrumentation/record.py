"""`record_read`, `record_write`, `record_misc`: lineage for what no driver sees (files, APIs, queues)."""

from __future__ import annotations

import datetime as dt
import reprlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, NamedTuple, TypedDict, TypeVar

from prefect_lineage_events import encoding, filters, patches
from prefect_lineage_events.context.run import Run, current_run
from prefect_lineage_events.credentials import beginning
from prefect_lineage_events.datasets import Dataset, Located, located
from prefect_lineage_events.emission import worker
from prefect_lineage_events.emission.losses import count_loss
from prefect_lineage_events.emission.notes import RecordNote
from prefect_lineage_events.events import Column
from prefect_lineage_events.guard import is_own, logger, raised_by_signal_handler
from prefect_lineage_events.instrumentation.access import reporting_run
from prefect_lineage_events.instrumentation.columns_given import GivenEdges, columns_of, edges_of

T = TypeVar("T")
Datasets = Dataset | str | Iterable[Dataset | str]
"""One dataset or several: `Dataset` objects or URIs."""

_MAX_INPUTS = 10_000


class RecordOptions(TypedDict, total=False):
    """The options of `record_read`, `record_write` and `record_misc`."""

    rows: int | None
    columns: Any
    schema: Any
    column_lineage: Any
    size: int | None
    files: int | None
    raise_on_error: bool


def record_read(
    dataset: Dataset | str,
    *,
    rows: int | None = None,
    columns: Any = None,
    schema: Any = None,
    column_lineage: Any = None,
    size: int | None = None,
    files: int | None = None,
    raise_on_error: bool = False,
) -> None:
    """Record that the running flow or task has read a dataset (`Dataset`, or a URI such as `"s3://bucket/key"`).

    Works in flows and tasks, sync and async, and returns at once; outside any run it does nothing.

    Args:
        dataset: The dataset, or its URI.
        rows: The number of rows that were read.
        columns: The columns that were read: a frame (pandas, polars, pyarrow), a schema of pyarrow or polars, a mapping
            of names to types, a list of names, a pydantic model, a dataclass.
        schema: The same as `columns`; with both, `columns` are the names and `schema` gives their types.
        column_lineage: A mapping of columns of the result to those of the dataset, where their names differ.
        size: The number of bytes.
        files: The number of files.
        raise_on_error: Raise for mistakes: ValueError, TypeError, and RuntimeError outside a run.

    An invalid URI is otherwise a warning in the log. Invalid `rows`, `columns` and the like are left out with a
    warning, and the rest of the record is kept.
    """
    more = _More(rows, columns, schema, column_lineage, size, files)
    _record("read", None, [dataset], more, raise_on_error=raise_on_error)


def record_write(
    dataset: Dataset | str,
    inputs: Datasets = (),
    *,
    rows: int | None = None,
    columns: Any = None,
    schema: Any = None,
    column_lineage: Any = None,
    size: int | None = None,
    files: int | None = None,
    raise_on_error: bool = False,
) -> None:
    """Record that the running flow or task has written a dataset, and the inputs of the write, as far as known.

    Without `inputs`, what the same task had read before counts as the source, and columns are matched by equal names.

    Args:
        dataset: The dataset, or its URI.
        inputs: The datasets whose rows were written.
        rows: The number of rows that were written.
        columns: The columns that were written, as in `record_read`.
        schema: As in `record_read`.
        column_lineage: The columns that the written ones come from: `"by name"` for equal names of the inputs, a
            mapping of each written column to a source, or a list of edges `(column, dataset, source column)`, if need
            be with a transformation as the fourth (`"AGGREGATION"`). A source is a column's name, a `(dataset, column)`
            pair, or a list of these.
        size: The number of bytes.
        files: The number of files.
        raise_on_error: As in `record_read`.
    """
    more = _More(rows, columns, schema, column_lineage, size, files)
    _record("write", dataset, inputs, more, raise_on_error=raise_on_error)


def record_misc(
    dataset: Dataset | str,
    *,
    description: str = "",
    rows: int | None = None,
    columns: Any = None,
    schema: Any = None,
    column_lineage: Any = None,
    size: int | None = None,
    files: int | None = None,
    raise_on_error: bool = False,
) -> None:
    """Record an operation on a dataset that is neither a read nor a write (a refresh, a permission).

    `description` is a few words that the event shows, and so are the other values. The run's lineage has no edge by it.
    Errors are treated as in `record_read`.
    """
    more = _More(rows, columns, schema, column_lineage, size, files)
    _record("misc", None, [dataset], more, description=description, raise_on_error=raise_on_error)


@dataclass(frozen=True, slots=True)
class Touched:
    """The datasets that a call has read and written, with the same values as in `record_write`.

    `reads` and `writes` are a dataset (`Dataset` or URI) or several. The reads are the sources of the writes. `rows`,
    `columns` and so on are those of what was written, or of what was read where nothing was written.
    """

    reads: Datasets = ()
    writes: Datasets = ()
    rows: Any = None
    columns: Any = None
    column_lineage: Any = None
    size: Any = None
    files: Any = None


def note_touched(run: Run, call: str, started: dt.datetime, touched: Callable[[], Touched]) -> None:
    """Note the datasets of a call of the user's that has succeeded. Its reads have the time at which it began."""
    try:
        found = touched()
        reads, writes = _inputs(found.reads), _inputs(found.writes)
        more = _More(found.rows, found.columns, None, found.column_lineage, found.size, found.files)
        reading = _Values("read", _More() if writes else more)
        for source in reads:
            worker.put(reading.note(None, (source,), run, call=call, started=started))
        for target in writes:
            worker.put(_Values("write", more).note(target, reads, run, call=call))
    except Exception as error:
        if raised_by_signal_handler(error.__traceback__):
            raise
        reason = error if is_own(error) else type(error).__name__
        logger.warning("lineage: the datasets of a call of %s are not known: %s", call, reason)
        count_loss("the datasets of a call, as they were declared for it, are not known")


class _More(NamedTuple):
    """The values of a record beside its datasets, as given."""

    rows: Any = None
    columns: Any = None
    schema: Any = None
    column_lineage: Any = None
    size: Any = None
    files: Any = None


def _record(
    operation: Literal["read", "write", "misc"],
    output: Dataset | str | None,
    inputs: Datasets,
    more: _More,
    *,
    description: str = "",
    raise_on_error: bool,
) -> None:
    try:
        patches.switch_on()
        run = run_to_record(raise_on_error)
        # an invalid URI raises outside runs too, if `raise_on_error` is set
        target = located(dataset_of(output)) if operation == "write" else None
        sources = _inputs(inputs)
        text = _description(description, raise_on_error)
        values = _Values(operation, more, raise_on_error)
        if run is None:
            values.check(sources)
            return
        worker.put(values.note(target, sources, run, call=text))
    except Exception as error:
        if raise_on_error or raised_by_signal_handler(error.__traceback__):
            raise
        ignored(f"record_{operation}", error)


def ignored(call: str, error: Exception) -> None:
    """Log that a call is ignored, with the reason where it can contain no secret, and count a loss of our own."""
    logger.warning("lineage: %s is ignored: %s", call, error if is_own(error) else type(error).__name__)
    if not isinstance(error, ValueError | TypeError):  # no fault of what was given
        count_loss(f"{call} failed")


@dataclass(frozen=True, slots=True)
class _Values:
    """The values of a record. Those that are not valid are errors, or are left out with a warning."""

    operation: Literal["read", "write", "misc"]
    given: _More
    raise_on_error: bool = False

    def note(
        self,
        target: Located | None,
        sources: tuple[Located, ...],
        run: Run,
        *,
        call: str,
        started: dt.datetime | None = None,
    ) -> RecordNote:
        inputs = tuple(dict.fromkeys(source.dataset for source in sources))
        edges = self._edges(inputs)
        parts = [target] if target is not None else [*sources] if len(inputs) == 1 else []
        return RecordNote(
            self.operation,
            target.dataset if target is not None else None,
            (*inputs, *edges.more_inputs),
            run,
            started or dt.datetime.now(dt.timezone.utc),
            self._count("rows"),
            beginning(call),
            run.thread,
            self._columns(),
            edges.edges,
            tuple(one.part for one in parts) if all(one.part for one in parts) else (),
            size=self._count("size"),
            files=self._count("files"),
        )

    def check(self, sources: tuple[Located, ...]) -> None:
        """Raise for mistakes, or warn of those that can be seen without looking at frames."""
        for name in ("rows", "size", "files"):
            self._count(name)
        if self.raise_on_error:
            self._columns()
            self._edges(tuple(source.dataset for source in sources))

    def _count(self, name: str) -> int | None:
        """A number of rows, bytes or files; None where it is not given or not valid."""
        given = getattr(self.given, name)
        known = encoding.count(int(given) if isinstance(given, float) and given.is_integer() else given)
        if known is None and given is not None:
            wrong = f"{name} must be a whole number from 0 to 2**63 - 1, or None, not {reprlib.repr(given)}"
            self._wrong(name, ValueError(wrong))
        return known

    def _columns(self) -> tuple[Column, ...]:
        return self._kept("columns", (), lambda: _columns(self.given))

    def _edges(self, inputs: tuple[Dataset, ...]) -> GivenEdges:
        return self._kept("column_lineage", GivenEdges(), lambda: edges_of(self.given.column_lineage, inputs, _root_of))

    def _kept(self, name: str, default: T, compute: Callable[[], T]) -> T:
        """The computed value; the default where it cannot be computed of what was given."""
        try:
            return compute()
        except Exception as error:
            if self.raise_on_error or raised_by_signal_handler(error.__traceback__):
                raise
            self._wrong(name, error)
            return default

    def _wrong(self, name: str, error: Exception) -> None:
        if self.raise_on_error:
            raise error
        reason = error if error.__traceback__ is None or is_own(error) else type(error).__name__
        logger.warning("lineage: record_%s is kept without its %s: %s", self.operation, name, reason)


def _columns(more: _More) -> tuple[Column, ...]:
    """The columns of `columns` and `schema`: with both, the names of the first with the types of the second."""
    columns, schema = columns_of(more.columns), columns_of(more.schema)
    if not columns or not schema:
        return columns or schema
    types = {column.name: column for column in schema}
    return tuple(column if column.type else types.get(column.name, column) for column in columns)


def run_to_record(raise_on_error: bool) -> Run | None:
    """The run for which something is recorded; None outside runs, and where nothing is reported."""
    if raise_on_error and filters.current().enabled and not filters.disabled() and current_run() is None:
        raise RuntimeError("there is no flow run or task run here to record lineage for")
    return reporting_run()


def _inputs(given: Datasets) -> tuple[Located, ...]:
    """The input datasets. Raises ValueError for more than the limit: an iterable may have no end."""
    some = tuple(islice([given] if isinstance(given, Dataset | str) else given, _MAX_INPUTS + 1))
    if len(some) > _MAX_INPUTS:
        raise ValueError(f"more than {_MAX_INPUTS:,} inputs")
    return tuple(located(dataset_of(one)) for one in some)


def _root_of(value: object) -> Dataset:
    return located(dataset_of(value)).dataset


def _description(given: object, raise_on_error: bool) -> str:
    if isinstance(given, str):
        return beginning(given)
    if raise_on_error:
        raise TypeError(f"description must be a str, not {type(given).__name__}")
    return ""


def dataset_of(value: object) -> Dataset:
    """The dataset of a `Dataset` or a URI, in canonical form. Raises TypeError or ValueError for anything else."""
    if isinstance(value, Dataset):
        return value.canonical()
    if isinstance(value, str):
        return Dataset.from_uri(value)
    raise TypeError(f"a dataset must be a Dataset or a URI, not {type(value).__name__}")
