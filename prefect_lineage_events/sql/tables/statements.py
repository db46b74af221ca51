"""One piece of a text -> its statements: nearly always one, several for a block, a batch or a chain of `->>`.

A piece that begins with a query or a change of data goes to the parser at once. For any other piece, the heads of
blocks and the joints between statements are taken off, and each statement goes to `StatementReader` (`dispatch.py`).
Texts that a statement executes and bodies of routines come back to this file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from sqlglot.tokenizer_core import TokenType

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.sql.context import Context, Effort
from prefect_lineage_events.sql.model import Statement, TableRef
from prefect_lineage_events.sql.redaction.shown_names import Literals
from prefect_lineage_events.sql.session_state import moved_on
from prefect_lineage_events.sql.splitting.batches import parallel_statements, statements_of_batch, two_or_more
from prefect_lineage_events.sql.splitting.long_lists import UNREAD
from prefect_lineage_events.sql.splitting.statements import Piece, pieces_of
from prefect_lineage_events.sql.tables import execute, use_set
from prefect_lineage_events.sql.tables.builder import StatementBuilder
from prefect_lineage_events.sql.tables.create import is_routine
from prefect_lineage_events.sql.tables.dispatch import StatementReader
from prefect_lineage_events.sql.tables.finish import close, finished, release
from prefect_lineage_events.sql.tables.local_variables import declared_in
from prefect_lineage_events.sql.tables.parsing import Refused, read_tree
from prefect_lineage_events.sql.tables.recovery import recover
from prefect_lineage_events.sql.tables.scripting_blocks import MAX_HEAD, heads, section_after
from prefect_lineage_events.sql.transactions.control import (
    CONTROLS,
    commits,
    control_behind,
    control_of,
    may_end_transaction,
)
from prefect_lineage_events.sql.words import PARSED, Words, from_text, from_tokens

_T = TypeVar("_T")
_COMMANDS = frozenset({TokenType.COMMAND, TokenType.EXECUTE})
_MAX_RESULTS = 100  # earlier results that a statement of a chain may refer to
_MAX_DEPTH = 4  # texts within texts: EXECUTE IMMEDIATE of a block that executes a text


def analyze_piece(piece: Piece, context: Context, effort: Effort | None = None) -> tuple[Statement, ...]:
    """Return the statements of one piece, in order. Never raises.

    `effort` is the rest of the work that the piece's text may cost; statements beyond it are not analysed, and the
    result gives that reason.
    """
    try:
        builders = PieceReader(context, effort or Effort()).piece(piece)
        for builder in builders:
            if piece.is_templated and (builder.inputs or builder.outputs):
                builder.doubt("partial", "a template stands where a name or a condition will be")
            if piece.doubt and (builder.inputs or builder.outputs):
                builder.doubt("partial", piece.doubt)
    except Exception as error:  # noqa: BLE001  (the user's statement has run: lineage must not make it fail)
        builders = [StatementBuilder.unread(context, f"the analyser failed ({type(error).__name__})")]
    piece.tables = tuple(table for builder in builders for table in (*builder.inputs, *builder.outputs))
    literals = Literals(piece.tokens, piece.text)
    statements = tuple(finished(builder, piece.fingerprint, piece.sanitised, literals) for builder in builders)
    for builder in builders:
        release(builder)
    return statements


class PieceReader:
    """Reader of the statements of one piece. `depth` is the number of executed texts around it."""

    def __init__(self, context: Context, effort: Effort, depth: int = 0) -> None:
        self.context = context
        self.effort = effort
        self.depth = depth
        self._has_reported_limit = False
        self._refused: Refused = {}

    def piece(self, piece: Piece) -> list[StatementBuilder]:
        tokens = piece.tokens
        if tokens is None:
            return self._untokenised(piece.text)
        if len(tokens) == 2 and tokens[0].token_type in _COMMANDS and tokens[1].token_type == TokenType.STRING:
            return self._headed(from_text(piece.prepared))  # a tokenizer that keeps a command's tail as one text
        if tokens and tokens[0].text.upper() in PARSED:
            builder = StatementBuilder(self.context)
            if read_tree(builder, tokens, piece.prepared, self._refused):
                if "set_config" in piece.prepared.lower():
                    use_set.set_config(from_tokens(tokens, piece.prepared), builder)
                return [builder]
        return self._headed(from_tokens(tokens, piece.prepared)) or [StatementBuilder(self.context)]

    def executed_text(self, text: str, in_routine: bool = False) -> list[StatementBuilder]:
        """The statements of a text that a statement executes."""
        if self.depth >= _MAX_DEPTH:
            return [StatementBuilder.unread(self.context, "texts that execute texts, too deep")]
        inner = PieceReader(replace(self.context, in_routine=in_routine), self.effort, self.depth + 1)
        pieces = pieces_of(text, self.context.dialect)
        return [builder for piece in pieces for builder in inner._next(inner.piece, piece, piece.size)]

    def routine_body(self, body: str | Words, parameters: frozenset[str]) -> list[StatementBuilder]:
        """The statements of a routine's body, in which INTO sets variables."""
        context = replace(self.context, in_routine=True, locals=self.context.locals | parameters)
        inner = PieceReader(context, self.effort, self.depth)
        return inner.executed_text(body, True) if isinstance(body, str) else inner._sequence(body.split(";"))

    def _untokenised(self, text: str) -> list[StatementBuilder]:
        builders = self._headed(from_text(text)) or [StatementBuilder(self.context)]
        for builder in builders:
            builder.doubt("partial" if builder.inputs or builder.outputs else "recovered", "it does not tokenise")
        return builders

    def _headed(self, words: Words) -> list[StatementBuilder]:
        """A statement after the heads of blocks, or those heads alone; several statements where no `;` is needed."""
        builders: list[StatementBuilder]
        facts = dialect_of(self.context.dialect)
        is_batch = facts.is_tsql and not is_routine(words)
        if is_batch and (parts := two_or_more(statements_of_batch(words))):
            builders = self._sequence(parts)
            return [builder for builder in builders if not builder.is_empty] or builders[:1]
        if facts.flow_operator and "->>" in words.upper and (parts := two_or_more(words.split("->>"))):
            return self._chain(parts)
        if facts.parallel_statements and (parts := two_or_more(iter(parallel_statements(words)))):
            return self._sequence(parts)
        control = control_of(words, self.context.dialect) if words.word(0) in CONTROLS else None
        if control is not None and (self.depth == 0 or words.word(0) in ("COMMIT", "ROLLBACK")):
            return [StatementBuilder(self.context, control=control)]
        own = declared_in(words, self.context)
        if own:
            self.context = replace(self.context, locals=self.context.locals | own)
        builders, start = [], 0
        for begin, start in heads(words):
            builders += self._head(words, begin, start)
        section = section_after(words.upper[:MAX_HEAD], self.context.block, self.context.dialect)
        if section != self.context.block:
            self.context = replace(self.context, block=section)
        if start < len(words):
            statement = words.part(start) if start else words
            inner = control_behind(statement, self.context.dialect)
            builders += self._statement(statement) if inner is None else [StatementBuilder(self.context, control=inner)]
            builders[-1].commits |= commits(statement, self.context.dialect)
            builders[-1].may_end_transaction = may_end_transaction(statement, self.context.dialect)
        if own and builders:
            builders[0].session += [("variable", name) for name in sorted(own)]
        return builders

    def _statement(self, words: Words) -> list[StatementBuilder]:
        return self._statement_reader().read(words)

    def _statement_reader(self) -> StatementReader:
        return StatementReader(self.context, self, self._refused)

    def _chain(self, parts: Iterable[Words]) -> list[StatementBuilder]:
        """`a ->> b`: `$1` in b is the result of a (docs.snowflake.com: flow operator)."""
        builders: list[StatementBuilder] = []
        results: tuple[tuple[TableRef, ...], ...] = ()
        for part in parts:
            if not self.effort.take(0):
                return [*builders, StatementBuilder.unread(self.context, UNREAD)]
            found = PieceReader(replace(self.context, results=results), self.effort, self.depth)._headed(part)
            read = tuple(t for builder in found if builder.kind == "read" for t in builder.inputs)
            results = (*results, read)[-_MAX_RESULTS:]
            builders += self._closed(found)
        return builders

    def _head(self, words: Words, start: int, end: int) -> list[StatementBuilder]:
        """The reads of a block's condition: `IF EXISTS (SELECT ...)`, `FOR r IN SELECT ... LOOP`."""
        builder = StatementBuilder(self.context)
        if (at := words.find(execute.VERB, start + 1, end)) != -1:  # FOR r IN EXECUTE text LOOP
            return self._statement_reader().execute(words.part(at, end), builder)
        recover(words, start + 1, end, builder)
        if not builder.inputs or words.word(start) in ("LOCKING", "LOCK"):
            return []
        builder.kind = "read"
        builder.doubt("recovered", "read from its words: the head of a block")
        return [builder]

    def _sequence(self, parts: Iterable[Words]) -> list[StatementBuilder]:
        """Consecutive statements: each meets the tables and names that those before it left."""
        reader = PieceReader(self.context, self.effort, self.depth)
        builders: list[StatementBuilder] = []
        for part in parts:
            is_due = part.word(0) in ("COMMIT", "ROLLBACK")
            builders += self._closed(reader._next(reader._headed, part, 0, is_due))
        return builders

    def _closed(self, builders: list[StatementBuilder]) -> list[StatementBuilder]:
        """The builders, without trees where many may follow; within a text, the statement around it may need them."""
        if self.depth == 0:
            for builder in builders:
                close(builder)
        return builders

    def _next(
        self, read: Callable[[_T], list[StatementBuilder]], what: _T, size: int, is_due: bool = False
    ) -> list[StatementBuilder]:
        """The next statement, whose changes apply to later ones; beyond the limit, one statement with that reason."""
        if self.effort.take(size) or is_due:
            builders = read(what)
            self.context = moved_on(self.context, [builder.finish() for builder in builders])
            return builders
        has_reported, self._has_reported_limit = self._has_reported_limit, True
        return [] if has_reported else [StatementBuilder.unread(self.context, UNREAD)]
