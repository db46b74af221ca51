"""The shop in the store of every program, and the way in which a program reaches it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.services import mariadb as mysql_server
from tests.services.mariadb import MariaDB
from tests.services.postgres import Postgres
from tests.services.snowflake import ACCOUNT, PASSWORD, SnowflakeStandIn

SEED = (
    "CREATE TABLE customers (id INTEGER, name VARCHAR(40), country VARCHAR(2))",
    "INSERT INTO customers VALUES (1, 'Ada', 'GB'), (2, 'Grace', 'US'), (3, 'Emmy', 'DE')",
    "CREATE TABLE orders (id INTEGER, customer_id INTEGER, amount INTEGER, status VARCHAR(10))",
    "INSERT INTO orders VALUES (10, 1, 42, 'paid'), (11, 1, 8, 'open'), (12, 2, 7, 'paid'), (13, 3, 5, 'lost')",
    "CREATE TABLE revenue (country VARCHAR(2), total INTEGER)",
    "CREATE TABLE audit (step VARCHAR(40), rows_seen INTEGER)",
)
Environment = dict[str, str]


def sqlite(request: pytest.FixtureRequest, folder: Path, setup: Sequence[str]) -> Environment:
    file = folder / "shop.db"
    with sqlite3.connect(file) as connection:
        for statement in (*SEED, *setup):
            connection.execute(statement)
    connection.close()
    return {"SHOP_URL": f"sqlite:///{file}", "SHOP_FILE": str(file)}


def duckdb(request: pytest.FixtureRequest, folder: Path, setup: Sequence[str]) -> Environment:
    import duckdb

    file = folder / "shop.duckdb"
    with duckdb.connect(file) as connection:
        for statement in (*SEED, *setup):
            connection.execute(statement)
    return {"SHOP_URL": f"duckdb:///{file}", "SHOP_FILE": str(file)}


def postgres(request: pytest.FixtureRequest, folder: Path, setup: Sequence[str]) -> Environment:
    import psycopg

    server: Postgres = request.getfixturevalue("postgres")
    name = server.database("flows_shop")
    with psycopg.connect(server.dsn(name)) as connection:
        for statement in (*SEED, *setup):
            connection.execute(statement.encode())
    return {"SHOP_URL": server.url(name), "SHOP_ASYNC_URL": server.url(name, "asyncpg"), "SHOP_DSN": server.dsn(name)}


def mariadb(request: pytest.FixtureRequest, folder: Path, setup: Sequence[str]) -> Environment:
    server: MariaDB = request.getfixturevalue("mariadb")
    name = server.database("flows_shop")
    server.run(f"USE {name}", *SEED, *setup)
    return {"SHOP_URL": server.url(name), "SHOP_PORT": str(server.port), "SHOP_PASSWORD": mysql_server.PASSWORD}


def snowflake(request: pytest.FixtureRequest, folder: Path, setup: Sequence[str]) -> Environment:
    server: SnowflakeStandIn = request.getfixturevalue("snowflake_server")
    server.connect("FLOWS_SHOP").close()
    with server.connect("FLOWS_SHOP") as connection, connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS FLOWS_SHOP.PUBLIC CASCADE")
        cursor.execute("CREATE SCHEMA FLOWS_SHOP.PUBLIC")
        cursor.execute("USE SCHEMA FLOWS_SHOP.PUBLIC")
        for statement in (*SEED, *setup):
            cursor.execute(statement)
    return {
        "SNOWFLAKE_ACCOUNT": ACCOUNT,
        "SNOWFLAKE_USER": "etl",
        "SNOWFLAKE_PASSWORD": PASSWORD,
        "SNOWFLAKE_HOST": "127.0.0.1",
        "SNOWFLAKE_PORT": str(server.port),
    }


STORES: dict[str, Callable[[pytest.FixtureRequest, Path, Sequence[str]], Environment]] = {
    "sqlite": sqlite,
    "duckdb": duckdb,
    "postgres": postgres,
    "mariadb": mariadb,
    "snowflake": snowflake,
}
