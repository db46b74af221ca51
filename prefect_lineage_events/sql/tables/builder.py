"""A statement in the making: what the readers of this room fill in, one finding at a time."""

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
    """`inputs` and `outputs` keep the order in which they were found, each once. `refs` tells, by `id(node)`, what the
    table nodes of `tree` stand for; None for a node that names no table (a CTE, a bind). `nodes` are those of a tree
    that was walked, itself first. `unions` are the tables whose rows a function puts together, by its `id(node)`.
    `body` are the statements whose columns count as this one's: those of a procedure. `columns` are those found in a
    tree that is gone.
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
        """A statement of which no more is known than why it was not read."""
        return cls(context, confidence="partial", reason=reason)

    def read(self, table: TableRef | None) -> None:
        if is_hidden(table):
            self.doubt("partial", HIDDEN_REASON)
        elif table is not None:
            self.inputs[table] = None
            self.from_program |= is_client_side(table)

    def write(self, table: TableRef | None, temporary: bool = False) -> TableRef | None:
        """Note an output; returns it as it was noted, marked temporary where it is."""
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
        """Is it a statement that nobody needs to hear of: no table, no change of the session, no doubt?"""
        found = self.inputs or self.outputs or self.session or self.declared or self.reason or self.control
        return not (found or self.commits or self.may_end_transaction) and self.kind == "misc"

    def doubt(self, confidence: Confidence, reason: str) -> None:
        """Lower the confidence, never raise it; the reason of the greater doubt, and of that the first, is kept."""
        if _RANK[confidence] > _RANK[self.confidence]:
            self.confidence, self.reason = confidence, reason

    def finish(self, fingerprint: str = "", sanitised: str = "", columns: ColumnResult | None = None) -> Statement:
        """The statement, with its columns where they were asked for."""
        for table in (*self.inputs, *self.outputs):
            if table.doubt:
                self.doubt("partial", table.doubt)
        declared: dict[str, Mapping[str, str]] = dict(self.declared)
        if columns is not None:
            if columns.reason:
                self.doubt("partial", columns.reason)
            declared = {**columns.declared, **declared}
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
