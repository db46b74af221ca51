"""Tables behind ClickHouse's table engines and dictionary sources that hold no rows themselves.

https://clickhouse.com/docs/engines/table-engines, https://clickhouse.com/docs/sql-reference/dictionaries
"""

from __future__ import annotations

from collections.abc import Mapping

from prefect_lineage_events.sql.model import TableRef
from prefect_lineage_events.sql.tables.arguments import Argument, Arguments, arguments_at
from prefect_lineage_events.sql.tables.builder import StatementBuilder
from prefect_lineage_events.sql.tables.recovery_names import read_name
from prefect_lineage_events.sql.tables.table_functions import (
    UNKNOWN_QUERY,
    UNKNOWN_SERVER,
    UNKNOWN_TABLE,
    Found,
    kafka,
    tables_of_call,
    tables_of_text,
)
from prefect_lineage_events.sql.words import Kind, Words

# Engines that read what a table function reads. For a file, its location is the input, as elsewhere.
_AS_FUNCTIONS = {
    "DISTRIBUTED": "cluster",
    "BUFFER": "loop",
    "DICTIONARY": "dictionary",
    "MERGE": "merge",
    "POSTGRESQL": "postgresql",
    "MATERIALIZEDPOSTGRESQL": "postgresql",
    "MYSQL": "mysql",
    "MONGODB": "mongodb",
    "SQLITE": "sqlite",
    "HIVE": "hive",
    "JDBC": "jdbc",
    "ODBC": "odbc",
    "REDIS": "redis",
    "YTSAURUS": "ytsaurus",
    "ARROWFLIGHT": "arrowflight",
    "EXECUTABLE": "executable",
    "EXECUTABLEPOOL": "executable",
    "EXTERNALDISTRIBUTED": "odbc",
    "NATS": "odbc",
    "RABBITMQ": "odbc",
    "COORDINATION": "odbc",
}
_SERVERS = {"POSTGRESQL": "postgresql", "MYSQL": "mysql", "MONGODB": "mongodb"}
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_FILES = frozenset({"HTTP", "FILE", "NULL", "YAMLREGEXPTREE"})


def engine(words: Words, at: int, end: int, builder: StatementBuilder) -> None:
    """Read the table behind `ENGINE = Distributed(cluster, db, t)`, which stands between `at` and `end`."""
    as_at = words.find(frozenset({"AS"}), at, end)
    if as_at != -1 and words.word(as_at + 2) == "(":  # CREATE TABLE t AS remote('h', db, t)
        arguments = arguments_at(words, as_at + 2, builder.context.dialect)
        _note(tables_of_call(words.word(as_at + 1).lower(), arguments, builder.context), builder)
    at = words.find(frozenset({"ENGINE"}), at, end)
    at += 1 + (words.word(at + 1) == "=")
    function = _AS_FUNCTIONS.get(words.word(at)) if at > 1 else None
    if function is not None and words.word(at + 1) == "(":
        arguments = arguments_at(words, at + 1, builder.context.dialect)
        _note(tables_of_call(function, arguments, builder.context), builder)
    elif words.word(at) == "KAFKA":
        _note(_of_kafka(words, at, end, builder), builder)


def _of_kafka(words: Words, at: int, end: int, builder: StatementBuilder) -> Found:
    """The topics of `Kafka('host:9092', 'topic', ...)`, or of the same as settings."""
    if words.word(at + 1) == "(":
        arguments = arguments_at(words, at + 1, builder.context.dialect)
        brokers, topics = arguments.at(0), arguments.at(1)
    else:
        brokers, topics = (_setting(words, name, at, end) for name in ("KAFKA_BROKER_LIST", "KAFKA_TOPIC_LIST"))
    return kafka(Arguments([], {"bootstrapservers": brokers, "subscribe": topics}), builder.context)


def _setting(words: Words, name: str, at: int, end: int) -> str | None:
    at = words.find(frozenset({name}), at, end)
    return words.texts[at + 2] if at != -1 and words.kind(at + 2) == Kind.STRING else None


def source(words: Words, at: int, end: int, builder: StatementBuilder) -> None:
    """Read the table behind a dictionary: `SOURCE(clickhouse(db 'd' table 't'))`."""
    at = next((i for i in range(at, end) if words.follows(i, "SOURCE", "(")), -1)
    if at == -1:
        return
    kind, close = words.word(at + 2), words.close(at + 1)
    if words.word(at + 3) != "(" or kind in _FILES:
        return
    given = _settings(words, at + 4, close - 1)
    if kind == "CLICKHOUSE":
        _note(_of_clickhouse(given, builder), builder)
    elif kind in _SERVERS and "name" not in given and "query" not in given:
        host, port = given.get("host"), given.get("port")
        address: Argument = f"{host}:{port}" if host and port else host
        table = given.get("table") or given.get("collection")
        arguments = Arguments([address, given.get("db"), table, None, None, given.get("schema")])
        _note(tables_of_call(_SERVERS[kind], arguments, builder.context), builder)
    else:
        builder.doubt("partial", UNKNOWN_SERVER)


def _settings(words: Words, at: int, end: int) -> Mapping[str, str]:
    """The settings in `host 'h' port 9000 db d`, by their names in lower case."""
    found: dict[str, str] = {}
    while at + 1 < end:
        if words.word(at + 1) == "(":
            at = words.close(at + 1) + 1
            continue
        found[words.texts[at].lower()] = words.texts[at + 1]
        at += 2
    return found


def _of_clickhouse(given: Mapping[str, str], builder: StatementBuilder) -> Found:
    """The table of a dictionary whose source is ClickHouse, this server or another one."""
    if "name" in given:
        return Found(reason=UNKNOWN_SERVER)
    host = given.get("host", "localhost")
    is_local = host.lower() in _LOCAL
    database = given.get("db") or ""
    if query := given.get("query"):
        tables, reason = tables_of_text(query, builder.context, "clickhouse", None, database or builder.context.schema)
        return Found(tables, reason) if is_local else Found(reason=UNKNOWN_QUERY)
    table = given.get("table")
    if not table:
        return Found(reason=UNKNOWN_TABLE)
    parts = tuple((part, True) for part in (database, *table.split(".")) if part)
    if is_local:
        return tables_of_call("loop" if len(parts) > 1 else "joinget", Arguments([parts]), builder.context) or Found()
    address = f"{host}:{given['port']}" if given.get("port") else host
    arguments = Arguments([address, database or "default", table])
    return tables_of_call("remote", arguments, builder.context) or Found()


def _note(found: Found | None, builder: StatementBuilder) -> None:
    for table in found.tables if found is not None else ():
        builder.read(table)
    if found is not None and found.reason:
        builder.doubt("partial", found.reason)


def materialised_to(words: Words, at: int, builder: StatementBuilder, view: TableRef | None) -> None:
    """Write to `t` in ClickHouse's `CREATE MATERIALIZED VIEW v TO t`; the view itself holds no rows."""
    named = read_name(words, at + 1, builder.context)
    if named.table is not None and view is not None:
        builder.outputs.pop(view, None)
        builder.write(named.table)
