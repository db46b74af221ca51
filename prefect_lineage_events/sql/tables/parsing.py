"""Reading of a statement, or of a query within one, by its tree."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot.tokenizer_core import Token

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.sql.tables.builder import StatementBuilder
from prefect_lineage_events.sql.tables.from_tree import walk
from prefect_lineage_events.sql.tables.inlined import inline_queries
from prefect_lineage_events.sql.tables.parser import parse
from prefect_lineage_events.sql.tables.required_words import doubt_of_tree

# Reasons why a part of a text does not parse, by its span: no part is parsed twice.
Refused = dict[tuple[int, int, str], str]


def read_tree(builder: StatementBuilder, tokens: Sequence[Token], text: str, refused: Refused) -> bool:
    """Read the tree of these tokens of a text into the builder; False, with its `reason` set, if there is no tree."""
    dialect = builder.context.dialect
    span = (tokens[0].start, tokens[-1].end, text) if tokens else (0, 0, "")
    tree, reason = None, refused.get(span, "")
    if not reason:
        tree, reason = parse(tokens, text, dialect)
    if tree is None:
        refused[span] = builder.reason = reason
        return False
    if dialect_of(dialect).query_function:
        inline_queries(tree, dialect)
    builder.tree = tree
    walk(tree, builder)
    doubt_of_tree(tokens, builder)
    if builder.effect == "append" and len(tokens) > 1 and tokens[1].text.upper() == "OVERWRITE":
        builder.effect = "overwrite"  # INSERT OVERWRITE ALL, which the tree does not show
    return True
