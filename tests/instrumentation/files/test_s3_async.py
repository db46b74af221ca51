"""S3 by aiobotocore: the calls of its clients are noted as those of boto3 are."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiobotocore.session import get_session
from botocore.exceptions import ClientError

from tests.conftest import PrefectServer
from tests.instrumentation.files.touched import Touched, recorded, touched
from tests.services.moto import Moto, moto, moto_server

__all__ = ["moto", "moto_server", "recorded", "touched"]


async def _read_and_write(client: Any) -> None:
    async with (await client.get_object(Bucket="lake", Key="a"))["Body"] as body:
        await client.put_object(Bucket="lake", Key="b", Body=await body.read())


async def test_objects_read_and_written(moto: Moto, touched: Touched) -> None:
    moto.bucket("lake")
    async with get_session().create_client("s3") as client:
        await client.put_object(Bucket="lake", Key="a", Body=b"x")
        await _read_and_write(client)
        with pytest.raises(ClientError):
            await client.get_object(Bucket="lake", Key="missing")
        async for _ in client.get_paginator("list_objects_v2").paginate(Bucket="lake"):
            pass
    assert touched.take() == [("write", "s3://lake/a"), ("read", "s3://lake/a"), ("write", "s3://lake/b")]


async def test_cancelled_call_notes_nothing(moto: Moto, touched: Touched) -> None:
    moto.bucket("lake")
    async with get_session().create_client("s3") as client:
        call = asyncio.ensure_future(client.put_object(Bucket="lake", Key="a", Body=b"x"))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert touched.take() == []


def test_calls_belong_to_the_flow(moto: Moto, recorded: Touched, prefect_server: PrefectServer) -> None:
    moto.bucket("lake")
    moto.client().put_object(Bucket="lake", Key="a", Body=b"x")

    def program() -> None:
        async def many() -> None:
            async with get_session().create_client("s3") as client:
                await asyncio.gather(*(_read_and_write(client) for _ in range(3)))

        asyncio.run(many())

    assert sorted(recorded.flow(program)) == [("read", "s3://lake/a")] * 3 + [("write", "s3://lake/b")] * 3
