"""Names of tables, from the URL of a connection through a statement to the dataset that is reported."""

from __future__ import annotations

from urllib.parse import quote_plus

import pytest

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.instrumentation.drivers.generic import url_store
from prefect_lineage_events.naming import SCHEMES
from tests.emission.test_analysis import Reader

# A URL, the names of `b` and `s.b` there, and the name of `b` after a USE (or its like).
NAMES = [
    ("mssql+pyodbc://u:p@h/sales", "sales.dbo.b", "sales.s.b", ("use other", "other.dbo.b")),
    ("mssql+pyodbc://u:p@h", "dbo.b", "s.b", ("use other", "other.dbo.b")),
    ("postgresql+pg8000://u:p@h/sales", "sales.public.b", "sales.s.b", ("set search_path to x", "sales.x.b")),
    ("redshift+redshift_connector://u:p@h/sales", "sales.public.b", "sales.s.b", ("set search_path to x", "sales.x.b")),
    (
        "oracle+oracledb://ann:p@h/SALES",
        "SALES.ANN.B",
        "SALES.S.B",
        ("alter session set current_schema = x", "SALES.X.B"),
    ),
    ("oracle+oracledb://h/SALES", "SALES.B", "SALES.S.B", ("alter session set current_schema = x", "SALES.X.B")),
    ("trino://u@h/hive", "hive.b", "hive.s.b", ("use x", "hive.x.b")),
    ("trino://u@h/hive/mart", "hive.mart.b", "hive.s.b", ("use iceberg.x", "iceberg.x.b")),
    ("snowflake://u:p@org-acct/SALES", "SALES.PUBLIC.B", "SALES.S.B", ("use database other", "OTHER.PUBLIC.B")),
    ("snowflake://u:p@org-acct", "B", "S.B", ("use schema x", "X.B")),
    ("databricks://token:p@h/main", "main.default.b", "main.s.b", ("use catalog other", "other.default.b")),
    ("mysql+pymysql://u:p@h/sales", "sales.b", "s.b", ("use other", "other.b")),
    ("mysql+pymysql://u:p@h", "b", "s.b", ("use other", "other.b")),
    ("clickhouse://u:p@h/sales", "sales.b", "s.b", ("use other", "other.b")),
    ("clickhouse://u:p@h", "default.b", "s.b", ("use other", "other.b")),
    ("doris://u:p@h/sales", "sales.b", "s.b", ("use other", "other.b")),
    ("starrocks://u:p@h/sales", "sales.b", "s.b", ("use other", "other.b")),
    ("hive://h/sales", "sales.b", "s.b", ("use default", "default.b")),
    ("impala://h", "default.b", "s.b", ("use other", "other.b")),
    ("teradatasql://ann:p@h", "ann.b", "s.b", ("database other", "other.b")),
    ("exa+pyexasol://u:p@h/sales", "sales.B", "S.B", ("open schema x", "X.B")),
    ("db2+ibm_db://ann:p@h/SALES", "SALES.ANN.B", "SALES.S.B", ("set schema x", "SALES.X.B")),
    ("bigquery://project/dataset", "project.dataset.b", "project.s.b", ("", "")),
    ("sqlite:////data/shop.db", "b", "b", ("", "")),
    ("duckdb:////data/shop.db", "main.b", "s.b", ("", "")),
]


# The name of `b` on a connection by scheme: without a database, with `d`, and with `d` and the schema `m`. A schema that
# is unknown is left out.
_PUBLIC = ("public.b", "d.public.b", "d.m.b")
_DBO = ("dbo.b", "d.dbo.b", "d.m.b")
_USER = ("ANN.B", "D.ANN.B", "D.M.B")
_DEFAULT = ("default.b", "d.default.b", "d.m.b")
_NO_DEFAULT = ("b", "d.b", "d.m.b")
_TWO_PARTS = ("b", "d.b", "")
_TWO_PARTS_DEFAULT = ("default.b", "d.b", "")
MATRIX = {
    "snowflake": ("B", "D.PUBLIC.B", "D.M.B"),
    "postgres": _PUBLIC,
    "redshift": _PUBLIC,
    "mysql": _TWO_PARTS,
    "mssql": _DBO,
    "oracle": _USER,
    "trino": _NO_DEFAULT,
    "presto": _NO_DEFAULT,
    "clickhouse": _TWO_PARTS_DEFAULT,
    "unitycatalog": _DEFAULT,
    "hive": _TWO_PARTS_DEFAULT,
    "impala": _TWO_PARTS_DEFAULT,
    "awsathena": ("awsdatacatalog.default.b", "awsdatacatalog.d.b", ""),  # the path of the URL is the schema
    "db2": _USER,
    "teradata": ("ann.b", "d.b", ""),
    "vertica": _PUBLIC,
    "exasol": ("B", "d.B", ""),
    "cassandra": _TWO_PARTS,
    "cockroachdb": _PUBLIC,
    "crate": ("crate.doc.b", "d.doc.b", "d.m.b"),
    "doris": _TWO_PARTS,
    "starrocks": _TWO_PARTS,
    "singlestore": _TWO_PARTS,
    "oceanbase": _TWO_PARTS,
    "fabric": _DBO,
    "greenplum": _PUBLIC,
    "yugabytedb": _PUBLIC,
    "tidb": _TWO_PARTS,
    "materialize": _PUBLIC,
    "risingwave": _PUBLIC,
    "spark": _DEFAULT,
}
_OTHER_TESTS = {"bigquery", "sqlite", "duckdb"}  # in NAMES: they have no server


def test_matrix_has_each_scheme() -> None:
    assert SCHEMES.keys() <= MATRIX.keys() | _OTHER_TESTS


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (f"{scheme}://ann:p@h{path}", name)
        for scheme, names in MATRIX.items()
        for path, name in zip(("", "/d", "/d/m"), names, strict=True)
        if name
    ],
)
def test_bare_name_has_the_parts_that_are_known_once(url: str, name: str) -> None:
    (draft,) = Reader(url_store(url))("insert into b select a from src")
    assert draft.output is not None
    assert draft.output.name == name
    assert [i.name.lower() for i in draft.inputs] == [name.lower().removesuffix("b") + "src"]


# A URL, names of one table on its connection, and the table's one name.
SPELLINGS = [
    ("snowflake://u:p@org-acct/sales/mart", ("b", "mart.b", "sales.mart.b", "SALES.MART.B"), "SALES.MART.B"),
    ("snowflake://u:p@org-acct/SALES/MART", ("b", "sales.mart.b"), "SALES.MART.B"),
    ("snowflake://u:p@org-acct/%22sales%22/mart", ("b", '"sales".mart.b'), "sales.MART.B"),
    ("snowflake://u:p@org-acct?database=sales&schema=mart", ("b", "sales.mart.b"), "SALES.MART.B"),
    ("oracle+oracledb://ann:p@h/sales", ("b", "ann.b", "ANN.B"), "SALES.ANN.B"),
    ("oracle+oracledb://ann:p@h/?service_name=sales", ("b", "ann.b"), "SALES.ANN.B"),
    ("db2+ibm_db://ann:p@h/sales", ("b", "ann.b"), "SALES.ANN.B"),
    ("starrocks://u:p@h/sales", ("b", "sales.b", "default_catalog.sales.b"), "sales.b"),
    ("starrocks://u:p@h/default_catalog.sales", ("b", "sales.b", "default_catalog.sales.b"), "sales.b"),
    ("starrocks://u:p@h/lake.sales", ("b", "sales.b", "lake.sales.b"), "lake.sales.b"),
    ("doris+pymysql://u:p@h/internal.sales", ("b", "sales.b", "internal.sales.b"), "sales.b"),
    ("doris+pymysql://u:p@h/lake.sales", ("b", "sales.b", "lake.sales.b"), "lake.sales.b"),
]


@pytest.mark.parametrize(("url", "texts", "name"), SPELLINGS)
def test_table_has_one_name_for_all_spellings_of_url_and_text(url: str, texts: tuple[str, ...], name: str) -> None:
    names = set()
    for text in texts:
        (draft,) = Reader(url_store(url))(f"insert into {text} select a from src")
        assert draft.output is not None
        names.add(draft.output.name)
    assert names == {name}
    assert url_store(url).table([name.rpartition(".")[2]]).name == name


@pytest.mark.parametrize("catalog", ["", "default_catalog."])
def test_recorded_table_of_the_own_catalog_is_that_of_the_connection(catalog: str) -> None:
    recorded = Dataset("starrocks://h", f"{catalog}sales.b").canonical()
    assert recorded == url_store("starrocks://u:p@h/sales").table(["b"])


@pytest.mark.parametrize(
    ("used", "name"),
    [
        ("use other", "lake.other.b"),
        ("use default_catalog.other", "other.b"),
        ("use hive.other", "hive.other.b"),
    ],
)
def test_use_keeps_the_catalog_unless_it_names_one(used: str, name: str) -> None:
    read = Reader(url_store("starrocks://u:p@h/lake.sales"))
    read(used)
    (draft,) = read("insert into b select a from src")
    assert draft.output is not None
    assert draft.output.name == name


@pytest.mark.parametrize(
    ("text", "namespace", "name"),
    [
        ("DRIVER={ODBC Driver 18 for SQL Server};Server=tcp:DB,1433;Database=sales", "mssql://db:1433", "sales.dbo.b"),
        (
            "Driver=x;SERVER=db.local,14330;DATABASE={sales};UID=u;PWD={a;Server=y}",
            "mssql://db.local:14330",
            "sales.dbo.b",
        ),
        ("Driver=x;Address=db;Encrypt=yes", "mssql://db:1433", "dbo.b"),
        ("Driver=x;Server=(local);Database=sales;Trusted_Connection=yes", "mssql://localhost:1433", "sales.dbo.b"),
        ("DSN=warehouse;Database=sales", "mssql://warehouse:1433", "sales.dbo.b"),
    ],
)
def test_odbc_connection_string_names_server_and_database(text: str, namespace: str, name: str) -> None:
    store = url_store(f"mssql+pyodbc:///?odbc_connect={quote_plus(text)}")
    (draft,) = Reader(store)("insert into b select a from src")
    assert draft.output is not None
    assert (draft.output.namespace, draft.output.name) == (namespace, name)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("databricks://token:p@h?http_path=x&catalog=main&schema=mart", "main.mart.b"),
        ("awsathena+rest://k:p@athena.us-east-1.amazonaws.com:443/sales?catalog_name=Lake", "lake.sales.b"),
        ("oracle+oracledb://ann:p@h/?service_name=SALES", "SALES.ANN.B"),
    ],
)
def test_options_of_a_url_name_database_and_schema(url: str, name: str) -> None:
    (draft,) = Reader(url_store(url))("insert into b select a from src")
    assert draft.output is not None
    assert draft.output.name == name


@pytest.mark.parametrize(
    ("url", "namespace"),
    [
        ("postgresql:///d?host=h&port=5433", "postgres://h:5433"),
        ("postgresql://u@/d?host=h:5433", "postgres://h:5433"),
        ("postgresql://u@/d?host=h,i&port=5433,5434", "postgres://h:5433"),
        ("postgresql://?host=h&dbname=d", "postgres://h:5432"),
        ("postgresql:///d?host=/var/run", "postgres://localhost:5432"),
    ],
)
def test_options_name_the_server_of_a_url_without_host(url: str, namespace: str) -> None:
    (draft,) = Reader(url_store(url))("insert into b select a from src")
    assert draft.output is not None
    assert (draft.output.namespace, draft.output.name) == (namespace, "d.public.b")


@pytest.mark.parametrize(("url", "bare", "qualified", "moved"), NAMES)
def test_names_on_a_connection_are_completed_once(url: str, bare: str, qualified: str, moved: tuple[str, str]) -> None:
    read = Reader(url_store(url))
    other = "main" if url.startswith("sqlite") else "s"
    for text, name in (("b", bare), (f"{other}.b", qualified)):
        (draft,) = read(f"insert into {text} select a from src")
        assert draft.output is not None
        assert draft.output.name == name
    if moved[0]:
        read(moved[0])
        (draft,) = read("insert into b select a from src")
        assert draft.output is not None
        assert draft.output.name == moved[1]


def test_table_of_a_linked_server_keeps_its_server() -> None:
    read = Reader(url_store("mssql+pyodbc://u:p@h/sales"))
    (draft,) = read("insert into b select a from srv.d..t")
    assert [i.name for i in draft.inputs] == ["srv.d.dbo.t"]


@pytest.mark.parametrize(
    ("url", "table"),
    [
        ("postgresql+pg8000://u:p@h/sales", "pg_orders"),
        ("duckdb:////data/shop.db", "duckdb_x"),
        ("sqlite:///x.db", "dual"),
    ],
)
def test_table_named_like_a_catalog_of_another_store_is_reported(url: str, table: str) -> None:
    (draft,) = Reader(url_store(url))(f"insert into b select a from {table}")
    assert [i.name.rpartition(".")[2] for i in draft.inputs] == [table]


def test_rename_within_a_schema_keeps_the_schema() -> None:
    read = Reader(url_store("postgresql+pg8000://u:p@h/sales"))
    read("create table mart.x_new as select a from src")
    (draft,) = read("alter table mart.x_new rename to x")
    assert draft.statement.renames == (("postgres://h:5432/sales/mart/x_new", "postgres://h:5432/sales/mart/x"),)
