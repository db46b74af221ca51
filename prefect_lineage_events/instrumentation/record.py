"""Saying by hand what was read and written, for what no driver sees: files, APIs, messages, a library of one's own."""

from __future__ import annotations

import datetime as dt
import reprlib
from collections.abc import Iterable
from itertools import islice
from typing import Literal

from prefect_lineage_events import encoding, filters
from prefect_lineage_events.context.run import Run, current_run
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.emission import worker
from prefect_lineage_events.emission.notes import RecordNote
from prefect_lineage_events.guard import logger, raised_by_signal_handler

_MAX_DESCRIPTION = 200
_MAX_INPUTS = 10_000


def record_read(dataset: Dataset | str, *, rows: int | None = None, raise_on_error: bool = False) -> None:
    """Say that the running flow or task has read a dataset (`Dataset`, or a URI such as `"s3://bucket/key"`).

    Works in flows and tasks, sync and async, and returns at once; outside any run nothing happens. A URI that names
    nothing is a warning in the log, or with `raise_on_error` a ValueError; so is the lack of a run. So is a number of
    `rows` that is none (negative, NaN): the rest of the record is kept then.
    """
    _record("read", None, [dataset], rows, raise_on_error=raise_on_error)


def record_write(
    dataset: Dataset | str,
    inputs: Iterable[Dataset | str] = (),
    *,
    rows: int | None = None,
    raise_on_error: bool = False,
) -> None:
    """Say that the running flow or task has written a dataset, and what went into it, as far as that is known.

    Without `inputs`, what the same task had read before feeds it. Errors are treated as in `record_read`.
    """
    _record("write", dataset, inputs, rows, raise_on_error=raise_on_error)


def record_misc(dataset: Dataset | str, *, description: str = "", raise_on_error: bool = False) -> None:
    """Say that there was something with a dataset that is neither reading nor writing (a refresh, a permission).

    `description` is a few words for those who look at the event. Errors are treated as in `record_read`.
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
        run = _reporting_run(raise_on_error)
        # a wrong URI is wrong everywhere: it is named outside runs too, when somebody asked for that
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
        logger.warning("lineage: record_%s is left out: %s", operation, error)


def _reporting_run(raise_on_error: bool) -> Run | None:
    if not filters.current().enabled or filters.disabled():
        return None
    run = current_run()
    if run is None and raise_on_error:
        raise RuntimeError("there is no flow run or task run here whose lineage could be recorded")
    return run if run is not None and run.captured else None


def _inputs(given: Iterable[Dataset | str]) -> tuple[Dataset, ...]:
    """Raises ValueError for more than can be meant: an iterable may have no end."""
    some = tuple(islice([given] if isinstance(given, Dataset | str) else given, _MAX_INPUTS + 1))
    if len(some) > _MAX_INPUTS:
        raise ValueError(f"more than {_MAX_INPUTS:,} inputs")
    return tuple(map(_dataset, some))


def _rows(operation: str, given: object, raise_on_error: bool) -> int | None:
    """The number of rows; None where it is not given, or is none."""
    known = encoding.count(int(given) if isinstance(given, float) and given.is_integer() else given)
    if known is None and given is not None:
        wrong = f"rows is a whole number from 0 to 2**63 - 1, or None: not {reprlib.repr(given)}"
        if raise_on_error:
            raise ValueError(wrong)
        logger.warning("lineage: record_%s is kept without its rows: %s", operation, wrong)
    return known


def _description(given: object, raise_on_error: bool) -> str:
    if isinstance(given, str):
        return given[:_MAX_DESCRIPTION]
    if raise_on_error:
        raise TypeError(f"a description is a text, not {type(given).__name__}")
    return ""


def _dataset(value: object) -> Dataset:
    if isinstance(value, Dataset):
        return value.canonical()
    if isinstance(value, str):
        return Dataset.from_uri(value)
    raise TypeError(f"a dataset is a Dataset or a URI, not {type(value).__name__}")
