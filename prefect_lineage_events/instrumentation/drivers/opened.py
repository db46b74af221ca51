"""Databases: connections, pools and engines that the user opens."""

from __future__ import annotations

from prefect_lineage_events.instrumentation.drivers.mysql import pymysql
from prefect_lineage_events.instrumentation.library import Library

_SERVERS: tuple[Library, ...] = (pymysql.LIBRARY,)

LIBRARIES: tuple[Library, ...] = (*_SERVERS,)
