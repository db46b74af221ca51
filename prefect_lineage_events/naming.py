"""Naming rules of stores: schemes, default ports, hosts, and the case of names.

A driver's connection, an engine's URL, a recorded URI, an asset key and an attached database are all named here, so
that one thing has one identity. The rules follow the naming page of the OpenLineage specification
(https://openlineage.io/docs/spec/naming); a store without a convention there is named by its address.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from os.path import realpath

from prefect_lineage_events import object_stores
from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.object_stores import AZURE_SCHEMES


def fold(name: str, quoted: bool, dialect: str) -> str:
    """Return `name` in the case in which its store keeps it."""
    known = dialect_of(dialect)
    how = known.quoted if quoted else known.plain
    return name.upper() if how == "upper" else name.lower() if how == "lower" else name


def kept(name: str, dialect: str) -> str:
    """Return a driver's spelling of a name; in lower case where the store compares without case."""
    return name.lower() if dialect_of(dialect).quoted == "lower" else name


@dataclass(frozen=True, slots=True)
class Scheme:
    """A store whose dataset names are dotted parts (database.schema.table).

    `dialect`: the row of `dialects.DIALECTS` with the rules of its names. `ports`: the port that its namespace has by
    default, then those of its other protocols, which lead to the same tables. `portless`: the address is the host
    alone. `schema`: the default schema where it is not the dialect's; `database`: the only database of a server.
    """

    name: str
    dialect: str
    ports: tuple[int, ...] = ()
    portless: bool = False
    schema: str = ""
    database: str = ""

    @property
    def depth(self) -> int:
        """The number of parts of a full name."""
        return dialect_of(self.dialect).depth

    @property
    def embedded(self) -> bool:
        """True for a store that opens files where the flow runs."""
        return dialect_of(self.dialect).embedded

    @property
    def default_schema(self) -> str:
        """The schema that a connection begins in; "" if there is none, or if it is named like the user."""
        return self.schema or dialect_of(self.dialect).default_schema


SCHEMES: dict[str, Scheme] = {
    scheme.name: scheme
    for scheme in (
        Scheme("snowflake", "snowflake"),
        Scheme("bigquery", "bigquery"),
        Scheme("sqlite", "sqlite"),
        Scheme("duckdb", "duckdb"),
        Scheme("postgres", "postgres", (5432,)),
        Scheme("redshift", "redshift", (5439,)),
        Scheme("mysql", "mysql", (3306,)),
        Scheme("mssql", "tsql", (1433,)),
        Scheme("oracle", "oracle", (1521,)),
        Scheme("trino", "trino", (8080,)),
        Scheme("presto", "presto", (8080,)),
        Scheme("clickhouse", "clickhouse", (8123, 8443, 9000, 9440)),
        Scheme("unitycatalog", "databricks", portless=True),
        Scheme("hive", "hive", (10000,)),
        Scheme("impala", "impala", (21050,)),
        Scheme("awsathena", "athena", portless=True),
        Scheme("db2", "db2", (50000,)),
        Scheme("teradata", "teradata", (1025,)),
        Scheme("vertica", "vertica", (5433,)),
        Scheme("exasol", "exasol", (8563,)),
        Scheme("cassandra", "cassandra", (9042,)),
        Scheme("cockroachdb", "postgres", (26257,)),
        Scheme("crate", "postgres", (5432,), schema="doc", database="crate"),
        Scheme("greenplum", "greenplum", (5432,)),
        Scheme("yugabytedb", "postgres", (5433,)),
        Scheme("materialize", "materialize", (6875,)),
        Scheme("risingwave", "risingwave", (4566,)),
        Scheme("doris", "doris", (9030,)),
        Scheme("starrocks", "starrocks", (9030,)),
        Scheme("singlestore", "singlestore", (3306,)),
        Scheme("oceanbase", "mysql", (2881,)),
        Scheme("tidb", "mysql", (4000,)),
    )
}
# Names of drivers, SQLAlchemy, JDBC and dbt for a scheme.
_ALIASES = {
    "postgresql": "postgres",
    "pg": "postgres",
    "psql": "postgres",
    "pgsql": "postgres",
    "postgis": "postgres",
    "timescaledb": "postgres",
    "mariadb": "mysql",
    "sqlserver": "mssql",
    "tsql": "mssql",
    "databricks": "unitycatalog",
    "athena": "awsathena",
    "clickhousedb": "clickhouse",
    "teradatasql": "teradata",
    "ibm_db_sa": "db2",
    "exa": "exasol",
    "singlestoredb": "singlestore",
    "memsql": "singlestore",
    "cockroach": "cockroachdb",
    "scylla": "cassandra",
    "scylladb": "cassandra",
    "hive2": "hive",
    "mongo": "mongodb",
    "rediss": "redis",
    "bolt": "neo4j",
    "yugabyte": "yugabytedb",
    "mysql+oceanbase": "oceanbase",
    "hdb": "hana",
    "s3a": "s3",
    "s3n": "s3",
    "gcs": "gs",
    **AZURE_SCHEMES,
}
# Schemes whose authority is a host and a port, beside the stores of tables.
_HOSTED = {
    "http": 80, "https": 443, "kafka": 9092, "ftp": 21, "sftp": 22, "hdfs": 8020, "redis": 6379, "mongodb": 27017,
    "elasticsearch": 9200, "opensearch": 9200, "neo4j": 7687, "amqp": 5672, "amqps": 5671, "nats": 4222,
    "mqtt": 1883, "mqtts": 8883, "pulsar": 6650, "memcached": 11211, "influxdb": 8086, "couchbase": 11210,
    "arangodb": 8529, "couchdb": 5984, "milvus": 19530, "qdrant": 6333, "solr": 8983, "ldap": 389, "ldaps": 636,
    "smb": 445, "dremio": 31010, "drill": 31010, "druid": 8888, "pinot": 8099, "hana": 30015, "firebird": 3050,
    "informix": 9088, "sybase": 5000, "monetdb": 50000, "questdb": 8812,
    "ignite": 10800, "netezza": 5480, "sqs": 443,
}  # fmt: skip
_WITHOUT_OWN_PORT = frozenset({"http", "https", "ftp", "sftp", "redis", "sqs"})


def scheme_of(name: str) -> str:
    """The canonical name of a scheme: `postgres` for `postgresql+psycopg2`."""
    name = name.lower()
    plain = name.partition("+")[0]
    return _ALIASES.get(name) or _ALIASES.get(plain, plain)


def host_of(host: str) -> str:
    """The canonical name of a host: `localhost` for each address of this machine, brackets around an IPv6 address."""
    host = host.strip().lower().strip("[]").rstrip(".")
    try:
        address = ip_address(host)
    except ValueError:
        return host or "localhost"
    if address.is_loopback:
        return "localhost"
    return f"[{address}]" if address.version == 6 else str(address)


def is_embedded(scheme: str) -> bool:
    """Return whether the store of a scheme opens files where the flow runs."""
    return (known := SCHEMES.get(scheme)) is not None and known.embedded


def server_namespace(scheme: str, host: str, port: int | None) -> str:
    """`postgres://host:port` and the like, with the store's default port if none is given."""
    known = SCHEMES.get(scheme)
    ports = known.ports if known else ()
    host = host_of(host)
    if scheme == "redshift":
        host = _redshift_cluster(host)
    port = ports[0] if ports and (port is None or port in ports) else port
    if not known and scheme in _HOSTED:
        port = _shown_port(scheme, port)
    return f"{scheme}://{host}" + (f":{port}" if port and not (known and known.portless) else "")


def server_aliases(scheme: str, host: str, port: int | None) -> Iterator[str]:
    """Other namespaces of a server that its address shows, and that dbt's integration gives it.

    They have Redshift's whole endpoint, and the port of the protocol in use.
    """
    known = SCHEMES.get(scheme)
    if known is None or known.portless or not known.ports:
        return
    given = f"{scheme}://{host_of(host)}:{port or known.ports[0]}"
    if given != server_namespace(scheme, host, port):
        yield given


def _redshift_cluster(host: str) -> str:
    """`cluster.region` of an endpoint `cluster.hash.region.redshift.amazonaws.com`, or of a serverless workgroup's."""
    labels = host.split(".")
    if len(labels) >= 6 and labels[3] in ("redshift", "redshift-serverless") and labels[4] == "amazonaws":
        return f"{labels[0]}.{labels[2]}"
    return host


def snowflake_namespace(account: str) -> str:
    """A Snowflake account in any of its forms: `org-account`, `locator`, `locator.region`, `locator.region.cloud`.

    A locator is completed as in other OpenLineage integrations, so that their events name the same account: a bare one
    is in `us-west-1.aws`, one without a cloud is on `aws`. Account URLs and host names are accepted.
    """
    account = account.strip().lower().removeprefix("https://").rstrip("/").partition(":")[0]
    account = account.removesuffix(".snowflakecomputing.com").removesuffix(".snowflakecomputing.cn")
    account = account.removesuffix(".privatelink")
    # Account names may have an underscore, host names have none: my_account is the host my-account.
    account = account.replace("_", "-") if "-" in account else account
    parts = account.split(".")
    if len(parts) == 1 and "-" not in account:
        parts += ["us-west-1", "aws"]
    elif len(parts) == 2 and "-" in parts[1] and "-" not in parts[0]:
        parts += ["aws"]
    return "snowflake://" + ".".join(parts)


def holds_tables(namespace: str) -> bool:
    """Return whether a namespace holds tables, and no files, topics or the like."""
    return namespace.partition(":")[0] in SCHEMES


def quote(part: str) -> str:
    """A part of a name in double quotes, as standard SQL writes it."""
    return '"' + part.replace('"', '""') + '"'


def split_name(name: str) -> list[str]:
    """The parts of a dotted name; a part in double quotes keeps its dots (`DB."my.schema".T` has three)."""
    return [part for part, _ in _quoted_parts(name)]


def _quoted_parts(name: str) -> list[tuple[str, bool]]:
    """The parts of a dotted name, and whether each stood in quotes."""
    parts = re.findall(r'"(?:[^"]|"")*"|[^."]+', name)
    return [(p[1:-1].replace('""', '"'), True) if p.startswith('"') else (p, False) for p in parts if p != '""']


def join_name(parts: Sequence[str]) -> str:
    """The dotted name of parts. A part is quoted only if it contains `.` or `"`."""
    return ".".join(quote(p) if "." in p or '"' in p else p for p in parts)


def canonical(namespace: str, name: str) -> tuple[str, str]:
    """The canonical namespace and name of a dataset that a user named: alias, host, port, path and case by these rules.

    Names of tables are read as SQL names. A store that compares without case gets lower case. In a store that folds
    unquoted names, a name without any letter of the store's own case is folded as SQL folds it
    (`shop.public.orders` on Snowflake is `SHOP.PUBLIC.ORDERS`); a part in double quotes stays.
    """
    found, separator, rest = namespace.partition("://")
    scheme = scheme_of(found)
    if scheme == "file":
        return _file(rest if separator else "", name)
    if scheme in SCHEMES:
        return _table_namespace(scheme, rest), _table_name(SCHEMES[scheme], name)
    if scheme == "pubsub":
        return scheme, _pubsub(f"{rest}/{name}" if rest else name)
    if found_object := object_stores.stored(scheme, rest, name):
        return found_object
    if not separator:
        return namespace, name
    if scheme in _HOSTED:
        return _hosted(scheme, rest), below(f"{scheme}://", name)[1]
    if scheme == "azurecosmos":
        return below(f"{scheme}://{host_of(rest.partition('/')[0])}", f"{rest.partition('/')[2]}/{name}".lstrip("/"))
    # An unknown scheme (`metabase://Dashboards`) stays as written.
    return (f"{scheme}://{rest}" if scheme != found.lower() else namespace), name


# Stores of files whose names are absolute paths on OpenLineage's naming page.
_ABSOLUTE = ("hdfs://", "dbfs://")
_COSMOS = re.compile(r"(dbs/[^/]+)/(colls/.+)", re.DOTALL)
_PUBSUB = re.compile(r"projects/(?P<project>[^/]+)/(?P<kind>topic|subscription)s/(?P<name>[^/]+)")


def below(authority: str, path: str) -> tuple[str, str]:
    """The namespace and name of what is at a path below an authority (`hdfs://host:8020`)."""
    if authority.startswith(_ABSOLUTE):
        return authority, "/" + path.strip("/")
    if authority.startswith("azurecosmos:") and (found := _COSMOS.fullmatch(path)):
        return f"{authority}/{found[1]}", found[2]
    return authority, path


def _pubsub(name: str) -> str:
    """`topic:project:name`, also for the resource names that Google's clients have (`projects/p/topics/t`)."""
    found = _PUBSUB.fullmatch(name.strip("/"))
    return f"{found['kind']}:{found['project']}:{found['name']}" if found else name


def _table_namespace(scheme: str, authority: str) -> str:
    if scheme == "bigquery":
        return scheme
    if is_embedded(scheme):
        return f"{scheme}://{_real(authority) if authority.startswith('/') else authority}"
    authority = authority.rpartition("@")[2].rstrip("/")
    if scheme == "snowflake":
        return snowflake_namespace(authority)
    host, port = host_and_port(authority)
    return server_namespace(scheme, host, port)


def _table_name(scheme: Scheme, name: str) -> str:
    parts = _quoted_parts(name)
    dialect = dialect_of(scheme.dialect)
    if dialect.embedded:
        parts = [("main", False)] * (scheme.depth - len(parts)) + parts[-scheme.depth :]
    if dialect.internal_catalog and len(parts) == 3 and parts[0][0] == dialect.internal_catalog:
        parts = parts[1:]
    if dialect.keeps_spelling:
        return join_name([part for part, _ in parts])
    if dialect.quoted == "lower":
        return join_name([part.lower() for part, _ in parts])
    plain = "".join(part for part, quoted in parts if not quoted)
    other = {"upper": plain.lower(), "lower": plain.upper()}
    folds = other.get(dialect.plain) == plain
    return join_name([part if quoted or not folds else fold(part, False, scheme.dialect) for part, quoted in parts])


def _hosted(scheme: str, authority: str) -> str:
    """Hosts with ports, separated by commas. The default port is written for a store, and left out for HTTP.

    Of Kafka's bootstrap servers the first one is named, as by the integrations of Spark and Flink.
    """
    hosts = []
    listed = authority.rpartition("@")[2].rstrip("/").split(",")
    for one in listed[:1] if scheme == "kafka" else listed:
        host, port = host_and_port(one)
        port = _shown_port(scheme, port)
        hosts.append(host_of(host) + (f":{port}" if port else ""))
    return f"{scheme}://{','.join(hosts)}"


def _shown_port(scheme: str, port: int | None) -> int | None:
    port = port or _HOSTED[scheme]
    return None if scheme in _WITHOUT_OWN_PORT and port == _HOSTED[scheme] else port


def host_and_port(authority: str) -> tuple[str, int | None]:
    """Host and port of `host`, `host:port`, `[v6]:port` or a bare IPv6 address."""
    host, colon, port = authority.rpartition(":")
    if colon and port.isdecimal() and (host.endswith("]") or ":" not in host):
        return host, int(port)
    return authority.removesuffix(":"), None


def _file(host: str, path: str) -> tuple[str, str]:
    """A file of this machine by its real path, with links resolved; a file of another host by its path there."""
    host = host_of(host)
    return ("file", _real(path)) if host == "localhost" else (f"file://{host}", path)


def _real(path: str) -> str:
    return realpath("/" + path.lstrip("/") if path.startswith("/") else path)


def joined_paths(path: str, further: str) -> str:
    """The path to a part of the value to which `path` leads: `customer` and `name` are `customer.name`."""
    return f"{path}{'.' if path and further and not further.startswith('[') else ''}{further}"


def part_of_column(column: str, path: str) -> str:
    """The name of a column, with a path to the part of its value: `payload:customer.name`, `items[].sku`."""
    return f"{column}{'' if path.startswith('[') or not path else ':'}{path}"
