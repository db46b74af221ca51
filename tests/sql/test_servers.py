"""The server of a connection string, and nothing else of it."""

from __future__ import annotations

import pytest

from prefect_lineage_events.sql.servers import Server, server_of


@pytest.mark.parametrize(
    ("text", "scheme", "server"),
    [
        ("host=db port=5433 dbname=shop user=u password=pw", "postgres", Server("postgres://db:5433", "shop")),
        ("dbname='shop' host='db'", "postgres", Server("postgres://db:5432", "shop")),
        ("dbname=shop", "postgres", Server("postgres://localhost:5432", "shop")),
        ("host=/var/run/postgresql dbname=shop", "postgres", Server("postgres://localhost:5432", "shop")),
        ("host=127.0.0.1", "postgres", Server("postgres://localhost:5432")),
        ("postgresql://u:p%40w@DB:5433/shop?sslmode=x", "postgres", Server("postgres://db:5433", "shop")),
        ("host=db user=u password=pw database=shop", "mysql", Server("mysql://db:3306", "shop")),
        ("Server=tcp:db,1434;Database=shop;UID=u;PWD=pw;", "mssql", Server("mssql://db:1434", "shop")),
        ("Data Source=db;Initial Catalog=shop", "mssql", Server("mssql://db:1433", "shop")),
        ("db:5433", "postgres", Server("postgres://db:5433")),
        ("[::1]:5432", "postgres", Server("postgres://localhost:5432")),
    ],
)
def test_host_port_and_database_are_read(text: str, scheme: str, server: Server) -> None:
    assert server_of(text, scheme) == server


@pytest.mark.parametrize(
    ("text", "scheme"),
    [
        ("", "postgres"),
        ("service=shop", "postgres"),
        ("host=a,b dbname=shop", "postgres"),
        ("u/pw@db/shop", "oracle"),
        ("user pw host", "postgres"),
        ("mysql://u:pw@db/shop", "postgres"),
        ("host=db port=x", "postgres"),
        ("host=db dbname=pw/../x", "postgres"),
        ("https://[", ""),
        ("x" * 10_000, "postgres"),
    ],
)
def test_a_string_that_does_not_name_one_server_gives_none(text: str, scheme: str) -> None:
    assert server_of(text, scheme) is None
