"""The analysis of a text as a tree for people, or as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlglot.dialects.dialect import Dialect, Dialects

from prefect_lineage_events.nearness import did_you_mean, nearest
from prefect_lineage_events.sql.analyze import analyze
from prefect_lineage_events.sql.catalogs import is_catalog
from prefect_lineage_events.sql.model import ColumnEdge, Statement, TableRef

# A node of the tree: the text of its line, and the nodes below it.
Node = tuple[str, Sequence["Node"]]

DIALECTS = sorted(dialect.value for dialect in Dialects if dialect.value)


def explain(
    text: str,
    dialect: str,
    database: str | None = None,
    schema: str | None = None,
    as_json: bool = False,
) -> str:
    """Each statement's tables, columns and confidence, as a tree or as a JSON list.

    `dialect` is one of DIALECTS, or "" for the generic one; ValueError names them for any other.
    """
    name = dialect.strip().lower()
    if name and not Dialect.get(name):
        raise ValueError(
            f"unknown dialect {dialect!r}: give one of {', '.join(DIALECTS)}, or '' for generic SQL"
            f"{did_you_mean(nearest(name, DIALECTS))}"
        )
    statements = analyze(text, dialect=name, database=database, schema=schema)
    if as_json:
        return json.dumps([_as_dict(s, name) for s in statements], indent=2)
    if not statements:
        return "no statement"
    return "\n".join(line for number, s in enumerate(statements, 1) for line in _drawn(_node(s, number, name)))


def _node(statement: Statement, number: int, dialect: str) -> Node:
    effect = f" ({statement.effect})" if statement.effect and statement.effect != statement.kind else ""
    confidence = statement.confidence + (f": {statement.reason}" if statement.reason else "")
    below: list[Node] = [(statement.sanitised, ())] if statement.sanitised else []
    below += [(f"reads {_table(t, dialect)}", ()) for t in statement.inputs]
    below += [
        (f"writes {_table(t, dialect)}", _declared(statement.declared.get(t.name, {}))) for t in statement.outputs
    ]
    below += [(f"{statement.effect} {old.spelled} -> {new.spelled}", ()) for old, new in statement.renames]
    below += list(_columns(statement))
    if statement.indirect:
        below.append(("rows decided by", [(_source(edge), ()) for edge in statement.indirect]))
    return f"{number}. {statement.kind}{effect}, {confidence}", below


def _table(table: TableRef, dialect: str) -> str:
    notes: list[str] = [table.kind] if table.kind != "table" else []
    notes += ["temporary"] if table.temporary else []
    notes += ["catalog, not reported"] if is_catalog(table, dialect) else []
    return table.spelled + (f" ({', '.join(notes)})" if notes else "")


def _declared(columns: Mapping[str, str]) -> list[Node]:
    return [(f"{name} {type_}".rstrip(), ()) for name, type_ in columns.items()]


def _columns(statement: Statement) -> Iterator[Node]:
    """One node per target column, and below it the columns that its values come from or that decide over them."""
    by_target: dict[str, list[ColumnEdge]] = {}
    for edge in statement.columns:
        target = edge.target_column if edge.target is None else f"{edge.target.spelled}.{edge.target_column}"
        by_target.setdefault(target, []).append(edge)
    for target, edges in by_target.items():
        yield f"column {target}", [(_source(edge), ()) for edge in edges]


def _source(edge: ColumnEdge) -> str:
    return f"{edge.source.spelled}.{edge.source_part} {edge.transformation.lower().replace('_', ' ')}"


def _drawn(node: Node) -> Iterator[str]:
    text, below = node
    yield text
    for i, child in enumerate(below):
        is_last = i == len(below) - 1
        first, *rest = _drawn(child)
        yield ("└─ " if is_last else "├─ ") + first
        for line in rest:
            yield ("   " if is_last else "│  ") + line


def _as_dict(statement: Statement, dialect: str) -> dict[str, Any]:
    return {
        "kind": statement.kind,
        "effect": statement.effect,
        "confidence": statement.confidence,
        "reason": statement.reason,
        "inputs": [_reference(t, dialect) for t in statement.inputs],
        "outputs": [_reference(t, dialect) for t in statement.outputs],
        "columns": [_edge(edge) for edge in statement.columns],
        "indirect": [_edge(edge) for edge in statement.indirect],
        "declared": {name: dict(columns) for name, columns in statement.declared.items()},
        "renames": [[old.spelled, new.spelled] for old, new in statement.renames],
        "result_columns": list(statement.result_columns),
        "fingerprint": statement.fingerprint,
        "sanitised": statement.sanitised,
    }


def _edge(edge: ColumnEdge) -> dict[str, Any]:
    return {
        "source": edge.source.spelled,
        "source_column": edge.source_column,
        "target": edge.target.spelled if edge.target else None,
        "target_column": edge.target_column,
        "transformation": edge.transformation,
        **({"path": edge.path} if edge.path else {}),
    }


def _reference(table: TableRef, dialect: str) -> dict[str, Any]:
    catalog = is_catalog(table, dialect)
    return {"name": table.spelled, "kind": table.kind, "temporary": table.temporary, "catalog": catalog}
