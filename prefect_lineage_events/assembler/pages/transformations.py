"""The origin of a column in words, for readers who are not used to OpenLineage's kinds of transformation. Pure."""

from __future__ import annotations

from prefect_lineage_events.escaping import word

_INFERRED = "inferred from the same column name: Python may have changed the values"
_WORDS = {
    "TRANSFORMATION": "computed from it",
    "AGGREGATION": "aggregated",
    "MASKED": "masked",
    "CONDITIONAL": "decides the value",
    "FILTER": "decides the rows",
    "JOIN": "decides the joined rows",
    "GROUP_BY": "decides the groups of rows",
    "WINDOW": "decides the window of rows",
    "SORT": "decides the order of rows",
}


def note(transformation: str, *, inferred: bool) -> str:
    """` (aggregated)` behind a source column; empty for one whose values are unchanged."""
    plain = ("IDENTITY", "TRANSFORMATION") if inferred else ("IDENTITY",)
    words = [] if transformation in plain else [_WORDS.get(transformation, word(transformation.lower()))]
    words += [_INFERRED] if inferred else []
    return f" ({'; '.join(words)})" if words else ""
