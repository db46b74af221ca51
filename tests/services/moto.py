"""moto's server, a stand-in for AWS: S3, SQS and the rest on one loopback port.

A program uses it by the variables of `Moto.environment`, `AWS_ENDPOINT_URL` first; boto3, aiobotocore, s3fs and Polars
read them, so that no line of the program knows of it.
"""

from __future__ import annotations

import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.services.process import free_port, start, stop

ACCESS_KEY, SECRET_KEY, REGION = "AKIDEXAMPLE", "moto-secret-key", "eu-west-1"


@dataclass(frozen=True)
class Moto:
    """A running server. `environment` has the variables by which AWS clients of any process use it and no other."""

    url: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_ALLOW_HTTP": "true",  # for clients in Rust (Polars, deltalake)
            "AWS_CONFIG_FILE": "/nonexistent",
            "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        }

    def client(self, service: str = "s3", **more: Any) -> Any:
        """A boto3 client of the server, which needs no variable."""
        import boto3

        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            **more,
        )

    def bucket(self, name: str = "lake") -> str:
        """Make a bucket; its name."""
        self.client().create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        return name

    def reset(self) -> None:
        """Remove everything that the server holds."""
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/moto-api/reset", method="POST"), timeout=60):
            pass


@pytest.fixture(scope="session")
def moto_server() -> Iterator[Moto]:
    """The server, started once a session."""
    port = free_port()
    moto = Moto(f"http://127.0.0.1:{port}")
    with tempfile.TemporaryDirectory(prefix="moto-") as folder:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        process = start(command, Path(folder) / "moto.log", lambda: _answers(moto.url))
        yield moto
        stop(process)


@pytest.fixture
def moto(moto_server: Moto, monkeypatch: pytest.MonkeyPatch) -> Iterator[Moto]:
    """The empty server, for this process and its children: the variables of its environment are set."""
    for name, value in moto_server.environment.items():
        monkeypatch.setenv(name, value)
    moto_server.reset()
    if s3fs := sys.modules.get("s3fs"):
        s3fs.S3FileSystem.clear_instance_cache()  # an earlier one has another test's listings, credentials or server
    yield moto_server


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/moto-api/", timeout=10):
            return True
    except (urllib.error.URLError, OSError):
        return False
