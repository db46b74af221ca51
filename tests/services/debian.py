"""Servers and libraries from Debian's packages, unpacked beside the environment: nothing is installed on the machine.

`python -m tests.services.debian FOLDER` downloads and unpacks them. Where that is not possible (no Debian, no package
index), it says so, and tests that need the programs skip.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parents[2] / ".venv-debian"
_PACKAGES = (
    # MariaDB's server, and the libraries that it needs beyond a minimal Debian
    *("mariadb-server-core", "mariadb-client-core", "liburing2", "libaio1"),
    # ODBC drivers of SQLite and MariaDB, and MariaDB's client library with its headers, to build mysqlclient
    *("libsqliteodbc", "odbc-mariadb", "libodbc2", "libodbcinst2", "libltdl7", "libmariadb3", "libmariadb-dev"),
    *("redis-server", "redis-tools", "libjemalloc2", "liblua5.1-0", "lua-bitop", "lua-cjson", "liblzf1", "libatomic1"),
)


def library_path(folder: Path = FOLDER) -> str:
    """The value of `LD_LIBRARY_PATH` for the unpacked programs."""
    return ":".join(str(place) for place in sorted(folder.glob("**/lib/*-linux-gnu")))


def _unpack(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as packages:
        try:
            # Without root the lists cannot be updated; those of the machine may do.
            subprocess.run(["apt-get", "update", "-qq"], check=False, timeout=300, capture_output=True)
            download = ["apt-get", "download", "-qq", *_PACKAGES]
            subprocess.run(download, check=True, timeout=600, cwd=packages, capture_output=True)
        except (OSError, subprocess.SubprocessError) as error:
            sys.stderr.write(f"no packages of Debian, tests that need them skip: {error}\n")
            return
        for package in Path(packages).glob("*.deb"):
            subprocess.run(["dpkg", "-x", package, folder], check=True)
    _build_mysqlclient(folder.resolve())
    (folder / ".stamp").touch()


def _build_mysqlclient(folder: Path) -> None:
    """Build mysqlclient, which has no wheel, with the unpacked headers; its tests skip where there is no compiler."""
    flags = {
        "MYSQLCLIENT_CFLAGS": f"-I{folder}/usr/include/mariadb",
        "MYSQLCLIENT_LDFLAGS": " ".join([*(f"-L{place}" for place in library_path(folder).split(":")), "-lmariadb"]),
    }
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder / "python"]
    subprocess.run([*install, "mysqlclient>=2.2,<3"], check=False, timeout=600, env={**os.environ, **flags})


if __name__ == "__main__":
    _unpack(Path(sys.argv[1]))
