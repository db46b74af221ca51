"""Copies of whole SQLite databases: `Connection.backup` and `VACUUM INTO`, as a copy of each table.

Which tables these are is in one of the files: our thread opens it, read-only. Of two databases in memory it is not
known, and counted.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from prefect_lineage_events import stores
from prefect_lineage_events.emission import worker
from prefect_lineage_events.emission.losses import count_loss
from prefect_lineage_events.emission.notes import RecordNote, SeveralNote
from prefect_lineage_events.events import Column, EventColumnEdge
from prefect_lineage_events.instrumentation.access import reporting_run
from prefect_lineage_events.stores import Store

_VACUUM = re.compile(r"\s{0,99}VACUUM(?:\s{1,99}\"?main\"?)?\s{1,99}INTO\s{1,99}(.{1,4000})", re.IGNORECASE | re.DOTALL)
_TEXT = re.compile(r"'((?:[^']|''){0,4000})'[\s;]{0,99}\Z")
_COLUMNS = """
    SELECT m.name, c.name, c.type FROM sqlite_master m JOIN pragma_table_info(m.name) c
    WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY m.name, c.cid LIMIT 2000
"""
_TIMEOUT = 0.5
_Tables = dict[str, tuple[Column, ...]]


def vacuumed_into(text: str, parameters: Any) -> str:
    """The file of a `VACUUM INTO`; empty for any other statement."""
    found = _VACUUM.match(text) if text.lstrip()[:1] in {"v", "V"} else None
    if found is None:
        return ""
    written = _TEXT.match(found[1])
    if written is not None:
        return written[1].replace("''", "'")
    bound = next(iter(parameters.values() if isinstance(parameters, Mapping) else parameters or ()), "")
    return bound if isinstance(bound, str) else ""


def note_copy(source: Store, target: Store, call: str) -> None:
    """Note that a database has been copied. Does nothing outside of runs."""
    run = reporting_run()
    if run is None:
        return
    if all(stores.is_in_memory(store.namespace) for store in (source, target)):
        count_loss("the tables of a copied database in memory are not known")
        return
    copied = RecordNote("write", None, (), run, dt.datetime.now(dt.timezone.utc), description=call, thread=run.thread)
    worker.put(SeveralNote(run, partial(_records, source, target, copied)))


def _records(source: Store, target: Store, copied: RecordNote) -> Iterator[RecordNote]:
    """A record for each table that both have, as far as they can be opened."""
    found = [_tables(store) for store in (target, source) if not stores.is_in_memory(store.namespace)]
    for name, columns in found[0].items():
        if all(name in others for others in found):
            old, new = source.table([name]), target.table([name])
            edges = tuple(EventColumnEdge(column=c.name, source=old.uri, source_column=c.name) for c in columns)
            yield replace(copied, output=new, inputs=(old,), columns=columns, edges=edges, input_columns=(columns,))


def _tables(store: Store) -> _Tables:
    import sqlite3

    file = store.namespace.removeprefix("sqlite://")
    tables: _Tables = {}
    if not Path(file).exists():
        return tables
    with closing(sqlite3.connect(f"file:{quote(file)}?mode=ro", uri=True, timeout=_TIMEOUT)) as connection:
        for table, name, kind in connection.execute(_COLUMNS):
            tables[table] = (*tables.get(table, ()), Column(name=name, type=kind))
    return tables
