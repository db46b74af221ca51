"""One piece of a text -> its statements: which reader a statement needs, by its first word.

What cannot touch data is not parsed. Queries and changes are given to the parser; definitions, transfers and
changes of the connection are read by rules, and the queries in them given to the parser. What the parser does not
take is read from its words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from prefect_lineage_events.sql.context import Context, Effort
from prefect_lineage_events.sql.lexer import BATCHED
from prefect_lineage_events.sql.model import Statement, TableRef
from prefect_lineage_events.sql.redaction.shown_names import Literals
from prefect_lineage_events.sql.session_state import moved_on
from prefect_lineage_events.sql.splitting.batches import cut, several, side_by_side
from prefect_lineage_events.sql.splitting.long_lists import UNREAD
from prefect_lineage_events.sql.tables import alter_drop, renames, use_set
from prefect_lineage_events.sql.tables import create as definitions
from prefect_lineage_events.sql.tables import execute as executed
from prefect_lineage_events.sql.tables.arguments import arguments_at
from prefect_lineage_events.sql.tables.builder import StatementBuilder
from prefect_lineage_events.sql.tables.cached_tables import cached
from prefect_lineage_events.sql.tables.column_types import declared_columns
from prefect_lineage_events.sql.tables.copy import Query, all_of
from prefect_lineage_events.sql.tables.create import ROUTINES, Definition
from prefect_lineage_events.sql.tables.dispatch import DEFINITIONS, TRANSFERS, explained, is_explained
from prefect_lineage_events.sql.tables.finish import close, finished, release
from prefect_lineage_events.sql.tables.local_variables import declared_in, parameters
from prefect_lineage_events.sql.tables.parser import target
from prefect_lineage_events.sql.tables.parsing import Refused, read_tree
from prefect_lineage_events.sql.tables.recovery import recover
from prefect_lineage_events.sql.tables.required_words import UNKNOWN_STATEMENT, WITHOUT_DATA, WITHOUT_TARGET
from prefect_lineage_events.sql.tables.scripting_blocks import TRANSITION_TABLES, body_of, do_body, heads, is_of_a_block
from prefect_lineage_events.sql.tables.table_functions import tables_of_call
from prefect_lineage_events.sql.transactions.control import CONTROLS, control_behind, control_of, ends_transaction
from prefect_lineage_events.sql.words import (
    ALWAYS_MOVES,
    CHANGES,
    NO_CHANGE,
    NO_DATA,
    PARSED,
    QUERY_WORDS,
    REMOVING,
    TOUCHING,
    Words,
    from_text,
    from_tokens,
)

if TYPE_CHECKING:
    from prefect_lineage_events.sql.splitting.statements import Piece

_T = TypeVar("_T")
_COMMANDS = frozenset({TokenType.COMMAND, TokenType.EXECUTE})
_RESULTS = 100  # that a statement of a chain may refer to
_DEEPEST_TEXT = 4  # texts within texts: EXECUTE IMMEDIATE of a block that executes a text


def analyze_piece(piece: Piece, context: Context, effort: Effort | None = None) -> tuple[Statement, ...]:
    """The statements of one piece, in order: nearly always one, several for a block or a `->>`. Never raises.

    `effort` is what the text that it is of may still cost; statements beyond it are not analysed, which is said.
    """
    try:
        drafts = _Reader(context, effort or Effort()).piece(piece)
        for draft in drafts:
            if piece.is_templated and (draft.inputs or draft.outputs):
                draft.doubt("partial", "a template stands where a name or a condition will be")
            if piece.doubt and (draft.inputs or draft.outputs):
                draft.doubt("partial", piece.doubt)
    except Exception as error:  # noqa: BLE001  (the promise: the user's statement has run, lineage must not fail it)
        drafts = [StatementBuilder.unread(context, f"the analyser failed ({type(error).__name__})")]
    piece.tables = tuple(table for draft in drafts for table in (*draft.inputs, *draft.outputs))
    literals = Literals(piece.tokens, piece.text)
    statements = tuple(finished(draft, piece.fingerprint, piece.sanitised, literals) for draft in drafts)
    for draft in drafts:
        release(draft)
    return statements


class _Reader:
    """Reads the statements of one piece; `texts` counts how deep it is in texts that statements execute."""

    def __init__(self, context: Context, effort: Effort, texts: int = 0) -> None:
        self.context = context
        self.effort = effort
        self.texts = texts
        self._has_said = False  # that the rest is not read
        self._refused: Refused = {}

    def piece(self, piece: Piece) -> list[StatementBuilder]:
        tokens = piece.tokens
        if tokens is None:
            return self._untokenised(piece.text)
        if len(tokens) == 2 and tokens[0].token_type in _COMMANDS and tokens[1].token_type == TokenType.STRING:
            return self._headed(from_text(piece.prepared))  # a tokenizer that keeps a command's tail as one text
        if tokens and tokens[0].text.upper() in PARSED:
            draft = StatementBuilder(self.context)
            if read_tree(draft, tokens, piece.prepared, self._refused):
                if "set_config" in piece.prepared.lower():
                    use_set.set_config(from_tokens(tokens, piece.prepared), draft)
                return [draft]
        return self._headed(from_tokens(tokens, piece.prepared)) or [StatementBuilder(self.context)]

    def _untokenised(self, text: str) -> list[StatementBuilder]:
        drafts = self._headed(from_text(text)) or [StatementBuilder(self.context)]
        for draft in drafts:
            draft.doubt("partial" if draft.inputs or draft.outputs else "recovered", "it does not tokenise")
        return drafts

    def _headed(self, words: Words) -> list[StatementBuilder]:
        """A statement with the heads of blocks before it, which may be all there is; several where no `;` is needed."""
        drafts: list[StatementBuilder]
        is_batch = self.context.dialect in BATCHED and not definitions.is_routine(words)
        if is_batch and (parts := several(cut(words))):
            drafts = self._sequence(parts)
            return [draft for draft in drafts if not draft.says_nothing] or drafts[:1]
        if self.context.dialect == "snowflake" and "->>" in words.upper and (parts := several(words.split("->>"))):
            return self._chain(parts)
        if self.context.dialect == "clickhouse" and (parts := several(iter(side_by_side(words)))):
            return self._sequence(parts)
        control = control_of(words, self.context.dialect) if words.word(0) in CONTROLS else None
        if control is not None and (self.texts == 0 or words.word(0) in ("COMMIT", "ROLLBACK")):
            return [StatementBuilder(self.context, control=control)]
        own = declared_in(words, self.context)
        if own:
            self.context = replace(self.context, locals=self.context.locals | own)
        drafts, start = [], 0
        for begin, start in heads(words):
            drafts += self._head(words, begin, start)
        if start < len(words):
            statement = words.part(start) if start else words
            inner = control_behind(statement, self.context.dialect)
            drafts += self.statement(statement) if inner is None else [StatementBuilder(self.context, control=inner)]
            ends_transaction(statement, drafts[-1])
        if own and drafts:
            drafts[0].session += [("variable", name) for name in sorted(own)]
        return drafts

    def _chain(self, parts: Iterable[Words]) -> list[StatementBuilder]:
        """`a ->> b`: `$1` in b is the result of a (docs.snowflake.com: flow operator)."""
        drafts: list[StatementBuilder] = []
        results: tuple[tuple[TableRef, ...], ...] = ()
        for part in parts:
            if not self.effort.takes(0):
                return [*drafts, StatementBuilder.unread(self.context, UNREAD)]
            found = _Reader(replace(self.context, results=results), self.effort, self.texts)._headed(part)
            read = tuple(t for draft in found if draft.kind == "read" for t in draft.inputs)
            results = (*results, read)[-_RESULTS:]
            drafts += self._closed(found)
        return drafts

    def _head(self, words: Words, start: int, end: int) -> list[StatementBuilder]:
        """What the condition of a block reads: `IF EXISTS (SELECT ...)`, `FOR r IN SELECT ... LOOP`."""
        draft = StatementBuilder(self.context)
        if (at := words.find(executed.VERB, start + 1, end)) != -1:  # FOR r IN EXECUTE text LOOP
            return self.execute(words.part(at, end), draft)
        recover(words, start + 1, end, draft)
        if not draft.inputs or words.word(start) in ("LOCKING", "LOCK"):
            return []
        draft.kind = "read"
        draft.doubt("recovered", "read from its words: the head of a block")
        return [draft]

    def statement(self, words: Words) -> list[StatementBuilder]:
        """One statement, by its first word."""
        verb = words.word(0)
        draft = StatementBuilder(self.context.of_gone_tables if verb in REMOVING else self.context)
        if words.follows(2, "AS", "PROCEDURE"):
            return self.called(words)
        if verb in PARSED and words.word(1) not in NO_CHANGE:
            return self._parsed(words)
        if reader := _READERS.get(verb):
            return reader(self, words, draft)
        if definition := DEFINITIONS.get(verb):
            definition(words, draft)
        elif transfer := TRANSFERS.get(verb):
            self._inner(transfer(words, draft), words, draft)
            if verb in ALWAYS_MOVES and not (draft.inputs or draft.outputs or words.word(2) == "DATABASE"):
                draft.doubt("partial", WITHOUT_DATA)
        elif words.word(1) == ":=" and not TOUCHING.isdisjoint(words.upper):
            return self.holder(words, draft)
        elif verb not in NO_DATA and not is_of_a_block(words, self.context):
            draft.doubt("partial", UNKNOWN_STATEMENT)
        return [draft]

    def _parsed(self, words: Words) -> list[StatementBuilder]:
        tokens = words.tokens_between(0, len(words))
        draft = StatementBuilder(self.context)
        if tokens is None or not read_tree(draft, tokens, words.source, self._refused):
            self._recover(draft, words, 0, len(words))
            if words.word(0) in CHANGES and not draft.outputs:
                draft.doubt("partial", WITHOUT_TARGET)
        return [draft]

    def _recover(self, draft: StatementBuilder, words: Words, start: int, end: int) -> None:
        """Read words without a tree; SELECT INTO makes a table where the dialect says so."""
        reason, draft.reason = draft.reason or "it does not parse", ""
        if self.context.dialect in BATCHED and words.word(start) == "INSERT":
            end = self._rows_executed(draft, words, start, end)
        recover(words, start, end, draft, makes_tables=self.context.select_into_makes_a_table)
        if draft.effect is None:
            draft.kind = "read"
        draft.doubt("recovered", f"read from its words: {reason}")

    def _executed(self, draft: StatementBuilder, words: Words, start: int, end: int) -> bool:
        """`CREATE TABLE t AS EXECUTE p` (postgresql.org: CREATE TABLE AS); False where there is no tree of it."""
        is_call = words.word(start) == "EXECUTE"
        for inner in self.execute(words.part(start, end), StatementBuilder(self.context)) if is_call else ():
            draft.inputs.update(inner.inputs)
            draft.doubt(inner.confidence, inner.reason)
            draft.tree, draft.refs, draft.unions = inner.tree, {**draft.refs, **inner.refs}, inner.unions
        return is_call and draft.tree is not None

    def _rows_executed(self, draft: StatementBuilder, words: Words, start: int, end: int) -> int:
        """`INSERT INTO t EXEC ...` takes the rows of what runs (learn.microsoft.com: INSERT); where that starts."""
        at = words.find(frozenset({"EXEC", "EXECUTE"}), start, end)
        if at == -1:
            return end
        for inner in self.execute(words.part(at, end), StatementBuilder(self.context)):
            draft.inputs.update(inner.inputs)
            if not inner.inputs:
                draft.doubt("partial", inner.reason or "the rows come from a procedure")
        return at

    def _query(self, draft: StatementBuilder, words: Words, start: int, end: int) -> bool:
        """A query within a statement; False if it gave no tree."""
        tokens = words.tokens_between(start, end)
        if tokens is not None and read_tree(draft, tokens, words.source, self._refused):
            return True
        self._recover(draft, words, start, end)
        return False

    def _inner(self, query: Query | None, words: Words, draft: StatementBuilder) -> None:
        if query is None:
            return
        if query.table is not None:
            draft.tree = all_of(query.table, query.listed, draft)
        elif query.text:
            for inner in self._text(query.text):
                draft.inputs.update(inner.inputs)
                draft.tree, draft.refs, draft.unions = inner.tree, inner.refs, inner.unions
        elif self._query(draft, words, query.start, query.end) and query.columns:
            node, named = target("target", query.columns)
            draft.refs[id(node)] = next(iter(draft.outputs), None)
            draft.tree = exp.Insert(this=named, expression=draft.tree)

    def create(self, words: Words, draft: StatementBuilder) -> list[StatementBuilder]:
        definition = definitions.create(words, draft)
        if definition.thing in ROUTINES:
            return [self._routine(definition, words, draft)]
        if definition.thing in ("DATABASE", "SCHEMA"):
            use_set.created(definition.thing, words, definition.name_end + 1, draft)
        self._defined(definition, words, draft)
        return [draft]

    def alter(self, words: Words, draft: StatementBuilder) -> list[StatementBuilder]:
        if use_set.altered(words, draft):
            return [draft]
        if definitions.is_routine(words):  # learn.microsoft.com: ALTER PROCEDURE, dev.mysql.com: ALTER EVENT
            return self.create(words, draft)
        self._defined(alter_drop.alter(words, draft), words, draft)
        return [draft]

    def _defined(self, definition: Definition, words: Words, draft: StatementBuilder) -> None:
        """The query of a definition, as the tree of a CREATE whose head we read."""
        if definition.query == -1:
            return
        start = definitions.query_start(words, definition.query)
        end = definitions.query_end(words, start)
        is_parsed = self._executed(draft, words, start, end) or self._query(draft, words, start, end)
        if definition.is_recursive and definition.target is not None:
            draft.inputs.pop(definition.target, None)
        if not is_parsed or not draft.outputs:
            return
        output = next(iter(draft.outputs))
        node, named = target(definition.thing, draft.declared.get(output.name, ()))
        draft.refs[id(node)] = output
        draft.tree = exp.Create(this=named, kind=definition.thing, expression=draft.tree)

    def _routine(self, definition: Definition, words: Words, draft: StatementBuilder) -> StatementBuilder:
        """A procedure, trigger, task or pipe: nothing has run, so it reads and writes nothing; what its body names is
        connected, but for tables that live no longer than a run of it."""
        body = body_of(definition, words)
        if body is None:
            return draft
        inside = self._inside(parameters(words, definition.name_end, self.context.dialect))
        draft.body = inside._text(body, True) if isinstance(body, str) else inside._sequence(body.split(";"))
        gone = TRANSITION_TABLES if definition.thing == "TRIGGER" and self.context.dialect in BATCHED else ()
        for statement in draft.body:
            draft.inputs.update(
                (t, None) for t in statement.inputs if not (t.temporary or (t.parts and t.parts[-1] in gone))
            )
            draft.outputs.update((t, None) for t in statement.outputs if not t.temporary)
            if statement.inputs or statement.outputs or statement.confidence == "partial":
                draft.doubt(statement.confidence, statement.reason)
        return draft

    def _inside(self, names: frozenset[str]) -> _Reader:
        """The reader of a body, where INTO sets variables; `names` are those of its parameters."""
        inside = replace(self.context, in_routine=True, locals=self.context.locals | names)
        return _Reader(inside, self.effort, self.texts)

    def _sequence(self, parts: Iterable[Words]) -> list[StatementBuilder]:
        """Statements that follow one another: each meets the tables and names that those before it left."""
        reader = _Reader(self.context, self.effort, self.texts)
        drafts: list[StatementBuilder] = []
        for part in parts:
            is_due = part.word(0) in ("COMMIT", "ROLLBACK")
            drafts += self._closed(reader._next(reader._headed, part, 0, is_due))
        return drafts

    def _closed(self, drafts: list[StatementBuilder]) -> list[StatementBuilder]:
        """The drafts, without trees where many may follow; within a text, the statement around it may need them."""
        if self.texts == 0:
            for draft in drafts:
                close(draft)
        return drafts

    def _next(
        self, read: Callable[[_T], list[StatementBuilder]], what: _T, size: int, is_due: bool = False
    ) -> list[StatementBuilder]:
        """The next statement, whose changes those after it meet; one that says so where none may be read any more."""
        if self.effort.takes(size) or is_due:
            drafts = read(what)
            self.context = moved_on(self.context, [draft.finish() for draft in drafts])
            return drafts
        said, self._has_said = self._has_said, True
        return [] if said else [StatementBuilder.unread(self.context, UNREAD)]

    def explain(self, words: Words, draft: StatementBuilder) -> list[StatementBuilder]:
        """EXPLAIN touches nothing; EXPLAIN ANALYZE runs what it explains (postgresql.org, duckdb.org, trino.io)."""
        at = explained(words)
        if at == -1 and not is_explained(words, self.context.dialect):
            draft.doubt("partial", UNKNOWN_STATEMENT)
        return [draft] if at == -1 else self.statement(words.part(at))

    def execute(self, words: Words, draft: StatementBuilder) -> list[StatementBuilder]:
        """EXECUTE IMMEDIATE 'text', EXEC ('text'), EXECUTE of a prepared statement; a procedure is a call."""
        if self.context.dialect in BATCHED and renames.by_procedure(words, draft):
            return [draft]
        found = executed.executed(words, self.context)
        if found.text:
            return self._text(found.text)
        if found.reason:
            draft.doubt("partial", found.reason)
        return [draft]

    def call(self, words: Words, draft: StatementBuilder) -> list[StatementBuilder]:
        """CALL of a procedure touches nothing that is seen; a function may say that it does (`postgres_execute`)."""
        found = tables_of_call(words.word(1).lower(), arguments_at(words, 2, self.context.dialect), self.context)
        if found is not None and found.reason:
            draft.doubt("partial", found.reason)
        return [draft]

    def called(self, words: Words) -> list[StatementBuilder]:
        """`WITH p AS PROCEDURE () ... AS $$ ... $$ CALL p()` runs its body (docs.snowflake.com: CALL, WITH)."""
        body = body_of(Definition("PROCEDURE", None, 4, words.find(frozenset({"AS"}), 4) + 1), words)
        return (
            self._text(body, True)
            if isinstance(body, str)
            else [StatementBuilder.unread(self.context, executed.UNKNOWN)]
        )

    def cache(self, words: Words, draft: StatementBuilder) -> list[StatementBuilder]:
        """`CACHE [LAZY] TABLE t AS query` makes a temporary view (spark.apache.org: CACHE TABLE)."""
        self._defined(cached(words, draft), words, draft)
        return [draft]

    def do(self, words: Words, draft: StatementBuilder) -> list[StatementBuilder]:
        """A block of PostgreSQL runs; MySQL's DO evaluates."""
        body = do_body(words) if self.context.dialect != "mysql" else None
        return self._text(body, True) if body is not None else [draft]

    def holder(self, words: Words, draft: StatementBuilder) -> list[StatementBuilder]:
        """An assignment, a cursor, a value to return: no query itself, but it may hold one."""
        if words.word(0) == "SET":
            use_set.set_(words, draft)
        elif words.follows(0, "OPEN", "SCHEMA"):
            use_set.use(words, draft)
        elif words.follows(0, "DECLARE", "GLOBAL", "TEMPORARY", "TABLE"):  # ibm.com/docs/en/db2
            return self.create(words, draft)
        elif words.word(0) == "DECLARE" and words.follows(3, "TABLE", "("):
            draft.declared["@" + words.texts[2].lower()] = declared_columns(words, 4, self.context.dialect)
            return [draft]
        if self.context.in_routine and (at := words.find(executed.VERB, 1)) != -1:  # RETURN QUERY EXECUTE text
            return self.execute(words.part(at), draft)
        start = words.find(QUERY_WORDS, 1)
        recover(words, start if start != -1 else 1, len(words), draft)
        if draft.inputs:
            draft.kind = "read"
            draft.doubt("recovered", "read from its words: a query within another statement")
        return [draft]

    def _text(self, text: str, in_routine: bool = False) -> list[StatementBuilder]:
        from prefect_lineage_events.sql.splitting.statements import pieces_of

        if self.texts >= _DEEPEST_TEXT:
            return [StatementBuilder.unread(self.context, "texts that execute texts, too deep")]
        inner = _Reader(replace(self.context, in_routine=in_routine), self.effort, self.texts + 1)
        pieces = pieces_of(text, self.context.dialect)
        return [draft for piece in pieces for draft in inner._next(inner.piece, piece, piece.size)]


_Read = Callable[[_Reader, Words, StatementBuilder], list[StatementBuilder]]
_READERS: dict[str, _Read] = {
    "CREATE": _Reader.create,
    "DEFINE": _Reader.create,
    "REPLACE": _Reader.create,
    "SUBMIT": _Reader.create,
    "ALTER": _Reader.alter,
    "EXPLAIN": _Reader.explain,
    "CACHE": _Reader.cache,
    "EXECUTE": _Reader.execute,
    "EXEC": _Reader.execute,
    "SP_RENAME": _Reader.execute,  # EXEC may be left out of the first statement of a batch
    "DO": _Reader.do,
    "CALL": _Reader.call,
    **dict.fromkeys(("SET", "DECLARE", "LET", "RETURN", "FOR", "OPEN", "CURSOR"), _Reader.holder),
}
