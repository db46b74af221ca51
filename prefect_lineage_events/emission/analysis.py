"""Analysis of noted statements: they become pending events, and their table references become datasets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import uuid4

from prefect_lineage_events import encoding, filters
from prefect_lineage_events.emission.connection_state import ConnectionState
from prefect_lineage_events.emission.file_columns import columns_of_files, described_files, lacks_columns, observed_text
from prefect_lineage_events.emission.limits import portions, sql_for_event
from prefect_lineage_events.emission.listed_files import directories, distinct
from prefect_lineage_events.emission.notes import StatementNote
from prefect_lineage_events.emission.pending import PendingEvent
from prefect_lineage_events.emission.row_comparison import ids_of_reads, rows_compared
from prefect_lineage_events.events import Column, EventColumnEdge, EventDataset, StatementInfo
from prefect_lineage_events.guard import described, guarded, logger
from prefect_lineage_events.settings import LineageSettings
from prefect_lineage_events.sql.model import ColumnEdge, Statement, TableRef
from prefect_lineage_events.sql.redaction.shown_names import without_values_of_text

# A statement that describes another one, and a data-modifying WITH query.
_PLAN = re.compile(r"(?=(\s*))\1(?:EXPLAIN|PROFILE|DESCRIBE|DESC)\b", re.IGNORECASE)
_WRITES_INSIDE = re.compile(r"\bAS (?:NOT )?(?:MATERIALIZED )?\( ?(?:INSERT|UPDATE|DELETE|MERGE)\b", re.IGNORECASE)
_MAX_REASON = 300


@dataclass(frozen=True, slots=True)
class AnalysedStatement:
    """A statement with its effect on the connection's transaction, and the pending events that it makes."""

    statement: Statement
    pending_events: tuple[PendingEvent, ...] = ()


def analyse(
    note: StatementNote, state: ConnectionState, values: LineageSettings, *, in_transaction: bool = False
) -> Iterator[AnalysedStatement]:
    """Analyse the noted text, statement by statement, and update the connection's session.

    A text on which the analyser fails still gives a pending event, `partial`, with the reason: without one, it would
    look as if nothing was read or written. `in_transaction`: its statements are in a transaction though none was begun.
    """
    text = observed_text(note)
    files: Mapping[TableRef, tuple[Column, ...]] = {}
    statements: Sequence[Statement] = [Statement("misc", confidence="partial", reason="the analyser failed")]
    with guarded("the analyser"):
        before = state.session
        statements, state.session = before.analyze(text, columns=note.run is not None, in_transaction=in_transaction)
        files = columns_of_files(statements, note)
        if files and any(map(lacks_columns, statements)):
            known = {table.name: {column.name: column.type or "" for column in files[table]} for table in files}
            statements, state.session = before.analyze(text, schemas=known, in_transaction=in_transaction)
        state.defined(statements)
    note.countable = _countable(statements, note.sql)
    for statement in statements:
        pending_events = () if statement.control else _pending_events(statement, note, state, values, files)
        yield AnalysedStatement(statement, tuple(pending_events))


def _countable(statements: Sequence[Statement], sql: str) -> bool:
    """Return whether the number of rows can belong to one statement. In a script it can be that of any statement."""
    if len(statements) != 1 or len(statements[0].outputs) > 1:
        return False
    # Otherwise they are the rows of a plan, or those of the SELECT around a part that writes.
    return not (_PLAN.match(sql) or (statements[0].outputs and _WRITES_INSIDE.search(statements[0].sanitised or sql)))


def rows_of(note: StatementNote, *, written: bool) -> int | None:
    """The rows of a note of one statement. A write without RETURNING returns none, whatever it has written."""
    if not note.countable or (written and note.counted == "fetched"):
        return None
    return (note.rows or None) if written and note.counted == "returned" else note.rows


def _pending_events(
    statement: Statement,
    note: StatementNote,
    state: ConnectionState,
    values: LineageSettings,
    files: Mapping[TableRef, tuple[Column, ...]],
) -> Iterator[PendingEvent]:
    run = note.run
    if run is None:
        return
    names = _Names(state, directories(statement.inputs))
    inputs = described_files(names.datasets(statement.inputs), files)
    outputs = names.datasets(statement.outputs)
    if not inputs and not outputs and (statement.confidence != "partial" or names.dropped):
        return
    tables = {d.uri: table.parts for table, d in (inputs | outputs).items()}
    renames = tuple(names.renames(statement.renames))
    info = _statement_info(statement, note, state, values, renames=renames, written=bool(outputs))
    info = info.model_copy(update={"files": names.merged}) if names.merged and len(inputs) == names.merged else info
    fields = {"statement": info, "run": run.info, "threads": (note.thread,)}
    sources = distinct(inputs.values())
    for table, more in _by_output(statement, note, state, outputs):
        edges = tuple(names.edges(statement, table))
        for event in portions({**fields, **more, "columns": edges}, sources):
            yield PendingEvent(run, event, tables, note.connection.lookup)


def _statement_info(
    statement: Statement,
    note: StatementNote,
    state: ConnectionState,
    values: LineageSettings,
    *,
    renames: tuple[tuple[str, str], ...],
    written: bool,
) -> StatementInfo:
    """The statement as events report it, of this one execution."""
    facts = statement.facts
    return StatementInfo(
        **facts | {"reason": facts["reason"][:_MAX_REASON]},
        id=uuid4(),
        sql=sql_for_event(statement, note.sql, values),
        fingerprint=statement.fingerprint,
        renames=renames,
        dialect=state.store.dialect,
        database=getattr(state.session, "database", state.store.database),
        schema_name=getattr(state.session, "schema", state.store.schema),
        query_id=note.query_id,
        rows=encoding.count(rows_of(note, written=written)),
        started=note.started,
        duration=encoding.seconds(note.duration),
    )


def _by_output(
    statement: Statement, note: StatementNote, state: ConnectionState, outputs: Mapping[TableRef, EventDataset]
) -> Iterator[tuple[TableRef | None, dict[str, Any]]]:
    """Each table that is written, and the fields of its event; one pair without a table for what only reads."""
    if not outputs:
        columns = _result_columns(note, state) or tuple(Column(name=name) for name in statement.result_columns)
        operation = statement.kind if statement.kind in ("read", "misc") else "misc"
        yield None, {"operation": operation, "result_columns": columns}
        return
    fields = {
        "operation": statement.kind,
        "result_columns": _returned(statement, note, state),
        "value_origins": ids_of_reads(note.value_origins),
        "rows_compared": rows_compared(note),
    }
    for table, output in outputs.items():
        may_exist = statement.if_not_exists and state.schemas is not None  # with columns that the store describes
        declared = () if may_exist else _declared(statement.declared, table)
        described = output.model_copy(update={"columns": declared}) if declared else output
        yield table, {**fields, "output": described, **_values(statement, table, note)}


def _values(statement: Statement, table: TableRef, note: StatementNote) -> dict[str, Any]:
    """The columns of an output that take binds, and those that take constants; empty where they are unknown.

    Literals that the driver has `inlined` are binds. Rows of the program have columns that the statement does not list.
    """
    bound, constant = statement.bound.get(table), statement.constant.get(table, ())
    if statement.kind not in ("write", "create") or (bound is None and not constant):
        return {}
    if note.inlined:
        # a literal beside a column of the same table may have been a bind, and then its column is not known
        values = tuple(dict.fromkeys((*(bound or ()), *constant)))
        return {"bound_columns": values} if values else {}
    if bound is None and statement.from_program:
        return {"bound_columns": None, "constant_columns": constant}
    bound = bound or ()
    return {
        "bound_columns": bound,
        "constant_columns": tuple(name for name in constant if name not in bound),
        "program_columns": _named_before(bound, statement.program_columns.get(table, ()), note.renamed),
    }


def _named_before(
    bound: Iterable[str], pairs: Sequence[tuple[str, str]], renamed: Sequence[tuple[str, str]]
) -> tuple[tuple[str, str], ...]:
    """The pairs (column, column of the program's rows) of a statement, with the names that these had when they were
    read: those of columns that the program has `renamed` since.
    """
    if not renamed:
        return tuple(pairs)
    taken = {column for column, _ in pairs}
    pairs = [*pairs, *((column, column) for column in bound if column not in taken)]
    before = [(column, [old for new, old in renamed if new == own] or [own]) for column, own in pairs]
    return tuple((column, name) for column, names in before for name in names if names != [column])


def _result_columns(note: StatementNote, state: ConnectionState) -> tuple[Column, ...]:
    """The columns of the result as the store described them."""
    columns = note.result_columns
    names = without_values_of_text([column.name for column in columns], note.sql, state.store.dialect)
    return tuple(
        column if column.name == name else column.model_copy(update={"name": name})
        for column, name in zip(columns, names, strict=True)
    )


def _returned(statement: Statement, note: StatementNote, state: ConnectionState) -> tuple[Column, ...]:
    """The columns of the rows that a DELETE or an UPDATE returns. Keys that an INSERT returns are no data."""
    if statement.effect not in ("delete", "update") or not statement.result_columns:
        return ()
    return _result_columns(note, state) or tuple(Column(name=name) for name in statement.result_columns)


class _Names:
    """The datasets of one statement's tables, each resolved once."""

    def __init__(self, state: ConnectionState, directories: Mapping[TableRef, TableRef]) -> None:
        self._state = state
        self._directories = directories
        self.merged = len(directories)
        self._known: dict[TableRef, EventDataset | None] = {}
        self.dropped = False

    def dataset(self, table: TableRef) -> EventDataset | None:
        table = self._directories.get(table, table)
        if table not in self._known:
            try:
                found = self._state.dataset(table)
            except ValueError as error:
                logger.debug("lineage: a name could not be resolved: %s", described(error))
                found = None
            if found is not None and not filters.current().reports(found.uri):
                found = None
            self.dropped = self.dropped or found is None
            self._known[table] = found
        return self._known[table]

    def datasets(self, tables: Iterable[TableRef]) -> dict[TableRef, EventDataset]:
        return {t: d for t in tables if (d := self.dataset(t)) is not None}

    def edges(self, statement: Statement, target: TableRef | None) -> Iterator[EventColumnEdge]:
        for edge in (*statement.columns, *statement.indirect):
            source = self.dataset(edge.source) if edge.target == target else None
            if source is not None:
                yield _event_edge(edge, source.uri)

    def renames(self, pairs: Iterable[tuple[TableRef, TableRef]]) -> Iterator[tuple[str, str]]:
        for old, new in pairs:
            before, after = self.dataset(old), self.dataset(new)
            if before is not None and after is not None:
                yield before.uri, after.uri


@lru_cache(maxsize=4096)  # the same statement comes many times
def _event_edge(edge: ColumnEdge, source: str) -> EventColumnEdge:
    return EventColumnEdge(
        column=edge.target_column,
        source=source,
        source_column=edge.source_column,
        transformation=edge.transformation,
        position=edge.position,
        path=edge.path,
    )


def _declared(declared: Mapping[str, Mapping[str, str]], table: TableRef) -> tuple[Column, ...]:
    return tuple(Column(name=name, type=type_ or None) for name, type_ in declared.get(table.name, {}).items())
