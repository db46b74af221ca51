"""The connection of a prefect-snowflake block: the block knows how to open another one for looking columns up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from prefect_lineage_events.instrumentation.connections import trace
from prefect_lineage_events.instrumentation.drivers.snowflake.connector import DRIVER
from prefect_lineage_events.instrumentation.drivers.snowflake.lookup import DescribeLookup, asked_a_person, lookup_by


def traced_connection(block: Any, connection: Any, connect_kwargs: Mapping[str, Any]) -> Any:
    """The block's connection, traced. Idempotent, as the block hands out the same connection again and again."""
    return trace(connection, replace(DRIVER, lookup=lambda own: _lookup(block, own, connect_kwargs)))


def _lookup(block: Any, connection: Any, connect_kwargs: Mapping[str, Any]) -> DescribeLookup | None:
    """None where logging in again could ask a person."""
    if asked_a_person(connection):
        return None
    session = {"database": block.database, "warehouse": block.warehouse, "schema": block.schema_}
    authenticator = connect_kwargs.get("authenticator", block.credentials.authenticator)
    return lookup_by(block.credentials.get_client, {**connect_kwargs, **session, "authenticator": authenticator})
