"""Readers of USE, SET and other statements that change the session for the statements after them."""

from __future__ import annotations

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.naming import fold
from prefect_lineage_events.sql.attach import MOTHERDUCK
from prefect_lineage_events.sql.identifiers import split_identifier
from prefect_lineage_events.sql.session_settings import encoded
from prefect_lineage_events.sql.tables import execute
from prefect_lineage_events.sql.tables.builder import StatementBuilder
from prefect_lineage_events.sql.tables.recovery_names import read_parts
from prefect_lineage_events.sql.transactions.rules import transaction_rules
from prefect_lineage_events.sql.words import Kind, Words

_LEVELS = {"DATABASE": "database", "CATALOG": "database", "SCHEMA": "schema", "NAMESPACE": "schema"}
_ACCOUNT = "the databases attached from an account are known only to the service"
_MADE = frozenset({"$", ":", "?", "&", "{", "%"})  # of a variable, a bind or a template in the place of a name
_NO_NAMES = frozenset({"ROLE", "WAREHOUSE", "SECONDARY", "COMPUTE", "ACCOUNT"})


def use(words: Words, builder: StatementBuilder) -> None:
    """USE [DATABASE | CATALOG | SCHEMA] name, and Exasol's OPEN SCHEMA."""
    dialect = builder.context.dialect
    if words.word(1) in _NO_NAMES and words.kind(2) is not None:
        return
    facts = dialect_of(dialect)
    level, at = "schema" if facts.use_names_schema else "database", 1
    if words.word(1) in _LEVELS and words.kind(2) is not None:
        level, at = _LEVELS[words.word(1)], 2
        if facts.database_is_schema and words.word(1) == "DATABASE":
            level = "schema"
    parts = _name(words, at, builder)
    if not parts:
        return
    if facts.levels < 3:
        named = builder.context.schema or builder.context.database
        reset = dialect == "hive" and parts[-1] == "default" and not named  # the same as without a USE
        if not facts.internal_catalog:
            builder.session.append(("database", ""))
        elif len(parts) > 1:
            builder.session.append(("database", parts[-2]))
        builder.session.append(("schema", "" if reset else parts[-1]))
    elif len(parts) > 1:
        builder.session += [("database", parts[-2]), ("schema", parts[-1])]
    elif level == "schema":
        builder.session.append(("schema", parts[0]))
    elif facts.use_names_either:
        builder.session.append(("use", parts[0]))
    else:
        builder.session += [
            ("database", parts[0]),
            *([("schema", facts.default_schema)] if facts.use_resets_schema else []),
        ]


def _name(words: Words, at: int, builder: StatementBuilder) -> list[str]:
    """The parts of a name; a single empty one if it is known only when the statement runs."""
    dialect = builder.context.dialect
    if words.word(at) == "IDENTIFIER" and words.word(at + 1) == "(":
        at += 2
    if words.kind(at) == Kind.STRING:
        return list(split_identifier(words.texts[at], dialect))
    if words.word(at)[:1] in _MADE:
        name = words.between(at, at + 1 + (words.word(at) == "$")).lstrip("$").upper()
        value = builder.context.variables.get(name, "")
        return list(split_identifier(value, dialect)) or [""]
    parts, _ = read_parts(words, at, dialect)
    return [fold(text, quoted, dialect) for text, quoted in parts]


def set_(words: Words, builder: StatementBuilder) -> None:
    """SET of a schema, a role, or of a variable to a literal: `SET t = 'db.s.t'`, `SET (a, b) = ('x', 1)`."""
    local = words.word(1) == "LOCAL" and _is_transactional(builder)
    at = 1 + (words.word(1) in ("SESSION", "LOCAL", "GLOBAL", "VARIABLE", "VAR"))
    if words.word(at) in ("SCHEMA", "SEARCH_PATH") or words.follows(at, "CURRENT", "SCHEMA"):
        _schema(words, at + 1 + (words.word(at) == "CURRENT"), builder, local)
    elif words.word(at) in ("ROLE", "AUTHORIZATION") and _is_transactional(builder):
        _role(words, at, builder, local)
    elif words.word(at) in ("AUTOCOMMIT", "IMPLICIT_TRANSACTIONS"):
        _autocommit(words, at, builder)
    elif words.word(at) == "(":
        close = words.close(at)
        if words.word(close + 1) != "=" or words.word(close + 2) != "(":
            return
        for (name, _), (value, end) in zip(words.items(at), words.items(close + 2), strict=False):
            _variable(words, name, value, end, builder)
    elif words.is_name(at) and words.word(at + 1) in ("=", ":="):
        _variable(words, at, at + 2, len(words), builder)


def _is_transactional(builder: StatementBuilder) -> bool:
    """Return whether settings belong to the transaction, as in the standard and PostgreSQL."""
    return transaction_rules(builder.context.dialect).settings


def _schema(words: Words, at: int, builder: StatementBuilder, local: bool = False) -> None:
    at += words.word(at) in ("TO", "=")
    dialect = builder.context.dialect
    is_path = "SEARCH_PATH" in words.upper[at - 2 : at]
    if dialect == "duckdb" and words.kind(at) == Kind.STRING:
        _duckdb_path(words.texts[at], builder)
        return
    if not (_is_transactional(builder) or dialect == "" or is_path):
        parts = _name(words, at, builder)
        known = bool(parts) and parts[0].upper() not in ("DEFAULT", "$USER")
        builder.session.append(("schema", parts[-1] if known else ""))
        return
    path: list[str] = []
    for part in words.part(at).split(","):
        if part.kind(0) == Kind.STRING:  # of a search path, too, a text is one name: `SET search_path = 'a', 'b'`
            path.append(part.texts[0])
        elif part.is_name(0):
            path.append(fold(part.texts[0], part.kinds[0] == Kind.NAME, dialect))
    value = "" if words.word(at) == "DEFAULT" else encoded(tuple(path))
    builder.session.append(("local path" if local else "path", value))


def _duckdb_path(text: str, builder: StatementBuilder) -> None:
    """Set the schema or the search path, a list in one text (duckdb.org: configuration); its databases are unknown."""
    names = [split_identifier(name.strip(), "duckdb") for name in text.split(",")]
    if len(names) == 1 and len(names[0]) == 1:
        builder.session.append(("use", names[0][0]))
    elif len(names) == 1 and len(names[0]) > 1:
        builder.session += [("database", names[0][-2]), ("schema", names[0][-1])]
    elif any(len(name) != 1 or name[0] in builder.context.attached for name in names):
        builder.session.append(("schema", ""))
    else:
        builder.session.append(("path", encoded(tuple(name[0] for name in names))))


def _role(words: Words, at: int, builder: StatementBuilder, local: bool) -> None:
    """SET ROLE r, SET SESSION AUTHORIZATION u: `$user` of the search path is the current role or user."""
    name = "user" if words.word(at) == "AUTHORIZATION" else "role"
    value = "" if words.word(at + 1) in ("NONE", "DEFAULT") else "".join(_name(words, at + 1, builder))
    builder.session.append((f"local {name}" if local else name, value))


def _autocommit(words: Words, at: int, builder: StatementBuilder) -> None:
    """MySQL's autocommit, which commits when it is switched on; T-SQL's SET IMPLICIT_TRANSACTIONS."""
    dialect = builder.context.dialect
    at += 1 + (words.word(at + 1) == "=")
    on = words.word(at) in ("ON", "TRUE") or words.texts[at : at + 1] == ["1"]
    if dialect_of(dialect).sets_autocommit and words.word(at - 1) == "=":
        builder.session.append(("autocommit", "on" if on else "off"))
        builder.commits = on
    elif dialect_of(dialect).is_tsql and words.word(1) == "IMPLICIT_TRANSACTIONS":
        builder.session.append(("autocommit", "off" if on else "on"))


def discard(words: Words, builder: StatementBuilder) -> None:
    """DISCARD (postgresql.org) of settings, temporary tables and prepared statements."""
    execute.deallocate(words, builder)
    if words.word(1) == "ALL":
        builder.session += [("path", ""), ("user", "")]
    if words.word(1) in ("ALL", "TEMP", "TEMPORARY"):
        builder.session.append(("discard", "temporary"))


def reset(words: Words, builder: StatementBuilder) -> None:
    """RESET (postgresql.org, duckdb.org) of settings to those of the session's start."""
    if words.word(1) in ("ALL", "SEARCH_PATH", "SCHEMA"):
        builder.session.append(("use" if dialect_of(builder.context.dialect).use_names_either else "path", ""))
    elif words.word(1) == "ROLE":
        builder.session.append(("role", ""))
    elif words.follows(1, "SESSION", "AUTHORIZATION"):
        builder.session.append(("user", ""))


def attach(words: Words, builder: StatementBuilder) -> None:
    """`ATTACH 'md:'`, `ATTACH 'md:sales'` open databases of a service (motherduck.com/docs).

    Their tables have no name of ours. Other databases are noted by `sql/attach.py`.
    """
    if dialect_of(builder.context.dialect).attaches == "any" and any(
        MOTHERDUCK.match(text) for text in words.texts[1:5]
    ):
        builder.doubt("partial", _ACCOUNT)


def set_config(words: Words, builder: StatementBuilder) -> None:
    """`SELECT set_config('search_path', 'a, b', false)`: SET, as a function (postgresql.org)."""
    if "SET_CONFIG" not in words.upper:
        return
    at = words.upper.index("SET_CONFIG")
    arguments = list(words.items(at + 1)) if words.word(at + 1) == "(" else []
    if len(arguments) != 3 or not _is_transactional(builder) or words.kind(arguments[0][0]) != Kind.STRING:
        return
    (name, _), (value, end), (is_local, _) = arguments
    if words.texts[name].lower() != "search_path":
        return
    local = "local " if words.word(is_local) == "TRUE" or words.texts[is_local] in ("t", "true", "1") else ""
    if end - value != 1 or words.kind(value) != Kind.STRING:
        builder.session.append((f"{local}schema", ""))
        return
    path = tuple(part for text in words.texts[value].split(",") for part in split_identifier(text.strip(), "postgres"))
    builder.session.append((f"{local}path", encoded(path)) if path else (f"{local}schema", ""))


def _variable(words: Words, name: int, value: int, end: int, builder: StatementBuilder) -> None:
    literal = end - value == 1 and words.kind(value) in (Kind.STRING, Kind.NUMBER)
    builder.session.append(("$" + words.texts[name].upper(), words.texts[value] if literal else ""))


def created(thing: str, words: Words, at: int, builder: StatementBuilder) -> None:
    """Note a created database or schema in the session.

    In Snowflake it becomes the current one (docs.snowflake.com: CREATE DATABASE, CREATE SCHEMA); in PostgreSQL a schema
    counts in the search path from its creation on.
    """
    at += 3 if words.follows(at, "IF", "NOT", "EXISTS") else 0
    if words.word(at) == "AUTHORIZATION":  # CREATE SCHEMA AUTHORIZATION u: the schema is called like the user
        at += 1
    parts = _name(words, at, builder)
    facts = dialect_of(builder.context.dialect)
    if not facts.creation_uses:
        is_own = _is_transactional(builder) or (len(parts) == 1 and facts.use_names_either)
        if parts and parts[-1] and thing == "SCHEMA" and is_own:
            builder.session.append(("created schema", parts[-1]))
        return
    if parts and thing == "DATABASE":
        builder.session += [("database", parts[0]), ("schema", facts.default_schema)]
    elif parts:
        builder.session += [("database", parts[-2])] if len(parts) > 1 else []
        builder.session.append(("schema", parts[-1]))


def altered(words: Words, builder: StatementBuilder) -> bool:
    """Read ALTER SESSION, and `ALTER ROLE r SET search_path = a`, which applies to later sessions (postgresql.org).

    False for ALTER of anything but the session.
    """
    if words.word(1) == "SESSION":
        _alter_session(words, builder)
        return True
    if words.word(1) in ("ROLE", "USER", "DATABASE") and _is_transactional(builder) and "SEARCH_PATH" in words.upper:
        builder.session.append(("logins", ""))
    return False


def _alter_session(words: Words, builder: StatementBuilder) -> None:
    """ALTER SESSION SET CURRENT_SCHEMA = s (docs.oracle.com: ALTER SESSION), SET AUTOCOMMIT = FALSE, UNSET AUTOCOMMIT.

    (docs.snowflake.com/en/sql-reference/parameters#autocommit: on unless it is switched off)
    """
    if words.follows(2, "SET", "CURRENT_SCHEMA"):
        _schema(words, 4, builder)
    elif words.follows(2, "SET", "AUTOCOMMIT", "="):
        off = words.texts[5].lower() in ("false", "off", "0") if words.kind(5) is not None else False
        builder.session.append(("autocommit", "off" if off else "on"))
    elif words.follows(2, "UNSET", "AUTOCOMMIT"):
        builder.session.append(("autocommit", "on"))
