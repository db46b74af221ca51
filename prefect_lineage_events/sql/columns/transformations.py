"""Transformations of a value between columns, in OpenLineage's words, and the role of each node of a tree in them.

The words are those of OpenLineage's column lineage facet
(openlineage.io/docs/spec/facets/dataset-facets/column_lineage_facet). A cast changes the value, so it is a
TRANSFORMATION; only renaming, parentheses and the fields of a struct keep IDENTITY.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import get_args

from sqlglot import exp

from prefect_lineage_events.sql.model import DIRECT, Transformation

_STRENGTH = {"IDENTITY": 0, "TRANSFORMATION": 1, "AGGREGATION": 2}


def _compose(outer: Transformation, inner: Transformation) -> Transformation:
    """Compose two transformations: the result is a direct one only if both are."""
    if outer not in DIRECT:
        return outer
    if inner not in DIRECT:
        return inner
    return outer if _STRENGTH[outer] >= _STRENGTH[inner] else inner


COMPOSED: dict[Transformation, dict[Transformation, Transformation]] = {
    outer: {inner: _compose(outer, inner) for inner in get_args(Transformation)} for outer in get_args(Transformation)
}


class Role(IntEnum):
    """Role of a node: its effect on the columns below it."""

    COLUMN = 0
    LEAF = 1  # nothing below it can be a column
    SAME = 2  # passes on the value below it
    VALUE = 3  # makes another value of it
    AGGREGATE = 4
    WINDOW = 5
    CHOICE = 6  # CASE, IF, NVL2, ELT: conditions below `this`, values elsewhere
    QUERY = 7
    TEST = 8  # EXISTS: uses the rows of a query, not their values
    DOT = 9
    FILTERED = 10  # AGG(...) FILTER (WHERE ...)
    ORDERED = 11  # AGG(... ORDER BY ...)
    WITHIN = 12  # AGG(...) WITHIN GROUP (ORDER BY ...)
    STAR = 13
    COUNT = 14
    PARAMETER = 15
    CALL = 16  # a function that sqlglot does not know: see its name
    BIND = 17
    OPENED = 18  # a field or an element is taken out of what is below it
    CHOSEN = 19  # the value of one row of many, chosen by another value: MAX_BY(a, b), ANY_VALUE(a HAVING MAX b)
    LESS = 20  # `a - b`, which may leave a field out of an object
    MEMBER = 21  # `a IN b`, whose right side may be a table
    COMPREHENDED = 22  # a list made of the elements of another
    LAMBDA = 23  # `x -> x + 1`, or the operator of JSON in an argument: `f(payload -> 'a')`
    DECODED = 24  # DECODE(a, b, x, y): `a` and `b` decide, `x` and `y` go in
    NULLED = 25  # NULLIF(a, b): `a` goes in unless `b` decides otherwise
    COMBINED = 26  # ClickHouse's sumIf(a, b): `b` chooses the rows


ROLES: dict[type[exp.Expr], Role] = {
    exp.Column: Role.COLUMN,
    exp.Pseudocolumn: Role.LEAF,
    exp.Literal: Role.LEAF,
    exp.Identifier: Role.LEAF,
    exp.Null: Role.LEAF,
    exp.Boolean: Role.LEAF,
    exp.DataType: Role.LEAF,
    exp.Var: Role.LEAF,
    exp.JSONPath: Role.LEAF,
    exp.Placeholder: Role.BIND,
    exp.TableAlias: Role.LEAF,
    exp.WindowSpec: Role.LEAF,
    exp.Alias: Role.SAME,
    exp.Paren: Role.SAME,
    exp.Where: Role.SAME,
    exp.Having: Role.SAME,
    exp.Qualify: Role.SAME,
    exp.Group: Role.SAME,
    exp.Order: Role.ORDERED,
    exp.Ordered: Role.SAME,
    exp.PropertyEQ: Role.SAME,
    exp.Tuple: Role.SAME,
    exp.Window: Role.WINDOW,
    exp.Case: Role.CHOICE,
    exp.If: Role.CHOICE,
    exp.Nvl2: Role.CHOICE,
    exp.Elt: Role.CHOICE,
    exp.DecodeCase: Role.DECODED,
    exp.Nullif: Role.NULLED,
    exp.CombinedAggFunc: Role.COMBINED,
    exp.CombinedParameterizedAgg: Role.COMBINED,
    exp.Exists: Role.TEST,
    exp.Dot: Role.DOT,
    exp.Filter: Role.FILTERED,
    exp.WithinGroup: Role.WITHIN,
    exp.Star: Role.STAR,
    exp.Columns: Role.STAR,
    exp.Apply: Role.STAR,
    exp.Bracket: Role.OPENED,
    exp.JSONExtract: Role.OPENED,
    exp.JSONExtractScalar: Role.OPENED,
    exp.JSONBExtract: Role.OPENED,
    exp.JSONBExtractScalar: Role.OPENED,
    exp.JSONValue: Role.OPENED,
    exp.StructExtract: Role.OPENED,
    exp.GetExtract: Role.OPENED,
    exp.Sub: Role.LESS,
    exp.In: Role.MEMBER,
    exp.Comprehension: Role.COMPREHENDED,
    exp.Lambda: Role.LAMBDA,
    exp.JSONBDeleteAtPath: Role.LESS,
    exp.ArgMax: Role.CHOSEN,
    exp.ArgMin: Role.CHOSEN,
    exp.HavingMax: Role.CHOSEN,
    exp.Count: Role.COUNT,
    exp.Parameter: Role.PARAMETER,
    exp.Anonymous: Role.CALL,
    # these pass on the value of one row of many: they aggregate nothing
    exp.Lag: Role.VALUE,
    exp.Lead: Role.VALUE,
    exp.FirstValue: Role.VALUE,
    exp.LastValue: Role.VALUE,
    exp.NthValue: Role.VALUE,
}

# Aggregates that sqlglot keeps as functions it does not know.
_AGGREGATES_BY_NAME = frozenset(
    {"every", "any", "bit_and", "bit_or", "bit_xor", "bool_or", "bool_and", "xmlagg", "collect", "first", "last",
     "median", "wm_concat", "sys_xmlagg", "ratio_to_report", "json_arrayagg", "json_objectagg", "json_group_array",
     "json_group_object", "jsonb_group_array", "jsonb_group_object", "histogram", "product", "mad", "entropy", "favg",
     "fsum", "kahan_sum", "geometric_mean", "numeric_histogram", "histogram_numeric", "some", "stats_mode", "total",
     "varp", "stdevp", "vector_avg", "vector_sum"}
)  # fmt: skip


def aggregates(name: str) -> bool:
    """True for an aggregate by its name in lower case, which sqlglot does not know."""
    return name in _AGGREGATES_BY_NAME or name.endswith("_agg")


# Functions that choose one of their arguments: by the first one, or by each second one.
CHOOSING_BY_NAME = frozenset({"choose", "elt", "nvl2"})
CHOOSING_BY_PAIRS = frozenset({"multiif"})
# The condition of a combinator of ClickHouse's aggregates, which the last argument states: sumIf, sumIfOrNull.
COMBINED_WITH_IF = re.compile(r"If(?=[A-Z]|\Z)")

# Functions that take a field out of their first argument.
OPENING_BY_NAME = frozenset(
    {"tupleelement", "struct_extract", "jsonb_extract_path", "jsonb_extract_path_text", "json_extract_path",
     "json_extract_path_text", "json_extract_string", "get"}
)  # fmt: skip

# Functions that leave fields of their first argument out, or all others.
LESS_BY_NAME = frozenset({"object_delete", "object_pick", "json_remove", "json_object_delete"})


def role_of(kind: type[exp.Expr]) -> Role:
    """The role of a class of nodes that is met for the first time, by its ancestors; `ROLES` has it from then on."""
    role = ROLES[kind] = _classify(kind)
    return role


def _classify(kind: type[exp.Expr]) -> Role:
    if issubclass(kind, (exp.Query, exp.Subquery, exp.Values)):
        return Role.QUERY
    if issubclass(kind, exp.AggFunc):
        return Role.AGGREGATE
    if issubclass(kind, (exp.DataType, exp.JSONPathPart)):
        return Role.LEAF
    return Role.VALUE


# Methods of a column's value, as opposed to functions of a schema or package (`dbo.f(a)`).
# learn.microsoft.com: xml data type methods, OGC methods on geometry, hierarchyid; docs.oracle.com: XMLType
_METHODS = frozenset(
    {"value", "query", "nodes", "exist", "modify", "tostring", "getlevel", "getancestor", "getdescendant",
     "isdescendantof", "extract", "existsnode", "getclobval", "getblobval", "getstringval", "getnumberval"}
)  # fmt: skip


def is_method(node: exp.Expr) -> bool:
    """True for the call of a method of a column's value: `doc.value('/a', 'int')`, `geo.STArea()`."""
    if node.__class__ is not exp.Dot:
        return False
    call = node.args["expression"]
    name = str(call.this) if call.__class__ is exp.Anonymous else ""
    return name.lower() in _METHODS or (name.startswith("ST") and name[2:3].isupper())
