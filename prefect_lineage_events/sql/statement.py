"""One piece of a text -> its statements: which reader a statement needs, by its first word.

What cannot touch data is not parsed. Queries and changes are given to the parser; definitions, transfers and
changes of the connection are read by rules, and the queries in them given to the parser. What the parser does not
take is read from its words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from . import alterations, connection, definitions, transfers
from .batches import cut
from .blocks import heads
from .columns import ColumnResult, cloned, column_edges, joined
from .context import Context
from .declarations import declared_columns
from .definitions import ROUTINES, Definition
from .draft import Draft
from .lexis import BATCHED
from .model import Statement, TableRef
from .recovery import recover
from .sniff import NO_CHANGE, NO_DATA, PARSED, QUERY_WORDS, TOUCHING
from .transfers import Query
from .trees import parse, take_apart
from .walk import SELECT_INTO_MAKES_A_TABLE, walk
from .words import Kind, Words, from_text, from_tokens

if TYPE_CHECKING:
    from .tokens import Piece

_TRANSFERS: dict[str, Callable[[Words, Draft], Query | None]] = {
    "COPY": transfers.copy,
    "UNLOAD": transfers.unload,
    "LOAD": transfers.load,
    "EXPORT": transfers.export,
    "IMPORT": transfers.import_,
    "PUT": transfers.put,
    "GET": transfers.put,
    "BULK": transfers.bulk,
    "APPLY": transfers.apply_changes,
}
_DEFINITIONS: dict[str, Callable[[Words, Draft], object]] = {
    "DROP": alterations.drop,
    "UNDROP": alterations.undrop,
    "FLASHBACK": alterations.flashback,
    "RESTORE": alterations.restore,
    "REFRESH": alterations.refresh,
    "TRUNCATE": alterations.truncate,
    "RENAME": alterations.rename,
    "EXCHANGE": alterations.exchange,
    "USE": connection.use,
    "DATABASE": connection.use,
}
_SQL_LANGUAGES = frozenset({"SQL", "PLPGSQL", "PLSQL"})
_DEEPEST_TEXT = 4  # texts within texts: EXECUTE IMMEDIATE of a block that executes a text


def analyze_piece(piece: Piece, context: Context) -> tuple[Statement, ...]:
    """The statements of one piece, in order: nearly always one, several for a block or a chain of `->>`.

    Pure and thread-safe; never raises, whatever the text.
    """
    fingerprint, sanitised = piece.fingerprint, piece.sanitised
    try:
        drafts = _Reader(context).piece(piece)
        for draft in drafts:
            if piece.is_templated and (draft.inputs or draft.outputs):
                draft.doubt("partial", "a template stands where a name or a condition will be")
    except Exception as error:  # noqa: BLE001  (the promise: the user's statement has run, lineage must not fail it)
        draft = Draft(context)
        draft.doubt("partial", f"the analyser failed ({type(error).__name__})")
        drafts = [draft]
    statements = tuple(_finished(draft, fingerprint, sanitised) for draft in drafts)
    for draft in drafts:
        if draft.tree is not None:
            take_apart(draft.tree)
    return statements


def _finished(draft: Draft, fingerprint: str, sanitised: str) -> Statement:
    return draft.finish(fingerprint, sanitised, _columns(draft) if draft.context.columns else None)


def _columns(draft: Draft) -> ColumnResult | None:
    if draft.body:
        return joined([result for part in draft.body if (result := _columns(part))])
    if draft.effect == "clone":
        return joined([cloned(source, target, draft.context.schemas) for source, target in draft.renames])
    if draft.tree is None:
        return None
    writes_a_query = draft.outputs and isinstance(draft.tree, (exp.Query, exp.Values, exp.Table, exp.Pivot))
    return column_edges(
        draft.tree,
        resolve=lambda table: draft.refs.get(id(table)),
        schemas=draft.context.schemas,
        dialect=draft.context.dialect,
        statement=draft.finish() if writes_a_query else None,
    )


def _language(words: Words, at: int) -> str:
    return words.word(at) or (words.texts[at].upper() if at < len(words) else "")


class _Reader:
    """Reads the statements of one piece; `texts` counts how deep it is in texts that statements execute."""

    def __init__(self, context: Context, texts: int = 0) -> None:
        self.context = context
        self.texts = texts

    def piece(self, piece: Piece) -> list[Draft]:
        tokens = piece.tokens
        if tokens is None:
            return self._untokenised(piece.text)
        if tokens and tokens[0].token_type == TokenType.HIVE_TOKEN_STREAM:  # sqlglot's mark for Athena's other dialect
            tokens = tokens[1:]
        if len(tokens) == 2 and tokens[0].token_type == TokenType.COMMAND and tokens[1].token_type == TokenType.STRING:
            return self._headed(from_text(piece.prepared))  # a tokenizer that keeps a command's tail as one text
        if tokens and tokens[0].text.upper() in PARSED:
            draft = Draft(self.context)
            if self._tree(draft, tokens, piece.prepared):
                return [draft]
        return self._headed(from_tokens(tokens, piece.prepared)) or [Draft(self.context)]

    def _untokenised(self, text: str) -> list[Draft]:
        drafts = self._headed(from_text(text)) or [Draft(self.context)]
        for draft in drafts:
            draft.doubt("partial" if draft.inputs or draft.outputs else "recovered", "it does not tokenise")
        return drafts

    def _headed(self, words: Words) -> list[Draft]:
        """A statement with the heads of blocks before it, which may be all there is; several where no `;` is needed."""
        drafts: list[Draft]
        if self.context.dialect in BATCHED and not definitions.is_routine(words):
            parts = list(cut(words))
            if len(parts) > 1:
                drafts = [draft for part in parts for draft in self._headed(part)]
                return [draft for draft in drafts if not draft.says_nothing] or drafts[:1]
        if self.context.dialect == "snowflake" and "->>" in words.upper and len(parts := list(words.split("->>"))) > 1:
            return self._chain(parts)
        drafts, start = [], 0
        for begin, start in heads(words):
            drafts += self._head(words, begin, start)
        if start < len(words):
            drafts += self.statement(words.part(start) if start else words)
        return drafts

    def _chain(self, parts: list[Words]) -> list[Draft]:
        """`a ->> b`: `$1` in b is the result of a (docs.snowflake.com: flow operator)."""
        drafts: list[Draft] = []
        results: tuple[tuple[TableRef, ...], ...] = ()
        for part in parts:
            found = _Reader(replace(self.context, results=results), self.texts)._headed(part)
            results = (*results, tuple(t for draft in found for t in (draft.inputs if draft.kind == "read" else ())))
            drafts += found
        return drafts

    def _head(self, words: Words, start: int, end: int) -> list[Draft]:
        """What the condition of a block reads: `IF EXISTS (SELECT ...)`, `FOR r IN SELECT ... LOOP`."""
        draft = Draft(self.context)
        recover(words, start + 1, end, draft)
        if not draft.inputs or words.word(start) in ("LOCKING", "LOCK"):
            return []
        draft.kind = "read"
        draft.doubt("recovered", "read from its words: the head of a block")
        return [draft]

    def statement(self, words: Words) -> list[Draft]:
        """One statement, by its first word."""
        verb = words.word(0)
        draft = Draft(self.context)
        if verb in PARSED and words.word(1) not in NO_CHANGE:
            return self._parsed(words)
        if reader := _READERS.get(verb):
            return reader(self, words, draft)
        if definition := _DEFINITIONS.get(verb):
            definition(words, draft)
        elif transfer := _TRANSFERS.get(verb):
            self._inner(transfer(words, draft), words, draft)
        elif verb not in NO_DATA and not TOUCHING.isdisjoint(words.upper):
            draft.doubt("partial", "an unknown kind of statement")
        return [draft]

    # --- queries and changes

    def _parsed(self, words: Words) -> list[Draft]:
        tokens = words.tokens_between(0, len(words))
        draft = Draft(self.context)
        if tokens is None or not self._tree(draft, tokens, words.source):
            self._recover(draft, words, 0, len(words))
        return [draft]

    def _tree(self, draft: Draft, tokens: Sequence[Token], text: str) -> bool:
        tree, reason = parse(tokens, text, self.context.dialect)
        if tree is None:
            draft.reason = reason
            return False
        draft.tree = tree
        walk(tree, draft)
        if draft.effect == "append" and len(tokens) > 1 and tokens[1].text.upper() == "OVERWRITE":
            draft.effect = "overwrite"  # INSERT OVERWRITE ALL, of which the tree says nothing
        return True

    def _recover(self, draft: Draft, words: Words, start: int, end: int) -> None:
        """Read words without a tree; SELECT INTO makes a table where the dialect says so."""
        recover(words, start, end, draft, makes_tables=self.context.dialect in SELECT_INTO_MAKES_A_TABLE)
        if draft.effect is None:
            draft.kind = "read"
        reason, draft.reason = draft.reason or "it does not parse", ""
        draft.doubt("recovered", f"read from its words: {reason}")

    def _query(self, draft: Draft, words: Words, start: int, end: int) -> bool:
        """A query within a statement; False if it gave no tree."""
        tokens = words.tokens_between(start, end)
        if tokens is not None and self._tree(draft, tokens, words.source):
            return True
        self._recover(draft, words, start, end)
        return False

    def _inner(self, query: Query | None, words: Words, draft: Draft) -> None:
        if query is None:
            return
        if query.text:
            for inner in self._text(query.text):
                draft.inputs.update(inner.inputs)
                draft.tree, draft.refs = inner.tree, inner.refs
        elif self._query(draft, words, query.start, query.end) and query.columns:
            node = exp.Table(this=exp.Identifier(this="target", quoted=True))
            draft.refs[id(node)] = next(iter(draft.outputs), None)
            listed = [exp.Identifier(this=column, quoted=True) for column in query.columns]
            draft.tree = exp.Insert(this=exp.Schema(this=node, expressions=listed), expression=draft.tree)

    # --- definitions

    def create(self, words: Words, draft: Draft) -> list[Draft]:
        definition = definitions.create(words, draft)
        if definition.thing in ROUTINES:
            return [self._routine(definition, words, draft)]
        if definition.thing in ("DATABASE", "SCHEMA"):
            connection.created(definition.thing, words, definition.name_end + 1, draft)
        self._defined(definition, words, draft)
        return [draft]

    def alter(self, words: Words, draft: Draft) -> list[Draft]:
        if words.word(1) == "SESSION":
            connection.alter_session(words, draft)
            return [draft]
        self._defined(alterations.alter(words, draft), words, draft)
        return [draft]

    def _defined(self, definition: Definition, words: Words, draft: Draft) -> None:
        """The query of a definition, as the tree of a CREATE whose head we read."""
        if definition.query == -1:
            return
        start = definitions.query_start(words, definition.query)
        end = definitions.query_end(words, start)
        is_parsed = self._query(draft, words, start, end)
        if definition.is_recursive and definition.target is not None:
            draft.inputs.pop(definition.target, None)
        if not is_parsed or not draft.outputs:
            return
        node = exp.Table(this=exp.Identifier(this=definition.thing, quoted=True))
        target = next(iter(draft.outputs))
        draft.refs[id(node)] = target
        columns = draft.declared.get(target.name)
        named = (
            exp.Schema(this=node, expressions=[exp.Identifier(this=c, quoted=True) for c in columns])
            if columns
            else node
        )
        draft.tree = exp.Create(this=named, kind=definition.thing, expression=draft.tree)

    def _routine(self, definition: Definition, words: Words, draft: Draft) -> Draft:
        """A procedure, task or pipe: nothing has run, so it reads and writes nothing; what its body names is
        connected."""
        language = words.find(frozenset({"LANGUAGE"}), 1)
        if definition.query == -1 or (language != -1 and _language(words, language + 1) not in _SQL_LANGUAGES):
            return draft
        body = words.part(definition.query)
        inner = self._text(body.texts[0]) if body.kind(0) == Kind.STRING else self._body(body)
        draft.body = inner
        for statement in inner:
            draft.inputs.update(statement.inputs)
            draft.outputs.update(statement.outputs)
            if statement.inputs or statement.outputs:
                draft.doubt(statement.confidence, statement.reason)
        return draft

    def _body(self, words: Words) -> list[Draft]:
        return [draft for part in words.split(";") for draft in self._headed(part)]

    # --- statements within statements

    def explain(self, words: Words, draft: Draft) -> list[Draft]:
        """EXPLAIN touches nothing; EXPLAIN ANALYZE runs what it explains (postgresql.org, duckdb.org, trino.io)."""
        at = 1
        runs = False
        while at < len(words) and words.word(at) not in PARSED - {"("}:
            runs = runs or words.word(at) in ("ANALYZE", "ANALYSE")
            at += 1
        if not runs or at >= len(words):
            return [draft]
        return self.statement(words.part(at))

    def execute(self, words: Words, draft: Draft) -> list[Draft]:
        """EXECUTE IMMEDIATE 'text', EXEC ('text'), EXEC sp_executesql N'text'; a prepared statement or a procedure
        is a call."""
        at = 1
        while words.word(at) in ("IMMEDIATE", "(", "SP_EXECUTESQL"):
            at += 1
        if words.kind(at) == Kind.STRING:
            if words.word(at + 1) in ("||", "+"):
                draft.doubt("partial", "the text that it executes is made when it runs")
                return [draft]
            return self._text(words.texts[at])
        name = words.between(at, at + 2 if words.word(at) in (":", "$", "@") else at + 1).lstrip("$:@").upper()
        if name in self.context.variables:
            return self._text(self.context.variables[name])
        if words.word(1) == "IMMEDIATE":
            draft.doubt("partial", "the text that it executes is not known")
        return [draft]

    def do(self, words: Words, draft: Draft) -> list[Draft]:
        """`DO $$ ... $$` (postgresql.org/docs/current/sql-do.html) runs a block; MySQL's DO evaluates."""
        body = next((i for i in range(1, len(words)) if words.kind(i) == Kind.STRING and len(words.texts[i]) > 1), None)
        return self._text(words.texts[body]) if body is not None and self.context.dialect != "mysql" else [draft]

    def holder(self, words: Words, draft: Draft) -> list[Draft]:
        """An assignment, a cursor, a value to return: no query itself, but it may hold one."""
        if words.word(0) == "SET":
            connection.set_(words, draft)
        elif words.follows(0, "OPEN", "SCHEMA"):
            connection.use(words, draft)
        elif words.follows(0, "DECLARE", "GLOBAL", "TEMPORARY", "TABLE"):  # ibm.com/docs/en/db2
            return self.create(words, draft)
        elif words.word(0) == "DECLARE" and words.follows(3, "TABLE", "("):
            draft.declared["@" + words.texts[2].lower()] = declared_columns(words, 4, self.context.dialect)
            return [draft]
        start = words.find(QUERY_WORDS, 1)
        recover(words, start if start != -1 else 1, len(words), draft)
        if draft.inputs:
            draft.kind = "read"
            draft.doubt("recovered", "read from its words: a query within another statement")
        return [draft]

    def _text(self, text: str) -> list[Draft]:
        from .tokens import split

        if self.texts >= _DEEPEST_TEXT:
            draft = Draft(self.context)
            draft.doubt("partial", "texts that execute texts, too deep")
            return [draft]
        inner = _Reader(self.context, self.texts + 1)
        return [draft for piece in split(text, self.context.dialect) for draft in inner.piece(piece)]


_Read = Callable[[_Reader, Words, Draft], list[Draft]]
_READERS: dict[str, _Read] = {
    "CREATE": _Reader.create,
    "DEFINE": _Reader.create,
    "REPLACE": _Reader.create,
    "SUBMIT": _Reader.create,
    "ALTER": _Reader.alter,
    "EXPLAIN": _Reader.explain,
    "EXECUTE": _Reader.execute,
    "EXEC": _Reader.execute,
    "DO": _Reader.do,
    **dict.fromkeys(("SET", "DECLARE", "LET", "RETURN", "FOR", "OPEN"), _Reader.holder),
}
