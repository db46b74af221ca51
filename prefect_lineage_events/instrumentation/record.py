"""`record_read`, `record_write`, `record_misc`: lineage for what no driver sees (files, APIs, queues)."""

from __future__ import annotations

import datetime as dt
import reprlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, NamedTuple, TypeVar

from prefect_lineage_events import encoding, filters, patches
from prefect_lineage_events.context.run import Run, current_run
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.emission import worker
from prefect_lineage_events.emission.losses import count_loss
from prefect_lineage_events.emission.notes import RecordNote
from prefect_lineage_events.events import Column
from prefect_lineage_events.guard import is_own, logger, raised_by_signal_handler
from prefect_lineage_events.instrumentation.access import reporting_run
from prefect_lineage_events.instrumentation.columns_given import GivenEdges, columns_of, edges_of

T = TypeVar("T")

_MAX_DESCRIPTION = 200
_MAX_INPUTS = 10_000


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
    inputs: Iterable[Dataset | str] = (),
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
    inputs: Iterable[Dataset | str],
    more: _More,
    *,
    description: str = "",
    raise_on_error: bool,
) -> None:
    try:
        patches.switch_on()
        run = _reporting_run(raise_on_error)
        # an invalid URI raises outside runs too, if `raise_on_error` is set
        target = dataset_of(output) if operation == "write" else None
        sources = _inputs(inputs)
        known = _Known(operation, raise_on_error)
        counts = [known.count(name, getattr(more, name)) for name in ("rows", "size", "files")]
        text = _description(description, raise_on_error)
        if run is None and not raise_on_error:
            return
        columns = known.kept("columns", tuple[Column, ...](), lambda: _columns(more))
        edges = known.kept("column_lineage", GivenEdges(), lambda: edges_of(more.column_lineage, sources, dataset_of))
        if run is None:
            return
        worker.put(
            RecordNote(
                operation,
                target,
                (*sources, *edges.more_inputs),
                run,
                dt.datetime.now(dt.timezone.utc),
                counts[0],
                text,
                run.thread,
                columns,
                edges.edges,
                size=counts[1],
                files=counts[2],
            )
        )
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
class _Known:
    """The values of a record that are valid; others are errors, or are left out with a warning."""

    operation: str
    raise_on_error: bool

    def count(self, name: str, given: object) -> int | None:
        """A number of rows, bytes or files; None where it is not given or not valid."""
        known = encoding.count(int(given) if isinstance(given, float) and given.is_integer() else given)
        if known is None and given is not None:
            self._wrong(
                name,
                ValueError(f"{name} must be a whole number from 0 to 2**63 - 1, or None, not {reprlib.repr(given)}"),
            )
        return known

    def kept(self, name: str, default: T, compute: Callable[[], T]) -> T:
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


def _reporting_run(raise_on_error: bool) -> Run | None:
    if raise_on_error and filters.current().enabled and not filters.disabled() and current_run() is None:
        raise RuntimeError("there is no flow run or task run here to record lineage for")
    return reporting_run()


def _inputs(given: Iterable[Dataset | str]) -> tuple[Dataset, ...]:
    """The input datasets. Raises ValueError for more than the limit: an iterable may have no end."""
    some = tuple(islice([given] if isinstance(given, Dataset | str) else given, _MAX_INPUTS + 1))
    if len(some) > _MAX_INPUTS:
        raise ValueError(f"more than {_MAX_INPUTS:,} inputs")
    return tuple(map(dataset_of, some))


def _description(given: object, raise_on_error: bool) -> str:
    if isinstance(given, str):
        return given[:_MAX_DESCRIPTION]
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
