"""Frames of the recovery, one per parenthesis, and the words that open and end lists of tables."""

from __future__ import annotations

from dataclasses import dataclass

from prefect_lineage_events.sql.model import TableRef
from prefect_lineage_events.sql.tables.recovery_names import Named

# Functions with a FROM of their own (SQL:2016 6.30, 6.32; TRIM like SUBSTRING)
FROM_FUNCTIONS = frozenset({"EXTRACT", "TRIM", "SUBSTRING", "SUBSTR", "OVERLAY", "POSITION", "NORMALIZE", "TRANSLATE"})
# Words that end a list of tables
CLAUSES = frozenset(
    {
        "WHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "QUALIFY", "WINDOW", "SET", "RETURNING", "CONNECT", "START",
        "FETCH", "OFFSET", "CLUSTER", "DISTRIBUTE", "SORT", "PREWHERE", "SETTINGS", "FORMAT", "VALUES", "WHEN",
        "OUTPUT", "OPTION", "FOR", "|>", "MODEL", "TOP", "PIVOT", "UNPIVOT", "MATCH_RECOGNIZE", "TABLESAMPLE",
        "SAMPLE",
    }
)  # fmt: skip
SET_OPERATIONS = frozenset({"UNION", "INTERSECT", "EXCEPT", "MINUS"})
JOINS = frozenset({"JOIN", "APPLY", "STRAIGHT_JOIN"})
PERIODS = frozenset({"SYSTEM_TIME", "BUSINESS_TIME", "APPLICATION_TIME"})
NO_ITEM = frozenset({"SELECT", "WITH", "VALUES", "WHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "SET", "ON"})
BEFORE_ITEM = frozenset({"ONLY", "LATERAL", "OUTER"})
# Words after a table that are no alias of it
NO_ALIAS = (
    CLAUSES
    | SET_OPERATIONS
    | JOINS
    | {"ON", "USING", "INNER", "LEFT", "RIGHT", "FULL", "CROSS", "NATURAL", "OUTER", "WITH", "SELECT", "AT",
    "BEFORE", "CHANGES", "ASOF", "SEMI", "ANTI", "ANY", "ALL", "GLOBAL", "ARRAY", "FINAL", "PARTITION", "VERSION",
    "TIMESTAMP", "LATERAL", "HASH", "MERGE", "LOOP", "REMOTE", "USE", "FORCE", "IGNORE", "INTO", "BY", "AND", "OR",
    "NOT", "INSERT", "UPDATE", "DELETE", "DO", "THEN", "INDEXED", "PASTE", "POSITIONAL", "FROM", "END", "DEFAULT",
    "UNNEST", "TRIM"}
)  # fmt: skip
VERBS = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "UPSERT"})
TABLE_COMMANDS = frozenset({"TABLE", "PIVOT", "UNPIVOT", "SUMMARIZE"})  # a statement about the table that follows
SHORT_VERBS = {"SEL": "SELECT", "INS": "INSERT", "UPD": "UPDATE", "DEL": "DELETE"}  # docs.teradata.com
CHANGED = frozenset({"FINAL", "OLD", "NEW"})
JOIN_HINTS = frozenset(
    {"SHUFFLE", "NOSHUFFLE", "BROADCAST", "BUCKET", "COLOCATE"}
)  # Impala, StarRocks: JOIN [SHUFFLE] t
QUERY_STARTS = frozenset({"SELECT", "SEL", "WITH", "VALUES", "FROM"})
HINTS = frozenset(
    {
        "NOLOCK", "READUNCOMMITTED", "HOLDLOCK", "UPDLOCK", "ROWLOCK", "TABLOCK", "TABLOCKX", "XLOCK", "PAGLOCK",
        "READPAST", "NOWAIT", "SNAPSHOT", "READCOMMITTED", "NOEXPAND", "INDEX", "FORCESEEK",
    }
)  # fmt: skip
INSERT_OPTIONS = frozenset(
    {
        "INTO", "OVERWRITE", "IGNORE", "LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "OR", "REPLACE", "ROLLBACK",
        "ABORT", "FAIL", "LOCAL", "ONLY",
    }
)  # fmt: skip
CHANGE_OPTIONS = frozenset(
    {"LOW_PRIORITY", "QUICK", "IGNORE", "ONLY", "OR", "REPLACE", "ROLLBACK", "ABORT", "FAIL", "INTO"}
)
SELECT_INTO_OPTIONS = frozenset({"TEMP", "TEMPORARY", "UNLOGGED", "LOCAL", "GLOBAL", "TABLE"})


@dataclass(slots=True)
class Frame:
    """State of the recovery within one pair of parentheses, or outside all."""

    function: str = ""
    expects: bool = False  # the next word is an item of a FROM list
    lists: bool = False  # a comma starts another item
    is_item: bool = False  # the parenthesis itself is an item of a FROM list, an alias may follow
    in_with: bool = False
    recursive: bool = False
    using: bool = False  # USING starts a list of tables (MERGE, DELETE), not of columns
    actions: bool = False  # INSERT, UPDATE, DELETE are actions of MERGE
    selects: bool = False
    verb: str = ""
    is_target: bool = False  # an updatable query, whose one table is changed
    returns: bool = False  # the change returns the changed rows
    is_source_first: bool = False  # Hive's FROM t INSERT INTO a ... INSERT INTO b ...
    owns: bool = False  # `ctes` is its own set
    defines: str = ""  # the CTE that this parenthesis defines
    ctes: frozenset[str] | set[str] = frozenset()  # those in scope; the outer frame's set until one is added
    aliases: dict[str, TableRef | None] | None = None
    sources: list[TableRef] | None = None  # tables of its own FROM list
    targets: list[Named] | None = None

    def add_cte(self, name: str) -> None:
        if not self.owns:
            self.ctes, self.owns = set(self.ctes), True
        self.ctes |= {name}

    def add_alias(self, name: str, table: TableRef | None) -> None:
        if self.aliases is None:
            self.aliases = {}
        self.aliases.setdefault(name, table)

    def add_source(self, table: TableRef) -> None:
        if self.sources is None:
            self.sources = []
        self.sources.append(table)

    def add_target(self, named: Named) -> None:
        self.targets = [*(self.targets or ()), named]
