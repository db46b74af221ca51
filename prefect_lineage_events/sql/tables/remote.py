"""Tables of other servers in T-SQL: OPENQUERY, OPENROWSET, OPENDATASOURCE (learn.microsoft.com: Rowset functions)."""

from __future__ import annotations

from collections.abc import Sequence

from prefect_lineage_events.naming import fold
from prefect_lineage_events.sql.context import Context
from prefect_lineage_events.sql.model import TableRef
from prefect_lineage_events.sql.servers import server_of
from prefect_lineage_events.sql.tables.recovery_names import read_parts
from prefect_lineage_events.sql.words import Kind, Words

ROWSETS = frozenset({"openquery", "openrowset", "opendatasource"})
# OLE DB providers for SQL Server (learn.microsoft.com: OPENROWSET)
_PROVIDERS = frozenset({"msoledbsql", "msoledbsql19", "sqlncli", "sqlncli10", "sqlncli11", "sqloledb"})
ELSEWHERE = "a table of another server, which its connection string names"

Argument = str | tuple[str, ...]  # the text of a literal, or the parts of a name


def rowset(name: str, arguments: Sequence[Argument], context: Context) -> tuple[list[TableRef], str]:
    """The tables that a rowset function reads (or changes), and the reason for a doubt, or "".

    A linked server is the first part of the names, as in T-SQL's own four-part names. OPENROWSET and OPENDATASOURCE
    have the server in a connection string.
    """
    if name == "openquery" and len(arguments) == 2 and isinstance(arguments[0], tuple):
        server, text = arguments[0], arguments[1]
        if isinstance(text, str):
            return [TableRef((*server, *parts)) for parts in _named_in(text, context)], ""
        return [], "the query that it sends to another server is not known"
    if name == "openrowset" and len(arguments) > 2:
        last = arguments[-1]
        found = [last] if isinstance(last, tuple) else _named_in(last, context)
        tables = [elsewhere(arguments[0], arguments[1], parts) for parts in found]
        known = [table for table in tables if table is not None]
        return known, "" if known and len(known) == len(tables) else ELSEWHERE
    return [], ELSEWHERE


def elsewhere(provider: Argument, connection: Argument, parts: Sequence[str]) -> TableRef | None:
    """A table of the server in a connection string; None if that is not SQL Server, or not named."""
    if not isinstance(provider, str) or provider.lower() not in _PROVIDERS or not isinstance(connection, str):
        return None
    server = server_of(connection, "mssql")
    parts = ["dbo", *parts] if len(parts) == 1 else parts
    if server is not None and len(parts) == 2 and server.database:
        parts = [server.database.lower(), *parts]
    return TableRef(tuple(parts), namespace=server.namespace) if server is not None and len(parts) == 3 else None


def rowset_at(words: Words, name: str, opening: int, context: Context) -> tuple[list[TableRef], str]:
    """The tables of a rowset function whose arguments open at `opening`, and the reason for a doubt, or ""."""
    arguments: list[Argument] = []
    for start, _ in words.items(opening):
        is_text = words.kind(start) == Kind.STRING
        parts, _ = read_parts(words, start, context.dialect)
        arguments.append(words.texts[start] if is_text else name_of(parts, context.dialect))
    return rowset(name, arguments, context)


def _named_in(text: str, context: Context) -> list[tuple[str, ...]]:
    """The names of the tables in a query that is sent to another server."""
    statements = context.analyze_text(text, context.dialect, None, None)
    return list(dict.fromkeys(t.parts for s in statements for t in (*s.inputs, *s.outputs) if t.kind == "table"))


def name_of(parts: Sequence[tuple[str, bool]], dialect: str) -> tuple[str, ...]:
    """The parts of a name in an argument, folded to the store's case, not completed: it is another server's."""
    return tuple(fold(text, quoted, dialect) for text, quoted in parts)
