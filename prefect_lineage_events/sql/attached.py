"""ATTACH and DETACH: the names under which a connection to SQLite or DuckDB has other database files open.

https://www.sqlite.org/lang_attach.html, https://duckdb.org/docs/stable/sql/statements/attach
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from sqlglot.tokenizer_core import Token, TokenType

from .tokens import Piece

_NAMES = (TokenType.VAR, TokenType.IDENTIFIER)


def attached_by(piece: Piece, before: Mapping[str, str]) -> Mapping[str, str] | None:
    """The names and paths that are attached after the statement; None when it changes none of them."""
    tokens = piece.tokens or []
    verb = tokens[0].text.upper() if tokens else ""
    if verb not in ("ATTACH", "DETACH"):
        return None
    rest = [t for t in tokens[1:] if t.text.upper() not in ("DATABASE", "IF", "NOT", "EXISTS")]
    if verb == "DETACH":
        name = rest[0].text.lower() if rest else ""
        return {alias: path for alias, path in before.items() if alias != name}
    if not rest or rest[0].token_type is not TokenType.STRING:
        return None
    path = rest[0].text
    return {**before, _alias(rest) or PurePosixPath(path).stem.lower(): path}


def _alias(rest: list[Token]) -> str:
    """The name behind AS; empty without one, when the file's own name is the database's."""
    if len(rest) > 2 and rest[1].token_type is TokenType.ALIAS:
        return rest[2].text.lower()
    return ""
