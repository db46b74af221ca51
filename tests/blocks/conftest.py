"""Blocks without a Prefect server: calls of the tracer are recorded as in the drivers' tests."""

from __future__ import annotations

from tests.instrumentation.drivers.conftest import tracers
from tests.services.postgres import postgres
from tests.services.snowflake import snowflake_server

__all__ = ["postgres", "snowflake_server", "tracers"]
