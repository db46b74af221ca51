"""The connection of a prefect-snowflake block, whose credentials can open another one to look columns up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from prefect_lineage_events.instrumentation.connections import trace
from prefect_lineage_events.instrumentation.drivers.snowflake.connector import DRIVER
from prefect_lineage_events.instrumentation.drivers.snowflake.lookup import (
    DescribeLookup,
    is_interactive_login,
    lookup_by,
)


def traced_connection(block: Any, connection: Any, connect_kwargs: Mapping[str, Any]) -> Any:
    """Return the block's connection, traced. Idempotent, because the block returns the same connection repeatedly."""
    return trace(connection, replace(DRIVER, lookup=lambda own: _lookup(block, own, connect_kwargs)))


def _lookup(block: Any, connection: Any, connect_kwargs: Mapping[str, Any]) -> DescribeLookup | None:
    """The look-up; None where a second login could ask a person."""
    if is_interactive_login(connection):
        return None
    session = {"database": block.database, "warehouse": block.warehouse, "schema": block.schema_}
    authenticator = connect_kwargs.get("authenticator", block.credentials.authenticator)
    return lookup_by(block.credentials.get_client, {**connect_kwargs, **session, "authenticator": authenticator})
