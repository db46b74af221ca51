"""The origin of a column in words, for readers who are not used to OpenLineage's kinds of transformation. Pure."""

from __future__ import annotations

from prefect_lineage_events.escaping import word

_INFERRED = "inferred"
INFERRED = "*Inferred*: only the names of the columns are the same; Python may have changed the values."
_WORDS = {
    "TRANSFORMATION": "computed",
    "AGGREGATION": "aggregated",
    "MASKED": "masked",
    "CONDITIONAL": "decides the value",
    "FILTER": "filters rows",
    "JOIN": "joins rows",
    "GROUP_BY": "groups rows",
    "WINDOW": "window of rows",
    "SORT": "orders rows",
}


def note(transformation: str, *, inferred: bool) -> str:
    """` (aggregated)` behind a source column; empty for one whose values are unchanged."""
    plain = ("IDENTITY", "TRANSFORMATION") if inferred else ("IDENTITY",)
    words = [] if transformation in plain else [_WORDS.get(transformation, word(transformation.lower()))]
    words += [_INFERRED] if inferred else []
    return f" ({'; '.join(words)})" if words else ""
