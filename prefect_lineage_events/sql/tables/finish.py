"""The last step of reading a statement: its columns, and the statement itself."""

from __future__ import annotations

from sqlglot import exp

from prefect_lineage_events.sql.columns import ColumnResult, cloned, column_edges, joined
from prefect_lineage_events.sql.model import Statement
from prefect_lineage_events.sql.redaction.shown_names import Literals, without_values
from prefect_lineage_events.sql.tables.builder import StatementBuilder
from prefect_lineage_events.sql.tables.parser import take_apart
from prefect_lineage_events.sql.temporary_names import as_temporary, has_temporary_views


def finished(builder: StatementBuilder, fingerprint: str, sanitised: str, literals: Literals) -> Statement:
    """The statement of a builder; `literals` are those of its text."""
    statement = builder.finish(fingerprint, sanitised, _result(builder))
    return without_values(statement, literals, builder.context.schemas, builder.context.dialect)


def close(builder: StatementBuilder) -> None:
    """Find the columns of a builder now, so that its tree need not be kept until all of its text has been read."""
    builder.columns = _result(builder)
    release(builder)


def release(builder: StatementBuilder) -> None:
    """Release the trees of a builder and of its body."""
    for part in builder.body:
        release(part)
    take_apart(builder.tree, builder.nodes)
    builder.tree, builder.nodes, builder.refs, builder.unions = None, [], {}, {}


def _result(builder: StatementBuilder) -> ColumnResult | None:
    if isinstance(builder.tree, exp.Create) and any(table.temporary for table in builder.inputs):
        _make_views_temporary(builder)
    return _columns(builder) if builder.context.columns else None


def _make_views_temporary(builder: StatementBuilder) -> None:
    """Make a view of a temporary table temporary, as PostgreSQL does without a word for it."""
    if builder.tree is None or builder.tree.args.get("kind") != "VIEW" or not has_temporary_views(builder.context):
        return
    for view in [table for table in builder.outputs if not table.temporary]:
        own = as_temporary(view, builder.context)
        del builder.outputs[view]
        builder.outputs[own] = None
        builder.refs.update({node: own for node, table in builder.refs.items() if table == view})
        if view.name in builder.declared:
            builder.declared[own.name] = builder.declared.pop(view.name)


def _columns(builder: StatementBuilder) -> ColumnResult | None:
    if builder.columns is not None:
        return builder.columns
    if builder.body:
        return joined([result for part in builder.body if (result := _columns(part))])
    if builder.effect == "clone":
        return joined([cloned(source, target, builder.context.schemas) for source, target in builder.renames])
    if builder.tree is None:
        return None
    writes_a_query = builder.outputs and isinstance(builder.tree, (exp.Query, exp.Values, exp.Table, exp.Pivot))
    return column_edges(
        builder.tree,
        resolve=lambda table: builder.refs.get(id(table)),
        unions=builder.unions,
        schemas=builder.context.schemas,
        dialect=builder.context.dialect,
        variables=builder.context.locals,
        statement=builder.finish() if writes_a_query else None,
    )
