"""Functions that return rows (FLATTEN, UNNEST, JSON_TABLE, ...): all of their columns are made of their arguments."""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from prefect_lineage_events.sql.columns.evaluator import Evaluator, Task
from prefect_lineage_events.sql.columns.expressions import name_of
from prefect_lineage_events.sql.columns.json_rows import RowsOfDocument, rows_of_document
from prefect_lineage_events.sql.columns.relations import EACH, Lineage, Output, Relation, changed
from prefect_lineage_events.sql.columns.rules import FLATTENED, ColumnRules
from prefect_lineage_events.sql.columns.scopes import Env, Scope

_SPLIT = ("SEQ", "INDEX", "VALUE")  # docs.snowflake.com/en/sql-reference/functions/split_to_table
_EACH = ("key", "value")  # postgresql.org/docs/current/functions-json.html
_COLUMNS: dict[str, tuple[str, ...]] = {
    "flatten": FLATTENED,
    "split_to_table": _SPLIT,
    "strtok_split_to_table": _SPLIT,
    "json_each": _EACH,
    "jsonb_each": _EACH,
    "json_each_text": _EACH,
    "jsonb_each_text": _EACH,
    "json_array_elements": ("value",),
    "jsonb_array_elements": ("value",),
    "json_array_elements_text": ("value",),
    "jsonb_array_elements_text": ("value",),
    "string_split": ("value", "ordinal"),  # learn.microsoft.com/sql/t-sql/functions/string-split-transact-sql
    "openjson": ("key", "value", "type"),  # learn.microsoft.com/sql/t-sql/functions/openjson-transact-sql
}


def rows_of(evaluator: Evaluator, alias: Any, function: exp.Expr, scope: Scope, env: Env | None) -> Task:
    """The relation of a function: columns named by the alias, by its own list, or by the function."""
    rules = evaluator.rules
    if function.__class__ is exp.Stack and (columns := (yield from stacked(evaluator, function, scope, env))):
        names = column_names(alias, rules)
        outputs = [Output(rules.plain(f"col{i}"), lineage) for i, lineage in enumerate(columns)]
        return Relation(outputs).renamed(names) if names else Relation(outputs)
    origins = yield from evaluator.value(function, "TRANSFORMATION", scope, env)
    lineage: Lineage = tuple(origins)
    names = column_names(alias, rules) or _declared(function, rules) or _known(function, rules)
    document = rows_of_document(function, names, rules)
    parts = document.lineages(scope) if document is not None else {}
    row = yield from evaluator.row_of(function, scope, env)
    if row is not None and not row.arrays and isinstance(function, exp.Inline):
        fields = Relation(row.outputs(), value=lineage)
        return fields.renamed(names) if names else fields
    if names:
        if row is None:
            outputs = [Output(name, parts.get(name, lineage)) for name in names]
            return Relation(outputs, value=outputs[0].lineage if len(parts) == 1 and names[0] in parts else lineage)
        value = "VALUE" if "VALUE" in names else names[-1]  # of FLATTEN and POSEXPLODE it is one of several
        return Relation([Output(n, lineage, row=row if n == value else None) for n in names], value=lineage)
    return Relation([Output("*", ())], filler=lineage)


def stacked(evaluator: Evaluator, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
    """The lineages of `stack(2, a, b, c, d)`, whose rows are (a, b) and (c, d); none if the number is not in the text.

    spark.apache.org, docs.databricks.com: stack
    """
    number, values = node.args.get("this"), node.args.get("expressions") or ()
    rows = int(number.name) if number.__class__ is exp.Literal and str(number.name).isdigit() else 0
    if not rows or not values:
        return []
    width = -(-len(values) // rows)
    found: list[dict[Any, None]] = [{} for _ in range(width)]
    for position, value in enumerate(values):
        yield from evaluator.into(found[position % width], value, "IDENTITY", scope, env)
    return [tuple(lineage) for lineage in found]


def unnest(evaluator: Evaluator, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
    """UNNEST: one column per array, named like the alias if that has no list, and perhaps the position."""
    args, rules = node.args, evaluator.rules
    lineages: list[Lineage] = []
    for array in args.get("expressions") or ():
        origins = yield from evaluator.value(array, "TRANSFORMATION", scope, env)
        element = RowsOfDocument(array, {"": [EACH]}).lineages(scope)
        lineages.append(element.get("", tuple(origins)))
    everything = changed(lineages, "TRANSFORMATION")
    row = None
    if len(lineages) == 1:
        row = yield from evaluator.row_of(args["expressions"][0], scope, env)
        row = row.through("TRANSFORMATION", arrays=-1) if row is not None else None
    alias = args.get("alias")
    names = column_names(alias, rules)
    if not names and isinstance(alias, exp.TableAlias) and alias.args.get("this") is not None:
        names = [name_of(alias.args["this"], rules)]
    if row is not None and not row.arrays and (rules.unnests_fields or len(names) == len(row.fields.outputs) > 1):
        fields = row.outputs()
        if not rules.unnests_fields:
            fields = [field._replace(name=name) for field, name in zip(fields, names, strict=True)]
        return Relation([*fields, *_position(args, rules)], value=everything)
    one_each = len(names) == len(lineages)  # else an array of maps or rows: which column is which is not in the text
    outputs = [Output(n, lineages[i] if one_each else everything, row=row) for i, n in enumerate(names)]
    outputs += _position(args, rules)
    value = lineages[0] if len(lineages) == 1 and rules.unnests_fields else None
    return Relation(outputs or [Output("*", ())], filler=everything, value=value)


def _position(args: dict[str, Any], rules: ColumnRules) -> list[Output]:
    """WITH OFFSET AS i."""
    offset = args.get("offset")
    return [Output(name_of(offset, rules), ())] if isinstance(offset, exp.Expr) else []


def function_name(node: exp.Expr) -> str:
    """The name of a function in a FROM clause, in lower case."""
    if isinstance(node, exp.Anonymous):
        return str(node.args["this"]).lower()
    if isinstance(node, exp.OpenJSON):
        return "openjson"
    return node.sql_name().lower() if isinstance(node, exp.Func) and node.sql_names() else ""


def column_names(alias: Any, rules: ColumnRules) -> list[str]:
    """The column names in `AS t (a, b)`."""
    if not isinstance(alias, exp.TableAlias):
        return []
    columns = alias.args.get("columns") or ()
    return [name_of(c.args["this"] if c.__class__ is exp.ColumnDef else c, rules) for c in columns]


def _known(function: exp.Expr, rules: ColumnRules) -> list[str]:
    names = rules.exploded if isinstance(function, exp.Explode) else _COLUMNS.get(function_name(function), ())
    return [rules.plain(name) for name in names]


def _declared(function: exp.Expr, rules: ColumnRules) -> list[str]:
    """The columns that JSON_TABLE, XMLTABLE and OPENJSON list themselves."""
    schema = function.args.get("schema")
    listed = schema.args.get("expressions") if isinstance(schema, exp.JSONSchema) else function.args.get("columns")
    if isinstance(function, exp.OpenJSON):
        listed = function.args.get("expressions")
    names: list[str] = []
    waiting = list(listed or ())[::-1]
    while waiting:
        column = waiting.pop()
        if not isinstance(column, (exp.JSONColumnDef, exp.ColumnDef, exp.OpenJSONColumnDef)):
            continue
        nested, this = column.args.get("nested_schema"), column.args.get("this")
        if nested is not None:
            waiting.extend(reversed(nested.args.get("expressions") or ()))
        elif this is not None:
            names.append(name_of(this, rules) if isinstance(this, exp.Expr) else rules.plain(str(this)))
    return names
