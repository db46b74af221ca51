"""Builder of a `Statement`: the readers of this room add to it what they find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlglot.expressions import Expr

from prefect_lineage_events.sql.columns import ColumnResult
from prefect_lineage_events.sql.context import Context
from prefect_lineage_events.sql.model import Confidence, Control, Effect, Statement, StatementKind, TableRef
from prefect_lineage_events.sql.names import HIDDEN_REASON, is_client_side, is_hidden
from prefect_lineage_events.sql.temporary_names import as_temporary

_RANK: dict[Confidence, int] = {"exact": 0, "recovered": 1, "partial": 2}


@dataclass(slots=True)
class StatementBuilder:
    """A statement while it is read.

    `inputs` and `outputs` keep the order of their discovery, each once. `refs` maps the `id` of a table node of `tree`
    to its table, or to None for a node that names no table (a CTE, a bind). `nodes` are the nodes of a tree after its
    walk, the root first. `unions` maps the `id` of a function's node to the tables whose rows it combines. `body` are
    the statements of a procedure, whose columns count as this one's. `columns` are those of a tree that has been
    released.
    """

    context: Context
    kind: StatementKind = "misc"
    effect: Effect | None = None
    inputs: dict[TableRef, None] = field(default_factory=dict)
    outputs: dict[TableRef, None] = field(default_factory=dict)
    declared: dict[str, Mapping[str, str]] = field(default_factory=dict)
    renames: list[tuple[TableRef, TableRef]] = field(default_factory=list)
    session: list[tuple[str, str]] = field(default_factory=list)
    from_program: bool = False
    if_exists: bool = False
    if_not_exists: bool = False
    or_replace: bool = False
    calls_procedure: bool = False
    control: Control | None = None
    commits: bool = False
    may_end_transaction: bool = False
    drops_on_commit: bool = False
    confidence: Confidence = "exact"
    reason: str = ""
    tree: Expr | None = None
    nodes: list[Expr] = field(default_factory=list)
    refs: dict[int, TableRef | None] = field(default_factory=dict)
    unions: dict[int, Sequence[TableRef]] = field(default_factory=dict)
    body: list[StatementBuilder] = field(default_factory=list)
    columns: ColumnResult | None = None

    @classmethod
    def unread(cls, context: Context, reason: str) -> StatementBuilder:
        """A statement that was not read, with the reason."""
        return cls(context, confidence="partial", reason=reason)

    def read(self, table: TableRef | None) -> None:
        """Add an input."""
        if is_hidden(table):
            self.doubt("partial", HIDDEN_REASON)
        elif table is not None:
            self.inputs[table] = None
            self.from_program |= is_client_side(table)

    def write(self, table: TableRef | None, temporary: bool = False) -> TableRef | None:
        """Add an output, and return it as added: marked temporary where it is."""
        if is_hidden(table):
            self.doubt("partial", HIDDEN_REASON)
            return None
        if table is None:
            return None
        if temporary and not table.temporary:
            table = as_temporary(table, self.context)
        self.outputs[table] = None
        return table

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing to report: no table, no change of the session, no doubt."""
        found = self.inputs or self.outputs or self.session or self.declared or self.reason or self.control
        does = self.commits or self.may_end_transaction or self.calls_procedure
        return not (found or does) and self.kind == "misc"

    def doubt(self, confidence: Confidence, reason: str) -> None:
        """Lower the confidence, never raise it. The first reason of the lowest confidence is kept."""
        if _RANK[confidence] > _RANK[self.confidence]:
            self.confidence, self.reason = confidence, reason

    def finish(self, fingerprint: str = "", sanitised: str = "", columns: ColumnResult | None = None) -> Statement:
        """Return the statement, with its columns if they are given."""
        for table in (*self.inputs, *self.outputs):
            if table.doubt:
                self.doubt("partial", table.doubt)
        declared: dict[str, Mapping[str, str]] = dict(self.declared)
        if columns is not None:
            if columns.reason:
                self.doubt("partial", columns.reason)
            for name, found in columns.declared.items():
                listed = declared.get(name, {})
                known = {column.lower() for column in listed}
                declared[name] = {**listed, **{c: kind for c, kind in found.items() if c.lower() not in known}}
        return Statement(
            kind=self.kind,
            inputs=tuple(self.inputs),
            outputs=tuple(self.outputs),
            columns=columns.edges if columns else (),
            indirect=columns.indirect if columns else (),
            effect=self.effect,
            declared=declared,
            renames=tuple(self.renames),
            result_columns=columns.result_columns if columns else (),
            from_program=self.from_program,
            bound=columns.bound if columns else {},
            constant=columns.constant if columns else {},
            program_columns=columns.program_columns if columns else {},
            if_exists=self.if_exists,
            if_not_exists=self.if_not_exists,
            or_replace=self.or_replace,
            calls_procedure=self.calls_procedure,
            confidence=self.confidence,
            reason=self.reason,
            fingerprint=fingerprint,
            sanitised=sanitised,
            session=tuple(self.session),
            control=self.control,
            commits=self.commits,
            may_end_transaction=self.may_end_transaction,
            drops_on_commit=self.drops_on_commit,
        )
