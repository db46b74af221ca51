"""Readers of a statement, by its first word.

Statements that cannot touch data are not parsed. Queries and changes go to the parser; definitions, transfers and
changes of the connection are read by rules, and the queries in them go to the parser. What the parser refuses is read
from its words (`recovery.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.sql.context import Context
from prefect_lineage_events.sql.tables import alter_drop, copy, create, execute, renames, use_set
from prefect_lineage_events.sql.tables.arguments import arguments_at
from prefect_lineage_events.sql.tables.builder import StatementBuilder
from prefect_lineage_events.sql.tables.cached_tables import cached
from prefect_lineage_events.sql.tables.clauses import as_kind
from prefect_lineage_events.sql.tables.column_types import declared_columns
from prefect_lineage_events.sql.tables.create import Definition
from prefect_lineage_events.sql.tables.local_variables import parameters
from prefect_lineage_events.sql.tables.parser import target
from prefect_lineage_events.sql.tables.parsing import Refused, read_tree
from prefect_lineage_events.sql.tables.recovery import recover
from prefect_lineage_events.sql.tables.recovery_names import read_name
from prefect_lineage_events.sql.tables.required_words import CALL, UNKNOWN_STATEMENT, WITHOUT_DATA, WITHOUT_TARGET
from prefect_lineage_events.sql.tables.scripting_blocks import TRANSITION_TABLES, body_of, do_body, is_of_a_block
from prefect_lineage_events.sql.tables.table_functions import tables_of_call
from prefect_lineage_events.sql.words import (
    ALWAYS_MOVES,
    CHANGES,
    NO_CHANGE,
    NO_DATA,
    PARSED,
    QUERIES,
    QUERY_WORDS,
    REMOVING,
    TOUCHING,
    Words,
)

TRANSFERS: dict[str, Callable[[Words, StatementBuilder], copy.Query | None]] = {
    "COPY": copy.copy,
    "UNLOAD": copy.unload,
    "LOAD": copy.load,
    "EXPORT": copy.export,
    "IMPORT": copy.import_,
    "PUT": copy.put,
    "GET": copy.put,
    "BULK": copy.bulk,
    "APPLY": copy.apply_changes,
    "AUTO": copy.apply_changes,
}
DEFINITIONS: dict[str, Callable[[Words, StatementBuilder], object]] = {
    "ATTACH": use_set.attach,
    "DROP": alter_drop.drop,
    "UNDROP": alter_drop.undrop,
    "FLASHBACK": alter_drop.flashback,
    "RESTORE": alter_drop.restore,
    "REFRESH": alter_drop.refresh,
    "TRUNCATE": alter_drop.truncate,
    "RENAME": renames.rename,
    "EXCHANGE": renames.exchange,
    "USE": use_set.use,
    "DATABASE": use_set.use,
    "PREPARE": execute.prepare,
    "DEALLOCATE": execute.deallocate,
    "DISCARD": use_set.discard,
    "RESET": use_set.reset,
}

_EXPLAINED = PARSED - {"("} | {"CREATE", "EXECUTE"}
_PLAIN_QUERIES = QUERIES - {"("}
_MAX_OPTIONS = 40  # words after EXPLAIN that hold its options and the verb of a statement
_MAX_DESCRIBE = 4  # words of EXPLAIN with a table and a column


def is_explained(words: Words, dialect: str) -> bool:
    """Return whether EXPLAIN stands before a statement, or before the name of a table."""
    verbs = (NO_DATA | PARSED | DEFINITIONS.keys() | TRANSFERS.keys()) - {"("}
    if not verbs.isdisjoint(words.upper[1:_MAX_OPTIONS]):
        return True
    is_name = words.is_name(1) and words.source[words.span(1)[0]] != '"'
    return dialect_of(dialect).explains_tables and is_name and (len(words) < _MAX_DESCRIBE or words.word(2) == ".")


def explained(words: Words) -> int:
    """The position of the statement that EXPLAIN ANALYZE runs; -1 where nothing runs."""
    at, runs = 1, False
    while at < len(words) and words.word(at) not in _EXPLAINED:
        runs = runs or words.word(at) in ("ANALYZE", "ANALYSE")
        at += 1
    return at if runs and at < len(words) else -1


class NestedStatements(Protocol):
    """Reader of the statements within a statement."""

    def executed_text(self, text: str, in_routine: bool = False) -> list[StatementBuilder]:
        """The statements of a text that a statement executes."""

    def routine_body(self, body: str | Words, parameters: frozenset[str]) -> list[StatementBuilder]:
        """The statements of a routine's body, in which INTO sets variables."""


class StatementReader:
    """Reader of one statement. `nested` reads texts and bodies in it; `refused` holds what the parser refused."""

    def __init__(self, context: Context, nested: NestedStatements, refused: Refused) -> None:
        self.context = context
        self._nested = nested
        self._refused = refused

    def read(self, words: Words) -> list[StatementBuilder]:
        """The builders of one statement, by its first word: several where it executes a text."""
        verb = words.word(0)
        builder = StatementBuilder(self.context.for_dropped_tables if verb in REMOVING else self.context)
        if words.follows(2, "AS", "PROCEDURE"):
            return self.with_procedure(words)
        if verb in PARSED and words.word(1) not in NO_CHANGE:
            return self._parsed(words)
        if reader := _READERS.get(verb):
            return reader(self, words, builder)
        if definition := DEFINITIONS.get(verb):
            definition(words, builder)
        elif transfer := TRANSFERS.get(verb):
            self._read_transfer_query(transfer(words, builder), words, builder)
            if verb in ALWAYS_MOVES and not (builder.inputs or builder.outputs or words.word(2) == "DATABASE"):
                builder.doubt("partial", WITHOUT_DATA)
        elif (words.word(1) == ":=" or _declares_query(words)) and not TOUCHING.isdisjoint(words.upper):
            return self.embedded_query(words, builder)
        elif (
            verb not in NO_DATA
            and verb not in dialect_of(self.context.dialect).verbs_without_data
            and not is_of_a_block(words, self.context)
        ):
            builder.doubt("partial", UNKNOWN_STATEMENT)
        return [builder]

    def _parsed(self, words: Words) -> list[StatementBuilder]:
        tokens = words.tokens_between(0, len(words))
        builder = StatementBuilder(self.context)
        if tokens is None or not read_tree(builder, tokens, words.source, self._refused):
            self._recover(builder, words, 0, len(words))
            if words.word(0) in CHANGES and not builder.outputs:
                builder.doubt("partial", WITHOUT_TARGET)
            elif words.word(0) == "(" and _PLAIN_QUERIES.isdisjoint(words.upper):
                builder.doubt("partial", UNKNOWN_STATEMENT)
        return [builder]

    def _recover(self, builder: StatementBuilder, words: Words, start: int, end: int) -> None:
        """Read words without a tree; SELECT INTO makes a table in dialects where it does so."""
        reason, builder.reason = builder.reason or "it does not parse", ""
        if dialect_of(self.context.dialect).is_tsql and words.word(start) == "INSERT":
            end = self._rows_executed(builder, words, start, end)
        recover(words, start, end, builder, makes_tables=self.context.select_into_makes_a_table)
        if builder.effect is None:
            builder.kind = "read"
        builder.doubt("recovered", f"read from its words: {reason}")

    def _executed(self, builder: StatementBuilder, words: Words, start: int, end: int) -> bool:
        """Read `CREATE TABLE t AS EXECUTE p` (postgresql.org: CREATE TABLE AS); False if there is no tree of it."""
        is_call = words.word(start) == "EXECUTE"
        for inner in self.execute(words.part(start, end), StatementBuilder(self.context)) if is_call else ():
            builder.inputs.update(inner.inputs)
            builder.doubt(inner.confidence, inner.reason)
            builder.tree, builder.refs, builder.unions = inner.tree, {**builder.refs, **inner.refs}, inner.unions
        return is_call and builder.tree is not None

    def _rows_executed(self, builder: StatementBuilder, words: Words, start: int, end: int) -> int:
        """`INSERT INTO t EXEC ...` takes the rows of the executed statement (learn.microsoft.com: INSERT).

        Returns the position at which that statement starts.
        """
        at = words.find(frozenset({"EXEC", "EXECUTE"}), start, end)
        if at == -1:
            return end
        for inner in self.execute(words.part(at, end), StatementBuilder(self.context)):
            builder.inputs.update(inner.inputs)
            if not inner.inputs:
                builder.doubt("partial", inner.reason or "the rows come from a procedure")
        return at

    def _query(self, builder: StatementBuilder, words: Words, start: int, end: int) -> bool:
        """Read a query within a statement; False if there is no tree of it."""
        tokens = words.tokens_between(start, end)
        if tokens is not None and read_tree(builder, tokens, words.source, self._refused):
            return True
        self._recover(builder, words, start, end)
        return False

    def _read_transfer_query(self, query: copy.Query | None, words: Words, builder: StatementBuilder) -> None:
        if query is None:
            return
        if query.table is not None:
            builder.tree = copy.whole_table_query(query.table, query.listed, builder)
            if query.by_position:
                node, named = target("target", query.columns)
                builder.refs[id(node)] = next(iter(builder.outputs), None)
                builder.tree = exp.Insert(this=named, expression=builder.tree)
        elif query.text:
            for inner in self._nested.executed_text(query.text):
                builder.inputs.update(inner.inputs)
                builder.tree, builder.refs, builder.unions = inner.tree, inner.refs, inner.unions
        elif self._query(builder, words, query.start, query.end) and query.columns:
            node, named = target("target", query.columns)
            builder.refs[id(node)] = next(iter(builder.outputs), None)
            builder.tree = exp.Insert(this=named, expression=builder.tree)

    def create(self, words: Words, builder: StatementBuilder) -> list[StatementBuilder]:
        definition = create.create(words, builder)
        if definition.thing in create.ROUTINES:
            return [self._routine(definition, words, builder)]
        if definition.thing in ("DATABASE", "SCHEMA"):
            use_set.created(definition.thing, words, definition.name_end + 1, builder)
        self._defined(definition, words, builder)
        return [builder]

    def alter(self, words: Words, builder: StatementBuilder) -> list[StatementBuilder]:
        if use_set.altered(words, builder):
            return [builder]
        if create.is_routine(words):  # learn.microsoft.com: ALTER PROCEDURE, dev.mysql.com: ALTER EVENT
            return self.create(words, builder)
        definition = alter_drop.alter(words, builder)
        self._defined(definition, words, builder)
        if builder.effect in ("update", "delete"):
            self._mutated(definition.name_end, words, builder)
        return [builder]

    def _mutated(self, at: int, words: Words, builder: StatementBuilder) -> None:
        """Parse `ALTER TABLE t UPDATE a = 1 WHERE ...` as the UPDATE that it is, and DELETE likewise."""
        start = create.skip_existence(words, 2)
        named = words.tokens_between(start, read_name(words, start, self.context).end)
        rest = words.tokens_between(at + 1, len(words))
        verb = words.tokens_between(at, at + 1)
        if named and rest and verb:
            is_update = words.word(at) == "UPDATE"
            before = verb if is_update else [*verb, as_kind(verb[0], TokenType.FROM, "FROM")]
            after = [as_kind(verb[0], TokenType.SET, "SET")] if is_update else []
            inner = StatementBuilder(self.context)
            if read_tree(inner, [*before, *named, *after, *rest], words.source, self._refused):
                builder.tree, builder.refs, builder.unions = inner.tree, inner.refs, inner.unions

    def _defined(self, definition: Definition, words: Words, builder: StatementBuilder) -> None:
        """Read the query of a definition, and make it the tree of a CREATE whose head was read by rules."""
        if definition.query == -1:
            return
        start = create.query_start(words, definition.query)
        end = create.query_end(words, start)
        is_parsed = self._executed(builder, words, start, end) or self._query(builder, words, start, end)
        if definition.is_recursive and definition.target is not None:
            builder.inputs.pop(definition.target, None)
        if not is_parsed or not builder.outputs:
            return
        output = next(iter(builder.outputs))
        node, named = target(definition.thing, builder.declared.get(output.name, ()))
        builder.refs[id(node)] = output
        builder.tree = exp.Create(this=named, kind=definition.thing, expression=builder.tree)

    def _routine(self, definition: Definition, words: Words, builder: StatementBuilder) -> StatementBuilder:
        """A procedure, trigger, task or pipe.

        Nothing has run, so it reads and writes nothing. Tables that its body names become its inputs and outputs,
        except those that exist only during a run of it.
        """
        body = body_of(definition, words)
        if body is None:
            return builder
        names = parameters(words, definition.name_end, self.context.dialect)
        builder.body = self._nested.routine_body(body, names)
        gone = TRANSITION_TABLES if definition.thing == "TRIGGER" and dialect_of(self.context.dialect).is_tsql else ()
        for statement in builder.body:
            builder.inputs.update(
                (t, None) for t in statement.inputs if not (t.temporary or (t.parts and t.parts[-1] in gone))
            )
            builder.outputs.update((t, None) for t in statement.outputs if not t.temporary)
            if statement.inputs or statement.outputs or statement.confidence == "partial":
                builder.doubt(statement.confidence, statement.reason)
        return builder

    def explain(self, words: Words, builder: StatementBuilder) -> list[StatementBuilder]:
        """EXPLAIN touches nothing; EXPLAIN ANALYZE runs what it explains (postgresql.org, duckdb.org, trino.io)."""
        at = explained(words)
        if at == -1 and not is_explained(words, self.context.dialect):
            builder.doubt("partial", UNKNOWN_STATEMENT)
        return [builder] if at == -1 else self.read(words.part(at))

    def execute(self, words: Words, builder: StatementBuilder) -> list[StatementBuilder]:
        """EXECUTE IMMEDIATE 'text', EXEC ('text'), EXECUTE of a prepared statement; a procedure is a call."""
        if dialect_of(self.context.dialect).is_tsql and renames.by_procedure(words, builder):
            return [builder]
        found = execute.executed(words, self.context)
        if found.text:
            return self._nested.executed_text(found.text)
        if found.reason:
            builder.doubt("partial", found.reason)
        if found.is_procedure:
            _calls_procedure(builder)
        return [builder]

    def call(self, words: Words, builder: StatementBuilder) -> list[StatementBuilder]:
        """CALL of a procedure touches nothing that its text shows; a few functions do (`postgres_execute`)."""
        found = tables_of_call(words.word(1).lower(), arguments_at(words, 2, self.context.dialect), self.context)
        if found is not None and found.reason:
            builder.doubt("partial", found.reason)
        if found is None and not dialect_of(self.context.dialect).calls_functions:
            _calls_procedure(builder)
        return [builder]

    def with_procedure(self, words: Words) -> list[StatementBuilder]:
        """`WITH p AS PROCEDURE () ... AS $$ ... $$ CALL p()` runs its body (docs.snowflake.com: CALL, WITH)."""
        body = body_of(Definition("PROCEDURE", None, 4, words.find(frozenset({"AS"}), 4) + 1), words)
        return (
            self._nested.executed_text(body, True)
            if isinstance(body, str)
            else [StatementBuilder.unread(self.context, execute.UNKNOWN)]
        )

    def cache(self, words: Words, builder: StatementBuilder) -> list[StatementBuilder]:
        """`CACHE [LAZY] TABLE t AS query` makes a temporary view (spark.apache.org: CACHE TABLE)."""
        self._defined(cached(words, builder), words, builder)
        return [builder]

    def do(self, words: Words, builder: StatementBuilder) -> list[StatementBuilder]:
        """A block of PostgreSQL runs; MySQL's DO evaluates."""
        body = None if dialect_of(self.context.dialect).do_evaluates else do_body(words)
        return self._nested.executed_text(body, True) if body is not None else [builder]

    def embedded_query(self, words: Words, builder: StatementBuilder) -> list[StatementBuilder]:
        """A statement that is no query but may contain one: an assignment, a cursor, a value to return."""
        if words.word(0) == "SET":
            use_set.set_(words, builder)
        elif words.follows(0, "OPEN", "SCHEMA"):
            use_set.use(words, builder)
        elif words.follows(0, "DECLARE", "GLOBAL", "TEMPORARY", "TABLE"):  # ibm.com/docs/en/db2
            return self.create(words, builder)
        elif words.word(0) == "DECLARE" and words.follows(3, "TABLE", "("):
            builder.declared["@" + words.texts[2].lower()] = declared_columns(words, 4, self.context.dialect)
            return [builder]
        if self.context.in_routine and (at := words.find(execute.VERB, 1)) != -1:  # RETURN QUERY EXECUTE text
            return self.execute(words.part(at), builder)
        start = words.find(QUERY_WORDS, 1)
        recover(words, start if start != -1 else 1, len(words), builder)
        if builder.inputs:
            builder.kind = "read"
            builder.doubt("recovered", "read from its words: a query within another statement")
        return [builder]


def _declares_query(words: Words) -> bool:
    """True for `c CURSOR FOR SELECT ...` and `r RESULTSET DEFAULT (SELECT ...)`, declarations after the first.

    docs.snowflake.com: DECLARE; postgresql.org: Cursors in PL/pgSQL
    """
    at = 1 + words.is_word(1, "NO") + words.is_word(1 + words.is_word(1, "NO"), "SCROLL")
    return words.is_name(0) and words.word(at) in ("CURSOR", "RESULTSET")


_Read = Callable[[StatementReader, Words, StatementBuilder], list[StatementBuilder]]
_READERS: dict[str, _Read] = {
    "CREATE": StatementReader.create,
    "DEFINE": StatementReader.create,
    "REPLACE": StatementReader.create,
    "SUBMIT": StatementReader.create,
    "ALTER": StatementReader.alter,
    "EXPLAIN": StatementReader.explain,
    "CACHE": StatementReader.cache,
    "EXECUTE": StatementReader.execute,
    "EXEC": StatementReader.execute,
    "SP_RENAME": StatementReader.execute,  # EXEC may be left out of the first statement of a batch
    "DO": StatementReader.do,
    "CALL": StatementReader.call,
    **dict.fromkeys(("SET", "DECLARE", "LET", "RETURN", "FOR", "OPEN", "CURSOR"), StatementReader.embedded_query),
}


def _calls_procedure(builder: StatementBuilder) -> None:
    builder.calls_procedure = True
    builder.doubt("partial", CALL)
