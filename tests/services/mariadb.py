"""A throw-away MariaDB server: an installed one, or Debian's packages unpacked (`tests/services/debian.py`)."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pymysql.connections import Connection

from prefect_lineage_events.instrumentation.opening import left_alone
from tests.services.debian import FOLDER, library_path
from tests.services.process import free_port, start

USER = "shop"
PASSWORD = "maria-test-password"
_SYSTEM_TABLES = ("mysql_system_tables.sql", "mysql_performance_tables.sql", "mysql_system_tables_data.sql")


@dataclass(frozen=True)
class MariaDB:
    """A running server; each test takes a database of its own by `database(name)`."""

    port: int

    def url(self, database: str, driver: str = "pymysql") -> str:
        return f"mysql+{driver}://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def arguments(self, database: str | None = None) -> dict[str, Any]:
        """The arguments of `connect` that all drivers of MySQL have."""
        named = {"database": database} if database is not None else {}
        return {"host": "127.0.0.1", "port": self.port, "user": USER, "password": PASSWORD, **named}

    def database(self, name: str) -> str:
        """A fresh database of that name; returns the name."""
        self.run(f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}")
        return name

    def run(self, *statements: str) -> None:
        """Run statements on a connection that no test sees."""
        with left_alone():
            connection = Connection(**self.arguments(), autocommit=True)
        for sql in statements:
            connection.query(sql)
        connection.close()


@pytest.fixture(scope="session")
def mariadb() -> MariaDB:
    """The session's server."""
    running = started()
    if running is None:
        pytest.skip("MariaDB's server is neither installed nor unpacked (make .venv-debian/.stamp)")
    return running


def started() -> MariaDB | None:
    """The process's server, started at the first call; None if its programs are missing."""
    for root in (Path("/"), FOLDER):
        server, share = root / "usr/sbin/mariadbd", root / "usr/share/mysql"
        if server.exists() and (share / _SYSTEM_TABLES[0]).exists():
            return _server(server, share, library_path() if root == FOLDER else "")
    return None


@cache
def _server(program: Path, share: Path, libraries: str) -> MariaDB:
    home = Path(tempfile.mkdtemp(prefix="lineage-mariadb-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    data, temporary = home / "data", home / "tmp"
    for folder in (data, temporary):
        folder.mkdir(mode=0o700)
    own = [str(program), "--no-defaults", f"--datadir={data}", f"--tmpdir={temporary}", f"--basedir={share.parents[1]}"]
    own += [f"--lc-messages-dir={share}", f"--plugin-dir={share}", "--innodb-flush-log-at-trx-commit=0"]
    own += ["--lock-wait-timeout=60"]  # seconds, so that a transaction left open is an error and no endless wait
    if os.geteuid() == 0:  # the server refuses to run as root
        home.chmod(0o755)
        for folder in (data, temporary):
            shutil.chown(folder, "nobody")
        own.append("--user=nobody")
    environment = {**os.environ, **({"LD_LIBRARY_PATH": libraries} if libraries else {})}
    accounts = f"FLUSH PRIVILEGES;\nCREATE USER {USER} IDENTIFIED BY '{PASSWORD}';\nGRANT ALL ON *.* TO {USER};\n"
    tables = "".join((share / name).read_text() for name in _SYSTEM_TABLES)
    subprocess.run(
        [*own, "--bootstrap"],
        input=f"CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n{tables}\n{accounts}".encode(),
        check=True,
        capture_output=True,
        env=environment,
        cwd="/",
    )
    port = free_port()
    listening = [f"--port={port}", "--bind-address=127.0.0.1", f"--socket={data}/socket", "--skip-name-resolve"]
    start(
        [*own, *listening],
        home / "server.log",
        ready=lambda: _greets(port),
        end=signal.SIGTERM,
        env=environment,
        cwd="/",
    )
    return MariaDB(port)


def _greets(port: int) -> bool:
    """Does a server send its handshake at this port?"""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            return bool(connection.recv(1))
    except OSError:
        return False
