"""Common table expressions: which of them a query can see."""

from __future__ import annotations

from sqlglot import exp

from prefect_lineage_events.sql.columns.relations import Relation


class Cte:
    """A common table expression: evaluated when first used, then kept.

    It has no reference to its environment, which refers to it: such a cycle keeps the whole tree of the statement until
    the garbage collector runs, and makes it run.
    """

    __slots__ = ("name", "node", "recursive", "relation", "running")

    def __init__(self, name: str, node: exp.Expr, recursive: bool) -> None:
        self.name = name
        self.node = node
        self.recursive = recursive
        self.relation: Relation | None = None
        self.running = False


class Env:
    """The CTEs a query can see: those of its WITH before `limit`, then those around it. A name's last one counts."""

    __slots__ = ("ctes", "limit", "outer")

    def __init__(self, ctes: dict[str, list[tuple[int, Cte]]], limit: int, outer: Env | None) -> None:
        self.ctes = ctes
        self.limit = limit
        self.outer = outer

    def find(self, name: str) -> tuple[Cte, Env] | None:
        """The CTE of a name, and the CTEs that its own query can see."""
        env: Env | None = self
        while env is not None:
            for position, cte in reversed(env.ctes.get(name, ())):
                if position < env.limit or (position == env.limit and cte.recursive and cte.relation is not None):
                    return cte, Env(env.ctes, position, env.outer)
            env = env.outer
        return None
