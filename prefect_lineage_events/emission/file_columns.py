"""Columns that only the user's database can show, asked for before its connection ends: of files, and of tables."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from itertools import islice

from prefect_lineage_events.emission.lookups import InstanceSchemaLookup
from prefect_lineage_events.emission.notes import StatementNote
from prefect_lineage_events.events import STAR, Column, EventDataset
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.settings import settings
from prefect_lineage_events.sql.model import Statement, TableRef

_MAX_COLUMNS = 2_000
_MAX_FILES = 10
_COLUMNS_ONLY = "columns:"  # the beginning of a reason
# COPY of a file whose options are not known: nor are its columns.
_COPY = re.compile(r"(?=(\s*))\1COPY\s+[^\s(]", re.IGNORECASE)


def _lookup(note: StatementNote) -> InstanceSchemaLookup | None:
    lookup = note.connection.lookup
    if note.run is None or not isinstance(lookup, InstanceSchemaLookup) or not settings().schema_lookup:
        return None
    return lookup


def observed_text(note: StatementNote) -> str:
    """The text of a note, after the look-up of its connection has kept what the statement may have changed.

    For a statement on tables that it does not name, the text is that of statements on each of them.
    """
    lookup = _lookup(note)
    if lookup is not None:
        with guarded("looking up columns"):
            return lookup.observe(note.sql) or note.sql
    return note.sql


def columns_of_files(statements: Sequence[Statement], note: StatementNote) -> dict[TableRef, tuple[Column, ...]]:
    """The columns of the files that queries of the note have read, as far as they are known."""
    files = [t for one in statements for t in one.inputs if t.kind == "file" and not t.namespace]
    lookup = _lookup(note) if files else None
    if lookup is None or (_COPY.match(note.sql) and not any(statement.columns for statement in statements)):
        return {}
    ended = note.started + dt.timedelta(seconds=note.duration)
    found: dict[TableRef, tuple[Column, ...]] = {}
    with guarded("looking up the columns of files"):
        for table in files[:_MAX_FILES]:
            columns: Mapping[str, str | None] = lookup.file_columns(table.path, table.reader, ended) or {}
            if columns:
                listed = islice(columns.items(), _MAX_COLUMNS)
                found[table] = tuple(Column(name=name, type=type_) for name, type_ in listed)
    return found


def described_files(
    inputs: Mapping[TableRef, EventDataset], files: Mapping[TableRef, tuple[Column, ...]]
) -> dict[TableRef, EventDataset]:
    """The inputs of a statement, files with their columns."""
    return {
        table: dataset.model_copy(update={"columns": files[table]}) if table in files else dataset
        for table, dataset in inputs.items()
    }


def lacks_columns(statement: Statement) -> bool:
    """Return whether a statement has column edges that only the columns of its sources show."""
    return statement.reason.startswith(_COLUMNS_ONLY) or any(e.source_column == STAR for e in statement.columns)
