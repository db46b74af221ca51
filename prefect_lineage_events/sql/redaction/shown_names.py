"""Names of columns as they may be shown, without names that are made of a literal's text.

Stores name columns after values: `PIVOT (... FOR m IN ('x'))`, `SELECT a AS 'x'`, `SELECT a['x']`. A literal of the
statement is hidden in its text, and so in its names. Such a column is identified by its position, like one without a
name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from sqlglot.tokenizer_core import Token, TokenType

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.sql.model import ColumnEdge, Statement, TableRef
from prefect_lineage_events.sql.redaction.shape import LITERALS

_TEXTS = LITERALS - {TokenType.NUMBER}
_APART = re.compile(r"[\W_]+")
_VALUE = re.compile(r"""['"]|\A[\d.+-]+\Z""")
_ENDS_COLUMN = frozenset({TokenType.VAR, TokenType.IDENTIFIER, TokenType.R_PAREN})
_AFTER_ALIAS = frozenset({TokenType.COMMA, TokenType.FROM, TokenType.INTO})
_MOST = 2_000  # literals that are compared; of more, no name that is not written as one is shown


class Literals:
    """The literals in a text, and all other words; computed once, on first use."""

    def __init__(self, tokens: Sequence[Token] | None, text: str) -> None:
        self._tokens = tokens or ()
        self._text = text

    @cached_property
    def may_be(self) -> bool:
        """False if the text contains none of the signs that literals begin with."""
        text = self._text
        is_quoted = "'" in text or '"' in text or "$" in text
        return is_quoted or "0x" in text or "0X" in text or "0b" in text or "://" in text

    @cached_property
    def texts(self) -> frozenset[str]:
        """Literals that do not occur as names."""
        found = {token.text for token in self._tokens if token.token_type in _TEXTS}
        return frozenset(text for text in found if text.lower() not in self.written)

    @cached_property
    def written(self) -> frozenset[str]:
        """All other words, in lower case."""
        return frozenset(map(str.lower, [token.text for token in self._tokens if token.token_type not in _TEXTS]))

    @cached_property
    def aliases(self) -> frozenset[str]:
        """Literals that are the alias of a column."""
        tokens = self._tokens
        return frozenset(t.text for i, t in enumerate(tokens) if t.token_type in _TEXTS and _is_alias(tokens, i))


def without_values(
    statement: Statement, literals: Literals, schemas: Mapping[str, Mapping[str, str]], dialect: str
) -> Statement:
    """The statement without names that are made of its literals; the same object if there are none.

    `schemas` are columns that are known from another source: their names are kept. A text that is the alias of a column
    of a new table is a name of its schema, where the dialect has such aliases.
    """
    if not (statement.result_columns or statement.columns or statement.indirect or statement.declared):
        return statement
    if not literals.may_be:
        return statement
    names = _names_of(statement)
    written = literals.written
    doubtful = [name for name in names if name.lower() not in written or "'" in name]
    if not doubtful or doubtful == ["*"]:
        return statement
    own = {column.lower() for columns in schemas.values() for column in columns}
    texts = literals.texts
    if statement.kind == "create" and dialect_of(dialect).text_aliases:
        own |= {alias.lower() for alias in literals.aliases}
        texts -= literals.aliases
    texts = frozenset(text for text in texts if text.lower() not in own)
    hidden = {name for name in doubtful if name != "*" and name.lower() not in own and _holds(name, texts)}
    return _hiding(statement, hidden) if hidden else statement


def without_values_of_text(names: Sequence[str], sql: str, dialect: str) -> list[str]:
    """The store's names of a result's columns, with positions for names that it made of a literal's text.

    MySQL names the column of `SELECT 'x'` x, SQLite and DuckDB name it 'x', and that of `SELECT 1` 1. A text in double
    quotes after AS or a dot is a name.
    """
    doubles = dialect_of(dialect).double_quoted_texts
    shown: list[str] = []
    for number, name in enumerate(names, 1):
        is_value = bool(_VALUE.search(name)) or f"'{name}'" in sql or (doubles and _is_double_quoted(name, sql))
        shown.append(f"_{number}" if is_value else name)
    return shown


_NAMED = re.compile(r"(?:\bas\s{1,20}|\.)\Z", re.IGNORECASE)


def _is_double_quoted(name: str, sql: str) -> bool:
    at = sql.find(f'"{name}"')
    while at != -1:
        if not _NAMED.search(sql[max(0, at - 24) : at]):
            return True
        at = sql.find(f'"{name}"', at + 1)
    return False


def _names_of(statement: Statement) -> set[str]:
    names = set(statement.result_columns)
    names.update(*statement.declared.values())
    for edge in (*statement.columns, *statement.indirect):
        names.add(edge.target_column)
        names.add(edge.source_column)
    return names


def _is_alias(tokens: Sequence[Token], i: int) -> bool:
    """True for `a AS 'x'`, `a 'x'` (dev.mysql.com, learn.microsoft.com, sqlite.org: SELECT)."""
    before, following = tokens[i - 1].token_type, tokens[i + 1].token_type if i + 1 < len(tokens) else TokenType.FROM
    return before is TokenType.ALIAS or (before in _ENDS_COLUMN and following in _AFTER_ALIAS)


def _holds(name: str, texts: Iterable[str]) -> bool:
    if "'" in name:
        return True
    parts = f"_{_APART.sub('_', name.lower())}_"
    for number, text in enumerate(texts):
        plain = _APART.sub("_", text.lower()).strip("_")
        if number == _MOST or (plain and f"_{plain}_" in parts):
            return True
    return False


def _hiding(statement: Statement, hidden: set[str]) -> Statement:
    """The statement with positions for hidden names. A path into a column ends before such a name."""
    positions: dict[str, str] = {}
    for listed in (statement.result_columns, *statement.declared.values()):
        for number, name in enumerate(listed, 1):
            if name in hidden:
                positions.setdefault(name, f"_{number}")
    for number, name in enumerate(sorted(hidden - positions.keys()), len(positions) + 1):
        positions[name] = f"_{number}"

    def source_of(edge: ColumnEdge) -> str:
        if edge.source_column not in hidden:
            return edge.source_column
        column = edge.source_column.partition(".")[0]
        return column if column != edge.source_column else "*"

    def shown(edges: Sequence[ColumnEdge]) -> tuple[ColumnEdge, ...]:
        changed = (
            replace(e, source_column=source_of(e), target_column=positions.get(e.target_column, e.target_column))
            for e in edges
        )
        return tuple(dict.fromkeys(changed))

    def named(names: Mapping[TableRef, tuple[str, ...]]) -> dict[TableRef, tuple[str, ...]]:
        return {table: tuple(positions.get(name, name) for name in columns) for table, columns in names.items()}

    return replace(
        statement,
        result_columns=tuple(positions.get(name, name) for name in statement.result_columns),
        declared={
            table: {positions.get(name, name): kind for name, kind in columns.items()}
            for table, columns in statement.declared.items()
        },
        columns=shown(statement.columns),
        indirect=shown(statement.indirect),
        bound=named(statement.bound),
        constant=named(statement.constant),
    )
