"""Statements in an OpenLineage event: the SQL of its job, and the statements that were not understood whole. Pure.

The SQL facet has one text for all statements of a run, so which of them touched which dataset is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from prefect_lineage_events.openlineage.errors import sanitised
from prefect_lineage_events.openlineage.json_values import Json, facets_of, items, mapping, text
from prefect_lineage_events.stitching.model import DatasetUse, StatementSummary

Sanitise = Callable[[str, str], str]


def statements_in(
    event: Json, inputs: Sequence[DatasetUse], outputs: Sequence[DatasetUse], sanitised_sql: Sanitise
) -> Iterator[StatementSummary]:
    """The job's SQL as one statement, and each statement that was analysed in part only.

    `sanitised_sql` makes of a text and its dialect what may be shown.
    """
    sql = mapping(facets_of(event, "job").get("sql"))
    dialect = text(sql.get("dialect")).lower()
    if query := text(sql.get("query")):
        yield StatementSummary(
            sanitised_sql(query, dialect),
            dialect,
            "write" if outputs else "read",
            inputs=tuple(use.dataset for use in inputs),
            outputs=tuple(use.dataset for use in outputs),
        )
    for error in items(mapping(facets_of(event, "run").get("extractionError")).get("errors")):
        task = text(error.get("task"))
        yield StatementSummary(
            sanitised_sql(task, dialect) or None,
            dialect,
            confidence="partial",
            reason=sanitised(text(error.get("errorMessage"))) or "not understood",
        )


def query_id_in(event: Json) -> str | None:
    """The id of the event's query in its store, if it had one only."""
    run = facets_of(event, "run")
    queries = items(mapping(run.get("prefect_run")).get("queries"))
    one = text(mapping(run.get("externalQuery")).get("externalQueryId"))
    return one or None if len(queries) <= 1 else None
