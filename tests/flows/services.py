"""The services that programs use beside their store, and the environment by which they find them."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import pytest

from prefect_lineage_events.settings import PREFIX
from tests.services.moto import Moto

Environment = dict[str, str]


def api(request: pytest.FixtureRequest) -> Environment:
    """An API, whose endpoint of an order is named."""
    address = request.getfixturevalue("api_server")
    return {"SHOP_API": address, f"{PREFIX}HTTP_ENDPOINTS": f"{address}, {address}/orders/{{id}}"}


def kafka(request: pytest.FixtureRequest) -> Environment:
    return {"SHOP_KAFKA": request.getfixturevalue("brokers")}


def lake(request: pytest.FixtureRequest) -> Environment:
    """A bucket `lake`, with the shop's customers as CSV and its orders as Parquet by days."""
    import polars as pl

    moto: Moto = request.getfixturevalue("moto_server")
    moto.reset()
    moto.bucket("lake")
    orders = pl.DataFrame(
        {"id": [10, 12], "customer_id": [1, 2], "amount": [42, 7], "status": ["paid", "paid"]},
    )
    objects = {"raw/customers.csv": b"id,name,country\n1,Ada,GB\n2,Grace,US\n3,Emmy,DE\n"}
    for day, rows in (("2026-11-28", orders[:1]), ("2026-11-29", orders[1:])):
        rows.write_parquet(data := BytesIO())
        objects[f"raw/orders/dt={day}/part-0.parquet"] = data.getvalue()
    for key, content in objects.items():
        moto.client().put_object(Bucket="lake", Key=key, Body=content)
    return moto.environment


def redis(request: pytest.FixtureRequest) -> Environment:
    return {"SHOP_REDIS": str(request.getfixturevalue("redis_server"))}


def sqs(request: pytest.FixtureRequest) -> Environment:
    moto: Moto = request.getfixturevalue("moto_server")
    moto.reset()
    return moto.environment


def pubsub(request: pytest.FixtureRequest) -> Environment:
    return {"PUBSUB_EMULATOR_HOST": request.getfixturevalue("pubsub_address"), "PUBSUB_PROJECT_ID": "shop"}


SERVICES: dict[str, Callable[[pytest.FixtureRequest], Environment]] = {
    service.__name__: service for service in (api, kafka, lake, pubsub, redis, sqs)
}
