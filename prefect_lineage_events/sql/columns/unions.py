"""Relations of UNION, EXCEPT and INTERSECT, combined from those of their branches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlglot import exp

from prefect_lineage_events.sql.columns.expressions import add
from prefect_lineage_events.sql.columns.relations import Output, Relation
from prefect_lineage_events.sql.model import Transformation


class Branch(NamedTuple):
    """A query of a set operation. One after EXCEPT decides over values, but gives none (`how`).

    `by_name`: its columns go to those of the same names. Then `mode` may leave out those that the queries before it do
    not have ("left"), or that either side does not have ("inner"), and `listed` those of other names.
    cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax: Set operators, column matching
    """

    query: exp.Expr
    how: Transformation = "IDENTITY"
    by_name: bool = False
    mode: str = ""
    listed: frozenset[str] = frozenset()


def branches_of(node: exp.Expr) -> list[Branch]:
    """The queries of a left-deep set operation, in order."""
    found: list[Branch] = []
    while isinstance(node, exp.SetOperation):
        args = node.args
        how: Transformation = "FILTER" if isinstance(node, exp.Except) else "IDENTITY"
        mode = str(args.get("side") or args.get("kind") or "").lower()
        listed = frozenset(column.name.lower() for column in args.get("on") or ())
        found.append(Branch(args["expression"], how, bool(args.get("by_name")), mode, listed))
        node = args["this"]
        if node.args.get("with_") is not None:
            break
    found.append(Branch(node))
    return found[::-1]


_NEW = -1


def combine(first: Relation, others: Iterable[tuple[Relation, Branch]]) -> Relation:
    """The relation of a set operation: its first branch names the columns, each adds to them by position (or by name).

    If columns of a branch are unknown, its positions are unknown from there on: its `*` is kept beside the others.
    """
    names = [(o.name, o.label) for o in first.outputs]
    found = [dict.fromkeys(o.lineage) for o in first.outputs]
    hidden = first.hidden
    for relation, branch in others:
        hidden &= relation.hidden
        positions = _positions(names, relation.outputs, branch.by_name)
        closed = not any(name == "*" for name, _ in names) and not any(o.name == "*" for o in relation.outputs)
        for output, position in zip(relation.outputs, positions, strict=True):
            if position != _NEW:
                add(output.lineage, branch.how, found[position])
            elif output.lineage and not (closed and branch.mode in ("left", "inner")):
                names.append((output.name, output.label))
                found.append({})
                add(output.lineage, branch.how, found[-1])
        if branch.by_name:
            common = set(positions) if closed and branch.mode == "inner" else None
            kept = [i for i, name in enumerate(names) if _stays(i, name, common, branch.listed)]
            names, found = [names[i] for i in kept], [found[i] for i in kept]
    return Relation(
        [Output(n, tuple(f), label) for (n, label), f in zip(names, found, strict=True)], hidden, first.filler
    )


def _stays(position: int, name: tuple[str, str], common: set[int] | None, listed: frozenset[str]) -> bool:
    if name[0] == "*":
        return True
    return (common is None or position in common) and (not listed or (name[0] or name[1]).lower() in listed)


def _positions(names: list[tuple[str, str]], outputs: Sequence[Output], by_name: bool) -> list[int]:
    """The column that each output of a further branch adds to; `_NEW` for one of its own."""
    end = len(names)
    width = [name == "*" for name, _ in names]
    if not by_name and width == [o.name == "*" for o in outputs]:
        return list(range(end))
    if not by_name and not any(width) and not any(o.name == "*" for o in outputs):
        return [i if i < end else _NEW for i in range(len(outputs))]
    first_star = next((i for i, star in enumerate(width) if star), end)
    by_text = {(name or label).lower(): i for i, (name, label) in enumerate(names)}
    positions: list[int] = []
    for i, output in enumerate(outputs):
        certain = not by_name and i < first_star and not any(o.name == "*" for o in outputs[: i + 1])
        positions.append(i if certain else by_text.get((output.name or output.label).lower(), _NEW))
    return positions
