"""The Snowflake stand-in: fakesnow's server, in an environment of its own because it pins an older sqlglot.

`make test` makes that environment (`.venv-snowflake`, from `requirements-snowflake.txt` beside this file); without it
the tests that need it skip. It runs `snowflake_server.py`.
"""

from __future__ import annotations

import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.services.process import free_port, start

ACCOUNT = "myorg-shop"
PASSWORD = "snowflake-test-password"
_PYTHON = Path(__file__).parents[2] / ".venv-snowflake" / "bin" / "python"
_SERVER = Path(__file__).with_name("snowflake_server.py")


@dataclass(frozen=True)
class SnowflakeStandIn:
    """A running stand-in, like an account that is reached over a private link: another host, the same account."""

    port: int

    @property
    def link(self) -> dict[str, Any]:
        """The arguments of `get_connection(**link)` and `connect(**link)` for the stand-in."""
        return {"host": "127.0.0.1", "port": self.port, "protocol": "http"}

    def connect(self, database: str, schema: str = "PUBLIC", **more: Any) -> Any:
        """A plain connection of the connector to a database, which is created if needed."""
        import snowflake.connector

        login = {"account": ACCOUNT, "user": "etl", "password": PASSWORD, **self.link}
        with snowflake.connector.connect(**login) as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE IF NOT EXISTS {database}")
            cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {database}.{schema}")
        return snowflake.connector.connect(**login, database=database, schema=schema, **more)


@pytest.fixture(scope="session")
def snowflake_server() -> SnowflakeStandIn:
    """The session's stand-in."""
    running = started()
    if running is None:
        pytest.skip("the Snowflake stand-in is not installed (.venv-snowflake, which `make test` sets up)")
    return running


def started() -> SnowflakeStandIn | None:
    """The process's stand-in, started at the first call; None if it is not installed."""
    return _server() if _PYTHON.exists() else None


@cache
def _server() -> SnowflakeStandIn:
    port = free_port()
    log = Path(tempfile.mkdtemp(prefix="lineage-fakesnow-")) / "server.log"
    # isolated: the folder of the script has a module called `snowflake`
    command = [str(_PYTHON), "-I", str(_SERVER), "127.0.0.1", str(port)]
    start(command, log, ready=lambda: _answers(f"http://127.0.0.1:{port}/"))
    return SnowflakeStandIn(port)


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=30)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
