"""The fixture of moto's server: clients find it by their environment, and each test finds it empty."""

from __future__ import annotations

import boto3

from tests.services.moto import Moto, moto, moto_server  # noqa: F401  (fixtures)


def test_client_without_an_address_uses_the_server(moto: Moto) -> None:  # noqa: F811
    moto.bucket()
    boto3.client("s3").put_object(Bucket="lake", Key="k", Body=b"x")
    assert boto3.client("s3").get_object(Bucket="lake", Key="k")["Body"].read() == b"x"


def test_server_is_empty_for_each_test(moto: Moto) -> None:  # noqa: F811
    assert boto3.client("s3").list_buckets()["Buckets"] == []
