"""Inlining of DuckDB's `query('...')`: the query that it runs takes its place, so that its columns are known too.

https://duckdb.org/docs/stable/guides/sql_features/query_and_query_table_functions
"""

from __future__ import annotations

from sqlglot import exp

from prefect_lineage_events.sql.splitting.statements import split
from prefect_lineage_events.sql.tables.parser import parse

_MAX_DEPTH = 4  # texts within texts


def inline_queries(tree: exp.Expr, dialect: str) -> None:
    """Replace each `query('...')` in the tree by its query; one that does not parse stays a text."""
    waiting = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        for call in list(node.find_all(exp.Anonymous)):
            table = call.parent
            if call.name.lower() != "query" or not isinstance(table, exp.Table) or depth >= _MAX_DEPTH:
                continue
            query = _parsed(call, dialect)
            if query is not None:
                subquery = exp.Subquery(this=query, alias=table.args.get("alias"))
                table.replace(subquery)
                waiting.append((query, depth + 1))


def _parsed(call: exp.Anonymous, dialect: str) -> exp.Query | None:
    texts = call.expressions
    if len(texts) != 1 or not isinstance(texts[0], exp.Literal) or not texts[0].is_string:
        return None
    pieces = split(texts[0].name, dialect)
    if len(pieces) != 1 or not pieces[0].tokens:
        return None
    query, _ = parse(pieces[0].tokens, pieces[0].prepared, dialect)
    return query if isinstance(query, exp.Query) else None
