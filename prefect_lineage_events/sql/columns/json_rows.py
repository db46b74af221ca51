"""Functions that make rows of JSON documents and arrays: the part of the document that each of their columns has.

`value` of `json_each(payload, '$.items')` is `payload:items[]`; a column of a JSON_TABLE of `$.items[*]` with the path
`$.sku` is `payload:items[].sku`. The members of an object count as its elements, and an object of which one row is
made counts as an element. A function whose rows come from any depth has no such columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlglot import exp

from prefect_lineage_events.sql.columns.expressions import lineage_of, name_of
from prefect_lineage_events.sql.columns.json_paths import ELEMENTS_BY_NAME, column_opened, extended
from prefect_lineage_events.sql.columns.paths import path_of_text
from prefect_lineage_events.sql.columns.relations import ALL, EACH, UNKNOWN, Lineage, Step
from prefect_lineage_events.sql.columns.rules import ColumnRules
from prefect_lineage_events.sql.columns.scopes import Scope
from prefect_lineage_events.sql.columns.transformations import COMPOSED

_MEMBERS = frozenset({"json_each", "jsonb_each", "json_each_text", "jsonb_each_text"})
_RECORDS: dict[str, list[Step]] = {
    "json_to_record": [],
    "jsonb_to_record": [],
    "json_to_recordset": [EACH],
    "jsonb_to_recordset": [EACH],
}
_Parts = dict[str, Sequence[Step]]


class RowsOfDocument(NamedTuple):
    """The document of which rows are made, and the steps from it to columns of the rows, by their names."""

    document: exp.Expr
    parts: _Parts

    def lineages(self, scope: Scope) -> dict[str, Lineage]:
        """The lineage of each of the columns; none where the document is no part of a column."""
        found = column_opened(self.document)
        if found is None:
            return {}
        lineage = lineage_of(found[0], scope)
        return {name: _part(lineage, found[1], steps) for name, steps in self.parts.items()}


def element_of(lineage: Lineage) -> Lineage:
    """The lineage of each element of an array."""
    return _part(lineage, (), (EACH,))


def rows_of_document(function: exp.Expr, names: Sequence[str], rules: ColumnRules) -> RowsOfDocument | None:
    """The document of a function, and the parts that its columns have, as far as the text says them; None for others.

    `names` are the columns of the function's rows.
    """
    if not names:
        return None
    document = function.args.get("this")
    if isinstance(function, (exp.JSONTable, exp.OpenJSON)) and isinstance(document, exp.Expr):
        path = _literal(function.args.get("path"))
        if path is None:
            return None
        if isinstance(function, exp.JSONTable):
            schema = function.args.get("schema")
            return RowsOfDocument(document, dict(_columns(schema, _each(path), rules)))
        if function.args.get("expressions"):
            return RowsOfDocument(document, dict(_columns(function, [*path, EACH], rules)))
        return RowsOfDocument(document, {rules.plain("value"): [*path, EACH]})
    if isinstance(function, exp.Explode):
        return _flattened(function, names, rules) if rules.exploded else _exploded(function, names)
    if not isinstance(function, exp.Anonymous) or not function.args.get("expressions"):
        return None
    document, *others = function.args["expressions"]
    name = str(function.args["this"]).lower()
    if name in ELEMENTS_BY_NAME and not others:
        return RowsOfDocument(document, {names[0]: [EACH]})
    if name in _MEMBERS and len(names) > 1:
        path = _literal(others[0]) if others else []
        return RowsOfDocument(document, {names[1]: [*path, EACH]}) if path is not None else None
    if name in _RECORDS:
        return RowsOfDocument(document, {one: [*_RECORDS[name], one] for one in names})
    return None


def _part(lineage: Lineage, steps: Sequence[Step], inner: Sequence[Step]) -> Lineage:
    """The lineage of a part of a column, `inner` from the document on, which is the column's part after `steps`."""
    path = [*steps, UNKNOWN] if ALL in steps else [*steps, *inner]
    found = extended(lineage, path, unchanged=True)
    return tuple((base, column, COMPOSED["TRANSFORMATION"][how]) for base, column, how in found)


def _flattened(function: exp.Expr, names: Sequence[str], rules: ColumnRules) -> RowsOfDocument | None:
    """FLATTEN, by position or by name: docs.snowflake.com/en/sql-reference/functions/flatten."""
    given: dict[str, exp.Expr] = {}
    for at, argument in enumerate([function.args["this"], *(function.args.get("expressions") or ())]):
        if isinstance(argument, exp.Kwarg):
            given[argument.this.name.lower()] = argument.args["expression"]
        else:
            given[("input", "path", "outer", "recursive", "mode")[min(at, 4)]] = argument
    path = _literal(given.get("path"))
    recursive = given.get("recursive")
    is_flat = recursive is None or (isinstance(recursive, exp.Boolean) and not recursive.args.get("this"))
    if path is None or "input" not in given or not is_flat or len(names) < len(rules.exploded):
        return None
    value, this = (rules.exploded.index(name) for name in ("VALUE", "THIS"))
    return RowsOfDocument(given["input"], {names[value]: [*path, EACH], names[this]: path})


def _exploded(function: exp.Expr, names: Sequence[str]) -> RowsOfDocument | None:
    """EXPLODE of an array has one column, POSEXPLODE has its position before it; those of a map have two."""
    wanted = 2 if isinstance(function, exp.Posexplode) else 1
    return RowsOfDocument(function.args["this"], {names[-1]: [EACH]}) if len(names) == wanted else None


def _columns(node: Any, above: Sequence[Step], rules: ColumnRules) -> Iterator[tuple[str, Sequence[Step]]]:
    """The columns that JSON_TABLE and OPENJSON list, each by its path or its own name; nested ones below theirs."""
    for column in node.args.get("expressions") or () if isinstance(node, exp.Expr) else ():
        name, nested, path = column.args.get("this"), column.args.get("nested_schema"), column.args.get("path")
        steps = _literal(path) if path else None
        if nested is not None and steps is not None:
            yield from _columns(nested, [*above, *_each(steps)], rules)
        elif isinstance(name, exp.Expr) and not column.args.get("ordinality"):
            own = [name.name] if not path else steps if steps is not None else [UNKNOWN]
            yield name_of(name, rules), [*above, *own]


def _each(steps: Sequence[Step]) -> list[Step]:
    """A path whose `[*]` makes rows."""
    return [EACH if step == ALL else step for step in steps]


def _literal(path: Any) -> list[Step] | None:
    """The steps of a literal path; none where no path is given, None for any other expression."""
    if not path:
        return []
    return path_of_text(path.name) if isinstance(path, exp.Literal) and path.is_string else None
