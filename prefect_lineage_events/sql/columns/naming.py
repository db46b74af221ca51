"""Names that stores give to expressions without an alias."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from prefect_lineage_events.sql.columns.expressions import name_of
from prefect_lineage_events.sql.columns.relations import Output
from prefect_lineage_events.sql.columns.rules import ColumnRules

# Functions whose node has another name than the text.
_POSTGRES_NAMES: dict[type[exp.Expr], str] = {
    exp.Sum: "sum",
    exp.Avg: "avg",
    exp.Min: "min",
    exp.Max: "max",
    exp.Count: "count",
    exp.Case: "case",
    exp.Coalesce: "coalesce",
    exp.Lower: "lower",
    exp.Upper: "upper",
    exp.RowNumber: "row_number",
    exp.Rank: "rank",
    exp.DenseRank: "dense_rank",
    exp.Exists: "exists",
    exp.Array: "array",
}
_WRAPPERS = (exp.Cast, exp.Paren, exp.Filter, exp.Window, exp.WithinGroup)


def unnamed(item: exp.Expr, before: Sequence[Output], rules: ColumnRules) -> tuple[str, str]:
    """The store's name if its rule is certain ("" otherwise), and our label for the column if it is not.

    `before` are the outputs to the left: some stores count.
    """
    position = len(before) + 1
    label = _label(item, rules)
    if label and item.__class__ is exp.Dot:  # a struct's field, in every store
        return label, ""
    label = label or f"_{position}"
    if rules.naming == "postgres":
        return _postgres_name(item, rules), label
    if rules.naming == "bigquery":
        return f"f{sum(_is_counted(o.name) for o in before)}_", label
    if rules.naming == "hive":
        return f"_c{position - 1}", label
    if rules.naming == "trino":
        return f"_col{position - 1}", label
    return "", label


def _label(item: exp.Expr, rules: ColumnRules) -> str:
    """The name of a cast column or of a struct's field; never the text of a literal, which may be a secret."""
    while isinstance(item, (exp.Cast, exp.Paren)):
        item = item.args["this"]
    is_path = isinstance(item, exp.JSONExtract) and item.args.get("variant_extract")
    if (
        (isinstance(item, exp.Column) and item.this.__class__ is not exp.Literal)
        or is_path
        or (isinstance(item, exp.Dot) and item.expression.__class__ is exp.Identifier)
    ):
        return rules.plain(str(item.output_name))
    return ""


def _is_counted(name: str) -> bool:
    return name[:1] == "f" and name[-1:] == "_" and name[1:-1].isdigit()


def _postgres_name(item: exp.Expr, rules: ColumnRules) -> str:
    """FigureColname of PostgreSQL's parse_target.c: a cast is named like its operand, a call like its function."""
    while isinstance(item, _WRAPPERS):
        item = item.args["this"]
    if isinstance(item, exp.Column):
        return name_of(item.args["this"], rules) if isinstance(item.args["this"], exp.Identifier) else ""
    if isinstance(item, (exp.Anonymous, exp.AnonymousAggFunc)):
        return str(item.args["this"]).lower()
    if isinstance(item, (exp.Binary, exp.Literal)) and not isinstance(item, exp.Func):
        return "?column?"
    return _POSTGRES_NAMES.get(item.__class__, "")
