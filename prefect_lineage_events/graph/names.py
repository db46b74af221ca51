"""Names that people give: of datasets, columns, runs and flows, in full or shortened. Pure.

A name may be short where only one thing has it. Otherwise the error lists those that have it, or the nearest names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from uuid import UUID

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.escaping import line
from prefect_lineage_events.events import STAR
from prefect_lineage_events.graph.evidence import dataset_ref
from prefect_lineage_events.graph.graph import Graph
from prefect_lineage_events.graph.values import DatasetFound, SearchResult
from prefect_lineage_events.nearness import did_you_mean, nearest
from prefect_lineage_events.sentences import listed
from prefect_lineage_events.snapshots import Snapshot

_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_AFTER_PATH = re.compile(r"[?#]")
_PARTS = re.compile(r"[./]")
_QUOTED = re.compile(r'"([^"]{1,300})"|`([^`]{1,300})`|\[([^\[\]]{1,300})\]')
_DOT = re.compile(r"\.")
# Dots at which a text may be split into a dataset and a column: both may have dots in their names.
_MOST_DOTS = 8
_NOT_FOUND = 3
# A shorter text is no beginning of an id.
_SHORTEST_ID = 4


class UnknownNameError(ValueError):
    """Nothing has this name. The message names the nearest; `has_near`: there are any."""

    def __init__(self, message: str, near: Iterable[str] = ()) -> None:
        meant = did_you_mean(near)
        self.has_near = bool(meant)
        super().__init__(message + meant)


class UnknownColumnError(UnknownNameError):
    """A known dataset has no such column. The message names the nearest."""


class AmbiguousNameError(ValueError):
    """Several things have this name. The message lists them."""


def find_dataset(graph: Graph, text: str) -> Dataset:
    """The dataset that this text names: its URI, its name, or the last parts of its name in any case.

    Raises UnknownNameError or AmbiguousNameError.
    """
    wanted = text.strip()
    datasets = graph.datasets()
    found = _matches(datasets, wanted)
    if len(found) == 1:
        return found[0]
    if found:
        raise AmbiguousNameError(f"{text!r} is the name of {len(found)} datasets: {listed(d.uri for d in found)}")
    if not datasets:
        raise UnknownNameError(f"there is no dataset {text!r}: no run in this window touched a dataset")
    raise UnknownNameError(f"there is no dataset {text!r}", _nearest_datasets(wanted, datasets))


def search(graph: Graph, word: str) -> SearchResult:
    """The datasets, columns and flows that have this word in their names, in any case.

    Those whose name is the word come first, then those whose name begins with it, then the others; datasets by their
    own name come before those that only have it in a column's name.
    """
    wanted = word.strip().casefold()
    found: list[tuple[tuple[int, ...], Dataset, tuple[str, ...]]] = []
    for dataset in graph.datasets():
        columns = sorted(
            (column for column in _columns(graph, dataset) if wanted in column.casefold()),
            key=lambda column: (_rank(wanted, (column,)), column),
        )
        by_name = _rank(wanted, (dataset.uri, dataset.name, *_parts(dataset)[-1:], *_parts(dataset)))
        if by_name < _NOT_FOUND or columns:
            found.append(((by_name, min((_rank(wanted, (c,)) for c in columns), default=0)), dataset, tuple(columns)))
    found.sort(key=lambda one: one[:2])
    flows = sorted(
        (flow for flow in graph.flows() if wanted in flow.casefold()), key=lambda f: (_rank(wanted, (f,)), f)
    )
    return SearchResult(
        datasets=tuple(
            DatasetFound(dataset=dataset_ref(graph, dataset), columns=columns) for _, dataset, columns in found
        ),
        flows=tuple(flows),
    )


def _rank(wanted: str, names: Iterable[str]) -> int:
    """The order of a name in an answer: 0 for the word itself, 1 for a beginning, 2 for another place, 3 for none."""
    folded = [name.casefold() for name in names]
    if wanted in folded:
        return 0
    if any(name.startswith(wanted) for name in folded):
        return 1
    return 2 if any(wanted in name for name in folded) else _NOT_FOUND


def find_dataset_or_column(graph: Graph, text: str) -> tuple[Dataset, str | None]:
    """The dataset of this name; else the dataset and the column in `TABLE.column`.

    Raises UnknownNameError or AmbiguousNameError.
    """
    try:
        return find_dataset(graph, text), None
    except UnknownNameError as no_dataset:
        try:
            return find_column(graph, text)
        except UnknownColumnError:
            raise
        except UnknownNameError as no_table:
            raise (no_table if no_table.has_near and not no_dataset.has_near else no_dataset) from None


def find_column(graph: Graph, text: str) -> tuple[Dataset, str]:
    """The dataset and the column in `TABLE.column`. The names of both may be short, in any case, and have dots.

    Raises UnknownNameError, UnknownColumnError if there is such a dataset, or AmbiguousNameError.
    """
    wanted = text.strip()
    dots = [found.start() for found in _DOT.finditer(wanted, 1)][-_MOST_DOTS:]
    if not dots:
        raise UnknownNameError(f"{text!r} names no column: give TABLE.column")
    errors: list[UnknownNameError | AmbiguousNameError] = []
    for dot in reversed(dots):
        try:
            dataset = find_dataset(graph, wanted[:dot])
            return dataset, find_column_of(graph, dataset, wanted[dot + 1 :])
        except UnknownNameError as error:
            errors.append(error)
        except AmbiguousNameError as error:
            errors.insert(0, error)
            break
    # A longer beginning that is one dataset says more than a shorter one that is the name of several.
    raise next((error for error in errors if isinstance(error, UnknownColumnError)), errors[0])


def find_column_of(graph: Graph, dataset: Dataset, name: str) -> str:
    """The column of this name in the dataset, in any case. Raises UnknownNameError with the nearest names."""
    columns = columns_of(graph, dataset)
    if name in columns:
        return name
    name = next((column for column in columns if line(column, len(name)) == name), name)
    same = [column for column in columns if column.casefold() in (name.casefold(), _unquoted(name).casefold())]
    if len(same) == 1:
        return same[0]
    if same:
        raise AmbiguousNameError(f"{dataset.name} has the columns {listed(same)}")
    shown = nearest(name, columns)
    known = "" if shown else f"; known columns: {listed(columns) or 'none'}"
    raise UnknownColumnError(f"{dataset.name} has no known column {name!r}{known}", shown)


def columns_of(graph: Graph, dataset: Dataset) -> list[str]:
    """The names of all columns that are known of the dataset, sorted."""
    return sorted(_columns(graph, dataset))


def _columns(graph: Graph, dataset: Dataset) -> set[str]:
    used = {column.name for link in graph.uses(dataset) for column in link.use.columns}
    return (used | graph.columns_with_links(dataset)) - {STAR}


def run_id_in(text: str) -> UUID | None:
    """The id of a run in one word: the id itself, Prefect's resource id, or the address of the run's page."""
    words = text.split()
    if len(words) != 1:
        return None
    path = _AFTER_PATH.split(words[0], 1)[0].rstrip("/")
    last = _PARTS.split(path)[-1]
    return UUID(last) if _ID.fullmatch(last) else None


def find_run(graph: Graph, text: str) -> Snapshot:
    """The run of this id, page address, name, or beginning of an id.

    `FLOW` or `FLOW@last` is the newest run of a flow. Raises UnknownNameError or AmbiguousNameError.
    """
    wanted = text.strip()
    if (run_id := run_id_in(wanted)) is not None:
        if (snapshot := graph.snapshot(run_id)) is not None:
            return snapshot
        raise UnknownNameError(f"the run {run_id} is not among the {len(graph):,} runs of this window")
    snapshots = sorted(graph.snapshots(), key=lambda snapshot: snapshot.run.began, reverse=True)
    named = [snapshot for snapshot in snapshots if wanted in (snapshot.run.name, line(snapshot.run.name))]
    named = named or [
        snapshot for snapshot in snapshots if len(wanted) >= _SHORTEST_ID and str(snapshot.run.id).startswith(wanted)
    ]
    if len(named) == 1:
        return named[0]
    if named:
        ids = listed(f"{snapshot.run.id} ({snapshot.run.flow_name})" for snapshot in named)
        raise AmbiguousNameError(f"{len(named)} runs have the name {text!r}: {ids}")
    flow = wanted.removesuffix("@last")
    of_flow = [snapshot for snapshot in snapshots if flow in (snapshot.run.flow_name, line(snapshot.run.flow_name))]
    if of_flow:
        return of_flow[0]
    names = {snapshot.run.name for snapshot in snapshots} | {snapshot.run.flow_name for snapshot in snapshots}
    raise UnknownNameError(f"there is no run or flow {text!r} in this window", nearest(wanted, names))


def find_flow(graph: Graph, text: str) -> str:
    """The flow of this name, in any case. Raises UnknownNameError with the nearest names."""
    flows = graph.flows()
    if text in flows:
        return text
    same = [name for name in flows if name.casefold() == text.strip().casefold()]
    if len(same) == 1:
        return same[0]
    raise UnknownNameError(f"there is no flow {text!r} in this window", nearest(text, flows))


def _matches(datasets: Sequence[Dataset], wanted: str) -> list[Dataset]:
    """The datasets of this name: exactly, then in any case, then by the last parts of their names."""
    exact = [d for d in datasets if wanted in (d.uri, d.name, f"{d.namespace}/{d.name}")]
    # A name with control characters is shown with escapes, and so it comes back.
    exact = exact or [d for d in datasets if wanted in (line(d.uri, len(wanted)), line(d.name, len(wanted)))]
    if exact:
        return exact
    folded = wanted.casefold()
    same = [d for d in datasets if folded in (d.uri.casefold(), d.name.casefold())]
    if same or not folded:
        return same
    parts = [part for part in _PARTS.split(folded) if part]
    # `orders.csv` is one part of a path, and two parts of a table's name.
    found = [
        d for d in datasets if parts and (_parts(d)[-len(parts) :] == parts or d.uri.casefold().endswith("/" + folded))
    ]
    plain = _unquoted(wanted)
    return found if found or plain == wanted else _matches(datasets, plain)


def _unquoted(text: str) -> str:
    """The name without the quotes of SQL: `"a"."b"`, `[a].[b]`, or backticks."""
    return _QUOTED.sub(lambda found: found[1] or found[2] or found[3], text)


def _parts(dataset: Dataset) -> list[str]:
    return [part for part in _PARTS.split(dataset.name.casefold()) if part]


def _nearest_datasets(wanted: str, datasets: Sequence[Dataset]) -> Iterable[str]:
    by_short: dict[str, Dataset] = {}
    for dataset in datasets:
        by_short.setdefault(_parts(dataset)[-1] if _parts(dataset) else dataset.name, dataset)
        by_short.setdefault(dataset.name.casefold(), dataset)
        if not dataset.is_table:
            file = dataset.name.rpartition("/")[2].casefold()
            by_short.setdefault(file, dataset)
            by_short.setdefault(file.partition(".")[0], dataset)
    last = (_PARTS.split(wanted.casefold()) or [""])[-1]
    near = [*nearest(wanted, by_short), *nearest(last, by_short)]
    return dict.fromkeys(by_short[name].name for name in near)
