"""Rows of Snowflake's view ACCESS_HISTORY as what statements read and wrote. Pure.

By Snowflake's documentation of the view (docs.snowflake.com/en/sql-reference/account-usage/access_history); not run on
an account.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import UUID

from prefect_lineage_events.events import EventColumnEdge, EventDataset
from prefect_lineage_events.history.witnessed import (
    MAX_COLUMNS,
    MAX_DATASETS,
    MAX_STATEMENTS,
    Witnessed,
    WitnessedStatement,
    WitnessedWrite,
)
from prefect_lineage_events.naming import join_name, split_name

# The columns that a query selects, in the order of a row.
COLUMNS = ("query_id", "root_query_id", "query_start_time", "direct_objects_accessed", "objects_modified")
# Domains whose objects hold rows.
_KINDS = {
    "table": "table",
    "external table": "table",
    "event table": "table",
    "iceberg table": "table",
    "dynamic table": "table",
    "view": "view",
    "materialized view": "view",
    "stream": "stream",
    "stage": "stage",
}
_WITHOUT_ROWS = frozenset({"function", "external function", "procedure", "sequence", "integration", "task", "pipe"})
# The stages that have a name of their own; those of tables and users have none.
_NAMED_STAGES = frozenset({"internal named", "external named"})
# Written by the view in the place of a value that it cut.
_TRUNCATED = "TRUNCATED"

Reports = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class _Row:
    query_id: str
    root: str
    started: dt.datetime | None
    read: Sequence[Mapping[str, Any]]
    modified: Sequence[Mapping[str, Any]]
    cut: bool


def answers(
    rows: Iterable[Sequence[Any]],
    asked: Mapping[str, UUID],
    namespaces: Mapping[UUID, str],
    reports: Reports,
    cut: Collection[str] = (),
) -> Iterator[Witnessed]:
    """The answers of the rows about the statements asked for. `asked`: their flow runs, by query id.

    `namespaces`: the Snowflake namespace of each run. `reports`: returns whether a dataset of this URI may be shown.
    `cut`: ids of which the view has more rows than these.
    """
    found: dict[str, list[_Row]] = {}
    for row in rows:
        if (read := _row(row)) and (query_id := read.query_id if read.query_id in asked else read.root) in asked:
            found.setdefault(query_id, []).append(read)
    for query_id, its in found.items():
        run = asked[query_id]
        in_order = sorted(its, key=lambda row: (str(row.started or ""), row.query_id))
        statements = [_statement(row, namespaces[run], reports) for row in in_order[:MAX_STATEMENTS]]
        if len(its) > MAX_STATEMENTS or query_id in cut:
            statements[-1] = statements[-1].model_copy(update={"cut": True})
        yield Witnessed(flow_run_id=run, query_id=query_id, statements=tuple(_bounded(statements)))


def _bounded(statements: Iterable[WitnessedStatement]) -> Iterator[WitnessedStatement]:
    """The statements without column edges and datasets beyond the limits of one event."""
    columns = datasets = 0
    for one in statements:
        columns += sum(len(write.columns) for write in one.writes)
        datasets += len(one.inputs) + len(one.writes)
        if datasets > MAX_DATASETS:
            yield one.model_copy(update={"inputs": (), "writes": (), "cut": True})
        elif columns > MAX_COLUMNS:
            writes = tuple(WitnessedWrite(output=write.output) for write in one.writes)
            yield one.model_copy(update={"writes": writes, "cut": True})
        else:
            yield one


def _row(row: Sequence[Any]) -> _Row | None:
    """The row, or None if it is not one of the view."""
    try:
        query_id, root, started, read, modified = row
        of_read, whole_read = _objects(read)
        of_modified, whole_modified = _objects(modified)
    except (ValueError, TypeError, RecursionError):
        return None
    return _Row(
        str(query_id),
        str(root or ""),
        started if isinstance(started, dt.datetime) else None,
        of_read,
        of_modified,
        cut=not (whole_read and whole_modified)
        or any(_is_cut(one) or _is_unknown(one) for one in (*of_read, *of_modified)),
    )


def _objects(value: Any) -> tuple[list[Mapping[str, Any]], bool]:
    """The objects of a column, and whether these are all: not in a shape that the documentation does not have.

    The connector returns an ARRAY as JSON text.
    """
    found = json.loads(value) if isinstance(value, str) else value
    listed = found if isinstance(found, list) else []
    objects = [one for one in listed if isinstance(one, Mapping)]
    return objects, found is None or (found is listed and len(objects) == len(listed))


def _is_cut(one: Mapping[str, Any]) -> bool:
    columns = _columns(one)
    ids = {one.get("objectId"), *(column.get("columnId") for column in columns)}
    return one.get("objectName") == _TRUNCATED or -1 in ids or len(columns) > MAX_COLUMNS


def _is_unknown(one: Mapping[str, Any]) -> bool:
    """Return whether the object may hold rows and is no dataset here: of a new domain, or without a full name."""
    return str(one.get("objectDomain", "")).lower() not in _WITHOUT_ROWS and _kind_and_name(one) is None


def _statement(row: _Row, namespace: str, reports: Reports) -> WitnessedStatement:
    read = {d.uri: d for one in row.read[:MAX_DATASETS] if (d := _dataset(one, namespace)) and reports(d.uri)}
    inputs, writes, cut = dict(read), [], row.cut
    for one in row.modified[:MAX_DATASETS]:
        output = _dataset(one, namespace)
        if output is not None and reports(output.uri):
            edges = list(islice(_edges(one, namespace, reports), MAX_COLUMNS + 1))
            cut |= len(edges) > MAX_COLUMNS
            for source, _ in edges:
                inputs.setdefault(source.uri, source)
            writes.append(WitnessedWrite(output=output, columns=tuple(edge for _, edge in edges[:MAX_COLUMNS])))
    hidden = len(row.read) > MAX_DATASETS or len(row.modified) > MAX_DATASETS
    return WitnessedStatement(
        query_id=row.query_id,
        started=row.started,
        inputs=tuple(inputs.values()),
        writes=tuple(writes),
        cut=cut or hidden,
    )


def _dataset(one: Mapping[str, Any], namespace: str) -> EventDataset | None:
    found = _kind_and_name(one)
    return EventDataset(namespace=namespace, name=found[1], kind=found[0]) if found else None


def _kind_and_name(one: Mapping[str, Any]) -> tuple[str, str] | None:
    """The kind and the full name of an object that holds rows; None for others, and for what has no full name."""
    kind, name = _KINDS.get(str(one.get("objectDomain", "")).lower()), _name(one.get("objectName"))
    if kind is None or name is None:
        return None
    if kind == "stage":
        return (kind, f"@{name}") if str(one.get("stageKind", "")).lower() in _NAMED_STAGES else None
    return kind, name


def _edges(one: Mapping[str, Any], namespace: str, reports: Reports) -> Iterator[tuple[EventDataset, EventColumnEdge]]:
    """The sources of each column that was written, among the tables and views that the statement named."""
    for column in _columns(one):
        target, direct = _unquoted(column.get("columnName")), column.get("directSources")
        for source in direct if isinstance(direct, list) else ():
            if isinstance(source, Mapping) and target and (of := _dataset(source, namespace)):
                name = _unquoted(source.get("columnName"))
                if name and reports(of.uri):
                    # The view says that a value goes into the column, and not whether it is changed on its way.
                    yield (
                        of,
                        EventColumnEdge(
                            column=target, source=of.uri, source_column=name, transformation="TRANSFORMATION"
                        ),
                    )


def _columns(one: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = one.get("columns")
    return [part for part in found if isinstance(part, Mapping)] if isinstance(found, list) else []


def _name(text: Any) -> str | None:
    """The full name of an object, `DB.SCHEMA.NAME`, in which the view quotes parts as SQL does."""
    parts = split_name(str(text or ""))
    return join_name([part for part in parts if part]) if len(parts) == 3 and all(parts) else None


def _unquoted(text: Any) -> str:
    name = str(text or "")
    return name[1:-1].replace('""', '"') if len(name) > 1 and name[0] == name[-1] == '"' else name
