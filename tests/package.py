"""Checks of what is released: the files of wheel and sdist, and the blocks that the installed wheel registers.

Run by `make package`, in the environment into which the wheel alone was installed: python tests/package.py dist/
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
import zipfile
from importlib.metadata import distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "prefect_lineage_events"
STARTS_WITHIN = 180  # seconds
# Nothing else of the repository is for those who install the package.
OF_SDIST = {"LICENSE", "NOTICE", "README.md", "CHANGELOG.md", "pyproject.toml", "PKG-INFO", ".gitignore", PACKAGE}
LARGEST = 5_000_000  # bytes


def tracked() -> set[str]:
    """The package's files in the repository."""
    listed = subprocess.run(["git", "ls-files", PACKAGE], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(listed.stdout.split())


def faults_of_wheel(file: Path) -> list[str]:
    """The differences between a wheel and the package in the repository."""
    with zipfile.ZipFile(file) as wheel:
        names = {name for name in wheel.namelist() if not name.endswith("/")}
        metadata = {name.partition(".dist-info/")[2] for name in names if ".dist-info/" in name}
    code = {name for name in names if ".dist-info/" not in name}
    found = [f"{file.name} lacks {name}" for name in sorted(tracked() - code)]
    found += [f"{file.name} has {name}, which is not in the repository" for name in sorted(code - tracked())]
    expected = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE", "licenses/NOTICE"}
    found += [f"{file.name} lacks {name} among its metadata" for name in sorted(expected - metadata)]
    if f"{PACKAGE}/py.typed" not in code:
        found.append(f"{file.name} has no py.typed, so that no one sees its types")
    return found


def faults_of_sdist(file: Path) -> list[str]:
    """The differences between an sdist and what it should have."""
    with tarfile.open(file) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()} - {""}
        links = [member.name for member in sdist.getmembers() if member.issym() or member.islnk()]
    found = [f"{file.name} lacks {name}" for name in sorted(tracked() - names)]
    found += [f"{file.name} has {name}" for name in sorted({n.split("/")[0] for n in names} - OF_SDIST)]
    found += [f"{file.name} has the link {name}" for name in links]
    return found


def faults_of_metadata() -> list[str]:
    """The faults of the installed package's metadata and its command."""
    installed = distribution("prefect-lineage-events")
    groups = {point.group for point in installed.entry_points}
    expected = {"console_scripts", "prefect.collections", "prefect.plugins", "pytest11"}
    found = [f"no entry point of {group}" for group in sorted(expected - groups)]
    for point in installed.entry_points:
        if point.group == "pytest11":
            continue  # pytest is not installed beside the wheel
        try:
            point.load()
        except Exception as error:
            found.append(f"the entry point {point.name} cannot be loaded: {error!r}")
    return found


def faults_of_catalogue() -> list[str]:
    """The blocks that a real server does not show after `prefect block register`, or shows without their texts."""
    from prefect_lineage_events.blocks import BLOCK_TYPES

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    api = f"http://127.0.0.1:{port}/api"
    with tempfile.TemporaryDirectory() as home:
        variables = {**os.environ, "PREFECT_HOME": home, "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
        prefect = [sys.executable, "-m", "prefect"]
        with Path(home, "server.log").open("w") as log:
            server = subprocess.Popen(
                [*prefect, "server", "start", "--host", "127.0.0.1", "--port", str(port)],
                env=variables,
                stdout=log,
                stderr=log,
            )
        try:
            _wait_for(f"{api}/health", server)
            module = f"{PACKAGE}.blocks.registration"
            subprocess.run(
                [*prefect, "block", "register", "-m", module], env={**variables, "PREFECT_API_URL": api}, check=True
            )
            request = urllib.request.Request(
                f"{api}/block_types/filter", data=b'{"limit": 200}', headers={"Content-Type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=60) as answer:
                shown = {block["slug"]: block for block in json.load(answer)}
        finally:
            server.terminate()
            server.wait(60)
    found = [f"the catalogue lacks the block {block.name}" for block in BLOCK_TYPES if block.slug not in shown]
    for block in BLOCK_TYPES:
        for field in ("description", "logo_url", "documentation_url", "code_example"):
            if block.slug in shown and not shown[block.slug].get(field):
                found.append(f"the block {block.name} is shown without its {field}")
    return found


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=30):
                return
        except OSError:
            time.sleep(0.3)
    raise SystemExit(f"the Prefect server did not start, or ended with code {server.poll()}")


def main(folder: Path) -> None:
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    found = [*faults_of_wheel(wheel), *faults_of_sdist(sdist), *faults_of_metadata(), *faults_of_catalogue()]
    found += [
        f"{file.name} has {file.stat().st_size} bytes" for file in (wheel, sdist) if file.stat().st_size > LARGEST
    ]
    if found:
        raise SystemExit("\n".join(found))
    print(f"{wheel.name} and {sdist.name} have what they should, and the catalogue shows the installed blocks")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
