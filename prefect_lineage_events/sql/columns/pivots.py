"""Relations of PIVOT, UNPIVOT and MATCH_RECOGNIZE."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

from sqlglot import exp

from prefect_lineage_events.sql.columns import stars
from prefect_lineage_events.sql.columns.evaluator import Evaluator, Task
from prefect_lineage_events.sql.columns.expressions import name_of
from prefect_lineage_events.sql.columns.functions import column_names
from prefect_lineage_events.sql.columns.relations import Lineage, Output, Relation, changed
from prefect_lineage_events.sql.columns.rules import ColumnRules
from prefect_lineage_events.sql.columns.scopes import Env, Scope

_DATA = "the columns of a PIVOT are named after values in the data"
_MAX_COLUMNS = 1_000  # of one PIVOT


def pivoted(evaluator: Evaluator, relation: Relation, name: str, pivot: exp.Expr, env: Env | None) -> Task:
    """A source after its PIVOT or UNPIVOT: the columns that it consumes are removed, and its own follow the others."""
    inner = Scope(evaluator.rules)
    inner.add(name, relation)
    made, used = yield from (_unpivot if pivot.args.get("unpivot") else _pivot)(evaluator, pivot, inner, env)
    group = pivot.args.get("group")  # DuckDB: the only columns that are kept
    if group is not None:
        kept = yield from _keys(evaluator, group.args.get("expressions") or (), inner, env)
    else:
        kept = [o for o in relation.outputs if (o.name or o.label).lower() not in used]
    names = column_names(pivot.args.get("alias"), evaluator.rules)
    if names and len(names) >= len(made) and not relation.closed:  # the first names mean unknown columns
        kept = [Output(name, ()) for name in names[: len(names) - len(made)]]
    if not made:  # `FOR x IN (ANY)`
        evaluator.unclear = evaluator.unclear or _DATA
        return Relation([*kept, Output("*", ())], relation.hidden | used, ())
    hidden = frozenset() if group is not None else relation.hidden | used
    result = Relation(kept + made, hidden, None if group is not None else relation.filler)
    return result.renamed(names) if names else result


def _pivot(evaluator: Evaluator, pivot: exp.Expr, scope: Scope, env: Env | None) -> Task:
    """The values' columns: each made of an aggregate, decided by the column whose values they are named after."""
    aggregates = pivot.args.get("expressions") or ()
    fields = [f.args["this"] for f in pivot.args.get("fields") or ()]
    decides: dict[Any, None] = {}
    for field in fields:
        yield from evaluator.into(decides, field, "CONDITIONAL", scope, env)
    values: list[Lineage] = []
    for aggregate in aggregates:
        origins = yield from evaluator.value(aggregate, "IDENTITY", scope, env)
        values.append((*origins, *decides))
    names = [name_of(column, evaluator.rules) for column in pivot.args.get("columns") or ()]
    made = [Output(name, values[i % len(values)]) for i, name in enumerate(names)] if values else []
    return made, _names_in([*fields, *aggregates])


def _unpivot(evaluator: Evaluator, pivot: exp.Expr, scope: Scope, env: Env | None) -> Task:
    """The name column comes from no column, the value columns from those that are turned into rows."""
    targets: Sequence[exp.Expr] = pivot.args.get("expressions") or ()
    if len(targets) == 1 and targets[0].__class__ is exp.Tuple:
        targets = targets[0].args.get("expressions") or ()
    made: list[Output] = []
    used: frozenset[str] = frozenset()
    for field in pivot.args.get("fields") or ():
        rows: list[Sequence[exp.Expr]] = []
        for choice in field.args.get("expressions") or ():
            rows += [(c,) for c in (yield from _listed(evaluator, choice, scope, env))] or [_row(choice)]
        made.append(Output(name_of(field.args["this"], evaluator.rules), ()))
        for i, target in enumerate(targets):
            found: dict[Any, None] = {}
            for row in rows:
                if i < len(row):
                    yield from evaluator.into(found, row[i], "IDENTITY", scope, env)
            made.append(Output(name_of(target, evaluator.rules), tuple(found)))
        used |= _names_in(node for row in rows for node in row)
    return made, used


def _row(choice: exp.Expr) -> Sequence[exp.Expr]:
    """One entry of UNPIVOT's IN list: a column or a tuple of columns, perhaps with a label."""
    node = choice.args["this"] if isinstance(choice, exp.Alias) else choice
    return node.args.get("expressions") or () if node.__class__ is exp.Tuple else (node,)


def pivot_statement(evaluator: Evaluator, node: exp.Expr, source: Relation, scope: Scope, env: Env | None) -> Task:
    """DuckDB's `PIVOT t ON a USING sum(b) GROUP BY c` and `UNPIVOT t ON a, b INTO NAME n VALUE v`."""
    args, rules = node.args, evaluator.rules
    columns: list[exp.Expr] = []
    for column in args.get("expressions") or ():
        columns += (yield from _listed(evaluator, column, scope, env)) or [column]
    used = _names_in([*columns, *(args.get("using") or ())])
    found: dict[Any, None] = {}
    made: list[Output] = []
    if args.get("unpivot"):
        for column in columns:
            yield from evaluator.into(found, column, "IDENTITY", scope, env)
        into = args.get("into")
        labels = [name_of(into.args["this"], rules)] if into is not None else ["name"]
        values = [name_of(v, rules) for v in into.args.get("expressions") or ()] if into is not None else ["value"]
        made = [Output(label, ()) for label in labels] + [Output(value, tuple(found)) for value in values]
    else:
        aggregates = args.get("using") or ()
        for aggregate in aggregates:
            yield from evaluator.into(found, aggregate, "AGGREGATION", scope, env)
        decides: dict[Any, None] = {}
        for column in columns:
            values_of = column.args["this"] if isinstance(column, exp.In) else column
            yield from evaluator.into(decides, values_of, "CONDITIONAL", scope, env)
        found.update(decides)
        counted: list[Lineage] = []
        for aggregate in aggregates:
            origins = yield from evaluator.value(aggregate, "AGGREGATION", scope, env)
            counted.append((*origins, *decides))
        names = _listed_names(columns, aggregates, rules)
        counted = counted or [tuple(decides)]  # without USING, the rows are counted
        made = [Output(name, counted[i % len(counted)]) for i, name in enumerate(names)] or [Output("*", ())]
        if not names:
            evaluator.unclear = evaluator.unclear or _DATA
    group = args.get("group")
    if group is None:
        kept = [o for o in source.outputs if o.name.lower() not in used]
    else:
        kept = yield from _keys(evaluator, group.args.get("expressions") or (), scope, env)
    unlisted = None if args.get("unpivot") else tuple(found) if group is not None else ()
    return Relation([*kept, *made], source.hidden | used, unlisted)


def _listed_names(columns: Sequence[exp.Expr], aggregates: Sequence[exp.Expr], rules: ColumnRules) -> list[str]:
    """The names of PIVOT's columns where the text lists their values: `ON a IN ('x', 'y')`; else none.

    duckdb.org: PIVOT. The values of several columns and an aggregate's name are joined by `_`.
    """
    if not all(isinstance(c, exp.In) and c.args.get("expressions") for c in columns):
        return []
    values = [[v.alias_or_name for v in column.args["expressions"]] for column in columns]
    if not columns or not all(map(all, values)) or math.prod(map(len, values)) * len(aggregates or "1") > _MAX_COLUMNS:
        return []
    one = len(aggregates) < 2
    suffixes = ["_" + (a.alias or a.sql(dialect="duckdb").lower()) if a.alias or not one else "" for a in aggregates]
    joined = ("_".join(combination) for combination in itertools.product(*values))
    return [rules.quoted(name + suffix) for name in joined for suffix in suffixes or [""]]


def _listed(evaluator: Evaluator, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
    """The columns of a star among those to unpivot; none if it is no star, or if its columns are not known."""
    if not stars.is_star(node):
        return []
    found = (yield from stars.listed(evaluator, node, scope, env)).outputs
    if any(o.name == "*" for o in found):
        evaluator.unclear = evaluator.unclear or stars.UNKNOWN
        return []
    return [exp.column(exp.to_identifier(o.name or o.label, quoted=True)) for o in found]


def match(evaluator: Evaluator, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
    """MATCH_RECOGNIZE in place of the sources so far: their columns (all, or its partition's) and its measures."""
    args, rules = node.args, evaluator.rules
    scope.loose = True
    partition = [p for p in args.get("partition_by") or () if isinstance(p, exp.Expr)]
    for key in partition:
        yield from evaluator.decide(key, "WINDOW", scope, env)
    for condition in args.get("define") or ():
        yield from evaluator.decide(condition, "FILTER", scope, env)
    rows = args.get("rows")
    if rows is not None and "ALL ROWS" in str(rows.name).upper():
        made = [o for source in scope.sources.values() for o in source.outputs]
    else:
        made = yield from _keys(evaluator, partition, scope, env)
    for measure in args.get("measures") or ():
        inner = measure.args["this"]
        origins = yield from evaluator.value(inner, "IDENTITY", scope, env)
        name = name_of(inner.args["alias"], rules) if isinstance(inner, exp.Alias) else ""
        made.append(Output(name, changed([tuple(origins)], "TRANSFORMATION")))
    scope.loose = False
    scope.sources.clear()
    scope.dotted.clear()
    alias = args.get("alias")
    own = alias.args.get("this") if isinstance(alias, exp.TableAlias) else None
    scope.add(name_of(own, rules) if own is not None else "", Relation(made))


def _keys(evaluator: Evaluator, nodes: Iterable[exp.Expr], scope: Scope, env: Env | None) -> Task:
    kept: list[Output] = []
    for node in nodes:
        origins = yield from evaluator.value(node, "IDENTITY", scope, env)
        kept.append(Output(name_of(node, evaluator.rules), tuple(origins)))
    return kept


def _names_in(nodes: Iterable[exp.Expr]) -> frozenset[str]:
    found = (c for node in nodes for c in node.find_all(exp.Column, exp.Identifier))
    return frozenset(c.name.lower() for c in found if c.name)
