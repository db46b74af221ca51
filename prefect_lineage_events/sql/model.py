"""The values that this room returns: a statement, its tables, its column edges, its step of a transaction.

`analyze` (in `analyze.py`) makes them; `emission` turns their table references into datasets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from prefect_lineage_events.naming import part_of_column

StatementKind = Literal["read", "write", "create", "alter", "drop", "misc"]
Confidence = Literal["exact", "recovered", "partial"]
TableKind = Literal["table", "view", "stage", "file", "stream", "other"]
Effect = Literal[
    "append", "overwrite", "update", "delete", "truncate", "create", "alter", "rename", "clone", "swap", "drop",
]  # fmt: skip
Transformation = Literal[
    "IDENTITY", "TRANSFORMATION", "AGGREGATION",  # DIRECT: the value goes in
    "JOIN", "FILTER", "GROUP_BY", "SORT", "WINDOW", "CONDITIONAL",  # INDIRECT: it decides which or when
]  # fmt: skip
DIRECT: frozenset[str] = frozenset({"IDENTITY", "TRANSFORMATION", "AGGREGATION"})


TEMPORARY_SCHEMAS = frozenset({"pg_temp", "temp"})
"""Names of temporary tables, in stores that keep them apart from others of the same name (`TransactionRules`)."""


@dataclass(frozen=True, slots=True)
class TableRef:
    """A table, view, stage or file that a statement names.

    `parts` are the name's parts, outermost first, unquoted and in the store's own case (folded where it was not
    quoted), completed with the default database and schema where those are known. A stage is one part per name with
    `path` beside it (`@db.sch.stage/dir`); a file or URL is `path` alone. A `temporary` one ends with the session;
    where those have a schema of their own (`pg_temp.t`), its name is `t`. `spelling` are the parts as the statement
    spells them, where the store keeps that (`Dialect.keeps_spelling`) and it differs; two spellings are one table.
    `namespace` is that of another store than the connection's, where the text names one (`postgres://h:5432`).
    `doubt`: the reason why it may be another table of that name; "" where it is certain. `reader` is the call of a
    function that reads it, without parts that only the statement knows. It has the user's values: never shown, never
    sent.
    """

    parts: tuple[str, ...] = ()
    kind: TableKind = "table"
    path: str = ""
    temporary: bool = False
    spelling: tuple[str, ...] = field(default=(), compare=False, repr=False)
    namespace: str = ""
    doubt: str = field(default="", compare=False, repr=False)
    reader: str = field(default="", compare=False, repr=False)

    @property
    def name(self) -> str:
        """Dotted qualified name, `@stage/path`, or a URL / path."""
        dotted = ".".join(self.parts[-1:] if self.is_apart else self.parts)
        if self.kind == "stage":
            return f"@{dotted}/{self.path}".rstrip("/")
        return self.path if self.kind == "file" else dotted

    @property
    def spelled(self) -> str:
        """`name`, in the spelling of the statement where the store keeps that."""
        return ".".join(self.spelling) if self.spelling else self.name

    @property
    def is_apart(self) -> bool:
        """True if it is in the schema that holds temporary tables only."""
        return self.temporary and len(self.parts) > 1 and self.parts[-2] in TEMPORARY_SCHEMAS

    @property
    def key(self) -> tuple[str, ...]:
        """Its identity within a session: a stage may have the name of a table."""
        if self.namespace:
            return (self.namespace, *self.parts)
        return ("@", *self.parts) if self.kind == "stage" else self.parts


@dataclass(frozen=True, slots=True)
class ColumnEdge:
    """`source.source_column` goes into (or decides over) `target_column` of `target` (None: of the result of a read).

    A column that needs an unknown schema is `*` on both sides. A field of a struct is a dotted path whose first
    part is the column (`address.city`). A target column that neither text nor schema names is `_1`, `_2`: its position.

    `position`: the value goes by its position into a target whose columns are not known (an INSERT without a column
    list), counted from 1, or back from -1 where a `*` stands before it. Then `target_column` is its name in the query,
    and not that of the target's column. 0: it goes by name.

    `path` leads to the part of the source column's value that the statement reads (`customer.name`, `items[0].price`),
    as far as it states the names; "" for all of the value.
    """

    source: TableRef
    source_column: str
    target: TableRef | None
    target_column: str
    transformation: Transformation = "IDENTITY"
    position: int = 0
    path: str = ""

    @property
    def source_part(self) -> str:
        """The column, or the part of its value that the statement reads: `payload:customer.name`."""
        return part_of_column(self.source_column, self.path)


Step = Literal[
    "begin", "commit", "rollback", "savepoint", "rollback_to", "release", "prepare", "commit_prepared",
    "rollback_prepared", "lost",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Control:
    """A step of a connection's transaction. `name` is a savepoint's, or that of a prepared transaction; `chain`: the
    next transaction begins at once. `lost`: the connection was lost."""

    step: Step
    name: str = ""
    chain: bool = False


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a text, in order.

    A `misc` statement that names tables (a procedure, task or pipe that is defined) is connected with them: it has
    neither read nor written them.

    `columns` are the edges of single output columns: the values that go in, and the columns that decide over that one
    column (the condition of its CASE, the partition of its window). `indirect` are the columns that decide over the
    rows of the whole output (JOIN, FILTER, GROUP_BY, SORT); their `target_column` is `*`.

    `declared` gives, per output's dotted name, the columns and types that the text itself states (CREATE TABLE lists,
    CTAS output names; a type is "" when unknown). `renames` are (from, to) pairs for effects `rename`, `swap`, `clone`.
    `if_exists`: a DROP that may have found nothing to drop. `if_not_exists`: a CREATE that may have found the table
    there. `or_replace`: a CREATE that replaces a table of the same name. `calls_procedure`: the statements of a
    procedure run, which the text does not have. `result_columns` are the
    output names of a read, or of a RETURNING, where the text gives them.
    `from_program`: it reads rows in the program's memory, which are no table (a DataFrame that DuckDB scans, or that
    `write_pandas` uploads). `bound` are, per output, the columns that take values of the program (binds; `*`: such
    values decide over its rows), `constant` those that take values which are neither binds nor columns; an output for
    which the tree gives neither is in none. An output whose columns are computed from its own is in `bound`, with no
    column where no bind goes there. `program_columns` are pairs (column of an output, column of the program's rows that
    goes into it), where there are other names. `fingerprint` is equal for statements that differ only in literals.
    `sanitised` is the text that may be shown. `session` are changes of the connection's state in order: ("database",
    name), ("schema", name) for USE and the like (an empty name: it is unknown from here on), ("autocommit", "on" or
    "off"), and ("$NAME", value) for a variable set to a literal. Its values are the user's own: never shown, never
    sent. `control` is the step of the transaction that the statement is; `commits`: besides what it does, it commits
    the open transaction and itself; `may_end_transaction`: it calls what may end it either way. `drops_on_commit`: the
    temporary table that it creates ends with the transaction.
    """

    kind: StatementKind
    inputs: tuple[TableRef, ...] = ()
    outputs: tuple[TableRef, ...] = ()
    columns: tuple[ColumnEdge, ...] = ()
    indirect: tuple[ColumnEdge, ...] = ()
    effect: Effect | None = None
    declared: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    renames: tuple[tuple[TableRef, TableRef], ...] = ()
    result_columns: tuple[str, ...] = ()
    from_program: bool = False
    bound: Mapping[TableRef, tuple[str, ...]] = field(default_factory=dict)
    constant: Mapping[TableRef, tuple[str, ...]] = field(default_factory=dict)
    program_columns: Mapping[TableRef, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    if_exists: bool = False
    if_not_exists: bool = False
    or_replace: bool = False
    calls_procedure: bool = False
    confidence: Confidence = "exact"
    reason: str = ""
    fingerprint: str = ""
    sanitised: str = ""
    session: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    control: Control | None = None
    commits: bool = False
    may_end_transaction: bool = False
    drops_on_commit: bool = False

    @property
    def facts(self) -> dict[str, Any]:
        """The facts by name that an event about the statement repeats as they are (`events.StatementInfo`)."""
        return {
            "effect": self.effect,
            "confidence": self.confidence,
            "reason": self.reason,
            "from_program": self.from_program,
            "if_exists": self.if_exists,
            "or_replace": self.or_replace,
            "calls_procedure": self.calls_procedure,
        }
