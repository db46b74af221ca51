"""Records of calls (`record_read`, libraries of files and messages) as pending events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any
from uuid import uuid4

from prefect_lineage_events import encoding, filters
from prefect_lineage_events.credentials import without_credentials
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.emission.connection_state import kind_of
from prefect_lineage_events.emission.limits import clean_dataset, portions
from prefect_lineage_events.emission.many_files import as_part_of_many
from prefect_lineage_events.emission.notes import RecordColumns, RecordNote
from prefect_lineage_events.emission.pending import MAX_SUBSET, PendingEvent
from prefect_lineage_events.emission.row_comparison import ids_of_reads, rows_compared
from prefect_lineage_events.emission.temporary_files import is_temporary
from prefect_lineage_events.events import Column, EventColumnEdge, EventDataset, StatementInfo
from prefect_lineage_events.guard import guarded

_MAX_DESCRIPTION = 200
_MAX_SYMLINKS = 10


def with_columns(note: RecordNote) -> RecordNote:
    """The note with columns that were left to our thread."""
    if note.later is None:
        return note
    found = RecordColumns((), (), ((),) * len(note.inputs))
    with guarded("the columns of a record"):
        found = note.later()
    return replace(note, columns=found.columns, edges=found.edges, input_columns=found.input_columns, later=None)


def from_record(note: RecordNote) -> list[PendingEvent]:
    """The pending events of a record, without datasets that the filters exclude."""
    note = as_part_of_many(with_columns(note))
    reports = filters.current().reports
    inputs = [_recorded_input(note, number) for number, d in enumerate(note.inputs) if reports(d.uri)]
    output = _recorded(note.output, note) if note.output is not None and reports(note.output.uri) else None
    if output is None and (note.output is not None or not inputs):
        return []
    fields: dict[str, Any] = {
        "operation": note.operation,
        "statement": _recorded_statement(note, output),
        "output": output,
        "threads": (note.thread,),
        "run": note.run.info,
        "columns": _recorded_edges(note, reports),
        "value_origins": ids_of_reads(note.value_origins),
        "rows_compared": rows_compared(note),
        "program_columns": tuple(note.renamed),
    }
    if note.input_columns is not None:
        fields |= {"result_columns": note.columns} if note.operation == "read" else {}
        return [PendingEvent(note.run, event) for event in portions(fields, tuple(inputs))]
    if output is None and len(note.inputs) == 1:
        inputs = [_recorded(note.inputs[0], note)]
    if note.operation == "read":
        if len(note.inputs) == 1:
            inputs = [_with_own_names(inputs[0], note.edges)]
        fields |= _columns_of_read(note, inputs, fields["columns"])
    return [PendingEvent(note.run, event) for event in portions(fields, tuple(inputs))]


def _recorded_input(note: RecordNote, number: int) -> EventDataset:
    """An input of a record, with its own columns where they are known."""
    dataset = note.inputs[number]
    if note.input_columns is None:
        return _recorded(dataset)
    about = note if note.output is None and len(note.inputs) == 1 else None
    return _recorded(dataset, about).model_copy(update={"columns": note.input_columns[number]})


def _recorded_edges(note: RecordNote, reports: Callable[[str], bool]) -> tuple[EventColumnEdge, ...]:
    """The edges of a record from datasets that are reported, by the names that these have in the event."""
    if not note.edges:
        return ()
    datasets = (*note.inputs, *([note.output] if note.output is not None else []))
    uris = {dataset.uri: clean_dataset(dataset).uri for dataset in datasets if reports(dataset.uri)}
    return tuple(
        edge if uris[edge.source] == edge.source else edge.model_copy(update={"source": uris[edge.source]})
        for edge in note.edges
        if edge.source in uris
    )


def _with_own_names(dataset: EventDataset, renames: Iterable[EventColumnEdge]) -> EventDataset:
    """The dataset with its own names of columns that the program got under other ones."""
    own = {edge.column: edge.source_column for edge in renames}
    if not own:
        return dataset
    columns = (c.model_copy(update={"name": own.get(c.name, c.name)}) for c in dataset.columns)
    return dataset.model_copy(update={"columns": tuple(columns)})


def _columns_of_read(
    note: RecordNote, inputs: Sequence[EventDataset], renamed_edges: tuple[EventColumnEdge, ...]
) -> dict[str, Any]:
    """The columns of the rows that the program got, and their origins: equal names, unless the note names others."""
    renamed = {edge.column: None for edge in renamed_edges}
    names = {column.name: None for column in note.columns}
    same = [name for name in names if name not in renamed]
    edges = (EventColumnEdge(column=name, source=one.uri, source_column=name) for one in inputs for name in same)
    columns = (*note.columns, *(Column(name=name) for name in renamed if name not in names))
    return {"result_columns": columns, "columns": (*renamed_edges, *edges)}


def _recorded_statement(note: RecordNote, output: EventDataset | None) -> StatementInfo:
    """The statement of a record. A temporary file that is written again has nothing of what it held before."""
    replaces = output is not None and output.temporary and not output.subset and note.operation == "write"
    effect = note.effect or ("append" if note.appends else "overwrite" if replaces else None)
    moved = tuple(clean_dataset(dataset).uri for dataset in note.moved)
    description = without_credentials(note.description, _MAX_DESCRIPTION)
    return StatementInfo(
        id=uuid4(),
        effect=effect,
        renames=((moved[0], moved[1]),) if len(moved) == 2 and all(map(filters.current().reports, moved)) else (),
        rows=encoding.count(note.rows),
        size=encoding.count(note.size),
        files=encoding.count(note.files),
        if_exists=note.operation == "drop",  # stores delete what does not exist without an error
        started=note.started,
        fingerprint=f"recorded {note.operation} {effect} {description} {_digest_of_columns(note)}",
        reason=description,
    )


def _digest_of_columns(note: RecordNote) -> str:
    """A digest of columns and edges: records that differ in them are not counted together."""
    if not note.columns and not note.edges:
        return ""
    edges = ((e.column, e.source, e.source_column, e.transformation) for e in note.edges)
    shape = repr(([column.name for column in note.columns], list(edges)))
    return sha256(shape.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _recorded(recorded: Dataset, note: RecordNote | None = None) -> EventDataset:
    """A recorded dataset, with what the note says of it, if the note is about this dataset.

    More parts than an event names are a use of the whole.
    """
    dataset = clean_dataset(recorded)
    known: dict[str, Any] = {}
    if note is not None:
        symlinks = [clean_dataset(other) for other in note.symlinks[:_MAX_SYMLINKS] if other != recorded]
        known = {
            "columns": note.columns,
            "subset": note.subset if len(note.subset) <= MAX_SUBSET else (),
            "symlinks": tuple((other.namespace, other.name) for other in symlinks),
        }
    known["temporary"] = is_temporary(dataset)
    return EventDataset(namespace=dataset.namespace, name=dataset.name, kind=kind_of(dataset), **known)
