"""Rules about the rows that a statement writes: whether Python hands them over, and whether there are any. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prefect_lineage_events.events import StatementInfo

# Effects by which Python may hand rows to a dataset; a DELETE or a CREATE TABLE takes none.
_CARRYING_EFFECTS = frozenset({None, "append", "overwrite", "update"})
# Tables in which dlt keeps its own state: no rows of the program go into them. dlthub.com/docs: Destination tables
_STATE_TABLES = "_dlt_"


def writes_python_rows(
    info: StatementInfo,
    operation: str,
    inputs: Collection[str],
    output: str | None,
    values: tuple[tuple[str, ...] | None, tuple[str, ...]] = (None, ()),
) -> bool:
    """Return whether the rows that a statement writes come from Python. Datasets are given by their URIs.

    They do if a write has no source in its text (INSERT ... VALUES). An UPDATE that names only its own table does not
    show the source of the new values, unless its `values`, the columns that take binds and constants, are known and
    empty (`SET a = a + 1`). A statement that reads a DataFrame is marked so, and may name tables beside it.
    """
    if info.from_program:
        return output is not None
    if output is not None and output.rpartition("/")[2].startswith(_STATE_TABLES):
        return False
    if values == ((), ()):
        return False
    if operation != "write" or info.effect not in _CARRYING_EFFECTS:
        return False
    return not set(inputs) - ({output} if info.effect == "update" else set())


def only_defines(
    info: StatementInfo, operation: str, columns: Collection[object], *sources: Collection[object] | None
) -> bool:
    """Return whether a statement is a CREATE with a list of columns and no source of rows: the table may have been
    there.

    `columns` are those of its output; `sources` are its inputs, column edges, and the columns that take values.
    """
    return operation == "create" and bool(columns) and not any((*sources, info.rows, info.from_program))
