"""What a dataset is called: one thing has one identity, on every path that reaches it.

An identity is OpenLineage's `namespace` + `name`. The rules per store follow the naming page of the OpenLineage
specification (https://openlineage.io/docs/spec/naming); SQLite, DuckDB and HTTP have none there, and are named by
the address that tells two of them apart.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from os.path import normpath
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Stores whose dataset names are dotted parts (database.schema.table), not paths.
TABLE_SCHEMES = frozenset(
    {
        "snowflake",
        "postgres",
        "mysql",
        "redshift",
        "mssql",
        "oracle",
        "trino",
        "unitycatalog",
        "clickhouse",
        "bigquery",
        "sqlite",
        "duckdb",
    }
)
_SCHEME_ALIASES = {"postgresql": "postgres", "s3a": "s3", "s3n": "s3", "gcs": "gs", "mariadb": "mysql"}
_URI = re.compile(r"^([A-Za-z][A-Za-z0-9+.\-]*):(//)?(.*)$", re.DOTALL)
_WINDOWS_DRIVE = re.compile(r"^[A-Za-z]:[\\/]")


@dataclass(frozen=True, slots=True, order=True)
class Dataset:
    """Anything that is read or written: table, view, stage, file, topic, API.

    `namespace` says where it lives (`snowflake://org-account`, `s3://bucket`, `file`), `name` what it is called there
    (`DB.SCHEMA.TABLE`, `path/to/key`), in the store's own case.
    """

    namespace: str
    name: str

    def __post_init__(self) -> None:
        if not self.namespace or not self.namespace.strip():
            raise ValueError("a dataset needs a namespace, such as 's3://bucket' or 'postgres://host:5432'")
        if not self.name or not self.name.strip():
            raise ValueError(
                f"a dataset in {self.namespace!r} needs a name, such as 'db.schema.table' or 'path/to/key'"
            )

    @property
    def uri(self) -> str:
        """`namespace/part/part`: the Prefect resource id, and a valid asset key for ordinary names."""
        return uri_of(self.namespace, self.name)

    @classmethod
    def from_uri(cls, uri: str) -> Dataset:
        """The dataset a URI names; credentials and query strings in it are dropped.

        Raises ValueError, saying what is accepted, for a text that is no URI or names nothing in its store.
        """
        match = _URI.match(uri.strip()) if isinstance(uri, str) else None
        if not match or _WINDOWS_DRIVE.match(uri):
            raise ValueError(
                f"{uri!r} is not a dataset URI: give scheme and path, such as 's3://bucket/key', 'file:///data/x.csv' "
                "or 'postgres://host:5432/db/schema/table', or a Dataset(namespace, name)"
            )
        scheme = _SCHEME_ALIASES.get(match[1].lower(), match[1].lower())
        rest = match[3]
        if scheme == "file":
            return _file_from_uri(uri, rest, has_authority=bool(match[2]))
        if scheme == "bigquery":
            return cls("bigquery", rest.strip("/").replace("/", "."))
        if not match[2]:
            raise ValueError(f"{uri!r} is not a dataset URI: '//' is missing after {match[1]!r}:")
        authority, _, path = _without_secrets(rest).partition("/")
        if scheme in ("sqlite", "duckdb"):
            return _embedded_from_uri(uri, scheme, f"{authority}/{path}")
        path = unquote(path) if scheme in ("http", "https") else path
        if not authority or not path.strip("/"):
            raise ValueError(f"{uri!r} names no dataset: expected {scheme}://<where>/<name>")
        name = ".".join(p for p in path.split("/") if p) if scheme in TABLE_SCHEMES else path.strip("/")
        return cls(f"{scheme}://{authority}", name)

    def __str__(self) -> str:
        return self.uri


@lru_cache(maxsize=8192)
def uri_of(namespace: str, name: str) -> str:
    """The URI of that dataset. Asked for many times of few datasets."""
    is_table = namespace.partition(":")[0] in TABLE_SCHEMES
    path = "/".join(split_name(name)) if is_table else name.lstrip("/")
    if namespace == "file":
        return f"file:///{path}"
    separator = "" if namespace.endswith("/") else "/"
    scheme = "://" if namespace == "bigquery" else separator
    return f"{namespace}{scheme}{path}"


# `user:secret@`; a secret may have slashes in it, and a port is none.
_CREDENTIALS = re.compile(r"^[^/@:]*:(?!\d+(?:/|$))[^@]*@")


def _without_secrets(rest: str) -> str:
    authority, slash, path = _CREDENTIALS.sub("", rest).partition("/")
    authority = authority.rpartition("@")[2]
    path = path.partition("?")[0].partition("#")[0]
    return f"{authority}{slash}{path}"


def _file_from_uri(uri: str, rest: str, has_authority: bool) -> Dataset:
    host, path = ("", rest)
    if has_authority:
        host, slash, tail = rest.partition("/")
        path = slash + tail
    if not path.strip("/"):
        raise ValueError(f"{uri!r} names no file: expected file:///absolute/path")
    return Dataset(f"file://{host}" if host else "file", unquote(path))


def _embedded_from_uri(uri: str, scheme: str, path: str) -> Dataset:
    parts = path.split("/")
    depth = 2 if scheme == "duckdb" else 1
    if len([p for p in parts if p]) <= depth:
        tail = "schema/table" if depth == 2 else "table"
        raise ValueError(f"{uri!r} names no table: expected {scheme}:///path/to/file/{tail}")
    return Dataset(f"{scheme}://" + "/".join(parts[:-depth]), ".".join(parts[-depth:]))


def split_name(name: str) -> list[str]:
    """The parts of a dotted name; a part in double quotes keeps its dots (`DB."my.schema".T` has three)."""
    parts = re.findall(r'"(?:[^"]|"")*"|[^."]+', name)
    return [p[1:-1].replace('""', '"') if p.startswith('"') else p for p in parts]


def join_name(parts: Sequence[str]) -> str:
    """The dotted name of parts; a part is quoted only where it would read as something else (`.` or `"` in it)."""
    return ".".join('"' + p.replace('"', '""') + '"' if "." in p or '"' in p else p for p in parts)


@dataclass(frozen=True, slots=True)
class Store:
    """Where a connection points: enough to give each table that is reached through it its one name.

    `depth` is how many parts a full table name has (3: database.schema.table, 2: schema.table, 1: table); `database`
    and `schema` fill in what a statement leaves out.
    """

    dialect: str
    namespace: str
    database: str | None = None
    schema: str | None = None
    depth: int = 3

    def table(self, parts: Sequence[str]) -> Dataset:
        """The dataset of a table whose name has these parts, outermost first; what is missing comes from the store."""
        defaults = [self.database, self.schema]
        missing = self.depth - len(parts)
        head = (
            [d for d in defaults[len(defaults) - (self.depth - 1) :][: max(missing, 0)] if d] if self.depth > 1 else []
        )
        return Dataset(self.namespace, join_name([*head, *parts][-self.depth :]))


def snowflake(account: str, database: str | None = None, schema: str | None = None) -> Store:
    """A Snowflake account in any of its forms: `org-account`, `locator`, `locator.region`, `locator.region.cloud`.

    A locator is completed as the other OpenLineage integrations do it, so that their events meet ours: a bare one is
    in `us-west-1.aws`, one without a cloud is on `aws`. An account URL or host name is taken apart first.
    """
    account = account.strip().lower().removeprefix("https://").rstrip("/")
    account = account.removesuffix(".snowflakecomputing.com").removesuffix(".snowflakecomputing.cn")
    account = account.removesuffix(".privatelink")
    # Host names know no underscore, account names may have one: my_account is the host my-account.
    account = account.replace("_", "-") if "-" in account else account
    parts = account.split(".")
    if len(parts) == 1 and "-" not in account:
        parts += ["us-west-1", "aws"]
    elif len(parts) == 2 and "-" in parts[1] and "-" not in parts[0]:
        parts += ["aws"]
    return Store("snowflake", "snowflake://" + ".".join(parts), database, schema)


def sqlite(path: str, memory_id: str | None = None) -> Store:
    """A SQLite file, by its absolute real path; an in-memory database by an id of its own (it is nobody else's)."""
    return Store("sqlite", _embedded("sqlite", path, memory_id), depth=1)


def duckdb(path: str, memory_id: str | None = None) -> Store:
    """A DuckDB file, by its absolute real path; tables are `schema.table` in it."""
    return Store("duckdb", _embedded("duckdb", path, memory_id), schema="main", depth=2)


def _embedded(scheme: str, path: str, memory_id: str | None) -> str:
    if memory_id:
        return f"{scheme}://memory/{memory_id}"
    return f"{scheme}://{Path(path).resolve().as_posix()}"


def server(dialect: str, host: str, port: int | None, database: str | None, schema: str | None = None) -> Store:
    """A database server: `postgres://host:port` and the like, with the store's default port where none is given."""
    scheme, default_port, depth = _SERVERS.get(dialect, (dialect, None, 3))
    port = port or default_port
    namespace = f"{scheme}://{_host(host)}" + (f":{port}" if port else "")
    # Where a name has two parts only, what the driver calls the database is what SQL calls the schema.
    return Store(dialect, namespace, *((None, schema or database) if depth == 2 else (database, schema)), depth)


def _host(host: str) -> str:
    """A host by its one name: this machine is `localhost` however it is reached, an IPv6 address stands in brackets."""
    host = host.strip().lower().strip("[]").rstrip(".")
    try:
        address = ip_address(host)
    except ValueError:
        return host or "localhost"
    if address.is_loopback:
        return "localhost"
    return f"[{address}]" if address.version == 6 else str(address)


_SERVERS: dict[str, tuple[str, int | None, int]] = {
    "postgres": ("postgres", 5432, 3),
    "redshift": ("redshift", 5439, 3),
    "mysql": ("mysql", 3306, 2),
    "tsql": ("mssql", 1433, 3),
    "oracle": ("oracle", 1521, 3),
    "trino": ("trino", 8080, 3),
    "clickhouse": ("clickhouse", 8123, 2),
    "databricks": ("unitycatalog", None, 3),
}


def bigquery(project: str | None, dataset: str | None = None) -> Store:
    """BigQuery: one namespace for all of it, the project is part of a table's name."""
    return Store("bigquery", "bigquery", project, dataset)


def local_file(path: str) -> Dataset:
    """A file on this machine, by its absolute path."""
    return Dataset("file", normpath(Path(path).absolute()))


def location(text: str) -> Dataset:
    """The dataset a path or URL in a statement names (`read_parquet('s3://b/k')`, `COPY ... TO 'out.csv'`)."""
    if "://" in text and urlsplit(text).scheme:
        return Dataset.from_uri(text)
    return local_file(text.removeprefix("file:"))
