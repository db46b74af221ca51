"""Asset keys that name a table without its server, as those of prefect-dbt do (`snowflake://DB/SCHEMA/T`).

Such a key means the table of that name that the run touched. If the run touched tables of a single server of that kind,
it means a table of this server.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.history.model import RunHistory
from prefect_lineage_events.naming import SCHEMES, is_embedded, join_name, split_name

# Names of dbt's adapters for which OpenLineage has another name.
_STORES_OF_ADAPTERS = {"databricks": "unitycatalog", "spark": "unitycatalog", "sqlserver": "mssql", "mariadb": "mysql"}
_Parts = tuple[str, ...]


def resolved_keys(history: RunHistory) -> dict[Dataset, Dataset]:
    """The dataset that a key means, by the dataset of the key as written. Other keys mean what they name."""
    if not history.assets:
        return {}
    touched = _touched(history)
    by_name: dict[tuple[str, _Parts], set[Dataset]] = defaultdict(set)
    servers: dict[tuple[str, int], set[str]] = defaultdict(set)
    for dataset in touched:
        by_name[_scheme(dataset), _folded(_own_parts(dataset))].add(dataset)
        servers[_scheme(dataset), len(split_name(dataset.name))].add(dataset.namespace)
    found = {}
    for asset in {d for event in history.assets for d in (event.dataset, *event.upstream)} - touched:
        scheme, parts = _scheme(asset), _key_parts(asset)
        if not parts:
            continue
        tables, on = by_name[scheme, _folded(parts)], servers[scheme, len(parts)]
        if len(tables) == 1:
            found[asset] = next(iter(tables))
        elif not tables and len(on) == 1 and not is_embedded(scheme):
            found[asset] = Dataset(next(iter(on)), join_name(parts))
    return found


def _touched(history: RunHistory) -> set[Dataset]:
    datasets = (d for e in history.events for d in e.datasets if not d.temporary)
    return {d.dataset for d in datasets if _scheme(d.dataset) in SCHEMES}


def _scheme(dataset: Dataset) -> str:
    scheme = dataset.namespace.partition(":")[0]
    return _STORES_OF_ADAPTERS.get(scheme, scheme)


def _own_parts(dataset: Dataset) -> _Parts:
    """The parts of a table's name; for a table of an embedded store, the name of its file is the database."""
    parts = split_name(dataset.name)
    if is_embedded(_scheme(dataset)):
        return (PurePosixPath(dataset.namespace).stem, *parts)
    return tuple(parts)


def _key_parts(asset: Dataset) -> _Parts:
    """All parts of a key that names no server; none for a key with a server (`postgres://host:5432/db/schema/t`)."""
    scheme, _, authority = asset.namespace.partition("://")
    if not authority or "/" in authority or ":" in authority:
        return ()
    return (authority, *(split_name(asset.name) if scheme in SCHEMES else asset.name.split("/")))


def _folded(parts: Iterable[str]) -> _Parts:
    return tuple(part.casefold() for part in parts)
