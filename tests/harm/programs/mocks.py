"""Mocks, monkey-patches before and after ours, subclasses that override patched methods."""

import sqlite3
import warnings
from unittest import mock

from kit import Connector, attempt, traced
from prefect import flow
from sqlalchemy import text

URL = "sqlite:///mocks.db"
warnings.simplefilter("ignore")  # Prefect's warning about a second block with the same slug
before = Connector.execute


def noisy(self, *args, **kwargs):
    print("patched execute", args[0][:12])
    return before(self, *args, **kwargs)


class Counting(Connector):
    """A user's own connector."""

    def get_engine(self, **options):
        print("get_engine of mine", sorted(options))
        return super().get_engine(**options)

    def get_connection(self, *args, **kwargs):
        print("get_connection of mine")
        return super().get_connection(*args, **kwargs)

    def fetch_all(self, operation, *args, **kwargs):
        return [("mine", *row) for row in super().fetch_all(operation, *args, **kwargs)]


@flow
def patched():
    Connector.execute = noisy
    with Connector(connection_info=URL) as database:
        database.execute("CREATE TABLE t (a INTEGER)")
        database.execute("INSERT INTO t VALUES (1)")
    Connector.execute = before
    with mock.patch.object(Connector, "fetch_all", autospec=True, return_value=["mocked"]) as fetch:
        with Connector(connection_info=URL) as database:
            print(database.fetch_all("SELECT 1"), fetch.call_args.args[1:])
    with mock.patch.object(Connector, "get_engine") as get_engine:
        get_engine.return_value.connect.return_value.execute.return_value = [(5,)]
        database = Connector(connection_info=URL)
        print(database.get_engine().connect().execute("SELECT 1"))
    with Connector(connection_info=URL) as database:
        engine = database.get_engine()
        with mock.patch.object(engine, "connect", side_effect=ConnectionError("no way")):
            attempt("patched engine", lambda: engine.connect())
        with engine.connect() as connection:
            print(connection.execute(text("SELECT a FROM t")).all())
    with Counting(connection_info=URL) as database:
        print(
            database.fetch_all("SELECT a FROM t"),
            isinstance(database, Connector),
            type(database).__mro__[1] is Connector,
        )


@flow
def raw_mocks():
    connection = traced(sqlite3.connect("raw.db"))
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE t (a)")
    with mock.patch("sqlite3.connect") as connect:
        connect.return_value.execute.return_value.fetchone.return_value = (1,)
        print(sqlite3.connect("x").execute("SELECT").fetchone())
    spec = mock.create_autospec(sqlite3.Connection, instance=True)
    print(isinstance(spec, sqlite3.Connection))
    wrapped = mock.Mock(wraps=connection)
    wrapped.execute("INSERT INTO t VALUES (1)")
    wrapped.commit()
    print(wrapped.mock_calls)


patched()
raw_mocks()
