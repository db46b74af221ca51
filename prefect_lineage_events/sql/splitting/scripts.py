"""Cuts between the statements of a script: semicolons, client delimiters, bodies that belong to one CREATE."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sqlglot.tokenizer_core import Token, TokenType

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.sql.scanner import Scanner
from prefect_lineage_events.windowed import replaced

# https://dev.mysql.com/doc/refman/8.4/en/stored-programs-defining.html
# Bare signs follow a client's directive. Before a literal, the word is an option, of a COPY for example.
_DELIMITER = re.compile(r"^[ \t]*delimiter[ \t]+([^\w\s'\"`=?(]\S*)[ \t]*$", re.IGNORECASE | re.MULTILINE)
# https://www.postgresql.org/docs/current/app-psql.html; \copy is COPY seen from the client
_META_COMMAND = re.compile(r"^[ \t]*\\(?!copy\b)[a-z!?;.][^\n]*$", re.IGNORECASE | re.MULTILINE)
_CLIENT_COPY = re.compile(r"^([ \t]*)\\(copy\b[^\n;]*)(?:;|$)", re.IGNORECASE | re.MULTILINE)
_ROUTINES = frozenset({"PROCEDURE", "PROC", "FUNCTION", "TRIGGER", "PACKAGE", "TASK", "EVENT"})
_TEXTS = frozenset({TokenType.STRING, TokenType.RAW_STRING, TokenType.HEREDOC_STRING})
_HEAD_WORDS = 8  # CREATE OR REPLACE NONEDITIONABLE SECURE TEMPORARY AGGREGATE FUNCTION, at most
_BATCH_MARKS = frozenset({"GO", "go", "Go", "/"})
_NO_BLOCK = frozenset({"TRANSACTION", "TRAN", "WORK", "DISTRIBUTED", ";"})
_NO_OPENING_NEEDED = frozenset({"IF", "LOOP", "WHILE", "FOR", "REPEAT"})


def without_client_lines(text: str, dialect: str) -> str:
    """The text without psql's commands, which the client reads itself."""
    if "\\" not in text or not dialect_of(dialect).is_psql:
        return text
    return replaced(_META_COMMAND, "", replaced(_CLIENT_COPY, r"\1\2;", text))


def delimited(text: str, dialect: str) -> list[str] | None:
    """The statements of a text with DELIMITER lines, not yet cut at `;`; None if it has none."""
    directives = list(_DELIMITER.finditer(text))
    if not directives:
        return None
    parts = [text[: directives[0].start()]]
    for i, directive in enumerate(directives):
        end = directives[i + 1].start() if i + 1 < len(directives) else len(text)
        section = text[directive.end() : end]
        parts += [section] if directive[1] == ";" else _cut_at(section, directive[1], dialect)
    return parts


def cut_characters(text: str, dialect: str) -> list[str]:
    """The parts between semicolons outside of quotes and comments, for a text that does not tokenise as a whole."""
    return _cut_at(text, ";", dialect)


def may_have_cuts(text: str, dialect: str) -> bool:
    """False if the text is certainly one statement, so that its tokens need not be visited."""
    return ";" in text or ("\n" in text and dialect_of(dialect).batch_lines)


def cut_tokens(tokens: Sequence[Token], dialect: str) -> Iterator[tuple[int, int]]:
    """Spans (from, to) of the statements in the tokens, without separators and empty ones."""
    start = 0
    for i in _separators(tokens, dialect):
        if i > start:
            yield start, i
        start = i + 1
    if start < len(tokens):
        yield start, len(tokens)


def _separators(tokens: Sequence[Token], dialect: str) -> Iterator[int]:
    has_batches = dialect_of(dialect).batch_lines
    at_head = True
    body: _Body | None = None
    for i, token in enumerate(tokens):
        if at_head:
            body = _body_of(tokens, i, dialect)
            at_head = False
        if body is not None:
            body.see(tokens, i)
        is_batch_line = has_batches and token.text in _BATCH_MARKS and _stands_alone(tokens, i)
        is_end = token.token_type is TokenType.SEMICOLON and (body is None or body.is_complete)
        if is_batch_line or (is_end and not (dialect_of(dialect).is_tsql and _stands_between_texts(tokens, i))):
            yield i
            at_head = True
            if is_batch_line and i + 1 < len(tokens) and tokens[i + 1].line == token.line:
                yield i + 1  # the count of `GO 5`


class _Body:
    """State of the body of a routine, which is complete at a `;` if each BEGIN and CASE has its END.

    A package begins at its IS, and has an END but no BEGIN. In PL/SQL, declarations are between IS and BEGIN, each with
    its own `;`.
    """

    def __init__(self, dialect: str, is_package: bool) -> None:
        self._to_batch_end = dialect_of(dialect).is_tsql
        self._has_declarations = dialect_of(dialect).is_plsql and not is_package
        self._declares = False
        self._depth = int(is_package)
        self._previous = ""

    @property
    def is_complete(self) -> bool:
        return self._depth <= 0 and not self._declares and not self._to_batch_end

    def see(self, tokens: Sequence[Token], i: int) -> None:
        kind = tokens[i].token_type
        word = tokens[i].text.upper()
        if kind in _TEXTS or word == "LANGUAGE":
            self._declares = False  # the body is a text, or elsewhere
            return
        following = tokens[i + 1].text.upper() if i + 1 < len(tokens) else ";"
        if word == "DECLARE" or (word in ("IS", "AS") and self._has_declarations and not self._depth):
            self._declares = True
        elif word == "BEGIN" and following not in _NO_BLOCK:
            self._depth += 1
            self._declares = False
        elif word == "CASE" and self._previous != "END":
            self._depth += 1
        elif word == "END" and following not in _NO_OPENING_NEEDED:
            self._depth -= 1
        self._previous = word


def _body_of(tokens: Sequence[Token], i: int, dialect: str) -> _Body | None:
    """The body of the statement at i; None if it defines no routine."""
    if tokens[i].token_type not in (TokenType.CREATE, TokenType.ALTER):
        return None
    for k, token in enumerate(tokens[i + 1 : i + 1 + _HEAD_WORDS], i + 2):
        word = token.text.upper()
        has_body = k < len(tokens) and tokens[k].text.upper() == "BODY"
        if word in _ROUTINES or (word == "TYPE" and has_body):
            return _Body(dialect, is_package=word in ("PACKAGE", "TYPE"))
        if token.token_type in (TokenType.TABLE, TokenType.VIEW, TokenType.L_PAREN, TokenType.SEMICOLON):
            return None
    return None


def _stands_between_texts(tokens: Sequence[Token], i: int) -> bool:
    """True for a `;` of `OPENROWSET('provider', 'source';'user';'password', t)`. No statement begins with a text.

    learn.microsoft.com: OPENROWSET
    """
    return 0 < i < len(tokens) - 1 and tokens[i - 1].token_type in _TEXTS and tokens[i + 1].token_type in _TEXTS


def _stands_alone(tokens: Sequence[Token], i: int) -> bool:
    """True if the token at i is a line of its own, or with a count after it (`GO 5`)."""
    line = tokens[i].line
    if i and tokens[i - 1].line == line:
        return False
    return i + 1 == len(tokens) or tokens[i + 1].line > line or tokens[i + 1].token_type is TokenType.NUMBER


def _cut_at(text: str, delimiter: str, dialect: str) -> list[str]:
    parts: list[str] = []
    start = 0
    for span in Scanner(text, dialect, delimiter=delimiter):
        if span.kind == "stop":
            parts.append(text[start : span.start])
            start = span.end
    return [*parts, text[start:]]
