"""Names after FROM that are arrays of a source in scope, not tables: BigQuery's `FROM t AS a, a.items`.

A range variable has precedence over a dataset of its name.
https://cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax#correlated_join
"""

from __future__ import annotations

from sqlglot import exp
from sqlglot.expressions import Expr

from prefect_lineage_events.dialects import dialect_of


class Arrays:
    """The arrays of one statement's tree; the sources of each of its queries are listed once."""

    def __init__(self, dialect: str) -> None:
        self._correlates = dialect_of(dialect).correlated_arrays
        self._listed: dict[int, dict[str, int]] = {}

    def holds(self, node: exp.Table) -> bool:
        """Return whether the first part of a name is a source before it, or one of an enclosing query."""
        above = node.args.get("catalog") or node.args.get("db")
        if not self._correlates or not isinstance(above, exp.Identifier):
            return False
        name = above.name.lower()
        child: Expr = node
        while (parent := child.parent) is not None:
            if isinstance(parent, exp.Select):
                is_source = isinstance(child, exp.From | exp.Join)
                # a source may use those before it; a query among the sources may use none of them
                end = _position(child) if is_source else len(parent.args.get("joins") or ()) + 1
                if (not is_source or child.this is node) and self._sources(parent).get(name, end) < end:
                    return True
            child = parent
        return False

    def _sources(self, select: exp.Select) -> dict[str, int]:
        listed = self._listed.get(id(select))
        if listed is None:
            listed = self._listed[id(select)] = {}
            for item in (select.args.get("from_"), *(select.args.get("joins") or ())):
                if item is not None:
                    listed.setdefault(_name_of(item.this), _position(item))
        return listed


def _position(item: Expr) -> int:
    """The position of a source: 0 for FROM, then the joins."""
    return 0 if isinstance(item, exp.From) else (item.index or 0) + 1


def _name_of(source: Expr) -> str:
    alias = source.args.get("alias")
    columns = alias.args.get("columns") if isinstance(alias, exp.TableAlias) else None
    named = columns[0] if isinstance(source, exp.Unnest) and columns else source
    return str(named.alias_or_name).lower()
