"""All methods of a SqlAlchemyConnector, one flow each, on a block that only has another class."""

from __future__ import annotations

import os
from typing import Any

from prefect import flow
from sqlalchemy import Column, Integer, MetaData, String, Table, insert, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from prefect_lineage_events import SqlAlchemyLineage

URL = os.environ["SHOP_URL"]


def block() -> Any:
    return SqlAlchemyLineage(connection_info=URL)


class Base(DeclarativeBase):
    pass


class Customer(Base):
    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    country: Mapped[str]


class Audit(Base):
    __tablename__ = "audit"
    step: Mapped[str] = mapped_column(primary_key=True)
    rows_seen: Mapped[int]


@flow(name="block fetches")
def fetches() -> None:
    with block() as shop:
        first = shop.fetch_one("SELECT id FROM orders ORDER BY id")
        some = shop.fetch_many("SELECT name FROM customers ORDER BY id", size=2)
        rest = shop.fetch_many("SELECT name FROM customers ORDER BY id", size=2)
        shop.reset_connections()
        every = shop.fetch_all("SELECT country FROM customers WHERE id = :id", parameters={"id": 1})
        print("fetched", tuple(first), len(some), len(rest), [tuple(row) for row in every])


@flow(name="block writes many")
def writes_many() -> None:
    with block() as shop:
        rows = [{"step": f"step {n}", "seen": n} for n in range(500)]
        shop.execute_many("INSERT INTO audit (step, rows_seen) VALUES (:step, :seen)", seq_of_parameters=rows)


@flow(name="block connection")
def connection() -> None:
    with block() as shop, shop.get_connection(begin=True) as open_connection:
        open_connection.execute(text("INSERT INTO revenue (country, total) SELECT country, 0 FROM customers"))
        savepoint = open_connection.begin_nested()
        open_connection.execute(text("INSERT INTO audit (step, rows_seen) SELECT 'x', id FROM orders"))
        savepoint.rollback()
        open_connection.exec_driver_sql("DELETE FROM revenue WHERE country = 'DE'")


@flow(name="block engine")
def engine() -> None:
    with block() as shop:
        audit = Table("audit", MetaData(), Column("step", String), Column("rows_seen", Integer))
        customers = Table("customers", MetaData(), Column("id", Integer), Column("name", String))
        with shop.get_engine().begin() as open_connection:
            open_connection.execute(
                insert(audit).from_select(["step", "rows_seen"], select(customers.c.name, customers.c.id))
            )
        with shop.get_engine().connect() as open_connection:
            open_connection.execute(text("INSERT INTO revenue SELECT 'XX', amount FROM orders"))
            open_connection.rollback()


@flow(name="block orm")
def orm() -> None:
    with block() as shop, Session(shop.get_engine()) as session:
        for customer in session.scalars(select(Customer).where(Customer.country == "GB")):
            session.add(Audit(step=customer.name, rows_seen=customer.id))
        session.commit()
        session.add(Audit(step="never", rows_seen=0))
        session.flush()
        session.rollback()


@flow(name="block client")
def client() -> None:
    with block() as shop, shop.get_client(client_type="connection") as open_connection:
        open_connection.execute(text("UPDATE orders SET status = 'sent' WHERE id = 10"))
        open_connection.commit()


@flow(name="block raw cursor")
def raw_cursor() -> None:
    with block() as shop:
        raw = shop.get_engine().raw_connection()
        cursor = raw.cursor()
        cursor.execute("INSERT INTO audit (step, rows_seen) SELECT status, amount FROM orders")
        raw.commit()
        cursor.execute("DELETE FROM orders")
        raw.rollback()
        raw.close()


@flow(name="block streams")
def streams() -> None:
    with block() as shop, shop.get_engine().connect() as open_connection:
        result = open_connection.execution_options(stream_results=True).execute(text("SELECT id, amount FROM orders"))
        for partition in result.partitions(2):
            print("got", len(partition))
            break
        result.close()


if __name__ == "__main__":
    for one in (fetches, writes_many, connection, engine, orm, client, raw_cursor, streams):
        one()
