"""Recovery of the targets of INSERT, UPDATE, DELETE and MERGE from their words.

The loop over the words is in `recovery.py`.
"""

from __future__ import annotations

from collections.abc import Callable

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.sql.model import Effect, TableRef
from prefect_lineage_events.sql.names import MOVES, location_in, location_of, location_position, named_by
from prefect_lineage_events.sql.tables.builder import StatementBuilder
from prefect_lineage_events.sql.tables.recovery_frames import (
    CHANGE_OPTIONS,
    INSERT_OPTIONS,
    NO_ALIAS,
    QUERY_STARTS,
    SELECT_INTO_OPTIONS,
    Frame,
)
from prefect_lineage_events.sql.tables.recovery_names import Named, read_name, read_parts
from prefect_lineage_events.sql.tables.remote import ROWSETS, rowset_at
from prefect_lineage_events.sql.words import Kind, Words


class ChangeReader:
    """Reader of targets into `builder`. `stack` holds the frames of open parentheses."""

    def __init__(self, words: Words, end: int, builder: StatementBuilder, makes_tables: bool) -> None:
        self.words = words
        self.end = min(end, len(words))
        self.builder = builder
        self.makes_tables = makes_tables
        self.stack = [Frame()]
        self.moved: list[TableRef] = []  # tables whose rows a CTE removes and returns: another change writes them
        self.bodies: dict[str, list[TableRef]] = {}  # the tables of a CTE's own FROM list
        self.dialect = builder.context.dialect

    def alias(self, at: int, frame: Frame, table: TableRef | None) -> int:
        """Add the alias at `at`, if there is one, and return the position after it."""
        words = self.words
        if words.word(at) == "AS":
            at += 1
            if not words.is_name(at):
                return at
        elif not words.is_name(at) or words.word(at) in NO_ALIAS:
            return at
        frame.add_alias(words.texts[at].lower(), table)
        return at + 1

    def select_into(self, at: int) -> int:
        """Read INTO of a SELECT: a table, a file (dev.mysql.com: SELECT ... INTO; ClickHouse too), or variables."""
        if self.words.word(at) in ("OUTFILE", "DUMPFILE") and self.words.kind(at + 1) == Kind.STRING:
            self.effect("append")
            self.builder.write(location_of(self.words.texts[at + 1], self.builder.context))
            return at + 2
        if not self.makes_tables:
            return at
        temporary = False
        while self.words.word(at) in SELECT_INTO_OPTIONS:
            temporary = temporary or self.words.word(at).startswith("TEMP")
            at += 1
        named = read_name(self.words, at, self.builder.context.for_new_tables)
        if named.table is not None:
            self.effect("create")
            self.builder.write(named.table, temporary)
        return max(named.end, at)

    def output_into(self, at: int) -> int:
        """Read the second table of `OUTPUT inserted.* INTO log` (learn.microsoft.com: OUTPUT clause)."""
        named = read_name(self.words, at, self.builder.context)
        self.builder.write(named.table)
        return max(named.end, at)

    def starts_statement(self, at: int) -> bool:
        """Return whether a verb starts another statement: one that needs no `;` (T-SQL), or a branch of a block."""
        if len(self.stack) > 1 or self.stack[0].verb:
            return False
        return self.words.word(at - 1) in ("BEGIN", "THEN", "ELSE", "DO", "LOOP", "AS", ")")

    def verb(self, at: int, frame: Frame, word: str) -> int:
        frame.in_with = False
        frame.verb = word
        if word in ("INSERT", "REPLACE", "UPSERT"):
            return self._insert(at, frame)
        if word == "MERGE":
            frame.using = frame.actions = True
            return self._target(self._skip_options(at + 1), frame, "update")
        if word == "UPDATE":
            return self._update(at, frame)
        return self._delete(at, frame)

    def _skip_options(self, at: int) -> int:
        words = self.words
        while words.word(at) in CHANGE_OPTIONS and words.word(at + 1) not in ("SET", "AS", "WHERE", "USING", ""):
            at += 1
        if words.word(at) == "TOP" and words.word(at + 1) == "(":
            at = words.close(at + 1) + 1
            at += words.word(at) == "PERCENT"
        if words.follows(at, "WITH", "SCHEMA", "EVOLUTION"):
            at += 3
        return at + (words.word(at) == "INTO")

    def _insert(self, at: int, frame: Frame) -> int:
        words = self.words
        effect: Effect = "append"
        many = words.word(at + 1) in ("ALL", "FIRST")
        at += 1 + many
        if many:
            return self._insert_many(at)
        while words.word(at) in INSERT_OPTIONS and words.word(at - 1) != "INTO":
            effect = "overwrite" if words.word(at) == "OVERWRITE" else effect
            at += 1
        if words.word(at) == "TOP" and words.word(at + 1) == "(":
            at = words.close(at + 1) + 1
            at += words.word(at) == "INTO"
        if words.word(at) == "DIRECTORY" and words.word(at + 1) == "USING":
            return self._directory(at + 1, effect)
        if words.word(at) == "DIRECTORY" and words.kind(at + 1) == Kind.STRING:
            at += 1
        if words.word(at) == "TABLE" and (words.is_name(at + 1) or words.word(at + 1) == "FUNCTION"):
            at += 1
        if words.word(at) == "FUNCTION" and words.is_name(at + 1) and dialect_of(self.dialect).inserts_into_functions:
            return self._function_target(at + 1, effect)
        if words.word(at) == "(" and words.word(at + 1) in QUERY_STARTS:
            self.effect(effect)
            frame.is_target = True  # docs.oracle.com: INSERT INTO (subquery)
            return at
        at = self._target(at, frame, effect)
        at = words.close(at) + 1 if words.word(at) == "(" and words.word(at + 1) not in QUERY_STARTS else at
        if words.word(at) == "TABLE" and words.is_name(at + 1):  # dev.mysql.com: INSERT ... TABLE
            frame.expects = True
            return at + 1
        return at

    def _directory(self, at: int, effect: Effect) -> int:
        """`INSERT OVERWRITE DIRECTORY USING x OPTIONS (path '...')` (spark.apache.org); returns its query's start."""
        words = self.words
        self.effect(effect)
        query = words.find(QUERY_STARTS, at, self.end)
        query = self.end if query == -1 else query
        for i in range(at, query):
            value = i + 1 + (words.word(i + 1) == "=")
            if words.word(i) == "PATH" and words.kind(value) == Kind.STRING:
                self.builder.write(location_of(words.texts[value], self.builder.context))
        return query

    def _function_target(self, at: int, effect: Effect) -> int:
        """`INSERT INTO FUNCTION s3('https://...')` writes what the function reads elsewhere (clickhouse.com)."""
        words = self.words
        self.effect(effect)
        name = words.texts[at].lower()
        starts = [start for start, _ in words.items(at + 1)][location_position(name) :]
        if name in dialect_of(self.dialect).file_readers and starts and words.kind(starts[0]) == Kind.STRING:
            texts = [words.texts[start] for start in starts if words.kind(start) == Kind.STRING]
            self.builder.write(location_of(location_in(name, texts), self.builder.context))
        return words.close(at + 1) + 1

    def _insert_many(self, at: int) -> int:
        """INSERT ALL / FIRST: every INTO up to the query is a target (docs.snowflake.com: INSERT (multi-table))."""
        words = self.words
        self.effect("append")
        query = words.find(frozenset({"SELECT", "WITH"}), at, self.end)
        query = self.end if query == -1 else query
        while (into := words.find(frozenset({"INTO"}), at, query)) != -1:
            named = read_name(words, into + 1, self.builder.context)
            self.builder.write(named.table)
            at = max(named.end, into + 1)
        return query

    def _target(self, at: int, frame: Frame, effect: Effect) -> int:
        named = read_name(self.words, at, self.builder.context)
        self.effect(effect)
        if named.is_unknown:
            self.builder.doubt("partial", "the name of the target is known only when it runs")
        if self._is_rowset(named):
            return self.rowset(named.bare, named.end, self.builder.write)
        self.builder.write(named.table)
        if effect in ("append", "overwrite"):
            return max(named.end, at)
        return self.alias(max(named.end, at), frame, named.table)

    def _update(self, at: int, frame: Frame) -> int:
        """UPDATE t SET ... FROM ..., UPDATE a JOIN b ... SET ..., UPDATE alias SET ... FROM t alias."""
        at = self._skip_options(at + 1)
        named = read_name(self.words, at, self.builder.context)
        self.effect("update")
        if named.is_unknown:
            self.builder.doubt("partial", "the name of the target is known only when it runs")
        if named.end == at:
            frame.is_target = True
        if self._is_rowset(named):
            return self.rowset(named.bare, named.end, self.builder.write)
        frame.add_target(named)
        frame.lists = True
        return self.alias(max(named.end, at), frame, named.table)

    def assigns(self, at: int, frame: Frame) -> None:
        """Read the SET of an UPDATE that joins tables: it changes those whose columns it names, and reads the others.

        (dev.mysql.com/doc/refman/en/update.html). A SET before FROM does not show that.
        """
        if frame.verb != "UPDATE" or not frame.sources:
            return
        first = [named.table for named in frame.targets or () if named.table is not None]
        known: dict[str, TableRef | None] = {t.parts[-1].lower(): t for t in (*first, *frame.sources) if t.parts}
        known.update(frame.aliases or {})
        lefts = [read_parts(item, 0, self.dialect) for item in self.words.part(at, self.end).split(",")]
        named = (known.get(parts[-2][0].lower()) for parts, _ in lefts if len(parts) > 1)
        changed = [table for table in dict.fromkeys(named) if table is not None]
        if changed:
            frame.targets = [Named(table, at) for table in changed]
            for table in first:
                self.builder.read(table if table not in changed else None)

    def _delete(self, at: int, frame: Frame) -> int:
        """DELETE FROM t [USING ...], DELETE t WHERE ..., DELETE a, b FROM a JOIN b ..."""
        words = self.words
        at = self._skip_options(at + 1)
        self.effect("delete")
        frame.using = True
        named_first = words.word(at) != "FROM"
        at += not named_first
        at += words.word(at) == "ONLY" and words.is_name(at + 1)
        frame.is_target = words.word(at) == "("
        while True:
            named = read_name(words, at, self.builder.context)
            if named.end == at:
                break
            if named.is_unknown:
                self.builder.doubt("partial", "the name of the target is known only when it runs")
            if self._is_rowset(named):
                return self.rowset(named.bare, named.end, self.builder.write)
            frame.add_target(named)
            at = named.end
            if words.follows(at, ".", "*"):
                at += 2
            if words.word(at) != ",":
                break
            at += 1
        return at if named_first else self.alias(at, frame, named.table)

    def close_frame(self, frame: Frame) -> None:
        """Write a frame's targets: tables of their own, or aliases of tables that the statement named after them."""
        for named in frame.targets or ():
            table = named.table
            if named.bare and (meant := (frame.aliases or {}).get(named.bare)) is not None:
                table = meant
            if named.bare and named.bare in frame.ctes:
                table = self._through(named.bare)
            self.builder.write(table)
            if table is not None and frame.returns and frame.defines:
                self.moved.append(table)
            if table is not None and table in (frame.sources or ()):
                self.builder.inputs.pop(table, None)  # the FROM list names it only for the join

    def inline(self, view: Frame) -> None:
        """Write the one table of an updatable query (docs.oracle.com: INSERT, UPDATE, DELETE)."""
        tables = view.sources or []
        if len(tables) == 1:
            self.builder.inputs.pop(tables[0], None)
            self.builder.write(tables[0])
        else:
            self.builder.doubt("partial", "which table is changed through a query is not clear")

    def _is_rowset(self, named: Named) -> bool:
        return dialect_of(self.dialect).is_tsql and named.bare in ROWSETS and self.words.word(named.end) == "("

    def rowset(self, name: str, opening: int, note: Callable[[TableRef], object]) -> int:
        """Pass the tables of T-SQL's rowset function to `note`, and return the position after the call."""
        tables, doubt = rowset_at(self.words, name, opening, self.builder.context)
        if doubt:
            self.builder.doubt("partial", doubt)
        for table in tables:
            note(table)
        return self.words.close(opening) + 1

    def _through(self, cte: str) -> TableRef | None:
        """The one table of an updatable CTE, which is changed and not read."""
        tables = self.bodies.get(cte, [])
        if len(tables) != 1:
            self.builder.doubt("partial", "which table is changed through a CTE is not clear")
            return None
        self.builder.inputs.pop(tables[0], None)
        return tables[0]

    def moves(self, at: int) -> None:
        """Read a function that moves data between the tables in its arguments."""
        words = self.words
        source, target = MOVES[words.word(at)]
        texts = [words.texts[start] if words.kind(start) == Kind.STRING else "" for start, _ in words.items(at + 1)]
        if len(texts) > max(source, target):
            self.effect("append")
            self.builder.read(named_by(texts[source], self.builder.context))
            self.builder.write(named_by(texts[target], self.builder.context))

    def effect(self, effect: Effect) -> None:
        if self.builder.effect is None:
            self.builder.effect = effect
            self.builder.kind = "create" if effect == "create" else "write"
