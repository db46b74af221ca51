"""The evaluation of a statement, as a protocol for the files that evaluate a part of one.

`Queries` (`queries.py`) implements it. It calls those files, and they call it back through this protocol, so that no
file imports the one above it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, Protocol

from sqlglot import exp

from prefect_lineage_events.sql.columns.expressions import Budget, Found
from prefect_lineage_events.sql.columns.relations import Base, Relation, Row
from prefect_lineage_events.sql.columns.rules import ColumnRules
from prefect_lineage_events.sql.columns.scopes import Cte, Env, Scope
from prefect_lineage_events.sql.model import TableRef, Transformation

Task = Generator[Any, Any, Any]
"""A generator that yields the tasks whose results it needs, and returns its own result."""
Resolve = Callable[[exp.Expr], "TableRef | None"]


class Evaluator(Protocol):
    """The evaluation of one statement's queries.

    `decisions` are the columns that decide over rows, in all queries of the statement. `unclear` is the
    first thing that the text leaves open. `unions` are the tables whose rows a function puts together, by the `id` of
    its node. `rows` are the fields of expressions, by node and scope, each evaluated once.
    """

    resolve: Resolve
    rules: ColumnRules
    budget: Budget
    decisions: Found
    unclear: str
    unions: Mapping[int, Sequence[TableRef]]
    rows: dict[tuple[int, int], tuple[Row | None, Scope]]

    def base(self, ref: TableRef) -> Base:
        """The one origin that stands for a table in this statement."""

    def query(self, node: exp.Expr, env: Env | None, parent: Scope | None) -> Task:
        """The task whose result is the relation of a query."""

    def nested(self, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
        """The relation of a query inside an expression, evaluated once in its scope."""

    def cte(self, cte: Cte, env: Env) -> Task:
        """The relation of a CTE, whose query may use the CTEs of `env`."""

    def renamed(self, relation: Relation, names: Sequence[str]) -> Relation:
        """A relation with other names for its columns, by position."""

    def value(self, node: exp.Expr, how: Transformation, scope: Scope, env: Env | None) -> Task:
        """The origins of an expression, those of the queries inside it included."""

    def into(self, found: Found, node: exp.Expr, how: Transformation, scope: Scope, env: Env | None) -> Task:
        """Add the origins of an expression to `found`."""

    def row_of(self, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
        """The fields of an expression's value; None if it is no struct, or if the struct is not known."""

    def decide(self, node: exp.Expr | None, how: Transformation, scope: Scope, env: Env | None) -> Task:
        """Add the columns of a condition or key to those that decide over rows."""
