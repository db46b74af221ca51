"""A second analysis of statements, with the columns of tables that are known from the whole run.

In the flow's process a statement is analysed when it runs, and the columns of its tables are looked up later, together.
So the sources of `SELECT *`, of an INSERT without a column list and of a column that could come from several tables may
be known only here. The text in the event is analysed. A statement without a text keeps its first analysis.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from prefect_lineage_events.events import STAR, Column, EventColumnEdge, EventDataset
from prefect_lineage_events.naming import is_embedded, split_name
from prefect_lineage_events.sql import Statement, TableRef, analyze
from prefect_lineage_events.stitching.columns import Schemas
from prefect_lineage_events.stitching.lifetimes import Lifetime, ResolvedStep
from prefect_lineage_events.stitching.provenance import DIRECT
from prefect_lineage_events.stitching.steps import Step

# The beginning of the reason of a statement of which the tables are known, and only columns are not.
_COLUMNS_ONLY = "columns:"
_DOTTED = re.compile(r'(?<![\w."])(?:"?\w{1,99}"?\.){1,2}"?\w{1,99}"?(?![\w."])')
# Ranks of confidence. The lower, the more of a statement was understood.
CONFIDENCE = {"exact": 0, "recovered": 1, "partial": 2}


def resolve_columns(resolved_steps: Iterable[ResolvedStep], schemas: Schemas) -> list[ResolvedStep]:
    """The steps, with column edges of a second analysis if the first one lacked schemas that are known now.

    The columns of tables that a statement creates are added to `schemas`: a later statement may need them.
    """
    return [_again(one, schemas) for one in resolved_steps]


def _again(resolved: ResolvedStep, schemas: Schemas) -> ResolvedStep:
    """The statement by an analysis with these schemas, with each value in the column at its position."""
    understood = _understood(resolved, schemas)
    step = understood.step
    if resolved.target is None or not any(edge.position for edge in step.columns):
        return understood
    return replace(understood, step=replace(step, columns=_by_position(step.columns, schemas.listed(resolved.target))))


def _by_position(edges: Iterable[EventColumnEdge], names: Sequence[str]) -> tuple[EventColumnEdge, ...]:
    """The edges, into the target's columns at their positions. The query's own names of its values do not count.

    If the target's columns are not known, edges of values are left out, and those that decide over a value decide over
    the rows.
    """
    found: list[EventColumnEdge] = []
    for edge in edges:
        at = edge.position - 1 if edge.position > 0 else len(names) + edge.position
        if not edge.position or edge.column == STAR:
            found.append(edge)
        elif 0 <= at < len(names):
            found.append(edge.model_copy(update={"column": names[at], "position": 0}))
        elif edge.transformation not in DIRECT:
            found.append(edge.model_copy(update={"column": STAR, "position": 0}))
    return tuple(dict.fromkeys(found))


def _understood(resolved: ResolvedStep, schemas: Schemas) -> ResolvedStep:
    step = resolved.step
    if not step.info.sql or not _lacked_schemas(resolved, schemas) or not (known := _known(resolved, schemas)):
        return resolved
    statement = _statement(step, known)
    if statement is None:
        return resolved
    tables = {d.uri: d for d in step.datasets}
    edges = column_edges(statement, step.output, tables.values())
    if not {edge.source for edge in step.columns} <= {edge.source for edge in edges}:
        return resolved  # the text names a table as only its connection knew it
    if step.output and resolved.target and step.operation == "create":
        schemas.learn(resolved.target, _declared(statement, step.output))
    info = step.info.model_copy(update={"confidence": statement.confidence, "reason": statement.reason})
    return replace(resolved, step=replace(step, columns=edges, info=info))


def _lacked_schemas(resolved: ResolvedStep, schemas: Schemas) -> bool:
    step = resolved.step
    if step.info.reason.startswith(_COLUMNS_ONLY) or any(e.source_column == STAR or e.position for e in step.columns):
        return True
    if resolved.target is None or step.effect not in ("append", "overwrite"):
        return False
    into = {name.casefold() for name in schemas.names(resolved.target)}
    return bool(into) and any(e.transformation in DIRECT and e.column.casefold() not in into for e in step.columns)


def _known(resolved: ResolvedStep, schemas: Schemas) -> Mapping[str, Mapping[str, str]]:
    """Columns by each unambiguous name that the text may have for a table: `db.schema.t`, `schema.t`, `t`."""
    found: dict[str, list[Lifetime]] = {}
    for lifetime in (*resolved.sources, *([resolved.target] if resolved.target else [])):
        for name in _names_in_text(lifetime, resolved.step.info.sql or ""):
            found.setdefault(name, []).append(lifetime)
    return {
        name: {c.name: c.type or "" for c in schemas.columns(lifetimes[0])}
        for name, lifetimes in found.items()
        if len(set(lifetimes)) == 1 and schemas.columns(lifetimes[0])
    }


def _names_in_text(lifetime: Lifetime, text: str) -> Iterator[str]:
    """The names that a text may have for a table or file."""
    if lifetime.kind != "file":
        parts = split_name(lifetime.name.name)
        yield from (".".join(parts[start:]) for start in range(len(parts)))
        if is_embedded(lifetime.name.namespace.partition("://")[0]):  # in a database that is attached by another name
            dotted = (name.replace('"', "").lower() for name in _DOTTED.findall(text))
            yield from {name for name in dotted if name.rpartition(".")[2] == parts[-1].lower()}
        return
    whole = [part for part in f"{lifetime.name.namespace.partition('://')[2]}/{lifetime.name.name}".split("/") if part]
    for start in range(len(whole)):
        path = "/".join(whole[start:])
        yield from (path, f"./{path}", f"/{path}")
    yield from (lifetime.name.uri, f"file://{lifetime.name.name}", f"file:{lifetime.name.name}")


def _statement(step: Step, known: Mapping[str, Mapping[str, str]]) -> Statement | None:
    """The step's statement by a second analysis, if it is of the same kind and understood at least as well."""
    info = step.info
    statements = analyze(
        info.sql or "", dialect=info.dialect, database=info.database, schema=info.schema_name, schemas=known
    )
    if len(statements) != 1 or statements[0].kind != step.operation:
        return None
    statement = statements[0]
    better = CONFIDENCE[statement.confidence] <= CONFIDENCE[info.confidence]
    return statement if better and len(statement.inputs) >= len(step.inputs) else None


def column_edges(
    statement: Statement, output: EventDataset | None, tables: Iterable[EventDataset]
) -> tuple[EventColumnEdge, ...]:
    """The statement's column edges from these tables into `output` (None: into the result of a read)."""
    named = list(tables)
    edges = []
    for edge in (*statement.columns, *statement.indirect):
        source = dataset_named(edge.source, named)
        if source and (edge.target is None or (output and dataset_named(edge.target, [output]))):
            edges.append(
                EventColumnEdge(
                    column=edge.target_column,
                    source=source.uri,
                    source_column=edge.source_column,
                    transformation=edge.transformation,
                    position=edge.position,
                    path=edge.path,
                )
            )
    return tuple(edges)


def _declared(statement: Statement, output: EventDataset) -> tuple[Column, ...]:
    table = next((t for t in statement.outputs if dataset_named(t, [output])), None)
    columns = statement.declared.get(table.name, {}) if table else {}
    return () if STAR in columns else tuple(Column(name=name, type=type_ or None) for name, type_ in columns.items())


def dataset_named(table: TableRef, among: Sequence[EventDataset]) -> EventDataset | None:
    """The dataset of a table in the text: one name is the end of the other. None if several datasets fit.

    A text alone does not show the schema of its temporary table (`pg_temp`), which the session's analysis has resolved.
    """
    if not table.parts:
        fitting = [d for d in among if _leads_to(table.path, d)]
    else:
        wanted = [part.casefold() for part in table.parts]
        named = [(d, [part.casefold() for part in split_name(d.name)]) for d in among]
        fitting = [d for d, parts in named if _same_end(wanted, parts)] or [
            d
            for d, parts in named
            if parts[-1:] == wanted[-1:]
            and (is_embedded(d.namespace.partition("://")[0]) or (table.temporary and d.temporary))
        ]
    return fitting[0] if len({d.uri for d in fitting}) == 1 else None


def _leads_to(path: str, dataset: EventDataset) -> bool:
    """Return whether a path in the text leads to this file. It is a URL, or begins in the working directory."""
    whole = f"{dataset.namespace.partition('://')[2]}/{dataset.name}".lstrip("/")
    tail = path.partition("://")[2] or path.removeprefix("file:").removeprefix("./")
    return f"/{whole}".endswith(f"/{tail.lstrip('/')}")


def _same_end(one: Sequence[str], other: Sequence[str]) -> bool:
    length = min(len(one), len(other))
    return length > 0 and one[-length:] == other[-length:]
