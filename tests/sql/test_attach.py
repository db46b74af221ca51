"""Databases that are attached: a server's tables by their one identity, and nothing else of a connection string."""

from __future__ import annotations

import pytest

from prefect_lineage_events.sql.model import Statement
from prefect_lineage_events.sql.session import Session

SECRET = "hunter2zz"
SHOP = ("postgres://localhost:5433", "shop.mart.revenue", "shop.public.orders")


def after(*texts: str, dialect: str = "duckdb") -> Statement:
    """The last statement of texts that run one after the other."""
    session, statements = Session(dialect), ()
    for text in texts:
        statements, session = session.analyze(text)  # type: ignore[assignment]
    return statements[-1]


@pytest.mark.parametrize(
    ("attach", "namespace", "target", "source"),
    [
        (f"'host=127.0.0.1 port=5433 password={SECRET} dbname=shop' AS pg (TYPE postgres)", *SHOP),
        (f"'postgres:host=127.0.0.1 port=5433 password={SECRET} dbname=shop' AS pg", *SHOP),
        (f"'postgresql://u:{SECRET}@localhost:5433/shop' AS pg (TYPE postgres)", *SHOP),
        (f"IF NOT EXISTS 'postgres://u:{SECRET}@localhost:5433/shop' AS pg (READ_ONLY)", *SHOP),
        ("'host=h dbname=shop' AS pg (TYPE 'postgres', SCHEMA 'x')", "postgres://h:5432", SHOP[1], "shop.x.orders"),
        (f"'host=h database=d password={SECRET}' AS pg (TYPE mysql)", "mysql://h:3306", "mart.revenue", "d.orders"),
        (f"'mysql:host=h;database=d;password={SECRET}' AS pg", "mysql://h:3306", "mart.revenue", "d.orders"),
    ],
)
def test_tables_of_an_attached_server_have_its_namespace(attach: str, namespace: str, target: str, source: str) -> None:
    statement = after(f"ATTACH {attach}", "INSERT INTO pg.mart.revenue SELECT a FROM pg.orders")
    (output,), (read,) = statement.outputs, statement.inputs
    assert (output.namespace, output.name) == (namespace, target)
    assert (read.namespace, read.name) == (namespace, source)
    assert statement.confidence == "exact"


@pytest.mark.parametrize(
    "attach",
    [
        "'' AS pg (TYPE postgres, SECRET x)",
        "'' AS pg (TYPE postgres)",
        "'dbname=shop' AS pg (TYPE postgres)",
        "'service=prod' AS pg (TYPE postgres)",
        f"'ducklake:postgres:dbname=d host=h password={SECRET}' AS pg",
        f"'ducklake:{SECRET}.ducklake' AS pg (DATA_PATH 's3://k:{SECRET}@b')",
        f"'md:shop?motherduck_token={SECRET}' AS pg",
        f"'https://h/x.db?sig={SECRET}' AS pg",
        f"'s3://k:{SECRET}@b/x.db' AS pg (READ_ONLY)",
        f"'warehouse' AS pg (TYPE iceberg, CLIENT_SECRET '{SECRET}')",
        f"'Server=h;Database=d;Password={SECRET}' AS pg (TYPE mssql)",
        f"'host=h password={SECRET}' AS pg",
        f"'x' || '{SECRET}' AS pg",
        "? AS pg",
        "getenv('X') AS pg (TYPE postgres)",
    ],
)
def test_tables_of_an_address_without_server_and_database_are_unknown(attach: str) -> None:
    statement = after(f"ATTACH {attach}", "INSERT INTO pg.mart.revenue SELECT a FROM pg.orders")
    assert (statement.inputs, statement.outputs, statement.confidence) == ((), (), "partial")
    assert SECRET not in repr(statement)


def test_a_database_attached_under_its_own_name_is_no_schema() -> None:
    statement = after(
        f"ATTACH 'md:pg?motherduck_token={SECRET}'", "INSERT INTO pg.revenue SELECT a FROM pg.main.orders"
    )
    assert (statement.inputs, statement.outputs, statement.confidence) == ((), (), "partial")
    assert SECRET not in repr(statement)


@pytest.mark.parametrize("attach", ["ATTACH 'md:'", "ATTACH 'md:shop'", "ATTACH IF NOT EXISTS 'motherduck:?token=x'"])
@pytest.mark.parametrize(
    "texts",
    [
        ("INSERT INTO shop.revenue SELECT a FROM shop.main.orders",),
        ("USE shop", "INSERT INTO revenue SELECT a FROM main.orders"),
        ("CREATE TABLE shop.main.revenue AS SELECT a FROM shop.orders",),
    ],
)
def test_tables_of_a_service_are_no_tables_of_a_file(attach: str, texts: tuple[str, ...]) -> None:
    statement = after(attach.replace("motherduck:?", "motherduck:shop?"), *texts)
    assert (statement.inputs, statement.outputs, statement.confidence) == ((), (), "partial")


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        (("SELECT * FROM main.orders",), "main.orders"),
        (("SELECT * FROM orders",), "main.orders"),
        (("CREATE SCHEMA mart", "SELECT * FROM mart.orders"), "mart.orders"),
        (("ATTACH 'b.duckdb'", "SELECT * FROM b.orders"), "b.orders"),
    ],
)
def test_local_tables_keep_their_names_beside_an_account(texts: tuple[str, ...], name: str) -> None:
    session = Session("duckdb", None, "main")
    for text in ("ATTACH 'md:'", *texts):
        (statement,), session = session.analyze(text)
    assert [(table.name, table.namespace) for table in statement.inputs] == [(name, "")]


def test_an_attached_name_may_be_a_table() -> None:
    statement = after("ATTACH 's3://b/delta' AS sales (TYPE delta)", "INSERT INTO t SELECT a FROM sales")
    assert (statement.inputs, statement.confidence) == ((), "partial")


@pytest.mark.parametrize(
    ("use", "name"), [("USE pg", "shop.public.orders"), ("USE pg.mart", "shop.mart.orders"), ("DETACH x", "orders")]
)
def test_names_are_completed_with_the_attached_database_in_use(use: str, name: str) -> None:
    statement = after("ATTACH 'host=h dbname=shop' AS pg (TYPE postgres)", use, "SELECT * FROM orders")
    assert [table.name for table in statement.inputs] == [name]


def test_a_detached_database_is_no_longer_attached() -> None:
    statement = after("ATTACH 'host=h dbname=shop' AS pg (TYPE postgres)", "DETACH pg", "SELECT * FROM pg.orders")
    assert [(table.namespace, table.name) for table in statement.inputs] == [("", "pg.orders")]
