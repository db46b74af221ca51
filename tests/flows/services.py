"""The services that programs use beside their store, and the environment by which they find them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from prefect_lineage_events.settings import PREFIX

Environment = dict[str, str]


def api(request: pytest.FixtureRequest) -> Environment:
    """An API, whose endpoint of an order is named."""
    address = request.getfixturevalue("api_server")
    return {"SHOP_API": address, f"{PREFIX}HTTP_ENDPOINTS": f"{address}, {address}/orders/{{id}}"}


def kafka(request: pytest.FixtureRequest) -> Environment:
    return {"SHOP_KAFKA": request.getfixturevalue("brokers")}


SERVICES: dict[str, Callable[[pytest.FixtureRequest], Environment]] = {"api": api, "kafka": kafka}
