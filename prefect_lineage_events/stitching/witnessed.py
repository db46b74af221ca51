"""Statements that the analysis understood in part, completed by what the warehouse's access history says of them. Pure.

The warehouse knows the tables and columns that a statement touched, whatever its text. Its word counts for statements
whose analysis is `partial` or `recovered`, and for calls of procedures; an exact analysis stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from uuid import uuid5

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.events import EventDataset, LineageEvent, StatementInfo
from prefect_lineage_events.history.model import RunHistory
from prefect_lineage_events.history.witnessed import Witnessed, WitnessedStatement, WitnessedWrite
from prefect_lineage_events.stitching.steps import Step

_ONE = "the warehouse's access history was asked about one of several executions"
_CUT = "the warehouse's access history has only a part of it"

# Kinds of datasets that the text of a statement names better: with the part that was read.
_OF_TEXT = frozenset({"stage", "file"})

_Temporary = Mapping[tuple[str, str], EventDataset]


def asks_for_witness(info: StatementInfo) -> bool:
    """Return whether the access history may know more of this statement than its text says."""
    if not dialect_of(info.dialect or "").access_history or not info.query_id:
        return False
    return info.confidence != "exact" or info.calls_procedure


def unwitnessed(history: RunHistory) -> dict[str, LineageEvent]:
    """The statements of the run that the access history was not asked about, by their ids in the warehouse."""
    known = {one.query_id for one in history.witnessed}
    asking = [event for event in history.events if asks_for_witness(event.statement)]
    return {str(e.statement.query_id): e for e in asking if e.statement.query_id not in known}


def confirmed(steps: Sequence[Step], witnessed: Iterable[Witnessed]) -> list[Step]:
    """The steps, with those of statements that the warehouse knows better in its words (evidence `warehouse`)."""
    by_query = {one.query_id: one for one in witnessed}
    if not by_query:
        return list(steps)
    temporary = {(d.namespace, d.name): d for step in steps for d in step.datasets if d.temporary}
    groups: dict[object, list[Step]] = {}
    for step in steps:
        groups.setdefault(step.info.id if step.evidence == "sql" else step, []).append(step)
    return [one for group in groups.values() for one in _confirmed(group, by_query, temporary)]


def _confirmed(group: list[Step], by_query: Mapping[str, Witnessed], temporary: _Temporary) -> Iterator[Step]:
    info = group[0].info
    said = by_query.get(info.query_id or "") if group[0].evidence == "sql" and asks_for_witness(info) else None
    if said is None:
        yield from group
        return
    if info.executions > 1:
        # One event counts equal statements, and has the id of the first: the others may have touched other tables.
        info = info.model_copy(update={"confidence": "partial", "reason": _ONE})
        yield from (replace(step, info=info) for step in group)
        return
    own = [one for one in said.statements if one.query_id == info.query_id]
    others = [one for one in said.statements if one.query_id != info.query_id]
    yield from _own(group, own[0] if own else None, temporary, complete=not any(one.cut for one in said.statements))
    for one in others:
        yield from _called(group[0], one, temporary)


def _own(group: list[Step], own: WitnessedStatement | None, temporary: _Temporary, *, complete: bool) -> Iterator[Step]:
    """The statement itself. A text that writes what the access history does not list, such as DDL, stays."""
    first = group[0]
    info = first.info.model_copy(
        update={"confidence": "exact", "reason": ""} if complete else {"confidence": "partial", "reason": _CUT}
    )
    if own is not None and own.writes:
        inputs = _inputs(group, own.inputs, temporary)
        for write in own.writes:
            yield _write(group, info, write, inputs, temporary)
    elif own is not None and own.inputs and not any(step.output for step in group):
        inputs = _inputs(group, own.inputs, temporary)
        operation = "misc" if info.calls_procedure else "read"
        yield replace(first, info=info, operation=operation, inputs=inputs, columns=(), evidence="warehouse")
    elif info.calls_procedure and (own is not None or complete):
        yield from (replace(step, info=info) for step in group)
    else:
        yield from group


def _write(
    group: list[Step],
    info: StatementInfo,
    write: WitnessedWrite,
    inputs: tuple[EventDataset, ...],
    temporary: _Temporary,
) -> Step:
    output = _named(write.output, temporary)
    # The view lists the target of MERGE and UPDATE among what was read: it is a source only if a column comes from it.
    reads_itself = any(edge.source == output.uri for edge in write.columns)
    inputs = tuple(one for one in inputs if one.uri != output.uri or reads_itself)
    before = next((s for s in group if s.output and s.output.uri == output.uri), group[0])
    known = {one.uri for one in (*inputs, output)}
    return replace(
        before,
        info=info,
        operation="write" if before.output is None else before.operation,
        evidence="warehouse",
        output=before.output if before.output and before.output.uri == output.uri else output,
        inputs=inputs,
        columns=write.columns or tuple(edge for edge in before.columns if edge.source in known),
    )


def _called(first: Step, one: WitnessedStatement, temporary: _Temporary) -> Iterator[Step]:
    """The steps of a statement that another one ran. What it reads stays in the warehouse: Python gets no row of it."""
    began = one.started or first.started
    info = StatementInfo(
        id=uuid5(first.info.id, one.query_id),
        dialect=first.info.dialect,
        query_id=one.query_id,
        started=began,
        confidence="partial" if one.cut else "exact",
        reason=_CUT if one.cut else "",
    )
    bare = Step(
        info=info,
        operation="misc",
        evidence="warehouse",
        scopes=first.scopes,
        started=began,
        last=began,
        inputs=tuple(_named(dataset, temporary) for dataset in one.inputs),
        threads=first.threads,
    )
    if not one.writes and bare.inputs:
        yield bare
    for write in one.writes:
        yield _write([bare], info, write, bare.inputs, temporary)


def _inputs(group: list[Step], said: Iterable[EventDataset], temporary: _Temporary) -> tuple[EventDataset, ...]:
    """The inputs that the warehouse names, and the stages and files of the text, of which it names few."""
    of_text = {one.uri: one for step in group for one in step.inputs if one.kind in _OF_TEXT}
    inputs = [_named(one, temporary) for one in said]
    return tuple({one.uri: one for one in (*inputs, *of_text.values())}.values())


def _named(dataset: EventDataset, temporary: _Temporary) -> EventDataset:
    return temporary.get((dataset.namespace, dataset.name), dataset)
