"""Reader of CACHE TABLE, by which Spark keeps the rows of a query under a name until the session ends."""

from __future__ import annotations

from prefect_lineage_events.sql.tables.builder import StatementBuilder
from prefect_lineage_events.sql.tables.create import Definition, find_query
from prefect_lineage_events.sql.tables.recovery_names import read_name
from prefect_lineage_events.sql.words import Words


def cached(words: Words, builder: StatementBuilder) -> Definition:
    """The temporary view that `CACHE [LAZY] TABLE t [OPTIONS (...)] [AS] query` makes (spark.apache.org: CACHE TABLE).

    For an existing table the definition has no query.
    """
    at = 2 + (words.word(1) == "LAZY")
    named = read_name(words, at, builder.context.for_new_tables)
    query = find_query(words, named.end) if words.word(at - 1) == "TABLE" else -1
    if query == -1 or named.table is None:
        return Definition("TABLE", None, at)
    builder.kind, builder.effect = "create", "create"
    return Definition("VIEW", builder.write(named.table, temporary=True), named.end, query)
