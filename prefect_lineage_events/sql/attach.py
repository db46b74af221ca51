"""ATTACH and DETACH: the names under which a connection to SQLite or DuckDB has other databases open.

A database file is known by its path, a server by its address. No other part of a connection string is kept, above all
no secret. The attached tables are not known if the string does not name their server and database.
https://www.sqlite.org/lang_attach.html, https://duckdb.org/docs/stable/sql/statements/attach
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from sqlglot.tokenizer_core import Token, TokenType

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.sql.locations import clean_location
from prefect_lineage_events.sql.model import TableRef
from prefect_lineage_events.sql.servers import server_of

_HEAD = frozenset({"DATABASE", "IF", "NOT", "EXISTS", "OR", "REPLACE"})
# Names of stores in DuckDB's option TYPE, or as the prefix of an address.
_SERVERS = {"POSTGRES": "postgres", "POSTGRESQL": "postgres", "POSTGRES_SCANNER": "postgres"}
_SERVERS |= {"MYSQL": "mysql", "MYSQL_SCANNER": "mysql", "MARIADB": "mysql"}
_FILES = {"SQLITE": "sqlite", "SQLITE_SCANNER": "sqlite", "DUCKDB": "duckdb", "": ""}
_PREFIX = re.compile(r"([A-Za-z][A-Za-z0-9_+]+):")  # a drive has one letter
ACCOUNT = "md:"  # the name under which `ATTACH 'md:'` is noted: all databases of an account, each under its own name
MOTHERDUCK = re.compile(r"(?:md|motherduck):", re.IGNORECASE)
_NAMES_HOST = re.compile(r"://[^/?#]*[^/?#@]|\b(?:host|hostaddr|server)[ \t]{0,20}=", re.IGNORECASE)
_DEFAULT_SCHEMA = "main"  # DuckDB's schema where USE names none
_CATALOGS = frozenset({"information_schema", "pg_catalog"})


@dataclass(frozen=True, slots=True)
class Attached:
    """The database that is open under a name: a file by its path ("" for one in memory), or a server's database.

    `kind` is "sqlite" or "duckdb" for a file whose kind is stated, "" for one whose kind only its content shows,
    "postgres" or "mysql" for a server, and "unknown" for anything else.
    """

    kind: str = ""
    path: str = ""
    namespace: str = ""
    database: str = ""
    schema: str = "public"

    @property
    def is_file(self) -> bool:
        return self.kind in _FILES.values()

    def holds(self, parts: tuple[str, ...]) -> bool:
        """True if a name, without the attached name before it, is of a table in another store, and of no catalog."""
        return not self.is_file and parts[0] not in _CATALOGS

    def table(self, parts: tuple[str, ...]) -> TableRef | None:
        """The table of that name in another store; None if the store is not known."""
        if not self.namespace:
            return None
        if len(parts) > 1 and parts[0] == _DEFAULT_SCHEMA:
            parts = parts[1:]
        if self.kind == "mysql":
            parts = parts if len(parts) > 1 else (self.database, *parts)
            return TableRef(parts, namespace=self.namespace) if parts[0] else None
        schema = () if len(parts) > 1 else (self.schema,)
        return TableRef((self.database, *schema, *parts), namespace=self.namespace) if self.database else None


UNKNOWN = Attached(kind="unknown")
_OWN = _CATALOGS | {_DEFAULT_SCHEMA, "temp", "system"}


def may_be_of_account(name: str, attached: Mapping[str, Attached]) -> bool:
    """True if a database of this name may be one of the account that is attached as a whole (motherduck.com/docs)."""
    return ACCOUNT in attached and name not in attached and name not in _OWN


def attached_by(tokens: Sequence[Token], dialect: str, before: Mapping[str, Attached]) -> Mapping[str, Attached] | None:
    """The databases that are attached after the statement, by name; None if it changes none."""
    verb = tokens[0].text.upper() if tokens else ""
    if verb not in ("ATTACH", "DETACH"):
        return None
    start = 1
    while start < len(tokens) and tokens[start].text.upper() in _HEAD:
        start += 1
    head, rest = {t.text.upper() for t in tokens[1:start]}, tokens[start:]
    if verb == "DETACH":
        name = rest[0].text.lower() if rest else ""
        return {alias: found for alias, found in before.items() if alias != name}
    found = _opened(rest, dialect)
    alias = _alias(rest) or (_own_name(found, rest[0].text) if rest else "")
    if not alias and rest and MOTHERDUCK.match(rest[0].text.strip()):
        alias = ACCOUNT
    if not alias or ("EXISTS" in head and alias in before):
        return None
    return {**before, alias: found}


def _opened(rest: Sequence[Token], dialect: str) -> Attached:
    """The database that ATTACH names."""
    following = rest[1].token_type if len(rest) > 1 else TokenType.ALIAS
    if not rest or rest[0].token_type is not TokenType.STRING or following not in _BEHIND_ADDRESS:
        return UNKNOWN
    address, options = rest[0].text.strip(), _options(rest)
    if dialect_of(dialect).attaches == "own":
        return _file(address, dialect)
    prefix = _PREFIX.match(address)
    stated = options.get("TYPE", "").upper()
    kind = stated or (prefix[1].upper() if prefix and prefix[1].lower() != "file" else "")
    if kind in _SERVERS:
        return _server(address, _SERVERS[kind], options, is_prefixed=prefix is not None and not stated)
    if kind not in _FILES or "://" in address:
        return UNKNOWN  # a lake, a service or a catalog, whose tables have no name of ours
    if prefix and prefix[1].upper() in _FILES:
        address = address[prefix.end() :]
    return _file(address, _FILES[kind])


_BEHIND_ADDRESS = frozenset({TokenType.ALIAS, TokenType.L_PAREN, TokenType.VAR, TokenType.IDENTIFIER})


def _file(address: str, kind: str) -> Attached:
    if "memory" in address and (":memory:" in address or "mode=memory" in address):
        return Attached(kind)
    path = clean_location(address.removeprefix("file:").removeprefix("//")) if address else ""
    return UNKNOWN if path is None else Attached(kind, path.partition("?")[0])


def _server(address: str, kind: str, options: Mapping[str, str], *, is_prefixed: bool) -> Attached:
    if is_prefixed and "://" not in address.partition("=")[0]:
        address = address.partition(":")[2]
    server = server_of(address, kind) if _NAMES_HOST.search(address) else None
    if server is None:
        return UNKNOWN  # the environment or a secret has the address
    return Attached(kind, "", server.namespace, server.database, options.get("SCHEMA", "public"))


def _options(rest: Sequence[Token]) -> dict[str, str]:
    """The values of TYPE and SCHEMA in the parentheses, as written."""
    found: dict[str, str] = {}
    opened = next((i for i, token in enumerate(rest) if token.token_type is TokenType.L_PAREN), len(rest))
    for i in range(opened + 1, len(rest) - 1):
        key = rest[i].text.upper()
        starts = rest[i - 1].token_type in (TokenType.L_PAREN, TokenType.COMMA)
        if starts and key in ("TYPE", "SCHEMA"):
            found[key] = rest[i + 1].text
    return found


def _alias(rest: Sequence[Token]) -> str:
    """The name behind AS; empty without one."""
    at = next((i for i, token in enumerate(rest[:-1]) if token.token_type is TokenType.ALIAS), -1)
    return rest[at + 1].text.lower() if at > 0 else ""


def _own_name(found: Attached, address: str) -> str:
    """The name without AS: the file's own, or that of a server's database (`md:sales` is `sales`)."""
    if found.is_file:
        return PurePosixPath(found.path).stem.lower()
    address = address.partition(":")[2] if MOTHERDUCK.match(address) else address
    return found.database.lower() or re.sub(r"\W", "_", PurePosixPath(address.partition("?")[0]).stem.lower())
