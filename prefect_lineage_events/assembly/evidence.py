"""What speaks for it that a write took rows which were read elsewhere, and not something that the flow made up itself.

`log("done")` hands rows to a table as `load(df)` does, and Prefect knows of neither where its parameter came from. So
a write counts by how much it brought, and by the names of its columns.
"""

from __future__ import annotations

from prefect_lineage_events.assembly.statements import Step

_TABLES = frozenset({"table", "view"})
# One message is sent of anything: a request, an event that says "done".
_MESSAGES = frozenset({"api", "topic"})
# Columns that tables have in common without having anything to do with each other.
_EVERYDAY = frozenset({
    "id", "uuid", "key", "name", "status", "created_at", "updated_at", "loaded_at", "inserted_at", "ts", "timestamp",
})  # fmt: skip
_SOME = 2


def brings_rows(step: Step) -> bool:
    """Did Python hand over more than a row a task run, as far as the driver tells? A file is data by itself."""
    if step.output is None or step.output.kind in _MESSAGES:
        return False
    if step.output.kind not in _TABLES or not step.info.dialect or step.info.from_program:
        return True
    return (step.info.rows or 0) > len(step.scopes)


def alike(read: frozenset[str], written: frozenset[str], *, single: bool) -> bool:
    """Can a write of these columns be of a result with those? Names are casefolded; empty where they are not known.

    A `single` row must be of the result with all its columns: it may be the status of something.
    """
    common = read & written
    telling = common - _EVERYDAY
    if single:
        return common == written and len(telling) >= _SOME
    return bool(telling) or len(common) >= _SOME or (bool(common) and common == written)
