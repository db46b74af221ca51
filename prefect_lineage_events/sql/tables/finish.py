"""The last step of a statement: its columns, where they were asked for."""

from __future__ import annotations

from sqlglot import exp

from prefect_lineage_events.sql.columns import ColumnResult, cloned, column_edges, joined
from prefect_lineage_events.sql.model import Statement
from prefect_lineage_events.sql.redaction.shown_names import Literals, without_values
from prefect_lineage_events.sql.tables.builder import StatementBuilder
from prefect_lineage_events.sql.tables.parser import take_apart
from prefect_lineage_events.sql.temporary_names import as_temporary, has_temporary_views


def finished(draft: StatementBuilder, fingerprint: str, sanitised: str, literals: Literals) -> Statement:
    """The statement that a draft has become; `literals` are those of its text."""
    statement = draft.finish(fingerprint, sanitised, _result(draft))
    return without_values(statement, literals, draft.context.schemas, draft.context.dialect)


def close(draft: StatementBuilder) -> None:
    """Find the columns of a draft now, so that its tree need not live until all of its text has been read."""
    draft.columns = _result(draft)
    release(draft)


def release(draft: StatementBuilder) -> None:
    """Let the trees of a draft and of its body go."""
    for part in draft.body:
        release(part)
    take_apart(draft.tree, draft.nodes)
    draft.tree, draft.nodes, draft.refs, draft.unions = None, [], {}, {}


def _result(draft: StatementBuilder) -> ColumnResult | None:
    if isinstance(draft.tree, exp.Create) and any(table.temporary for table in draft.inputs):
        _as_its_sources(draft)
    return _columns(draft) if draft.context.columns else None


def _as_its_sources(draft: StatementBuilder) -> None:
    """In PostgreSQL a view of a temporary table is temporary itself, without saying so."""
    if draft.tree is None or draft.tree.args.get("kind") != "VIEW" or not has_temporary_views(draft.context):
        return
    for view in [table for table in draft.outputs if not table.temporary]:
        own = as_temporary(view, draft.context)
        del draft.outputs[view]
        draft.outputs[own] = None
        draft.refs.update({node: own for node, table in draft.refs.items() if table == view})
        if view.name in draft.declared:
            draft.declared[own.name] = draft.declared.pop(view.name)


def _columns(draft: StatementBuilder) -> ColumnResult | None:
    if draft.columns is not None:
        return draft.columns
    if draft.body:
        return joined([result for part in draft.body if (result := _columns(part))])
    if draft.effect == "clone":
        return joined([cloned(source, target, draft.context.schemas) for source, target in draft.renames])
    if draft.tree is None:
        return None
    writes_a_query = draft.outputs and isinstance(draft.tree, (exp.Query, exp.Values, exp.Table, exp.Pivot))
    return column_edges(
        draft.tree,
        resolve=lambda table: draft.refs.get(id(table)),
        unions=draft.unions,
        schemas=draft.context.schemas,
        dialect=draft.context.dialect,
        variables=draft.context.locals,
        statement=draft.finish() if writes_a_query else None,
    )
