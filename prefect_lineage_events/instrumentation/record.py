"""`record_read`, `record_write`, `record_misc`: lineage for what no driver sees (files, APIs, queues)."""

from __future__ import annotations

import datetime as dt
import reprlib
from collections.abc import Iterable
from itertools import islice
from typing import Literal

from prefect_lineage_events import encoding, filters, patches
from prefect_lineage_events.context.run import Run, current_run
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.emission import worker
from prefect_lineage_events.emission.losses import count_loss
from prefect_lineage_events.emission.notes import RecordNote
from prefect_lineage_events.guard import is_own, logger, raised_by_signal_handler
from prefect_lineage_events.instrumentation.access import reporting_run

_MAX_DESCRIPTION = 200
_MAX_INPUTS = 10_000


def record_read(dataset: Dataset | str, *, rows: int | None = None, raise_on_error: bool = False) -> None:
    """Record that the running flow or task has read a dataset (`Dataset`, or a URI such as `"s3://bucket/key"`).

    Works in flows and tasks, sync and async, and returns at once; outside any run it does nothing. An invalid URI is a
    warning in the log, or a ValueError with `raise_on_error`, which also raises outside a run (RuntimeError). Invalid
    `rows` (negative, NaN) are treated likewise: the warning leaves them out and keeps the rest of the record.
    """
    _record("read", None, [dataset], rows, raise_on_error=raise_on_error)


def record_write(
    dataset: Dataset | str,
    inputs: Iterable[Dataset | str] = (),
    *,
    rows: int | None = None,
    raise_on_error: bool = False,
) -> None:
    """Record that the running flow or task has written a dataset, and the inputs of the write, as far as known.

    Without `inputs`, what the same task had read before counts as the source. Errors are treated as in `record_read`.
    """
    _record("write", dataset, inputs, rows, raise_on_error=raise_on_error)


def record_misc(dataset: Dataset | str, *, description: str = "", raise_on_error: bool = False) -> None:
    """Record an operation on a dataset that is neither a read nor a write (a refresh, a permission).

    `description` is a few words that the event shows. Errors are treated as in `record_read`.
    """
    _record("misc", None, [dataset], None, description=description, raise_on_error=raise_on_error)


def _record(
    operation: Literal["read", "write", "misc"],
    output: Dataset | str | None,
    inputs: Iterable[Dataset | str],
    rows: int | None,
    *,
    description: str = "",
    raise_on_error: bool,
) -> None:
    try:
        patches.switch_on()
        run = _reporting_run(raise_on_error)
        # an invalid URI raises outside runs too, if `raise_on_error` is set
        target = _dataset(output) if operation == "write" else None
        sources = _inputs(inputs)
        known, text = _rows(operation, rows, raise_on_error), _description(description, raise_on_error)
        if run is None:
            return
        now = dt.datetime.now(dt.timezone.utc)
        worker.put(RecordNote(operation, target, sources, run, now, known, text, run.thread))
    except Exception as error:
        if raise_on_error or raised_by_signal_handler(error.__traceback__):
            raise
        reason = error if is_own(error) else type(error).__name__
        logger.warning("lineage: record_%s is ignored: %s", operation, reason)
        if not isinstance(error, ValueError | TypeError):  # no fault of what was given
            count_loss(f"record_{operation} failed")


def _reporting_run(raise_on_error: bool) -> Run | None:
    if raise_on_error and filters.current().enabled and not filters.disabled() and current_run() is None:
        raise RuntimeError("there is no flow run or task run here to record lineage for")
    return reporting_run()


def _inputs(given: Iterable[Dataset | str]) -> tuple[Dataset, ...]:
    """The input datasets. Raises ValueError for more than the limit: an iterable may have no end."""
    some = tuple(islice([given] if isinstance(given, Dataset | str) else given, _MAX_INPUTS + 1))
    if len(some) > _MAX_INPUTS:
        raise ValueError(f"more than {_MAX_INPUTS:,} inputs")
    return tuple(map(_dataset, some))


def _rows(operation: str, given: object, raise_on_error: bool) -> int | None:
    """The number of rows; None where it is not given or not valid."""
    known = encoding.count(int(given) if isinstance(given, float) and given.is_integer() else given)
    if known is None and given is not None:
        wrong = f"rows must be a whole number from 0 to 2**63 - 1, or None, not {reprlib.repr(given)}"
        if raise_on_error:
            raise ValueError(wrong)
        logger.warning("lineage: record_%s is kept without its rows: %s", operation, wrong)
    return known


def _description(given: object, raise_on_error: bool) -> str:
    if isinstance(given, str):
        return given[:_MAX_DESCRIPTION]
    if raise_on_error:
        raise TypeError(f"description must be a str, not {type(given).__name__}")
    return ""


def _dataset(value: object) -> Dataset:
    if isinstance(value, Dataset):
        return value.canonical()
    if isinstance(value, str):
        return Dataset.from_uri(value)
    raise TypeError(f"a dataset must be a Dataset or a URI, not {type(value).__name__}")
