"""Tables that a function names in its arguments: of another store, of a query that it runs, of a text.

`FUNCTIONS` lists these functions by dialect. What such a function reads is either known or reported as unknown: none of
them reads nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.naming import fold, host_and_port, server_namespace
from prefect_lineage_events.sql.context import Context
from prefect_lineage_events.sql.identifiers import split_identifier
from prefect_lineage_events.sql.model import TableRef
from prefect_lineage_events.sql.names import table_of
from prefect_lineage_events.sql.servers import Server, server_of
from prefect_lineage_events.sql.tables.arguments import Argument, Arguments

UNKNOWN_QUERY = "the query that a function runs is known only when it runs"
UNKNOWN_TABLE = "the table that a function reads is known only when it runs"
UNKNOWN_FILE = "the name of a file is known only when it runs"
UNKNOWN_SERVER = "a table of another server, which the text does not name"
MATCHED = "which tables a pattern matches is known only when it runs"
DEFINED = "FUNCTION "  # before the name of a function among the variables of a session; no variable has a blank
_FROM_OUTSIDE = "rows of another program or service"


class Found(NamedTuple):
    """Tables that a call reads (or writes), and the reason if these are not all.

    `is_one`: its rows are those of one table; `is_union`: those of all of them, combined.
    """

    tables: Sequence[TableRef] = ()
    reason: str = ""
    is_one: bool = False
    is_union: bool = False


_FULL = 2  # parts of a name in ClickHouse
Reader = Callable[[Arguments, Context], Found]


def tables_of_call(name: str, arguments: Arguments, context: Context) -> Found | None:
    """The tables that a call of this name reads; None for a function that names none."""
    own = context.variables.get(DEFINED + name.upper())
    if own:
        tables, reason = tables_of_text(own, context, context.dialect, context.database, context.schema)
        return Found(tables, reason)
    reader = FUNCTIONS.get(context.dialect, {}).get(name)
    if reader is None and _names_dictionary(name, context.dialect):
        reader = _dictionary
    return reader(arguments, context) if reader is not None else None


def may_name_tables(name: str, context: Context) -> bool:
    """Return whether a function names tables in its arguments, or was defined by the session."""
    dialect = context.dialect
    if context.variables and DEFINED + name.upper() in context.variables:
        return True
    return name in FUNCTIONS.get(dialect, ()) or _names_dictionary(name, dialect)


def _names_dictionary(name: str, dialect: str) -> bool:
    prefix = dialect_of(dialect).dictionary_prefix
    return bool(prefix) and name.startswith(prefix)


def _named(argument: Argument, context: Context) -> TableRef | None:
    """The table of the same store that a text or a name refers to."""
    if isinstance(argument, str):
        folded = split_identifier(argument, context.dialect)
        return table_of([(part, True) for part in folded], context) if folded else None
    return table_of(argument, context) if isinstance(argument, tuple) and argument else None


def _plain(argument: Argument, dialect: str) -> list[str]:
    """The parts of another store's name, which is not completed, in the case of `dialect`."""
    if isinstance(argument, str):
        return list(split_identifier(argument, dialect))
    return [fold(text, quoted, dialect) for text, quoted in argument] if isinstance(argument, tuple) else []


def _own(position: int = 0, *names: str) -> Reader:
    """A function whose argument names a table of the same store."""

    def read(arguments: Arguments, context: Context) -> Found:
        argument = arguments.at(position, *names)
        listed = argument if isinstance(argument, list) else [argument]
        tables = [t for one in listed if (t := _named(one, context)) is not None]
        return Found(tables, "" if len(tables) == len(listed) else UNKNOWN_TABLE, len(tables) == 1, len(tables) > 1)

    return read


def _database_and_table(first: int) -> Reader:
    """`f(db.t)`, `f('db', 't')`, `f(db, t)`: from the argument at `first` on, a table of the same store."""

    def read(arguments: Arguments, context: Context) -> Found:
        parts = _two_parts(arguments, first)
        if not parts:
            return Found(reason=UNKNOWN_TABLE)
        return Found([table_of([(p, True) for p in parts], context)], is_one=True)

    return read


def _database_or_table(first: int) -> Reader:
    """`f(db.t)` and the like, or `f(t)` and `f('t')`, which are in the current database."""

    def read(arguments: Arguments, context: Context) -> Found:
        if len(arguments.positional) == first + 1 and len(_two_parts(arguments, first)) < _FULL:
            return _own(first)(arguments, context)
        return _database_and_table(first)(arguments, context)

    return read


def _two_parts(arguments: Arguments, first: int) -> list[str]:
    one = arguments.at(first, "database", "db")
    if isinstance(one, tuple) and len(one) > 1:
        return [text for text, _ in one]
    database, table = arguments.text(first, "database", "db"), arguments.text(first + 1, "table")
    if database and table:
        return [database, table]
    return database.split(".") if database and len(arguments.positional) <= first + 1 else []


def _query(*positions: int, name: str = "query") -> Reader:
    """A function that runs a query in the same store."""

    def read(arguments: Arguments, context: Context) -> Found:
        tables: list[TableRef] = []
        for position in positions:
            text = arguments.at(position, name)
            if not isinstance(text, str):
                if position < len(arguments.positional) or position == positions[0]:
                    return Found(tables, UNKNOWN_QUERY)
                continue
            found, reason = tables_of_text(text, context, context.dialect, context.database, context.schema)
            tables += found
            if reason:
                return Found(tables, reason)
        return Found(tables)

    return read


def tables_of_text(
    text: str, context: Context, dialect: str, database: str | None = None, schema: str | None = None
) -> tuple[list[TableRef], str]:
    """The tables of a query in a text, and a reason where that is not all."""
    statements = context.analyze_text(text, dialect, database, schema)
    tables = dict.fromkeys(t for s in statements for t in s.inputs if not t.temporary)
    reason = next((s.reason for s in statements if s.confidence == "partial"), "")
    return list(tables), reason or ("" if statements and not any(s.outputs for s in statements) else UNKNOWN_QUERY)


# --- other stores


def _scan(scheme: str) -> Reader:
    """DuckDB's `postgres_scan('connection string', 'schema', 'table')` and its siblings."""

    def read(arguments: Arguments, context: Context) -> Found:
        text, schema, table = (arguments.text(i) for i in range(3))
        server = server_of(text, scheme) if text else None
        if server is None or not schema or not table:
            return Found(reason=UNKNOWN_SERVER)
        if scheme == "mysql":
            return Found([_foreign(server.namespace, schema, table)], is_one=True)
        return _in_database(server, [schema, table])

    return read


def _in_database(server: Server, parts: Sequence[str]) -> Found:
    reason = "" if server.database else "the database of another server, which the text does not name"
    named = [server.database, *parts] if server.database else parts
    return Found([_foreign(server.namespace, *named)], reason, is_one=True)


def _foreign(namespace: str, *parts: str) -> TableRef:
    return TableRef(tuple(parts), namespace=namespace)


def _file(scheme: str) -> Reader:
    """A function that reads a table of a database file: `sqlite_scan('file', 'table')`."""

    def read(arguments: Arguments, context: Context) -> Found:
        path, table = arguments.text(0), arguments.text(1)
        path = (path or "").removeprefix("file:").partition("?")[0]
        if not path or not table or any(sign in path for sign in ";=@"):
            return Found(reason=UNKNOWN_SERVER)
        return Found([_foreign(f"{scheme}://{path}", table)], is_one=True)

    return read


def _attached_query(dialect: str) -> Reader:
    """DuckDB's `postgres_query('attached database', 'query')`: the query is in that store's own dialect."""

    def read(arguments: Arguments, context: Context) -> Found:
        alias, text = arguments.text(0), arguments.at(1)
        if not alias or not isinstance(text, str):
            return Found(reason=UNKNOWN_QUERY)
        schema = dialect_of(dialect).default_schema or None
        tables, reason = tables_of_text(text, context, dialect, None, schema)
        return Found([TableRef((alias.lower(), *t.parts)) for t in tables if t.kind == "table"], reason)

    return read


def _address(scheme: str) -> Reader:
    """ClickHouse's `postgresql('host:port', 'database', 'table', 'user', 'password' [, 'schema'])` and its like."""

    def read(arguments: Arguments, context: Context) -> Found:
        address, database, table = arguments.at(0), arguments.text(1, "database"), arguments.text(2, "table")
        server = server_of(address, scheme) if isinstance(address, str) and "=" not in address else None
        if server is None or not database or not table:
            return Found(reason=UNKNOWN_SERVER)
        schema = (arguments.text(5, "schema") or "public",) if scheme == "postgres" else ()
        return Found([_foreign(server.namespace, database, *schema, table)], is_one=True)

    return read


def _remote(arguments: Arguments, context: Context) -> Found:
    """ClickHouse's `remote('host:port', db, t [, user, password])`: a list of hosts is one of shards."""
    address, parts = arguments.at(0), _two_parts(arguments, 1)
    if isinstance(arguments.at(1), str) and isinstance(arguments.at(2), str) and len(parts) < 2:
        parts = []
    if not isinstance(address, str) or any(sign in address for sign in "{|=") or len(parts) != 2:
        return Found(reason=UNKNOWN_SERVER)
    hosts = [server_of(host, "clickhouse") for host in address.split(",")]
    known = [server for server in hosts if server is not None]
    reason = "" if len(known) == len(hosts) else UNKNOWN_SERVER
    return Found([_foreign(server.namespace, *parts) for server in known], reason, is_one=len(hosts) == 1)


def _hive(arguments: Arguments, context: Context) -> Found:
    address, database, table = (arguments.text(i) for i in range(3))
    host, _ = host_and_port((address or "").partition("://")[2])
    if not host or not database or not table:
        return Found(reason=UNKNOWN_SERVER)
    return Found([_foreign(server_namespace("hive", host, None), database, table)], is_one=True)


def _dictionary(arguments: Arguments, context: Context) -> Found:
    """`dictGet('db.dictionary', ...)`, and with a bare name (clickhouse.com/docs: dictionary functions)."""
    return _own()(arguments, context)


def _dblink(arguments: Arguments, context: Context) -> Found:
    """`dblink('connection', 'query')`: a connection string, or the name of a connection that is open."""
    texts = [a for a in arguments.positional if a is None or isinstance(a, str)]
    if len(texts) == 1:
        return Found(reason=UNKNOWN_SERVER)
    connection, text = arguments.at(0), arguments.at(1)
    if not isinstance(text, str):
        return Found(reason=UNKNOWN_QUERY)
    is_string = isinstance(connection, str) and ("=" in connection or "://" in connection)
    server = server_of(connection, "postgres") if is_string and isinstance(connection, str) else None
    if server is None or not server.database:
        return Found(reason=UNKNOWN_SERVER)
    tables, reason = tables_of_text(text, context, "postgres", server.database, "public")
    return Found([_foreign(server.namespace, *t.parts) for t in tables if t.kind == "table"], reason)


def _elsewhere(arguments: Arguments, context: Context) -> Found:
    return Found(reason=UNKNOWN_SERVER)


def _executed(arguments: Arguments, context: Context) -> Found:
    return Found(reason="a statement that another server runs")


def _from_outside(arguments: Arguments, context: Context) -> Found:
    return Found(reason=_FROM_OUTSIDE)


def _matched(arguments: Arguments, context: Context) -> Found:
    return Found(reason=MATCHED)


def kafka(arguments: Arguments, context: Context) -> Found:
    """Databricks' `read_kafka(bootstrapServers => 'host:9092', subscribe => 'topic')`."""
    servers, topics = arguments.text(9, "bootstrapservers"), arguments.text(9, "subscribe")
    hosts = [server_of(host, "kafka") for host in (servers or "").split(",")]
    if not topics or None in hosts:
        return Found(reason=UNKNOWN_SERVER)
    namespace = "kafka://" + ",".join(h.namespace.partition("://")[2] for h in hosts if h is not None)
    return Found([TableRef((topic.strip(),), "other", namespace=namespace) for topic in topics.split(",")])


def passed_through(catalog: str, function: str, arguments: Arguments, context: Context) -> Found:
    """The catalog's tables in Trino's `TABLE(catalog.system.query(query => '...'))`, by the names of its store."""
    if function == "raw_query":
        parts = [p for p in (arguments.text(9, "schema"), arguments.text(9, "index")) if p]
        return Found([TableRef((catalog, *parts))]) if len(parts) == 2 else Found(reason=UNKNOWN_QUERY)
    text = arguments.at(0, "query")
    if not isinstance(text, str):
        return Found(reason=UNKNOWN_QUERY)
    tables, reason = tables_of_text(text, context, "")
    named = [t for t in tables if len(t.parts) > 1]
    if len(named) < len(tables):
        reason = reason or "the schema of a table that another store is asked for"
    return Found([TableRef((catalog, *(p.lower() for p in t.parts[-2:]))) for t in named], reason)


_XML = {"query_to_xml": _query(0), "query_to_xmlschema": _query(0), "query_to_xml_and_xmlschema": _query(0)}
_POSTGRES: dict[str, Reader] = {
    "dblink": _dblink,  # postgresql.org/docs/current/dblink.html
    "dblink_exec": _executed,
    "dblink_send_query": _elsewhere,
    "dblink_open": _elsewhere,
    "dblink_fetch": _elsewhere,
    "dblink_get_result": _elsewhere,
    "crosstab": _query(0, 1),  # postgresql.org/docs/current/tablefunc.html
    **{f"crosstab{n}": _query(0) for n in (2, 3, 4)},
    "connectby": lambda arguments, context: _own()(arguments, context)._replace(is_one=False),
    **_XML,  # postgresql.org/docs/current/functions-xml.html
    "table_to_xml": _own(),
    "table_to_xmlschema": _own(),
    "table_to_xml_and_xmlschema": _own(),
    "cursor_to_xml": _matched,
    "schema_to_xml": _matched,
    "database_to_xml": _matched,
    "ts_stat": _query(0),  # postgresql.org/docs/current/textsearch-features.html
    "xpath_table": _own(2),
}
_DUCKDB: dict[str, Reader] = {
    "query": _query(0),  # duckdb.org/docs/stable/guides/sql_features/query_and_query_table_functions
    "query_table": _own(),
    "postgres_scan": _scan("postgres"),  # duckdb.org/docs/stable/core_extensions/postgres
    "postgres_scan_pushdown": _scan("postgres"),
    "mysql_scan": _scan("mysql"),
    "sqlite_scan": _file("sqlite"),
    "sqlite_attach": _elsewhere,
    "postgres_query": _attached_query("postgres"),
    "postgres_execute": _executed,
    "mysql_query": _attached_query("mysql"),
    "mysql_execute": _executed,
    "sqlite_query": _attached_query("sqlite"),
    **dict.fromkeys(
        ("bigquery_query", "bigquery_execute", "snowflake_query", "snowflake_scan", "odbc_query", "odbc_scan",
         "mssql_scan", "mssql_query", "adbc_scan", "read_gsheet", "clickhouse_scan", "dynamodb_scan", "redis_scan"),
        _elsewhere,
    ),
    "bigquery_scan": lambda arguments, context: _bigquery(arguments),
}  # fmt: skip
_CLICKHOUSE: dict[str, Reader] = {  # clickhouse.com/docs/sql-reference/table-functions
    **dict.fromkeys(("dicthas", "dictisin", "dictionary"), _dictionary),
    **dict.fromkeys(("joinget", "joingetornull"), _own()),
    **dict.fromkeys(("remote", "remotesecure"), _remote),
    **dict.fromkeys(("cluster", "clusterallreplicas"), _database_and_table(1)),
    **dict.fromkeys(
        (
            *("loop", "mergetreeindex", "mergetreeprojection", "mergetreeanalyzeindexes", "mergetreetextindex"),
            *("timeseriesdata", "timeseriessamples", "timeseriestags", "timeseriesmetrics", "timeseriesselector"),
        ),
        _database_or_table(0),
    ),
    "merge": _matched,
    "postgresql": _address("postgres"),
    "mysql": _address("mysql"),
    "mongodb": _address("mongodb"),
    "sqlite": _file("sqlite"),
    "hive": _hive,
    **dict.fromkeys(("jdbc", "odbc", "redis", "ytsaurus", "arrowflight", "prometheusquery"), _elsewhere),
    **dict.fromkeys(("executable", "input"), _from_outside),
}  # fmt: skip
_DATABRICKS: dict[str, Reader] = {  # docs.databricks.com: table-valued functions
    "table_changes": _own(),
    "vector_search": _own(0, "index"),
    "remote_query": _elsewhere,
    "read_kafka": kafka,
    **dict.fromkeys(("read_kinesis", "read_pubsub", "read_pulsar", "read_sql", "event_log"), _elsewhere),
}
FUNCTIONS: dict[str, dict[str, Reader]] = {
    **dict.fromkeys(("postgres", "greenplum", "redshift", "materialize", "risingwave"), _POSTGRES),
    "duckdb": _DUCKDB,
    "clickhouse": _CLICKHOUSE,
    "databricks": _DATABRICKS,
    "bigquery": {"external_query": _elsewhere},  # cloud.google.com/bigquery: federated query functions
    "oracle": {"getxml": _query(0), "getxmltype": _query(0)},  # docs.oracle.com: DBMS_XMLGEN
    "vertica": {"dblink": _elsewhere},
}


def _bigquery(arguments: Arguments) -> Found:
    """DuckDB's `bigquery_scan('project.dataset.table')`."""
    parts = (arguments.text(0) or "").split(".")
    if len(parts) != 3 or not all(parts):
        return Found(reason=UNKNOWN_SERVER)
    return Found([_foreign("bigquery", *parts)], is_one=True)
