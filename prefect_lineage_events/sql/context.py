"""Knowledge that the analysis of one statement has beyond its text, and the agreements between the files of this room.

The calls, from a text to its statements:

    analyze(sql, ...)                  analyze.py               public; a cache of texts in front (cache.py)
      Session.analyze(sql)             session.py               the state of the connection; loops over the pieces
        pieces_of(sql, dialect)        splitting/statements.py  -> Piece after Piece: cut, masked, tokenised
          shape(tokens, ...)           redaction/shape.py       the words that may be shown; sanitise.py joins them
        analyze_piece(piece, context)  tables/statements.py     -> tuple[Statement, ...] of one piece, in order
          dispatch.py: by the first word, what cannot touch data is not parsed; heads are read by rules (create.py,
          alter_drop.py, copy.py, use_set.py, scripting_blocks.py); queries and changes of data get a tree
          parse(tokens, ...)           tables/parser.py         a tree, where the parser can be trusted with the text
          from_tree.py                 tables/                  tables and effect of a tree (tree_nodes.py, ctes.py)
          column_edges(tree, ...)      columns/                 -> ColumnResult, of the same tree
          recover(words, ...)          tables/recovery.py       the second pass, over the words (words.py)
        session.after(statement)                                the state that the next piece meets

Agreements between those files:

`Piece.tokens` are sqlglot tokens **of `Piece.prepared`**, offsets included, so that `Dialect.parser().parse(tokens,
prepared)` works without tokenising again; None when the text does not tokenise. A piece ends before its `;` (which
is no part of it) and an empty piece is not made. `pieces_of` cuts at every `;` outside parentheses, **inside anonymous
scripting blocks too** (so pieces may begin with `BEGIN`, `IF x THEN`, `FOR r IN c DO`, `ELSE`, `END`, `LET`,
`DECLARE`, ...: `analyze_piece` takes such heads off and analyses what follows), but never inside the body of a
CREATE PROCEDURE / FUNCTION / TRIGGER / PACKAGE / TASK, which runs later, nor inside `$$ ... $$`. It also cuts at
client delimiters (MySQL `DELIMITER`, T-SQL `GO` lines, a line of `/` in Oracle).

A text in `EXECUTE IMMEDIATE '...'` comes back to `pieces_of` from `analyze_piece`.

`column_edges` gets the tree as parsed (never mutated by the table walk, and free for the column walk to read only).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.sql.attach import Attached
from prefect_lineage_events.sql.model import Statement, TableRef
from prefect_lineage_events.sql.search_path import SearchPath

Section = Literal["", "declarations", "statements"]
AnalyzeText = Callable[[str, str, str | None, str | None], tuple[Statement, ...]]
"""Text, dialect, database and schema -> the statements of the text, without columns."""


def _unread(text: str, dialect: str, database: str | None, schema: str | None) -> tuple[Statement, ...]:
    return ()


class FoldedNames(dict[str, Mapping[str, str]]):
    """Columns by the names of tables, in the store's own case, as a session keeps them.

    A missing name has no other spelling here: a search for one would cost a comparison with each name.
    """


_NOTHING: Mapping[str, Mapping[str, str]] = FoldedNames()
_MOST_EFFORT = 120_000  # tokens: about a second, with the work before the analysis
_MOST_SHORT = 1_000  # statements that count however long the text is: COMMIT and the like
STATEMENT_COST = 25  # the cost of a statement beside its tokens


class Effort:
    """The rest of one text that may still be analysed, in tokens. Repeated statements count once."""

    __slots__ = ("left", "short")

    def __init__(self) -> None:
        self.left = _MOST_EFFORT
        self.short = _MOST_SHORT

    def take(self, size: int) -> bool:
        """Take a statement of this size off the rest; False when the rest is too small."""
        if self.left <= size:
            self.left = 0
            return False
        self.left -= size + STATEMENT_COST
        return True

    def take_short(self) -> bool:
        """Take one of the short statements that may be read when nothing is left; False when they are used up."""
        self.short -= 1
        return self.short >= 0


@dataclass(frozen=True, slots=True)
class Context:
    """The state a statement meets. `Session` makes one per piece; a bare `analyze` has only names and schemas.

    `schemas` maps a table's dotted name (as `TableRef.name`) to its columns and types. `variables` are session
    variables whose value is known (upper-cased name -> text), for `IDENTIFIER($x)` and `TABLE($x)`. `temporary`
    holds the `key` of tables and stages that end with the session. `last_query` are the tables behind
    RESULT_SCAN(LAST_QUERY_ID()), None when they are unknown. `results` are the tables behind the results of the
    statements before in a chain of `->>`. `attached` are the databases that are open under names of their own.
    `schema_lost`, `database_lost`: a statement has set them to a value that its text does not give. `doubtful` are
    those of `temporary` that may not exist. `in_routine`: the statement stands in the body of a procedure or of a DO.
    `locals` are the names of a block's variables, in lower case. `block` is the section of a block that contains
    the statement; empty outside of a block. `search_path` are the schemas that are searched for a name without one, if
    they are not `schema` alone. `made` are the lasting tables that the session made.
    `is_new`: the name that is read is that of a table which the statement makes. `analyze_text` analyses a query that
    the statement hands to a function as a text; by default such a text is not read.
    """

    dialect: str = ""
    database: str | None = None
    schema: str | None = None
    schemas: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: _NOTHING)
    variables: Mapping[str, str] = field(default_factory=dict)
    temporary: frozenset[tuple[str, ...]] = frozenset()
    last_query: tuple[TableRef, ...] | None = None
    columns: bool = True
    results: tuple[tuple[TableRef, ...], ...] = ()
    in_routine: bool = False
    schema_lost: bool = False
    database_lost: bool = False
    doubtful: frozenset[tuple[str, ...]] = frozenset()
    attached: Mapping[str, Attached] = field(default_factory=dict, repr=False)
    locals: frozenset[str] = frozenset()
    block: Section = ""
    search_path: SearchPath | None = None
    made: frozenset[tuple[str, ...]] = frozenset()
    is_new: bool = False
    analyze_text: AnalyzeText = field(default=_unread, repr=False, compare=False)

    def has(self, table: TableRef) -> bool:
        """True if the session made this table and has not dropped it since."""
        if table.temporary or table.key in self.temporary:
            return table.key in self.temporary and table.key not in self.doubtful
        return table.parts in self.made

    @property
    def for_new_tables(self) -> Context:
        """The context for the name of a table that is created: it is not looked up."""
        return replace(self, is_new=True, search_path=self.search_path and self.search_path.first)

    @property
    def for_dropped_tables(self) -> Context:
        """The context for a statement after which the tables that it names may not exist any more."""
        return self if self.search_path is None else replace(self, search_path=self.search_path.without_asking())

    @property
    def select_into_makes_a_table(self) -> bool:
        """True if `SELECT ... INTO x` makes a table; in PL/pgSQL it sets a variable (postgresql.org: plpgsql)."""
        may = not self.in_routine or dialect_of(self.dialect).is_tsql
        return may and dialect_of(self.dialect).select_into_creates
