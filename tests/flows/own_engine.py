"""An engine of the program's own, made before Prefect is imported: Core, ORM, pandas and polars, also by a URL."""

from __future__ import annotations

import asyncio
import os

import pandas as pd
import polars as pl
from sqlalchemy import NullPool, create_engine, engine_from_config, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

URL = os.environ["SHOP_URL"]
ENGINE = create_engine(URL, pool_pre_ping=True)
with ENGINE.connect() as _early:
    print("early:", _early.execute(text("SELECT count(*) FROM orders")).scalar())

from prefect import flow, task  # noqa: E402


class Base(DeclarativeBase):
    pass


class Revenue(Base):
    __tablename__ = "revenue"
    country: Mapped[str] = mapped_column(primary_key=True)
    total: Mapped[int]


@flow(name="core")
def core() -> None:
    with ENGINE.begin() as connection:
        connection.execute(text("INSERT INTO audit (step, rows_seen) SELECT name, id FROM customers"))
    with ENGINE.connect() as connection:
        connection.execute(text("DELETE FROM orders"))  # which nothing commits


@flow(name="orm")
def orm() -> None:
    with Session(ENGINE) as session, session.begin():
        session.add_all(Revenue(country=country, total=0) for country in ("NO", "FI"))
    with Session(ENGINE) as session:
        print("kept:", session.query(Revenue).count())


@task
def extract() -> pd.DataFrame:
    return pd.read_sql("SELECT id, amount FROM orders WHERE status = 'paid'", URL)


@task
def load(frame: pd.DataFrame) -> None:
    engine = engine_from_config({"sqlalchemy.url": URL}, poolclass=NullPool)
    frame.to_sql("paid", engine, index=False, method="multi")


@flow(name="pandas by url")
def pandas_by_url() -> None:
    load(extract())


@flow(name="polars by url")
def polars_by_url() -> None:
    plain = URL.replace("+psycopg2", "")
    names = pl.read_database_uri("SELECT name, country FROM customers", plain)
    names.write_database("names", plain, engine="adbc")


@flow(name="asynchronous engine")
async def asynchronous_engine() -> None:
    engine = create_async_engine(os.environ["SHOP_ASYNC_URL"])
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE big AS SELECT id FROM orders WHERE amount > 10"))
    await engine.dispose()


if __name__ == "__main__":
    core()
    orm()
    pandas_by_url()
    polars_by_url()
    asyncio.run(asynchronous_engine())
