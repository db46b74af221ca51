"""A lineage event as a sentence, for readers of Prefect's event feed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prefect_lineage_events.escaping import line

# Names in one sentence, and the characters of each.
_NAMED = 3
_MAX_NAME = 80
# OpenLineage's changes of a dataset (`LifecycleStateChangeDatasetFacet`).
_CHANGED = {
    "ALTER": "altered",
    "CREATE": "created",
    "DROP": "dropped",
    "OVERWRITE": "overwritten",
    "RENAME": "renamed",
    "TRUNCATE": "emptied",
}
_DONE = {"create": "created", "alter": "altered", "drop": "dropped"}
_WRITTEN = {
    "append": "written into",
    "delete": "deleted from",
    "merge": "merged into",
    "overwrite": "written over",
    "update": "updated in",
}


def sentence(  # noqa: PLR0917
    operation: str, effect: str | None, output: str | None, inputs: Sequence[str], rows: int | None, executions: int
) -> str:
    """`12 rows were written into mart from orders and customers, in 3 executions`.

    `output` and `inputs` are the names of datasets; `rows` are those of all executions together.
    """
    how_often = f", in {executions:,} executions" if executions > 1 else ""
    sources = _named([name for name in inputs if name != output])
    if output is None:
        if not inputs:
            return "A statement was not understood"
        of_rows = "" if rows is None else f": {counted(rows, 'row')}"
        return f"{_named(inputs)} {'was' if len(inputs) == 1 else 'were'} read{of_rows}{how_often}"
    origin = f" from {sources}" if sources else ""
    name = _shown(output)
    if operation == "write" and effect != "truncate":
        number, were = ("Rows", "were") if rows is None else (counted(rows, "row"), "was" if rows == 1 else "were")
        return f"{number} {were} {_WRITTEN.get(effect or '', 'written into')} {name}{origin}{how_often}"
    done = "emptied" if effect == "truncate" else _DONE.get(operation)
    return f"{name} was {done}{origin}{how_often}" if done else f"A statement concerned {name}{how_often}"


def counted(number: int, noun: str) -> str:
    """A number with its noun: `1 run`, `2 runs`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def changed(lifecycle: str) -> str:
    """A change of a dataset by OpenLineage's name of it: `overwritten`."""
    return _CHANGED.get(lifecycle, lifecycle.lower())


def listed(texts: Iterable[str], most: int = 10, *, total: int | None = None) -> str:
    """The first texts, and the number of the others: `a, b and 4 more`. `total`: of all, where not all are given."""
    found = list(texts)
    others = (total or len(found)) - min(len(found), most)
    more = f" and {others:,} more" if others > 0 else ""
    return ", ".join(found[:most]) + more


def _named(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b, c and 4 more`."""
    shown = [_shown(name) for name in names[:_NAMED]]
    shown += [f"{len(names) - _NAMED:,} more"] if len(names) > _NAMED else []
    return " and ".join([part for part in (", ".join(shown[:-1]), *shown[-1:]) if part])


def _shown(name: str) -> str:
    return line(name, _MAX_NAME)
