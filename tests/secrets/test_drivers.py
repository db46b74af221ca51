"""Addresses and logins of drivers: neither a name nor a message nor a log has their passwords, tokens and keys.

The drivers' servers do not run here: an address is named without them, and a login that fails is reported as by the
driver alone. The statements of real connections are those of `test_secrets`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib import import_module
from typing import Any

import pytest

from prefect_lineage_events import instrument, uninstrument
from prefect_lineage_events.emission import worker
from prefect_lineage_events.instrumentation import tracer
from prefect_lineage_events.instrumentation.drivers.generic import odbc_address, url_store
from tests.emission.conftest import make_run

SECRET = "hunter0815zz"
_ODBC = f"DRIVER=x;SERVER=h;DATABASE=d;UID=u;PWD={{{SECRET}}}"
ADDRESSES = [
    f"mysql+pymysql://u:{SECRET}@h/shop",
    f"mysql+mysqldb://u:{SECRET}@h:3307/shop?ssl_key={SECRET}",
    f"mysql+mysqlconnector://u:{SECRET}@h/shop?passwd={SECRET}",
    f"mariadb+pymysql://{SECRET}:{SECRET}@h/shop",
    f"mssql+pymssql://u:{SECRET}@h/shop?password={SECRET}",
    f"mssql+pyodbc:///?odbc_connect={_ODBC.replace('=', '%3D').replace(';', '%3B')}",
    f"mssql+pyodbc://u:{SECRET}@h/shop?driver=x&PWD={SECRET}",
    f"oracle+oracledb://u:{SECRET}@h:1521/?service_name=shop&wallet_password={SECRET}",
    f"redshift+redshift_connector://u:{SECRET}@h:5439/shop?secret_access_key={SECRET}",
    f"trino://u:{SECRET}@h:8080/hive/shop?access_token={SECRET}",
    f"clickhouse+native://u:{SECRET}@h/shop?password={SECRET}",
    f"clickhousedb://u:{SECRET}@h:8123/shop?access_token={SECRET}",
    f"databricks://token:{SECRET}@h?http_path=/sql/1.0/warehouses/1&catalog=c&schema=s",
    f"bigquery://project/shop?credentials_base64={SECRET}",
    f"snowflake://u:{SECRET}@org-account/shop/public?token={SECRET}",
    f"postgresql://u:{SECRET}@h/shop?password={SECRET}&sslpassword={SECRET}",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_store_of_an_address_has_no_secret(address: str) -> None:
    store = url_store(address)
    assert SECRET not in repr(store)
    assert SECRET not in repr(asdict(store))
    assert SECRET not in store.table(("t",)).uri


@pytest.mark.parametrize(
    "address",
    [
        f"mysql+pymysql://u:{SECRET}@h:port/shop",
        f"mysql://u:{SECRET}@[h/shop",
        f"unknown+driver://u:{SECRET}@h/shop",
        f"u:{SECRET}@h/shop",
        f"mssql+pyodbc:///?odbc_connect=PWD%3D{SECRET}",
        SECRET,
    ],
)
def test_address_that_names_no_store_is_refused_without_its_secret(address: str) -> None:
    try:
        found = repr(url_store(address))
    except ValueError as error:
        found = f"{error}{error.__cause__ or ''}"
    assert SECRET not in found


@pytest.mark.parametrize("text", [_ODBC, f"DSN=x;PWD={SECRET}", f"pwd={SECRET}", f"SERVER=h;PWD={{a;b}}}}{SECRET}}};"])
def test_odbc_address_has_no_secret(text: str) -> None:
    assert SECRET not in repr(odbc_address(text))


def _connect(module: str, **options: Any) -> Callable[[], Any]:
    return lambda: import_module(module).connect(**options)


_SERVER = {"host": "127.0.0.1", "port": 9, "user": "u", "password": SECRET}
LOGINS: dict[str, Callable[[], Any]] = {
    "pymysql": _connect("pymysql", **_SERVER, database="shop"),
    "mysql.connector": _connect("mysql.connector", **_SERVER, database="shop", use_pure=True),
    "oracledb": _connect("oracledb", user="u", password=SECRET, dsn="127.0.0.1:9/shop"),
    "redshift_connector": _connect("redshift_connector", **_SERVER, database="shop"),
    "psycopg": _connect("psycopg", conninfo=f"postgresql://u:{SECRET}@127.0.0.1:9/shop"),
    "psycopg2": _connect("psycopg2", dsn=f"postgresql://u:{SECRET}@127.0.0.1:9/shop"),
    "pymssql": _connect("pymssql", server="127.0.0.1", port=9, user="u", password=SECRET, login_timeout=1),
    "pyodbc": lambda: import_module("pyodbc").connect(_ODBC),
    "adbc_driver_postgresql.dbapi": _connect(
        "adbc_driver_postgresql.dbapi", uri=f"postgresql://u:{SECRET}@127.0.0.1:9/shop"
    ),
    "clickhouse_connect.dbapi": _connect(
        "clickhouse_connect.dbapi", host="127.0.0.1", port=9, username="u", password=SECRET
    ),
}


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The notes of the test's code, which counts as a flow."""
    found: list[Any] = []
    run = make_run(task="load")
    monkeypatch.setattr(worker, "put", found.append)
    monkeypatch.setattr(tracer, "current_run", lambda *_: run)
    instrument("databases")
    yield found
    uninstrument()


@pytest.mark.parametrize("module", LOGINS)
def test_login_that_fails_is_neither_noted_nor_logged_with_its_secret(
    module: str, notes: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip(module, exc_type=ImportError)
    caplog.set_level(logging.DEBUG, "prefect_lineage_events")
    with pytest.raises(Exception) as ours:  # each driver has its own class
        LOGINS[module]()
    assert type(ours.value).__module__.partition(".")[0] != "prefect_lineage_events"
    logged = [record.getMessage() for record in caplog.records if record.name.startswith("prefect_lineage_events")]
    assert SECRET not in repr(notes) + "".join(logged)
