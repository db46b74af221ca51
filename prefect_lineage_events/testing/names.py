"""Short names of datasets and columns: `raw.orders` for the only table whose name ends so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from functools import lru_cache

from prefect_lineage_events.datasets import Dataset, parse_uri
from prefect_lineage_events.naming import split_name

DatasetName = str | Dataset
ColumnName = str | tuple[DatasetName, str]
"""A column as `orders.amount`, or as a dataset and a name."""


class AmbiguousNameError(AssertionError):
    """A name that fits several datasets."""


@lru_cache(maxsize=4096)
def parts_of(dataset: Dataset) -> tuple[str, ...]:
    """The parts of a dataset's name, the parts of its namespace before them."""
    own = split_name(dataset.name) if dataset.is_table else [part for part in dataset.name.split("/") if part]
    return (*(part for part in re.split(r"[:/]+", dataset.namespace) if part), *own)


def fitting(name: DatasetName, among: Iterable[Dataset]) -> list[Dataset]:
    """The datasets that a name fits: its own if it is a URI, else those whose names end in its parts."""
    datasets = sorted(set(among))
    if isinstance(name, Dataset):
        return [d for d in datasets if d in (name, name.canonical())]
    if "://" in name:
        whole = {parse_uri(name), Dataset.from_uri(name)}
        return [d for d in datasets if d in whole]
    exact = [d for d in datasets if _ends_in(d, name)]
    return exact or [d for d in datasets if _ends_in(d, name, any_case=True)]


def _ends_in(dataset: Dataset, name: str, *, any_case: bool = False) -> bool:
    wanted = split_name(name) if dataset.is_table else [part for part in name.split("/") if part]
    ends = list(parts_of(dataset)[-len(wanted) :]) if wanted else []
    if any_case:
        return bool(ends) and [part.casefold() for part in ends] == [part.casefold() for part in wanted]
    return bool(ends) and ends == wanted


def one_of(name: DatasetName, among: Sequence[Dataset]) -> Dataset | None:
    """The dataset of a name; None where it fits none. Raises for a name that fits several."""
    found = fitting(name, among)
    if len(found) > 1:
        listed = "\n".join(f"  {dataset.uri}" for dataset in found)
        raise AmbiguousNameError(f"{name!r} fits {len(found)} datasets; give more of the name, or the URI:\n{listed}")
    return found[0] if found else None


def nearest(name: DatasetName, among: Iterable[Dataset]) -> Dataset | None:
    """The dataset whose name is most like it."""
    wanted = name.uri if isinstance(name, Dataset) else name
    spellings: dict[str, Dataset] = {}
    for dataset in sorted(set(among)):
        parts = parts_of(dataset)
        for start in range(len(parts)):
            for separator in (".", "/"):
                spellings.setdefault(separator.join(parts[start:]).casefold(), dataset)
        spellings.setdefault(dataset.uri.casefold(), dataset)
    found = get_close_matches(wanted.casefold(), spellings, 1, 0.6)
    return spellings[found[0]] if found else None


def split_column(name: ColumnName) -> tuple[DatasetName, str]:
    """The dataset and the column of `orders.amount`."""
    if isinstance(name, tuple):
        return name
    dataset, dot, column = name.rpartition(".")
    if not dot or not dataset or not column:
        raise ValueError(f"{name!r} names no column: give 'table.column', or (dataset, column)")
    return dataset, column


def short_names(datasets: Iterable[Dataset]) -> dict[Dataset, str]:
    """The shortest name of each dataset that fits no other; at least two parts of a table's name where it has them."""
    known = sorted(set(datasets))
    shown: dict[Dataset, str] = {}
    for dataset in known:
        parts = parts_of(dataset)
        own = len(split_name(dataset.name)) if dataset.is_table else dataset.name.count("/") + 1
        separator = "." if dataset.is_table else "/"
        for count in range(min(2, own), own + 1):
            name = separator.join(parts[-count:])
            if len(fitting(name, known)) == 1:
                shown[dataset] = name
                break
        else:
            shown[dataset] = dataset.uri
    return shown
