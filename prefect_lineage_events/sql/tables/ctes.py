"""CTEs of a statement, and the table nodes that refer to one."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp
from sqlglot.expressions import Expr

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.naming import fold


class Ctes:
    """The CTEs of one statement's tree, by their WITH clauses."""

    def __init__(self, nodes: Iterable[Expr], dialect: str) -> None:
        self.dialect = dialect
        self.clauses = [node for node in nodes if isinstance(node, exp.With)]
        self.withs = {id(node): names_of(node, dialect) for node in self.clauses}

    def holds(self, node: exp.Table | exp.Lateral) -> bool:
        """Return whether a node refers to a CTE that is in scope there."""
        if not self.withs or not isinstance(node.this, exp.Identifier) or self._is_qualified(node):
            return False
        name = key_of(node.this, self.dialect)
        child: Expr = node
        parent = node.parent
        while parent is not None:
            if isinstance(parent, exp.With):
                if self._in_scope(parent, child, name):
                    return True
            else:
                clause = parent.args.get("with_")
                if clause is not None and clause is not child and name in self.withs.get(id(clause), ()):
                    return True
            child, parent = parent, parent.parent
        return False

    def _is_qualified(self, node: exp.Table | exp.Lateral) -> bool:
        """Return whether a schema stands before the name; `recurring` is none (duckdb.org: USING KEY)."""
        schema = node.args.get("db")
        recurs = dialect_of(self.dialect).recurring_tables and schema is not None and schema.name.lower() == "recurring"
        return schema is not None and (not recurs or node.args.get("catalog") is not None)

    def _in_scope(self, clause: exp.With, cte: Expr, name: str) -> bool:
        """Return whether `name` is in scope within `cte` of `clause`: an earlier CTE, or itself, recursively."""
        names = self.withs[id(clause)]
        if name not in names:
            return False
        own = cte.index
        found = names[name]
        if own is None or found < own:
            return True
        if found > own:
            return bool(clause.recursive)
        return bool(clause.recursive) or (
            dialect_of(self.dialect).implicit_recursion and isinstance(cte.this, exp.SetOperation)
        )


def names_of(clause: Expr, dialect: str) -> dict[str, int]:
    """The names of a WITH clause's CTEs, and the position of each."""
    names: dict[str, int] = {}
    for at, cte in enumerate(clause.expressions):
        alias = cte.args.get("alias")
        if alias is not None and isinstance(alias.this, exp.Identifier):
            names.setdefault(key_of(alias.this, dialect), at)
    return names


def key_of(identifier: exp.Identifier, dialect: str) -> str:
    """The key by which two names of one statement are compared; the case of a name is never part of it."""
    text = identifier.name
    folded = fold(text, bool(identifier.args.get("quoted")), dialect)
    return folded.lower() if folded is text else folded
