"""Datasets: identity (OpenLineage's `namespace` and `name`, by the rules of `naming.py`) and URI."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from os import PathLike
from os.path import commonpath, expanduser, lexists, realpath
from urllib.parse import unquote

from prefect_lineage_events import addresses, encoding
from prefect_lineage_events.file_parts import split_parts
from prefect_lineage_events.naming import (
    SCHEMES,
    below,
    canonical,
    holds_tables,
    is_embedded,
    join_name,
    scheme_of,
    split_name,
)
from prefect_lineage_events.object_stores import without_user

_URI = re.compile(r"^(?:jdbc:)?([A-Za-z][A-Za-z0-9+._\-]*):(//)?(.*)$", re.DOTALL)
_TABLE = ("database", "schema", "table")
# Stores whose whole namespace is one word.
_ONE_NAMESPACE = frozenset({"bigquery", "pubsub"})
# Stores of files and objects, where a bucket or a file system as a whole is a dataset: `s3://bucket/`.
_WITH_ROOT = frozenset({"s3", "gs", "abfss", "wasbs", "hdfs", "dbfs"})
# docs.aws.amazon.com: Amazon Resource Names
_AMAZON_RESOURCE = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:[^/?#@]*/[^?#]+", re.IGNORECASE)
_WINDOWS_DRIVE = re.compile(r"^[A-Za-z]:[\\/]")


@dataclass(frozen=True, slots=True, order=True)
class Dataset:
    """Anything that is read or written: table, view, stage, file, topic, API.

    `namespace` is the store (`snowflake://org-account`, `s3://bucket`, `file`), `name` the name in it
    (`DB.SCHEMA.TABLE`, `path/to/key`), in the store's own case. Characters that stores cannot hold are encoded
    (`encoding.name`).
    """

    namespace: str
    name: str

    def __post_init__(self) -> None:
        for field, value in (("namespace", self.namespace), ("name", self.name)):
            if not isinstance(value, str):
                raise TypeError(f"a dataset's {field} is a text, not {type(value).__name__}")
            if (encoded := encoding.name(value)) is not value:
                object.__setattr__(self, field, encoded)
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

    @property
    def is_table(self) -> bool:
        """Return whether it is in a store of tables: neither a file nor a topic nor the like."""
        return holds_tables(self.namespace)

    @classmethod
    def from_uri(cls, uri: str) -> Dataset:
        """The dataset that a URI names, in canonical form; credentials and query strings in it are dropped.

        Aliases of schemes, default ports, other names of this machine and the case of names follow `naming.canonical`.
        Raises ValueError with the accepted form if the text is no URI or names nothing in its store.
        """
        return parse_uri(uri).canonical()

    @classmethod
    def snowflake(cls, account: str, database: str, schema: str = "", table: str = "") -> Dataset:
        """A table of Snowflake: `Dataset.snowflake("org-account", "SHOP", "PUBLIC", "ORDERS")`.

        The full name may be given alone (`"SHOP.PUBLIC.ORDERS"`). This and the other constructors give the name that
        captured statements give, and raise ValueError with a message that says what to give.
        """
        parts = (database, schema, table)
        return cls(*addresses.table("snowflake", addresses.snowflake(account), parts, _TABLE)).canonical()

    @classmethod
    def postgres(
        cls, host: str, database: str, schema: str = "", table: str = "", *, port: int | None = None
    ) -> Dataset:
        """A table of PostgreSQL: `Dataset.postgres("db.example.com", "shop", "public", "orders")`; port 5432."""
        parts = (database, schema, table)
        return cls(*addresses.table("postgres", addresses.server("postgres", host, port), parts, _TABLE)).canonical()

    @classmethod
    def bigquery(cls, project: str, dataset: str = "", table: str = "") -> Dataset:
        """A table of BigQuery: `Dataset.bigquery("project", "sales", "orders")`, or `"project.sales.orders"`."""
        names = ("project", "dataset", "table")
        return cls(*addresses.table("bigquery", "bigquery", (project, dataset, table), names)).canonical()

    @classmethod
    def s3(cls, bucket: str, key: str) -> Dataset:
        """An object of S3, or the objects below a key: `Dataset.s3("lake", "raw/orders.csv")`."""
        return cls(*addresses.bucket("s3", bucket, key, "Dataset.s3")).canonical()

    @classmethod
    def gcs(cls, bucket: str, key: str) -> Dataset:
        """An object of Google Cloud Storage, or those below a key: `Dataset.gcs("lake", "raw/orders.csv")`."""
        return cls(*addresses.bucket("gs", bucket, key, "Dataset.gcs")).canonical()

    @classmethod
    def azure(cls, account: str, container: str, path: str, *, endpoint: str = "blob") -> Dataset:
        """A blob of Azure Storage: `Dataset.azure("account", "container", "raw/orders.csv")`.

        Both endpoints of an account lead to the same blob, which has one name.
        """
        return cls(*addresses.azure(account, container, path, endpoint)).canonical()

    @classmethod
    def file(cls, path: str | PathLike[str], *, host: str = "") -> Dataset:
        """A file by its path, absolute or from the working directory; or by its absolute path on another host."""
        return cls(*addresses.file(path, host)).canonical()

    @classmethod
    def http(cls, url: str) -> Dataset:
        """An endpoint of an API by its URL, in which parts may stand for any value: `https://host/orders/{id}`."""
        return cls.from_uri(addresses.url(url))

    @classmethod
    def kafka(cls, servers: str | Sequence[str], topic: str) -> Dataset:
        """A topic of Kafka: `Dataset.kafka("broker:9092", "orders")`."""
        return cls(*addresses.kafka(servers, topic)).canonical()

    @classmethod
    def topic(cls, address: str, name: str) -> Dataset:
        """A topic, queue or stream of any system: `Dataset.topic("redis://cache:6379", "orders")`."""
        return cls(*addresses.topic(address, name)).canonical()

    def canonical(self) -> Dataset:
        """The same dataset in canonical form."""
        return Dataset(*canonical(self.namespace, self.name))

    def __str__(self) -> str:
        return self.uri


@lru_cache(maxsize=8192)
def uri_of(namespace: str, name: str) -> str:
    """The URI of a dataset. Cached: it is needed many times for few datasets."""
    path = "/".join(split_name(name)) if holds_tables(namespace) else name.lstrip("/")
    if namespace == "file":
        return f"file:///{path}"
    separator = "" if namespace.endswith("/") else "/"
    scheme = "://" if namespace in _ONE_NAMESPACE else separator
    return f"{namespace}{scheme}{path}"


def parse_uri(uri: str) -> Dataset:
    """The dataset of a URI as written: the inverse of `Dataset.uri`, for URIs of our own events.

    Raises ValueError as `Dataset.from_uri` does.
    """
    match = _URI.match(uri.strip()) if isinstance(uri, str) else None
    if not match or _WINDOWS_DRIVE.match(uri):
        raise ValueError(
            f"{_shown(uri)!r} is not a dataset URI: give scheme and path, such as 's3://bucket/key', "
            "'file:///data/x.csv' or 'postgres://host:5432/db/schema/table', or a Dataset(namespace, name)"
        )
    scheme, rest = scheme_of(match[1]), match[3]
    if scheme == "file":
        return _file_from_uri(uri, rest, has_authority=bool(match[2]))
    if scheme == "bigquery":
        return Dataset(scheme, _dotted(rest.strip("/").split("/"), SCHEMES[scheme].depth))
    if scheme in _ONE_NAMESPACE and rest.strip("/"):
        return Dataset(scheme, rest.strip("/"))
    if scheme == "arn" and _AMAZON_RESOURCE.fullmatch(uri.strip()):
        return Dataset(*uri.strip().split("/", 1))
    if not match[2]:
        raise ValueError(f"{_shown(uri)!r} is not a dataset URI: '//' is missing after {match[1]!r}:")
    authority, slash, path = _without_secrets(scheme, rest).partition("/")
    if is_embedded(scheme):
        return _embedded_from_uri(uri, scheme, f"{authority}/{path}")
    path = unquote(path) if scheme in ("http", "https") else path
    if scheme == "memory" and authority and not path.strip("/"):
        return Dataset("memory://", authority)  # fsspec's, which has no buckets
    if scheme in _WITH_ROOT and authority and slash and not path.strip("/"):
        return Dataset(f"{scheme}://{authority}", "/")
    if not authority or not path.strip("/"):
        raise ValueError(f"{_shown(uri)!r} names no dataset: expected {scheme}://<where>/<name>")
    if scheme in SCHEMES:
        return Dataset(f"{scheme}://{authority}", _dotted(path.split("/"), SCHEMES[scheme].depth))
    return Dataset(*below(f"{scheme}://{authority}", path.strip("/")))


def _dotted(segments: Sequence[str], depth: int) -> str:
    """The dotted name of a path's segments. A shorter name than a full one is split at dots too."""
    segments = [segment for segment in segments if segment]
    if len(segments) < depth:
        return ".".join(segments)
    return ".".join(s if s.startswith('"') and s.endswith('"') else join_name([s]) for s in segments)


# `user:secret@`; a secret may contain slashes, and a port is not a secret.
_CREDENTIALS = re.compile(r"^[^/@:]*:(?!\d+(?:/|$))[^@]*@")
# The end of a path: a query, a fragment, parameters (`;password=x`).
_PARAMETERS = re.compile(r"[?#]|;\w+=")
_PARAMETERS_OF_ANYTHING = re.compile(r"[?#;=]")


def _without_secrets(scheme: str, rest: str) -> str:
    authority, slash, path = _CREDENTIALS.sub("", rest).partition("/")
    authority = without_user(scheme, authority)
    path = _PARAMETERS.split(path, maxsplit=1)[0]
    return f"{authority}{slash}{path}"


def _shown(uri: object) -> str:
    """The start of an invalid URI for an error message, up to the first position of a possible secret."""
    if not isinstance(uri, str):
        return f"a {type(uri).__name__}"
    if "@" in uri:
        return f"{uri.partition(':')[0]}:..." if ":" in uri.partition("@")[0] else "..."
    start = _PARAMETERS_OF_ANYTHING.split(uri, maxsplit=1)[0]
    return uri if start == uri else f"{start}..."


def _file_from_uri(uri: str, rest: str, has_authority: bool) -> Dataset:
    host, path = ("", rest)
    if has_authority:
        host, slash, tail = rest.partition("/")
        path = slash + tail
    if not path.strip("/"):
        raise ValueError(f"{_shown(uri)!r} names no file: expected file:///absolute/path")
    return Dataset(f"file://{host}" if host else "file", unquote(path))


_DATABASE_FILE = re.compile(r"\.(?:duckdb|ddb|db)$", re.IGNORECASE)


def _embedded_from_uri(uri: str, scheme: str, path: str) -> Dataset:
    parts = path.split("/")
    depth = SCHEMES[scheme].depth
    if depth > 1 and len(parts) > 2 and _DATABASE_FILE.search(parts[-2]):
        return Dataset(f"{scheme}://" + "/".join(parts[:-1]), parts[-1] if "." in parts[-1] else f"main.{parts[-1]}")
    if len([p for p in parts if p]) <= depth:
        tail = "schema/table" if depth == 2 else "table"
        raise ValueError(f"{_shown(uri)!r} names no table: expected {scheme}:///path/to/file/{tail}")
    return Dataset(f"{scheme}://" + "/".join(parts[:-depth]), _dotted(parts[-depth:], depth))


def local_file(path: str) -> Dataset:
    """A file on this machine, by its real path."""
    return Dataset("file", realpath(path))


def location(text: str) -> Dataset:
    """The dataset that a path or URL in a statement names (`read_parquet('s3://b/k')`, `COPY ... TO 'out.csv'`)."""
    return file_at(text, patterns=True).dataset


@dataclass(frozen=True, slots=True)
class Located:
    """A dataset of files, and the part of it that a path or URL names; "" for all of it."""

    dataset: Dataset
    part: str = ""


# Stores of objects: `#` and `;` are characters of a key. `?name=` begins a version or the parameters of a signed URL.
_OBJECTS = frozenset({"s3", "gs"})
_OBJECT_QUERY = re.compile(r"\?[\w.\-]+=")
_URL_OF_FILE = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+)://(.*)\Z", re.DOTALL)


def file_at(text: str, *, patterns: bool = False) -> Located:
    """The dataset that a path or URL belongs to, with the part of it that is named (`file_parts`).

    `patterns`: `*` and the like stand for many files. Raises ValueError for a URL that names nothing.
    """
    url = _URL_OF_FILE.match(text)
    scheme = scheme_of(url[1]) if url else ""
    if url is None or scheme == "local" or (scheme == "file" and _is_local(url[2])):
        return _local_at(text, patterns=patterns)
    if scheme in _OBJECTS:
        bucket, _, key = _OBJECT_QUERY.split(_CREDENTIALS.sub("", url[2]), maxsplit=1)[0].partition("/")
        found = Dataset(f"{scheme}://{bucket.rpartition('@')[2]}", key.strip("/") or "/")
    elif scheme == "memory":
        bucket, _, key = url[2].strip("/").partition("/")
        found = Dataset(f"memory://{bucket}", key) if key else Dataset("memory://", bucket)
    else:
        found = Dataset.from_uri(text)
    is_address = found.is_table or found.namespace.startswith(("http:", "https:"))
    return Located(found) if is_address else _within(found, found.name, patterns=patterns)


# Schemes of stores whose datasets are files below a path.
_OF_FILES = frozenset({"file", "s3", "gs", "abfss", "wasbs", "hdfs", "memory", "sftp", "ftp", "dbfs", "oss"})


def located(named: Dataset) -> Located:
    """The dataset that a named one belongs to, with the part of it that it is: a partition is no dataset of its own."""
    scheme = named.namespace.partition(":")[0]
    return _within(named, named.name) if scheme in _OF_FILES else Located(named)


def _within(found: Dataset, path: str, *, patterns: bool = False) -> Located:
    root, part = split_parts(path, patterns=patterns)
    return Located(Dataset(found.namespace, root or "/"), part)


def _local_at(text: str, *, patterns: bool) -> Located:
    root, part = split_parts(realpath(local_path(text)), patterns=patterns)
    return Located(Dataset("file", root), part)


def _is_local(rest: str) -> bool:
    """Return whether `file://` is followed by a path. fsspec also takes a relative one, in the position of a host."""
    return rest.startswith(("/", "localhost/")) or lexists(rest)


def local_path(text: str) -> str:
    """The path of a local file's URL or of a path; `~` is the home directory.

    A URL may be percent-encoded, which some libraries undo and others do not: an existing file of the name as written
    is that file.
    """
    path = text
    for prefix in ("file:", "local:"):
        if text[: len(prefix)].lower() == prefix:
            path = text[len(prefix) :]
            if path.startswith("//"):
                path = path[2:]
                path = path.removeprefix("localhost") if path.startswith("localhost/") else path
            if "%" in path and not lexists(path):
                path = unquote(path)
            break
    return expanduser(path) if path.startswith("~") else path  # noqa: PTH111  (`~x.csv` is a file)


DEVICES = ("/dev/", "/proc/", "/sys/")
"""Beginnings of paths that are no files."""

MAX_SINGLE_FILES = 10
"""Files that are named one by one are datasets of their own up to this number; more are parts of a directory."""


def common_directory(paths: Sequence[str]) -> str | None:
    """The directory that many paths or URLs of one kind share; None where they are of several kinds, or share none."""
    schemes = {path.partition("://")[0] if "://" in path else "" for path in paths}
    if len(schemes) != 1 or any("::" in path for path in paths):
        return None
    scheme = schemes.pop()
    bare = [path.partition("://")[2] if scheme else path for path in paths]
    try:
        shared = commonpath([min(bare), max(bare)])  # the whole list has no other prefix than these two
    except ValueError:
        return None
    if not shared.strip("/"):
        return None
    return f"{scheme}://{shared}" if scheme else shared
