"""A flow that runs every planted statement as users do: with binds, in batches, and against a server that refuses some.

A driver that accepts any statement stands in for the stores: the validity of the statements does not matter here.
`python program.py quiet` handles every error; `python program.py loud` fails with one.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Sequence
from typing import Any

from prefect import flow, task

from prefect_lineage_events import instrument_connection, record_misc, record_read, record_write
from tests.secrets.statements import COUNT, Planted, planted, secret_of
from tests.secrets.texts import documentation

BIND, CREDENTIAL, RECORDED, LOUD, WRITTEN = (secret_of(9000 + n) for n in range(5))
EVERY = 3  # every third statement is refused, with its text in the message, as databases do


class Refused(Exception):
    """A database's error, which quotes the statement and its binds."""


class Cursor:
    description: Any = None
    rowcount = 1
    arraysize = 1
    _executed = 0

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> Cursor:
        Cursor._executed += 1
        if Cursor._executed % EVERY == 0:
            raise Refused(f"cannot run {sql!r} with {parameters!r}")
        return self

    def executemany(self, sql: str, parameters: Sequence[Sequence[object]]) -> None:
        self.rowcount = len(parameters)

    def fetchall(self) -> list[Any]:
        return []

    def close(self) -> None: ...


class Connection:
    def cursor(self) -> Cursor:
        return Cursor()

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def close(self) -> None: ...


def connect(url: str) -> Any:
    return instrument_connection(Connection(), url=url.replace("etl@", f"etl:{CREDENTIAL}@"))  # type: ignore[arg-type]


@task
def run_all(url: str, statements: list[Planted]) -> None:
    connection = connect(url)
    cursor = connection.cursor()
    for one in statements:
        try:
            cursor.execute(one.sql, (BIND,))
        except Refused:
            connection.rollback()
        cursor.executemany(one.sql, [(BIND,), (BIND,)])
        connection.commit()
    connection.close()


@task(description=documentation(WRITTEN))
def real_binds() -> None:
    connection = instrument_connection(sqlite3.connect(":memory:"))
    connection.execute("CREATE TABLE users (id INTEGER, token TEXT)")
    connection.executemany("INSERT INTO users VALUES (?, ?)", [(1, BIND), (2, BIND)])
    connection.execute("SELECT * FROM users WHERE token = :token", {"token": BIND}).fetchall()
    connection.commit()
    connection.close()


@flow(name="secrets kept", description=documentation(WRITTEN))
def quiet() -> None:
    by_store: dict[str, list[Planted]] = {}
    for one in planted():
        by_store.setdefault(one.url, []).append(one)
    for url, statements in by_store.items():
        run_all.fn(url, statements)
    real_binds()
    record_misc("s3://bucket/users.csv", description=f"announced with token={WRITTEN}")
    record_read(f"https://etl:{RECORDED}@api.example/users?token={RECORDED}#{RECORDED}")
    record_write(
        f"s3://key:{RECORDED}@bucket/users.csv", inputs=[f"postgres://etl:{RECORDED}@db.example:5432/shop.users"]
    )


@flow(name="secrets in an error")
def loud() -> None:
    connection = connect("postgresql://etl@db.example:5432/shop")
    connection.cursor().execute("INSERT INTO users SELECT * FROM customers")
    connection.commit()
    sql = f"INSERT INTO users (token) VALUES ('{LOUD}')"
    raise Refused(f"duplicate key: {sql!r} [parameters: ('{LOUD}', 5)] (postgres://etl:{LOUD}@db/shop?password={LOUD})")


if __name__ == "__main__":
    assert COUNT >= 200, COUNT
    {"quiet": quiet, "loud": loud}[sys.argv[1]]()
