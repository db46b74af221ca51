"""A throw-away PostgreSQL cluster, if the server's programs are installed; tests that need it skip otherwise."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.services.process import free_port, start

PASSWORD = "pg-test-password"


@dataclass(frozen=True)
class Postgres:
    """A running cluster; each test takes a database of its own by `database(name)`."""

    port: int
    bin: Path

    def url(self, database: str, driver: str = "psycopg2", host: str = "127.0.0.1") -> str:
        return f"postgresql+{driver}://shop:{PASSWORD}@{host}:{self.port}/{database}"

    def plain_url(self, database: str, host: str = "127.0.0.1") -> str:
        """The URL for libpq and asyncpg."""
        return f"postgresql://shop:{PASSWORD}@{host}:{self.port}/{database}"

    def dsn(self, database: str) -> str:
        return f"host=127.0.0.1 port={self.port} user=shop password={PASSWORD} dbname={database}"

    def database(self, name: str) -> str:
        """A fresh database of that name; returns the name."""
        environment = {**os.environ, "PGPASSWORD": PASSWORD}
        for sql in (f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name}"):
            command = [
                self.bin / "psql",
                "-q",
                "-X",
                "-h",
                "127.0.0.1",
                "-p",
                str(self.port),
                "-U",
                "shop",
                "-d",
                "postgres",
            ]
            subprocess.run([*command, "-c", sql], check=True, capture_output=True, env=environment)
        return name


@pytest.fixture(scope="session")
def postgres() -> Postgres:
    """The session's cluster."""
    running = started()
    if running is None:
        pytest.skip("PostgreSQL's server is not installed (/usr/lib/postgresql/*/bin/initdb)")
    return running


def started() -> Postgres | None:
    """The process's cluster, started at the first call; None if the server's programs are not installed."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    return _cluster(programs[0].parent) if programs else None


@cache
def _cluster(programs: Path) -> Postgres:
    home = Path(tempfile.mkdtemp(prefix="lineage-postgres-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    data, password = home / "data", home / "password"
    data.mkdir(mode=0o700)
    password.write_text(PASSWORD)
    # The server refuses to run as root, so the cluster then belongs to the user that its package created.
    user = {"user": "postgres"} if os.geteuid() == 0 else {}
    if user:
        home.chmod(0o755)
        for path in (data, password):
            shutil.chown(path, "postgres")
    port = free_port()
    initdb = [programs / "initdb", "-D", data, "-U", "shop", "-A", "scram-sha-256", f"--pwfile={password}"]
    subprocess.run([*initdb, "-E", "UTF8", "--locale=C.UTF-8"], check=True, capture_output=True, cwd="/", **user)
    settings = [
        "listen_addresses=127.0.0.1",
        f"unix_socket_directories={data}",
        "fsync=off",
        "max_prepared_transactions=4",
    ]
    server = [str(programs / "postgres"), "-D", str(data), "-p", str(port)]
    isready = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
    start(
        [*server, *(part for setting in settings for part in ("-c", setting))],
        home / "server.log",
        ready=lambda: subprocess.run(isready, check=False).returncode == 0,
        cwd="/",
        **user,
    )
    return Postgres(port, programs)
