"""Saying by hand what was read and written, for what no driver sees: files, APIs, messages, a library of one's own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Literal

from prefect_lineage_events.capture import policy, worker
from prefect_lineage_events.capture.context import Run, current_run
from prefect_lineage_events.capture.log import is_of_a_signal, logger
from prefect_lineage_events.capture.notes import RecordNote
from prefect_lineage_events.datasets import Dataset

_MAX_DESCRIPTION = 200


def record_read(dataset: Dataset | str, *, rows: int | None = None, raise_on_error: bool = False) -> None:
    """Say that the running flow or task has read a dataset (`Dataset`, or a URI such as `"s3://bucket/key"`).

    Works in flows and tasks, sync and async, and returns at once; outside any run nothing happens. A URI that names
    nothing is a warning in the log, or with `raise_on_error` a ValueError; so is the lack of a run.
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
        sources = tuple(_dataset(d) for d in ([inputs] if isinstance(inputs, Dataset | str) else inputs))
        if run is None:
            return
        now = dt.datetime.now(dt.timezone.utc)
        worker.put(RecordNote(operation, target, sources, run, now, rows, description[:_MAX_DESCRIPTION]))
    except Exception as error:
        if raise_on_error or is_of_a_signal(error.__traceback__):
            raise
        logger.warning("lineage: record_%s is left out: %s", operation, error)


def _reporting_run(raise_on_error: bool) -> Run | None:
    if not policy.current().enabled or policy.disabled():
        return None
    run = current_run()
    if run is None and raise_on_error:
        raise RuntimeError("there is no flow run or task run here whose lineage could be recorded")
    return run if run is not None and run.captured else None


def _dataset(value: object) -> Dataset:
    if isinstance(value, Dataset):
        return value.canonical()
    if isinstance(value, str):
        return Dataset.from_uri(value)
    raise TypeError(f"a dataset is a Dataset or a URI, not {type(value).__name__}")
