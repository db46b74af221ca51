"""The connection of a prefect-snowflake block: the block knows how to open another one for looking columns up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from prefect_lineage_events.capture.drivers.snowflake import DRIVER, DescribeLookup
from prefect_lineage_events.capture.proxies import trace

# Ways to log in that never ask a person. Okta, a browser and MFA may.
_UNATTENDED = frozenset({"snowflake", "snowflake_jwt", "oauth", "workload_identity"})
_LOOKUP_TIMEOUT = {"login_timeout": 10, "network_timeout": 10}


def traced_connection(block: Any, connection: Any, connect_kwargs: Mapping[str, Any]) -> Any:
    """The block's connection, traced. Idempotent, as the block hands out the same connection again and again."""
    return trace(connection, replace(DRIVER, lookup=lambda _: _lookup(block, connect_kwargs)))


def _lookup(block: Any, connect_kwargs: Mapping[str, Any]) -> DescribeLookup | None:
    """None where logging in again could ask a person."""
    authenticator = connect_kwargs.get("authenticator", block.credentials.authenticator)
    if str(authenticator).lower() not in _UNATTENDED or "passcode" in connect_kwargs:
        return None
    session = {"database": block.database, "warehouse": block.warehouse, "schema": block.schema_}
    return DescribeLookup(partial(block.credentials.get_client, **{**connect_kwargs, **session, **_LOOKUP_TIMEOUT}))
