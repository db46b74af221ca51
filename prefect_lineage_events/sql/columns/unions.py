"""Relations of UNION, EXCEPT and INTERSECT, combined from those of their branches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlglot import exp

from prefect_lineage_events.sql.columns.expressions import add
from prefect_lineage_events.sql.columns.relations import Output, Relation
from prefect_lineage_events.sql.model import Transformation


def branches_of(node: exp.Expr) -> list[tuple[exp.Expr, Transformation]]:
    """The queries of a left-deep set operation, in order. One after EXCEPT decides over values, but gives none."""
    found: list[tuple[exp.Expr, Transformation]] = []
    while isinstance(node, exp.SetOperation):
        found.append((node.args["expression"], "FILTER" if isinstance(node, exp.Except) else "IDENTITY"))
        node = node.args["this"]
        if node.args.get("with_") is not None:
            break
    found.append((node, "IDENTITY"))
    return found[::-1]


_NEW = -1


def combine(first: Relation, others: Iterable[tuple[Relation, Transformation]], by_name: bool) -> Relation:
    """The relation of a set operation: its first branch names the columns, each adds to them by position (or by name).

    If columns of a branch are unknown, its positions are unknown from there on: its `*` is kept beside the others.
    """
    names = [(o.name, o.label) for o in first.outputs]
    found = [dict.fromkeys(o.lineage) for o in first.outputs]
    hidden = first.hidden
    for relation, how in others:
        hidden &= relation.hidden
        positions = _positions(names, relation.outputs, by_name)
        for output, position in zip(relation.outputs, positions, strict=True):
            if position != _NEW:
                add(output.lineage, how, found[position])
            elif output.lineage:
                names.append((output.name, output.label))
                found.append({})
                add(output.lineage, how, found[-1])
    return Relation(
        [Output(n, tuple(f), label) for (n, label), f in zip(names, found, strict=True)], hidden, first.filler
    )


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
