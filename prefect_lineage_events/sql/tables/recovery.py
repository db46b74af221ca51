"""Recovery: the tables of a statement that does not parse, read from its words.

One loop over the words with a stack of open parentheses. It recognises positions of table names (after FROM, JOIN,
INTO, USING, UPDATE, and commas of those lists), names that are CTEs or aliases there, and uses of FROM that list no
tables (`EXTRACT(day FROM x)`, `IS DISTINCT FROM`). It needs no grammar of expressions, so that depth, size and unknown
syntax do not stop it.
"""

from __future__ import annotations

from itertools import zip_longest

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.sql.names import (
    MOVES,
    location_in,
    location_of,
    location_position,
    named_by,
    text_item,
)
from prefect_lineage_events.sql.tables.arguments import arguments_at
from prefect_lineage_events.sql.tables.builder import StatementBuilder
from prefect_lineage_events.sql.tables.generators import UNKNOWN_FUNCTION, is_generator
from prefect_lineage_events.sql.tables.recovery_dml import ChangeReader
from prefect_lineage_events.sql.tables.recovery_frames import (
    BEFORE_ITEM,
    CHANGED,
    CLAUSES,
    FROM_FUNCTIONS,
    HINTS,
    JOIN_HINTS,
    JOINS,
    NO_ITEM,
    PERIODS,
    QUERY_STARTS,
    SET_OPERATIONS,
    SHORT_VERBS,
    TABLE_COMMANDS,
    VERBS,
    Frame,
)
from prefect_lineage_events.sql.tables.recovery_names import Named, read_name, read_parts
from prefect_lineage_events.sql.tables.remote import ROWSETS
from prefect_lineage_events.sql.tables.table_functions import may_name_tables, tables_of_call
from prefect_lineage_events.sql.words import Kind, Words

# Nested parentheses that get a frame of their own; deeper ones share the innermost frame. A frame for each would burden
# the garbage collector in a text of parentheses alone.
_MAX_FRAMES = 2_000


def recover(words: Words, start: int, end: int, builder: StatementBuilder, makes_tables: bool = False) -> None:
    """Add the reads and writes of the words `[start, end)` to `builder`; `makes_tables`: SELECT INTO makes a table."""
    _Scan(words, end, builder, makes_tables).run(start)


class _Scan(ChangeReader):
    """Loop over parentheses, items of FROM lists and CTEs. `ChangeReader` reads the changes of data."""

    _too_deep = 0  # parentheses that are open within the innermost frame

    def run(self, at: int) -> None:
        upper = self.words.upper
        starts = True  # a statement or a query may start here
        while at < self.end:
            frame = self.stack[-1]
            word = upper[at]
            if word == "(":
                self._open(at, frame)
                at, starts = at + 1, True
                continue
            if word == ")":
                at = self._close(at)
                starts = self.stack[-1].in_with
                continue
            if frame.expects:
                at = self._item(at, frame)
                starts = False
                continue
            at, starts = self._step(at, frame, word, starts)
        while len(self.stack) > 1:
            self.close_frame(self.stack.pop())
        self.close_frame(self.stack[0])
        if dialect_of(self.dialect).correlated_arrays:
            self._doubt_arrays()
        if len(self.builder.outputs) > 1:
            for table in self.moved:
                self.builder.read(table)
            if self.builder.effect == "update":
                self.builder.doubt("partial", "which of the changed tables is set from another is not clear")

    def _doubt_arrays(self) -> None:
        """Doubt `t.items`: it is an array if an enclosing query has a source `t`, which words alone do not show."""
        upper = self.words.upper
        last = {word for word, following in zip_longest(upper, upper[1:]) if following != "."}
        if any(part.upper() in last for table in self.builder.inputs for part in table.parts[:-1]):
            self.builder.doubt("partial", "whether a name behind FROM is a table or an array is not clear")

    # --- parentheses

    def _open(self, at: int, frame: Frame) -> None:
        if len(self.stack) > _MAX_FRAMES:
            self._too_deep += 1
            return
        child = Frame(ctes=frame.ctes, is_target=frame.is_target)
        frame.is_target = False
        if frame.expects:
            child.is_item = child.expects = child.lists = True
            frame.expects = False
            if self.words.word(at + 1) in QUERY_STARTS | VERBS:
                child.expects = child.lists = False
        elif self.words.is_name(at - 1):
            child.function = self.words.word(at - 1)
        self.stack.append(child)

    def _close(self, at: int) -> int:
        if self._too_deep:
            self._too_deep -= 1
            return at + 1
        if len(self.stack) == 1:
            return at + 1
        child = self.stack.pop()
        self.close_frame(child)
        frame = self.stack[-1]
        if child.is_target:
            self.inline(child)
        if child.defines:
            frame.add_cte(child.defines)
            self.bodies[child.defines] = child.sources or []
        if child.is_item:
            return self.alias(at + 1, frame, None)
        return at + 1

    # --- items of a FROM list

    def _item(self, at: int, frame: Frame) -> int:
        words = self.words
        word = words.word(at)
        if word in BEFORE_ITEM and (words.is_name(at + 1) or words.word(at + 1) == "("):
            return at + 1
        if word == "ROWS" and words.follows(at + 1, "FROM", "("):
            frame.expects = False  # postgresql.org: ROWS FROM( function_call, ... )
            return at + 2
        if word in CHANGED and words.follows(at + 1, "TABLE", "("):
            return at + 2  # ibm.com/docs/en/db2: data-change-table-reference
        if word == "UNPIVOT" and words.is_name(at + 1):
            frame.expects = not dialect_of(self.dialect).unpivots_objects
            return at + 1
        if word == "[" and words.word(at + 1) in JOIN_HINTS:
            return at + 3
        frame.expects = False
        if word in NO_ITEM:
            return at
        if word in dialect_of(self.dialect).parenthesised_statements and words.word(at - 1) == "(":
            if word == "IMPORT":
                self.builder.doubt("partial", "rows of another store")
            return words.close(at - 1)
        if word == "STREAM" and (words.is_name(at + 1) or words.word(at + 1) == "("):
            frame.expects = True  # docs.databricks.com: STREAM is a keyword before a table
            return at + 1
        if self._is_function(at):
            return self._function(at, frame)
        named = read_name(words, at, self.builder.context)
        if words.kind(at) == Kind.STRING:
            named = Named(text_item(words.texts[at], self.builder.context), at + 1)
        if named.is_unknown:
            self.builder.doubt("partial", "the name of a table is known only when it runs")
        if named.end == at:
            return at + (0 if word in ("(", ")") else 1)
        table = None if self._is_local(named, frame) else named.table
        if table is not None:
            self.builder.read(table)
            frame.add_source(table)
        if named.bare:
            frame.add_alias(named.bare, table)
        return self.alias(named.end, frame, table)

    def _is_function(self, at: int) -> bool:
        if not self.words.is_name(at) or self.words.word(at) == "IDENTIFIER":
            return False
        parts, end = read_parts(self.words, at, self.dialect)
        if not parts or self.words.word(end) != "(":
            return False
        return self.words.word(end + 1) not in HINTS

    def _function(self, at: int, frame: Frame) -> int:
        """Read a table function: file readers name a file, TABLE('t') names a table; arguments may be queries."""
        words = self.words
        parts, end = read_parts(words, at, self.dialect)
        name = parts[-1][0].lower()
        if may_name_tables(name, self.builder.context):
            self._named_in_call(name, end)
        elif name in dialect_of(self.dialect).file_readers and (name != "openrowset" or words.word(end + 1) == "BULK"):
            location = next((start for start, _ in list(words.items(end))[location_position(name) :]), words.close(end))
            literals = [i for i in range(location, words.close(end)) if words.kind(i) == Kind.STRING]
            texts = [words.texts[literal] for literal in literals]
            for text in texts if words.word(end + 1) == "[" or not texts else [location_in(name, texts)]:
                self.builder.read(location_of(text, self.builder.context))
        elif name in ROWSETS and dialect_of(self.dialect).is_tsql:
            self.rowset(name, end, self.builder.read)
        elif name in dialect_of(self.dialect).naming_functions:
            start = end + 1 + (name == "changetable" and words.word(end + 1) in ("CHANGES", "VERSION"))
            named = read_name(words, start, self.builder.context)
            self.builder.read(
                named_by(words.texts[start], self.builder.context) if words.kind(start) == Kind.STRING else named.table
            )
        elif name == "table" and len(parts) == 1 and self._is_function(end + 1):
            self._function(end + 1, frame)
        elif name == "table" and len(parts) == 1:
            named = read_name(words, at, self.builder.context)
            self.builder.read(named.table)
        elif name == "semantic_view":  # docs.snowflake.com/en/sql-reference/constructs/semantic_view
            self.builder.read(read_name(words, end + 1, self.builder.context).table)
        elif not (is_generator(name) or (name == "predict" and len(parts) == 1 and dialect_of(self.dialect).is_tsql)):
            self.builder.doubt("partial", UNKNOWN_FUNCTION)
        return end

    def _named_in_call(self, name: str, opening: int) -> None:
        """Read the tables that a function names in its arguments, which open at `opening`."""
        found = tables_of_call(name, arguments_at(self.words, opening, self.dialect), self.builder.context)
        for table in found.tables if found is not None else ():
            self.builder.read(table)
        if found is not None and found.reason:
            self.builder.doubt("partial", found.reason)

    def _is_local(self, named: Named, frame: Frame) -> bool:
        """Return whether the name is a CTE in scope, or an array of a table named before (`FROM t AS a, a.items`)."""
        if named.bare:
            return named.bare in frame.ctes
        if named.first == "recurring" and dialect_of(self.dialect).recurring_tables and named.table is not None:
            return named.table.parts[-1].lower() in frame.ctes  # duckdb.org: WITH RECURSIVE ... USING KEY
        return named.first in (frame.aliases or ()) and dialect_of(self.dialect).recovered_arrays

    # --- everything else

    def _step(self, at: int, frame: Frame, word: str, starts: bool) -> tuple[int, bool]:
        words = self.words
        word = SHORT_VERBS.get(word, word) if dialect_of(self.dialect).short_verbs else word
        if words.word(at + 1) == "(" and self.builder.context.variables and words.is_name(at):
            name = words.texts[at].lower()
            if may_name_tables(name, self.builder.context):
                self._named_in_call(name, at + 1)
        if word == ",":
            if frame.in_with:
                return self._cte(at + 1, frame), True
            frame.expects = frame.lists
        elif word == "FROM":
            if self._is_table_from(at, frame):
                frame.expects = frame.lists = True
                frame.is_source_first = starts
        elif word in JOINS and self._joins(at, word):
            frame.expects = frame.lists = words.word(at - 1) != "ARRAY"
        elif word == "WITH" and (after := self._with(at, frame)):
            return after, True
        elif word in ("SELECT", "SEL"):
            self._ends_list(frame)
            frame.in_with, frame.selects = False, True
        elif word in MOVES and words.word(at + 1) == "(":
            self.moves(at)
        elif word in TABLE_COMMANDS and self._names_a_table(at + 1, starts or self._is_argument(at, frame)):
            frame.expects = True
        elif word == "TABLE" and frame.function and words.word(at + 1) == "(":
            self._argument(at + 2, words.close(at + 1))
        elif (
            word == "DATA"
            and frame.function == "PREDICT"
            and words.word(at + 1) == "="
            and dialect_of(self.dialect).is_tsql
        ):
            frame.expects = True  # PREDICT(MODEL = @m, DATA = dbo.t AS d)
            return at + 2, False
        elif word == "RETURNING":
            frame.returns = True
            self._ends_list(frame)
        elif word in SET_OPERATIONS or word in CLAUSES or (word == "LATERAL" and words.word(at + 1) == "VIEW"):
            self._ends_list(frame)  # what follows LATERAL VIEW are names of columns (spark.apache.org: LATERAL VIEW)
            if word == "SET":
                self.assigns(at + 1, frame)
        elif word == "USING" and frame.using and words.word(at + 1) != "":
            frame.expects, frame.lists, frame.using = True, frame.verb != "MERGE", False
        elif word == "USING" and words.is_name(at + 1):
            self._ends_list(frame)  # clickhouse.com: JOIN ... USING a, b lists columns
        elif word == "INTO" and (
            words.follows(at - 2, "LOG", "ERRORS") or (frame.verb and dialect_of(self.dialect).is_tsql)
        ):
            return self.output_into(at + 1), False
        elif word == "INTO" and frame.selects:
            return self.select_into(at + 1), False
        elif word == "INSERT" and frame.is_source_first:
            self._ends_list(frame)
            return self.verb(at, frame, word), False
        elif word in VERBS and not frame.actions and (starts or self.starts_statement(at)):
            return self.verb(at, frame, word), False
        return at + 1, False

    def _joins(self, at: int, word: str) -> bool:
        before = self.words.word(at - 1)
        return before in ("CROSS", "OUTER") if word == "APPLY" else before not in ("SELECT", "DISTINCT")

    def _is_argument(self, at: int, frame: Frame) -> bool:
        return bool(frame.function) and self.words.word(at - 1) in ("(", ",", "=>", ">")

    def _names_a_table(self, at: int, may: bool) -> bool:
        """Return whether a table follows TABLE, PIVOT or SUMMARIZE, as a statement or as an argument of a function."""
        return may and self.words.is_name(at) and self.words.word(at) not in QUERY_STARTS

    def _argument(self, at: int, end: int) -> None:
        """Read `f(input => TABLE(orders))`: a single name in the parentheses (trino.io: table functions)."""
        named = read_name(self.words, at, self.builder.context)
        if named.end == end:
            self.builder.read(named.table)

    def _is_table_from(self, at: int, frame: Frame) -> bool:
        words = self.words
        if frame.function in FROM_FUNCTIONS:
            return False
        if words.word(at - 1) == "DISTINCT" and words.word(at - 2) in ("IS", "NOT"):
            return False
        if words.word(at - 1) in PERIODS or words.follows(at - 3, "PORTION", "OF"):
            return False  # SQL:2011: FOR PORTION OF p FROM x TO y, FOR SYSTEM_TIME FROM x TO y
        return not (words.word(at + 1) in ("FIRST", "LAST") and words.word(at + 2) in ("OVER", "RESPECT", "IGNORE"))

    def _ends_list(self, frame: Frame) -> None:
        frame.expects = frame.lists = False

    def _with(self, at: int, frame: Frame) -> int:
        """The body of the first CTE after WITH; 0 if WITH starts no CTE (hints, options, WITH TIME ZONE)."""
        words = self.words
        recursive = words.word(at + 1) == "RECURSIVE"
        first = at + 2 if recursive else at + 1
        if words.follows(first, "XMLNAMESPACES", "("):  # learn.microsoft.com: WITH XMLNAMESPACES (...), a AS (...)
            first = words.close(first + 1) + 2
        if not words.is_name(first):
            return 0
        after = words.close(first + 1) + 1 if words.word(first + 1) == "(" else first + 1
        after = self._key_end(after)
        is_body = words.word(after) == "AS" and self._is_body(after + 1)
        if not is_body and not (words.word(first + 1) == "(" and words.word(first + 2) in QUERY_STARTS):
            return 0  # Spark may leave AS out
        frame.in_with, frame.recursive = True, recursive
        return self._cte(first, frame)

    def _key_end(self, at: int) -> int:
        """The position after `USING KEY (a)` of a CTE (duckdb.org: WITH RECURSIVE ... USING KEY)."""
        return self.words.close(at + 2) + 1 if self.words.follows(at, "USING", "KEY", "(") else at

    def _is_body(self, at: int) -> bool:
        while self.words.word(at) in ("NOT", "MATERIALIZED"):
            at += 1
        return self.words.word(at) == "("

    def _cte(self, at: int, frame: Frame) -> int:
        """Open the body of the CTE whose name is at `at`, and return the start of the body."""
        words = self.words
        if not words.is_name(at):
            return at
        name = words.texts[at].lower()
        at += 1
        if words.word(at) == "(" and words.word(at + 1) not in QUERY_STARTS:
            at = words.close(at) + 1
        at = self._key_end(at)
        while words.word(at) in ("AS", "NOT", "MATERIALIZED"):
            at += 1
        if words.word(at) != "(":
            return at
        child = Frame(ctes=frame.ctes, defines=name)
        if frame.recursive or words.find(SET_OPERATIONS, at + 1, words.close(at)) != -1:
            child.add_cte(name)
        self.stack.append(child)
        return at + 1
